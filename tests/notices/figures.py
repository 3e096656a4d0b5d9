"""Fixed figures of a bureau of eight branches, from which the golden texts are written."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from fractions import Fraction
from typing import Any

from app.notices.rules import slot_on
from app.notices.stats import BranchStats, BureauStats, Occasion, Provincial, RankedUnit, standings_of
from app.participation.rules import Figures, Weights, total
from tests.times import TODAY, instant

FIRST_DAY = TODAY - dt.timedelta(days=7)
YESTERDAY = TODAY - dt.timedelta(days=1)
TOMORROW = TODAY + dt.timedelta(days=1)
WEIGHTS = Weights(Fraction(1, 5), Fraction(1, 2), Fraction(3, 10))


def people(expected: int, took_part: int, done: int, right: int, *, exempt: int = 0) -> Figures:
    """Those not done who took part answered five of ten; `right` questions were answered correctly."""
    answered = 10 * done + 5 * (took_part - done)
    return Figures(expected + exempt, exempt, took_part, done, done, took_part - done, answered, right)


Field = dict[str, Figures]

FINAL: Field = {
    "梅江": people(39, 38, 38, 342, exempt=1),
    "兴宁": people(51, 49, 46, 395, exempt=2),
    "梅县": people(45, 44, 43, 378),
    "平远": people(30, 30, 30, 270),
    "蕉岭": people(28, 28, 28, 252),
    "大埔": people(35, 34, 34, 300, exempt=1),
    "丰顺": people(36, 33, 30, 271, exempt=2),
    "五华": people(40, 36, 31, 255, exempt=3),
}
NOON: Field = {
    "梅江": people(39, 26, 19, 200),
    "兴宁": people(51, 29, 19, 210),
    "梅县": people(45, 29, 20, 214),
    "平远": people(30, 24, 19, 190),
    "蕉岭": people(28, 21, 17, 166),
    "大埔": people(35, 21, 15, 157),
    "丰顺": people(36, 17, 10, 117),
    "五华": people(40, 16, 9, 100),
}
EVENING: Field = {
    "梅江": people(39, 36, 32, 306),
    "兴宁": people(51, 44, 35, 330),
    "梅县": people(45, 40, 34, 322),
    "平远": people(30, 29, 28, 257),
    "蕉岭": people(28, 28, 27, 247),
    "大埔": people(35, 31, 27, 252),
    "丰顺": people(36, 29, 22, 220),
    "五华": people(40, 31, 22, 214),
}
NIGHT: Field = {
    "梅江": people(39, 39, 37, 333),
    "兴宁": people(51, 49, 46, 395),
    "梅县": people(45, 44, 43, 370),
    "平远": people(30, 30, 30, 265),
    "蕉岭": people(28, 28, 28, 252),
    "大埔": people(35, 34, 33, 290),
    "丰顺": people(36, 35, 33, 298),
    "五华": people(40, 38, 33, 280),
}
HEADQUARTERS = {
    "08:00": people(41, 41, 40, 355),
    "12:00": people(41, 34, 21, 240),
    "18:00": people(41, 38, 34, 318),
    "22:00": people(41, 41, 39, 352),
}
FIELDS = {"08:00": FINAL, "12:00": NOON, "18:00": EVENING, "22:00": NIGHT}


def everybody(field: Field) -> Field:
    """The same units with everybody done, nine of ten right."""
    return {
        name: people(f.expected, f.expected, f.expected, 9 * f.expected, exempt=f.exempt) for name, f in field.items()
    }


def nobody(field: Field) -> Field:
    """The same units with nobody having begun."""
    return {name: people(f.expected, 0, 0, 0, exempt=f.exempt) for name, f in field.items()}


def occasion(name: str, **changes: Any) -> Occasion:
    """The slot of that name on the tests' day: day 8 of the contest, or (08:00) its report on day 7."""
    slot = slot_on(TODAY, name)
    final = slot.final
    usual = Occasion(
        contest="网络知识竞赛",
        issuer="市生态环境局执法监督科",
        office_phone=None,
        number=(slot.day - FIRST_DAY).days + 1,
        slot=slot,
        cutoff_at=instant("00:00") if final else slot.at,
        issued_at=slot.at,
        late=False,
        closes_at=instant("00:00") if final else instant("00:00", TOMORROW),
        next_opens_at=instant("06:00", TODAY if final else TOMORROW),
        next_closes_at=instant("00:00", TOMORROW if final else TOMORROW + dt.timedelta(days=1)),
        final_follows=True,
        with_matches=False,
        weights=WEIGHTS,
    )
    return replace(usual, **changes)


def bureau(
    name: str,
    field: Field | None = None,
    *,
    headquarters: Figures | None = None,
    done_yesterday: int | None = None,
    group: dict[str, str] | None = None,
    suffix: str = "分局",
    provincial: Provincial | None = None,
    **changes: Any,
) -> BureauStats:
    """A bureau's figures at a slot."""
    when = occasion(name, **changes)
    held = FIELDS[name] if field is None else field
    own = HEADQUARTERS[name] if headquarters is None else headquarters
    units = {unit: uuid.uuid5(uuid.NAMESPACE_DNS, unit) for unit in held}
    ranked = [RankedUnit(units[unit], unit + suffix, (group or {}).get(unit)) for unit in held]
    standings = standings_of(ranked, {units[unit]: figures for unit, figures in held.items()}, when.weights)
    return BureauStats(when, total([*held.values(), own]), own, standings, done_yesterday, provincial=provincial)


def branch(
    unit: str,
    name: str,
    field: Field | None = None,
    *,
    before: int | None = None,
    earlier: str | None = None,
    unfinished: tuple[str, ...] = (),
    link: str = "",
    **changes: Any,
) -> BranchStats:
    """A branch's figures at a slot among all of them."""
    whole = bureau(name, field, **changes)
    own = next(standing for standing in whole.standings if standing.short == unit)
    others = tuple(s for s in whole.standings if s is not own and s.group == own.group)
    return BranchStats(whole.occasion, own, others, before, earlier, unfinished, link)
