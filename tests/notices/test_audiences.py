"""The pure rules of private audiences: slots of their own, what is missing, nearest channel, a leader's concern."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contests.rules import PlayRules, merged
from app.notices.audiences import (
    MOST_NAMES,
    NUDGES,
    Concern,
    Left,
    Missing,
    concern,
    due_private,
    merged_left,
    minutes_needed,
    nearest,
)
from app.notices.rules import Slot, slot_on
from tests.times import TODAY, instant

RULES = PlayRules()


def due(time: str, **notices: object) -> str | None:
    slot = due_private(TODAY, merged(RULES, {"notices": notices}), now=instant(time))
    return slot.name if slot else None


@pytest.mark.parametrize(
    ("time", "name"),
    [
        ("11:40:09", None),
        ("11:40:10", "11:40"),
        ("11:59:59", "11:40"),
        ("12:00", None),
        ("12:30:10", "12:30"),
        ("12:59:59", "12:30"),
        ("13:00", None),
        ("17:45", "17:40"),
        ("18:00", None),
        ("20:29:59", "20:00"),
        ("20:30", None),
        ("00:00", None),
    ],
)
def test_when_a_private_slot_is_due(time: str, name: str | None) -> None:
    assert due(time) == name


@pytest.mark.parametrize(
    ("time", "notices", "name"),
    [
        ("12:35", {"nudges": False}, None),
        ("11:45", {"nudges": False}, "11:40"),
        ("11:45", {"profile": "light"}, None),
        ("17:45", {"profile": "light"}, "17:40"),
        ("20:05", {"profile": "light"}, "20:00"),
        ("17:45", {"slots": ["08:00", "12:00"]}, None),
        ("11:45", {"slots": ["08:00", "12:00"]}, "11:40"),
    ],
)
def test_the_rules_of_the_contest_decide(time: str, notices: dict[str, object], name: str | None) -> None:
    assert due(time, **notices) == name


def test_a_day_that_is_closed_asks_for_nothing() -> None:
    short = merged(RULES, {"day_opens_at": "12:30", "day_closes_at": "20:00"})
    names = {due_private(TODAY, short, now=slot_on(TODAY, name).at + dt.timedelta(seconds=10)) for name in NUDGES}
    assert names == {None}


@given(st.integers(0, 24 * 60 * 60 - 1))
def test_at_most_two_nudges_a_day_and_each_within_its_half_hour(second: int) -> None:
    now = instant("00:00") + dt.timedelta(seconds=second)
    slot = due_private(TODAY, RULES, now=now)
    assert slot is None or slot.at < now < slot.at + dt.timedelta(minutes=30)
    assert slot is None or not slot.late(now)
    assert len(NUDGES) == 2


def test_the_other_slots_are_still_late() -> None:
    assert Slot(instant("12:00")).late(instant("12:10"))


@pytest.mark.parametrize(
    ("profile", "slots", "active"),
    [
        ("standard", ["08:00", "12:00"], ("08:00", "12:00")),
        ("light", ["08:00", "12:00", "18:00", "22:00"], ("08:00", "18:00")),
        ("light", ["12:00", "22:00"], ()),
    ],
)
def test_the_light_profile_leaves_the_morning_and_the_evening(profile: str, slots: list[str], active: object) -> None:
    assert merged(RULES, {"notices": {"profile": profile, "slots": slots}}).notices.active_slots == active


@pytest.mark.parametrize(
    ("missing", "minutes"),
    [
        (Missing(True, False, 1), 2),
        (Missing(True, False, 2), 4),
        (Missing(True, True, 0), 5),
        (Missing(False, True, 1), 7),
        (Missing(True, False, 0), 1),
    ],
)
def test_how_long_it_takes(missing: Missing, minutes: int) -> None:
    assert minutes_needed(missing, RULES) == minutes


def test_units_are_merged_the_nearly_done_first() -> None:
    match, both, waiting = Missing(True, False, 1), Missing(True, True, 1), Missing(False, True, 1)
    parts = [
        Left(waiting, 1, ("甲",)),
        Left(both, 2, ("乙", "丙")),
        Left(match, 1, ("丁",)),
        Left(waiting, 60, ("戊",) * 40),
    ]
    merged_parts = merged_left(parts)
    assert [(left.missing, left.officers) for left in merged_parts] == [(match, 1), (both, 2), (waiting, 61)]
    assert merged_parts[2].names[:2] == ("甲", "戊")
    assert len(merged_parts[2].names) == MOST_NAMES


@pytest.mark.parametrize(
    ("held", "found"),
    [({"省": 1}, 1), ({"省": 1, "市": 2}, 2), ({"市": 2, "分局": 3}, 3), ({"邻": 4}, None), ({}, None)],
)
def test_the_nearest_channel_wins(held: dict[str, int], found: int | None) -> None:
    assert nearest(["省", "市", "分局"], held) == found


@pytest.mark.parametrize(
    ("rate", "rank", "earlier", "wrong"),
    [
        (Fraction(3, 5), 3, 3, None),
        (Fraction(59, 100), 3, 3, Concern(Fraction(59, 100), 0)),
        (Fraction(1), 6, 4, None),
        (Fraction(1), 7, 4, Concern(None, 3)),
        (Fraction(0), 7, 4, Concern(Fraction(0), 3)),
        (Fraction(1), 7, None, None),
        (None, None, 2, None),
    ],
)
def test_what_a_leader_is_told_of(
    rate: Fraction | None, rank: int | None, earlier: int | None, wrong: Concern | None
) -> None:
    assert concern(rate, rank, earlier) == wrong
