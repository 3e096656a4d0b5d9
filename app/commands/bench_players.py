"""Players for a bench: each holds a match's socket at one server and answers, when a question opens, through another."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.commands.bench_client import RefusedAnswer
from app.commands.bench_seed import match_id, token
from app.core.clock import host_now

CYCLE = 4.8
"""Seconds from one question of a match to the next: two answers in the first of them, then three until it opens."""
_AFTER = {1: 0.7, 2: 1.77}  # seconds after the opening; what answering itself takes makes the cycle whole
_LINES = 8
_AT_ONCE = 32  # handshakes
_PATIENCE = 120.0  # seconds until everybody is connected
_BODY = b'{"option_ids":["b"]}'


class Answered(NamedTuple):
    """Which answer: of which match, by which seat, to which question."""

    match: int
    seat: int
    position: int


@dataclass
class Board:
    """What the players note: when each answer was stamped and acknowledged, and when the opponent's socket told of it."""

    stamped: dict[Answered, dt.datetime] = field(default_factory=dict)
    acknowledged: dict[Answered, dt.datetime] = field(default_factory=dict)
    told: dict[Answered, dt.datetime] = field(default_factory=dict)
    messages: int = 0
    characters: int = 0
    lost: list[str] = field(default_factory=list)

    def latencies(self, since: dict[Answered, dt.datetime], *, before: dt.datetime) -> list[float]:
        """Return the milliseconds since these instants to the socket, of the answers stamped before `before`, sorted."""
        keys = [key for key, at in self.stamped.items() if at < before and key in self.told]
        return sorted((self.told[key] - since[key]).total_seconds() * 1000 for key in keys)

    def missing(self, *, before: dt.datetime) -> int:
        """Return how many answers stamped before an instant no socket told of."""
        return sum(at < before and key not in self.told for key, at in self.stamped.items())


class Line:
    """One HTTP connection that carries answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader = reader
        self._writer = writer
        self._port = port

    async def answer(self, officer: int, match: int, position: int) -> dict[str, Any]:
        """Send an answer and return its AnswerResult; raises RefusedAnswer."""
        head = (
            f"PUT /api/v1/matches/{match_id(match)}/answers/{position} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {token(officer)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(_BODY)}\r\n\r\n"
        )
        self._writer.write(head.encode() + _BODY)
        reply = await self._reader.readuntil(b"\r\n\r\n")
        length = int(reply.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not reply.startswith(b"HTTP/1.1 200"):
            raise RefusedAnswer(body.decode())
        result: dict[str, Any] = orjson.loads(body)
        return result

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


class Players:
    """All players: `sockets` of them watch at one port and answer through the other."""

    def __init__(self, sockets: int, watch_port: int, answer_port: int) -> None:
        self.board = Board()
        self._sockets = sockets
        self._watch_port = watch_port
        self._answer_port = answer_port
        self._due: asyncio.Queue[Answered] = asyncio.Queue()
        self._doors = asyncio.Semaphore(_AT_ONCE)
        self._connected = 0
        self._everybody = asyncio.Event()

    async def play(self, begin: Any, *, seconds: float) -> tuple[float, dt.datetime]:
        """Connect everybody, call `begin` (which returns the seconds until the matches begin), play for `seconds`.

        Returns how long sockets were held at least and until which instant answers should have been told of.
        """
        loop = asyncio.get_running_loop()
        watchers = [asyncio.create_task(self._watch(officer)) for officer in range(self._sockets)]
        lines = [await self._line() for _ in range(_LINES)]
        senders = [asyncio.create_task(self._send(line)) for line in lines]
        ready = asyncio.create_task(self._everybody.wait())
        try:
            await asyncio.wait([ready, *watchers, *senders], timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise RuntimeError(f"{self._connected} of {self._sockets} sockets were opened")
            gc.collect()
            gc.freeze()  # the collector's pauses of this process are none of the server's
            held_from = loop.time()
            await asyncio.sleep(await begin() + seconds)
            until, held = host_now() - dt.timedelta(seconds=1), loop.time() - held_from
        finally:
            gc.unfreeze()
            for task in (ready, *watchers, *senders):
                task.cancel()
            ended = await asyncio.gather(*watchers, *senders, return_exceptions=True)
            for line in lines:
                line.close()
        for trouble in ended:
            if isinstance(trouble, Exception):
                raise trouble
        return held, until

    async def _watch(self, officer: int) -> None:
        match, seat = officer // 2, officer % 2 + 1
        address = f"ws://127.0.0.1:{self._watch_port}/api/v1/matches/{match_id(match)}/live"
        offered: Any = ["bearer", token(officer)]
        async with self._doors:
            client = await connect(
                address, subprotocols=offered, compression=None, ping_interval=None, proxy=None, open_timeout=_PATIENCE
            )
        self._connected += 1
        if self._connected == self._sockets:
            self._everybody.set()
        try:
            await self._read(client, match, seat)
        except ConnectionClosed as closed:
            self.board.lost.append(str(closed))
        finally:
            client.transport.abort()

    async def _read(self, client: ClientConnection, match: int, seat: int) -> None:
        loop = asyncio.get_running_loop()
        opened = 0
        while True:
            message = await client.recv(decode=False)
            at = host_now()
            self.board.messages += 1
            self.board.characters += len(message)
            questions = orjson.loads(message)["questions"]
            if not questions:
                continue
            last = questions[-1]
            if last["opponent_answered"]:
                self.board.told.setdefault(Answered(match, 3 - seat, last["position"]), at)
            if last["position"] > opened:
                opened = last["position"]
                wait = (dt.datetime.fromisoformat(last["opens_at"]) - at).total_seconds() + _AFTER[seat]
                loop.call_later(wait, self._due.put_nowait, Answered(match, seat, opened))

    async def _line(self) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", self._answer_port), self._answer_port)

    async def _send(self, line: Line) -> None:
        while True:
            due = await self._due.get()
            result = await line.answer(2 * due.match + due.seat - 1, due.match, due.position)
            self.board.acknowledged[due] = host_now()
            self.board.stamped[due] = dt.datetime.fromisoformat(result["answered_at"])
