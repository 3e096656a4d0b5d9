"""Use cases of the bank: check the files, take them over, take over an upload of a bureau's own questions."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.bank.arrivals import arrive, to_use
from app.bank.balance import balance_errors, balance_of, balance_warnings
from app.bank.changing import lock_bank, raise_version
from app.bank.checking import (
    CONTEST_DAYS,
    CheckReport,
    Register,
    bank_problems,
    bank_table,
    bank_warnings,
    force_problems,
    registered_articles,
    settled,
)
from app.bank.confirming.service import keep_confirmations, mark_freed
from app.bank.craft import craft_errors, craft_warnings, expiring
from app.bank.entries import IN_USE, RETIRED, TO_CONFIRM, Entry, Plan, content_hash, option_ids, plan_import
from app.bank.expecting import expected_errors
from app.bank.files import Reading, read_directory, read_expected, read_register
from app.bank.footing import InDoubt
from app.bank.life.steps import note_steps, states_of
from app.bank.life.stops import keep_stops
from app.bank.listing import news_of
from app.bank.models import Instrument, LegalFact, Question, QuestionBasis, QuestionRevision
from app.bank.own import footing_on, put_back_own
from app.bank.queries import facts_of_register, held_questions, register, standing_of
from app.bank.reporting import refused, reported
from app.bank.rules import questions_needed
from app.bank.sheets import COLUMNS
from app.contests.rules import KINDS, DailyQuiz
from app.core import audit
from app.core.clock import local_day
from app.core.ids import new_id

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.own import PutBack
    from app.bank.reporting import ImportReport


def check_directory(directory: Path, day: dt.date) -> CheckReport:
    """Check a bank's folder as of `day` and count its questions (`check-bank`); nothing is written.

    Beyond what an import asks for, the folder as a whole must be well made and balanced: that is asked of the shipped
    bank, never of a bureau's own questions. What the folder promises of itself (`expects.toml`) must hold.
    """
    reading = read_directory(directory)
    read_register(reading, directory)
    found = bank_problems(reading.questions, reading.register)
    lapsed = force_problems(reading.questions, reading.register, day)
    quiz = DailyQuiz()
    used = [one.entry for one in reading.questions if one.whole and one.entry.state == IN_USE]
    balance = balance_of(used)
    out = {one.code for one in lapsed}
    promised = expected_errors(read_expected(reading, directory), [one for one in used if one.code not in out])
    return CheckReport(
        day=day,
        errors=(
            *reading.problems,
            *found,
            *lapsed,
            *craft_errors(reading.questions),
            *balance_errors(balance),
            *promised,
        ),
        warnings=(
            *bank_warnings(reading.questions),
            *craft_warnings(reading.questions),
            *expiring(reading.questions, reading.register, day),
            *balance_warnings(balance),
        ),
        balance=balance,
        articles=len(registered_articles(reading.register.facts or {})),
        table=bank_table(reading.questions),
        needed=questions_needed({kind: getattr(quiz, kind) for kind in KINDS}, CONTEST_DAYS),
    )


async def import_directory(
    session: AsyncSession,
    directory: Path,
    *,
    unit_id: uuid.UUID | None,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> ImportReport:
    """Take over a folder of questions; the same folder again changes nothing.

    Without `unit_id` it is the shipped bank: its register of instruments is taken over too, and shared questions
    that are no longer in the files are retired; what was confirmed in this installation stays confirmed
    as long as its text stays. With it the questions are that unit's own and rest on the register in the tables, and a
    new text is a draft, as in `import_upload`. A basis that has lapsed keeps a question from being drawn, not from
    being taken over.
    Any error: the report lists them, the first thousand of very many, and nothing was written.
    """
    reading = await asyncio.to_thread(read_directory, directory)
    if unit_id is None:
        await asyncio.to_thread(read_register, reading, directory)
    else:
        reading.register = await register(session)
    _as_registered(reading)
    problems = [*reading.problems, *await asyncio.to_thread(bank_problems, reading.questions, reading.register)]
    if problems:
        return refused(reading, problems, {})
    return await _take_over(session, reading, unit_id=unit_id, now=now, actor_id=actor_id)


async def import_upload(
    session: AsyncSession,
    reading: Reading,
    *,
    unit_id: uuid.UUID,
    sheet: bool,
    dry_run: bool,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> ImportReport:
    """Take over an uploaded file as a unit's own questions, or (`dry_run`) say what would happen.

    `sheet` tells that the file's author knows columns, not fields. What the file has in use must rest on instruments in
    force today, unless it is held just so: that its basis lapsed since is no news. A new text is a draft all the same,
    for two people put a question into use (app/bank/arrivals.py); that its law is not registered or confirmed is told
    (`advice`) and refused only then. Any error: the report lists them, the first thousand of very many, and nothing was
    written.
    """
    reading.register = await register(session)
    _as_registered(reading)
    news = list(news_of(reading.questions, await held_questions(session, unit_id)))
    problems = [
        *reading.problems,
        *await asyncio.to_thread(bank_problems, reading.questions, reading.register),
        *force_problems(news, reading.register, local_day(now)),
    ]
    if problems:
        return refused(reading, problems, COLUMNS if sheet else {})
    if dry_run:
        return reported(None, reading.rows, *await _planned(session, reading, unit_id, local_day(now)))
    return await _take_over(session, reading, unit_id=unit_id, now=now, actor_id=actor_id)


def _as_registered(reading: Reading) -> None:
    """Write every basis with the register's short name, once."""
    reading.questions = [
        question._replace(
            entry=dataclasses.replace(
                question.entry,
                basis=tuple(
                    dict.fromkeys(
                        dataclasses.replace(basis, instrument=reading.register.short_name(basis.instrument))
                        for basis in question.entry.basis
                    )
                ),
            )
        )
        for question in reading.questions
    ]


