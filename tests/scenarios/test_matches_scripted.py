"""Scripted clients that know only the contract play live, recorded and challenge matches to the end on a real server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings
from app.integrity.service import verify
from tests.questions import right, wrong
from tests.scenarios.matchday import api, matchday
from tests.scenarios.player import Choose, Match, Player
from tests.scenarios.serving import fleet


def by(plan: list[bool | None]) -> Choose:
    """Choose right, wrong, or nothing at each position."""

    def choose(question: dict[str, Any]) -> list[str] | None:
        planned = plan[question["position"] - 1]
        return None if planned is None else right(question) if planned else wrong(question)

    return choose


def agree(player: Player, match: Match, mode: str, outcome: str, points: tuple[int, int]) -> None:
    assert (match["mode"], match["status"]) == (mode, "finished")
    assert match["result"] == {"outcome": outcome, "my_points": points[0], "opponent_points": points[1]}
    assert player.points() == points[0]
    seats = {seat["seat"]: seat["points"] for seat in match["seats"]}
    assert (seats[match["my_seat"]], seats[3 - match["my_seat"]]) == points


@pytest.mark.timeout(900)
async def test_live_recorded_and_challenge_matches(settings: Settings, database_url: str, tmp_path: Path) -> None:
    async with matchday(settings) as town, AsyncExitStack() as stack:
        with fleet(database_url, tmp_path, 1, scheduler=True) as servers:
            phones = await stack.enter_async_context(api(servers.addresses[0]))

            def player(name: str, *plan: bool | None, live: bool = False) -> Player:
                return Player(phones, town.tokens[name], by(list(plan)), live)

            async def live_then_recorded() -> None:
                first = player("梅江001", True, True, True)
                second = player("丰顺001", True, None, False, live=True)
                found = await asyncio.gather(first.find("live"), second.find())
                assert found[0] == found[1]
                ends = await asyncio.gather(first.play(found[0]), second.play(found[1]))
                agree(first, ends[0], "live", "win", (60, 20))
                agree(second, ends[1], "live", "loss", (20, 60))
                third = player("梅江002", True, False, True, live=True)
                end = await third.play(await third.find("relay"))
                assert [seat["recorded"] for seat in end["seats"]] == [False, True]
                agree(third, end, "relay", *against(end))

            async def challenge() -> None:
                first = player("丰顺002", True, False, True, live=True)
                match_id = await first.find("challenge", "联络员")
                assert (await first.play(match_id))["result"] is None
                second = player("联络员", True, True, True)
                [waiting] = (await second.send("GET", "/challenges")).json()["items"]
                assert waiting["match_id"] == match_id
                end = await second.play(await second.find("challenge", waiting["challenger"]["employee_no"]))
                agree(second, end, "challenge", "win", (60, 40))
                after = (await first.send("GET", f"/matches/{match_id}")).json()
                agree(first, after, "challenge", "loss", (40, 60))

            await asyncio.gather(live_then_recorded(), challenge())
        async with town.services.database.sessions() as session:
            assert (await verify(session)).discrepancies == []


def against(end: Match) -> tuple[str, tuple[int, int]]:
    """How 40 points end against whichever run was recorded: 60 of the live match, or 40 of the challenge."""
    theirs = end["seats"][1]
    assert theirs["points"] == {"梅江001": 60, "丰顺002": 40}[theirs["name"]]
    return ("loss" if theirs["points"] == 60 else "draw"), (40, theirs["points"])
