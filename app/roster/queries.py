"""Reads of the roster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Text, Uuid, any_, case, cast, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.audit import AuditEntry
from app.roster.access import Caller, assigned_on, bureau_of, in_subtree
from app.roster.models import Assignment, Exemption, ExemptionDay, Officer, SignInSession, Unit, UnitKind
from app.roster.rules import Placement, Stretch

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession


async def caller_of(session: AsyncSession, key: bytes, *, now: dt.datetime, day: dt.date) -> Caller | None:
    """Return who a live session's token hash belongs to, with the unit of `day`; None for any other."""
    found = await session.execute(
        select(Officer, Assignment.takes_part, Unit)
        .join(SignInSession, SignInSession.officer_id == Officer.id)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(SignInSession.token_hash == key, SignInSession.expires_at > now, assigned_on(day))
    )
    row = found.first()
    if row is None:
        return None
    officer, takes_part, unit = row
    return Caller(
        officer_id=officer.id,
        employee_no=officer.employee_no,
        name=officer.name,
        roles=frozenset(officer.roles),
        unit_id=unit.id,
        unit_kind=unit.kind,
        unit_path=tuple(unit.path),
        takes_part=takes_part,
        must_change_password=officer.must_change_password,
        token_hash=key,
    )


async def subtree(session: AsyncSession, root: uuid.UUID) -> list[Unit]:
    """Return a unit and all units below it, parents before children, then in roster order."""
    found = await session.scalars(select(Unit).where(Unit.path.contains([root])))
    return sorted(found.all(), key=lambda unit: (len(unit.path), unit.position, unit.name))


class Listed(NamedTuple):
    """An officer of a list, with the unit and placement of the day."""

    officer: Officer
    unit: Unit
    takes_part: bool


async def officers_page(
    session: AsyncSession,
    caller: Caller,
    *,
    day: dt.date,
    root: uuid.UUID,
    words: str | None,
    after: str | None,
    limit: int,
) -> list[Listed]:
    """Return officers of the subtree of `root` on `day`, by 工号 and after the one given; `words`: in 工号 or name.

    `root` has come through `access`; the caller's own subtree is asked for all the same.
    """
    query = (
        select(Officer, Unit, Assignment.takes_part)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(in_subtree(caller), Unit.path.contains([root]), assigned_on(day))
        .order_by(Officer.employee_no)
        .limit(limit)
    )
    if words:
        query = query.where(
            or_(Officer.employee_no.contains(words, autoescape=True), Officer.name.contains(words, autoescape=True))
        )
    if after is not None:
        query = query.where(Officer.employee_no > after)
    return [Listed(*row) for row in await session.execute(query)]


async def units_page(
    session: AsyncSession,
    caller: Caller,
    *,
    kinds: Collection[UnitKind] = tuple(UnitKind),
    after: tuple[int, int, int, str, uuid.UUID] | None,
    limit: int,
) -> list[Unit]:
    """Return units of the caller's bureau and subtree: the own subtree first, parents before children.

    `after` holds the sort values of the last unit of the page before, as `unit_place` gives them.
    """
    bureau = await bureau_of(session, caller.unit_path)
    elsewhere = case((in_subtree(caller), 0), else_=1)
    order = (elsewhere, func.cardinality(Unit.path), Unit.position, Unit.name, Unit.id)
    readable = or_(in_subtree(caller), Unit.path.contains([bureau.id]))
    query = select(Unit).where(readable, Unit.kind.in_(kinds)).order_by(*order).limit(limit)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*(literal(value) for value in after)))
    return list(await session.scalars(query))


def unit_place(caller: Caller, unit: Unit) -> tuple[int, int, int, str, uuid.UUID]:
    """Return a unit's sort values in `units_page`."""
    return (int(caller.unit_id not in unit.path), len(unit.path), unit.position, unit.name, unit.id)


async def exemptions_page(
    session: AsyncSession,
    caller: Caller,
    *,
    today: dt.date,
    officer_id: uuid.UUID | None,
    day: dt.date | None,
    before: uuid.UUID | None,
    limit: int,
) -> list[tuple[Exemption, Officer]]:
    """Return exemptions of officers who today belong to the caller's subtree, newest first; `day`: exempt that day."""
    query = (
        select(Exemption, Officer)
        .join(Officer, Officer.id == Exemption.officer_id)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(in_subtree(caller), assigned_on(today))
        .order_by(Exemption.id.desc())
        .limit(limit)
    )
    if officer_id is not None:
        query = query.where(Exemption.officer_id == officer_id)
    if day is not None:
        that_day = select(ExemptionDay.exemption_id).where(ExemptionDay.day == day)
        query = query.where(Exemption.id.in_(that_day))
    if before is not None:
        query = query.where(Exemption.id < before)
    return [(row[0], row[1]) for row in await session.execute(query)]


OF_QUESTIONS = ("question", "question_import", "instrument", "bank")
"""Subjects of acts on the question bank; their reasons and notes may tell a right answer."""


async def audit_page(
    session: AsyncSession,
    caller: Caller,
    *,
    of_questions: bool,
    action: str | None,
    subject_id: str | None,
    before: int | None,
    limit: int,
) -> list[tuple[AuditEntry, Officer | None]]:
    """Return acts of people of the caller's subtree, newest first, and those of commands on a unit of it.

    What a command did to no single unit (the shared bank) is shown at the top of the tree. Without `of_questions`
    acts on the question bank are left out.
    """
    people = (
        select(Assignment.officer_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(in_subtree(caller), Assignment.until_day.is_(None))
    )
    by_commands = AuditEntry.actor_id.is_(None)
    if len(caller.unit_path) > 1:
        units = select(cast(Unit.id, Text)).where(in_subtree(caller))
        by_commands &= AuditEntry.after["unit_id"].as_string().in_(units)
    mine = or_(AuditEntry.actor_id.in_(people), by_commands)
    query = (
        select(AuditEntry, Officer)
        .outerjoin(Officer, Officer.id == AuditEntry.actor_id)
        .where(mine)
        .order_by(AuditEntry.seq.desc())
        .limit(limit)
    )
    if not of_questions:
        query = query.where(AuditEntry.subject_kind.not_in(OF_QUESTIONS))
    if action is not None:
        query = query.where(AuditEntry.action == action)
    if subject_id is not None:
        query = query.where(AuditEntry.subject_id == subject_id)
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    return [(row[0], row[1]) for row in await session.execute(query)]


async def stretches_from(
    session: AsyncSession, officer_ids: Sequence[uuid.UUID], day: dt.date
) -> dict[uuid.UUID, list[tuple[uuid.UUID, Stretch]]]:
    """Return what is in force on `day` or planned for later, with the rows' ids, by officer."""
    found = await session.execute(
        select(
            Assignment.officer_id,
            Assignment.id,
            Assignment.from_day,
            Assignment.until_day,
            Assignment.unit_id,
            Assignment.takes_part,
        )
        .where(
            Assignment.officer_id == any_(literal(list(officer_ids), ARRAY(Uuid()))),
            or_(Assignment.until_day.is_(None), Assignment.until_day > day),
        )
        .order_by(Assignment.officer_id, Assignment.from_day)
    )
    held: dict[uuid.UUID, list[tuple[uuid.UUID, Stretch]]] = {}
    for officer_id, key, from_day, until_day, unit_id, takes_part in found:
        stretch = Stretch(from_day, until_day, Placement(unit_id, takes_part))
        held.setdefault(officer_id, []).append((key, stretch))
    return held
