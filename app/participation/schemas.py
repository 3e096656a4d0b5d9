"""What participation answers: models for the API document, and the same as plain values for the polled bodies."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.papers.models import OfficerDay
from app.papers.rules import status as paper_status
from app.participation.queries import OfficerRow, RankedOfficer, Totals
from app.participation.rules import Figures, OfficerStatus, Score, Weights
from app.roster.models import Unit

if TYPE_CHECKING:
    from fractions import Fraction

    from app.contests.models import Contest

Rate = Annotated[float | None, Field(ge=0, le=1, description="0..1，分母为0时为 null")]


class UnitRef(BaseModel):
    """单位."""

    id: str
    name: str
    kind: Literal["province", "bureau", "branch", "township", "headquarters"]


class Standing(BaseModel):
    """一个单位（含下级）的参赛情况；多日为逐日相加."""

    unit: UnitRef
    enrolled: int = Field(description="参赛人数")
    exempt: int = Field(description="经批准免参赛")
    expected: int = Field(description="应参赛 = enrolled - exempt")
    participated: int = Field(description="实际参赛：至少答了一题")
    quiz_finished: int = Field(description="答完每日一测")
    done: int = Field(description="完成当日任务")
    in_progress: int
    not_started: int
    unfinished: int
    answered: int = Field(description="每日一测已答题数")
    correct: int
    participation_rate: Rate
    completion_rate: Rate
    accuracy: Rate
    index: float | None = Field(ge=0, le=100, description="综合得分，不取整")


class UnitStanding(Standing):
    """一个单位某日的参赛情况."""

    as_of: dt.datetime
    day: dt.date
    counts: bool = Field(description="该日是否计入竞赛；不计入的，各项均为0或 null")


class RankedStanding(Standing):
    """排名中的一行."""

    rank: int | None = Field(description="并列者名次相同；无应参赛人员时为 null")
    rank_change: int | None = Field(description="前一竞赛日的名次减现在的名次，正数为上升")


class ContestRef(BaseModel):
    """竞赛."""

    id: str
    name: str


class Formula(BaseModel):
    """综合得分的权重."""

    participation: float
    completion: float
    accuracy: float


class RankingBody(BaseModel):
    """单位排名."""

    model_config = ConfigDict(populate_by_name=True)

    as_of: dt.datetime
    scope: UnitRef
    contest: ContestRef
    from_: dt.date = Field(alias="from")
    to: dt.date
    uncounted_days: list[dt.date] = Field(description="其中按竞赛日历不计入的日期，不在以下各项之内")
    formula: Formula
    rows: list[RankedStanding]


class UnitListed(UnitRef):
    """单位列表中的一行."""

    parent_id: str | None


class BranchList(BaseModel):
    """可查看的单位."""

    items: list[UnitListed]
    next: str | None


class OfficerRef(BaseModel):
    """参赛人员；phone 只对可以联系本人的角色给出."""

    id: str
    employee_no: str
    name: str
    phone: str | None
    section: str | None


class QuizState(BaseModel):
    """每日一测."""

    status: Literal["not_started", "in_progress", "finished", "closed"]
    answered: int
    points: int


class MatchState(BaseModel):
    """匹配对战."""

    counted: int
    required: int
    points: int


class ExemptionNote(BaseModel):
    """经批准免参赛."""

    model_config = ConfigDict(populate_by_name=True)

    from_: dt.date = Field(alias="from")
    to: dt.date
    reason: str


Channel = Literal["phone", "message"]
Outcome = Literal["reached", "no_answer", "later", "on_leave"]


class LastReminder(BaseModel):
    """当日最近一次提醒."""

    at: dt.datetime
    by: str = Field(description="提醒人姓名")
    channel: Channel
    outcome: Outcome
    note: str | None


class OfficerState(BaseModel):
    """名单中的一行."""

    officer: OfficerRef
    unit: UnitRef
    status: OfficerStatus
    quiz: QuizState
    matches: MatchState
    done: bool
    exemption: ExemptionNote | None
    last_reminder: LastReminder | None


class OfficersOfDay(BaseModel):
    """某日的人员名单，进行中在前."""

    as_of: dt.datetime
    day: dt.date
    items: list[OfficerState]
    next: str | None


class NewReminder(BaseModel):
    """一次提醒及其结果."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "officer_id": "019aa3b2-5f00-7a10-8000-000000000001",
                    "channel": "phone",
                    "outcome": "reached",
                    "note": "外出执法，晚上完成",
                }
            ]
        },
    )

    officer_id: str
    channel: Channel
    outcome: Outcome
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00]*$")] | None = None


class Reminded(BaseModel):
    """已记录的提醒."""

    id: str
    officer_id: str
    channel: Channel
    outcome: Outcome
    note: str | None
    at: dt.datetime


class ContestTotals(BaseModel):
    """本次竞赛累计."""

    days_done: int
    points: int
    correct: int
    answered: int


