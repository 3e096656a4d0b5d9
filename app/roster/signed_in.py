"""FastAPI dependencies that turn a bearer token or session cookie into a Caller."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from app.core.clock import local_day
from app.core.errors import Unauthenticated
from app.core.security import token_hash
from app.core.wiring import Wired  # noqa: TC001 - FastAPI reads it at run time
from app.roster.access import Caller, PasswordChangeRequired, require
from app.roster.queries import caller_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.wiring import Services
    from app.roster.models import Role

COOKIE = "lianbing_session"
_COOKIE = re.compile(rb"(?:^|;\s*)" + COOKIE.encode() + rb"=\"?([^;\s\"]+)")
_REMEMBER = 1.0  # seconds: a token ended elsewhere is refused here within this time
_MOST = 50_000


class CallerCache:
    """Callers by token hash, each for at most one second; the answer path never asks it."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[float, Caller]] = {}

    def get(self, key: bytes) -> Caller | None:
        """Return the caller remembered under this token hash, if still fresh."""
        held = self._held.get(key)
        return held[1] if held and time.monotonic() - held[0] < _REMEMBER else None

    def put(self, key: bytes, caller: Caller) -> None:
        """Remember a caller for one second."""
        if len(self._held) >= _MOST:
            self._held.clear()
        self._held[key] = (time.monotonic(), caller)

    def forget(self, key: bytes | None = None) -> None:
        """Forget one token, or (None) all of them."""
        if key is None:
            self._held.clear()
        else:
            self._held.pop(key, None)


def presented_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the token that a request's raw headers present: the Authorization header's, else the cookie's."""
    cookie = b""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer " and (token := value[7:].strip()):
            return token.decode("latin-1")
        if name == b"cookie":
            cookie = value
    found = _COOKIE.search(cookie) if cookie else None
    return found[1].decode("latin-1") if found else None


def presented_hash(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the hash of the token that these headers present; raises Unauthenticated where there is none."""
    token = presented_token(headers)
    if token is None:
        raise Unauthenticated
    return token_hash(token)


async def caller_behind(key: bytes, wired: Services, cache: CallerCache) -> Caller:
    """Return whose session has this token hash, also one who must still change the password; raises Unauthenticated."""
    caller = cache.get(key)
    if caller is None:
        async with wired.database.reads() as session:
            now = await wired.clock.now(session)
            caller = await caller_of(session, key, now=now, day=local_day(now))
        if caller is None:
            raise Unauthenticated("登录已失效，请重新登录。")
        cache.put(key, caller)
    return caller


async def any_signed_in(request: Request, wired: Wired) -> Caller:
    """Return the caller, also one who must still change the password."""
    return await caller_behind(presented_hash(request.headers.raw), wired, request.app.state.callers)


async def signed_in(caller: Annotated[Caller, Depends(any_signed_in)]) -> Caller:
    """Return the caller; raises PasswordChangeRequired at the first sign-in."""
    if caller.must_change_password:
        raise PasswordChangeRequired
    return caller


AnySignedIn = Annotated[Caller, Depends(any_signed_in)]
SignedIn = Annotated[Caller, Depends(signed_in)]


def holding(*roles: Role) -> Any:
    """Return the dependency of a caller who holds one of these roles: 403 comes before the body is judged (422)."""

    async def holder(caller: SignedIn) -> Caller:
        require(caller, *roles)
        return caller

    return Depends(holder)
