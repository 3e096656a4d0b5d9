"""One transaction for a batch on the hot path's own pool: one retry after a lost connection, then Busy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import asyncpg
import structlog

from app.core.batching import ItemError
from app.core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]

Outcome = TypeVar("Outcome")
log = structlog.get_logger(__name__)

_DATA_FAULT = ("22", "23")
_LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)
_AGAIN = ("08", "40", "53", "57", "25P04", "55P03", "XX")  # lost, serialisation, resources, shutdown, timeout, locks


async def in_transaction(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
    """Run `work` in one transaction, as `committed` does."""

    async def wrapped(connection: Connection) -> Outcome:
        async with connection.transaction():
            return await work(connection)

    return await committed(pool, wrapped)


async def committed(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
    """Run `work`, which commits what it does, and return its outcome.

    `work` must be idempotent: when the connection is lost, at COMMIT too, it runs once more. Raises Busy when the
    database is away, ItemError for a fault of the data.
    """
    for attempt in (1, 2):
        try:
            async with pool.acquire() as connection:
                outcome = await work(connection)
        except _LOST as error:
            log.warning("hot path lost its connection", attempt=attempt, error=repr(error))
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            if state.startswith(_DATA_FAULT):
                raise ItemError from error
            if not state.startswith(_AGAIN):
                raise
            log.warning("hot path transaction failed", attempt=attempt, sqlstate=state)
        else:
            return outcome
    raise Busy("系统正在恢复，答案尚未提交，请稍后自动重试。")
