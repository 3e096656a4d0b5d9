"""The clock that calls the sweeps: every process settles what is over and pairs who still waits."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.matches.service import MatchDesk

log = structlog.get_logger(__name__)

# Seconds. Each process has a period of its own, so that they do not sweep in step.
EVERY = 1 + os.getpid() % 32 / 128
_AFTER_TROUBLE = 5.0


@asynccontextmanager
async def sweeping(desk: MatchDesk, *, enabled: bool) -> AsyncIterator[None]:
    """Sweep about once a second within; a sweep in progress is awaited at the end."""
    if not enabled:
        yield
        return
    stop = asyncio.Event()
    sweeps = asyncio.create_task(_sweeps(desk, stop), context=Context())
    try:
        yield
    finally:
        stop.set()
        await sweeps


async def _sweeps(desk: MatchDesk, stop: asyncio.Event) -> None:
    while not stop.is_set():
        pause = EVERY
        try:
            await desk.sweep(None)
        except Exception as error:  # noqa: BLE001 - the database may be away; the next sweep tries again
            log.warning("sweep of matches failed", error=repr(error))
            pause = _AFTER_TROUBLE
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
