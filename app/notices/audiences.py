"""Who is told what besides the groups: private audiences, what an officer still lacks, the nearest channel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from app.contests.rules import closes_at, opens_at
from app.notices.rules import SETTLE, Slot, slot_on

if TYPE_CHECKING:
    import datetime as dt

    from app.contests.rules import PlayRules

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Audience(StrEnum):
    """Kinds of audience (受众): three of groups, six of single people."""

    PROVINCE = "province"
    BUREAU = "bureau"
    BRANCH = "branch"
    LIAISON = "liaison"
    LEADER = "leader"
    FORECAST = "forecast"
    NUDGE = "nudge"
    ORGANISERS = "organisers"
    ADMINISTRATORS = "administrators"


GROUPS = (Audience.PROVINCE, Audience.BUREAU, Audience.BRANCH)
PRIVATE = (
    Audience.LIAISON,
    Audience.LEADER,
    Audience.FORECAST,
    Audience.NUDGE,
    Audience.ORGANISERS,
    Audience.ADMINISTRATORS,
)
"""Told to single people through an `officers` channel; may hold names."""

CALLED: dict[str, str] = {
    Audience.LIAISON: "联络员私信",
    Audience.LEADER: "负责人私信",
    Audience.FORECAST: "联络员预告",
    Audience.NUDGE: "本人提示",
    Audience.ORGANISERS: "组织人员预览",
    Audience.ADMINISTRATORS: "题库提醒",
}
"""What is told to single people is called so; what groups are told is a 通报."""

FORECASTS = {"11:40": "12:00", "17:40": "18:00"}
"""The slots of the liaison officers' forecast (预告), each with the slot of which it speaks."""

NUDGES = ("12:30", "20:00")
"""The slots of the nudges (给本人的提示): there being two, nobody can get more than two a day."""

MOST_NAMES = 40
"""Names in one private notice; the rest are a number."""

MOST_NAMES_IN_GROUPS = 10
"""Names in a branch's group, where the contest's rules allow any; the rest are a number and the link."""


class Missing(NamedTuple):
    """What an officer lacks for the day: not begun at all, the quiz, so many matches."""

    started: bool
    quiz: bool
    matches: int


class Left(NamedTuple):
    """Officers of a unit who lack the same; `names` are the first of them, in the order of 工号."""

    missing: Missing
    officers: int
    names: tuple[str, ...]


def merged_left(parts: Sequence[Left]) -> tuple[Left, ...]:
    """Return the groups of several units as those of one: those in progress first, the least missing first."""
    held: dict[Missing, Left] = {}
    for missing, count, names in parts:
        before = held.get(missing, Left(missing, 0, ()))
        held[missing] = Left(missing, before.officers + count, (*before.names, *names)[:MOST_NAMES])
    return tuple(sorted(held.values(), key=lambda left: (not left.missing.started, left.missing[1:])))


def minutes_needed(missing: Missing, rules: PlayRules) -> int:
    """Return about how many minutes what is missing takes: 30 s a quiz question, 25 s a match question, at least one."""
    quiz = 30 * rules.daily_quiz.questions if missing.quiz else 0
    matches = 25 * rules.matches.questions * missing.matches
    return max(1, round((quiz + matches) / 60))


def nearest(path: Sequence[Key], held: Mapping[Key, Value]) -> Value | None:
    """Return what the unit itself holds, else the next above it (`path`: root first); None where none does."""
    return next((held[unit] for unit in reversed(path) if unit in held), None)


def asked_slot(slot: Slot, rules: PlayRules) -> bool:
    """Whether the rules of its day ask for a forecast or nudge slot, and the day is open at it.

    A forecast is asked for only where the slot to come finds the day open, too.
    """
    if not opens_at(rules, slot.day) < slot.at < closes_at(rules, slot.day):
        return False
    if slot.name in NUDGES:
        return rules.notices.nudges
    comes = FORECASTS[slot.name]
    return comes in rules.notices.active_slots and slot_on(slot.day, comes).at < closes_at(rules, slot.day)


def due_private(day: dt.date, rules: PlayRules, *, now: dt.datetime) -> Slot | None:
    """Return the forecast or nudge slot of calendar `day` that is due at `now`: at most one is.

    Within its window only: it is never made up for (补发).
    """
    slots = (slot_on(day, name) for name in (*FORECASTS, *NUDGES))
    within = (slot for slot in slots if slot.at <= now - SETTLE and now < slot.deadline)
    return next((slot for slot in within if asked_slot(slot, rules)), None)


class Concern(NamedTuple):
    """What a leader is told at 8:00: a completion rate that is too low, places lost; 0 or None where nothing is wrong."""

    low_rate: Fraction | None
    fallen: int


_LOW = Fraction(3, 5)
_FALLEN = 3


def concern(completion_rate: Fraction | None, rank: int | None, earlier_rank: int | None) -> Concern | None:
    """Return what is wrong with a branch's finished day: completion below 60 %, rank fallen by 3 or more; else None."""
    low = completion_rate if completion_rate is not None and completion_rate < _LOW else None
    fallen = rank - earlier_rank if rank is not None and earlier_rank is not None else 0
    if low is None and fallen < _FALLEN:
        return None
    return Concern(low, fallen if fallen >= _FALLEN else 0)
