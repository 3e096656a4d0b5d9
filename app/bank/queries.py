"""Reads of the bank: what may be drawn on a day, the text of revisions, the register, and administration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, or_, select, text, tuple_

from app.bank.arrivals import Stood
from app.bank.checking import Fact, InstrumentEntry, Register
from app.bank.entries import IN_USE, LETTERS, TO_CONFIRM, Basis, Entry, Held
from app.bank.life.models import QuestionStop
from app.bank.models import BankVersion, Instrument, LegalFact, Question, QuestionBasis, QuestionRevision
from app.bank.rules import Drawable, Pool, is_case
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.roster.access import in_subtree
from app.roster.models import Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from app.roster.access import Caller


@dataclass(frozen=True, slots=True)
class RevisionView:
    """An immutable text of a question; `options` are (id, text) in the author's order, `key` the right ids."""

    id: uuid.UUID
    question_id: uuid.UUID
    code: str
    kind: str
    topic: str
    stem: str
    options: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    explanation: str
    basis: tuple[dict[str, str], ...]


async def bank_version(session: AsyncSession) -> int:
    """Return the number that every change of the bank raises."""
    return (await session.execute(select(BankVersion.version))).scalar_one()


async def owning_units(session: AsyncSession) -> frozenset[uuid.UUID]:
    """Return the units that have questions of their own."""
    found = await session.scalars(select(Question.unit_id).where(Question.unit_id.is_not(None)).distinct())
    return frozenset(unit_id for unit_id in found if unit_id is not None)


def _in_force(day: dt.date) -> ColumnElement[bool]:
    """Condition on QuestionRevision: every instrument that it rests on is in force on `day`."""
    lapsed = (
        select(QuestionBasis.revision_id)
        .join(Instrument, Instrument.name == QuestionBasis.instrument)
        .where(
            QuestionBasis.revision_id == QuestionRevision.id,
            or_(Instrument.in_force_from > day, Instrument.in_force_to < day),
        )
    )
    return ~lapsed.exists()


async def load_pool(session: AsyncSession, *, owners: Sequence[uuid.UUID], day: dt.date) -> Pool:
    """Return what may be drawn on `day`: in use, every basis in force, of the shared bank or of these units."""
    found = await session.execute(
        select(
            QuestionRevision.id,
            QuestionRevision.question_id,
            QuestionRevision.kind,
            QuestionRevision.topic,
            QuestionRevision.stem,
            select(BankVersion.version).scalar_subquery().label("version"),
        )
        .join(Question, Question.current_revision_id == QuestionRevision.id)
        .where(
            Question.state == IN_USE,
            or_(Question.unit_id.is_(None), Question.unit_id.in_(owners)),
            _in_force(day),
        )
    )
    rows = found.all()
    # Stems are read through once for a pool and not kept.
    return Pool(
        (
            Drawable(row.id, row.question_id, row.kind, row.topic, stem_length=len(row.stem), case=is_case(row.stem))
            for row in rows
        ),
        version=rows[0].version if rows else None,
    )


async def load_revisions(
    connection: AsyncSession | AsyncConnection, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, RevisionView]:
    """Return these revisions by id; an unknown id is left out."""
    rows = await connection.execute(
        select(
            QuestionRevision.id,
            QuestionRevision.question_id,
            Question.code,
            QuestionRevision.kind,
            QuestionRevision.topic,
            QuestionRevision.stem,
            QuestionRevision.option_ids,
            QuestionRevision.option_texts,
            QuestionRevision.key,
            QuestionRevision.explanation,
            QuestionRevision.basis,
        )
        .join(Question, Question.id == QuestionRevision.question_id)
        .where(QuestionRevision.id.in_(list(ids)))
    )
    return {
        row.id: RevisionView(
            id=row.id,
            question_id=row.question_id,
            code=row.code,
            kind=row.kind,
            topic=row.topic,
            stem=row.stem,
            options=tuple(zip(row.option_ids, row.option_texts, strict=True)),
            key=tuple(row.key.split(",")),
            explanation=row.explanation,
            basis=tuple(row.basis),
        )
        for row in rows
    }


