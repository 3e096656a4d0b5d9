"""The steps of a question, who may take them, and what is told of a basis that ends."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import replace

import pytest

from app.bank.entries import STATES
from app.bank.life.rules import (
    STEPS,
    BasisNotInForce,
    Force,
    QuestionIncomplete,
    QuestionShipped,
    ReviewerIsAuthor,
    Standing,
    StepNotAllowed,
    allowed,
    basis_notice,
    check_step,
)
from app.core.errors import LianbingError
from tests.times import TODAY

AUTHOR, OTHER, THIRD = (uuid.UUID(int=number) for number in (1, 2, 3))
LAW = Force("行政处罚法", dt.date(2021, 7, 15), None)
ENDED = Force("裁量权规定(2022)", dt.date(2022, 1, 1), dt.date(2026, 11, 22))
OWN = Standing(
    "draft", shipped=False, would_be=None, author_id=AUTHOR, reviewer_ids=frozenset(), missing=(), bases=(LAW,)
)
SHARED = replace(OWN, shipped=True, state="in_use", author_id=None)


def refusal(standing: Standing, wanted: str, actor: uuid.UUID = OTHER) -> type[Exception] | None:
    try:
        check_step(standing, wanted, actor_id=actor, day=TODAY)
    except LianbingError as error:
        return type(error)
    return None


def test_every_state_has_its_steps_and_nothing_leads_into_itself():
    assert set(STEPS) == set(STATES)
    assert all(set(after) <= set(STATES) - {before} for before, after in STEPS.items())


@pytest.mark.parametrize(("before", "wanted"), list(itertools.product(STATES, STATES)))
def test_an_own_question_takes_exactly_the_steps_of_the_table(before, wanted):
    permitted = {
        ("draft", "reviewed"),
        ("draft", "retired"),
        ("reviewed", "in_use"),
        ("reviewed", "to_confirm"),
        ("reviewed", "draft"),
        ("reviewed", "retired"),
        ("in_use", "to_confirm"),
        ("in_use", "retired"),
        ("to_confirm", "in_use"),
        ("to_confirm", "draft"),
        ("to_confirm", "retired"),
        ("retired", "draft"),
    }
    expected = None if (before, wanted) in permitted else StepNotAllowed
    assert refusal(replace(OWN, state=before), wanted) is expected


def test_a_step_that_is_not_allowed_tells_the_ways_there_are():
    with pytest.raises(StepNotAllowed) as caught:
        check_step(OWN, "in_use", actor_id=OTHER, day=TODAY)
    assert caught.value.facts == {"state": "draft", "wanted": "in_use", "allowed": ["reviewed", "retired"]}
    assert "现在是“草稿”，不能直接改为“启用”；可以改为：已核（reviewed）、停用（retired）。" in caught.value.detail


@pytest.mark.parametrize(
    ("before", "wanted", "actor", "reviewers", "expected"),
    [
        ("draft", "reviewed", AUTHOR, set(), ReviewerIsAuthor),
        ("draft", "reviewed", AUTHOR, {OTHER}, ReviewerIsAuthor),
        ("draft", "reviewed", OTHER, set(), None),
        ("draft", "retired", AUTHOR, set(), None),
        ("reviewed", "in_use", AUTHOR, set(), ReviewerIsAuthor),
        ("reviewed", "in_use", AUTHOR, {AUTHOR}, ReviewerIsAuthor),
        ("reviewed", "in_use", AUTHOR, {OTHER}, None),
        ("to_confirm", "in_use", THIRD, set(), None),
        ("to_confirm", "draft", AUTHOR, set(), None),
    ],
)
def test_author_and_reviewer_are_two_people(before, wanted, actor, reviewers, expected):
    assert refusal(replace(OWN, state=before, reviewer_ids=reviewers), wanted, actor) is expected


def test_without_a_known_author_anybody_may_review():
    assert refusal(replace(OWN, author_id=None), "reviewed", AUTHOR) is None


def test_what_lacks_something_is_not_reviewed():
    with pytest.raises(QuestionIncomplete) as caught:
        check_step(replace(OWN, missing=("解析", "法律依据")), "reviewed", actor_id=OTHER, day=TODAY)
    assert caught.value.facts == {"missing": ["解析", "法律依据"]}


def test_what_rests_on_ended_law_may_be_reviewed_and_not_used():
    standing = replace(OWN, bases=(LAW, ENDED, Force("新法", dt.date(2027, 1, 1), None)))
    assert refusal(standing, "reviewed") is None
    with pytest.raises(BasisNotInForce) as caught:
        check_step(replace(standing, state="reviewed"), "in_use", actor_id=OTHER, day=TODAY)
    assert caught.value.facts["instruments"] == [
        {"instrument": "裁量权规定(2022)", "in_force_from": "2022-01-01", "in_force_to": "2026-11-22"},
        {"instrument": "新法", "in_force_from": "2027-01-01", "in_force_to": None},
    ]


def test_a_basis_holds_on_its_last_day():
    last = dt.date(2026, 11, 22)
    assert ENDED.holds(last)
    assert not ENDED.ended(last)
    assert ENDED.ended(TODAY)


@pytest.mark.parametrize("state", STATES)
def test_a_shared_question_can_only_be_stopped(state):
    standing = replace(SHARED, state=state)
    assert allowed(standing) == (() if state == "retired" else ("retired",))
    wanted = {one for one in STATES if refusal(standing, one) is None}
    assert wanted == set(allowed(standing))
    assert {refusal(standing, one) for one in set(STATES) - wanted} == {QuestionShipped}


def test_a_stopped_shared_question_becomes_again_what_its_files_say():
    stopped = replace(SHARED, state="retired", would_be="in_use")
    assert refusal(stopped, "in_use") is None
    assert refusal(stopped, "draft") is QuestionShipped
    assert refusal(replace(stopped, bases=(ENDED,)), "in_use") is BasisNotInForce
    assert allowed(replace(stopped, would_be="retired")) == ()


def test_a_shared_question_out_of_reach_says_so():
    with pytest.raises(QuestionShipped, match="它已由题库文件停用。"):
        check_step(replace(SHARED, state="retired"), "in_use", actor_id=OTHER, day=TODAY)


def test_a_notice_tells_the_last_day_the_questions_and_what_to_do():
    codes = [f"q-{number:02}" for number in range(12)]
    notice = basis_notice("裁量权规定", dt.date(2026, 12, 23), codes, day=TODAY)
    assert notice.title == "法律依据即将到期：《裁量权规定》"
    assert "止于2026年12月23日，还有30天；题库中有12道题" in notice.text
    assert "q-09等。" in notice.text
    assert "q-10" not in notice.text
    assert notice.codes == tuple(codes)


def test_a_notice_of_the_last_day_and_of_the_day_after():
    last = basis_notice("裁量权规定", TODAY, ["q-1"], day=TODAY)
    after = basis_notice("裁量权规定", TODAY, ["q-1"], day=TODAY + dt.timedelta(1))
    assert "今天是最后一天" in last.text
    assert after.title == "法律依据已到期：《裁量权规定》"
    assert "1道题已停止出题：q-1。" in after.text
