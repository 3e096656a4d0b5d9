"""Who may see and do what: the only way from a request to a unit or an officer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from app.core.errors import Forbidden, NotFound
from app.core.ids import parse_id
from app.roster.models import Assignment, Officer, Role, Unit, UnitKind
from app.roster.rules import Actor, refused_over

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession


class PasswordChangeRequired(Forbidden):
    """The first sign-in's password must be changed before anything else."""

    code = "password-change-required"
    title = "请先修改初始密码"


@dataclass(frozen=True)
class Caller:
    """The signed-in officer of a request, with the unit of today."""

    officer_id: uuid.UUID
    employee_no: str
    name: str
    roles: frozenset[str]
    unit_id: uuid.UUID
    unit_kind: str
    unit_path: tuple[uuid.UUID, ...]
    takes_part: bool
    must_change_password: bool
    token_hash: bytes

    def has(self, *roles: Role) -> bool:
        """Whether the caller holds any of these roles."""
        return any(role in self.roles for role in roles)


WATCHES = (Role.LIAISON, Role.LEADER, Role.BUREAU, Role.ADMIN)
"""Roles that see single officers of their unit's subtree."""


def require(caller: Caller, *roles: Role) -> None:
    """Raise Forbidden unless the caller holds one of these roles."""
    if not caller.has(*roles):
        raise Forbidden("您的角色不能进行此操作；如确有需要，请联系本单位管理员。")


async def ever_takes_part(session: AsyncSession, caller: Caller, day: dt.date) -> bool:
    """Whether the caller takes part (参赛) on `day` or is entered to take part on a later one."""
    found = await session.scalars(
        select(Assignment.id)
        .where(
            Assignment.officer_id == caller.officer_id,
            Assignment.takes_part,
            or_(Assignment.until_day.is_(None), Assignment.until_day > day),
        )
        .limit(1)
    )
    return found.first() is not None


async def actor(session: AsyncSession, caller: Caller, day: dt.date) -> Actor:
    """Return the caller as one who acts on other people: what `refused_over` judges, for lists of them too."""
    takes_part = await ever_takes_part(session, caller, day)
    return Actor(caller.roles, caller.unit_id, caller.unit_kind, takes_part)


async def require_over(
    session: AsyncSession, caller: Caller, officer: Officer, unit: Unit, *, day: dt.date, peers: bool = False
) -> None:
    """Raise Forbidden where the officer, of this unit below the caller, holds a role that is not the caller's to touch.

    `peers`: an administrator of the same unit counts as below.
    """
    refusal = refused_over(await actor(session, caller, day), officer.roles, unit.id, peers=peers)
    if refusal:
        raise Forbidden(refusal)


def in_subtree(caller: Caller) -> ColumnElement[bool]:
    """Condition on Unit: it is the caller's own unit or lies below it."""
    return Unit.path.contains([caller.unit_id])


async def bureau_of(session: AsyncSession, path: Sequence[uuid.UUID]) -> Unit:
    """Return the bureau that a unit belongs to (itself where it is one); a province's own staff: the province."""
    found = await session.scalars(
        select(Unit).where(Unit.id.in_(path), Unit.kind.in_([UnitKind.BUREAU, UnitKind.PROVINCE]))
    )
    return max(found.all(), key=lambda unit: len(unit.path))


async def unit_below(session: AsyncSession, caller: Caller, unit_id: str | uuid.UUID) -> Unit:
    """Return a unit of the caller's own subtree; raises NotFound for any other."""
    wanted = parse_id(unit_id) if isinstance(unit_id, str) else unit_id
    unit = await session.get(Unit, wanted) if wanted else None
    if unit is None or caller.unit_id not in unit.path:
        raise NotFound("没有找到该单位。")
    return unit


