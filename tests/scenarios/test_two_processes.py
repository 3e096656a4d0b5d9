"""Two server processes on one database: one paper, one row, equal replies, whoever is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from app.core.settings import Settings
from app.papers.models import Answer, Paper
from tests.people import Town
from tests.questions import right, wrong
from tests.scenarios.matchday import on_the_real_clock
from tests.scenarios.serving import two_servers


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    """The small bureau in a contest of today, on the real clock, open all day."""
    async with on_the_real_clock(settings, {}) as made:
        yield made


async def test_one_paper_and_one_answer(town: Town, database_url: str, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {town.tokens['梅江001']}"}
    async with AsyncExitStack() as stack:
        addresses = stack.enter_context(two_servers(database_url, tmp_path))
        devices = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60)
            )
            for address in addresses
        ]
        opened = await asyncio.gather(*(d.post("/daily-quiz/today/attempt") for _ in range(50) for d in devices))
        attempt = opened[0].json()
        question, other = attempt["questions"][:2]
        path = f"/daily-quiz/attempts/{attempt['id']}/answers"
        same = await asyncio.gather(
            *(d.put(f"{path}/1", json={"option_ids": right(question)}) for _ in range(50) for d in devices)
        )
        choices = [right(other), wrong(other)]
        mixed = await asyncio.gather(
            *(d.put(f"{path}/2", json={"option_ids": choices[n % 2]}) for n in range(50) for d in devices)
        )
    assert Counter(reply.status_code for reply in opened) == {201: 1, 200: 99}
    assert len({reply.json()["id"] for reply in opened}) == 1
    assert {reply.status_code for reply in same} == {200}
    assert len({reply.content for reply in same}) == 1
    assert Counter(reply.status_code for reply in mixed) == {200: 50, 409: 50}
    assert len({reply.content for reply in mixed if reply.status_code == 200}) == 1
    async with town.services.database.sessions() as session:
        assert await session.scalar(select(func.count()).select_from(Paper)) == 1
        assert await session.scalar(select(func.count()).select_from(Answer)) == 2


async def test_signing_out_on_one_ends_it_on_the_other(town: Town, database_url: str, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {town.tokens['梅江001']}"}
    with two_servers(database_url, tmp_path) as (here, there):
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as device:
            assert (await device.get(f"{there}/me")).status_code == 200
            assert (await device.delete(f"{here}/sessions/current")).status_code == 204
            await asyncio.sleep(1.1)  # what a process may remember of a session
            assert (await device.get(f"{there}/me")).status_code == 401
