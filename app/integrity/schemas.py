"""What the calls on flags take and give."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.clock import local
from app.integrity.rules import AT_ONCE, MOST_SHOWN, FlagState, Kind
from app.roster.schemas import Instant, OfficerName, UnitName

if TYPE_CHECKING:
    from app.integrity.flags import FlagRead, Person
    from app.roster.models import Officer

NOTICE = "异常提示，供人工核查"
"""The title of every flag: it says that something was noticed, and nothing about anybody."""

Place = Annotated[Literal[1, 2] | None, Field(description="在 officers 中的序号（从1起）；没有时为 null")]


class Decision(BaseModel):
    """核查结论及理由."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"decision": "dismissed", "note": "两人同在午休时段参加，已电话了解情况，属正常。"}]
        },
    )

    decision: Literal[FlagState.DISMISSED, FlagState.CONFIRMED] = Field(
        description="dismissed：经核查未见异常；confirmed：经核查属实"
    )
    note: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")
    ] = Field(description="核查情况和理由，记入审计日志")


class FlaggedOfficer(OfficerName):
    """One of the two officers."""

    unit: UnitName


class FlagContest(BaseModel):
    """The contest in which it was noticed."""

    id: uuid.UUID
    name: str


class FlagMatch(BaseModel):
    """A match of the evidence; what there is two of stands in the order of `officers`."""

    match_id: uuid.UUID
    started_at: Instant
    finished_at: Instant
    points: list[int] = Field(examples=[[80, 60]])
    winner: Place
    forfeited_by: Place
    seconds_apart: list[float | None] = Field(
        description="逐题：第一人的作答时刻减去第二人的，单位秒；负数为第一人先答，有人未答为 null",
        examples=[[0.412, -0.2, None, 3.15, 0.05]],
    )


class FlagSpan(BaseModel):
    """The days in which the two met most often."""

    from_at: Instant = Field(alias="from")
    to_at: Instant = Field(alias="to")
    together: int = Field(description="其间两人对战的场数")
    of: list[int] = Field(description="其间每人对战的总场数", examples=[[6, 5]])


class FlagEvidence(BaseModel):
    """依据."""

    matches_total: int = Field(description=f"所依据的对战场数；matches 列出其中最近的{MOST_SHOWN}场")
    matches: list[FlagMatch]
    span: FlagSpan | None = Field(description="repeated_pair：相遇最频繁的一段")
    longest: int | None = Field(description="alternating_wins：连续交替获胜最长的场数")


class FlagOut(BaseModel):
    """异常提示：供人工核查，不影响任何成绩."""

    id: uuid.UUID
    kind: Kind = Field(
        description="repeated_pair：两人频繁相遇；alternating_wins：轮流获胜；simultaneous_answers：逐题几乎同时作答"
    )
    title: str = Field(examples=[NOTICE])
    summary: str = Field(description="一句话说明")
    state: FlagState
    contest: FlagContest
    officers: list[FlaggedOfficer] = Field(description="两人，顺序与 evidence 一致", min_length=2, max_length=2)
    evidence: FlagEvidence
    raised_at: Instant
    updated_at: Instant = Field(description="依据最近一次补充的时间")
    decided_by: OfficerName | None
    decided_at: Instant | None
    note: str | None


class FlagPage(BaseModel):
    """A page of flags, newest first."""

    items: list[FlagOut]
    next: str | None


def flag_view(read: FlagRead) -> dict[str, Any]:
    """Return a flag as the API shows it."""
    flag, by = read.flag, read.decided_by
    return {
        "id": flag.id,
        "kind": flag.kind,
        "title": NOTICE,
        "summary": _summary(Kind(flag.kind), flag.evidence, *(person.officer.name for person in read.officers)),
        "state": flag.state,
        "contest": {"id": read.contest.id, "name": read.contest.name},
        "officers": [_person(person) for person in read.officers],
        "evidence": flag.evidence,
        "raised_at": flag.raised_at,
        "updated_at": flag.updated_at,
        "decided_by": _named(by) if by else None,
        "decided_at": flag.decided_at,
        "note": flag.note,
    }


def _named(officer: Officer) -> dict[str, Any]:
    return {"id": officer.id, "employee_no": officer.employee_no, "name": officer.name}


def _person(person: Person) -> dict[str, Any]:
    unit = person.unit
    return {**_named(person.officer), "unit": {"id": unit.id, "name": unit.name, "kind": unit.kind}}


def _summary(kind: Kind, evidence: dict[str, Any], one: str, other: str) -> str:
    if kind is Kind.REPEATED_PAIR:
        span = evidence["span"]
        of_one, of_other = span["of"]
        said = (
            f"{one}与{other}在{_day(span['from'])}至{_day(span['to'])}之间对战{span['together']}场，"
            f"其间{one}对战共{of_one}场，{other}共{of_other}场"
        )
    elif kind is Kind.ALTERNATING_WINS:
        said = f"{one}与{other}的对战双方轮流获胜，最长连续{evidence['longest']}场"
    else:
        seconds = f"{AT_ONCE.total_seconds():g}"
        said = f"{one}与{other}有{evidence['matches_total']}场对战，逐题作答时刻相差均不超过{seconds}秒"
    return f"{said}。可能有正常原因，请人工核查。"


def _day(instant: str) -> str:
    day = local(dt.datetime.fromisoformat(instant))
    return f"{day.month}月{day.day}日"
