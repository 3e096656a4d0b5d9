"""The database's handles: URLs in every spelling, and connections that go away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.database import ANSWERS, Database, async_url, make_engine, open_database, plain_url
from app.core.errors import Busy
from app.core.http import Observed, database_away, install_errors
from app.core.wiring import Services
from app.roster.models import Officer
from tests.times import instant


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_every_spelling_of_the_scheme(scheme: str) -> None:
    given = f"{scheme}://lb:pw@db:5433/lianbing"
    assert async_url(given).render_as_string(hide_password=False) == "postgresql+asyncpg://lb:pw@db:5433/lianbing"
    assert plain_url(given) == "postgresql://lb:pw@db:5433/lianbing"


def test_a_socket_as_host() -> None:
    url = async_url("postgresql://lb@/lianbing?host=/var/run/pg&port=5433")
    assert (url.host, dict(url.query)) == (None, {"host": "/var/run/pg", "port": "5433"})
    assert plain_url(str(url)) == "postgresql://lb@/lianbing?host=%2Fvar%2Frun%2Fpg&port=5433"


def test_encryption_is_spelt_as_each_driver_wants() -> None:
    for given in ("postgresql://db/x?sslmode=require", "postgresql+asyncpg://db/x?ssl=require"):
        assert dict(async_url(given).query) == {"ssl": "require"}
        assert plain_url(given) == "postgresql://db/x?sslmode=require"


def test_a_password_of_odd_signs_stays_the_same() -> None:
    given = "postgresql://lb:p%40s%2Fs%3A%25w+d@db/x"
    assert async_url(given).password == "p@s/s:%w+d"
    assert async_url(plain_url(given)).password == "p@s/s:%w+d"
    assert "p@s" not in str(async_url(given))


@pytest.mark.parametrize(
    ("spelling", "pool"), [("postgres", "engine"), ("postgresql+asyncpg", "engine"), ("postgresql+asyncpg", "answers")]
)
async def test_every_spelling_connects(database_url: str, spelling: str, pool: str) -> None:
    database = await open_database(database_url.replace("postgresql", spelling, 1))
    if pool == "answers":
        assert await database.answers.fetchval("SELECT 1") == 1
    else:
        async with database.reads() as session:
            assert await session.scalar(text("SELECT 1")) == 1
    await database.close()


async def setting(database: Database, name: str) -> tuple[str, str]:
    async with database.reads() as session:
        ordinary = await session.scalar(text(f"SHOW {name}"))
    return str(ordinary), str(await database.answers.fetchval(f"SHOW {name}"))


async def test_sessions_are_set_up_for_their_work(services: Services) -> None:
    assert await setting(services.database, "timezone") == ("UTC", "UTC")
    assert await setting(services.database, "application_name") == ("lianbing", ANSWERS)
    assert await setting(services.database, "transaction_timeout") == ("0", "5s")
    assert await setting(services.database, "plan_cache_mode") == ("auto", "force_generic_plan")


async def test_where_the_database_is_away_connecting_is_busy(tmp_path: Path) -> None:
    engine = make_engine(f"postgresql:///x?host={tmp_path}", pool_size=2)
    with pytest.raises(Busy) as refused:
        async with engine.connect():
            pass
    assert isinstance(refused.value.__cause__, OSError)
    await engine.dispose()


async def test_where_nobody_listens_connecting_is_busy() -> None:
    database = await open_database("postgresql://lb@127.0.0.1:1/x")
    with pytest.raises(Busy):
        async with database.sessions.begin() as session:
            await session.execute(text("SELECT 1"))
    await database.close()


async def test_a_wrong_database_is_not_called_busy(database_url: str) -> None:
    nowhere = make_url(database_url).set(database="nowhere").render_as_string(hide_password=False)
    engine = make_engine(nowhere, pool_size=2)
    with pytest.raises(DBAPIError, match='database "nowhere" does not exist'):
        async with engine.connect():
            pass
    await engine.dispose()


@pytest.mark.parametrize("state", ["40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03"])
async def test_what_passes_is_called_busy(services: Services, state: str) -> None:
    async with services.database.sessions() as session:
        with pytest.raises(DBAPIError) as raised:
            await session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))
    assert isinstance(database_away(raised.value), Busy)


@pytest.mark.parametrize("state", ["22012", "23505", "42703"])
async def test_what_does_not_pass_is_not_called_busy(services: Services, state: str) -> None:
    async with services.database.sessions() as session:
        with pytest.raises(DBAPIError) as raised:
            await session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))
    with pytest.raises(DBAPIError):
        database_away(raised.value)


async def test_connections_that_died_while_idle_are_replaced(services: Services) -> None:
    async with services.database.sessions() as one, services.database.sessions() as other:
        died = [await session.scalar(text("SELECT pg_backend_pid()")) for session in (one, other)]
    async with services.database.answers.acquire() as connection:
        for pid in died:
            await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    async with services.database.sessions() as one, services.database.sessions() as other:
        alive = [await session.scalar(text("SELECT pg_backend_pid()")) for session in (one, other)]
    assert not set(died) & set(alive)


async def test_an_error_does_not_show_what_was_being_written(services: Services) -> None:
    officer: dict[str, Any] = {"employee_no": "001", "name": "甲", "created_at": instant("09:00")}
    async with services.database.sessions() as session:
        session.add_all([Officer(**officer, password_hash="geheim") for _ in range(2)])
        with pytest.raises(IntegrityError) as refused:
            await session.flush()
    assert "geheim" not in str(refused.value)


async def test_reads_hold_no_transaction(services: Services) -> None:
    async with services.database.reads() as session:
        await session.execute(select(Officer))
        state = (
            "SELECT state FROM pg_stat_activity WHERE application_name = 'lianbing' AND datname = current_database()"
        )
        assert "idle in transaction" not in [row["state"] for row in await services.database.answers.fetch(state)]


def failing(services: Services) -> FastAPI:
    app = FastAPI()
    install_errors(app)
    app.add_middleware(Observed, max_upload=1)

    @app.get("/statement")
    async def statement(sql: str) -> None:
        async with services.database.sessions.begin() as session:
            await session.execute(text(sql))

    @app.get("/crowded")
    async def crowded() -> None:
        raise PoolTimeout

    return app


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/statement?sql=SELECT pg_terminate_backend(pg_backend_pid())", 503, "busy"),
        ("/statement?sql=SELECT 1/0", 500, "internal"),
        ("/crowded", 503, "busy"),
    ],
)
async def test_a_lost_connection_is_busy_and_a_wrong_statement_is_our_fault(
    services: Services, path: str, status: int, code: str
) -> None:
    transport = httpx.ASGITransport(failing(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "retry-after" in response.headers or status == 500


async def test_a_closed_database_gives_its_connections_back(database_url: str, cluster: str) -> None:
    database = await open_database(database_url)
    await database.answers.fetchval("SELECT 1")
    async with database.reads() as session:
        await session.execute(text("SELECT 1"))
    await database.close()
    administrator = await asyncpg.connect(cluster)
    gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state IS NOT NULL"
    for _ in range(200):  # a backend ends a moment after its client
        if await administrator.fetchval(gone, database.engine.url.database) == 0:
            break
        await administrator.execute("SELECT pg_sleep(0.05)")
    assert await administrator.fetchval(gone, database.engine.url.database) == 0
    await administrator.close()
    with pytest.raises((asyncpg.InterfaceError, DBAPIError)):
        await database.answers.fetchval("SELECT 1")
