"""Reads of the roster import: the roster as far as a file touches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ARRAY, Text, Uuid, and_, any_, func, literal, or_, select, text

from app.core.security import GENERATED
from app.roster.access import assigned_on, in_subtree
from app.roster.imports.changes import KnownOfficer, KnownUnit, Roster
from app.roster.models import Assignment, Officer, RosterImport, Unit
from app.roster.queries import subtree
from app.roster.rules import Placement, Stretch, is_phone

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.roster.access import Caller
    from app.roster.imports.rules import RosterRow

MISSING_NAMED = 100
_PIECE = 2000


async def roster_for(session: AsyncSession, own: Unit, rows: Sequence[RosterRow], *, today: dt.date) -> Roster:
    """Return the roster as far as these rows touch it, seen from the importing unit."""
    numbers = [row.employee_no for row in rows]
    units = [KnownUnit(unit.id, unit.parent_id, unit.name, unit.kind) for unit in await subtree(session, own.id)]
    officers = await _officers(session, numbers, today)
    fresh = [row.phone for row in rows if not (held := officers.get(row.employee_no)) or held.phone != row.phone]
    alike = [number for number in numbers if is_phone(number)]
    held_phones = await session.execute(
        select(Officer.phone, Officer.employee_no).where(Officer.phone == _any_text([*fresh, *alike]))
    )
    held_numbers = await session.scalars(select(Officer.employee_no).where(Officer.employee_no == _any_text(fresh)))
    missing, named = await _missing(session, own.id, numbers, today)
    return Roster(
        own=KnownUnit(own.id, own.parent_id, own.name, own.kind),
        units=units,
        officers=officers,
        phones={row.phone: row.employee_no for row in held_phones if row.phone},
        numbers=frozenset(held_numbers),
        missing=missing,
        missing_officers=named,
    )


def _any_text(values: list[str]) -> ColumnElement[Any]:
    return any_(literal(values, ARRAY(Text())))


async def _officers(session: AsyncSession, numbers: list[str], today: dt.date) -> dict[str, KnownOfficer]:
    """Return who of these 工号 is in the roster; read piece by piece, so that 100,000 never block the event loop."""
    in_force_or_planned = or_(Assignment.until_day.is_(None), Assignment.until_day > today)
    found = await session.stream(
        select(
            Officer.employee_no,
            Officer.id,
            Officer.name,
            Officer.phone,
            Officer.section,
            Officer.position,
            Officer.roles,
            Officer.wecom_userid,
            Assignment.id,
            Assignment.from_day,
            Assignment.until_day,
            Assignment.unit_id,
            Assignment.takes_part,
        )
        .outerjoin(Assignment, and_(Assignment.officer_id == Officer.id, in_force_or_planned))
        .where(Officer.employee_no == _any_text(numbers))
        .order_by(Officer.employee_no, Assignment.from_day)
        .execution_options(yield_per=_PIECE)
    )
    officers: dict[str, KnownOfficer] = {}
    same: dict[Any, Any] = {}  # equal texts and stretches are kept once: 100,000 officers share a few thousand
    async for piece in found.partitions():
        for number, key, name, phone, section, position, roles, wecom, assignment, *placed in piece:
            officer = officers.get(number)
            if officer is None:
                texts = (same.setdefault(section, section), same.setdefault(position, position))
                held = same.setdefault(tuple(roles), tuple(roles))
                officer = officers[number] = KnownOfficer(key, name, phone, *texts, held, wecom, [])
            if assignment is not None:
                first, until, unit_id, takes_part = placed
                stretch = Stretch(first, until, Placement(unit_id, takes_part))
                officer.stretches.append((assignment, same.setdefault(stretch, stretch)))
    return officers


# NOT EXISTS over unnest, because <> ALL over 100,000 numbers is quadratic where the plan does not hash it.
_MISSING = text(
    """
    SELECT employee_no, name, count(*) OVER () AS total
    FROM officer
    WHERE id IN (
        SELECT assignment.officer_id FROM assignment JOIN unit ON unit.id = assignment.unit_id
        WHERE unit.path @> ARRAY[CAST(:own AS uuid)]
          AND (assignment.until_day IS NULL OR assignment.until_day > :today)
    )
      AND NOT EXISTS (SELECT FROM unnest(CAST(:numbers AS text[])) AS given (number) WHERE given.number = employee_no)
    ORDER BY employee_no
    LIMIT :named
    """
)


async def _missing(
    session: AsyncSession, own: uuid.UUID, numbers: list[str], today: dt.date
) -> tuple[int, list[tuple[str, str]]]:
    """Return how many officers of the subtree, today or as planned, are not in the file, and the first of them."""
    found = await session.execute(_MISSING, {"own": own, "today": today, "numbers": numbers, "named": MISSING_NAMED})
    rows = found.all()
    return (rows[0].total if rows else 0), [(row.employee_no, row.name) for row in rows]


async def import_for(session: AsyncSession, caller: Caller, import_id: uuid.UUID | None) -> RosterImport | None:
    """Return an import into the caller's unit or one below it; None for any other."""
    found = await session.scalars(
        select(RosterImport)
        .join(Unit, Unit.id == RosterImport.unit_id)
        .where(RosterImport.id == import_id, in_subtree(caller))
    )
    return found.one_or_none()


class Place(NamedTuple):
    """Where new units go: below the unit of this path, from this position on."""

    path: list[uuid.UUID]
    position: int


class Unsigned(NamedTuple):
    """An officer who may be given a generated password."""

    id: uuid.UUID
    employee_no: str
    name: str
    unit: str
    unit_id: uuid.UUID
    roles: list[str]


def never_signed_in() -> ColumnElement[bool]:
    """Condition on Officer: never signed in, and no password or only a generated one."""
    generated = or_(Officer.password_hash.is_(None), Officer.password_hash.startswith(GENERATED))
    return Officer.first_signed_in_at.is_(None) & generated


async def unsigned_of(
    session: AsyncSession, caller: Caller, imported: Sequence[uuid.UUID], *, today: dt.date
) -> list[Unsigned]:
    """Return who of these officers has never signed in and today belongs to the caller's subtree, by unit and 工号."""
    found = await session.execute(
        select(Officer.id, Officer.employee_no, Officer.name, Unit.name, Unit.id, Officer.roles)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            Officer.id == any_(literal(list(imported), ARRAY(Uuid()))),
            in_subtree(caller),
            assigned_on(today),
            never_signed_in(),
        )
        .order_by(func.cardinality(Unit.path), Unit.position, Unit.name, Officer.employee_no)
    )
    return [Unsigned(*row) for row in found]


async def places_below(session: AsyncSession, parents: Collection[uuid.UUID]) -> dict[uuid.UUID, Place]:
    """Return the path of each of these units and the place after its last child."""
    found = await session.execute(select(Unit.id, Unit.path).where(Unit.id.in_(parents)))
    last = await session.execute(
        select(Unit.parent_id, func.max(Unit.position)).where(Unit.parent_id.in_(parents)).group_by(Unit.parent_id)
    )
    after = {row[0]: row[1] for row in last}
    return {key: Place(path, after.get(key, 0) + 1) for key, path in found}
