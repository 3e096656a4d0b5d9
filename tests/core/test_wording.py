"""What is wrong with a member of a request, in Chinese; the nearest name where one is near."""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from app.core.wording import explain, near


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("应当是双数")
    return number


def _full(number: int) -> int:
    if number % 10:
        raise ValueError("应当是整十的数，请改正。")
    return number


class Form(BaseModel):
    """One member for each kind of mistake."""

    status: Literal["unfinished", "done", "all"] = "all"
    size: Literal[1, 2] = 1
    colour: Colour = Colour.RED
    even: Annotated[int, AfterValidator(_even)] = 0
    tens: Annotated[int, AfterValidator(_full)] = 0
    few: list[int] = Field([], max_length=2)
    day: dt.date | None = None
    at: dt.time | None = None


def said(**member: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        Form(**member)
    (problem,) = refused.value.errors()
    return explain(problem)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"status": "x"}, "应当是其中之一：unfinished、done、all。"),
        ({"size": 3}, "应当是其中之一：1、2。"),
        ({"colour": "x"}, "应当是其中之一：red、green。"),
        ({"even": 3}, "应当是双数，请改正。"),
        ({"tens": 3}, "应当是整十的数，请改正。"),
        ({"few": [1, 2, 3]}, "最多2项，请删减。"),
        ({"day": "yesterday"}, "应当是日期，写成 2026-11-23 的样子。"),
        ({"at": "noon"}, "填写有误，请改正。"),
    ],
)
def test_a_mistake_is_told_in_chinese(member: dict[str, Any], words: str) -> None:
    assert said(**member) == words
    assert not re.search(r"[a-z]+ [a-z]+", words)


def test_a_name_that_is_near_is_named() -> None:
    assert near("singel", ["multiple", "single"]) == "，最接近的是 single"
    assert near("行政处罚去", ["行政处罚法", "水污染防治法"], quoted="《{}》") == "，最接近的是《行政处罚法》"


def test_nothing_is_named_where_nothing_is_near() -> None:
    assert near("x", ["multiple", "single"]) == ""
    assert near("x", []) == ""
