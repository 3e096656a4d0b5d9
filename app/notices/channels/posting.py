"""One POST to a robot: to the checked address, without redirects or proxies, within one overall limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from app.notices.channels.targets import TargetRefused, TargetUnknown, check_target
from app.notices.rules import FAILURES, POST_LIMIT, Failure, Outcome, State, outcome_of_status

if TYPE_CHECKING:
    from app.notices.channels.base import Post, Robot
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


async def target_of(robot: Robot, url: str, allow: Allowed) -> Target | Outcome:
    """Return the checked address of a channel, or what an address that must not or cannot be used means."""
    try:
        return await check_target(url, known=robot.hosts, allow=allow)
    except TargetRefused as refused:
        return Outcome(State.DEAD, str(refused))
    except TargetUnknown as unknown:
        return Outcome(State.RETRY, str(unknown))


async def send(client: httpx.AsyncClient, robot: Robot, post: Post, target: Target, *, limit: float) -> Outcome:
    """Post once and return what became of it; never raises for what the network or the robot does.

    `limit`: seconds for the whole exchange, shorter than the lease of the delivery.
    """
    host = target.url.netloc.decode()
    try:
        async with (
            asyncio.timeout(limit),
            client.stream(
                "POST",
                target.url.copy_with(host=target.address),
                content=post.content,
                headers={**post.headers, "Host": host},
                extensions={"sni_hostname": target.url.host},
            ) as response,
        ):
            decided = outcome_of_status(response.status_code)
            return decided or robot.judge(await _body(response))
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
    robot: Robot,
    *,
    url: str,
    secret: str | None,
    text: str,
    allow: Allowed,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Outcome:
    """Post one text by itself, as a channel's test does."""
    target = await target_of(robot, url, allow)
    if isinstance(target, Outcome):
        return target
    async with outbound(transport) as client:
        return await send(client, robot, robot.post(url, secret, text), target, limit=POST_LIMIT)
