"""A real PostgreSQL for every test: one embedded cluster a worker, one fresh database a test."""

from __future__ import annotations

import asyncio
import logging
import os
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

from app.core.clock import Clock
from app.core.embedded import start_or_join
from app.core.settings import Settings
from app.core.wiring import Services
from app.main import create_app
from tests.people import Town, small_bureau
from tests.schema import build_schema
from tests.times import SECRET, SetClock


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


_counter = iter(range(10**9))


@pytest.fixture
def database_url(cluster: str) -> Iterator[str]:
    """The URL of a fresh, migrated database of this test's own."""
    name = f"t{os.getpid()}_{next(_counter)}"
    asyncio.run(_run(cluster, f"CREATE DATABASE {name} TEMPLATE template_lianbing STRATEGY file_copy"))
    yield _named(cluster, name)
    asyncio.run(_run(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


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
