"""A proxy on loopback that loses every third reply of each method: the request has reached the server and was served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class DroppingProxy:
    """Between phones and a server; one request a connection."""

    def __init__(self, upstream: str) -> None:
        target = urlsplit(upstream)
        self._host, self._port, self._path = target.hostname, target.port, target.path
        self.replies: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.url = ""

    async def serve(self, phone: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            request = await phone.readuntil(b"\r\n\r\n")
            length = request.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await phone.readexactly(int(length or 0))
            method = request.split()[0].decode()
            reply = await self._served(request, body)
            self.replies[method] += 1
            if self.replies[method] % 3 == 0:
                self.dropped[method] += 1
            else:
                back.write(reply)
                await back.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side has gone
        finally:
            back.close()

    async def _served(self, request: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if line.lower() != b"connection: keep-alive"]
        writer.write(b"\r\n".join(lines) + body)
        reply = await reader.read()
        writer.close()
        return reply


@asynccontextmanager
async def dropping(upstream: str) -> AsyncIterator[DroppingProxy]:
    """Run the proxy; its `url` stands for the upstream's."""
    proxy = DroppingProxy(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{urlsplit(upstream).path}"
        yield proxy