async def _planned(
    session: AsyncSession, reading: Reading, unit_id: uuid.UUID | None, day: dt.date
) -> tuple[Plan, int | None, InDoubt]:
    """Return what the files change, how many keep another state than theirs (None: the shared bank), the law in doubt."""
    held = await held_questions(session, unit_id)
    if unit_id is None:
        return plan_import([question.entry for question in reading.questions], held), None, InDoubt()
    arrivals = arrive(reading.questions, await standing_of(session, unit_id))
    plan = plan_import(arrivals.entries, held)
    footing = await footing_on(session, day)
    return plan, len(arrivals.kept), footing.in_doubt(to_use(plan, arrivals))


async def _take_over(
    session: AsyncSession,
    reading: Reading,
    *,
    unit_id: uuid.UUID | None,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> ImportReport:
    await lock_bank(session)
    instruments, freed = 0, frozenset[str]()
    lapsed: tuple[str, ...] = ()
    if unit_id is None:
        known, confirmed, lapsed = await keep_confirmations(session, reading.register)
        freed = _freed(reading, known, confirmed, local_day(now))
        instruments = await _upsert_instruments(session, known)
        await _upsert_facts(session, known)
    plan, kept, law = await _planned(session, reading, unit_id, local_day(now))
    changed = [held.question_id for held, _ in (*plan.revised, *plan.restated)]
    before = await states_of(session, [*changed, *(held.question_id for held in plan.missing if unit_id is None)])
    await _create(session, plan, unit_id, now, actor_id)
    await _revise(session, plan, now, actor_id)
    await keep_stops(session, plan, gone=plan.missing if unit_id is None else ())
    if unit_id is None and plan.missing:
        await session.execute(update(Question), [{"id": one.question_id, "state": RETIRED} for one in plan.missing])
    put_back: tuple[PutBack, ...] = ()
    if unit_id is None:
        await mark_freed(session, freed, now)
        put_back = await put_back_own(session, now)
    await note_steps(session, before, now=now, actor_id=actor_id)
    report = dataclasses.replace(reported(new_id(), reading.rows, plan, kept, law), lapsed=lapsed, put_back=put_back)
    if plan.created or plan.changed or instruments or lapsed or put_back or (unit_id is None and plan.missing):
        await raise_version(session)
    else:
        return report
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action="questions.import",
        subject=("question_import", report.id),
        after={
            "unit_id": str(unit_id) if unit_id else None,
            "created": [entry.code for entry in plan.created],
            "revised": [held.code for held, _ in plan.revised],
            "restated": {held.code: [held.state, entry.state] for held, entry in plan.restated},
            "missing": [held.code for held in plan.missing],
            "instruments": instruments,
            **({"lapsed": list(lapsed)} if lapsed else {}),
        },
    )
    return report


