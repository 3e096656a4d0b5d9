"""A client that knows the public contract and nothing else: it finds an opponent, plays a match to its end, sends again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

Match = dict[str, Any]
Question = dict[str, Any]
Choose = Callable[[Question], list[str] | None]
PAUSE = 0.3  # seconds between two polls, and before sending again


@dataclass
class Player:
    """An officer's phone: the API, the token, what it chooses; it follows a match by polling, or `live` by the socket."""

    api: httpx.AsyncClient
    token: str
    choose: Choose
    live: bool = False
    results: dict[int, dict[str, Any]] = field(default_factory=dict)

    async def send(self, method: str, path: str, body: object = None, etag: str = "") -> httpx.Response:
        """Send a request until there is a reply that says more than `busy`."""
        headers = {"Authorization": f"Bearer {self.token}", "If-None-Match": etag}
        while True:
            try:
                reply = await self.api.request(method, path, json=body, headers=headers)
                if reply.status_code != 503:
                    return reply
            except httpx.TransportError:
                pass
            await asyncio.sleep(PAUSE)

    async def find(self, mode: str = "any", opponent: str | None = None) -> str:
        """Ask for a match until there is one; its id."""
        while True:
            wish = {"mode": mode} | ({"opponent_employee_no": opponent} if opponent else {})
            reply = await self.send("POST", "/match-tickets", wish)
            told = reply.json()
            if told.get("code") == "match-running":
                return str(told["match_id"])
            assert reply.status_code == 201 or told["code"] == "ticket-open", told
            ticket = await self._matched(told.get("ticket_id") or told["id"])
            if ticket["status"] == "matched":
                return str(ticket["match_id"])

    async def _matched(self, ticket_id: str) -> dict[str, Any]:
        while True:
            ticket: dict[str, Any] = (await self.send("GET", f"/match-tickets/{ticket_id}")).json()
            if ticket["status"] != "waiting":
                return ticket
            await asyncio.sleep(PAUSE)

    async def play(self, match_id: str) -> Match:
        """Answer each question once it opens; the Match as it ended."""
        self.results = {}
        async for match in self._watched(match_id) if self.live else self._polled(match_id):
            if match["status"] == "finished":
                return match
            for question in match["questions"]:
                open_now = datetime.fromisoformat(match["server_time"]) < datetime.fromisoformat(question["closes_at"])
                if open_now and question["answer"] is None and question["position"] not in self.results:
                    await self._answer(match_id, question)
        raise AssertionError("a match has an end")

    async def _answer(self, match_id: str, question: Question) -> None:
        option_ids = self.choose(question)
        if option_ids is None:
            return
        position = question["position"]
        reply = await self.send("PUT", f"/matches/{match_id}/answers/{position}", {"option_ids": option_ids})
        assert reply.status_code == 200 or reply.json()["code"] == "question-closed", reply.text
        self.results[position] = reply.json()

    async def _polled(self, match_id: str) -> AsyncIterator[Match]:
        etag = ""
        while True:
            reply = await self.send("GET", f"/matches/{match_id}", etag=etag)
            if reply.status_code != 304:
                etag = reply.headers["ETag"]
                yield reply.json()
            await asyncio.sleep(PAUSE)

    async def _watched(self, match_id: str) -> AsyncIterator[Match]:
        address = str(self.api.base_url.copy_with(scheme="ws")) + f"matches/{match_id}/live"
        bearer: Any = ["bearer", self.token]
        while True:
            try:
                async with connect(address, subprotocols=bearer, proxy=None) as socket:
                    async for message in socket:
                        yield json.loads(message)
            except (OSError, WebSocketException):
                await asyncio.sleep(PAUSE)

    def points(self) -> int:
        """What the answers told one by one add up to."""
        return sum(result["points"] for result in self.results.values() if "points" in result)
