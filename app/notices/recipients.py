"""Reads: through which private channel single people are reached, and under which account."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.core.clock import local_day
from app.notices import channels
from app.notices.audiences import Audience, nearest
from app.notices.models import Channel
from app.notices.rules import Reason
from app.notices.scene import Lot
from app.notices.text import Text
from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, Role, Unit

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Scene

_HOLDS = {Audience.LIAISON: Role.LIAISON, Audience.FORECAST: Role.LIAISON, Audience.LEADER: Role.LEADER}

Accounts = dict[tuple[uuid.UUID, str], list[str]]
"""Accounts (企业微信账号) of those who hold a role in a unit itself; an empty list where none of them has one."""


@dataclass(frozen=True)
class Ways:
    """How the private notices of some units reach their people: paths, accounts by unit and role, channels by unit."""

    paths: dict[uuid.UUID, list[uuid.UUID]]
    accounts: Accounts
    channels: dict[uuid.UUID, list[Channel]]

    def problem(self, unit_id: uuid.UUID, kind: Audience) -> Reason | None:
        """Return why a private notice to a unit's people cannot be sent, or None."""
        accounts = self.accounts.get((unit_id, _HOLDS[kind]))
        if accounts is None:
            return Reason.NO_PERSON
        if nearest(self.paths[unit_id], self.channels) is None:
            return Reason.NO_CHANNEL
        return None if self.lots(unit_id, kind, Text("", "")) else Reason.NO_ACCOUNT

    def lots(self, unit_id: uuid.UUID, kind: Audience, text: Text) -> list[Lot]:
        """Return one text to a unit's liaison officers or leaders, channel by channel."""
        accounts = self.accounts.get((unit_id, _HOLDS[kind]), [])
        return lots_of(nearest(self.paths[unit_id], self.channels) or (), text, accounts)


def lots_of(ways: Iterable[Channel], text: Text, accounts: Sequence[str]) -> list[Lot]:
    """Return one text to many people, as many at once as each channel takes; nobody twice in a channel."""
    return [
        Lot(way, text, people)
        for way in ways
        for people in channels.lots(way.kind, way.settings, accounts)
        if people is not None
    ]


def first_lots_of(ways: Iterable[Channel], text: Text, accounts: Sequence[str]) -> list[Lot]:
    """Return one text to many people, to each through the first channel that can address him or her only."""
    lots: list[Lot] = []
    for way in ways:
        reached = channels.addressed(way.kind, way.settings, accounts)
        lots += lots_of([way], text, reached)
        accounts = [account for account in accounts if account not in set(reached)]
    return lots


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
