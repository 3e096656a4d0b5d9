"""Use cases around a unit's own questions: how they stand before an import, what they rest on, back to 待复核."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from app.bank.entries import IN_USE, TO_CONFIRM, Basis
from app.bank.footing import Doubt, Footing
from app.bank.life.models import Cause
from app.bank.life.steps import step_of
from app.bank.models import Question, QuestionRevision
from app.bank.queries import whole_register
from app.core import audit
from app.core.clock import local_day
from app.roster.models import Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession


async def footing_on(session: AsyncSession, day: dt.date) -> Footing:
    """Return what the tables' register and facts let questions rest on."""
    return Footing(await whole_register(session), day)


def doubts_about(revision: QuestionRevision, footing: Footing) -> list[Doubt]:
    """Return what keeps this text from use."""
    return footing.doubts((Basis(one["instrument"], one["article"]) for one in revision.basis), revision.facts)


class PutBack(NamedTuple):
    """A unit by name, and how many of its own questions wait again."""

    unit: str
    questions: int


async def put_back_own(session: AsyncSession, now: dt.datetime) -> tuple[PutBack, ...]:
    """Let units' own questions in use wait (待复核) that nothing vouches for any more; return whose, and how many.

    Call it behind the bank's lock, after a change of the register, and raise the bank's version. Each unit's audit
    names its own questions only.
    """
    rows = await session.execute(
        select(Question, QuestionRevision)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .where(Question.unit_id.is_not(None), Question.state == IN_USE)
        .order_by(Question.code)
    )
    footing = await footing_on(session, local_day(now))
    back: dict[uuid.UUID | None, list[str]] = defaultdict(list)
    for question, revision in rows:
        doubts = doubts_about(revision, footing)
        if not doubts:
            continue
        session.add(step_of(question, question.state, TO_CONFIRM, Cause.BASIS, now, note=doubts[0].said))
        question.state = TO_CONFIRM
        back[question.unit_id].append(question.code)
    await session.flush()
    for unit_id, codes in back.items():
        await audit.append(
            session,
            now=now,
            actor_id=None,
            action="questions.put_back",
            subject=("bank", unit_id),
            after={"unit_id": str(unit_id), "to_confirm": codes},
        )
    names = await session.execute(select(Unit.id, Unit.name).where(Unit.id.in_(back)).order_by(Unit.name, Unit.id))
    return tuple(PutBack(row.name, len(back[row.id])) for row in names)
