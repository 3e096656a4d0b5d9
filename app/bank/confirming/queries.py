"""Reads of the register for those who confirm: instruments with their confirmations and their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from app.bank.entries import IN_USE, TO_CONFIRM
from app.bank.models import Instrument, InstrumentConfirmation, Question, QuestionBasis

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


class Registered(NamedTuple):
    """An instrument, its confirmation here, and how many shared questions in use and waiting rest on it."""

    instrument: Instrument
    confirmation: InstrumentConfirmation | None
    in_use: int
    to_confirm: int


async def instruments(
    session: AsyncSession, *, after: str | None = None, limit: int = 200, only: str | None = None, waiting: bool = False
) -> list[Registered]:
    """Return up to `limit` instruments by name; `waiting`: only those for which a question waits."""
    rests = (
        select(
            QuestionBasis.instrument,
            func.count(Question.id.distinct()).filter(Question.state == IN_USE).label("in_use"),
            func.count(Question.id.distinct()).filter(Question.state == TO_CONFIRM).label("to_confirm"),
        )
        .join(Question, Question.current_revision_id == QuestionBasis.revision_id)
        .where(Question.unit_id.is_(None))
        .group_by(QuestionBasis.instrument)
        .subquery()
    )
    wanted: Any = (
        select(
            Instrument,
            InstrumentConfirmation,
            func.coalesce(rests.c.in_use, 0),
            func.coalesce(rests.c.to_confirm, 0),
        )
        .outerjoin(InstrumentConfirmation, InstrumentConfirmation.instrument == Instrument.name)
        .outerjoin(rests, rests.c.instrument == Instrument.name)
        .order_by(Instrument.name)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Instrument.name > after)
    if only is not None:
        wanted = wanted.where(Instrument.name == only)
    if waiting:
        wanted = wanted.where(rests.c.to_confirm > 0)
    return [Registered(*row) for row in await session.execute(wanted)]
