"""Finds an answer that a question shows to who is to answer it: a letter, a tick or 对, 错 where its blank should be."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLANK = "（　）"
_LONGEST = 500  # signs; a longer stem is refused for its length
_OPEN, _CLOSE = r"[（(〔［【\[]", r"[）)〕］】\]]"
_GAP = r"\s*+"  # possessive, as every repetition here: a long run of blanks is gone through once
_TICK, _CROSS = "[√✓✔☑]", "[×✗✘✕╳☒]"
_SURE = rf"(?i:{_TICK}|{_CROSS}|正确|错误|对|错|true|false)"
_MAYBE = "(?i:[TFXVＴＦＸＶ]|是|否)"
_LETTERS = "|".join(
    rf"[{one}](?:[\s、,，;；/.]*+[{one}])*+" for one in ("A-HＡ-Ｈ", "a-hａ-ｈ")
)  # of one size: 镉（Cd） is an element
_MARK = rf"(?P<{{0}}>{_SURE}|{_LETTERS}|{_MAYBE})"
_SHOWN = re.compile(
    rf"(?<!并){_OPEN}{_GAP}{_MARK.format('within')}{_GAP}{_CLOSE}|(?<!_)_++{_GAP}{_MARK.format('above')}{_GAP}_++"
)
"""苯并[a]芘 is a substance."""
_BARE = re.compile(rf"\A\s*+({_TICK}|{_CROSS})|({_TICK}|{_CROSS})\s*+\Z")
_TOLD = re.compile(rf"答案{_GAP}{_CLOSE}?{_GAP}[:：]{_GAP}(?:{_SURE}|[A-Ha-hＡ-Ｈａ-ｈ])")
_EMPTY = re.compile(rf"{_OPEN}{_GAP}{_CLOSE}|__")
_EDGE = re.compile(r"[\s。.，,；;！!？?]*+")
_PICKED = re.compile(rf"(?:[（(]{_GAP}(?:{_TICK}|正确答案|正确|对){_GAP}[）)]|{_TICK})\s*+\Z")
_RIGHT = frozenset({"√", "✓", "✔", "☑", "正确", "对", "TRUE", "T", "V", "是"})


class Mark(NamedTuple):
    """An answer in a stem: where its brackets begin and end, and what it says: letters, √ or ×."""

    start: int
    end: int
    says: str


def marks(stem: str, *, statement: bool) -> list[Mark]:
    """Return the answers that stand in a stem's brackets or above its lines.

    In a statement (判断题) a letter counts at the begin or the end only, where its blank stands: 某厂（A） is a name.
    """
    found = []
    for one in _SHOWN.finditer(stem) if len(stem) <= _LONGEST else ():
        text = unicodedata.normalize("NFKC", one["within"] or one["above"]).upper()
        letters = "".join(sign for sign in text if "A" <= sign <= "H")
        begins = _EDGE.fullmatch(stem[: one.start()]) is not None
        at_edge = begins or _EDGE.fullmatch(stem[one.end() :]) is not None
        if re.fullmatch(_SURE, text) or (statement and at_edge and re.fullmatch(_MAYBE, text)):
            found.append(Mark(one.start(), one.end(), "√" if text in _RIGHT else "×"))
        elif letters and len(set(letters)) == len(letters) and (not statement or (at_edge and letters in {"A", "B"})):
            found.append(Mark(one.start(), one.end(), letters))
    return found


def has_blank(stem: str, found: Iterable[Mark]) -> bool:
    """Whether a stem has an empty bracket or line beside the marks that were found in it."""
    for mark in found:
        stem = stem[: mark.start] + "*" * (mark.end - mark.start) + stem[mark.end :]
    return _EMPTY.search(stem) is not None


def emptied(stem: str, found: Iterable[Mark]) -> str:
    """Return the stem with an empty bracket in place of each mark."""
    for mark in sorted(found, reverse=True):
        stem = stem[: mark.start] + BLANK + stem[mark.end :]
    return stem


def shown_answer(stem: str, key: Sequence[str], *, statement: bool) -> str | None:
    """Return the words of a stem that show an answer, None where none do.

    Beside an empty bracket a letter may be a name (甲（A）); it is refused where it equals the key.
    """
    found = marks(stem, statement=statement)
    for mark in found:
        if statement or not has_blank(stem, found) or sorted(mark.says) == sorted(key):
            return stem[mark.start : mark.end]
    told = _TOLD.search(stem) or _BARE.search(stem)
    return told.group().strip() if told else None


def shows_itself_right(option: str) -> bool:
    """Whether an option's text ends in a tick or says that it is the right one."""
    return _PICKED.search(option) is not None