async def register(session: AsyncSession) -> Register:
    """Return the register of instruments as the tables hold it, without facts: a bureau's questions need none."""
    found = await session.scalars(select(Instrument))
    entries = (
        InstrumentEntry(
            name=one.name,
            full_name=one.full_name,
            issuer=one.issuer,
            in_force_from=one.in_force_from,
            in_force_to=one.in_force_to,
            checked_to=one.checked_to,
            confirmed_by=one.confirmed_by,
            note=one.note,
        )
        for one in found
    )
    return Register({one.name: one for one in entries})


async def whole_register(session: AsyncSession) -> Register:
    """Return the register with its facts, as the tables hold both."""
    return Register((await register(session)).instruments, await facts_of_register(session))


async def facts_of_register(session: AsyncSession) -> dict[str, Fact]:
    """Return the facts by id as the last import of the shipped register left them."""
    found = await session.scalars(select(LegalFact))
    return {
        one.id: Fact(
            id=one.id,
            instrument=one.instrument,
            article=one.article,
            valid_from=one.valid_from,
            valid_to=one.valid_to,
            confidence=one.confidence,
            force_check=one.force_check,
        )
        for one in found
    }


async def held_questions(session: AsyncSession, unit_id: uuid.UUID | None) -> dict[str, Held]:
    """Return what the tables hold of one owner's questions (None: the shared bank), by code.

    The state is what files or owner said last, also of a question that was stopped against it.
    """
    rows = await session.execute(
        select(
            Question.code,
            Question.id,
            QuestionRevision.number,
            func.coalesce(QuestionStop.would_be, Question.state),
            QuestionRevision.content_hash,
        )
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .outerjoin(QuestionStop, QuestionStop.question_id == Question.id)
        .where(Question.unit_id.is_(None) if unit_id is None else Question.unit_id == unit_id)
    )
    return {row.code: Held(*row) for row in rows}


async def entries_of(
    session: AsyncSession,
    unit_id: uuid.UUID | None,
    *,
    state: str | None = None,
    topic: str | None = None,
    authored: bool = False,
) -> list[Entry]:
    """Return one owner's questions (None: the shared bank) as their authors write them, by code.

    With `authored` a question that only a confirmation given here brought into use still waits, and one that is
    stopped here is not, as its file says. An own question that its basis retired is what its owner said last, too: only
    so may it come back with its basis after an export was taken in again. `state` is the one that it has now.
    """
    wanted = (
        select(Question, QuestionRevision, QuestionStop.would_be)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .outerjoin(QuestionStop, QuestionStop.question_id == Question.id)
        .where(Question.unit_id.is_(None) if unit_id is None else Question.unit_id == unit_id)
        .order_by(Question.code)
    )
    if state is not None:
        wanted = wanted.where(Question.state == state)
    if topic is not None:
        wanted = wanted.where(QuestionRevision.topic == topic)
    rows = await session.execute(wanted)
    return [
        _entry(question, revision, _said(question, would_be, authored=authored))
        for question, revision, would_be in rows
    ]


async def standing_of(session: AsyncSession, unit_id: uuid.UUID) -> dict[str, Stood]:
    """Return a unit's own questions as they stand, by code."""
    rows = await session.execute(
        select(Question, QuestionRevision, QuestionStop.would_be)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .outerjoin(QuestionStop, QuestionStop.question_id == Question.id)
        .where(Question.unit_id == unit_id)
    )
    return {
        question.code: Stood(_entry(question, revision, question.state), revision.content_hash, would_be)
        for question, revision, would_be in rows
    }


def _said(question: Question, would_be: str | None, *, authored: bool) -> str:
    """Return the state that an export tells.

    A shared question that is stopped here stays so in a workbook: whoever makes it an own one must not get it in use.
    """
    told = would_be if would_be is not None and (authored or question.unit_id is not None) else question.state
    return TO_CONFIRM if authored and question.freed_at is not None and told == IN_USE else told


