"""Every third reply is lost on the way: both players send again, and each match ends with exactly the right points."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text

from app.core.settings import Settings
from app.integrity.service import verify
from tests.people import Town
from tests.scenarios.dropping import dropping
from tests.scenarios.matchday import api, matchday
from tests.scenarios.player import Player
from tests.scenarios.serving import fleet
from tests.scenarios.test_matches_scripted import agree, by


class Plan(NamedTuple):
    """What two officers answer, and how it ends."""

    first: list[bool | None]
    second: list[bool | None]
    outcomes: tuple[str, str]
    points: tuple[int, int]


PLANS = (
    Plan([True, False, True], [True, True, True], ("loss", "win"), (40, 60)),
    Plan([False, True, None], [True, False, False], ("draw", "draw"), (20, 20)),
)


@pytest.mark.timeout(900)
async def test_with_every_third_reply_lost(settings: Settings, database_url: str, tmp_path: Path) -> None:
    async with matchday(settings) as town:
        with fleet(database_url, tmp_path, 1, scheduler=True) as servers:
            async with dropping(servers.addresses[0]) as proxy, api(proxy.url) as phones:
                for plan in PLANS:
                    first = Player(phones, town.tokens["梅江001"], by(plan.first))
                    second = Player(phones, town.tokens["丰顺001"], by(plan.second))
                    found = await asyncio.gather(first.find("live"), second.find("live"))
                    assert found[0] == found[1]
                    ends = await asyncio.gather(first.play(found[0]), second.play(found[1]))
                    agree(first, ends[0], "live", plan.outcomes[0], plan.points)
                    agree(second, ends[1], "live", plan.outcomes[1], plan.points[::-1])
                    given = [one for one in (*plan.first, *plan.second) if one is not None]
                    assert await seats_and_answers(town, found[0]) == (2, len(given))
        assert all(proxy.dropped[method] >= 1 for method in ("GET", "POST", "PUT"))
        async with town.services.database.sessions() as session:
            assert (await verify(session)).discrepancies == []


async def seats_and_answers(town: Town, match_id: str) -> tuple[int, int]:
    counts = """
        SELECT count(DISTINCT p.id), count(a.position) FROM paper p LEFT JOIN answer a ON a.paper_id = p.id
        WHERE p.match_id = :match
    """
    async with town.services.database.reads() as session:
        seats, answers = (await session.execute(text(counts), {"match": uuid.UUID(match_id)})).one()
    return seats, answers
