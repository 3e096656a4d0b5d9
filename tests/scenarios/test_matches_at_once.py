"""400 officers ask for a match at once, over three server processes, two of which are killed while they play."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.clock import local, local_day
from app.core.settings import Settings
from app.integrity.service import verify
from app.main import create_app
from app.roster.models import UnitKind
from tests.people import Town
from tests.questions import add_questions, right, wrong
from tests.scenarios.serving import fleet

BRANCHES, EACH, QUESTIONS = 8, 50, 3
ACCEPTANCE = dt.timedelta(seconds=25)  # from asking to sitting in a match, as the product promises


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    """400 officers of eight branches in a contest of today, on the real clock."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        made = Town(app)
        await made.unit("市局", UnitKind.BUREAU)
        for number in range(BRANCHES):
            await made.unit(f"分局{number}", UnitKind.BRANCH, "市局")
            await made.officers_in(f"分局{number}", EACH)
        await add_questions(made.services, of_each=30)
        rules: dict[str, object] = {
            "day_opens_at": "00:00",
            "matches": {"counted_per_day": 2, "required_per_day": 1, "questions": QUESTIONS},
        }
        async with made.services.database.reads() as session:
            now = local(await made.services.clock.now(session))
        if (now.hour, now.minute) >= (23, 50):  # the day is closing: begin with the next
            await asyncio.sleep(
                (dt.timedelta(days=1, seconds=2) - (now - now.replace(hour=0, minute=0))).total_seconds()
            )
        await made.contest("市局", starts_on=local_day(now) - dt.timedelta(days=1), rules=rules)
        yield made


@dataclass
class Device:
    """An officer's phone: it sends again, to whichever server answers, until it has a reply."""

    name: str
    token: str
    clients: list[httpx.AsyncClient]
    turn: int
    match_id: str = ""
    acknowledged: dict[int, list[str]] = field(default_factory=dict)

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        while True:
            try:
                reply = await self.clients[self.turn % len(self.clients)].request(method, path, headers=headers, **more)
            except httpx.TransportError:
                reply = None
            if reply is not None and reply.status_code != 503:
                return reply
            self.turn += 1
            await asyncio.sleep(0.2)

    async def ask(self) -> None:
        reply = await self.send("POST", "/match-tickets", json={"mode": "live"})
        assert reply.status_code == 201, reply.text
        ticket = reply.json()
        while ticket["status"] == "waiting":
            await asyncio.sleep(0.5)
            ticket = (await self.send("GET", f"/match-tickets/{ticket['id']}")).json()
        assert ticket["status"] == "matched", ticket
        self.match_id = ticket["match_id"]

    async def play(self) -> dict[str, Any]:
        """Answer every question, the last of them wrong, until the match is over."""
        while True:
            match: dict[str, Any] = (await self.send("GET", f"/matches/{self.match_id}")).json()
            if match["status"] == "finished":
                return match
            for question in match["questions"][-1:]:
                position = question["position"]
                if position not in self.acknowledged and question["answer"] is None:
                    choice = wrong(question) if position == QUESTIONS else right(question)
                    path = f"/matches/{self.match_id}/answers/{position}"
                    reply = await self.send("PUT", path, json={"option_ids": choice})
                    if reply.status_code == 409:  # a slow machine: the question's time ran out
                        assert reply.json()["code"] == "question-closed", reply.text
                        continue
                    assert reply.status_code == 200, reply.text
                    self.acknowledged[position] = choice
            await asyncio.sleep(1.5)


@pytest.mark.timeout(900)
async def test_everybody_plays_once_though_servers_die(town: Town, database_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(fleet(database_url, tmp_path, 3, scheduler=True))
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=address, trust_env=False, timeout=60))
            for address in servers.addresses
        ]
        devices = [Device(name, town.tokens[name], clients, turn) for turn, name in enumerate(town.officers)]
        await asyncio.gather(*(device.ask() for device in devices))
        playing = [asyncio.create_task(device.play()) for device in devices]
        for port in servers.ports[:2]:
            await asyncio.wait(playing, timeout=3, return_when=asyncio.FIRST_EXCEPTION)  # in the middle of it
            servers.kill(port)
            await asyncio.sleep(1)
            await asyncio.to_thread(servers.start, port)
        matches = await asyncio.gather(*playing)
    await everybody_sat_down_once(town)
    await nothing_acknowledged_is_lost(town, devices)
    assert any(device.acknowledged for device in devices)
    for device, match in zip(devices, matches, strict=True):
        right_ones = [position for position in device.acknowledged if position < QUESTIONS]
        assert match["result"]["my_points"] == 20 * len(right_ones)


async def rows(town: Town, query: str) -> list[Any]:
    async with town.services.database.reads() as session:
        return list(await session.execute(text(query)))


async def everybody_sat_down_once(town: Town) -> None:
    seats = await rows(town, "SELECT officer_id, match_id, seat FROM paper WHERE kind = 'match'")
    assert {seat.officer_id for seat in seats} == set(town.officers.values())
    assert len(seats) == BRANCHES * EACH
    assert set(Counter(seat.match_id for seat in seats).values()) == {2}
    tickets = await rows(town, "SELECT t.*, m.created_at AS met_at FROM ticket t JOIN match m ON m.id = t.match_id")
    assert len(tickets) == BRANCHES * EACH
    assert max(ticket.met_at - ticket.created_at for ticket in tickets) < ACCEPTANCE
    [deadlocks] = await rows(town, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks.deadlocks == 0


async def nothing_acknowledged_is_lost(town: Town, devices: list[Device]) -> None:
    kept = await rows(town, "SELECT p.officer_id, a.position, a.choice FROM answer a JOIN paper p ON p.id = a.paper_id")
    choices = {(row.officer_id, row.position): row.choice for row in kept}
    assert len(choices) == len(kept) == sum(len(device.acknowledged) for device in devices)
    for device in devices:
        for position, choice in device.acknowledged.items():
            assert choices[town.officers[device.name], position] == ",".join(sorted(choice))
    async with town.services.database.sessions() as session:
        assert (await verify(session)).discrepancies == []
