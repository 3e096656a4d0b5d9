"""SQLAlchemy base, engines and the asyncpg pool of the hot path."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy import Date, DateTime, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import URL

ANSWERS = "lianbing-answers"
"""application_name of connections that write answers: freezes wait for their open transactions."""

_ANSWER_TRANSACTION_LIMIT = "5s"
_CONNECT_SECONDS = 5
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)


LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)
"""What asyncpg raises over a connection that is gone, or is going while it is used."""

_PASSING = ("08", "40", "53", "57", "25P04", "55P03", "XX")  # lost, serialisation, resources, shutdown, timeout, locks


def is_passing(error: BaseException) -> bool:
    """Whether the same work may well succeed a moment later: the database is away, overloaded, or chose a victim."""
    return isinstance(error, LOST) or str(getattr(error, "sqlstate", None) or "").startswith(_PASSING)


class Base(DeclarativeBase):
    """Declarative base: aware instants, UUIDs, JSONB, and one naming convention for constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy, as its documentation shows
        dt.datetime: DateTime(timezone=True),
        dt.date: Date(),
        uuid.UUID: Uuid(),
        str: Text(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[uuid.UUID]: ARRAY(Uuid()),
    }


@dataclass(frozen=True)
class Database:
    """The handles of one process: ORM sessions, autocommit reads, and the raw pool of the hot path."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    reads: async_sessionmaker[AsyncSession]
    answers: asyncpg.Pool

    async def close(self) -> None:
        """Give every connection back."""
        await self.answers.close()
        await self.engine.dispose()


def _respelt(url: str, driver: str, old: str, new: str) -> URL:
    given = make_url(url)
    query = {new if name == old else name: value for name, value in given.query.items()}
    return given.set(drivername=driver, query=query)


def async_url(url: str) -> URL:
    """Return `url` with the asyncpg driver, whatever spelling of postgres and of `sslmode` it came in."""
    return _respelt(url, "postgresql+asyncpg", "sslmode", "ssl")


def plain_url(url: str) -> str:
    """Return `url` without a driver name, as asyncpg and libpq programs take it."""
    return _respelt(url, "postgresql", "ssl", "sslmode").render_as_string(hide_password=False)


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """Return an engine that checks a connection before use and gives up waiting for one after 10 s.

    Where the database cannot be reached, connecting raises Busy. Errors do not show the values of a statement:
    they may be phones, keys or hashes.
    """
    address = plain_url(url)
    settings = {"application_name": "lianbing", "timezone": "UTC", "jit": "off"}

    async def connect() -> asyncpg.Connection[Any]:
        try:
            return await asyncpg.connect(address, timeout=_CONNECT_SECONDS, server_settings=settings)
        except _AWAY as error:
            raise Busy("暂时连接不上数据库，请稍后重试。") from error

    return create_async_engine(
        async_url(url),
        async_creator=connect,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
    )


async def copy_rows(
    session: AsyncSession, table: str, columns: Sequence[str], records: Iterable[tuple[Any, ...]]
) -> None:
    """COPY records into a table in the session's transaction: many times as fast as INSERT; no defaults of the ORM's.

    The transaction must have begun (any statement of it), and what it builds on be flushed.
    """
    raw = await (await session.connection()).get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table(table, records=records, columns=columns)


async def _nothing_to_reset(_connection: object) -> None:
    """Spare the round trip: the hot path leaves no session state behind."""


async def open_database(url: str, *, pool_size: int = 16) -> Database:
    """Open the engine and the hot path's pool; the latter's transactions end within 5 s.

    The pool connects at first use, so that a process starts (and says it is not ready) while the database is away.
    """
    engine = make_engine(url, pool_size=max(3, pool_size - 4))
    pool = asyncpg.create_pool(
        plain_url(url),
        min_size=0,
        max_size=4,
        timeout=_CONNECT_SECONDS,
        command_timeout=10,
        reset=_nothing_to_reset,
        server_settings={
            "application_name": ANSWERS,
            "timezone": "UTC",
            "jit": "off",
            "transaction_timeout": _ANSWER_TRANSACTION_LIMIT,
            # A batch is a handful of index look-ups at any size of the tables: plan it so once, whatever the
            # statistics said when the contest was young.
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )
    return Database(
        engine=engine,
        sessions=async_sessionmaker(engine, expire_on_commit=False),
        reads=async_sessionmaker(
            engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False, autoflush=False
        ),
        answers=await pool,
    )
