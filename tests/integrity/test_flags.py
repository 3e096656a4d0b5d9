"""Flags: raised from the matches played, once by however many processes, looked at and decided on by a person."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
import uuid
from asyncio.subprocess import PIPE
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text, update

from app.commands.place import ROOT
from app.core.database import open_database
from app.core.wiring import Services
from app.integrity.flags import _FLAGS_LOCK, Watched, watch
from app.integrity.models import Flag
from app.integrity.rules import Kind
from app.notices.clock import clockwork
from app.roster.models import Assignment, Officer, UnitKind
from tests.integrity.test_verify import look
from tests.matches.conftest import Hall
from tests.times import SECRET

ZHANG, LI, WANG, ZHAO = "梅江001", "丰顺001", "梅江002", "丰顺002"
REPEATED, ALTERNATING, AT_ONCE = "repeated_pair", "alternating_wins", "simultaneous_answers"


async def meet(hall: Hall, one: str = ZHANG, other: str = LI, *, won_by: str = "", apart: float = 4) -> str:
    """Two meet live and play to the end, `other` answering `apart` seconds later; nobody named: a draw."""
    match_id = await hall.pair(one, other)
    for position in range(1, 6):
        hall.wait(4)
        await hall.answer(one, match_id, position, correct=position > 1 or won_by != other)
        hall.wait(apart)
        await hall.answer(other, match_id, position, correct=position > 1 or won_by != one)
    await settle(hall)
    return match_id


async def settle(hall: Hall) -> None:
    await hall.town.app.state.match_desks.matches.sweep(hall.clock.now)


async def flags(hall: Hall, who: str = "管理员", **query: str) -> list[dict[str, Any]]:
    response = await hall.call(who, "GET", "/flags", params=query)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def decide(hall: Hall, flag: dict[str, Any], decision: str = "dismissed", who: str = "管理员") -> httpx.Response:
    body = {"decision": decision, "note": "已电话核实，同在午休时段参加。"}
    return await hall.call(who, "POST", f"/flags/{flag['id']}/decide", json=body)


# Raising.


async def test_an_honest_pair_raises_none(hall: Hall) -> None:
    for winner in (ZHANG, ZHANG, LI):
        await meet(hall, won_by=winner)
    await meet(hall, WANG, ZHAO)
    assert await watch(hall.town.services) == Watched(4, 0)
    assert await flags(hall) == []


async def test_answers_at_the_same_time_raise_a_flag_with_evidence(hall: Hall) -> None:
    match_id = await meet(hall, apart=0.75, won_by=LI)
    assert await watch(hall.town.services) == Watched(1, 1)
    [flag] = await flags(hall)
    assert (flag["kind"], flag["state"], flag["title"]) == (AT_ONCE, "open", "异常提示，供人工核查")
    assert flag["contest"]["name"] == "网络知识竞赛"
    assert {(one["employee_no"], one["unit"]["name"]) for one in flag["officers"]} == {(ZHANG, "梅江"), (LI, "丰顺")}
    assert flag["summary"].endswith("有1场对战，逐题作答时刻相差均不超过1秒。可能有正常原因，请人工核查。")
    [shown] = flag["evidence"]["matches"]
    first = flag["officers"][0]["name"]
    assert shown["match_id"] == match_id
    assert shown["seconds_apart"] == [-0.75 if first == ZHANG else 0.75] * 5
    assert shown["points"] == ([80, 100] if first == ZHANG else [100, 80])
    assert flag["officers"][shown["winner"] - 1]["name"] == LI


async def test_wins_in_turn_between_two_who_meet_again_and_again(hall: Hall) -> None:
    for number in range(4):
        await meet(hall, won_by=(ZHANG, LI)[number % 2])
        assert await watch(hall.town.services) == Watched(1, 2 if number == 3 else 0)
    found = {flag["kind"]: flag for flag in await flags(hall)}
    assert found.keys() == {REPEATED, ALTERNATING}
    assert found[ALTERNATING]["evidence"]["longest"] == 4
    assert "轮流获胜，最长连续4场。" in found[ALTERNATING]["summary"]
    assert found[REPEATED]["evidence"]["span"]["of"] == [4, 4]
    assert "在11月23日至11月23日之间对战4场" in found[REPEATED]["summary"]
    names = [
        [flag["officers"][match["winner"] - 1]["name"] for match in flag["evidence"]["matches"]]
        for flag in found.values()
    ]
    assert names == [[ZHANG, LI, ZHANG, LI]] * 2


async def test_a_match_that_is_given_up_is_lost_in_the_evidence_too(hall: Hall) -> None:
    for number in range(4):
        match_id = await hall.pair()
        hall.wait(5)
        await hall.call((ZHANG, LI)[number % 2], "POST", f"/matches/{match_id}/forfeit")
        await settle(hall)
    await watch(hall.town.services)
    [flag] = [flag for flag in await flags(hall) if flag["kind"] == ALTERNATING]
    for match, winner in zip(flag["evidence"]["matches"], (LI, ZHANG, LI, ZHANG), strict=True):
        assert flag["officers"][match["winner"] - 1]["name"] == winner
        assert {match["winner"], match["forfeited_by"]} == {1, 2}
        assert match["seconds_apart"] == [None] * 5


async def test_challenges_that_are_taken_up_are_meetings(hall: Hall) -> None:
    for number in range(4):
        for name, other in ((ZHANG, LI), (LI, ZHANG)):
            ticket = await hall.ask(name, "challenge", opponent_employee_no=other)
            await hall.play(ticket["match_id"], {name: [name == (ZHANG, LI)[number % 2]] * 5}, each=4)
            await settle(hall)
            if name == ZHANG:
                assert (await watch(hall.town.services)).flags == 0  # nobody has met anybody yet
        await watch(hall.town.services)
        hall.clock.now += dt.timedelta(hours=12)
    found = {flag["kind"]: flag for flag in await flags(hall)}
    assert found.keys() == {REPEATED, ALTERNATING}
    assert found[REPEATED]["evidence"]["span"]["of"] == [4, 4]
    assert found[ALTERNATING]["evidence"]["longest"] == 4


async def test_new_evidence_is_added_to_the_open_flag(hall: Hall) -> None:
    await meet(hall, apart=0)
    await watch(hall.town.services)
    [before] = await flags(hall)
    await meet(hall, LI, ZHANG, apart=1)
    await meet(hall)
    assert await watch(hall.town.services) == Watched(2, 1)
    [after] = await flags(hall)
    assert (after["id"], after["raised_at"]) == (before["id"], before["raised_at"])
    assert after["updated_at"] > before["updated_at"]
    assert [len(flag["evidence"]["matches"]) for flag in (before, after)] == [1, 2]
    await meet(hall)
    assert (await watch(hall.town.services)).flags == 1  # the pair is now a repeated one; the other flag is as it was
    assert after in await flags(hall)


async def test_a_match_against_a_recorded_run_is_no_meeting(hall: Hall) -> None:
    await meet(hall)
    await watch(hall.town.services)
    ticket = await hall.ask(WANG, "relay")
    await hall.play(ticket["match_id"], {WANG: [True] * 5}, each=4)
    await settle(hall)
    assert await watch(hall.town.services) == Watched(0, 0)


async def test_no_figure_knows_of_a_flag(hall: Hall) -> None:
    await meet(hall, apart=0)
    own = await hall.call(ZHANG, "GET", "/participation/me")
    await watch(hall.town.services)
    [flag] = await flags(hall)
    assert (await decide(hall, flag, "confirmed")).status_code == 200
    assert (await hall.call(ZHANG, "GET", "/participation/me")).json() == own.json()
    assert (await look(hall.town)).sound


# Several processes.


async def test_what_one_process_examines_another_passes_over(hall: Hall) -> None:
    await meet(hall, apart=0)
    services = hall.town.services
    async with services.database.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM match_run FOR UPDATE"))
        assert await watch(services) == Watched(0, 0)
    assert await watch(services) == Watched(1, 1)
    assert await watch(services) == Watched(0, 0)


WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def test_two_at_once_raise_one_flag_with_all_the_evidence(hall: Hall) -> None:
    matches = [await meet(hall, apart=0) for _ in range(3)]
    wired = hall.town.services
    others = [await open_database(str(wired.settings.database_url), pool_size=4) for _ in range(2)]
    services = [Services(wired.settings, other, wired.clock, wired.passwords) for other in others]
    async with wired.database.sessions.begin() as session, asyncio.timeout(60):
        await session.execute(text(f"SELECT pg_advisory_xact_lock({_FLAGS_LOCK})"))
        rounds = [asyncio.create_task(watch(each, at_a_time=2)) for each in services]
        # Until both have claimed their part and found something in it.
        while await session.scalar(text(WAITING)) < 2:  # noqa: ASYNC110 - it looks at other connections
            await asyncio.sleep(0.02)
    seen = await asyncio.gather(*rounds)
    for other in others:
        await other.close()
    assert sorted(each.matches for each in seen) == [1, 2]
    assert sum(each.flags for each in seen) == 1
    [flag] = await flags(hall)
    assert [match["match_id"] for match in flag["evidence"]["matches"]] == matches


async def test_two_lianbing_ticks_raise_one_flag(hall: Hall) -> None:
    await meet(hall, apart=0)
    environ = {
        **os.environ,
        "LIANBING_DATABASE_URL": str(hall.town.services.settings.database_url),
        "LIANBING_SECRET_KEY": SECRET,
    }
    command = (sys.executable, "-c", "from app.cli import main; main()", "tick")
    ticks = [await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environ, stdout=PIPE) for _ in range(2)]
    printed = [(await tick.communicate())[0].decode() for tick in ticks]
    assert [tick.returncode for tick in ticks] == [0, 0]
    assert sum("异常提示：新增或补充1条，请管理员核查。" in said for said in printed) == 1
    assert len(await flags(hall)) == 1


async def test_the_clock_of_a_process_looks_after_the_notices(hall: Hall, app: FastAPI) -> None:
    await meet(hall, apart=0)
    services = hall.town.services
    ticking = services.settings.model_copy(update={"scheduler": True})
    tries: list[bool] = []

    async def trouble(_services: Services, *, stopping: Any) -> None:
        tries.append(stopping())
        raise RuntimeError("once")

    async with clockwork(app, Services(ticking, services.database, services.clock, services.passwords), trouble, watch):
        async with asyncio.timeout(60):
            while not await flags(hall):  # noqa: ASYNC110 - it looks at another task's work
                await asyncio.sleep(0.05)
    assert tries[:1] == [False]  # a second ring may fall into the end


async def test_a_process_that_ends_begins_nothing(hall: Hall) -> None:
    await meet(hall, apart=0)
    assert await watch(hall.town.services, stopping=lambda: True) == Watched(0, 0)


async def test_the_instant_may_be_given(hall: Hall) -> None:
    await meet(hall, apart=0)
    await watch(hall.town.services, now=hall.clock.now + dt.timedelta(hours=1))
    [flag] = await flags(hall)
    assert dt.datetime.fromisoformat(flag["raised_at"]) == hall.clock.now + dt.timedelta(hours=1)


# Looking and deciding.


@pytest.fixture
async def flag(hall: Hall) -> dict[str, Any]:
    """An open flag about 梅江001 and 丰顺001."""
    await meet(hall, apart=0)
    await watch(hall.town.services)
    [raised] = await flags(hall)
    return raised


@pytest.mark.parametrize("decision", ["dismissed", "confirmed"])
async def test_a_decision_is_recorded_and_audited_once(hall: Hall, flag: dict[str, Any], decision: str) -> None:
    hall.wait(60)
    decided = (await decide(hall, flag, decision)).json()
    assert decided["decided_by"]["name"] == "管理员"
    assert decided == flag | {
        "state": decision,
        "decided_by": decided["decided_by"],
        "decided_at": hall.clock.now.isoformat(),
        "note": "已电话核实，同在午休时段参加。",
    }
    hall.wait(60)
    again = await decide(hall, flag, decision)
    assert (again.status_code, again.json()) == (200, decided)
    acts = (await hall.call("管理员", "GET", "/audit", params={"action": "flag.decide"})).json()["items"]
    assert [(act["before"], act["after"], act["reason"]) for act in acts] == [
        ({"state": "open"}, {"state": decision}, decided["note"])
    ]
    assert acts[0]["subject"] == {"kind": "flag", "id": flag["id"]}


async def test_another_decision_is_refused(hall: Hall, flag: dict[str, Any]) -> None:
    await decide(hall, flag, "confirmed")
    refused = await decide(hall, flag, "dismissed")
    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "flag-decided", "confirmed")


async def test_after_a_decision_only_new_matches_raise_a_new_flag(hall: Hall, flag: dict[str, Any]) -> None:
    await decide(hall, flag)
    await meet(hall)
    assert await watch(hall.town.services) == Watched(1, 0)
    later = await meet(hall, apart=0)
    assert await watch(hall.town.services) == Watched(1, 1)
    new, old = await flags(hall)
    assert (new["state"], old["state"], old["id"]) == ("open", "dismissed", flag["id"])
    assert [match["match_id"] for match in new["evidence"]["matches"]] == [later]
    await decide(hall, new, "confirmed")
    await meet(hall)
    await watch(hall.town.services)
    assert {one["kind"] for one in await flags(hall, state="open")} == {REPEATED}


async def test_nobody_decides_on_a_flag_about_himself(hall: Hall, flag: dict[str, Any]) -> None:
    async with hall.town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.name == ZHANG).values(roles=["admin"]))
        await session.execute(
            update(Assignment)
            .where(Assignment.officer_id == hall.town.officers[ZHANG])
            .values(unit_id=hall.town.units["市局"])
        )
    hall.town.app.state.callers.forget()
    assert [one["id"] for one in await flags(hall, ZHANG)] == [flag["id"]]
    refused = await decide(hall, flag, who=ZHANG)
    assert (refused.status_code, refused.json()["code"]) == (403, "own-flag")
    assert (await decide(hall, flag)).status_code == 200


@pytest.mark.parametrize("who", [ZHANG, "联络员", "市局处长", "省厅处长"])
async def test_flags_are_for_administrators(hall: Hall, flag: dict[str, Any], who: str) -> None:
    assert (await hall.call(who, "GET", "/flags")).status_code == 403
    assert (await hall.call(who, "POST", f"/flags/{flag['id']}/decide", json={})).status_code == 403


async def test_an_administrator_of_either_side_sees_it_and_no_other(hall: Hall, flag: dict[str, Any]) -> None:
    town = hall.town
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    for unit in ("省厅", "梅江", "丰顺", "五华", "邻市"):
        await town.officer(f"{unit}管理员", unit, roles=["admin"], takes_part=False)
    for unit in ("省厅", "梅江", "丰顺"):
        assert [one["id"] for one in await flags(hall, f"{unit}管理员")] == [flag["id"]]
    for unit in ("五华", "邻市"):
        assert await flags(hall, f"{unit}管理员") == []
        assert (await decide(hall, flag, who=f"{unit}管理员")).status_code == 404
    assert (await decide(hall, flag, who="丰顺管理员")).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"decision": "open", "note": "看过"}, "/decision"),
        ({"decision": "dismissed"}, "/note"),
        ({"decision": "dismissed", "note": "  "}, "/note"),
        ({"decision": "dismissed", "note": "看过", "points": 0}, "/points"),
    ],
)
async def test_a_decision_has_a_reason(hall: Hall, flag: dict[str, Any], body: dict[str, Any], pointer: str) -> None:
    refused = await hall.call("管理员", "POST", f"/flags/{flag['id']}/decide", json=body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    [same] = await flags(hall)
    assert same == flag


async def add_flags(hall: Hall, count: int) -> None:
    """One open flag and then decided ones, about 梅江002 and 丰顺002."""
    officers = hall.town.officers
    first, second = sorted((officers[WANG], officers[ZHAO]))
    async with hall.town.services.database.sessions.begin() as session:
        for number in range(count):
            decided = {"decided_by": officers["管理员"], "decided_at": hall.clock.now, "note": "看过"} if number else {}
            session.add(
                Flag(
                    id=uuid.UUID(int=number + 1),
                    contest_id=hall.town.contest_id,
                    kind=Kind.SIMULTANEOUS_ANSWERS,
                    first_officer_id=first,
                    second_officer_id=second,
                    evidence={"matches_total": number, "matches": [], "span": None, "longest": None},
                    last_match_at=hall.clock.now,
                    raised_at=hall.clock.now,
                    updated_at=hall.clock.now,
                    state="dismissed" if number else "open",
                    **decided,
                )
            )


async def test_flags_come_in_pages(hall: Hall) -> None:
    await add_flags(hall, 5)
    pages, query = [], {"limit": "2", "state": "dismissed"}
    while True:
        response = await hall.call("管理员", "GET", "/flags", params=query)
        body = response.json()
        pages.append([one["evidence"]["matches_total"] for one in body["items"]])
        assert ("cursor=" in response.headers.get("link", "")) == (body["next"] is not None)
        if body["next"] is None:
            break
        query["cursor"] = body["next"]
    assert pages == [[4, 3], [2, 1]]
    assert len(await flags(hall)) == 5
    assert (await hall.call("管理员", "GET", "/flags", params={"cursor": "x"})).status_code == 400
