"""Use cases: a person's step, a stop of a shared question, and the round that follows the ends of legal bases."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.bank.changing import lock_bank, raise_version
from app.bank.checking import settled
from app.bank.confirming.service import confirmations
from app.bank.entries import IN_USE, RETIRED, TO_CONFIRM
from app.bank.life.models import BasisWarning, Cause, QuestionStop
from app.bank.life.queries import ends_ahead, life_of
from app.bank.life.rules import FOLLOWS_BASIS, basis_notice, check_step
from app.bank.life.steps import step_of
from app.bank.models import Question, QuestionRevision
from app.bank.own import doubts_about, footing_on
from app.bank.queries import whole_register
from app.core import audit
from app.core.clock import Clock, local_day
from app.core.errors import Forbidden
from app.roster.access import require_for_all

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.life.queries import Life
    from app.bank.life.rules import Standing
    from app.core.wiring import Services
    from app.roster.access import Caller

log = structlog.get_logger(__name__)


async def set_state(
    session: AsyncSession, caller: Caller, question_id: str, wanted: str, *, note: str | None, now: dt.datetime
) -> bool:
    """Put a question into the state `wanted`; return whether anything changed (the same again changes nothing).

    A shared question can only be stopped for good at this installation, and that undone. Raises NotFound, Forbidden
    (a unit above owns it; a shared one by who may not act for all) or what `check_step` raises.
    """
    await lock_bank(session)
    life = await life_of(session, caller, question_id)
    day = local_day(now)
    await _refuse_place(session, caller, life, day)
    by_basis = life.stop is not None and life.stop.cause == Cause.BASIS
    if wanted == life.question.state and not (by_basis and wanted == RETIRED):
        return False
    if wanted != RETIRED or not by_basis:  # retired by its basis: a person may make that final
        check_step(await _judged(session, life, wanted, day), wanted, actor_id=caller.officer_id, day=day)
    before = life.question.state
    after = await _put(session, life, wanted, note=note, now=now, actor_id=caller.officer_id)
    session.add(step_of(life.question, before, after, Cause.PERSON, now, actor_id=caller.officer_id, note=note))
    await raise_version(session)
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="question.state",
        subject=("question", life.question.id),
        before={"code": life.question.code, "state": before},
        after={"state": after, "revision": life.revision.number},
        reason=note,
    )
    return True


async def _judged(session: AsyncSession, life: Life, wanted: str, day: dt.date) -> Standing:
    """Return the standing with what is in doubt about a bureau's own question that is to come into use."""
    if wanted != IN_USE or life.unit is None:
        return life.standing
    doubts = doubts_about(life.revision, await footing_on(session, day))
    return dataclasses.replace(life.standing, doubts=tuple(doubts))


async def _refuse_place(session: AsyncSession, caller: Caller, life: Life, day: dt.date) -> None:
    """Raise Forbidden for a question of a unit above, or a shared one that is another administrator's to stop."""
    if life.unit is not None:
        if caller.unit_id not in life.unit.path:
            raise Forbidden(f"这道题归{life.unit.name}所有，请由{life.unit.name}的管理员办理。")
        return
    await require_for_all(session, caller, day=day, what="共用题库的题目停用后对全系统生效")


async def _put(
    session: AsyncSession, life: Life, wanted: str, *, note: str | None, now: dt.datetime, actor_id: uuid.UUID
) -> str:
    """Write state and stop; return the state that the question has now."""
    question, stop = life.question, life.stop
    after = wanted
    if question.unit_id is None and wanted == RETIRED:
        values = {"cause": Cause.PERSON.value, "since": now, "actor_id": actor_id, "note": note}
        held = insert(QuestionStop).values(question_id=question.id, would_be=question.state, **values)
        await session.execute(held.on_conflict_do_update(index_elements=["question_id"], set_=values))
    elif stop is not None:
        await session.delete(stop)
        if question.unit_id is None:
            after = await _as_confirmed(session, question, stop.would_be, now)
    question.state = after
    await session.flush()
    return after


async def _as_confirmed(session: AsyncSession, question: Question, would_be: str, now: dt.datetime) -> str:
    """Return what a stopped question is to be again; a confirmation may have come or gone meanwhile.

    Of a shared one that is noted as `freed_at`, so that a withdrawal finds it.
    """
    if question.unit_id is not None and would_be == IN_USE:
        own = await session.get_one(QuestionRevision, question.current_revision_id)
        return TO_CONFIRM if doubts_about(own, await footing_on(session, local_day(now))) else IN_USE
    if question.unit_id is not None or (would_be != TO_CONFIRM and question.freed_at is None):
        return would_be
    known = await whole_register(session)
    revision = await session.get_one(QuestionRevision, question.current_revision_id)
    free = settled(revision.facts, known, frozenset(await confirmations(session)), local_day(now))
    question.freed_at = (question.freed_at or now) if free else None
    return IN_USE if free else TO_CONFIRM


class Followed(NamedTuple):
    """What one round did: questions retired with their basis, brought back with it, ends of bases noticed."""

    retired: int
    returned: int
    noticed: int


