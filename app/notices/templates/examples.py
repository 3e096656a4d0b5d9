"""Three invented days on which a template is tried before it is saved: nobody took part, ties, everybody is done."""

from __future__ import annotations

import datetime as dt
import uuid
from fractions import Fraction
from typing import TYPE_CHECKING

from app.core.clock import at
from app.notices.rules import Slot, slot_on
from app.notices.stats import BranchStats, BureauStats, Occasion, RankedUnit, standings_of
from app.notices.words import CITY, PROVINCE
from app.participation.rules import Figures, Weights, total

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY = dt.timedelta(days=1)
_TODAY = dt.date(2026, 11, 23)
_WEIGHTS = Weights(Fraction(1, 5), Fraction(1, 2), Fraction(3, 10))
_NAMES = ("甲分局", "乙分局", "丙分局", "丁分局")
_HEADQUARTERS = "市本级"

NOBODY, TIES, EVERYBODY = "无人参赛", "名次并列", "全员完成"
"""The example days by name."""


def _figures(expected: int, done: int, begun: int = 0, exempt: int = 0) -> Figures:
    answered = 10 * done + 5 * begun
    return Figures(expected + exempt, exempt, done + begun, done, done, begun, answered, answered * 9 // 10)


_DAYS: Mapping[str, Mapping[str, Figures]] = {
    NOBODY: {name: _figures(20, 0) for name in (*_NAMES[:3], _HEADQUARTERS)} | {_NAMES[3]: _figures(0, 0, exempt=6)},
    TIES: {
        _NAMES[0]: _figures(20, 18, 1, exempt=1),
        _NAMES[1]: _figures(20, 18, 1, exempt=1),
        _NAMES[2]: _figures(30, 12, 9),
        _NAMES[3]: _figures(25, 25),
        _HEADQUARTERS: _figures(15, 9, 3),
    },
    EVERYBODY: {name: _figures(20, 20) for name in (*_NAMES, _HEADQUARTERS)},
}


def examples(slot: str, audience: str) -> dict[str, BureauStats | BranchStats]:
    """Return the figures of the example days for a slot and kind of audience, by the day's name."""
    return {name: _stats(slot_on(_TODAY, slot), audience, name) for name in _DAYS}


def _stats(slot: Slot, audience: str, name: str) -> BureauStats | BranchStats:
    occasion, field = _occasion(slot, first=name == NOBODY), _DAYS[name]
    ids = {unit: uuid.uuid5(uuid.NAMESPACE_OID, unit) for unit in _NAMES}
    ranked = [RankedUnit(ids[unit], unit, None) for unit in _NAMES]
    standings = standings_of(ranked, {ids[unit]: field[unit] for unit in _NAMES}, _WEIGHTS)
    compared = name != NOBODY
    if audience != "branch":
        words = PROVINCE if audience == "province" else CITY
        yesterday = 60 if compared and not slot.final and slot.name < "22:00" else None
        return BureauStats(occasion, total(field.values()), field[_HEADQUARTERS], standings, yesterday, words=words)
    own = standings[0]
    earlier = ("前一日" if slot.final else "18:00") if compared and slot.name in {"08:00", "22:00"} else None
    return BranchStats(occasion, own, standings[1:], 3 if earlier else None, earlier)


def _occasion(slot: Slot, *, first: bool) -> Occasion:
    closes_at = at(slot.day + _DAY, dt.time())
    return Occasion(
        contest="网络知识竞赛",
        issuer="市生态环境局执法监督科",
        office_phone=None,
        number=1 if first else 8,
        slot=slot,
        cutoff_at=closes_at if slot.final else slot.at,
        issued_at=slot.at,
        late=False,
        closes_at=closes_at,
        next_opens_at=closes_at + dt.timedelta(hours=6),
        next_closes_at=closes_at + _DAY,
        final_follows=True,
        with_matches=True,
        weights=_WEIGHTS,
    )
