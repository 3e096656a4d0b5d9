"""Steps under imports: what a file changed about states stands among a question's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.bank.life.models import Cause, QuestionStep
from app.bank.models import Question

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

BY_IMPORT = "导入题目文件"


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
        QuestionStep(
            question_id=row.id,
            revision_id=row.current_revision_id,
            from_state=before[row.id],
            to_state=row.state,
            cause=Cause.PERSON.value,
            actor_id=actor_id,
            note=BY_IMPORT,
            at=now,
        )
        for row in rows
        if row.state != before[row.id]
    )
    await session.flush()
