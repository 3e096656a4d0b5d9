"""A real PostgreSQL for every test: one embedded cluster a worker, empty tables for every test."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app.core.clock import Clock
from app.core.embedded import start_or_join
from app.core.settings import Settings
from app.core.wiring import Services
from app.main import create_app
from tests.people import Town, small_bureau
from tests.schema import build_schema
from tests.times import SECRET, SetClock

# A busy machine is no failure: nothing that is measured in seconds decides a test.
hypothesis_settings.register_profile("lianbing", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("lianbing")


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that a test runs sets up logging for the whole process: put it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The admin DSN of this worker's PostgreSQL, with a migrated template database in it."""
    folder = Path(tempfile.mkdtemp(prefix="lbt-"))
    folder.chmod(0o755)
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
    with start_or_join(folder / "data", extra_settings=quick) as server:
        asyncio.run(_template(server.dsn))
        yield server.dsn
    shutil.rmtree(folder, ignore_errors=True)


def _named(dsn: str, name: str) -> str:
    return dsn.replace("/lianbing?", f"/{name}?")


async def _run(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _template(dsn: str) -> None:
    await _run(dsn, "CREATE DATABASE template_lianbing")
    await build_schema(_named(dsn, "template_lianbing"))


# Emptying the tables takes a tenth of the time of a new database. Rows of a migration stay as it left them.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT format('%I', tablename) FROM pg_tables
                WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'bank_version') LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    UPDATE bank_version SET version = 0;
    FOR name IN SELECT format('%I', sequencename) FROM pg_sequences WHERE schemaname = 'public' AND last_value > 0 LOOP
        EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
    END LOOP;
END $$
"""


_SCHEMA = """
SELECT md5(concat((SELECT string_agg(relname::text || relkind::text, ' ' ORDER BY relname) FROM pg_class
                   WHERE relnamespace = to_regnamespace('public')),
                  (SELECT string_agg(tgname::text || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal)))
"""


class Reused:
    """A worker's database: emptied after each test, made anew where a test has changed its schema."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self.url = _named(cluster, "tests")
        asyncio.run(self._create())

    async def _create(self) -> None:
        await _run(self._cluster, "CREATE DATABASE tests TEMPLATE template_lianbing STRATEGY file_copy")
        connection = await asyncpg.connect(self.url)
        self._schema = await connection.fetchval(_SCHEMA)
        await connection.close()

    async def empty(self) -> None:
        """Leave nothing of a test behind."""
        connection = await asyncpg.connect(self.url)
        try:
            if same := await connection.fetchval(_SCHEMA) == self._schema:
                await connection.execute(_EMPTY)
        finally:
            await connection.close()
        if not same:
            await _run(self._cluster, "DROP DATABASE tests WITH (FORCE)")
            await self._create()


@pytest.fixture(scope="session")
def reused(cluster: str) -> Reused:
    """This worker's database."""
    return Reused(cluster)


@pytest.fixture
def database_url(reused: Reused) -> Iterator[str]:
    """The URL of a migrated database with nothing in it; nobody else is connected to it."""
    yield reused.url
    asyncio.run(reused.empty())


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, secret_key=SECRET, scheduler=False, pool_size=8)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this process, started up."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield client


@pytest.fixture
async def app(settings: Settings, clock: SetClock) -> AsyncIterator[FastAPI]:
    """The started application, under the test's clock."""
    application = create_app(settings, clock=Clock(lambda: clock.now))
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def services(app: FastAPI) -> Services:
    wired: Services = app.state.services
    return wired


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An anonymous client; `people.as_(name)` gives signed-in ones."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as anonymous:
        yield anonymous


@pytest.fixture
async def town(app: FastAPI) -> Town:
    """The small bureau of `tests/people.py`."""
    return await small_bureau(app)
