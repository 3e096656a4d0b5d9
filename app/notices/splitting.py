"""How a long text is split under a vendor's limit of bytes: values in, values out."""

from __future__ import annotations

from typing import NamedTuple

_BREAKS = "。；，、：）"
_WIDEST = 4  # bytes of the longest UTF-8 character


def split(text: str, limit: int) -> list[str]:
    """Split a text into parts of at most `limit` UTF-8 bytes, at line ends where possible.

    A line that is too long by itself is cut after a punctuation mark, at worst between two characters.
    """
    if limit < _WIDEST:
        raise ValueError(f"a part of {limit} bytes cannot hold every character")
    parts: list[str] = []
    for line in text.split("\n"):
        for piece in _pieces(line, limit):
            joined = f"{parts[-1]}\n{piece.text}" if parts and piece.starts_line else None
            if joined is not None and len(joined.encode()) <= limit:
                parts[-1] = joined
            else:
                parts.append(piece.text)
    return [part for part in (part.strip("\n") for part in parts) if part]


class _Piece(NamedTuple):
    text: str
    starts_line: bool


def _pieces(line: str, limit: int) -> list[_Piece]:
    pieces: list[_Piece] = []
    rest = line
    while len(rest.encode()) > limit:
        head = rest.encode()[:limit].decode(errors="ignore")
        end = max(head.rfind(mark) for mark in _BREAKS) + 1 or len(head)
        pieces.append(_Piece(rest[:end], not pieces))
        rest = rest[end:]
    return [*pieces, _Piece(rest, not pieces)]
