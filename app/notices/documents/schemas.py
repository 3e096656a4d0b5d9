"""What the calls on documents give."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

from app.notices.commendation import Criterion


class ScopeRef(BaseModel):
    """候选名单所覆盖的单位."""

    id: str
    name: str


class QuotasOut(BaseModel):
    """名额."""

    collectives: int
    bureau_officers: int
    branch_officers: int


class OfficerRef(BaseModel):
    """一名参赛人员."""

    id: str
    name: str
    employee_no: str


class _Candidate(BaseModel):
    place: int = Field(description="位次；各项均相同的并列")
    proposed: bool = Field(description="是否在名额以内；否则为供比较的后续位次")
    decided_by: Criterion | None = Field(
        description="与后一名相比由哪一项分出先后；shared：各项均相同，由人确定；没有后一名时为 null"
    )


class CollectiveOut(_Candidate):
    """一个候选集体及其依据."""

    unit: ScopeRef
    expected: int = Field(description="累计应参赛人次")
    done: int = Field(description="累计完成人次")
    participation_rate: float | None
    completion_rate: float | None
    accuracy: float | None
    index: float | None
    complete_days: int = Field(description="全员完成的天数")


class PersonOut(_Candidate):
    """一名候选个人及其依据."""

    officer: OfficerRef
    unit_name: str
    days_expected: int = Field(description="应参赛天数（不含经批准免参赛的日子）")
    days_done: int
    completion_rate: float
    answered: int
    correct: int
    accuracy: float


class CommendationOut(BaseModel):
    """表现突出集体、个人候选名单：按已确定的成绩排出，由人研究确定."""

    model_config = ConfigDict(populate_by_name=True)

    contest_id: str
    scope: ScopeRef
    from_: dt.date = Field(alias="from")
    to: dt.date
    days: int = Field(description="已确定成绩的竞赛日数")
    quotas: QuotasOut
    collectives: list[CollectiveOut]
    bureau_officers: list[PersonOut]
    branch_officers: list[PersonOut]
