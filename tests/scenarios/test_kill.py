"""`kill -9` of the server, and of PostgreSQL, amid 32 officers answering: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections.abc import Callable

import asyncpg
import httpx
import pytest

from app.commands.bench_seed import QUESTIONS, paper_id, token
from app.core.embedded import start_or_join
from tests.scenarios.serving import Served, seeded, wait_for

CLIENTS = 32
PAPERS_EACH = 3

Acknowledged = dict[tuple[str, int], str]


def choice(officer: int, position: int) -> str:
    """What this officer answers there, however often it is sent."""
    return random.Random(officer * 100 + position).choice("abcd")


async def answer_all(
    client: httpx.AsyncClient, number: int, acknowledged: Acknowledged, complaints: Callable[[], str]
) -> None:
    """Answer this client's papers, sending again until each answer is acknowledged."""
    for officer in range(number, CLIENTS * PAPERS_EACH, CLIENTS):
        headers = {"Authorization": f"Bearer {token(officer)}"}
        for position in range(1, QUESTIONS + 1):
            path = f"/api/v1/daily-quiz/attempts/{paper_id(officer)}/answers/{position}"
            body = {"option_ids": [choice(officer, position)]}
            while True:
                try:
                    reply = await client.put(path, json=body, headers=headers)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if reply.status_code == 200:
                    acknowledged[str(paper_id(officer)), position] = body["option_ids"][0]
                    break
                assert reply.status_code == 503, reply.text + complaints()
                assert reply.headers["Retry-After"]
                await asyncio.sleep(0.05)


async def answering_while(served: Served, acknowledged: Acknowledged, disaster: list[object]) -> None:
    """Let 32 clients answer everything, and let each disaster strike after a third, two thirds, …"""
    everything = CLIENTS * PAPERS_EACH * QUESTIONS
    async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=10) as client:
        clients = [
            asyncio.create_task(answer_all(client, number, acknowledged, served.complaints))
            for number in range(CLIENTS)
        ]
        for number, strike in enumerate(disaster, start=1):
            while len(acknowledged) < everything * number // (len(disaster) + 1):
                await asyncio.sleep(0.005)
                for one in clients:
                    if one.done():
                        one.result()
            assert callable(strike)
            await asyncio.to_thread(strike)
        await asyncio.gather(*clients)


async def stored(dsn: str) -> Acknowledged:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT paper_id, position, choice FROM answer")
    finally:
        await connection.close()
    assert len(rows) == len({(row["paper_id"], row["position"]) for row in rows})
    return {(str(row["paper_id"]), row["position"]): row["choice"] for row in rows}


def check(served: Served, acknowledged: Acknowledged) -> None:
    verified = served.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert f"答案{len(acknowledged)}条" in verified.stdout
    with start_or_join(served.folder / "data") as server:
        assert asyncio.run(stored(server.dsn)) == acknowledged


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_of_the_server(workers: int) -> None:
    acknowledged: Acknowledged = {}
    with seeded(CLIENTS * PAPERS_EACH) as served:
        served.start(workers=workers)

        def kill_and_start_again() -> None:
            postmaster = served.postmaster()
            served.kill()
            wait_for(lambda: served.status("/health/live") is None, "nobody keeps serving")
            wait_for(lambda: not alive(postmaster), "PostgreSQL ends with its owner")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", served.port))
            with start_or_join(served.folder / "data") as server:
                kept = asyncio.run(stored(server.dsn))
            assert dict(acknowledged).items() <= kept.items()
            served.start(workers=workers)

        asyncio.run(answering_while(served, acknowledged, [kill_and_start_again, kill_and_start_again]))
        check(served, acknowledged)
    assert len(acknowledged) == CLIENTS * PAPERS_EACH * QUESTIONS


def test_kill_9_of_postgresql() -> None:
    acknowledged: Acknowledged = {}
    with seeded(CLIENTS * PAPERS_EACH) as served:
        served.start()

        def kill_postgresql() -> None:
            postmaster = served.postmaster()
            os.kill(postmaster, signal.SIGKILL)
            wait_for(lambda: not alive(postmaster), "the postmaster is gone")
            assert served.status("/health/live") == 200
            wait_for(served.ready, "the database is back")
            assert served.postmaster() != postmaster

        asyncio.run(answering_while(served, acknowledged, [kill_postgresql, kill_postgresql]))
        check(served, acknowledged)
    assert len(acknowledged) == CLIENTS * PAPERS_EACH * QUESTIONS
