"""A question's steps as rows: one, and those that a file's import makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.bank.life.models import Cause, QuestionStep
from app.bank.models import Question

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

BY_IMPORT = "导入题目文件"


def step_of(
    question: Question | Row[*tuple[Any, ...]],
    before: str,
    after: str,
    cause: Cause,
    now: dt.datetime,
    *,
    actor_id: uuid.UUID | None = None,
    note: str | None = None,
) -> QuestionStep:
    """Return a step of a question (or a row with its `id` and `current_revision_id`), of the text that stands now."""
    return QuestionStep(
        question_id=question.id,
        revision_id=question.current_revision_id,
        from_state=before,
        to_state=after,
        cause=cause.value,
        actor_id=actor_id,
        note=note,
        at=now,
    )


async def states_of(session: AsyncSession, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the states of these questions."""
    rows = await session.execute(select(Question.id, Question.state).where(Question.id.in_(ids)))
    return {row.id: row.state for row in rows}


async def note_steps(
    session: AsyncSession, before: Mapping[uuid.UUID, str], *, now: dt.datetime, actor_id: uuid.UUID | None
) -> None:
    """Note a step, of the text that stands now, for each question that is no longer in the state `before`."""
    rows = await session.execute(
        select(Question.id, Question.state, Question.current_revision_id)
        .where(Question.id.in_(before))
        .order_by(Question.code)
    )
    session.add_all(
        step_of(row, before[row.id], row.state, Cause.PERSON, now, actor_id=actor_id, note=BY_IMPORT)
        for row in rows
        if row.state != before[row.id]
    )
    await session.flush()