def _freed(reading: Reading, known: Register, confirmed: frozenset[str], day: dt.date) -> frozenset[str]:
    """Bring the questions that wait for a confirmation given here into use; return their codes."""
    freed = set()
    for place, question in enumerate(reading.questions):
        entry = question.entry
        if entry.state == TO_CONFIRM and settled(entry.facts, known, confirmed, day):
            reading.questions[place] = question._replace(entry=dataclasses.replace(entry, state=IN_USE))
            freed.add(entry.code)
    return frozenset(freed)


async def _upsert_facts(session: AsyncSession, shipped: Register) -> None:
    """Write the facts that are new or differ, delete those that are gone: no own question may rest on them further."""
    held = await facts_of_register(session)
    if gone := held.keys() - (shipped.facts or {}).keys():
        await session.execute(delete(LegalFact).where(LegalFact.id.in_(gone)))
    changed = [fact for fact in (shipped.facts or {}).values() if held.get(fact.id) != fact]
    if changed:
        statement = upsert(LegalFact)
        told = {name: statement.excluded[name] for name in dataclasses.asdict(changed[0]) if name != "id"}
        await session.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_=told),
            [dataclasses.asdict(fact) for fact in changed],
        )


async def _upsert_instruments(session: AsyncSession, shipped: Register) -> int:
    """Write the instruments that are new or differ; return how many."""
    held = {one.name: one for one in await session.scalars(select(Instrument))}
    written = 0
    for name, entry in shipped.instruments.items():
        values = dataclasses.asdict(entry)
        one = held.get(name)
        if one is None:
            session.add(Instrument(**values))
        elif any(getattr(one, member) != value for member, value in values.items()):
            for member, value in values.items():
                setattr(one, member, value)
        else:
            continue
        written += 1
    await session.flush()
    return written


async def _create(
    session: AsyncSession, plan: Plan, unit_id: uuid.UUID | None, now: dt.datetime, author_id: uuid.UUID | None
) -> None:
    revisions = [(new_id(), entry, _revision(new_id(), 1, entry, now, author_id)) for entry in plan.created]
    questions = [
        {
            "id": question_id,
            "unit_id": unit_id,
            "code": entry.code,
            "state": entry.state,
            "current_revision_id": revision["id"],
            "created_at": now,
        }
        for question_id, entry, revision in revisions
    ]
    if questions:
        await session.execute(insert(Question), questions)
        await _write_revisions(session, revisions)


async def _revise(session: AsyncSession, plan: Plan, now: dt.datetime, author_id: uuid.UUID | None) -> None:
    revisions = [
        (held.question_id, entry, _revision(new_id(), held.number + 1, entry, now, author_id))
        for held, entry in plan.revised
    ]
    if revisions:
        await _write_revisions(session, revisions)
        await session.execute(
            update(Question),
            [
                {"id": question_id, "state": entry.state, "current_revision_id": revision["id"]}
                for question_id, entry, revision in revisions
            ],
        )
    if plan.restated:
        await session.execute(
            update(Question), [{"id": held.question_id, "state": entry.state} for held, entry in plan.restated]
        )


async def _write_revisions(session: AsyncSession, revisions: Iterable[tuple[uuid.UUID, Entry, dict[str, Any]]]) -> None:
    rows, bases = [], []
    for question_id, entry, revision in revisions:
        rows.append({**revision, "question_id": question_id})
        bases += [
            {"revision_id": revision["id"], "instrument": one.instrument, "article": one.article} for one in entry.basis
        ]
    await session.execute(insert(QuestionRevision), rows)
    if bases:  # drafts may have none
        await session.execute(insert(QuestionBasis), bases)


def _revision(
    revision_id: uuid.UUID, number: int, entry: Entry, now: dt.datetime, author_id: uuid.UUID | None
) -> dict[str, Any]:
    letters = [letter for letter, _ in entry.options]
    ids = dict(zip(letters, option_ids(revision_id, letters), strict=True))
    return {
        "id": revision_id,
        "number": number,
        "content_hash": content_hash(entry),
        "kind": entry.kind,
        "topic": entry.topic,
        "difficulty": entry.difficulty,
        "stem": entry.stem,
        "option_ids": list(ids.values()),
        "option_texts": [words for _, words in entry.options],
        "key": ",".join(sorted(ids[letter] for letter in entry.key)),
        "explanation": entry.explanation,
        "basis": [dataclasses.asdict(one) for one in entry.basis],
        "facts": list(entry.facts),
        "author_id": author_id,
        "created_at": now,
    }
