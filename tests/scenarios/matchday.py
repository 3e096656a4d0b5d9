"""The small bureau on a match day of the real clock, with short matches."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.core.clock import local, local_day
from app.core.settings import Settings
from app.main import create_app
from tests.people import Town, small_bureau
from tests.questions import add_questions

CLOSING = dt.time(23, 50)
SHORT = {"questions": 3, "seconds": 5, "counted_per_day": 2, "required_per_day": 1}


@asynccontextmanager
async def on_the_real_clock(settings: Settings, rules: dict[str, object]) -> AsyncIterator[Town]:
    """The bureau in a contest of today, open all day; begun yesterday, so that midnight in a test does no harm."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        town = await small_bureau(app)
        await add_questions(town.services)
        today = local_day(await now_of(town))
        yesterday = today - dt.timedelta(days=1)
        await town.contest("市局", starts_on=yesterday, rules={"day_opens_at": "00:00", **rules})
        yield town


async def now_of(town: Town) -> dt.datetime:
    """The database's clock, in the contest's zone."""
    async with town.services.database.reads() as session:
        return local(await town.services.clock.now(session))


@asynccontextmanager
async def matchday(settings: Settings) -> AsyncIterator[Town]:
    """The bureau; where the day is closing, wait for the next."""
    async with on_the_real_clock(settings, {"matches": SHORT}) as town:
        now = await now_of(town)
        if now.time() >= CLOSING:
            midnight = (now + dt.timedelta(days=1)).replace(hour=0, minute=0, second=1)
            await asyncio.sleep((midnight - now).total_seconds())
        yield town


def api(url: str) -> httpx.AsyncClient:
    """A connection to the API for any number of phones."""
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)
