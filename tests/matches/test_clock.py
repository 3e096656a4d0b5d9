"""The clock of the sweeps: what nobody reads any more is settled, trouble passes, the end waits for nothing."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.matches.clock import sweeping
from app.matches.service import MatchDesk
from tests.matches.conftest import Hall


@pytest.fixture
def desk(app: FastAPI) -> MatchDesk:
    held: MatchDesk = app.state.match_desks.matches
    return held


async def over_long_ago(hall: Hall) -> None:
    """Two officers are in a match that ended a minute ago, and neither looked."""
    await hall.pair()
    await hall.town.services.database.answers.execute("UPDATE match_run SET ends_at = now() - interval '1 minute'")


async def states(hall: Hall) -> set[str]:
    return {row["state"] for row in await hall.town.services.database.answers.fetch("SELECT state FROM ticket")}


async def settled(hall: Hall) -> None:
    async with asyncio.timeout(60):
        while await states(hall) != {"finished"}:  # noqa: ASYNC110 - it looks at another task's work
            await asyncio.sleep(0.05)


async def test_what_nobody_reads_any_more_is_settled_again_and_again(hall: Hall, desk: MatchDesk) -> None:
    async with sweeping(desk, enabled=True):
        for _ in range(2):
            await over_long_ago(hall)
            await settled(hall)


async def test_without_the_setting_nothing_runs(hall: Hall, desk: MatchDesk) -> None:
    await over_long_ago(hall)
    async with sweeping(desk, enabled=False):
        await asyncio.sleep(0.1)
    assert await states(hall) == {"playing"}


async def test_trouble_passes(hall: Hall, desk: MatchDesk) -> None:
    pool = hall.town.services.database.answers
    await over_long_ago(hall)
    await pool.execute("ALTER TABLE ticket RENAME TO elsewhere")
    with capture_logs() as logs:
        async with sweeping(desk, enabled=True):
            async with asyncio.timeout(60):
                while not logs:  # noqa: ASYNC110 - a log tells nobody
                    await asyncio.sleep(0.05)
            await pool.execute("ALTER TABLE elsewhere RENAME TO ticket")
            await settled(hall)
    assert [line["event"] for line in logs] == ["sweep of matches failed"]
