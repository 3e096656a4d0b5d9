"""One transaction for a batch on the hot path's own pool: one retry after a lost connection, then Busy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import asyncpg
import structlog

from app.core.batching import ItemError
from app.core.database import LOST, is_passing
from app.core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]

Outcome = TypeVar("Outcome")
log = structlog.get_logger(__name__)

_DATA_FAULT = ("22", "23")


async def in_transaction(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
    """Run `work` in one transaction, as `committed` does."""

    async def wrapped(connection: Connection) -> Outcome:
        async with connection.transaction():
            return await work(connection)

    return await committed(pool, wrapped)


async def fetched(pool: asyncpg.Pool, statement: str, *values: object) -> list[asyncpg.Record]:
    """Return the rows of one reading statement; raises Busy where the database is away."""

    async def work(connection: Connection) -> list[asyncpg.Record]:
        return list(await connection.fetch(statement, *values))

    return await committed(pool, work)


async def committed(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
    """Run `work`, which commits what it does, and return its outcome.

    `work` must be idempotent: when the connection is lost, at COMMIT too, it runs once more. Raises Busy when the
    database is away, ItemError for a fault of the data.
    """
    for attempt in (1, 2):
        try:
            async with pool.acquire() as connection:
                try:
                    return await work(connection)
                except LOST:
                    connection.terminate()  # whatever state it is in, nobody is to be handed it again
                    raise
        except (*LOST, asyncpg.PostgresError) as error:
            if (getattr(error, "sqlstate", None) or "").startswith(_DATA_FAULT):
                raise ItemError from error
            if not is_passing(error):
                raise
            log.warning("hot path lost its transaction", attempt=attempt, error=repr(error))
    raise Busy("系统正在恢复，此次请求尚未完成，请稍后自动重试。")