async def unit_in_bureau(session: AsyncSession, caller: Caller, unit_id: str | uuid.UUID) -> Unit:
    """Return a unit of the caller's own bureau or subtree: its figures everybody there may read."""
    wanted = parse_id(unit_id) if isinstance(unit_id, str) else unit_id
    unit = await session.get(Unit, wanted) if wanted else None
    bureau = await bureau_of(session, caller.unit_path)
    if unit is None or not ({bureau.id, caller.unit_id} & set(unit.path)):
        raise NotFound("没有找到该单位。")
    return unit


async def watched_unit(session: AsyncSession, caller: Caller, unit_id: str | uuid.UUID) -> Unit:
    """Return a unit whose single officers the caller may see; raises Forbidden by role, NotFound by place."""
    require(caller, *WATCHES)
    return await unit_below(session, caller, unit_id)


async def officer_below(
    session: AsyncSession, caller: Caller, officer_id: str | uuid.UUID, day: dt.date
) -> tuple[Officer, Unit]:
    """Return an officer who on `day` belongs to the caller's subtree, with that day's unit; else NotFound."""
    wanted = parse_id(officer_id) if isinstance(officer_id, str) else officer_id
    row = None
    if wanted:
        found = await session.execute(
            select(Officer, Unit)
            .join(Assignment, Assignment.officer_id == Officer.id)
            .join(Unit, Unit.id == Assignment.unit_id)
            .where(Officer.id == wanted, in_subtree(caller), assigned_on(day))
        )
        row = found.first()
    if row is None:
        raise NotFound("没有找到该人员。")
    return row[0], row[1]


async def require_for_all(session: AsyncSession, caller: Caller, *, day: dt.date, what: str) -> None:
    """Raise Forbidden unless the caller's unit may act on what all units share; `what` says what that touches.

    The highest unit may; the bureau below it only where it is the one bureau and nobody of the highest unit could.
    Where several units stand highest, that is left to the operator's commands.
    """
    found = await session.scalars(select(Unit).where(Unit.kind.in_([UnitKind.BUREAU, UnitKind.PROVINCE])))
    heads = found.all()
    highest = [unit for unit in heads if unit.parent_id is None]
    if len(highest) != 1:
        raise Forbidden(f"{what}，请联系系统运维人员办理。")
    (keeper,) = highest
    bureaus = [unit for unit in heads if unit.kind == UnitKind.BUREAU]
    if len(bureaus) == 1 and not await _administered(session, keeper, day):
        (keeper,) = bureaus
    if caller.unit_id not in {keeper.id, highest[0].id}:
        raise Forbidden(f"{what}，请由{keeper.name}的管理员或系统运维人员办理。")


async def _administered(session: AsyncSession, unit: Unit, day: dt.date) -> bool:
    """Whether the unit has an administrator of its own who does not take part, nor ever will (`ever_takes_part`)."""
    plays = aliased(Assignment)
    later = select(plays.id).where(
        plays.officer_id == Officer.id, plays.takes_part, or_(plays.until_day.is_(None), plays.until_day > day)
    )
    found = await session.scalars(
        select(Officer.id)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .where(Assignment.unit_id == unit.id, Officer.roles.contains([Role.ADMIN]), assigned_on(day), ~later.exists())
        .limit(1)
    )
    return found.first() is not None


def assigned_on(day: dt.date) -> ColumnElement[bool]:
    """Condition on Assignment: it is in force on `day`."""
    return (Assignment.from_day <= day) & (Assignment.until_day.is_(None) | (Assignment.until_day > day))


def sees_phone(caller: Caller, officer: Officer) -> bool:
    """Whether the caller may see this officer's phone, given that the officer is in the caller's subtree.

    Liaison officers, leaders and administrators: all of their own unit's. Bureau: contacts, leaders and liaison
    officers only. Province: none.
    """
    if caller.officer_id == officer.id or caller.has(Role.LIAISON, Role.LEADER, Role.ADMIN):
        return True
    return caller.has(Role.BUREAU) and bool({Role.LIAISON, Role.LEADER} & set(officer.roles))
