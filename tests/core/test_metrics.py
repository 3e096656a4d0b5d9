"""Metrics: every request is counted under its route, and all workers speak as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from tests.people import Town


def requests(route: str, method: str, status: int) -> float:
    labels = {"route": route, "method": method, "status": str(status)}
    return REGISTRY.get_sample_value("lianbing_http_request_seconds_count", labels) or 0.0


async def test_requests_are_counted_by_route_not_by_path(town: Town) -> None:
    route = "/api/v1/daily-quiz/attempts/{attempt_id}"
    before = requests(route, "GET", 404)
    async with town.as_("梅江001") as officer:
        for path in ("/daily-quiz/attempts/a", "/daily-quiz/attempts/b"):
            await officer.get(path)
    assert requests(route, "GET", 404) == before + 2


async def test_an_answer_is_counted_under_its_own_route(client: httpx.AsyncClient) -> None:
    route = "/api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}"
    before = requests(route, "PUT", 401)
    await client.put("/daily-quiz/attempts/00000000-0000-7000-8000-000000000000/answers/1", json={})
    assert requests(route, "PUT", 401) == before + 1


async def test_unknown_paths_share_one_series(client: httpx.AsyncClient) -> None:
    before = requests("(none)", "GET", 404)
    for path in ("/a", "/b", "/c"):
        await client.get(path)
    assert requests("(none)", "GET", 404) == before + 3


COUNT = "from app.core import metrics; metrics.TICKS.labels('test').inc(2)"
SHOW = "import sys; from app.core import metrics; sys.stdout.buffer.write(b''.join(metrics.exposition()[0]))"


def test_the_exposition_speaks_for_all_workers(tmp_path: Path) -> None:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", COUNT], env=environ, check=True)
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environ, check=True, capture_output=True, text=True).stdout
    samples = [sample for family in text_string_to_metric_families(shown) for sample in family.samples]
    assert [sample.value for sample in samples if sample.name == "lianbing_ticks_total"] == [4.0]
