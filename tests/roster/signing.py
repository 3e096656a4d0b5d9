"""What the tests of signing in share: passwords, sign-ins, and the tables behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app.roster.models import Officer, SignInFailures

if TYPE_CHECKING:
    import httpx

    from tests.people import Town

PASSWORD = "correct horse"


async def set_officer(town: Town, name: str, **values: object) -> None:
    async with town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.id == town.officers[name]).values(**values))


async def with_password(town: Town, name: str, password: str = PASSWORD, **values: object) -> None:
    """Give somebody a chosen password."""
    await set_officer(town, name, password_hash=town.services.passwords.hash_now(password), **values)


async def sign_in(client: httpx.AsyncClient, account: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await client.post("/sessions", json={"account": account, "password": password}, headers=headers)


def bearer(answer: httpx.Response) -> dict[str, str]:
    """The Authorization header of a new session."""
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def failures_kept(town: Town) -> dict[str, int]:
    async with town.services.database.reads() as session:
        found = await session.execute(select(SignInFailures.key, SignInFailures.failures))
        return {row.key: row.failures for row in found}
