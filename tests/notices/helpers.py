"""What the notices' tests do again and again: add channels, let rounds run, look at the tables."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from app.contests.models import Contest
from app.core.clock import Clock, local
from app.core.ids import new_id
from app.notices.audiences import GROUPS
from app.notices.models import Channel, Delivery, Notice
from app.notices.service import TickReport, tick
from app.notices.worker import Worker
from tests.notices.robot import Robot
from tests.people import LONG_AGO, Town
from tests.times import TODAY, instant

ROOT = Path(__file__).resolve().parents[2]
TOMORROW = TODAY + dt.timedelta(days=1)


@dataclass
class Groups:
    """The town, its robots, and looks at its notices."""

    town: Town
    robot: Robot
    channels: dict[str, uuid.UUID] = field(default_factory=dict)

    async def channel(
        self, unit: str, *, kind: str = "wecom_robot", url: str | None = None, name: str = ""
    ) -> uuid.UUID:
        """Give a unit's group a robot whose key is the unit's name."""
        key = new_id()
        robot_url = url or self.robot.url(unit) if kind == "wecom_robot" else None
        async with self.town.services.database.sessions.begin() as session:
            session.add(
                Channel(
                    id=key,
                    unit_id=self.town.units[unit],
                    name=name or f"{unit}群",
                    kind=kind,
                    url=robot_url,
                    enabled=True,
                    posted_at=[],
                    created_at=instant("00:00", LONG_AGO),
                )
            )
        self.channels[unit] = key
        return key

    async def tick(self, time: str, day: dt.date = TODAY, *, dry_run: bool = False) -> TickReport:
        """One round at an instant of the tests' day."""
        return await tick(self.town.services, now=instant(time, day), dry_run=dry_run)

    def worker(self, clock: Callable[[], dt.datetime] | str, **more: float) -> Worker:
        """A worker under a clock, or at one time of the tests' day."""
        services = self.town.services
        fixed = Clock((lambda: instant(clock)) if isinstance(clock, str) else clock)
        return Worker(services.database, clock=fixed, settings=services.settings, **more)  # type: ignore[arg-type]

    async def only_fengshun(self, time: str = "12:00:10") -> None:
        """Plan noon, with 丰顺's message alone left to deliver, from 12:05 on."""
        for unit in ("市局", "梅江"):
            await self.set_channel(unit, enabled=False)
        await self.set_channel("丰顺", blocked_until=instant("12:05"))
        await self.tick(time)

    async def posting(self, worker: Worker, receiver: Robot | None = None) -> asyncio.Task[object]:
        """Start a worker whose POST the robot (or another receiver) holds, and return once it is held."""
        task: asyncio.Task[object] = asyncio.create_task(worker.run())
        assert await asyncio.to_thread((receiver or self.robot).held.wait, 30)
        return task

    async def notice(self, unit: str, time: str, day: dt.date = TODAY, *, kind: str | None = None) -> Notice:
        """The notice to a unit's group (or of a private kind) at a slot."""
        kinds = [kind] if kind else GROUPS
        async with self.town.services.database.reads() as session:
            found = await session.scalars(
                select(Notice).where(
                    Notice.audience_id == self.town.units[unit],
                    Notice.slot_at == instant(time, day),
                    Notice.audience_kind.in_(kinds),
                )
            )
            return found.one()

    async def notices(self) -> list[tuple[str, str, str, str | None]]:
        """(slot, unit, state, reason) of every notice to a bureau's or branch's group, in order."""
        names = {unit: name for name, unit in self.town.units.items()}
        async with self.town.services.database.reads() as session:
            found = await session.scalars(select(Notice).where(Notice.audience_kind.in_(["bureau", "branch"])))
            units = list(self.town.units)
            rows = sorted(found, key=lambda n: (n.slot_at, units.index(names[n.audience_id])))
            return [(f"{local(n.slot_at):%H:%M}", names[n.audience_id], n.state, n.reason) for n in rows]

    async def deliveries(self, unit: str) -> list[Delivery]:
        """A unit's deliveries, oldest notice first, parts in order."""
        async with self.town.services.database.reads() as session:
            found = await session.scalars(
                select(Delivery)
                .join(Notice, Notice.id == Delivery.notice_id)
                .where(Notice.audience_id == self.town.units[unit], Notice.audience_kind.in_(GROUPS))
                .order_by(Notice.slot_at, Delivery.channel_id, Delivery.lot, Delivery.part)
            )
            return list(found.all())

    async def states(self, unit: str) -> list[str]:
        """The states of a unit's deliveries."""
        return [delivery.state for delivery in await self.deliveries(unit)]

    async def set_contest(self, **values: object) -> None:
        """Change the contest's row."""
        async with self.town.services.database.sessions.begin() as session:
            contest = await session.get_one(Contest, self.town.contest_id)
            for name, value in values.items():
                setattr(contest, name, value)

    async def set_channel(self, unit: str, **values: object) -> None:
        """Change the row of a unit's channel."""
        async with self.town.services.database.sessions.begin() as session:
            channel = await session.get_one(Channel, self.channels[unit])
            for name, value in values.items():
                setattr(channel, name, value)

    async def process(
        self, time: str, day: dt.date = TODAY, *, die: str | None = None, wecom_url: str = "", **environment: str
    ) -> Process:
        """A process that is ready for one round and waits for a line on its standard input."""
        database_url = self.town.services.settings.database_url
        assert database_url
        more = ["--wecom-url", wecom_url, *(["--die", die] if die else [])]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.notices.run_tick",
            database_url,
            "--at",
            instant(time, day).isoformat(),
            *more,
            stdin=PIPE,
            stdout=PIPE,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        return process


async def go(*processes: Process) -> list[str]:
    """Let processes go at the same moment and return what each printed."""
    printed = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    return [out.decode() for out, _ in printed]
