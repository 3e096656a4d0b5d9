"""A contest day in the small bureau with matches that count, a bank to draw from, and a clock moved by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.people import Town
from tests.questions import add_questions, right, wrong
from tests.times import SetClock, instant

MATCHES = {"counted_per_day": 2, "required_per_day": 1}


@pytest.fixture
async def contest(town: Town) -> Town:
    """The small bureau on the first day of its contest, 9:00."""
    await add_questions(town.services)
    await town.contest("市局", rules={"matches": MATCHES})
    return town


@dataclass
class Hall:
    """Officers who play, and the clock."""

    town: Town
    clock: SetClock

    def at(self, text: str) -> None:
        """Set the clock, `09:00:03.5` on the contest's first day."""
        self.clock.now = instant(text)

    def wait(self, seconds: float) -> None:
        """Move the clock on."""
        self.clock.now += dt.timedelta(seconds=seconds)

    async def call(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request as this officer."""
        async with self.town.as_(name) as client:
            return await client.request(method, path, **more)

    async def ask(self, name: str, mode: str = "any", **more: str) -> dict[str, Any]:
        """Ask for a match; the ticket."""
        response = await self.call(name, "POST", "/match-tickets", json={"mode": mode, **more})
        assert response.status_code == 201, response.text
        ticket: dict[str, Any] = response.json()
        return ticket

    async def match(self, name: str, match_id: str) -> dict[str, Any]:
        """The match as this officer sees it."""
        response = await self.call(name, "GET", f"/matches/{match_id}")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def put(self, name: str, match_id: str, position: int, option_ids: list[str]) -> httpx.Response:
        """Answer a question."""
        return await self.call(name, "PUT", f"/matches/{match_id}/answers/{position}", json={"option_ids": option_ids})

    async def answer(self, name: str, match_id: str, position: int, *, correct: bool = True) -> dict[str, Any]:
        """Answer the open question right or wrong; the AnswerResult."""
        question = (await self.match(name, match_id))["questions"][position - 1]
        response = await self.put(name, match_id, position, right(question) if correct else wrong(question))
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def pair(self, first: str = "梅江001", second: str = "丰顺001") -> str:
        """Two officers meet live; the match's id. The first question opens 3 s later."""
        await self.ask(first, "live")
        return str((await self.ask(second, "live"))["match_id"])

    async def play(self, match_id: str, plan: dict[str, list[bool | None]], *, each: float = 2.0) -> None:
        """Play all questions; `plan` says right, wrong or nothing for each officer and question."""
        for position in range(1, 6):
            self.wait(3)
            self.wait(each)
            given = [answers[position - 1] for answers in plan.values()]
            for name, answers in plan.items():
                if (correct := answers[position - 1]) is not None:
                    await self.answer(name, match_id, position, correct=correct)
            if None in given:
                self.wait(31 - each)


@pytest.fixture
def hall(contest: Town, clock: SetClock) -> Hall:
    """The contest's officers and the clock."""
    return Hall(contest, clock)
