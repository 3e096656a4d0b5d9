"""One's own matches: of a day, how many count, and none by a wrong id."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from tests.matches.conftest import Hall
from tests.times import TODAY

NOBODY = str(uuid.UUID(int=0))
TOMORROW = TODAY + dt.timedelta(days=1)


async def test_own_matches_of_a_day_the_latest_first(hall: Hall) -> None:
    played = list[str]()
    for _ in range(2):
        played.insert(0, await hall.pair())
        hall.wait(300)
    listed = (await hall.call("梅江001", "GET", "/matches")).json()
    assert [match["id"] for match in listed["items"]] == played
    assert listed["items"][0]["result"] == {"outcome": "draw", "my_points": 0, "opponent_points": 0}
    assert (await hall.call("梅江002", "GET", "/matches")).json() == {"items": [], "next": None}
    for day, count in ((TODAY, 2), (TOMORROW, 0)):
        assert len((await hall.call("梅江001", "GET", f"/matches?day={day}")).json()["items"]) == count
    assert (await hall.call("梅江001", "GET", "/matches?day=yesterday")).status_code == 422


async def test_of_two_matches_that_count_the_third_does_not(hall: Hall) -> None:
    counted = []
    for _ in range(4):
        match_id = await hall.pair()
        await hall.play(match_id, {"梅江001": [True, None, None, None, None], "丰顺001": [None] * 5})
        counted.append((await hall.match("梅江001", match_id))["counted"])
        assert (await hall.match("丰顺001", match_id))["counted"] is False
        hall.wait(1)
    assert counted == [True, True, False, False]
    day = (await hall.call("梅江001", "GET", "/participation/me")).json()["matches"]
    assert (day["counted"], day["points"]) == (2, 40)


@pytest.mark.parametrize("path", ["", "/answers/1", "/forfeit"])
async def test_a_match_by_a_wrong_id_is_not_found(hall: Hall, path: str) -> None:
    method = {"": "GET", "/answers/1": "PUT", "/forfeit": "POST"}[path]
    for match_id in (NOBODY, "nonsense"):
        json = {"option_ids": ["a"]} if method == "PUT" else None
        reply = await hall.call("梅江001", method, f"/matches/{match_id}{path}", json=json)
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")


async def test_while_the_database_is_away_every_call_is_busy(hall: Hall) -> None:
    ticket = await hall.ask("梅江001", "live")
    await hall.town.services.database.answers.close()
    paths = [("GET", f"/match-tickets/{ticket['id']}"), ("DELETE", f"/match-tickets/{ticket['id']}")]
    for method, path in [*paths, ("GET", "/challenges"), ("GET", "/matches"), ("POST", "/match-tickets")]:
        reply = await hall.call("梅江001", method, path)
        assert (path, reply.status_code, reply.json()["code"]) == (path, 503, "busy")
        assert reply.headers["Retry-After"]
