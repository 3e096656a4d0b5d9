"""Stops under imports: what a person stopped stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app.bank.entries import RETIRED
from app.bank.life.models import Cause, QuestionStop
from app.bank.models import Question

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.entries import Held, Plan


async def keep_stops(session: AsyncSession, plan: Plan, *, gone: Iterable[Held]) -> None:
    """Keep stopped what a person stopped, after an import has written `plan`; a new text or state ends other stops.

    `gone` are shared questions that the files no longer hold. Plans compare with what the files last said of a
    question (`would_be`), so that a stop alone changes nothing.
    """
    said: dict[uuid.UUID, str] = {held.question_id: entry.state for held, entry in (*plan.revised, *plan.restated)}
    said |= {held.question_id: RETIRED for held in gone}
    stops = await session.scalars(select(QuestionStop).where(QuestionStop.question_id.in_(said)))
    for stop in stops.all():
        if stop.cause == Cause.PERSON:
            stop.would_be = said[stop.question_id]
            await session.execute(update(Question).where(Question.id == stop.question_id).values(state=RETIRED))
        else:
            await session.delete(stop)
    await session.flush()
