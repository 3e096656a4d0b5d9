"""Which days a brief covers, and whom the figures propose for commendation."""

from __future__ import annotations

import datetime as dt
import uuid
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notices.commendation import Collective, Criterion, Person, Quotas, collectives, eligible, people
from app.notices.documents.rules import Brief, brief_of, month_of
from app.notices.documents.writing import moved
from app.participation.rules import Figures, Score, Span, Weights, score
from tests.notices import figures

DAY = dt.date
WEIGHTS = Weights(Fraction(1, 5), Fraction(1, 2), Fraction(3, 10))


@pytest.mark.parametrize(
    ("month", "starts", "ends", "expected"),
    [
        # A contest from 16 November to 6 December: one brief for its first days, one for the rest.
        (DAY(2026, 11, 1), DAY(2026, 11, 16), DAY(2026, 12, 6), (1, DAY(2026, 11, 16), DAY(2026, 11, 18))),
        (DAY(2026, 12, 1), DAY(2026, 11, 16), DAY(2026, 12, 6), (2, DAY(2026, 11, 19), DAY(2026, 12, 6))),
        # Beginning on the 19th or later, the first brief is the next month's.
        (DAY(2026, 12, 1), DAY(2026, 11, 19), DAY(2026, 12, 31), (1, DAY(2026, 11, 19), DAY(2026, 12, 18))),
        (DAY(2027, 1, 1), DAY(2026, 12, 25), DAY(2027, 1, 5), (1, DAY(2026, 12, 25), DAY(2027, 1, 5))),
        (DAY(2026, 11, 1), DAY(2026, 11, 19), DAY(2026, 12, 31), None),
        (DAY(2027, 1, 1), DAY(2026, 11, 16), DAY(2026, 12, 6), None),
    ],
)
def test_a_brief_goes_from_the_last_ones_day_to_the_18th(
    month: dt.date, starts: dt.date, ends: dt.date, expected: tuple[int, dt.date, dt.date] | None
) -> None:
    brief = brief_of(month, starts, ends)
    if expected is None:
        assert brief is None
    else:
        assert brief == Brief(
            expected[0], Span(expected[1], expected[2]), min(month.replace(day=19), expected[2] + dt.timedelta(days=1))
        )


@given(st.dates(DAY(2025, 1, 1), DAY(2027, 1, 1)), st.integers(0, 120))
def test_the_briefs_cover_every_day_once_and_are_numbered_on(starts: dt.date, length: int) -> None:
    ends = starts + dt.timedelta(days=length)
    months = [DAY(2024 + number // 12, number % 12 + 1, 1) for number in range(12, 48)]
    briefs = [brief for brief in (brief_of(month, starts, ends) for month in months) if brief]
    assert [day for brief in briefs for day in brief.span.days] == Span(starts, ends).days
    assert [brief.number for brief in briefs] == list(range(1, len(briefs) + 1))


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-11", DAY(2026, 11, 1)), ("2026-13", None), ("2026-1", None), ("20261101", None), ("十一月的", None)],
)
def test_a_month_is_written_as_year_and_month(text: str, month: dt.date | None) -> None:
    assert month_of(text) == month


@pytest.mark.parametrize(
    ("earlier", "now", "said"), [(3, 1, "上升2位"), (1, 2, "下降1位"), (2, 2, "持平"), (None, 1, "—"), (1, None, "—")]
)
def test_a_change_of_place_is_said_in_words(earlier: int | None, now: int | None, said: str) -> None:
    assert moved(earlier, now) == said


def person(name: str, done: int, expected: int = 20, correct: int = 180, answered: int = 200) -> Person:
    return Person(uuid.uuid5(uuid.NAMESPACE_DNS, name), name, name, "丰顺分局", expected, done, answered, correct)


def listed(*persons: Person, days: int = 20, quota: int = 1) -> list[tuple[str, int, bool, Criterion | None]]:
    found = people(persons, days=days, quota=quota)
    return [(one.who.name, one.place, one.proposed, one.decided_by) for one in found]


def test_officers_come_by_completion_then_days_then_accuracy() -> None:
    assert listed(
        person("少一天", 19), person("答得好", 20, correct=190), person("免两天", 18, expected=18), person("全程", 20)
    ) == [
        ("答得好", 1, True, Criterion.ACCURACY),
        ("全程", 2, False, Criterion.DAYS),
        ("免两天", 3, False, Criterion.COMPLETION),
    ]


def test_equals_share_a_place_even_beyond_the_quota() -> None:
    assert listed(person("乙", 20), person("甲", 20), person("丙", 1)) == [
        ("乙", 1, True, Criterion.SHARED),
        ("甲", 1, True, Criterion.SHARED),
        ("丙", 3, False, None),
    ]


def test_who_was_there_for_less_than_half_or_did_nothing_is_not_proposed() -> None:
    assert eligible(person("一半", 1, expected=10), 20)
    assert not eligible(person("不足", 9, expected=9), 20)
    assert not eligible(person("未完成", 0), 20)
    assert listed(person("不足", 9, expected=9), person("未完成", 0)) == []


def test_a_quota_of_none_lists_nobody() -> None:
    assert listed(person("甲", 20), quota=0) == []


def test_a_quota_of_two_proposes_two_and_shows_the_next_places() -> None:
    found = listed(*(person(f"{done:02}", done) for done in range(1, 10)), quota=2)
    assert [(name, proposed) for name, _, proposed, _ in found] == [
        ("09", True),
        ("08", True),
        ("07", False),
        ("06", False),
    ]


def test_an_officer_without_a_day_or_an_answer_has_rates_of_zero() -> None:
    nobody = person("无", 0, expected=0, answered=0, correct=0)
    assert nobody.order == (Fraction(0),) * 3


def collective(name: str, counts: Figures, complete_days: int = 0) -> Collective:
    return Collective(uuid.uuid5(uuid.NAMESPACE_DNS, name), name, counts, score(counts, WEIGHTS), complete_days)


def test_branches_come_by_index_and_at_last_by_complete_days() -> None:
    equal = figures.people(30, 30, 30, 270)
    found = collectives(
        [
            collective("丁", Figures()),
            collective("丙", figures.people(30, 30, 29, 270)),
            collective("乙", equal, 2),
            collective("甲", equal, 3),
            collective("戊", figures.people(30, 1, 0, 1)),
        ],
        quota=1,
    )
    assert [(one.who.name, one.place, one.proposed, one.decided_by) for one in found] == [
        ("甲", 1, True, Criterion.COMPLETE_DAYS),
        ("乙", 2, False, Criterion.INDEX),
        ("丙", 3, False, None),
    ]


def test_a_branch_without_a_score_orders_last() -> None:
    assert Collective(uuid.uuid4(), "丁", Figures(), Score(None, None, None, None), 0).order == (Fraction(0),) * 4


def test_the_default_quotas() -> None:
    assert Quotas() == (1, 1, 1)
