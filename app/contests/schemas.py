"""What the contest calls take and give."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.contests.rules import Phase, PlayRules
from app.core.phones import holds_mobile

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=_PRINTABLE)]
_Telephone = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=40, pattern=r"^[0-9+()（）\-、， 转]+$")
]


def _empty_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _no_persons(telephone: str | None) -> str | None:
    if telephone and holds_mobile(telephone):
        raise ValueError("这是个人手机号，会随通报发到各群；请填写单位的办公电话（固定电话），或留空。")
    return telephone


OptionalLine = Annotated[Line | None, BeforeValidator(_empty_is_none)]
OptionalTelephone = Annotated[_Telephone | None, BeforeValidator(_empty_is_none), AfterValidator(_no_persons)]
Rules = Annotated[
    dict[Any, Any],
    Field(
        description="merged over the defaults (or over the contest's newest rules), validated as a whole",
        examples=[{"daily_quiz": {"single": 4, "multiple": 3, "true_false": 3}}],
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewContest(_Body):
    """A contest to be drafted."""

    name: Line = Field(examples=["2026年生态环境执法大练兵网络知识竞赛"])
    short_name: OptionalLine = Field(None, examples=["执法大练兵"])
    unit_id: str = Field(description="a bureau or province in the caller's subtree")
    starts_on: dt.date = Field(examples=["2026-11-23"])
    ends_on: dt.date = Field(examples=["2026-12-13"])
    issuer: OptionalLine = Field(None, examples=["市生态环境局执法监督科"])
    office_phone: OptionalTelephone = Field(None, examples=["0753-1234567"])
    rules: Rules = Field(default_factory=dict)


class ContestChanges(_Body):
    """Members to change; those left out stay as they are, and null empties an optional one."""

    name: Line = ""
    short_name: OptionalLine = None
    unit_id: str = ""
    starts_on: dt.date = dt.date.min
    ends_on: dt.date = dt.date.min
    issuer: OptionalLine = None
    office_phone: OptionalTelephone = None
    rules: Rules = Field(default_factory=dict)


class UnitOut(BaseModel):
    """A unit, as other things name it."""

    id: uuid.UUID
    name: str
    kind: str


class NextRules(BaseModel):
    """Rules that replace the present ones from a day on."""

    model_config = ConfigDict(populate_by_name=True)

    from_day: dt.date = Field(alias="from")
    rules: PlayRules


class ContestOut(BaseModel):
    """A contest with the rules in force now (before it began: on its first day)."""

    id: uuid.UUID
    name: str
    short_name: str | None
    unit: UnitOut
    starts_on: dt.date
    ends_on: dt.date
    issuer: str | None
    office_phone: str | None
    state: Literal["draft", "open", "paused"]
    phase: Phase
    rules: PlayRules
    next_rules: NextRules | None


class DayChange(_Body):
    """One day of a contest: whether it counts, and why."""

    day: dt.date = Field(examples=["2026-11-28"])
    counts: bool
    note: OptionalLine = Field(None, examples=["周末"])


class CalendarChanges(_Body):
    """The days to set; those left out stay as they are."""

    days: list[DayChange] = Field(min_length=1, max_length=400)


class CalendarDay(BaseModel):
    """One day of a contest as the calendar has it."""

    day: dt.date
    counts: bool
    number: int | None = Field(description="which counted day it is (第N日); null where it does not count")
    note: str | None
    source: Literal["manual", "weekend", "holiday", "workday"] | None = Field(
        description="where it comes from; null: nobody said anything, so the day counts"
    )
    fixed: bool = Field(description="the day has begun (in an opened contest): it can no longer be changed")


class CalendarOut(BaseModel):
    """Every day of a contest in order (竞赛日历); `warnings` tell, in Chinese, what a person must look at."""

    contest_id: uuid.UUID
    counted_days: int
    days: list[CalendarDay]
    warnings: list[str]


class FilledOut(CalendarOut):
    """The calendar after filling; `filled` are the days that the official holidays decided."""

    dry_run: bool
    filled: list[DayChange]


class ContestPage(BaseModel):
    """One page of contests, the latest first."""

    items: list[ContestOut]
    next: str | None