class OwnPart(BaseModel):
    """本人某日的完成情况与累计."""

    day: dt.date
    counts: bool = Field(description="该日是否计入竞赛；不计入的日期可以答题，不在累计和排名之内")
    enrolled: bool = Field(description="当日是否为参赛人员；不是的，各项均为0，不表示未完成")
    quiz: QuizState
    matches: MatchState
    done: bool
    contest: ContestTotals


class PlainOfficer(BaseModel):
    """个人排名中的人员."""

    id: str
    name: str


class RankedOfficerRow(ContestTotals):
    """个人排名中的一行."""

    rank: int
    officer: PlainOfficer
    unit: UnitRef
    accuracy: Rate


class OfficerRanking(BaseModel):
    """个人排名：依次比较完成天数、得分、正确率."""

    model_config = ConfigDict(populate_by_name=True)

    as_of: dt.datetime
    scope: UnitRef
    contest: ContestRef
    from_: dt.date = Field(alias="from")
    to: dt.date
    rows: list[RankedOfficerRow]
    next: str | None


def unit_ref(unit: Unit) -> dict[str, Any]:
    """Return a UnitRef."""
    return {"id": str(unit.id), "name": unit.name, "kind": unit.kind}


def contest_ref(contest: Contest) -> dict[str, Any]:
    """Return a ContestRef."""
    return {"id": str(contest.id), "name": contest.name}


def unit_listed(unit: Unit) -> dict[str, Any]:
    """Return a UnitListed."""
    return {**unit_ref(unit), "parent_id": unit.parent_id}


def standing_view(unit: Unit, figures: Figures, score: Score) -> dict[str, Any]:
    """Return a Standing; rates and index are the floats nearest to the exact fractions."""
    return {
        "unit": unit_ref(unit),
        "enrolled": figures.enrolled,
        "exempt": figures.exempt,
        "expected": figures.expected,
        "participated": figures.participated,
        "quiz_finished": figures.quiz_finished,
        "done": figures.done,
        "in_progress": figures.in_progress,
        "not_started": figures.not_started,
        "unfinished": figures.unfinished,
        "answered": figures.answered,
        "correct": figures.correct,
        "participation_rate": _float(score.participation_rate),
        "completion_rate": _float(score.completion_rate),
        "accuracy": _float(score.accuracy),
        "index": _float(score.index),
    }


def formula_view(weights: Weights) -> dict[str, float]:
    """Return the weights of the published score."""
    return {name: float(weight) for name, weight in weights._asdict().items()}


def own_view(
    day: dt.date, played: OfficerDay | None, totals: Totals, *, enrolled: bool, over: bool, required: int
) -> dict[str, Any]:
    """Return an OwnPart; `required` matches are asked for where nothing was opened."""
    return {
        "day": day,
        "enrolled": enrolled,
        "quiz": _quiz(played, over=over),
        "matches": _matches(played, required),
        "done": played is not None and played.done_at is not None,
        "contest": totals._asdict(),
    }


def officer_view(row: OfficerRow, *, phone: bool, over: bool, required: int) -> dict[str, Any]:
    """Return an OfficerState; `phone` says whether the caller may see the officer's."""
    officer, exemption, reminder = row.officer, row.exemption, row.reminder
    return {
        "officer": {
            "id": officer.id,
            "employee_no": officer.employee_no,
            "name": officer.name,
            "phone": officer.phone if phone else None,
            "section": officer.section,
        },
        "unit": unit_ref(row.unit),
        "status": row.status,
        "quiz": _quiz(row.played, over=over),
        "matches": _matches(row.played, required, undecided=row.undecided),
        "done": row.played is not None and row.played.done_at is not None,
        "exemption": exemption and {"from": exemption.from_day, "to": exemption.to_day, "reason": exemption.reason},
        "last_reminder": reminder
        and {
            "at": reminder.at,
            "by": row.reminded_by,
            "channel": reminder.channel,
            "outcome": reminder.outcome,
            "note": reminder.note,
        },
    }


def ranked_officer_view(row: RankedOfficer, unit: Unit) -> dict[str, Any]:
    """Return a RankedOfficerRow."""
    totals = row.totals
    return {
        "rank": row.rank,
        "officer": {"id": row.officer_id, "name": row.name},
        "unit": unit_ref(unit),
        **totals._asdict(),
        "accuracy": totals.correct / totals.answered if totals.answered else None,
    }


def _quiz(played: OfficerDay | None, *, over: bool) -> dict[str, Any]:
    if played is None or not played.quiz_questions:
        return {"status": "not_started", "answered": 0, "points": 0}
    status = paper_status(answered=played.quiz_answered, questions=played.quiz_questions, over=over)
    return {"status": status, "answered": played.quiz_answered, "points": played.quiz_points}


def _matches(played: OfficerDay | None, required: int, *, undecided: int = 0) -> dict[str, int]:
    if played is None:
        return {"counted": 0, "required": required, "points": 0}
    points = played.match_points - undecided
    return {"counted": played.matches_counted, "required": played.matches_required, "points": points}


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
