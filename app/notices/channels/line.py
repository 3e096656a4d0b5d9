"""The line: one HTTP exchange with an address that was checked, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.notices.channels.targets import Target

_MOST_BODY = 64 << 10


class Post(NamedTuple):
    """One HTTP request as a vendor wants it; the address is a secret."""

    url: str
    content: bytes
    headers: dict[str, str]
    method: str = "POST"


class Answer(NamedTuple):
    """What the vendor's server said; of a long body only the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_BODY:
            break
    return body
