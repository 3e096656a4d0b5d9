"""Looks at what single people are told: their channels, notices and messages."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import select

from app.core.ids import new_id
from app.notices.models import Channel, Delivery, Notice
from app.participation.models import Reminder
from tests.notices.helpers import Groups
from tests.people import LONG_AGO
from tests.times import TODAY, instant

NEVER = instant("00:00", dt.date(2099, 1, 1))


@dataclass
class People:
    """The groups' town, seen through its private channels; these rest, so that no message leaves."""

    groups: Groups

    async def channel(self, unit: str, *, kind: str = "wecom_app", **settings: object) -> uuid.UUID:
        """Give a unit a channel for private messages."""
        key = new_id()
        given = settings or {"corp_id": "wwcorp", "agent_id": 1000002}
        async with self.groups.town.services.database.sessions.begin() as session:
            session.add(
                Channel(
                    id=key,
                    unit_id=self.groups.town.units[unit],
                    name=f"{unit}私信",
                    kind=kind,
                    audience="officers",
                    url=f"https://{key}.invalid",
                    settings=given,
                    enabled=True,
                    blocked_until=NEVER,
                    posted_at=[],
                    created_at=instant("00:00", LONG_AGO),
                )
            )
        self.groups.channels[f"{unit}私信"] = key
        return key

    async def told(self, unit: str, kind: str, time: str, day: dt.date = TODAY) -> Notice:
        """The private notice of a kind to a unit's people."""
        return await self.groups.notice(unit, time, day, kind=kind)

    async def all(self, *kinds: str) -> list[tuple[str, str, str | None]]:
        """(unit, state, reason) of every private notice of these kinds, in order of unit."""
        names = {unit: name for name, unit in self.groups.town.units.items()}
        async with self.groups.town.services.database.reads() as session:
            found = await session.scalars(select(Notice).where(Notice.audience_kind.in_(kinds)))
            return sorted((names[n.audience_id], n.state, n.reason) for n in found)

    async def messages(self, notice: Notice) -> list[tuple[str, list[str] | None, str]]:
        """(channel, recipients, text) of every message of a notice."""
        names = {key: name for name, key in self.groups.channels.items()}
        async with self.groups.town.services.database.reads() as session:
            found = await session.scalars(
                select(Delivery).where(Delivery.notice_id == notice.id).order_by(Delivery.channel_id, Delivery.lot)
            )
            return [(names[d.channel_id] if d.channel_id else "", d.recipients, d.payload) for d in found]

    async def remind(self, name: str, time: str) -> None:
        """Note that the liaison officer of 梅江 reminded an officer."""
        town = self.groups.town
        assert town.contest_id
        async with town.services.database.sessions.begin() as session:
            session.add(
                Reminder(
                    contest_id=town.contest_id,
                    day=TODAY,
                    unit_id=town.units["梅江"],
                    officer_id=town.officers[name],
                    by_officer_id=town.officers["联络员"],
                    channel="phone",
                    outcome="reached",
                    at=instant(time),
                )
            )
