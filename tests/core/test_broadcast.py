"""Wake-ups between processes: they ring here and there, and come back after every trouble."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from app.core.broadcast import LISTENER, Broadcast
from app.core.database import plain_url

THING, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Broadcast]:
    """What this process has."""
    broadcast = Broadcast(database_url)
    yield broadcast
    await broadcast.close()


@pytest.fixture
async def there(database_url: str) -> AsyncIterator[Broadcast]:
    """What another process has."""
    broadcast = Broadcast(database_url)
    yield broadcast
    await broadcast.close()


class Operator:
    """Meddles with the database's connections."""

    def __init__(self, connection: asyncpg.Connection, name: str | None) -> None:
        self._connection = connection
        self._name = name

    async def listeners(self) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2"
        count: int = await self._connection.fetchval(query, LISTENER, self._name)
        return count

    async def cut(self) -> None:
        """End all listening connections."""
        query = (
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2"
        )
        await self._connection.execute(query, LISTENER, self._name)

    async def allow(self, connections: bool) -> None:
        await self._connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {connections}")


@pytest.fixture
async def operator(cluster: str, database_url: str) -> AsyncIterator[Operator]:
    connection = await asyncpg.connect(plain_url(cluster))
    yield Operator(connection, make_url(database_url).database)
    await connection.close()


async def heard(bell: asyncio.Event) -> None:
    """Wait until the bell rings, and silence it."""
    async with asyncio.timeout(60):
        await bell.wait()
    bell.clear()


@asynccontextmanager
async def waiting(broadcast: Broadcast, *things: uuid.UUID) -> AsyncIterator[asyncio.Event]:
    """One bell for these things, heard to ring once: the connection that listens rings them all."""
    bell = asyncio.Event()
    with ExitStack() as stack:
        for thing in things:
            stack.enter_context(broadcast.subscribe(thing, bell))
        await heard(bell)
        yield bell


async def test_it_rings_here_at_once_and_there_soon(here: Broadcast, there: Broadcast) -> None:
    async with waiting(here, THING) as near, waiting(there, THING) as far:
        here.publish([THING])
        assert near.is_set()
        await heard(far)


async def test_it_rings_for_that_thing_only_and_here_only_once(here: Broadcast, there: Broadcast) -> None:
    other = asyncio.Event()
    async with waiting(here, THING) as near, waiting(there, THING) as far:
        here.publish([THING])
        near.clear()
        await heard(far)
        with here.subscribe(OTHER, other):
            there.publish([OTHER])
            await heard(other)  # told after our own, and heard after it
        assert not near.is_set()


async def test_many_are_told_in_parts(here: Broadcast, there: Broadcast) -> None:
    things = [uuid.uuid4() for _ in range(1000)]
    async with waiting(there, *things) as bell:
        everything = asyncio.create_task(told(there, things))
        await asyncio.sleep(0)
        here.publish(things)
        await everything
        assert bell.is_set()


async def told(broadcast: Broadcast, things: list[uuid.UUID]) -> None:
    """Wait until each of these has rung."""
    with ExitStack() as stack:
        bells = [asyncio.Event() for _ in things]
        for thing, bell in zip(things, bells, strict=True):
            stack.enter_context(broadcast.subscribe(thing, bell))
        for bell in bells:
            await heard(bell)


async def test_a_lost_connection_is_made_again_and_rings_for_what_may_have_been_missed(
    here: Broadcast, there: Broadcast, operator: Operator
) -> None:
    async with waiting(here, THING) as near, waiting(there, OTHER) as far:
        with capture_logs() as logs:
            await operator.cut()
            await heard(near)
            await heard(far)
        assert {line["event"] for line in logs} == {"wake-ups between processes are interrupted"}
        there.publish([THING])
        await heard(near)


async def test_what_is_told_while_the_database_is_away_is_told_later(
    here: Broadcast, there: Broadcast, operator: Operator
) -> None:
    async with waiting(here, THING) as near:
        await operator.allow(False)
        there.publish([THING])
        await asyncio.sleep(0.5)  # it fails to connect once or twice
        assert not near.is_set()
        await operator.allow(True)
        await heard(near)


async def test_no_more_is_kept_than_a_few_thousand(here: Broadcast, operator: Operator) -> None:
    await operator.allow(False)
    for _ in range(50):
        here.publish([uuid.uuid4() for _ in range(128)])
    assert 4096 <= len(here._untold) < 4096 + 128
    await operator.allow(True)


async def test_the_end_tells_what_is_untold_and_leaves_no_connection(
    here: Broadcast, there: Broadcast, operator: Operator
) -> None:
    async with waiting(there, THING) as far, waiting(here, OTHER):
        assert await operator.listeners() == 2
        here.publish([THING])
        await here.close()
        await heard(far)
        assert await operator.listeners() == 1
    here.publish([THING])
    assert await operator.listeners() == 1


async def test_what_is_told_just_before_the_end_is_told(there: Broadcast, database_url: str) -> None:
    async with waiting(there, THING) as far:
        brief = Broadcast(database_url)
        brief.publish([THING])
        await brief.close()
        await heard(far)


async def test_without_anything_to_tell_or_to_wait_for_there_is_no_connection(
    here: Broadcast, operator: Operator
) -> None:
    here.publish([])
    await asyncio.sleep(0)
    assert await operator.listeners() == 0


async def test_the_end_does_not_wait_for_a_database_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broadcast = Broadcast(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
        broadcast.publish([THING])
        await asyncio.sleep(0.1)
        await broadcast.close()


async def test_the_end_while_it_pauses_is_quick() -> None:
    broadcast = Broadcast("postgresql://nobody@127.0.0.1:1/nothing")
    with capture_logs() as logs:
        broadcast.publish([THING])
        async with asyncio.timeout(60):
            while len(logs) < 2:  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.01)
        await broadcast.close()
    assert logs[1]["pause"] == 2 * logs[0]["pause"]
