"""What the calls on a question's life take and give."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.bank.life.queries import reviews
from app.bank.life.rules import allowed, basis_notice
from app.bank.schemas import OwnerOut, State
from app.roster.schemas import Instant, OfficerName

if TYPE_CHECKING:
    from app.bank.life.queries import Life, Resting
    from app.roster.models import Officer


class StepWanted(BaseModel):
    """题目的新状态及说明."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "reviewed", "note": "已对照法典第一千零九十条核对。"}]},
    )

    state: State = Field(description="draft 草稿 → reviewed 已核 → in_use 启用 → to_confirm 待复核 / retired 停用")
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00]*$")] | None = (
        Field(None, description="核对情况或理由，记入题目经历和审计日志")
    )


class ReviewOut(BaseModel):
    """Who has reviewed the present text, and when."""

    by: OfficerName | None
    at: Instant


class StepOut(BaseModel):
    """One step of the question."""

    from_state: State
    to_state: State
    cause: Literal["person", "basis"] = Field(description="person：人工办理；basis：法律依据到期或恢复")
    by: OfficerName | None
    note: str | None
    revision_id: uuid.UUID
    at: Instant


class StopOut(BaseModel):
    """Why the question is retired against what its files or its owner say of it."""

    cause: Literal["person", "basis"]
    would_be: State = Field(description="不停用时的状态")
    since: Instant
    note: str | None


class LifeOut(BaseModel):
    """Where a question stands and how it came there, newest step first."""

    id: uuid.UUID
    code: str
    owner: OwnerOut | None = Field(description="null：随系统发布的共用题目")
    state: State
    revision: int
    author_id: uuid.UUID | None = Field(description="录入现有文本的人；null：由命令导入")
    allowed: list[State] = Field(description="可以改成的状态；另须满足双人复核和依据有效")
    reviews: list[ReviewOut] = Field(description="对现有文本的复核；退回草稿或停用以前的不算")
    stop: StopOut | None
    steps: list[StepOut]


def life_view(life: Life) -> dict[str, Any]:
    """Return what `LifeOut` shows."""
    question, unit, stop = life.question, life.unit, life.stop
    actors = {one.step.id: _person(one.actor) for one in life.steps}
    return {
        "id": question.id,
        "code": question.code,
        "owner": {"id": unit.id, "name": unit.name, "kind": unit.kind} if unit else None,
        "state": question.state,
        "revision": life.revision.number,
        "author_id": life.revision.author_id,
        "allowed": list(allowed(life.standing)),
        "reviews": [{"by": actors[one.id], "at": one.at} for one in reviews(life.steps, life.revision.id)],
        "stop": {"cause": stop.cause, "would_be": stop.would_be, "since": stop.since, "note": stop.note}
        if stop
        else None,
        "steps": [
            {
                "from_state": one.step.from_state,
                "to_state": one.step.to_state,
                "cause": one.step.cause,
                "by": actors[one.step.id],
                "note": one.step.note,
                "revision_id": one.step.revision_id,
                "at": one.step.at,
            }
            for one in life.steps
        ],
    }


def _person(officer: Officer | None) -> dict[str, Any] | None:
    return {"id": officer.id, "employee_no": officer.employee_no, "name": officer.name} if officer else None


class CodeOut(BaseModel):
    """A question by its code."""

    id: uuid.UUID
    code: str


class ExpiringOut(BaseModel):
    """An instrument whose force ends, with the questions that live on it."""

    instrument: str
    full_name: str
    ends_on: dt.date = Field(description="有效期的最后一天")
    days_left: int = Field(description="距最后一天的天数；负数为已过期")
    question_count: int
    questions: list[CodeOut]


class ExpiringList(BaseModel):
    """Ends of bases ahead, the earliest first; never more than one page."""

    day: dt.date
    within: int
    items: list[ExpiringOut]
    next: None = None


class WarningOut(ExpiringOut):
    """What administrators are told of one end of a basis."""

    kind: Literal["basis-ends", "basis-ended"]
    noticed_at: Instant | None = Field(description="系统首次发现的时间；尚未巡检到时为 null")
    title: str
    text: str


class WarningList(BaseModel):
    """Ends of bases within thirty days or past, as long as questions live on them or stopped with them."""

    day: dt.date
    items: list[WarningOut]
    next: None = None


def expiring_view(one: Resting, day: dt.date) -> dict[str, Any]:
    """Return what `ExpiringOut` shows."""
    return {
        "instrument": one.instrument,
        "full_name": one.full_name,
        "ends_on": one.ends_on,
        "days_left": (one.ends_on - day).days,
        "question_count": len(one.questions),
        "questions": [{"id": question_id, "code": code} for question_id, code in one.questions],
    }


def warning_view(one: Resting, day: dt.date) -> dict[str, Any]:
    """Return what `WarningOut` shows."""
    notice = basis_notice(one.full_name, one.ends_on, [code for _, code in one.questions], day=day)
    return {
        **expiring_view(one, day),
        "kind": "basis-ended" if one.ends_on < day else "basis-ends",
        "noticed_at": one.noticed_at,
        "title": notice.title,
        "text": notice.text,
    }
