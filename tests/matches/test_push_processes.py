"""The socket of a match across two server processes on one database, on the real clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.contests.rules import PlayRules
from app.core.broadcast import LISTENER
from app.core.clock import local_day
from app.core.database import plain_url
from app.core.ids import new_id
from app.core.settings import Settings
from app.main import create_app
from app.matches.making import Made, put_down
from app.matches.models import Mode
from tests.matches.sockets import ended, received, until, watch
from tests.people import Town, small_bureau
from tests.questions import add_questions, right
from tests.scenarios.serving import two_servers

TICKET = """
INSERT INTO ticket (id, contest_id, officer_id, day, mode, state, created_at, expires_at)
VALUES ($1, $2, $3, $4, 'live', 'waiting', $5, $5)
"""


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    """The small bureau on the real clock."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        made = await small_bureau(app)
        await add_questions(made.services)
        await made.contest("市局", starts_on=dt.date(2026, 1, 1))
        yield made


async def seated(town: Town, first: str, second: str) -> str:
    """Two officers in a live match that begins now, at whatever time of the day; its id."""
    async with town.services.database.answers.acquire() as connection, connection.transaction():
        now = await connection.fetchval("SELECT clock_timestamp()")
        questions = await connection.fetch("SELECT id FROM question_revision WHERE kind = 'single' LIMIT 5")
        holders = [(new_id(), town.officers[name]) for name in (first, second)]
        assert town.contest_id is not None
        for ticket_id, officer_id in holders:
            await connection.execute(TICKET, ticket_id, town.contest_id, officer_id, local_day(now), now)
        made = Made(
            match_id=new_id(),
            contest_id=town.contest_id,
            day=local_day(now),
            rules=PlayRules(),
            mode=Mode.LIVE,
            revision_ids=[row["id"] for row in questions],
            holders=holders,
            now=now,
        )
        await put_down(connection, [made])
    return str(made.match_id)


async def cut_listeners(url: str) -> None:
    """End the connections on which the servers hear and tell."""
    operator = await asyncpg.connect(plain_url(url))
    query = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = $1"
    assert len(await operator.fetch(query, LISTENER)) == 2
    await operator.close()


async def metrics(address: str) -> list[str]:
    """What all workers behind an address count."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
        return (await operator.get(address.removesuffix("/api/v1") + "/metrics")).text.splitlines()


async def test_what_happens_there_is_seen_here(town: Town, database_url: str, tmp_path: Path) -> None:
    first, second = town.tokens["梅江001"], town.tokens["丰顺001"]

    async def answer(token: str, question: dict[str, object]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=there, headers=headers, trust_env=False, timeout=60) as device:
            path = f"/matches/{match_id}/answers/1"
            assert (await device.put(path, json={"option_ids": right(question)})).status_code == 200

    async with AsyncExitStack() as held:
        with two_servers(database_url, tmp_path) as (here, there):
            match_id = await seated(town, "梅江001", "丰顺001")
            sockets = here.replace("http", "ws", 1)
            mine, theirs = [
                await held.enter_async_context(watch(sockets, match_id, token)) for token in (first, second)
            ]
            opened = [await until(client, lambda body: body["questions"] != []) for client in (mine, theirs)]
            await answer(first, opened[0]["questions"][0])
            assert (await received(theirs))["questions"][0]["opponent_answered"] is True
            assert (await received(mine))["seats"][0]["answered"] == 1
            await cut_listeners(database_url)
            await answer(second, opened[1]["questions"][0])
            over = await until(mine, lambda body: body["questions"][0]["opponent_correct"] is not None)
            assert [seat["points"] for seat in over["seats"]] == [20, 20]
            assert len((await until(mine, lambda body: len(body["questions"]) > 1))["questions"]) == 2
            assert "lianbing_match_sockets 2.0" in await metrics(here)
            assert "lianbing_match_sockets 0.0" in await metrics(there)
        assert (await ended(mine))[0] == 1012
