"""Reads of a question's life: its standing and steps, bases that end, and the pool as it was at a version."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import exists, or_, select, text

from app.bank.entries import DRAFT, RETIRED
from app.bank.life.models import BasisWarning, Cause, QuestionStep, QuestionStop
from app.bank.life.rules import FOLLOWS_BASIS, REVIEWED, WARN_DAYS, Force, Standing
from app.bank.models import Instrument, Question, QuestionBasis
from app.bank.queries import administered_by, question_of
from app.bank.rules import Drawable, Pool, is_case
from app.roster.models import Officer, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.models import QuestionRevision
    from app.roster.access import Caller


class StepTaken(NamedTuple):
    """A step with who took it; None where the end of a basis or an operator's command did."""

    step: QuestionStep
    actor: Officer | None


@dataclass(frozen=True)
class Life:
    """A question with its present text, its stop if there is one, the steps taken (newest first), and its standing."""

    question: Question
    revision: QuestionRevision
    unit: Unit | None
    stop: QuestionStop | None
    steps: list[StepTaken]
    standing: Standing


async def life_of(session: AsyncSession, caller: Caller, question_id: str) -> Life:
    """Return the life of a question that the caller may read; raises NotFound for a foreign one."""
    (question, revision, unit), _ = await question_of(session, caller, question_id)
    stop = await session.get(QuestionStop, question.id)
    rows = await session.execute(
        select(QuestionStep, Officer)
        .outerjoin(Officer, Officer.id == QuestionStep.actor_id)
        .where(QuestionStep.question_id == question.id)
        .order_by(QuestionStep.at.desc(), QuestionStep.id.desc())
    )
    steps = [StepTaken(*row) for row in rows]
    missing = [word for word, held in (("解析", revision.explanation), ("法律依据", revision.basis)) if not held]
    standing = Standing(
        state=question.state,
        shipped=question.unit_id is None,
        would_be=stop.would_be if stop else None,
        author_id=revision.author_id,
        reviewer_ids={step.actor_id for step in reviews(steps, revision.id) if step.actor_id},
        missing=tuple(missing),
        bases=await _forces(session, revision.id),
    )
    return Life(question, revision, unit, stop, steps, standing)


def reviews(steps: Iterable[StepTaken], revision_id: uuid.UUID) -> list[QuestionStep]:
    """Return the reviews of this text that count, of a question's steps, newest first.

    Whoever sends a question back to 草稿, or stops it, takes the reviews before that back; the end of a basis does not.
    """
    since = itertools.takewhile(lambda one: not _takes_back(one.step), steps)
    return [one.step for one in since if (one.step.revision_id, one.step.to_state) == (revision_id, REVIEWED)]


def _takes_back(step: QuestionStep) -> bool:
    return step.cause == Cause.PERSON and step.to_state in {DRAFT, RETIRED}


async def _forces(session: AsyncSession, revision_id: uuid.UUID) -> tuple[Force, ...]:
    rows = await session.execute(
        select(Instrument.name, Instrument.in_force_from, Instrument.in_force_to)
        .join(QuestionBasis, QuestionBasis.instrument == Instrument.name)
        .where(QuestionBasis.revision_id == revision_id)
        .distinct()
        .order_by(Instrument.name)
    )
    return tuple(Force(*row) for row in rows)


class Resting(NamedTuple):
    """An instrument whose force ends, and the questions (id, code) that rest on it."""

    instrument: str
    full_name: str
    ends_on: dt.date
    noticed_at: dt.datetime | None
    questions: list[tuple[uuid.UUID, str]]


