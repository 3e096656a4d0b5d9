"""One message over the network: to the checked address, without redirects or proxies, within one overall limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from app.notices.channels.base import Message, Way
from app.notices.channels.line import Line
from app.notices.channels.targets import TargetRefused, TargetUnknown, check_target
from app.notices.rules import FAILURES, POST_LIMIT, Failure, Outcome, State

if TYPE_CHECKING:
    import datetime as dt

    from app.notices.channels.base import Adapter
    from app.notices.channels.targets import Allowed, Target

_CONNECT_LIMIT = 5.0


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
