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
async def matchday(settings: Settings) -> AsyncIterator[Town]:
    """The bureau; where the day is closing, wait for the next."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        town = await small_bureau(app)
        await add_questions(town.services)
        async with town.services.database.reads() as session:
            now = local(await town.services.clock.now(session))
        if now.time() >= CLOSING:
            midnight = (now + dt.timedelta(days=1)).replace(hour=0, minute=0, second=1)
            await asyncio.sleep((midnight - now).total_seconds())
        rules: dict[str, object] = {"day_opens_at": "00:00", "matches": SHORT}
        await town.contest("市局", starts_on=local_day(now) - dt.timedelta(days=1), rules=rules)
        yield town


def api(url: str) -> httpx.AsyncClient:
    """A connection to the API for any number of phones."""
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)