async def ending(session: AsyncSession, caller: Caller, *, first: dt.date, last: dt.date) -> list[Resting]:
    """Return the instruments whose last day lies between these days with the caller's questions that live on them.

    Live ones are 已核, 启用 and 待复核, and those that their basis has retired already; instruments without any are
    left out. The earliest end comes first.
    """
    rows = await session.execute(
        select(Instrument.name, Instrument.full_name, Instrument.in_force_to, BasisWarning.noticed_at)
        .add_columns(Question.id, Question.code)
        .join(QuestionBasis, QuestionBasis.instrument == Instrument.name)
        .join(Question, Question.current_revision_id == QuestionBasis.revision_id)
        .outerjoin(Unit, Unit.id == Question.unit_id)
        .outerjoin(QuestionStop, QuestionStop.question_id == Question.id)
        .outerjoin(
            BasisWarning,
            (BasisWarning.instrument == Instrument.name) & (BasisWarning.ends_on == Instrument.in_force_to),
        )
        .where(
            Instrument.in_force_to.between(first, last),
            or_(Question.state.in_(FOLLOWS_BASIS), (Question.state == RETIRED) & (QuestionStop.cause == Cause.BASIS)),
            administered_by(caller),
        )
        .distinct()
        .order_by(Instrument.in_force_to, Instrument.name, Question.code, Question.id)
    )
    found: dict[str, Resting] = {}
    for name, full_name, ends_on, noticed_at, question_id, code in rows:
        one = found.setdefault(name, Resting(name, full_name, ends_on, noticed_at, []))
        one.questions.append((question_id, code))
    return list(found.values())


class EndAhead(NamedTuple):
    """An instrument whose force ends soon, with the live questions on it: code, and the owner's path (None: shared)."""

    instrument: str
    full_name: str
    ends_on: dt.date
    questions: list[tuple[str, list[uuid.UUID] | None]]


async def ends_ahead(session: AsyncSession, day: dt.date, *, unnoticed: bool = False) -> list[EndAhead]:
    """Return the instruments that end on `day` or within thirty days and on which live questions rest, earliest first.

    `unnoticed`: only those of whose end no warning was noted yet.
    """
    wanted = (
        select(Instrument.name, Instrument.full_name, Instrument.in_force_to)
        .add_columns(Question.code, Unit.path)
        .join(QuestionBasis, QuestionBasis.instrument == Instrument.name)
        .join(Question, Question.current_revision_id == QuestionBasis.revision_id)
        .outerjoin(Unit, Unit.id == Question.unit_id)
        .where(
            Instrument.in_force_to.between(day, day.fromordinal(day.toordinal() + WARN_DAYS)),
            Question.state.in_(FOLLOWS_BASIS),
        )
        .distinct()
        .order_by(Instrument.in_force_to, Instrument.name, Question.code)
    )
    if unnoticed:
        noted = (BasisWarning.instrument == Instrument.name) & (BasisWarning.ends_on == Instrument.in_force_to)
        wanted = wanted.where(~exists().where(noted))
    found: dict[str, EndAhead] = {}
    for name, full_name, ends_on, code, path in await session.execute(wanted):
        found.setdefault(name, EndAhead(name, full_name, ends_on, [])).questions.append((code, path))
    return list(found.values())


# The texts and states from the newest row up to the version; the same conditions as for today's pool.
_POOL_AT = text("""
WITH held AS (
    SELECT DISTINCT ON (question_id) question_id, state, revision_id
    FROM question_history WHERE version <= :version ORDER BY question_id, version DESC
), known AS (
    SELECT DISTINCT ON (name) name, in_force_from, in_force_to
    FROM instrument_history WHERE version <= :version ORDER BY name, version DESC
)
SELECT r.id, r.question_id, r.kind, r.topic, r.stem
FROM held
JOIN question_revision r ON r.id = held.revision_id
JOIN question q ON q.id = held.question_id
WHERE held.state = 'in_use' AND (q.unit_id IS NULL OR q.unit_id = ANY(CAST(:owners AS uuid[])))
  AND NOT EXISTS (
      SELECT FROM question_basis b JOIN known ON known.name = b.instrument
      WHERE b.revision_id = r.id AND (known.in_force_from > :day OR known.in_force_to < :day))
""")


async def pool_at(session: AsyncSession, version: int, *, owners: Sequence[uuid.UUID], day: dt.date) -> Pool:
    """Return what could be drawn on `day` when the bank was at `version`: `load_pool` of the past."""
    parameters: dict[str, Any] = {"version": version, "owners": list(owners), "day": day}
    rows = (await session.execute(_POOL_AT, parameters)).all()
    return Pool(
        (
            Drawable(row.id, row.question_id, row.kind, row.topic, stem_length=len(row.stem), case=is_case(row.stem))
            for row in rows
        ),
        version=version,
    )
