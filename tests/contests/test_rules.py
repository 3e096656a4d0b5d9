"""The rules of play as a value: merging, Chinese sentences for what is wrong, phases, days."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.contests.rules import (
    BankTooSmall,
    DayPhase,
    InvalidRules,
    Phase,
    PlayRules,
    changed_rules_from,
    checked,
    closes_at,
    contest_phase,
    date_problems,
    is_contest_day,
    last_counted_day,
    merged,
    opens_at,
    phase,
)
from tests.times import TODAY, instant

RULES = PlayRules()
TOMORROW = TODAY + dt.timedelta(days=1)


def told(changes: dict[Any, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRules) as caught:
        checked(RULES, changes)
    return {problem.pointer: problem.detail for problem in caught.value.errors}


def test_changes_are_merged_level_by_level():
    rules = merged(RULES, {"daily_quiz": {"single": 10}, "notices": {"slots": ["08:00"]}})
    assert (rules.daily_quiz.single, rules.daily_quiz.multiple, rules.daily_quiz.questions) == (10, 3, 16)
    assert rules.notices.slots == ("08:00",)
    assert merged(rules, {}) == rules


@pytest.mark.parametrize(
    ("changes", "pointer", "said"),
    [
        ({"index": {"accuracy": 1.5}}, "/rules/index/accuracy", "不能大于1"),
        ({"index": {"accuracy": 0.5}}, "/rules/index", "权重之和应当等于1"),
        ({"index": {"accuracy": "0.3"}}, "/rules/index/accuracy", "应当是数字"),
        ({"index": {"accuracy": float("nan")}}, "/rules/index/accuracy", "不能大于1"),
        ({"daily_quiz": {"single": -1}}, "/rules/daily_quiz/single", "不能小于0"),
        ({"daily_quiz": {"single": 4.5}}, "/rules/daily_quiz/single", "应当是整数"),
        ({"daily_quiz": {"single": True}}, "/rules/daily_quiz/single", "应当是整数"),
        ({"daily_quiz": {"single": 0, "multiple": 0, "true_false": 0}}, "/rules/daily_quiz", "至少要有1道题"),
        ({"daily_quiz": {"singel": 4}}, "/rules/daily_quiz/singel", "最接近的是 single"),
        ({"daily_quiz": None}, "/rules/daily_quiz", "应当是一个对象"),
        ({"daily_quizz": {}}, "/rules/daily_quizz", "最接近的是 daily_quiz"),
        ({"a/b~c": 1}, "/rules/a~1b~0c", "没有这一项规则，请改正或删除。"),
        ({"\ud800": 1}, "/rules", "不能识别的字符"),
        ({"matches": {"required_per_day": 3}}, "/rules/matches", "不能多于计入的场数"),
        ({"day_opens_at": "6:00"}, "/rules/day_opens_at", "格式不对"),
        ({"day_opens_at": 6}, "/rules/day_opens_at", "应当是文字"),
        ({"day_opens_at": "18:00", "day_closes_at": "18:00"}, "/rules", "应当早于截止时间"),
        ({"notices": {"slots": ["09:00"]}}, "/rules/notices/slots", "只能从 08:00"),
        ({"notices": {"slots": "08:00"}}, "/rules/notices/slots", "应当是一个列表"),
        ({"notices": {"slots": ["08:00", 12]}}, "/rules/notices/slots/1", "应当是文字"),
        ({"individual_ranking": "yes"}, "/rules/individual_ranking", "true 或 false"),
    ],
)
def test_a_wrong_rule_is_told_in_chinese_with_its_pointer(changes, pointer, said):
    problems = told(changes)
    assert said in problems[pointer]
    assert problems[pointer].endswith("。")


def test_all_wrong_rules_are_told_at_once():
    assert set(told({"daily_quiz": {"single": -1}, "index": {"accuracy": 2}, "x": 1})) == {
        "/rules/daily_quiz/single",
        "/rules/index/accuracy",
        "/rules/x",
    }


def test_merged_itself_raises_pydantics_error():
    with pytest.raises(ValidationError):
        merged(RULES, {"x": 1})


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(0, 100))
def test_weights_in_hundredths_that_add_up_are_taken(first, second):
    weights = {"participation": first / 100, "completion": second / 100, "accuracy": (100 - first - second) / 100}
    if first + second <= 100:
        assert checked(RULES, {"index": weights}).index.accuracy == pytest.approx((100 - first - second) / 100)
    else:
        assert "/rules/index/accuracy" in told({"index": weights})


def test_a_day_opens_and_closes_in_shanghai():
    assert (opens_at(RULES, TODAY), closes_at(RULES, TODAY)) == (instant("06:00"), instant("00:00", TOMORROW))
    short = merged(RULES, {"day_closes_at": "18:30"})
    assert closes_at(short, TODAY) == instant("18:30")


@pytest.mark.parametrize(
    ("at", "expected"),
    [("05:59", DayPhase.BEFORE), ("06:00", DayPhase.OPEN), ("17:59", DayPhase.OPEN), ("18:00", DayPhase.AFTER)],
)
def test_a_day_is_over_exactly_at_closing(at, expected):
    assert phase(merged(RULES, {"day_closes_at": "18:00"}), TODAY, instant(at)) == expected


def test_contest_days_are_counted_from_one_to_the_last():
    assert [is_contest_day(TODAY, TOMORROW, TODAY + dt.timedelta(n)) for n in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]
    assert last_counted_day(TOMORROW, TOMORROW, instant("09:00")) is None
    assert last_counted_day(TODAY, TODAY, instant("09:00", TOMORROW)) == TODAY


@pytest.mark.parametrize(
    ("state", "day", "at", "expected"),
    [
        ("draft", TODAY, "09:00", Phase.DRAFT),
        ("open", TODAY, "05:59", Phase.UPCOMING),
        ("open", TODAY, "06:00", Phase.RUNNING),
        ("open", TOMORROW, "03:00", Phase.RUNNING),
        ("paused", TODAY, "05:00", Phase.PAUSED),
        ("paused", TOMORROW, "09:00", Phase.PAUSED),
        ("paused", TOMORROW + dt.timedelta(1), "00:00", Phase.CLOSED),
        ("open", TOMORROW + dt.timedelta(1), "00:00", Phase.CLOSED),
    ],
)
def test_the_phase_of_a_contest(state, day, at, expected):
    assert contest_phase(state, (TODAY, TOMORROW), RULES, instant(at, day)) == expected


@pytest.mark.parametrize(
    ("first", "last", "pointers"),
    [
        (TODAY, TODAY, []),
        (TODAY, TODAY + dt.timedelta(365), []),
        (TODAY, TODAY + dt.timedelta(366), ["/ends_on"]),
        (TODAY, TODAY - dt.timedelta(1), ["/ends_on"]),
        (dt.date(1970, 1, 1), dt.date(1970, 1, 2), ["/starts_on", "/ends_on"]),
        (TODAY, dt.date.max, ["/ends_on", "/ends_on"]),
    ],
)
def test_a_contests_days_must_make_sense(first, last, pointers):
    assert [problem.pointer for problem in date_problems(first, last)] == pointers


@settings(deadline=None)
@given(st.dates(TODAY - dt.timedelta(30), TODAY + dt.timedelta(30)))
def test_changed_rules_hold_from_tomorrow_or_the_first_day(starts_on):
    first = changed_rules_from(starts_on, TODAY)
    assert first == max(starts_on, TOMORROW)


def test_a_small_bank_is_told_with_its_day():
    error = BankTooSmall.of("single", available=3, needed=4, day=TODAY)
    assert error.detail.startswith("2026-11-23可用的单选题只有3道")
    assert error.facts == {"kind": "single", "available": 3, "needed": 4, "day": "2026-11-23"}
