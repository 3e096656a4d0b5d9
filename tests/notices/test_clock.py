"""The clock: right instants in any zone, one round at a time, what is in flight finishes, trouble passes."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from asyncio.subprocess import DEVNULL
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text, update

from app.contests.models import ContestState
from app.core import metrics
from app.core.clock import Clock
from app.core.database import open_database, plain_url
from app.core.wiring import Services
from app.notices.clock import SLOT_HOURS, clockwork
from app.notices.models import Channel, Delivery
from tests.notices.helpers import ROOT, TOMORROW, Groups
from tests.scenarios.serving import LIANBING, free_port, wait_for
from tests.times import SECRET, instant


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_the_trigger_fires_at_shanghai_hours_in_any_container(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    moment = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)  # 08:00 in Shanghai
    fired = []
    for _ in range(5):
        moment = SLOT_HOURS.get_next_fire_time(None, moment + dt.timedelta(seconds=1))
        fired.append(moment)
    assert fired == [
        *(instant(f"{hour}:00:10") for hour in ("08", "12", "18", "22")),
        instant("08:00:10", TOMORROW),
    ]


def with_clock(services: Services, at: dt.datetime, **settings: object) -> Services:
    changed = services.settings.model_copy(update={"scheduler": True, **settings})
    return Services(changed, services.database, Clock(lambda: at), services.passwords)


async def eventually(groups: Groups, unit: str, states: list[str]) -> None:
    async with asyncio.timeout(60):
        while await groups.states(unit) != states:  # noqa: ASYNC110 - it looks at another connection's work
            await asyncio.sleep(0.05)


async def test_a_start_sends_what_came_due_while_nothing_ran(groups: Groups, app: FastAPI) -> None:
    async with clockwork(app, with_clock(groups.town.services, instant("12:30"))):
        await eventually(groups, "丰顺", ["sent"])
    assert len(groups.robot.texts("丰顺")) == 1


async def test_the_end_awaits_the_post_in_flight_and_claims_no_more(groups: Groups, app: FastAPI) -> None:
    groups.robot.faults["丰顺"].append("hold")
    async with clockwork(app, with_clock(groups.town.services, instant("12:30"))):
        assert await asyncio.to_thread(groups.robot.held.wait, 60)
        asyncio.get_running_loop().call_soon(groups.robot.release.set)  # as the end begins
    assert await groups.states("丰顺") == ["sent"]


async def test_without_the_setting_nothing_runs(groups: Groups, app: FastAPI) -> None:
    services = with_clock(groups.town.services, instant("12:30"), scheduler=False)
    async with clockwork(app, services):
        await asyncio.sleep(0)
    assert await groups.notices() == []


async def test_a_database_that_is_away_fails_the_round_and_not_the_process(groups: Groups, app: FastAPI) -> None:
    nowhere = await open_database("postgresql://nobody@127.0.0.1:1/nothing")
    services = groups.town.services
    failed = metrics.TICKS.labels("failed")
    before = failed._value.get()
    away = Services(services.settings.model_copy(update={"scheduler": True}), nowhere, Clock(), services.passwords)
    async with clockwork(app, away), asyncio.timeout(60):
        while failed._value.get() == before:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.05)
    await nowhere.close()


async def test_a_database_away_at_eight_is_made_good_on_recovery(groups: Groups, cluster: str) -> None:
    name = make_url(str(groups.town.services.settings.database_url)).database
    admin = await asyncpg.connect(plain_url(cluster))
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        with pytest.raises(Exception, match="not currently accepting connections"):
            await groups.tick("08:00:10", TOMORROW)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await admin.close()
    await groups.tick("08:20", TOMORROW)
    assert "补发，统计截至2026年11月23日24:00" in groups.robot.texts("丰顺")[0]


async def due_now(groups: Groups) -> None:
    """丰顺's noon is due on the real clock, and nothing else is to come."""
    await groups.only_fengshun()
    await groups.set_contest(state=ContestState.DRAFT)
    async with groups.town.services.database.sessions.begin() as session:
        now = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        await session.execute(update(Channel).values(blocked_until=None))
        await session.execute(
            update(Delivery)
            .where(Delivery.state == "pending")
            .values(next_at=now, deadline=now + dt.timedelta(hours=1))
        )


async def test_sigterm_in_the_middle_of_a_post_finishes_it(groups: Groups, tmp_path: Path) -> None:
    """A real `lianbing serve` whose clock rings: the message is sent once, and the server ends well."""
    groups.robot.faults["丰顺"].append("hold")
    await due_now(groups)
    settings, port = groups.town.services.settings, free_port()
    server = await asyncio.create_subprocess_exec(
        *LIANBING, "serve", "--port", str(port),
        cwd=ROOT,
        stderr=DEVNULL,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("LIANBING_")},
            "LIANBING_DATA_DIR": str(tmp_path),
            "LIANBING_DATABASE_URL": str(settings.database_url),
            "LIANBING_SECRET_KEY": SECRET,
            "LIANBING_OUTBOUND_ALLOW": "127.0.0.1",
            "LIANBING_SCHEDULER": "1",
        },
    )  # fmt: skip
    try:
        assert await asyncio.to_thread(groups.robot.held.wait, 60)
        await asyncio.to_thread(wait_for, lambda: ready(port), "the server is ready")
        server.terminate()
        await asyncio.to_thread(wait_for, lambda: not ready(port), "the server has been told")
        assert (server.returncode, await groups.states("丰顺")) == (None, ["posting"])
        groups.robot.release.set()
        assert await server.wait() == 0
    finally:
        if server.returncode is None:
            server.kill()
    assert [(one.state, one.attempts) for one in await groups.deliveries("丰顺")] == [("sent", 1)]
    assert len(groups.robot.texts("丰顺")) == len(groups.robot.requests) == 1


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False