async def follow_bases(
    services: Services, *, now: dt.datetime | None = None, stopping: Callable[[], bool] = lambda: False
) -> Followed:
    """Retire what rests on a basis that ended, bring back what a changed basis holds again, notice ends ahead.

    Any number of processes may do it, as often as they like: a round that finds nothing due writes nothing. `now` None
    is the database's clock.
    """
    clock = services.clock if now is None else Clock(lambda: now)
    async with services.database.reads() as session:
        instant = await clock.now(session)
        if stopping() or not await _due(session, local_day(instant)):
            return Followed(0, 0, 0)
    async with services.database.sessions.begin() as session:
        done, told = await _follow(session, await clock.now(session))
    for line in told:
        log.warning("legal basis ends", **line)
    if done.retired or done.returned:
        log.info("questions followed their bases", retired=done.retired, returned=done.returned)
    return done


# Of each question that lives on an instrument, or was retired with one: has one of its bases ended, is any not in force.
_FORCE = """
SELECT q.id, bool_or(i.in_force_to < :day) AS ended, bool_and(i.in_force_from <= :day
       AND (i.in_force_to IS NULL OR i.in_force_to >= :day)) AS holds
FROM question q
JOIN question_basis b ON b.revision_id = q.current_revision_id
JOIN instrument i ON i.name = b.instrument
"""
_ENDED = text(_FORCE + " WHERE q.state = ANY(:states) GROUP BY q.id HAVING bool_or(i.in_force_to < :day)")
_HOLDING = text(
    _FORCE
    + " JOIN question_stop s ON s.question_id = q.id AND s.cause = 'basis' GROUP BY q.id"
    + " HAVING bool_and(i.in_force_from <= :day AND (i.in_force_to IS NULL OR i.in_force_to >= :day))"
)


async def _due(session: AsyncSession, day: dt.date) -> bool:
    ended, holding = await _moved(session, day)
    return bool(ended or holding or await ends_ahead(session, day, unnoticed=True))


async def _moved(session: AsyncSession, day: dt.date) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """Return the questions to retire and those to bring back."""
    ended = await session.scalars(_ENDED, {"day": day, "states": list(FOLLOWS_BASIS)})
    holding = await session.scalars(_HOLDING, {"day": day})
    return list(ended), list(holding)


async def _follow(session: AsyncSession, now: dt.datetime) -> tuple[Followed, list[dict[str, Any]]]:
    """Do what is due behind the bank's lock; return it and the lines to log once it is committed."""
    await lock_bank(session)
    day = local_day(now)
    ended, holding = await _moved(session, day)
    retired = await _retire(session, ended, now)
    returned = await _return(session, holding, now)
    told = []
    for one in await ends_ahead(session, day, unnoticed=True):
        codes = sorted({code for code, _ in one.questions})
        notice = basis_notice(one.full_name, one.ends_on, codes, day=day)
        session.add(BasisWarning(instrument=one.instrument, ends_on=one.ends_on, noticed_at=now))
        told.append(
            {"instrument": one.instrument, "ends_on": one.ends_on.isoformat(), "questions": len(codes)}
            | {"notice": notice.title}
        )
    if retired or returned:
        await raise_version(session)
        await audit.append(
            session,
            now=now,
            actor_id=None,
            action="questions.follow_bases",
            subject=("bank", day),
            after={"retired": retired, "returned": returned},
        )
    return Followed(sum(map(len, retired.values())), len(returned), len(told)), told


async def _retire(session: AsyncSession, ids: Sequence[uuid.UUID], now: dt.datetime) -> dict[str, list[str]]:
    """Retire these questions; return their codes by the state that they were in."""
    codes: dict[str, list[str]] = defaultdict(list)
    for question in await _questions(session, ids):
        codes[question.state].append(question.code)
        held = {"cause": Cause.BASIS.value, "would_be": question.state, "since": now, "actor_id": None, "note": None}
        stop = insert(QuestionStop).values(question_id=question.id, **held)
        await session.execute(stop.on_conflict_do_update(index_elements=["question_id"], set_=held))
        session.add(step_of(question, question.state, RETIRED, Cause.BASIS, now))
        question.state = RETIRED
    await session.flush()
    return dict(codes)


async def _return(session: AsyncSession, ids: Sequence[uuid.UUID], now: dt.datetime) -> list[str]:
    stops = {stop.question_id: stop for stop in await session.scalars(_stops(ids))}
    questions = await _questions(session, ids)
    for question in questions:
        would_be = await _as_confirmed(session, question, stops[question.id].would_be, now)
        session.add(step_of(question, question.state, would_be, Cause.BASIS, now))
        question.state = would_be
    await session.flush()
    await session.execute(delete(QuestionStop).where(QuestionStop.question_id.in_(ids)))
    return [question.code for question in questions]


async def _questions(session: AsyncSession, ids: Sequence[uuid.UUID]) -> Sequence[Question]:
    found = await session.scalars(select(Question).where(Question.id.in_(ids)).order_by(Question.code, Question.id))
    return found.all()


def _stops(ids: Sequence[uuid.UUID]) -> Any:
    return select(QuestionStop).where(QuestionStop.question_id.in_(ids))
