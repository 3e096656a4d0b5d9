"""Wake-ups between processes: what changed is told by NOTIFY after its commit, and whoever waits for it looks again.

A wake-up carries no data and may be lost: who waits looks from time to time anyway.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from app.core.database import LOST, plain_url

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Iterable, Iterator

log = structlog.get_logger(__name__)

CHANNEL = "lianbing_changed"
LISTENER = "lianbing-wake-ups"
"""application_name of the one connection of a process that listens and tells."""

_NOTIFY = "SELECT pg_notify($1, told) FROM unnest($2::text[]) AS told"
_A_PAYLOAD = 240  # ids: 8 bytes of sender and 33 for each stay under the 8,000 bytes that a payload may have
_MOST_UNTOLD = 4096  # ids kept while the database is away; who is not told finds out at the next look
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds between attempts to connect
_HEARTBEAT = 30.0  # seconds: a peer that vanished without a word is noticed by asking it
_PATIENCE = 10.0  # seconds for one statement
_FAREWELL = 2.0  # seconds at the end for what is still to be told


class Broadcast:
    """Tells other processes which things changed, and rings for whoever waits for one of them here.

    One connection of its own, made at first use and made again whenever it is lost. Nothing that it does, or cannot
    do, reaches the caller.
    """

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._sender = secrets.token_hex(4)
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._untold: set[str] = set()
        self._something = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def publish(self, ids: Iterable[uuid.UUID]) -> None:
        """Say that these things changed; call it after the commit. Rings here at once, elsewhere soon."""
        changed = {key.hex for key in ids}
        if not changed:
            return
        for key in changed:
            self._ring(key)
        if len(self._untold) < _MOST_UNTOLD:
            self._untold |= changed
        self._something.set()
        self._start()

    @contextmanager
    def subscribe(self, key: uuid.UUID, bell: asyncio.Event) -> Iterator[None]:
        """Ring the bell (set it) after each change of this thing; who hears it clears it and looks."""
        bells = self._bells.setdefault(key.hex, set())
        bells.add(bell)
        self._start()
        try:
            yield
        finally:
            bells.discard(bell)
            if not bells:
                del self._bells[key.hex]

    async def close(self) -> None:
        """Tell what is still to be told, if that goes quickly, and end the connection."""
        self._closing.set()
        self._something.set()
        if self._task is None:
            return
        _, unfinished = await asyncio.wait([self._task], timeout=_FAREWELL)
        for task in unfinished:
            task.cancel()
            await asyncio.wait([task])

    def _start(self) -> None:
        if self._task is None and not self._closing.is_set():
            self._task = asyncio.create_task(self._run(), context=Context())  # no request's

    def _ring(self, key: str) -> None:
        for bell in self._bells.get(key, ()):
            bell.set()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while self._untold or not self._closing.is_set():
            try:
                async with self._connected() as connection:
                    await connection.add_listener(CHANNEL, self._hear)
                    connection.add_termination_listener(self._lost)
                    pause = _FIRST_PAUSE
                    for key in list(self._bells):  # what was told while nobody listened
                        self._ring(key)
                    await self._tell(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again; no request waits for it
                log.warning("wake-ups between processes are interrupted", error=repr(error), pause=pause)
                if self._closing.is_set():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._closing.wait()
                pause = min(2 * pause, _LONGEST_PAUSE)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        # A wake-up need not survive a crash: its commit waits for no disk, and holds NOTIFY's lock the shorter.
        settings = {"application_name": LISTENER, "synchronous_commit": "off"}
        connection = await asyncpg.connect(self._url, timeout=_PATIENCE / 2, server_settings=settings)
        try:
            yield connection
        finally:
            with suppress(*LOST, asyncpg.PostgresError):
                await connection.close(timeout=_FAREWELL)

    async def _tell(self, connection: asyncpg.Connection[Any]) -> None:
        """Tell what is published, what gathered meanwhile together; with nothing to tell ask for a sign of life."""
        while not self._closing.is_set() or self._untold:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT):
                    await self._something.wait()
            self._something.clear()
            told, self._untold = self._untold, set()
            try:
                await connection.fetch(_NOTIFY, CHANNEL, self._payloads(told), timeout=_PATIENCE)
            except BaseException:
                self._untold |= told
                raise

    def _payloads(self, told: Iterable[str]) -> list[str]:
        keys = sorted(told)
        parts = (keys[start : start + _A_PAYLOAD] for start in range(0, len(keys), _A_PAYLOAD))
        return [" ".join([self._sender, *part]) for part in parts]

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, *keys = str(payload).split(" ")
        if sender != self._sender:  # our own were rung when they were published
            for key in keys:
                self._ring(key)

    def _lost(self, _connection: object) -> None:
        self._something.set()  # the next statement says so
