"""One transaction on the hot path's pool: what is tried again, what is told at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.batching import ItemError
from app.core.database import open_database
from app.core.errors import Busy
from app.papers.hot_path import committed, in_transaction

Work = Callable[[Any], Awaitable[int]]
SUICIDE = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    database = await open_database(database_url)
    await database.answers.execute("CREATE TABLE kept (number int PRIMARY KEY CHECK (number > 0))")
    yield database.answers
    await database.close()


async def kept(pool: Any) -> list[int]:
    return [row["number"] for row in await pool.fetch("SELECT number FROM kept ORDER BY number")]


class Tries:
    """Work that counts how often it is tried and fails in the ways it is told."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self, connection: Any) -> int:
        self.count += 1
        await connection.execute("INSERT INTO kept VALUES (1) ON CONFLICT DO NOTHING")
        if self.failures:
            await connection.execute(self.failures.pop(0))
        return self.count


@pytest.mark.parametrize("run", [committed, in_transaction])
async def test_work_that_succeeds_is_done_once(pool: Any, run: Callable[[Any, Work], Awaitable[int]]) -> None:
    assert await run(pool, Tries()) == 1
    assert await kept(pool) == [1]


@pytest.mark.parametrize("run", [committed, in_transaction])
@pytest.mark.parametrize(
    "failure",
    [
        SUICIDE,
        "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '53300'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '57014'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '25P04'; END $$",
    ],
)
async def test_what_may_pass_is_tried_once_more(
    pool: Any, run: Callable[[Any, Work], Awaitable[int]], failure: str
) -> None:
    assert await run(pool, Tries(failure)) == 2
    assert await kept(pool) == [1]


async def test_a_transaction_that_failed_twice_is_busy_and_left_nothing(pool: Any) -> None:
    tries = Tries(SUICIDE, SUICIDE)
    with pytest.raises(Busy):
        await in_transaction(pool, tries)
    assert tries.count == 2
    assert await kept(pool) == []


async def test_what_was_committed_before_the_loss_is_not_doubled(pool: Any) -> None:
    with pytest.raises(Busy):
        await committed(pool, Tries(SUICIDE, SUICIDE))
    assert await kept(pool) == [1]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        ("SELECT 1/0", asyncpg.DivisionByZeroError),
        ("INSERT INTO kept VALUES (1)", asyncpg.UniqueViolationError),
        ("INSERT INTO kept VALUES (0)", asyncpg.CheckViolationError),
    ],
)
async def test_a_fault_of_the_data_is_told_at_once(pool: Any, failure: str, cause: type[Exception]) -> None:
    tries = Tries(failure)
    with pytest.raises(ItemError) as told:
        await in_transaction(pool, tries)
    assert isinstance(told.value.__cause__, cause)
    assert tries.count == 1
    assert await kept(pool) == []


async def test_a_wrong_statement_is_our_fault(pool: Any) -> None:
    tries = Tries("SELECT nothing")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await in_transaction(pool, tries)
    assert tries.count == 1


async def test_a_connection_that_broke_within_is_not_handed_out_again(pool: Any) -> None:
    backends: list[int] = []

    async def work(connection: Any) -> int:
        backends.append(await connection.fetchval("SELECT pg_backend_pid()"))
        if len(backends) == 1:  # what asyncpg says where a connection's end crosses a statement on its way
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        return len(backends)

    assert await committed(pool, work) == 2
    assert len(set(backends)) == 2


async def test_while_the_database_is_away_it_is_busy(tmp_path: Path) -> None:
    database = await open_database(f"postgresql:///lianbing?host={tmp_path}")
    tries = Tries()
    with pytest.raises(Busy):
        await in_transaction(database.answers, tries)
    assert tries.count == 0
    await database.close()
