"""The socket of a match: what is sent when, how it ends, and what is done about readers and talkers."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url
from structlog.testing import capture_logs

from app.core.database import plain_url
from app.matches.live import Gallery, Limits
from app.matches.routes import Desks
from tests.matches.conftest import Hall
from tests.matches.sockets import PATIENCE, Place, ended, listening, received, refused, until


@pytest.fixture
async def place(app: FastAPI) -> AsyncIterator[Place]:
    async with listening(app) as where:
        yield where


@pytest.fixture
def desks(app: FastAPI) -> Desks:
    held: Desks = app.state.match_desks
    return held


@pytest.fixture
def gallery(desks: Desks) -> Gallery:
    """The sockets, looked after often."""
    desks.gallery.limits = Limits(look_seconds=0.2)
    return desks.gallery


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(0.02)


async def open_sockets(client: httpx.AsyncClient) -> float:
    text = (await client.get("http://test/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("lianbing_match_sockets "))


async def test_the_match_at_connect_and_after_each_answer(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        assert client.subprotocol == "bearer"
        assert await received(client) == await hall.match("梅江001", match_id)
        await hall.answer("丰顺001", match_id, 1)
        told = await received(client)
        assert told["seats"][1]["answered"] == 1
        assert told["questions"][0]["opponent_correct"] is None
        await hall.answer("梅江001", match_id, 1)
        assert (await received(client))["questions"][0]["opponent_correct"] is True


async def test_nothing_is_sent_while_only_the_time_differs(hall: Hall, place: Place, gallery: Gallery) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        await received(client)
        hall.wait(1)
        await asyncio.sleep(0.7)  # a few looks
        await hall.answer("丰顺001", match_id, 1)
        assert (await received(client))["seats"][1]["answered"] == 1


async def test_two_who_watch_see_each_their_own(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    tokens = hall.town.tokens
    async with place.watch(match_id, tokens["梅江001"]) as mine, place.watch(match_id, tokens["丰顺001"]) as theirs:
        assert [(await received(client))["my_seat"] for client in (mine, theirs)] == [1, 2]
        answered = await hall.answer("梅江001", match_id, 1)
        assert (await received(mine))["questions"][0]["answer"] == answered
        other = (await received(theirs))["questions"][0]
        assert (other["answer"], other["opponent_answered"], other["opponent_correct"]) == (None, True, None)


async def test_after_the_end_comes_the_result_and_the_socket_closes(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await hall.play(match_id, {"梅江001": [True] * 5, "丰顺001": [True, False, True, True, True]})
        last = await until(client, lambda body: body["status"] == "finished")
        assert last["result"] == {"outcome": "loss", "my_points": 80, "opponent_points": 100}
        assert await ended(client) == (1000, "finished")
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        assert (await received(client))["result"] == last["result"]
        assert await ended(client) == (1000, "finished")


async def test_who_gives_up_is_told_to_the_other(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await received(client)
        await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")
        assert (await received(client))["result"]["outcome"] == "win"
        assert await ended(client) == (1000, "finished")


async def test_a_challenger_waits_for_the_colleagues_result(hall: Hall, place: Place, gallery: Gallery) -> None:
    match_id = (await hall.ask("梅江001", "challenge", opponent_employee_no="丰顺001"))["match_id"]
    await hall.play(match_id, {"梅江001": [True, True, False, False, False]})
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        first = await received(client)
        assert (first["status"], first["result"]) == ("finished", None)
        await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
        await hall.play(match_id, {"丰顺001": [True, False, False, False, False]})
        assert (await received(client))["result"]["outcome"] == "win"
        assert await ended(client) == (1000, "finished")


async def test_a_change_that_nobody_told_is_seen_at_the_next_look(
    hall: Hall, place: Place, desks: Desks, gallery: Gallery
) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        seen = await received(client)
        await desks.matches.forfeit(hall.town.officers["梅江001"], uuid.UUID(seen["id"]), hall.clock.now)
        assert (await received(client))["result"]["outcome"] == "win"


async def test_a_socket_outlives_a_database_that_is_away(hall: Hall, place: Place, desks: Desks, cluster: str) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    name = make_url(str(hall.town.services.settings.database_url)).database
    operator = await asyncpg.connect(plain_url(cluster))
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        seen = await received(client)
        with capture_logs() as logs:
            await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await operator.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1", name
            )
            desks.broadcast.publish([uuid.UUID(seen["id"])])
            event = "matches cannot be read for their sockets"
            await eventually(lambda: event in {line["event"] for line in logs})
        await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await operator.close()
        await hall.answer("丰顺001", match_id, 1)
        assert (await received(client))["seats"][1]["answered"] == 1


async def test_signing_out_ends_the_socket(hall: Hall, place: Place, gallery: Gallery) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await received(client)
        assert (await hall.call("丰顺001", "DELETE", "/sessions/current")).status_code == 204
        assert await ended(client) == (1008, "unauthenticated")


async def test_an_officers_oldest_socket_gives_way(hall: Hall, place: Place, client: httpx.AsyncClient) -> None:
    match_id = await hall.pair()
    clients = [await place.watch(match_id, hall.town.tokens["丰顺001"]) for _ in range(5)]
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as other:
        await received(other)
        assert await ended(clients[0]) == (1008, "too-many-sockets")
        assert await open_sockets(client) == 5
        await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")
        assert [await ended(client) for client in clients[1:]] == [(1000, "finished")] * 4
    assert await open_sockets(client) == 0


async def test_a_process_has_room_for_so_many(hall: Hall, place: Place, desks: Desks) -> None:
    desks.gallery.limits = Limits(a_process=1)
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        await received(client)
        assert await refused(place.watch(match_id, hall.town.tokens["丰顺001"])) == (503, "busy")


async def test_small_talk_is_ignored(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        await received(client)
        await client.send("ping")
        await client.send(b"\x00")
        await hall.call("丰顺001", "POST", f"/matches/{match_id}/forfeit")
        assert (await received(client))["result"]["outcome"] == "win"


async def test_who_says_much_is_cut_short(hall: Hall, place: Place, desks: Desks) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        await client.send("x" * 1025)
        assert (await ended(client))[0] == 1009
    desks.gallery.limits = Limits(said_characters=100)
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        await client.send("x" * 101)
        assert await ended(client) == (1009, "too-long")
    async with place.watch(match_id, hall.town.tokens["梅江001"]) as client:
        for _ in range(21):
            await client.send("x")
        assert await ended(client) == (1008, "too-many-messages")


async def test_a_reader_who_takes_nothing_is_dropped(
    hall: Hall, place: Place, desks: Desks, client: httpx.AsyncClient
) -> None:
    desks.gallery.limits = Limits(look_seconds=0.2, send_seconds=0.3)
    await hall.town.services.database.answers.execute("UPDATE question_revision SET explanation = repeat('长', 100000)")
    match_id = await hall.pair()
    hall.wait(3)
    await hall.answer("丰顺001", match_id, 1)  # every Match of this officer is 300 kB from now on
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(place.server.servers[0].sockets[0].getsockname())
    raw.setblocking(False)
    async with place.watch(match_id, hall.town.tokens["丰顺001"], sock=raw, max_size=None) as slow:
        slow.transport.pause_reading()
        with capture_logs() as logs:
            await asyncio.sleep(0.1)  # the first Match is on its way
            await hall.answer("梅江001", match_id, 1)
            await eventually(lambda: bool(logs))
        assert {line["event"] for line in logs} == {"dropped a socket whose reader takes nothing"}
        await eventually(lambda: not place.server.server_state.connections)
        slow.transport.abort()
    assert await open_sockets(client) == 0


async def test_a_process_that_drains_sends_everybody_elsewhere(
    hall: Hall, place: Place, app: FastAPI, gallery: Gallery
) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await received(client)
        app.state.draining = True
        assert await ended(client) == (1012, "restart")
    assert await refused(place.watch(match_id, hall.town.tokens["丰顺001"])) == (503, "busy")


async def test_the_end_of_the_server_is_told(hall: Hall, place: Place) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await received(client)
        place.server.should_exit = True
        assert (await ended(client))[0] == 1012


async def test_the_end_of_the_application_is_told(hall: Hall, place: Place, gallery: Gallery) -> None:
    match_id = await hall.pair()
    async with place.watch(match_id, hall.town.tokens["丰顺001"]) as client:
        await received(client)
        await gallery.close()
        assert await ended(client) == (1012, "restart")
