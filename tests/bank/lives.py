"""Steps of questions over HTTP, and their states in the tables."""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import select

from app.bank.models import Question
from app.core.wiring import Services
from tests.people import Town


async def ask(town: Town, who: str, method: str, path: str, **more: Any) -> httpx.Response:
    async with town.as_(who) as client:
        return await client.request(method, path, **more)


async def id_of(town: Town, code: str, who: str = "管理员") -> str:
    """The id of the question of this code that `who` reads."""
    found = (await ask(town, who, "GET", "/questions", params={"q": code})).json()["items"]
    return str(next(item["id"] for item in found if item["code"] == code))


async def put(town: Town, code: str, state: str, who: str = "管理员", note: str | None = None) -> httpx.Response:
    """Ask for a state."""
    body = {"state": state} | ({"note": note} if note else {})
    return await ask(town, who, "POST", f"/questions/{await id_of(town, code)}/state", json=body)


async def states(services: Services) -> dict[str, str]:
    """The state of every question, by code."""
    async with services.database.reads() as session:
        rows = await session.execute(select(Question.code, Question.state).order_by(Question.code))
        return {row.code: row.state for row in rows}
