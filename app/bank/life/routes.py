"""HTTP: a question's state and how it came there, and the ends of legal bases; for question administrators only."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.bank.life import queries
from app.bank.life.rules import WARN_DAYS
from app.bank.life.schemas import (
    ExpiringList,
    LifeOut,
    StepWanted,
    WarningList,
    expiring_view,
    life_view,
    warning_view,
)
from app.bank.life.service import set_state
from app.bank.queries import question_of
from app.bank.routes import QuestionAdministrator
from app.core.clock import local_day
from app.core.http import problems
from app.core.wiring import Wired

router = APIRouter(tags=["Questions"])


@router.get(
    "/questions/expiring",
    operation_id="questions_expiring",
    summary="法律依据即将到期的题目",
    responses=problems(401, 403, 422),
)
async def expiring(
    caller: QuestionAdministrator,
    wired: Wired,
    within: Annotated[int, Query(ge=0, le=3660, description="天数，含当天")] = WARN_DAYS,
) -> ExpiringList:
    """Return the instruments whose last day lies within so many days, with the questions that live on them."""
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        found = await queries.ending(session, caller, first=day, last=day + dt.timedelta(days=within))
    return ExpiringList.model_validate(
        {"day": day, "within": within, "items": [expiring_view(one, day) for one in found]}
    )


@router.get(
    "/questions/warnings",
    operation_id="questions_warnings",
    summary="题库提醒：依据即将到期和已到期",
    responses=problems(401, 403),
)
async def warnings(caller: QuestionAdministrator, wired: Wired) -> WarningList:
    """Return what administrators should know: bases that end within thirty days, and those that took questions along."""
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        found = await queries.ending(session, caller, first=dt.date.min, last=day + dt.timedelta(days=WARN_DAYS))
    return WarningList.model_validate({"day": day, "items": [warning_view(one, day) for one in found]})


@router.get(
    "/questions/{question_id}/life",
    operation_id="question_life",
    summary="题目的状态、复核人和经历",
    responses=problems(401, 403, 404),
)
async def life(question_id: str, caller: QuestionAdministrator, wired: Wired) -> LifeOut:
    """Return where a question stands, who reviewed its text, what it may become, and its steps."""
    async with wired.database.reads() as session:
        found = await queries.life_of(session, caller, question_id)
    return LifeOut.model_validate(life_view(found))


async def _readable(question_id: str, caller: QuestionAdministrator, wired: Wired) -> str:
    async with wired.database.reads() as session:
        await question_of(session, caller, question_id)
    return question_id


@router.post(
    "/questions/{question_id}/state",
    operation_id="question_state",
    summary="改变题目状态（复核、启用、待复核、停用）",
    responses=problems(401, 403, 404, 409, 422),
)
async def state(
    body: StepWanted,
    caller: QuestionAdministrator,
    wired: Wired,
    question_id: Annotated[str, Depends(_readable)],  # refused before the body is judged
) -> LifeOut:
    """Put a question into another state; the same again is as well. Author and reviewer are two people.

    A shared question can only be stopped at this installation (停用), which later imports keep, and that be undone.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        await set_state(session, caller, question_id, body.state, note=body.note, now=now)
    async with wired.database.reads() as session:
        found = await queries.life_of(session, caller, question_id)
    return LifeOut.model_validate(life_view(found))
