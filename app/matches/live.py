"""The socket of a match: the Match at connect and after every change, whoever makes it and in whichever process.

Nothing depends on it: polling shows the same. What wakes a socket is the broadcast (somebody answered, gave up, took a
challenge up), the clock (a question opens or is over), and every few seconds a look that heals a lost wake-up.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.core import metrics
from app.core.batching import Batcher
from app.core.database import LOST
from app.core.errors import Busy, Forbidden, LianbingError, NotFound, Unauthenticated
from app.core.http import database_away, dumps, etag_of, problem
from app.core.ids import parse_id
from app.core.security import token_hash
from app.matches.views import match_view, next_change, sight_of
from app.papers.hot_path import committed
from app.roster.access import PasswordChangeRequired
from app.roster.signed_in import CallerCache, caller_behind, presented_token

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

    from app.bank.cache import Library
    from app.bank.queries import RevisionView
    from app.core.broadcast import Broadcast
    from app.core.wiring import Services
    from app.matches.queries import MatchRead, MatchReader
    from app.papers.hot_path import Connection

log = structlog.get_logger(__name__)

NORMAL, POLICY, TOO_LONG, RESTART = 1000, 1008, 1009, 1012
"""Close codes of RFC 6455: over; ended by a rule of ours, named in the reason; said too much; come back elsewhere."""

_BEARER = "bearer"
_AWAY = (LianbingError, DBAPIError, PoolTimeout)
_UNREADABLE = (*_AWAY, *LOST, asyncpg.PostgresError)
_SOON_AFTER = 0.005  # seconds after the instant at which time changes a Match: never a look too early
_AGAIN = 2.0  # seconds until the next try where a match could not be read
_GOLDEN = 0.618  # multiples of it lie evenly in a period: sockets opened together do not look together

_SIGNED_IN = """
SELECT s.token_hash FROM session s JOIN officer o ON o.id = s.officer_id
WHERE s.token_hash = ANY($1::bytea[]) AND s.expires_at > coalesce($2, clock_timestamp()) AND NOT o.must_change_password
"""


class Limits(NamedTuple):
    """What sockets may take."""

    a_process: int = 5000
    an_officer: int = 4
    look_seconds: float = 10.0
    """At most so long a lost wake-up, or a session that ended elsewhere, goes unnoticed."""
    send_seconds: float = 5.0
    """A reader who does not take a Match within this time is dropped."""
    said: int = 20
    """Messages of a client between two looks; they are ignored."""
    said_characters: int = 1024


class Look(NamedTuple):
    """A Match as a player sees it, as text, what tells it from another, and when (on the loop's clock) time changes it.

    `final`: it stays as it is, over and compared.
    """

    text: str
    etag: str
    changes_at: float
    final: bool


class Held(NamedTuple):
    """A match as it was read, and when on the loop's clock."""

    match: MatchRead
    at: float


@dataclass(eq=False)
class Watcher:
    """A socket: of which match, whose (officer, session's token hash), what it was sent, and how it ends."""

    match_id: uuid.UUID
    officer_id: uuid.UUID
    session: bytes
    number: int
    held: Held | None = None
    texts: Mapping[uuid.UUID, RevisionView] | None = None
    sent: str = ""
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    ending: tuple[int, str] | None = None
    said: int = 0

    def end(self, code: int, reason: str) -> None:
        """Have the socket closed."""
        self.ending = self.ending or (code, reason)
        self.bell.set()

    def leave(self) -> None:
        """Note that the client has gone."""
        self.gone = True
        self.bell.set()


class Gallery:
    """The sockets of this process."""

    def __init__(
        self, services: Services, callers: CallerCache, reader: MatchReader, library: Library, broadcast: Broadcast
    ) -> None:
        self.limits = Limits()
        self._services = services
        self._callers = callers
        self._reader = reader
        self._library = library
        self._broadcast = broadcast
        self._sessions: Batcher[bytes, bool] = Batcher(self._still_signed_in)
        self._numbers = count()
        self._watchers: dict[uuid.UUID, list[Watcher]] = {}
        self._open = 0
        self._troubled = False

    async def watch(self, socket: WebSocket, match_id: str) -> None:
        """Serve one socket from the handshake to its end; who may not watch is refused by a problem answer."""
        try:
            watcher = await self._admitted(socket, match_id)
        except _AWAY as error:
            refusal = error if isinstance(error, LianbingError) else database_away(error)
            await socket.send_denial_response(problem(refusal))
            return
        async with self._seated(watcher):
            with suppress(WebSocketDisconnect):
                await socket.accept(subprotocol=_BEARER if _BEARER in socket.scope["subprotocols"] else None)
                async with _listening(socket, watcher, self.limits):
                    await self._push(socket, watcher)

    async def close(self) -> None:
        """Send everybody elsewhere."""
        for watcher in [one for held in self._watchers.values() for one in held]:
            watcher.end(RESTART, "restart")
        await self._sessions.close()

    async def _admitted(self, socket: WebSocket, match_id: str) -> Watcher:
        """Judge a handshake in the order of refusals: 401, 403, 404, then 503."""
        token, by_cookie = _presented(socket)
        if token is None:
            raise Unauthenticated
        key = token_hash(token)
        caller = await caller_behind(key, self._services, self._callers)
        if caller.must_change_password:
            raise PasswordChangeRequired
        if by_cookie and not _same_origin(socket):
            raise Forbidden("只接受本站页面发起的连接。")
        wanted = parse_id(match_id)
        if wanted is None:
            raise NotFound("没有找到这场对战。")
        watcher = Watcher(wanted, caller.officer_id, key, next(self._numbers))
        await self._look(watcher)
        if socket.app.state.draining or self._open >= self.limits.a_process:
            raise Busy("暂时不能建立实时连接，请改为定时刷新。")
        return watcher

    @asynccontextmanager
    async def _seated(self, watcher: Watcher) -> AsyncIterator[None]:
        """Count the socket; where the officer has too many, the oldest ends."""
        held = self._watchers.setdefault(watcher.officer_id, [])
        held.append(watcher)
        self._open += 1
        metrics.SOCKETS.inc()
        for oldest in held[: -self.limits.an_officer]:
            oldest.end(POLICY, "too-many-sockets")
        try:
            with self._broadcast.subscribe(watcher.match_id, watcher.bell):
                yield
        finally:
            metrics.SOCKETS.dec()
            self._open -= 1
            held.remove(watcher)
            if not held:
                del self._watchers[watcher.officer_id]

    async def _push(self, socket: WebSocket, watcher: Watcher) -> None:
        """Send the Match now and whenever it differs from the one sent last, until there is nothing to wait for."""
        loop = asyncio.get_running_loop()
        period = self.limits.look_seconds * (0.75 + watcher.number * _GOLDEN % 1 / 4)
        look_at = loop.time() + period
        watcher.bell.set()  # what was read before the bell hung may have changed
        while not watcher.gone:
            if watcher.bell.is_set() or loop.time() >= look_at:
                watcher.held = None  # read again; else only time has passed
            watcher.bell.clear()
            wake_at = look_at
            try:
                if loop.time() >= look_at:
                    wake_at = look_at = loop.time() + period
                    await self._check(socket, watcher)
                if watcher.ending is None:
                    wake_at = min(look_at, await self._tell(socket, watcher))
                self._troubled = False
            except _UNREADABLE as error:
                wake_at = min(look_at, loop.time() + _AGAIN)
                if not self._troubled:  # said once, not by thousands of sockets
                    log.warning("matches cannot be read for their sockets", error=repr(error))
                self._troubled = True
            if watcher.ending is not None:
                await self._handed(watcher, socket.close(*watcher.ending))
                return
            with suppress(TimeoutError):
                async with asyncio.timeout_at(wake_at):
                    await watcher.bell.wait()

    async def _tell(self, socket: WebSocket, watcher: Watcher) -> float:
        """Send the Match if it differs from the one sent last; return when, on the loop's clock, time changes it.

        A socket that waits keeps none: they are many, and long-lived objects make the garbage collector's rounds long.
        """
        look = await self._look(watcher)
        if look.etag != watcher.sent:
            await self._handed(watcher, socket.send_text(look.text))
            watcher.sent = look.etag
            if look.final:
                watcher.end(NORMAL, "finished")
        return look.changes_at

    async def _check(self, socket: WebSocket, watcher: Watcher) -> None:
        watcher.said = 0
        if socket.app.state.draining:
            watcher.end(RESTART, "restart")
        elif not await self._sessions.submit(watcher.session):
            watcher.end(POLICY, Unauthenticated.code)

    async def _look(self, watcher: Watcher) -> Look:
        """Look at the Match as it stands now; raises NotFound for who has no seat.

        It is read where none is held, sockets woken together sharing one statement; a held one moves on by itself.
        The database's clock tells the instants, this process's clock only measures what passed since the reading.
        """
        loop = asyncio.get_running_loop()
        if watcher.held is None:
            match = await self._reader.read(watcher.match_id)
            if match is None:
                raise NotFound("没有找到这场对战。")
            watcher.held = Held(match, loop.time())
        match, read_at = watcher.held
        now = self._services.clock.override() or match.now + dt.timedelta(seconds=loop.time() - read_at)
        sight = sight_of(match._replace(now=now), watcher.officer_id)
        if sight is None:
            raise NotFound("没有找到这场对战。")
        if watcher.texts is None:  # the questions of a match never change
            watcher.texts = await self._library.revisions(match.revision_ids)
        body = match_view(sight, watcher.texts)
        change = next_change(sight)
        wait = (change - now).total_seconds() + _SOON_AFTER if change else self.limits.look_seconds
        final = body["status"] == "finished" and body["result"] is not None
        told_at = dumps({"server_time": body.pop("server_time")})
        rest = dumps(body)
        return Look((told_at[:-1] + b"," + rest[1:]).decode(), etag_of(rest), loop.time() + wait, final)

    async def _handed(self, watcher: Watcher, message: Coroutine[Any, Any, None]) -> None:
        """Hand a message over once the one before has gone; what changes meanwhile is looked at only afterwards."""
        try:
            async with asyncio.timeout(self.limits.send_seconds):
                await message
        except TimeoutError:
            log.info("dropped a socket whose reader takes nothing", match_id=str(watcher.match_id))
            raise WebSocketDisconnect from None

    async def _still_signed_in(self, keys: Sequence[bytes]) -> list[bool]:
        async def work(connection: Connection) -> set[bytes]:
            rows = await connection.fetch(_SIGNED_IN, list(set(keys)), self._services.clock.override())
            return {row["token_hash"] for row in rows}

        held = await committed(self._services.database.answers, work)
        return [key in held for key in keys]


@asynccontextmanager
async def _listening(socket: WebSocket, watcher: Watcher, limits: Limits) -> AsyncIterator[None]:
    """Notice meanwhile that the client goes or says too much; whatever it says is ignored."""

    async def listen() -> None:
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            watcher.said += 1
            if len(message.get("text") or message.get("bytes") or "") > limits.said_characters:
                watcher.end(TOO_LONG, "too-long")
            elif watcher.said > limits.said:
                watcher.end(POLICY, "too-many-messages")
        watcher.leave()

    listener = asyncio.create_task(listen())
    try:
        yield
    finally:
        listener.cancel()
        await asyncio.wait([listener])


def _presented(socket: WebSocket) -> tuple[str | None, bool]:
    """Return the token of a handshake, and whether it came by the cookie, which a browser adds by itself."""
    offered = socket.scope["subprotocols"]
    if _BEARER in offered[:-1]:
        return offered[offered.index(_BEARER) + 1], False
    headers = socket.headers.raw
    given = presented_token(header for header in headers if header[0] != b"cookie")
    return (given, False) if given else (presented_token(headers), True)


def _same_origin(socket: WebSocket) -> bool:
    """Whether a page of this very host opened the socket: another site's page would send the cookie as well."""
    try:
        origin = urlsplit(socket.headers.get("origin", "")).netloc
    except ValueError:
        return False
    return bool(origin) and origin.lower() == socket.headers.get("host", "").lower()
