"""One message over the network: to the checked address, without redirects or proxies, within one overall limit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from app.notices.channels.base import Answer, Message, Way
from app.notices.channels.targets import TargetRefused, TargetUnknown, check_target
from app.notices.rules import FAILURES, POST_LIMIT, Failure, Outcome, State

if TYPE_CHECKING:
    import datetime as dt

    from app.notices.channels.base import Adapter, Post
    from app.notices.channels.targets import Allowed, Target

_CONNECT_LIMIT = 5.0
_MOST_BODY = 64 << 10


def outbound(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return the client for posts; no connection is kept: one that the server closed meanwhile would look like a doubt."""
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(POST_LIMIT, connect=_CONNECT_LIMIT),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=0),
    )


async def target_of(adapter: Adapter, url: str, allow: Allowed) -> Target | Outcome:
    """Return the checked address of a channel, or what an address that must not or cannot be used means."""
    try:
        return await check_target(url, known=adapter.hosts, allow=allow, schemes=adapter.schemes)
    except TargetRefused as refused:
        return Outcome(State.DEAD, str(refused))
    except TargetUnknown as unknown:
        return Outcome(State.RETRY, str(unknown))


@dataclass(frozen=True)
class Line:
    """The way to one checked address; `limit` is how many seconds the whole exchange has."""

    client: httpx.AsyncClient
    target: Target
    limit: float

    async def exchange(self, post: Post) -> Answer:
        """Send one request and return the answer; raises httpx.HTTPError.

        It connects to the checked address, whatever the name resolves to by now.
        """
        url = httpx.URL(post.url)
        if url.host != self.target.url.host or url.port != self.target.url.port:
            raise httpx.ConnectError("an address that was not checked")
        async with self.client.stream(
            post.method,
            url.copy_with(host=self.target.address),
            content=post.content,
            headers={**post.headers, "Host": url.netloc.decode()},
            extensions={"sni_hostname": url.host},
        ) as response:
            return Answer(response.status_code, response.headers, await _body(response))


async def send(
    client: httpx.AsyncClient, adapter: Adapter, way: Way, message: Message, target: Target, *, limit: float
) -> Outcome:
    """Send once and return what became of it; never raises for what the network or the receiver does.

    `limit`: seconds for the whole exchange, shorter than the lease of the delivery.
    """
    try:
        async with asyncio.timeout(limit):
            return await adapter.send(Line(client, target, limit), way, message)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return FAILURES[Failure.NOT_CONNECTED]
    except (TimeoutError, httpx.TimeoutException):
        return FAILURES[Failure.TIMED_OUT]
    except httpx.HTTPError:
        return FAILURES[Failure.BROKEN]


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_BODY:
            break
    return body


async def send_once(
    adapter: Adapter,
    way: Way,
    *,
    key: str,
    title: str,
    body: str,
    at: dt.datetime,
    allow: Allowed,
    recipients: tuple[str, ...] = (),
    transport: httpx.AsyncBaseTransport | None = None,
) -> Outcome:
    """Send one short text by itself, as a channel's test does."""
    target = await target_of(adapter, way.url, allow)
    if isinstance(target, Outcome):
        return target
    (text,) = adapter.parts(title, body, way.options)
    message = Message(key=key, title=title, text=text, at=at, about=at, recipients=recipients)
    async with outbound(transport) as client:
        return await send(client, adapter, way, message, target, limit=POST_LIMIT)
