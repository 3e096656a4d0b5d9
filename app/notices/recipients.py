"""Reads: through which private channel single people are reached, and under which account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.core.clock import local_day
from app.notices.models import Channel
from app.notices.ways import Accounts, Ways
from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, Role, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Scene


async def ways_below(session: AsyncSession, unit_ids: Iterable[uuid.UUID], at: dt.datetime) -> Ways:
    """Return how the people assigned to these units themselves on the day of `at` are reached."""
    wanted = list(unit_ids)
    rows = await session.execute(select(Unit.id, Unit.path).where(Unit.id == func.any(wanted)))
    paths = {row.id: list(row.path) for row in rows}
    held = await session.execute(
        select(Assignment.unit_id, Officer.roles, Officer.wecom_userid)
        .join(Officer, Officer.id == Assignment.officer_id)
        .where(
            Assignment.unit_id == func.any(wanted),
            assigned_on(local_day(at)),
            Officer.roles.overlap([Role.LIAISON, Role.LEADER]),
        )
        .order_by(Officer.employee_no)
    )
    accounts: Accounts = {}
    for unit_id, roles, account in held:
        for role in roles:
            accounts.setdefault((unit_id, role), []).extend([account] if account else [])
    return Ways(paths, accounts, await officers_channels(session, {unit for path in paths.values() for unit in path}))


async def ways_of(session: AsyncSession, scene: Scene, at: dt.datetime) -> Ways:
    """Return how the people of all units of a contest are reached on the day of `at`; read once for all its bureaus."""
    day = local_day(at)
    if day not in scene.once.ways:
        scene.once.ways[day] = await ways_below(session, [unit.id for unit in scene.whole], at)
    return scene.once.ways[day]


async def officers_channels(session: AsyncSession, unit_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Channel]]:
    """Return the enabled private channels of these units, by unit, oldest first."""
    return await _channels(session, unit_ids, "officers")


async def groups_channels(session: AsyncSession, unit_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Channel]]:
    """Return the enabled channels of these units' groups, by unit, oldest first."""
    return await _channels(session, unit_ids, "group")


async def groups_of(session: AsyncSession, scene: Scene) -> dict[uuid.UUID, list[Channel]]:
    """Return the same of all units of a contest; read once for all its bureaus."""
    if scene.once.groups is None:
        scene.once.groups = await groups_channels(session, [unit.id for unit in scene.whole])
    return scene.once.groups


async def _channels(
    session: AsyncSession, unit_ids: Iterable[uuid.UUID], audience: str
) -> dict[uuid.UUID, list[Channel]]:
    found = await session.scalars(
        select(Channel)
        .where(
            Channel.unit_id == func.any(list(unit_ids)),
            Channel.audience == audience,
            Channel.enabled,
            Channel.deleted_at.is_(None),
        )
        .order_by(Channel.id)
    )
    by_unit: dict[uuid.UUID, list[Channel]] = {}
    for channel in found:
        by_unit.setdefault(channel.unit_id, []).append(channel)
    return by_unit
