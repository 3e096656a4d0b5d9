"""The clock that calls the rounds: APScheduler only tells the time, the rows decide what is due."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from app.core import metrics
from app.core.clock import ZONE
from app.notices.service import tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from fastapi import FastAPI

    from app.core.wiring import Services

log = structlog.get_logger(__name__)

SLOT_HOURS = CronTrigger(hour="8,12,18,22", minute=0, second=10, timezone=ZONE)
"""The four slots, ten seconds on; the trigger needs the zone itself, the scheduler's does not reach it."""

_EVERY = IntervalTrigger(seconds=30, timezone=ZONE)
_MISFIRE_GRACE = 3600  # seconds; however late, a call is welcome: the rows know what is due


@asynccontextmanager
async def clockwork(
    app: FastAPI,  # noqa: ARG001 - the lifespan's form
    services: Services,
    *also: Callable[..., Coroutine[Any, Any, object]],
) -> AsyncIterator[None]:
    """Run the clock of this process while the application serves; what is in flight is awaited at the end.

    At each ring it calls the notices' round and then `also`, rounds of other packages: `work(services, stopping=...)`.
    """
    if not services.settings.scheduler:
        yield
        return
    wake, stop = asyncio.Event(), asyncio.Event()
    scheduler = AsyncIOScheduler(timezone=ZONE)
    for trigger in (SLOT_HOURS, _EVERY):
        scheduler.add_job(
            _ring, trigger, args=[wake], max_instances=1, coalesce=True, misfire_grace_time=_MISFIRE_GRACE
        )
    rounds = asyncio.create_task(_rounds(services, also, wake, stop))
    wake.set()  # what came due while no process ran
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)  # it cancels what it runs itself: only the bell, never a round
        stop.set()
        wake.set()
        await rounds


async def _ring(wake: asyncio.Event) -> None:
    wake.set()


async def _rounds(
    services: Services,
    also: Sequence[Callable[..., Coroutine[Any, Any, object]]],
    wake: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    while True:
        await wake.wait()
        wake.clear()
        if stop.is_set():
            return
        try:
            await tick(services, stopping=stop.is_set)
        except Exception:  # the database may be away; the next ring tries again
            log.exception("round of notices failed")
            metrics.TICKS.labels("failed").inc()
        for work in also:
            try:
                await work(services, stopping=stop.is_set)
            except Exception:  # as above, and no round keeps another from its turn
                log.exception("round failed")
