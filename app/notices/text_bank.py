"""What administrators are told of the bank: which legal bases end soon, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.notices.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.bank.life.rules import Notice


def write_ends(ends: Sequence[Notice], link: str = "") -> Text:
    """Return one message about the ends of one or more bases, a line each; the first gives the title."""
    more = f"等{len(ends)}部" if len(ends) > 1 else ""
    lines = [one.text for one in ends]
    return Text(f"{ends[0].title}{more}", "\n".join([*lines, link] if link else lines))
