"""A small bureau for tests: named people, placed straight into the tables, each with a signed-in client."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.contests.models import Contest, ContestRules, ContestState
from app.contests.rules import PlayRules, merged
from app.core.ids import new_id
from app.core.security import new_token, token_hash
from app.core.wiring import Services
from app.roster.models import Assignment, Officer, SignInSession, Unit, UnitKind
from tests.times import TODAY, instant

LONG_AGO = TODAY - dt.timedelta(days=60)
QUIZ_ONLY = merged(PlayRules(), {"matches": {"counted_per_day": 0, "required_per_day": 0}})
"""The rules of most tests: the daily quiz is the whole task."""


@dataclass
class Town:
    """Ids by name, and the application they live in."""

    app: FastAPI
    units: dict[str, uuid.UUID] = field(default_factory=dict)
    officers: dict[str, uuid.UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    contest_id: uuid.UUID | None = None

    @property
    def services(self) -> Services:
        wired: Services = self.app.state.services
        return wired

    async def unit(self, name: str, kind: UnitKind, parent: str | None = None, **more: object) -> uuid.UUID:
        """Add a unit below `parent`."""
        async with self.services.database.sessions.begin() as session:
            above = await session.get_one(Unit, self.units[parent]) if parent else None
            key = new_id()
            path = [*(above.path if above else []), key]
            session.add(
                Unit(
                    id=key,
                    name=name,
                    kind=kind,
                    parent_id=above.id if above else None,
                    path=path,
                    created_at=instant("00:00", LONG_AGO),
                    **more,
                )
            )
        self.units[name] = key
        return key

    async def officer(
        self,
        name: str,
        unit: str,
        *,
        roles: Iterable[str] = (),
        takes_part: bool = True,
        from_day: dt.date = LONG_AGO,
        phone: str | None = None,
        **more: object,
    ) -> uuid.UUID:
        """Add an officer with a signed-in device; 工号 and name are both `name`."""
        async with self.services.database.sessions.begin() as session:
            return await self._add(session, name, unit, roles, takes_part, from_day, phone, more)

    async def officers_in(self, unit: str, count: int) -> list[str]:
        """Add `count` officers named after the unit: 梅江001, 梅江002, …"""
        names = [f"{unit}{number:03}" for number in range(1, count + 1)]
        async with self.services.database.sessions.begin() as session:
            for name in names:
                await self._add(session, name, unit, (), True, LONG_AGO, None, {})
        return names

    async def _add(
        self,
        session: AsyncSession,
        name: str,
        unit: str,
        roles: Iterable[str],
        takes_part: bool,
        from_day: dt.date,
        phone: str | None,
        more: dict[str, object],
    ) -> uuid.UUID:
        created = instant("00:00", LONG_AGO)
        values: dict[str, object] = {"must_change_password": False, "password_hash": None, **more}
        officer = Officer(
            id=new_id(),
            employee_no=name,
            name=name,
            roles=sorted(str(role) for role in roles),
            phone=phone,
            created_at=created,
            **values,
        )
        session.add(officer)
        await session.flush()
        session.add(
            Assignment(
                officer_id=officer.id,
                unit_id=self.units[unit],
                takes_part=takes_part,
                from_day=from_day,
                created_at=created,
            )
        )
        token = new_token()
        session.add(
            SignInSession(
                token_hash=token_hash(token),
                officer_id=officer.id,
                created_at=created,
                expires_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC),
            )
        )
        self.officers[name], self.tokens[name] = officer.id, token
        return officer.id

    async def contest(
        self,
        unit: str,
        *,
        starts_on: dt.date = TODAY,
        ends_on: dt.date | None = None,
        state: ContestState = ContestState.OPEN,
        rules: dict[str, object] | None = None,
        name: str = "网络知识竞赛",
    ) -> uuid.UUID:
        """Add an open contest over a unit's subtree; matches count only where `rules` say so."""
        async with self.services.database.sessions.begin() as session:
            contest = Contest(
                id=new_id(),
                unit_id=self.units[unit],
                name=name,
                issuer="市生态环境局执法监督科",
                starts_on=starts_on,
                ends_on=ends_on or starts_on + dt.timedelta(days=20),
                state=state,
                created_at=instant("00:00", LONG_AGO),
                opened_at=instant("00:00", LONG_AGO),
            )
            session.add(contest)
            await session.flush()
            session.add(
                ContestRules(
                    contest_id=contest.id,
                    from_day=starts_on,
                    created_at=contest.created_at,
                    rules=merged(QUIZ_ONLY, rules or {}).model_dump(mode="json"),
                )
            )
        self.contest_id = contest.id
        return contest.id

    @asynccontextmanager
    async def as_(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client signed in as `name`, base path /api/v1."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
            yield client


async def small_bureau(app: FastAPI) -> Town:
    """省厅 > 市局 > 梅江, 丰顺, 五华 (empty): four officers, a liaison, bureau staff, an admin, a province clerk."""
    town = Town(app)
    await town.unit("省厅", UnitKind.PROVINCE)
    await town.unit("市局", UnitKind.BUREAU, "省厅")
    for branch in ("梅江", "丰顺", "五华"):
        await town.unit(branch, UnitKind.BRANCH, "市局")
    await town.officers_in("梅江", 2)
    await town.officers_in("丰顺", 2)
    await town.officer("联络员", "梅江", roles=["liaison"], phone="13800000001")
    await town.officer("市局处长", "市局", roles=["bureau"], takes_part=False)
    await town.officer("管理员", "市局", roles=["admin"], takes_part=False)
    await town.officer("省厅处长", "省厅", roles=["province"], takes_part=False)
    return town
