"""The application behind the worker's own uvicorn on loopback, and clients of its sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.core.worker import configured

PATIENCE = 60.0


@dataclass
class Place:
    """Where an application listens, and the server that does it."""

    url: str
    server: uvicorn.Server

    def watch(self, match_id: str, token: str | None, **more: Any) -> connect:
        """Connect to a match's socket as the holder of a token."""
        return watch(self.url, match_id, token, **more)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[Place]:
    """Serve an application that is started already."""
    config = configured(app)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    place = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[place]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by an attribute only
        await asyncio.sleep(0.01)
    try:
        yield Place(f"ws://127.0.0.1:{place.getsockname()[1]}/api/v1", server)
    finally:
        server.should_exit = True
        await serving


def watch(url: str, match_id: str, token: str | None, **more: Any) -> connect:
    """Connect to a match's socket as the holder of a token."""
    offered = {"subprotocols": ["bearer", token]} if token else {}
    options: dict[str, Any] = {"proxy": None, "open_timeout": PATIENCE, **offered, **more}
    return connect(f"{url}/matches/{match_id}/live", **options)


async def received(client: ClientConnection) -> dict[str, Any]:
    """The next Match."""
    async with asyncio.timeout(PATIENCE):
        body: dict[str, Any] = json.loads(await client.recv())
    return body


async def until(client: ClientConnection, seen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first Match of which `seen` holds."""
    while not seen(body := await received(client)):
        pass
    return body


async def refused(attempt: connect) -> tuple[int, str]:
    """Status and code of the problem that answers a handshake."""
    with pytest.raises(InvalidStatus) as caught:
        await attempt
    response = caught.value.response
    assert response.headers["content-type"] == "application/problem+json"
    assert response.body is not None
    body = json.loads(response.body)
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


async def ended(client: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closed, whatever it sent before."""

    async def drain() -> None:
        while True:
            await client.recv()

    with pytest.raises(ConnectionClosed) as caught:
        await asyncio.wait_for(drain(), PATIENCE)
    closed = caught.value.rcvd
    assert closed is not None
    return closed.code, closed.reason
