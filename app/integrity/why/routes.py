"""HTTP: why a question stands on somebody's paper; for question administrators only."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from app.bank.queries import question_of
from app.bank.routes import QuestionAdministrator
from app.core.errors import NotFound
from app.core.http import problems
from app.core.wiring import Wired
from app.integrity.why.schemas import WhyOut, why_view
from app.integrity.why.service import explain, papers_named
from app.roster import access

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.models import QuestionRevision
    from app.papers.models import Paper
    from app.roster.access import Caller

router = APIRouter(tags=["Questions"])


@router.get(
    "/questions/{question_id}/why",
    operation_id="question_why",
    summary="某份试卷为什么抽到这道题",
    responses=problems(401, 403, 404, 422),
)
async def why(
    question_id: str,
    caller: QuestionAdministrator,
    wired: Wired,
    attempt: Annotated[uuid.UUID, Query(description="每日一测的编号，或对战的编号")],
) -> WhyOut:
    """Do the draw of a paper of one's own officers again, and say why the question stands there."""
    async with wired.database.reads() as session:
        _, revisions = await question_of(session, caller, question_id)
        paper = await _paper(session, caller, attempt, revisions)
        found = await explain(session, paper)
    reason = next(one for one in found.reasons if one.asked.question_id == revisions[0].question_id)
    return WhyOut.model_validate(why_view(found, reason))


async def _paper(session: AsyncSession, caller: Caller, attempt: uuid.UUID, revisions: list[QuestionRevision]) -> Paper:
    """Return the paper asked for with the question on it, of an officer of the caller's subtree; else NotFound."""
    texts = {revision.id for revision in revisions}
    for paper in await papers_named(session, attempt):
        if texts.isdisjoint(paper.revision_ids):
            break
        try:
            await access.officer_below(session, caller, paper.officer_id, paper.day)
        except NotFound:
            continue
        return paper
    raise NotFound("没有找到含这道题的试卷，请核对题目编号和试卷编号。")
