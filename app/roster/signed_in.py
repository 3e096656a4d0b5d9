"""FastAPI dependencies that turn a bearer token or session cookie into a Caller."""

from __future__ import annotations

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
    from app.roster.models import Role

COOKIE = "lianbing_session"
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


def presented_token(request: Request) -> str | None:
    """Return the token that the request presents: the Authorization header's, else the cookie's."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return request.cookies.get(COOKIE)


async def any_signed_in(request: Request, wired: Wired) -> Caller:
    """Return the caller, also one who must still change the password."""
    token = presented_token(request)
    if token is None:
        raise Unauthenticated
    key = token_hash(token)
    cache: CallerCache = request.app.state.callers
    caller = cache.get(key)
    if caller is None:
        async with wired.database.reads() as session:
            now = await wired.clock.now(session)
            caller = await caller_of(session, key, now=now, day=local_day(now))
        if caller is None:
            raise Unauthenticated("登录已失效，请重新登录。")
        cache.put(key, caller)
    return caller


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
