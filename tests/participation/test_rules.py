"""Figures, score, ranks and spans, by example and by property."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contests.rules import IndexWeights
from app.core.errors import Invalid
from app.participation.rules import (
    DayNotCounted,
    Figures,
    Overtake,
    Span,
    Weights,
    asked_span,
    compared_span,
    needed_to_overtake,
    rank,
    rank_changes,
    score,
    the_one,
    total,
    weights_of,
)
from tests.times import TODAY

WEIGHTS = weights_of(IndexWeights())
DAY = dt.timedelta(days=1)


def unit(expected: int, done: int, *, participated: int | None = None, answered: int = 0, correct: int = 0) -> Figures:
    return Figures(
        enrolled=expected,
        participated=done if participated is None else participated,
        quiz_finished=done,
        done=done,
        answered=answered,
        correct=correct,
    )


@st.composite
def figures(draw: st.DrawFn) -> Figures:
    expected = draw(st.integers(0, 12))
    participated = draw(st.integers(0, expected))
    done = draw(st.integers(0, participated))
    answered = draw(st.integers(0, 10 * participated))
    return unit(expected, done, participated=participated, answered=answered, correct=draw(st.integers(0, answered)))


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    first = draw(st.integers(0, 10))
    second = draw(st.integers(0, 10 - first))
    return Weights(Fraction(first, 10), Fraction(second, 10), Fraction(10 - first - second, 10))


def test_exempt_officers_are_not_expected() -> None:
    branch = Figures(enrolled=10, exempt=2, done=3, in_progress=1)
    assert (branch.expected, branch.not_started, branch.unfinished) == (8, 4, 5)


def test_figures_add_up_over_parts_and_days() -> None:
    one = Figures(1, 2, 3, 4, 5, 6, 7, 8)
    assert total([one, one, Figures()]) == Figures(2, 4, 6, 8, 10, 12, 14, 16)


def test_weights_are_the_decimals_written() -> None:
    assert Weights(Fraction(1, 5), Fraction(1, 2), Fraction(3, 10)) == WEIGHTS


def test_the_published_score_is_exact() -> None:
    found = score(unit(36, 30, participated=33, answered=323, correct=278), WEIGHTS)
    assert found.participation_rate == Fraction(33, 36)
    assert found.completion_rate == Fraction(30, 36)
    assert found.accuracy == Fraction(278, 323)
    assert found.index == 20 * Fraction(33, 36) + 50 * Fraction(30, 36) + 30 * Fraction(278, 323)


def test_without_an_answer_accuracy_is_unknown_and_counts_as_nothing() -> None:
    found = score(unit(4, 0), WEIGHTS)
    assert found.accuracy is None
    assert found.index == 0


def test_nobody_expected_has_no_score_and_no_rank() -> None:
    scores = {"五华": score(Figures(enrolled=2, exempt=2), WEIGHTS), "梅江": score(unit(2, 0), WEIGHTS)}
    assert scores["五华"].index is scores["五华"].completion_rate is scores["五华"].participation_rate is None
    assert rank(scores) == {"五华": None, "梅江": 1}


def test_equals_share_a_rank_and_the_next_is_skipped() -> None:
    done = {"平远": 4, "蕉岭": 3, "梅江": 3, "大埔": 2}
    assert rank({name: score(unit(4, count), WEIGHTS) for name, count in done.items()}) == {
        "平远": 1,
        "蕉岭": 2,
        "梅江": 2,
        "大埔": 4,
    }


def test_of_equal_scores_the_higher_completion_rate_leads() -> None:
    even = Weights(Fraction(1, 2), Fraction(1, 2), Fraction(0))
    scores = {"丰顺": score(unit(10, 4, participated=6), even), "兴宁": score(unit(10, 5, participated=5), even)}
    assert scores["丰顺"].index == scores["兴宁"].index
    assert rank(scores) == {"兴宁": 1, "丰顺": 2}


def test_units_are_ranked_within_their_group() -> None:
    scores = {
        "梅江": score(unit(2, 2), WEIGHTS),
        "高新区": score(unit(2, 1), WEIGHTS),
        "丰顺": score(unit(2, 0), WEIGHTS),
    }
    assert rank(scores, {"梅江": "branch", "丰顺": "branch", "高新区": "zone"}) == {"梅江": 1, "丰顺": 2, "高新区": 1}


@given(st.dictionaries(st.integers(), figures(), max_size=8), weights())
def test_a_rank_is_one_more_than_the_number_of_better_units(units: dict[int, Figures], by: Weights) -> None:
    scores = {key: score(value, by) for key, value in units.items()}
    for key, place in rank(scores).items():
        better = [other for other, value in scores.items() if units[other].expected and value.order > scores[key].order]
        assert place == (1 + len(better) if units[key].expected else None)


@given(figures(), weights())
def test_an_index_lies_between_0_and_100(some: Figures, by: Weights) -> None:
    index = score(some, by).index
    assert index is None or 0 <= index <= 100


def test_a_rank_change_is_positive_upwards() -> None:
    assert rank_changes({"a": 3, "b": 1, "c": None}, {"a": 1, "b": 2, "c": 3, "d": 4, "e": None}) == {
        "a": 2,
        "b": -1,
        "c": None,
        "d": None,
        "e": None,
    }


def brute_force(own: Figures, others: list[Figures], by: Weights) -> Overtake | None:
    def place(mine: Figures) -> int | None:
        return rank({"own": score(mine, by), **{n: score(other, by) for n, other in enumerate(others)}})["own"]

    start = place(own)
    for people in range(1, own.unfinished + 1):
        done = own.done + people
        reached = place(
            unit(
                own.expected,
                done,
                participated=max(own.participated, done),
                answered=own.answered,
                correct=own.correct,
            )
        )
        if start and reached and reached < start:
            return Overtake(people, reached)
    return None


@given(figures(), st.lists(figures(), max_size=6), weights())
def test_people_needed_to_overtake_are_what_trying_finds(own: Figures, others: list[Figures], by: Weights) -> None:
    assert needed_to_overtake(own, others, by) == brute_force(own, others, by)


def test_two_more_lift_the_branch_to_second_place() -> None:
    others = [unit(10, 10), unit(10, 6), unit(10, 1), Figures()]
    assert needed_to_overtake(unit(10, 4), others, WEIGHTS) == Overtake(people=2, place=2)


def test_the_first_has_nobody_to_overtake() -> None:
    assert needed_to_overtake(unit(2, 1), [unit(2, 1), unit(2, 0)], WEIGHTS) is None


def test_nobody_expected_cannot_overtake() -> None:
    assert needed_to_overtake(Figures(), [unit(2, 1)], WEIGHTS) is None


def test_everybody_done_may_not_be_enough() -> None:
    best = unit(2, 2, answered=10, correct=10)
    assert needed_to_overtake(unit(2, 1, answered=10, correct=1), [best], WEIGHTS) is None


COUNTED = Span(TODAY - 4 * DAY, TODAY)


def test_neither_day_nor_range_means_the_contest_so_far() -> None:
    assert asked_span(COUNTED) == COUNTED
    assert asked_span(COUNTED, last=TODAY - DAY) == Span(COUNTED.first, TODAY - DAY)
    assert asked_span(COUNTED, first=TODAY - DAY) == Span(TODAY - DAY, TODAY)


def test_a_day_is_a_span_of_one() -> None:
    assert asked_span(COUNTED, day=TODAY) == Span(TODAY, TODAY)
    assert COUNTED.days == [TODAY - back * DAY for back in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("day", [TODAY + DAY, TODAY - 5 * DAY])
def test_a_day_that_is_not_counted_is_refused_with_what_to_ask(day: dt.date) -> None:
    with pytest.raises(DayNotCounted) as refused:
        asked_span(COUNTED, last=day)
    assert refused.value.facts == {"first_day": "2026-11-19", "last_day": "2026-11-23"}
    assert refused.value.errors[0].pointer == "/query/to"


def test_a_day_with_a_range_and_a_range_backwards_are_refused() -> None:
    with pytest.raises(Invalid, match="不能同时使用"):
        asked_span(COUNTED, day=TODAY, first=TODAY)
    with pytest.raises(Invalid, match="不能同时使用"):
        asked_span(COUNTED, day=TODAY, last=TODAY)
    with pytest.raises(Invalid, match="不能晚于"):
        asked_span(COUNTED, first=TODAY, last=TODAY - DAY)


def test_a_range_is_compared_with_itself_a_day_earlier() -> None:
    assert compared_span(COUNTED, COUNTED) == Span(COUNTED.first, TODAY - DAY)


def test_a_single_day_is_compared_with_the_day_before() -> None:
    assert compared_span(COUNTED, Span(TODAY, TODAY)) == Span(TODAY - DAY, TODAY - DAY)
    assert compared_span(COUNTED, Span(COUNTED.first, COUNTED.first)) is None


@pytest.mark.parametrize(
    ("ends", "meant"),
    [({}, None), ({"a": 20}, "a"), ({"a": 23}, "a"), ({"a": 20, "b": 23}, "b"), ({"a": 20, "b": 21}, None)],
)
def test_the_contest_meant_is_the_running_one_or_the_only_one(ends: dict[str, int], meant: str | None) -> None:
    assert the_one({name: dt.date(2026, 11, day) for name, day in ends.items()}, TODAY) == meant


def test_of_two_running_contests_none_is_meant() -> None:
    assert the_one({"a": TODAY, "b": TODAY}, TODAY) is None
