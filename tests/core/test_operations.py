"""Health and metrics: what an operator's machines ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.core.settings import Settings
from app.core.wiring import Services
from app.main import create_app
from tests.times import SECRET


@pytest.fixture
async def operator(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_serving_process_is_live_and_ready(operator: httpx.AsyncClient) -> None:
    live, ready = await operator.get("/health/live"), await operator.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_a_draining_process_is_live_but_not_ready(app: FastAPI, operator: httpx.AsyncClient) -> None:
    app.state.draining = True
    live, ready = await operator.get("/health/live"), await operator.get("/health/ready")
    assert live.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"status": "not ready", "reason": "draining"})
    assert ready.headers["retry-after"] == "2"


async def test_without_its_tables_a_process_is_not_ready(operator: httpx.AsyncClient, services: Services) -> None:
    async with services.database.sessions.begin() as session:
        await session.execute(text("ALTER TABLE bank_version RENAME TO not_yet"))
    ready = await operator.get("/health/ready")
    assert (ready.status_code, ready.json()["reason"]) == (503, "database")


async def test_readiness_comes_back_with_the_database(
    operator: httpx.AsyncClient, services: Services, cluster: str
) -> None:
    name = services.database.engine.url.database
    administrator = await asyncpg.connect(cluster)
    await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    away = await operator.get("/health/ready")
    await administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    back = await operator.get("/health/ready")
    await administrator.close()
    assert (away.status_code, away.json()["reason"]) == (503, "database")
    assert back.status_code == 200


async def test_a_process_starts_while_the_database_is_away(tmp_path: Path) -> None:
    settings = Settings(database_url=f"postgresql:///lianbing?host={tmp_path}", secret_key=SECRET, scheduler=False)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
        asked = await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})
        path = "/api/v1/daily-quiz/attempts/00000000-0000-7000-8000-000000000000/answers/1"
        answered = await client.put(path, json={"option_ids": ["a"]}, headers={"Authorization": "Bearer x"})
    assert (live.status_code, ready.status_code, ready.json()["reason"]) == (200, 503, "database")
    for refused in (asked, answered):
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert refused.headers["retry-after"] == "2"


async def test_the_metrics_are_prometheus_text(operator: httpx.AsyncClient) -> None:
    await operator.get("/health/live")
    response = await operator.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    names = {family.name for family in text_string_to_metric_families(response.text)}
    assert {"lianbing_http_request_seconds", "lianbing_batch_size"} <= names
    assert 'route="/health/live"' in response.text
