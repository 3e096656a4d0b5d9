"""Invented days and people on which a template is tried before it is saved: nobody took part, ties, everybody is done."""

from __future__ import annotations

import datetime as dt
import uuid
from fractions import Fraction
from typing import TYPE_CHECKING

from app.contests.rules import PlayRules
from app.core.clock import at
from app.notices.audiences import Left, Missing
from app.notices.rules import Slot, slot_on
from app.notices.stats import BranchStats, BureauStats, Occasion, RankedUnit, standings_of
from app.notices.text_private import ForecastStats, LiaisonStats, NudgeStats, leader_stats
from app.notices.words import CITY, PROVINCE
from app.participation.rules import Figures, Weights, total

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.notices.stats import Standing
    from app.notices.text import Stats

_DAY = dt.timedelta(days=1)
_TODAY = dt.date(2026, 11, 23)
_WEIGHTS = Weights(Fraction(1, 5), Fraction(1, 2), Fraction(3, 10))
_NAMES = ("甲分局", "乙分局", "丙分局", "丁分局")
_HEADQUARTERS = "市本级"

NOBODY, TIES, EVERYBODY, FALLEN = "无人参赛", "名次并列", "全员完成", "名次下降"
"""The example days by name; only a leader's morning is tried on the last: it comes where something is wrong."""

_LACKING: Mapping[str, Missing] = {
    "尚未开始": Missing(started=False, quiz=True, matches=1),
    "差一场对战": Missing(started=True, quiz=False, matches=1),
    "差每日一测和对战": Missing(started=True, quiz=True, matches=2),
}
"""Those who are nudged, by what they lack."""


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
    FALLEN: {name: _figures(20, 20) for name in (*_NAMES[1:], _HEADQUARTERS)} | {_NAMES[0]: _figures(20, 16, 3)},
}


def examples(slot: str, audience: str) -> dict[str, Stats]:
    """Return the figures of the examples for a slot and kind of audience, by name; a day that tells it nothing is out."""
    when = slot_on(_TODAY, slot)
    if audience == "nudge":
        occasion = _occasion(when, first=False)
        return {name: NudgeStats(occasion, missing, PlayRules()) for name, missing in _LACKING.items()}
    if audience in {"province", "bureau"}:
        return {name: _bureau(when, audience, name) for name in (NOBODY, TIES, EVERYBODY)}
    days = _DAYS if audience == "leader" and when.final else (NOBODY, TIES, EVERYBODY)
    told = {name: _told(audience, _branch(when, name)) for name in days}
    return {name: stats for name, stats in told.items() if stats}


def _told(audience: str, about: BranchStats) -> Stats | None:
    if audience == "branch":
        return about
    if audience == "leader":
        return leader_stats(about)
    if audience == "forecast":
        return None if about.complete else ForecastStats(about)
    reminded = about.own.figures.participated and 2
    return LiaisonStats(about, _left(about.own.figures), reminded, reminded // 2, "https://lianbing.example.cn")


def _left(figures: Figures) -> tuple[Left, ...]:
    names = [f"甲{number:03}" for number in range(1, figures.unfinished + 1)]
    begun = figures.in_progress
    parts = [
        Left(_LACKING["差一场对战"], begun, tuple(names[:begun])),
        Left(_LACKING["尚未开始"], figures.not_started, tuple(names[begun:])),
    ]
    return tuple(part for part in parts if part.officers)


def _standings(name: str) -> tuple[Standing, ...]:
    ids = {unit: uuid.uuid5(uuid.NAMESPACE_OID, unit) for unit in _NAMES}
    ranked = [RankedUnit(ids[unit], unit, None) for unit in _NAMES]
    return standings_of(ranked, {ids[unit]: _DAYS[name][unit] for unit in _NAMES}, _WEIGHTS)


def _bureau(slot: Slot, audience: str, name: str) -> BureauStats:
    words = PROVINCE if audience == "province" else CITY
    yesterday = 60 if name != NOBODY and not slot.final and slot.name < "22:00" else None
    occasion, field = _occasion(slot, first=name == NOBODY), _DAYS[name]
    standings = _standings(name)
    return BureauStats(occasion, total(field.values()), field[_HEADQUARTERS], standings, yesterday, words=words)


def _branch(slot: Slot, name: str) -> BranchStats:
    own, *others = _standings(name)
    earlier = ("前一日" if slot.final else "18:00") if name != NOBODY and slot.name in {"08:00", "22:00"} else None
    before = 1 if name == FALLEN else 3
    occasion = _occasion(slot, first=name == NOBODY)
    return BranchStats(occasion, own, tuple(others), before if earlier else None, earlier)


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
