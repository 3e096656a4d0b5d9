"""Typed errors: what they carry."""

from __future__ import annotations

import pytest

from app.core.errors import Busy, Conflict, FieldProblem, Invalid, LianbingError
from app.core.http import STATUS, problem_body, status_of


class Closed(Conflict):
    code = "closed"
    title = "已经截止"


def test_an_error_without_a_detail_says_its_title() -> None:
    assert (str(Closed()), problem_body(Closed())["detail"]) == ("已经截止", "已经截止。")


def test_a_kind_without_a_detail_says_what_to_do() -> None:
    assert problem_body(Conflict())["detail"] == "与当前状态冲突，请刷新后重试。"


def test_an_error_carries_its_facts() -> None:
    error = Closed("今日答题已经截止。", closes_at="24:00")
    assert (str(error), error.facts) == ("今日答题已经截止。", {"closes_at": "24:00"})
    assert problem_body(error)["closes_at"] == "24:00"


def test_a_validation_error_lists_its_members() -> None:
    error = Invalid(errors=[FieldProblem("/name", "请填写姓名。")])
    assert problem_body(error)["errors"] == [{"pointer": "/name", "detail": "请填写姓名。"}]


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
def test_an_error_answers_with_the_status_of_its_kind(kind: type[LianbingError], status: int) -> None:
    derived = type("Derived", (kind,), {})
    assert status_of(derived) == status


def test_two_waiters_may_be_told_the_same_error() -> None:
    assert (Busy("请稍后。").retry_after, Busy.code) == (2, "busy")


def test_every_kind_has_one_status() -> None:
    assert set(STATUS) == set(LianbingError.__subclasses__())
    assert len(set(STATUS.values())) == len(STATUS)
