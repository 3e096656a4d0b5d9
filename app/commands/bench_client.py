"""A small HTTP/1.1 client that costs the machine little: one request in flight a connection, ready-made bytes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from app.commands.bench_seed import QUESTIONS, paper_id, token

if TYPE_CHECKING:
    from collections.abc import Iterator

_OK = b"HTTP/1.1 200"
_BODY = b'{"option_ids":["b"]}'


class RefusedAnswer(Exception):
    """The server answered something else than 200: the measurement is worth nothing."""


def _request(number: int, port: int) -> bytes:
    officer, position = divmod(number, QUESTIONS)
    return (
        f"PUT /api/v1/daily-quiz/attempts/{paper_id(officer)}/answers/{position + 1} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token(officer)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    ).encode() + _BODY


class Phone(asyncio.Protocol):
    """One connection: sends an answer, waits for its reply, sends the next until the time is over."""

    def __init__(self, numbers: Iterator[int], port: int, until: float, latencies: list[float]) -> None:
        self._numbers = numbers
        self._port = port
        self._until = until
        self._latencies = latencies
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(_OK):
            self._end(RefusedAnswer(self._buffer.decode()))
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._buffer = b""
        if time.perf_counter() >= self._until:
            self._end(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        number = next(self._numbers, None)
        if number is None or self._transport is None:
            self._end(RefusedAnswer("ran out of questions: seed more officers"))
            return
        self._sent_at = time.perf_counter()
        self._transport.write(_request(number, self._port))

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def drive(port: int, *, seconds: float, clients: int, officers: int) -> list[float]:
    """Answer for `seconds` over `clients` connections; return each answer's latency in seconds."""
    numbers = iter(range(officers * QUESTIONS))
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    phones = [
        (await loop.create_connection(lambda: Phone(numbers, port, until, latencies), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(phone.done for phone in phones))
    return latencies
