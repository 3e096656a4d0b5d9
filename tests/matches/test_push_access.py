"""Who may open the socket of a match: judged before it opens, in the order of refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.matches.conftest import Hall
from tests.matches.sockets import Place, listening, received, refused


@pytest.fixture
async def place(app: FastAPI) -> AsyncIterator[Place]:
    async with listening(app) as where:
        yield where


def cookie(token: str, origin: str | None) -> dict[str, object]:
    """What a browser sends from a page of this origin; the host is the server's address."""
    origins = {"Origin": origin} if origin else {}
    return {"additional_headers": {"Cookie": f"lianbing_session={token}", **origins}}


async def test_nobody_and_strangers(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    assert await refused(place.watch(match_id, None)) == (401, "unauthenticated")
    assert await refused(place.watch(match_id, "no-such-token")) == (401, "unauthenticated")
    assert await refused(place.watch(match_id, None, subprotocols=["bearer"])) == (401, "unauthenticated")
    assert await refused(place.watch(match_id, hall.town.tokens["丰顺002"])) == (404, "not-found")
    assert await refused(place.watch(match_id, hall.town.tokens["管理员"])) == (404, "not-found")
    assert await refused(place.watch(str(uuid4()), hall.town.tokens["梅江001"])) == (404, "not-found")
    assert await refused(place.watch("nonsense", hall.town.tokens["梅江001"])) == (404, "not-found")


async def test_who_must_change_the_password(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    await hall.town.services.database.answers.execute("UPDATE officer SET must_change_password = true")
    hall.town.app.state.callers.forget()
    token = hall.town.tokens["梅江001"]
    assert await refused(place.watch(match_id, token)) == (403, "password-change-required")
    assert await refused(place.watch("nonsense", token)) == (403, "password-change-required")


async def test_a_cookie_opens_it_for_pages_of_this_host_only(hall: Hall, place: Place) -> None:
    match_id, token = await hall.pair(), hall.town.tokens["梅江001"]
    here = place.url.removeprefix("ws://").removesuffix("/api/v1")
    async with place.watch(match_id, None, **cookie(token, f"http://{here}")) as client:
        assert client.subprotocol is None
        assert (await received(client))["id"] == match_id
    for elsewhere in ("https://evil.example", f"http://{here}.evil.example", "null", "http://[", None):
        assert await refused(place.watch(match_id, None, **cookie(token, elsewhere))) == (403, "forbidden")
    assert await refused(place.watch(match_id, None, **cookie("old", f"http://{here}"))) == (401, "unauthenticated")


async def test_a_bearer_needs_no_origin(hall: Hall, place: Place) -> None:
    match_id, token = await hall.pair(), hall.town.tokens["梅江001"]
    async with place.watch(match_id, token, **cookie("old", "https://app.example")) as client:
        assert (await received(client))["id"] == match_id
    header = {"additional_headers": {"Authorization": f"Bearer {token}"}}
    async with place.watch(match_id, None, **header) as client:
        assert (await received(client))["id"] == match_id


async def test_a_database_that_is_away_is_told_as_busy(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    await hall.town.services.database.answers.close()
    hall.town.app.state.callers.forget()
    assert await refused(place.watch(match_id, hall.town.tokens["梅江001"])) == (503, "busy")
