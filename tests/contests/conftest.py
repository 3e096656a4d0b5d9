"""A town whose bank fills a daily quiz, and calls as its administrators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.wiring import Services
from tests.bank.banks import fill, questions
from tests.people import Town
from tests.times import TODAY

Call = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def bank(services: Services, tmp_path: Path) -> None:
    await fill(services, tmp_path / "bank", questions(5, 4, 4))


@pytest.fixture
async def call(town: Town) -> Call:
    """`await call("POST", "/contests", body, by="管理员")`."""
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    await town.unit("邻市局", "bureau", "省厅")  # type: ignore[arg-type]
    await town.officer("邻市管理员", "邻市局", roles=["admin"], takes_part=False)

    async def call(method: str, path: str, body: Any = None, *, by: str = "管理员", **more: Any) -> httpx.Response:
        async with town.as_(by) as client:
            return await client.request(method, path, json=body, **more)

    return call


@pytest.fixture
def new(town: Town, call: Call) -> Call:
    """Draft a contest of 市局 from today for three weeks, unless told otherwise."""

    async def new(*, unit: str = "市局", by: str = "管理员", days: tuple[int, int] = (0, 20), **more: Any):
        body = {
            "name": "执法大练兵",
            "unit_id": str(town.units[unit]),
            "starts_on": str(TODAY + dt.timedelta(days[0])),
            "ends_on": str(TODAY + dt.timedelta(days[1])),
            **more,
        }
        return await call("POST", "/contests", body, by=by)

    return new
