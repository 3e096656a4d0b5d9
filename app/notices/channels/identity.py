"""One form for every way of writing a robot's address, so that one group is not given two channels."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

import httpx


def identity_of(url: str, *, member: str | None = None, last_piece: bool = False) -> str:
    """Return what tells the receiver behind an address from others.

    Where the vendor knows the group by a `member` of the query, or by the last piece of the path, it is that alone.
    Else host, port, path and query, without what changes nothing: case of the host, default ports, order, empty members.
    Raises httpx.InvalidURL.
    """
    parsed = httpx.URL(url)
    query = sorted(set(parse_qsl(parsed.query.decode())))
    known = [value for name, value in query if name == member]
    if known:
        return f"{member}={'|'.join(known)}"
    pieces = [piece for piece in unquote(parsed.path).split("/") if piece]
    if last_piece and pieces:
        return f"/{pieces[-1]}"
    host = parsed.raw_host.decode().lower().rstrip(".")
    port = parsed.port if parsed.port not in {80, 443} else None  # the scheme makes no other receiver of it
    return repr((host, port, pieces, query))
