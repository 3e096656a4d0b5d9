"""Whether a confirmation still stands for the text that a release of the register brings (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from app.bank.checking import Register

_TEXT = ("full_name", "issuer", "in_force_from", "in_force_to")
_ARTICLE = ("instrument", "article", "valid_from", "valid_to")


def same_text(name: str, held: Register, shipped: Register, *, confirmed_on: dt.date) -> bool:
    """Whether the shipped register still means the text of this instrument that was compared on `confirmed_on`.

    Its names, its issuer and its days tell one text from another. Where an instrument is amended in place its days
    stay, and the days of its articles' facts tell: none may have changed or gone, and no new one begin after the
    comparison. How far the editors looked (`checked_to`, `note`, a fact's confidence) says nothing of the text.
    """
    if not all(getattr(held.instruments[name], one) == getattr(shipped.instruments[name], one) for one in _TEXT):
        return False
    known = held.facts or {}
    if any(fact.instrument == name and fact.id not in (shipped.facts or known) for fact in known.values()):
        return False
    for fact in (shipped.facts or {}).values():
        if fact.instrument != name:
            continue
        before = known.get(fact.id)
        if before is None:
            if fact.valid_from > confirmed_on:
                return False
        elif any(getattr(before, one) != getattr(fact, one) for one in _ARTICLE):
            return False
    return True