def _entry(question: Question, revision: QuestionRevision, state: str) -> Entry:
    letters = dict(zip(revision.option_ids, LETTERS, strict=False))
    return Entry(
        code=question.code,
        kind=revision.kind,
        topic=revision.topic,
        difficulty=revision.difficulty,
        stem=revision.stem,
        options=tuple(zip(LETTERS, revision.option_texts, strict=False)),
        key=tuple(sorted(letters[option_id] for option_id in revision.key.split(","))),
        explanation=revision.explanation,
        basis=tuple(Basis(one["instrument"], one["article"]) for one in revision.basis),
        facts=tuple(revision.facts),
        state=state,
    )


class Administered(NamedTuple):
    """A question with its current text and its owner (None: the shared bank)."""

    question: Question
    revision: QuestionRevision
    unit: Unit | None


def administered_by(caller: Caller) -> ColumnElement[bool]:
    """Condition on Question and Unit: shared, of the caller's subtree, or of a unit above (its contests draw it)."""
    return or_(Question.unit_id.is_(None), Question.unit_id.in_(caller.unit_path), in_subtree(caller))


async def questions_of(
    session: AsyncSession,
    caller: Caller,
    *,
    state: str | None,
    topic: str | None,
    words: str | None,
    after: tuple[str, uuid.UUID] | None,
    limit: int,
) -> list[Administered]:
    """Return up to `limit` questions that the caller administers or whose contests draw them, by code.

    `words` is looked for in stem and code; `after` is the place of the last question of the page before.
    """
    wanted = (
        select(Question, QuestionRevision, Unit)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .outerjoin(Unit, Unit.id == Question.unit_id)
        .where(administered_by(caller))
        .order_by(Question.code, Question.id)
        .limit(limit)
    )
    if state is not None:
        wanted = wanted.where(Question.state == state)
    if topic is not None:
        wanted = wanted.where(QuestionRevision.topic == topic)
    if words is not None:
        wanted = wanted.where(
            or_(
                QuestionRevision.stem.icontains(words, autoescape=True),
                Question.code.icontains(words, autoescape=True),
            )
        )
    if after is not None:
        wanted = wanted.where(tuple_(Question.code, Question.id) > after)
    rows = await session.execute(wanted)
    return [Administered(*row) for row in rows]


async def question_of(
    session: AsyncSession, caller: Caller, question_id: str
) -> tuple[Administered, list[QuestionRevision]]:
    """Return one question with all its revisions, the newest first; raises NotFound for a foreign one."""
    rows = await session.execute(
        select(Question, QuestionRevision, Unit)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .outerjoin(Unit, Unit.id == Question.unit_id)
        .where(Question.id == parse_id(question_id), administered_by(caller))
    )
    row = rows.first()
    if row is None:
        raise NotFound("没有找到该题目。")
    revisions = await session.scalars(
        select(QuestionRevision)
        .where(QuestionRevision.question_id == row[0].id)
        .order_by(QuestionRevision.number.desc())
    )
    return Administered(*row), list(revisions)


# Papers and answers belong to a package above this one, hence plain SQL. Contests that cover the caller's unit or
# lie below it: elsewhere the question is used by others.
_USE = text("""
    WITH near AS (
        SELECT contest.id FROM contest JOIN unit ON unit.id = contest.unit_id
        WHERE contest.unit_id = ANY(CAST(:path AS uuid[])) OR unit.path @> ARRAY[CAST(:unit AS uuid)]
    ), used AS (
        SELECT paper.id FROM paper
        WHERE paper.contest_id IN (SELECT id FROM near) AND paper.revision_ids && CAST(:revisions AS uuid[])
    )
    SELECT (SELECT count(*) FROM used) AS papers, count(answer.paper_id) AS answered,
           count(*) FILTER (WHERE answer.correct) AS correct
    FROM used LEFT JOIN answer ON answer.paper_id = used.id AND answer.revision_id = ANY(CAST(:revisions AS uuid[]))
""")


async def use_of(session: AsyncSession, caller: Caller, revisions: Iterable[uuid.UUID]) -> dict[str, Any]:
    """Return how many papers hold one of these revisions, how many answers they got, and how many were correct."""
    parameters = {"path": list(caller.unit_path), "unit": caller.unit_id, "revisions": list(revisions)}
    row = (await session.execute(_USE, parameters)).one()
    return {"papers": row.papers, "answered": row.answered, "correct": row.correct}
