"""One worker of `serve`: uvicorn on the parent's socket, which drains on SIGTERM and dies with its parent."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 65536
_SEND_BUFFER = 32 << 10  # bytes in the kernel for a socket's reader; Linux takes twice that
_LINGER = 5.0  # seconds for a socket that the application is done with


class Corked:
    """A transport that joins the head and the body of a response: one system call and one packet instead of two."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write what is held together with `data`, or hold `data` until the loop's next turn."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines([held, data])
        elif data:
            self._held = data
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Write what is held, then close."""
        self.flush()
        self._transport.close()


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a corked transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin a connection."""
        super().connection_made(cast("asyncio.Transport", Corked(transport, self.loop)))


class LiveProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol for a socket, with little buffered: a reader who takes nothing is felt, and then cut off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a socket: the next message waits until the one before has gone."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    async def run_asgi(self) -> None:
        """Serve the socket; one that does not close afterwards is aborted, with what it never took."""
        await super().run_asgi()
        self.loop.call_later(_LINGER, self._cut_off)

    def _cut_off(self) -> None:
        if not self.disconnected:
            self.transport.abort()


class DrainingServer(uvicorn.Server):
    """uvicorn that first says it is not ready, waits, and only then stops accepting.

    SIGTERM drains, however often it comes (a service manager may signal parent and workers); SIGINT ends quickly.
    """

    def __init__(self, config: uvicorn.Config, *, state: Any, drain_seconds: float, started: int) -> None:
        super().__init__(config)
        self._state = state
        self._drain_seconds = drain_seconds
        self._drained_at: float | None = None
        self._started = started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to drain, or end quickly; not recorded as captured, so that the exit status is 0."""
        self._state.draining = True
        if sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        elif self._drained_at is None:
            self._drained_at = time.monotonic() + self._drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, spare the garbage collector what start-up made, and tell the parent."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        # A thousand sockets are a quarter of a million objects: a full round over them stops everybody for 0.2 s.
        gc.set_threshold(50_000, 10, 50)
        os.write(self._started, b"1")
        os.close(self._started)

    async def on_tick(self, counter: int) -> bool:
        """Stop accepting once drained; uvicorn asks ten times a second."""
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)


def die_with_parent(parent_pid: int, pipe: int) -> None:
    """End this process at once when its parent is gone, even by kill -9: nobody may keep the port."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    def watch() -> None:
        os.read(pipe, 1)  # returns only when the parent's end has closed
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    if os.getppid() != parent_pid:
        os._exit(1)


def allow_many_connections() -> None:
    """Raise the soft limit of open files: each phone that keeps its connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def configured(app: Any, *, grace: int | None = None) -> uvicorn.Config:
    """Return how uvicorn serves `app`; `grace` is how many seconds requests in flight have at the end."""
    return uvicorn.Config(
        app,
        http=CorkedProtocol,
        ws=LiveProtocol,
        ws_max_size=1 << 10,  # bytes: nothing that a client says on a socket is needed
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,  # 50 kB a socket, to save what a phone does not feel
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `LIANBING_TRUSTED_PROXIES` decides whom to believe
        log_config=None,
        timeout_graceful_shutdown=grace,
    )


def main(arguments: list[str] | None = None) -> None:
    """Serve the app of `--factory` until told to stop."""
    parser = argparse.ArgumentParser(prog="app.core.worker")
    parser.add_argument("--factory", required=True)
    for name in ("--socket", "--parent-pipe", "--parent-pid", "--started", "--grace"):
        parser.add_argument(name, type=int, required=True)
    given = parser.parse_args(arguments)
    for descriptor in (given.socket, given.parent_pipe, given.started):
        os.set_inheritable(descriptor, False)
    die_with_parent(given.parent_pid, given.parent_pipe)
    allow_many_connections()
    app = import_from_string(given.factory)()
    app.state.draining = False
    server = DrainingServer(
        configured(app, grace=given.grace),
        state=app.state,
        drain_seconds=float(os.environ.get("LIANBING_DRAIN_SECONDS") or 0),
        started=given.started,
    )
    server.run(sockets=[socket.socket(fileno=given.socket)])


if __name__ == "__main__":
    main()
