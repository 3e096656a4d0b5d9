"""Challenges: the challenger plays first, the colleague named within a day, the same questions, each on the own day."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from app.roster.models import UnitKind
from tests.matches.conftest import Hall
from tests.matches.test_relay import no_recording, question_ids, run
from tests.people import Town
from tests.times import TODAY

TOMORROW = TODAY + dt.timedelta(days=1)
FIRST: list[bool | None] = [True, True, True, False, None]


async def challenge(hall: Hall, name: str = "梅江001", to: str = "丰顺001") -> str:
    """Challenge a colleague; the match's id."""
    return str((await hall.ask(name, "challenge", opponent_employee_no=to))["match_id"])


async def played(hall: Hall, plan: list[bool | None] = FIRST) -> str:
    """A challenge of 梅江001 to 丰顺001, played by the former."""
    match_id = await challenge(hall)
    await hall.play(match_id, {"梅江001": plan})
    return match_id


async def waiting_for(hall: Hall, name: str) -> list[str]:
    """The challenges that wait for an officer, as matches."""
    listed = (await hall.call(name, "GET", "/challenges")).json()["items"]
    return [one["match_id"] for one in listed]


async def refusal(hall: Hall, name: str, to: str | None) -> tuple[int, str, Any]:
    json = {"mode": "challenge"} if to is None else {"mode": "challenge", "opponent_employee_no": to}
    reply = await hall.call(name, "POST", "/match-tickets", json=json)
    body = reply.json()
    return reply.status_code, body["code"], body.get("errors", [{}])[0].get("pointer")


# The challenger.


async def test_the_challenger_plays_at_once_against_a_name(hall: Hall) -> None:
    match_id = await challenge(hall)
    body = await hall.match("梅江001", match_id)
    assert (body["mode"], body["status"], body["my_seat"]) == ("challenge", "running", 1)
    assert body["seats"][1] == {
        "seat": 2,
        "name": "丰顺001",
        "unit_name": "丰顺",
        "recorded": False,
        "points": 0,
        "answered": 0,
    }
    assert (await hall.call("丰顺001", "GET", f"/matches/{match_id}")).status_code == 404


async def test_the_clock_does_not_wait_for_the_colleague(hall: Hall) -> None:
    match_id = await played(hall)
    body = await hall.match("梅江001", match_id)
    assert (body["status"], body["result"], body["counted"]) == ("finished", None, True)
    assert [question["opponent_answered"] for question in body["questions"]] == [False] * 5


@pytest.mark.parametrize(
    ("to", "pointer"),
    [(None, "/opponent_employee_no"), ("", "/opponent_employee_no"), ("谁", "/opponent_employee_no")],
)
async def test_nobody_is_named(hall: Hall, to: str | None, pointer: str) -> None:
    assert await refusal(hall, "梅江001", to) == (422, "validation", pointer)
    assert (await hall.ask("梅江001"))["status"] == "waiting"


@pytest.mark.parametrize("to", ["梅江001", "市局处长", "邻居"])
async def test_who_cannot_be_challenged(hall: Hall, to: str) -> None:
    await hall.town.unit("邻市", UnitKind.BUREAU, "省厅")
    await hall.town.officer("邻居", "邻市")
    assert await refusal(hall, "梅江001", to) == (422, "validation", "/opponent_employee_no")


async def test_one_challenge_at_a_time_to_the_same_colleague(hall: Hall) -> None:
    match_id = await played(hall)
    reply = await hall.call(
        "梅江001", "POST", "/match-tickets", json={"mode": "challenge", "opponent_employee_no": "丰顺001"}
    )
    assert (reply.status_code, reply.json()["code"]) == (409, "challenge-pending")
    assert reply.json()["match_id"] == match_id
    assert await challenge(hall, to="丰顺002") != match_id


async def test_a_challenger_who_plays_is_not_free_but_the_colleague_is(hall: Hall) -> None:
    match_id = await challenge(hall)
    reply = await hall.call("梅江001", "POST", "/match-tickets", json={})
    assert (reply.json()["code"], reply.json()["match_id"]) == ("match-running", match_id)
    assert (await hall.ask("丰顺001"))["status"] == "waiting"


# The colleague.


async def test_it_waits_for_the_colleague_once_it_is_played(hall: Hall) -> None:
    match_id = await challenge(hall)
    assert await waiting_for(hall, "丰顺001") == []
    await hall.play(match_id, {"梅江001": FIRST})
    [offered] = (await hall.call("丰顺001", "GET", "/challenges")).json()["items"]
    assert offered == {
        "id": match_id,
        "match_id": match_id,
        "challenger": {"employee_no": "梅江001", "name": "梅江001", "unit_name": "梅江"},
        "question_count": 5,
        "seconds_per_question": 30,
        "created_at": "2026-11-23T09:00:00+08:00",
        "expires_at": "2026-11-24T09:00:00+08:00",
    }
    assert await waiting_for(hall, "梅江001") == []


async def test_taken_up_it_is_the_same_match_with_the_same_questions(hall: Hall) -> None:
    match_id = await played(hall)
    ticket = await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    assert (ticket["status"], ticket["match_id"]) == ("matched", match_id)
    body = await hall.match("丰顺001", match_id)
    assert (body["my_seat"], body["status"], body["questions"]) == (2, "running", [])
    assert [(seat["name"], seat["points"], seat["answered"]) for seat in body["seats"]] == [
        ("梅江001", 0, 0),
        ("丰顺001", 0, 0),
    ]
    await hall.play(match_id, {"丰顺001": [True] * 5})
    mine, theirs = await hall.match("丰顺001", match_id), await hall.match("梅江001", match_id)
    texts = [[question["question_id"] for question in seen["questions"]] for seen in (mine, theirs)]
    assert texts[0] == texts[1]
    assert mine["result"] == {"outcome": "win", "my_points": 100, "opponent_points": 60}
    assert theirs["result"] == {"outcome": "loss", "my_points": 60, "opponent_points": 100}
    assert [question["opponent_correct"] for question in mine["questions"]] == FIRST
    assert [question["opponent_correct"] for question in theirs["questions"]] == [True] * 5


async def test_the_challenger_sees_nothing_of_the_colleague_until_both_are_over(hall: Hall) -> None:
    match_id = await played(hall)
    before = await hall.match("梅江001", match_id)
    await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    hall.wait(3)
    await hall.answer("丰顺001", match_id, 1)
    during = await hall.match("梅江001", match_id)
    assert during | {"server_time": None} == before | {"server_time": None}


async def test_nobody_waits_for_an_answer_that_the_challenger_did_not_give(hall: Hall) -> None:
    match_id = await played(hall, [None, True, True, True, True])
    await challenge(hall, "丰顺001", "梅江001")
    hall.wait(4)
    await hall.answer("丰顺001", match_id, 1)
    hall.wait(3)
    body = await hall.match("丰顺001", match_id)
    assert len(body["questions"]) == 2
    assert (body["questions"][0]["opponent_answered"], body["questions"][0]["opponent_correct"]) == (False, None)


async def test_each_seat_counts_on_the_day_on_which_it_was_played(hall: Hall) -> None:
    hall.at("20:00")
    match_id = await played(hall)
    hall.clock.at("08:00", TOMORROW)
    await challenge(hall, "丰顺001", "梅江001")
    await hall.play(match_id, {"丰顺001": [True] * 5})
    days = {}
    for name in ("梅江001", "丰顺001"):
        body = await hall.match(name, match_id)
        days[name] = (body["day"], body["counted"])
    assert days == {"梅江001": ("2026-11-23", True), "丰顺001": ("2026-11-24", True)}
    for name, day, expected in (("梅江001", TODAY, 1), ("梅江001", TOMORROW, 0), ("丰顺001", TOMORROW, 1)):
        mine = (await hall.call(name, "GET", f"/participation/me?day={day}")).json()
        assert mine["matches"]["counted"] == expected


async def test_two_taps_take_it_up_once(hall: Hall) -> None:
    match_id = await played(hall)
    json = {"mode": "challenge", "opponent_employee_no": "梅江001"}
    replies = await asyncio.gather(*(hall.call("丰顺001", "POST", "/match-tickets", json=json) for _ in range(5)))
    assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]
    assert await waiting_for(hall, "丰顺001") == []
    assert await run(hall, "SELECT count(*) FROM match_run WHERE match_id = :id", id=uuid.UUID(match_id)) == [(2,)]


# When it lapses.


async def test_a_few_may_wait_for_one_colleague(hall: Hall) -> None:
    names = await hall.town.officers_in("五华", 7)
    for name in names[:5]:
        match_id = await challenge(hall, name)
        hall.wait(4)
        await hall.answer(name, match_id, 1)
    void = await challenge(hall, "梅江001", "丰顺002")
    assert await refusal(hall, names[5], "丰顺001") == (409, "challenges-full", None)
    await hall.call(names[0], "POST", f"/matches/{void}/forfeit")
    assert await refusal(hall, names[0], "丰顺001") == (409, "match-running", None)
    hall.wait(300)
    assert await refusal(hall, names[0], "丰顺001") == (409, "challenge-pending", None)
    assert await challenge(hall, names[6], "丰顺002") != void
    hall.clock.at("09:10", TOMORROW)
    assert await challenge(hall, names[5]) != match_id


async def test_after_a_day_it_lapses(hall: Hall) -> None:
    match_id = await played(hall)
    hall.clock.at("08:59:59.999999", TOMORROW)
    assert await waiting_for(hall, "丰顺001") == [match_id]
    hall.clock.at("09:00", TOMORROW)
    assert await waiting_for(hall, "丰顺001") == []
    assert await challenge(hall, "丰顺001", "梅江001") != match_id
    assert (await hall.match("梅江001", match_id))["result"] is None


async def test_at_the_last_moment_it_is_taken_up(hall: Hall) -> None:
    match_id = await played(hall)
    hall.clock.at("08:59:59.999999", TOMORROW)
    assert await challenge(hall, "丰顺001", "梅江001") == match_id


@pytest.mark.parametrize("end", ["silent", "given up"])
async def test_one_without_an_answer_or_given_up_is_never_offered(hall: Hall, end: str) -> None:
    match_id = await challenge(hall)
    if end == "given up":
        hall.wait(4)
        await hall.answer("梅江001", match_id, 1)
        hall.wait(1)
        body = (await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")).json()
        assert body["result"] == {"outcome": "loss", "my_points": 20, "opponent_points": 0}
    hall.wait(300)
    assert await waiting_for(hall, "丰顺001") == []
    assert await challenge(hall) != match_id
    assert await challenge(hall, "丰顺001", "梅江001") != match_id


async def test_whoever_gives_up_the_second_run_has_lost(hall: Hall) -> None:
    match_id = await played(hall, [False] * 5)
    await challenge(hall, "丰顺001", "梅江001")
    hall.wait(4)
    await hall.answer("丰顺001", match_id, 1)
    hall.wait(1)
    await hall.call("丰顺001", "POST", f"/matches/{match_id}/forfeit")
    results = [(await hall.match(name, match_id))["result"] for name in ("梅江001", "丰顺001")]
    assert results == [
        {"outcome": "win", "my_points": 0, "opponent_points": 20},
        {"outcome": "loss", "my_points": 20, "opponent_points": 0},
    ]


async def test_one_that_would_not_end_before_the_day_waits_for_tomorrow(hall: Hall) -> None:
    hall.at("23:00")
    statement = "UPDATE contest_rules SET rules = jsonb_set(rules, '{matches,seconds}', '%s')"
    await run(hall, statement % 300)
    match_id = await played(hall)
    await run(hall, statement % 30)
    hall.at("23:40")
    assert (await refusal(hall, "丰顺001", "梅江001"))[:2] == (409, "day-closing")
    assert await waiting_for(hall, "丰顺001") == [match_id]
    hall.clock.at("06:00", TOMORROW)
    assert await challenge(hall, "丰顺001", "梅江001") == match_id
    assert (await hall.match("丰顺001", match_id))["seconds_per_question"] == 300


# Its questions.


async def test_its_questions_are_kept_from_quiz_relay_and_live_match(hall: Hall) -> None:
    match_id = await played(hall, [True] * 5)
    kept = await question_ids(hall, match_id)
    quiz = (await hall.call("丰顺001", "POST", "/daily-quiz/today/attempt")).json()
    assert not kept & {question["question_id"] for question in quiz["questions"]}
    assert await no_recording(hall, "丰顺001")
    assert not await no_recording(hall, "丰顺002")
    live = await hall.pair("梅江002", "丰顺001")
    assert not kept & await question_ids(hall, live)


async def test_once_it_has_lapsed_its_questions_are_as_all_others(hall: Hall) -> None:
    await played(hall, [True] * 5)
    hall.clock.at("09:00", TOMORROW)
    assert (await hall.ask("丰顺001", "relay"))["status"] == "matched"


async def test_one_given_up_keeps_no_question_from_anybody(hall: Hall) -> None:
    match_id = await challenge(hall)
    await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")
    kept = await question_ids(hall, match_id)
    everything = "UPDATE question SET state = 'retired' WHERE NOT current_revision_id = ANY(:kept)"
    await run(hall, everything, kept=[uuid.UUID(one) for one in kept])
    await run(hall, "UPDATE bank_version SET version = version + 1")
    assert await question_ids(hall, await challenge(hall, "梅江002")) == kept


async def test_they_never_take_the_days_quiz_away(hall: Hall) -> None:
    names = await hall.town.officers_in("五华", 4)
    for name in names:
        match_id = await challenge(hall, name)
        hall.wait(4)
        await hall.answer(name, match_id, 1)
    short = "UPDATE question SET state = 'retired' WHERE code ~ '-multiple-' AND code !~ '-00[0-2]$'"
    await run(hall, short)
    await run(hall, "UPDATE bank_version SET version = version + 1")
    assert (await hall.call("丰顺001", "POST", "/daily-quiz/today/attempt")).status_code == 201


async def test_it_has_no_question_of_either_officers_quiz(hall: Hall) -> None:
    asked = set()
    for name in ("梅江001", "丰顺001"):
        quiz = (await hall.call(name, "POST", "/daily-quiz/today/attempt")).json()
        asked |= {question["question_id"] for question in quiz["questions"]}
    assert not asked & await question_ids(hall, await challenge(hall))


async def test_with_a_question_of_the_unfinished_quiz_it_is_not_taken_up(hall: Hall) -> None:
    match_id = await played(hall)
    quiz = (await hall.call("丰顺001", "POST", "/daily-quiz/today/attempt")).json()
    shared = uuid.UUID((await question_ids(hall, match_id)).pop())
    statement = "UPDATE paper SET revision_ids[1] = :shared WHERE id = :paper"
    await run(hall, statement, shared=shared, paper=uuid.UUID(quiz["id"]))
    assert (await refusal(hall, "丰顺001", "梅江001"))[:2] == (409, "challenge-closed")
    await run(hall, "UPDATE officer_day SET quiz_finished_at = now() WHERE quiz_questions > 0")
    assert await challenge(hall, "丰顺001", "梅江001") == match_id


async def test_with_a_question_that_has_changed_it_is_not_taken_up(hall: Hall) -> None:
    match_id = await played(hall)
    changed = uuid.UUID((await question_ids(hall, match_id)).pop())
    await run(hall, "UPDATE question SET state = 'retired' WHERE current_revision_id = :changed", changed=changed)
    await run(hall, "UPDATE bank_version SET version = version + 1")
    assert (await refusal(hall, "丰顺001", "梅江001"))[:2] == (409, "challenge-closed")


async def test_taken_up_elsewhere_this_very_moment(hall: Hall, town: Town) -> None:
    await played(hall)
    async with town.services.database.sessions() as beside, beside.begin():
        await beside.execute(text("UPDATE challenge SET taken_at = created_at"))
        asking = asyncio.create_task(refusal(hall, "丰顺001", "梅江001"))
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'"
        )
        while not await beside.scalar(waiting):
            await asyncio.sleep(0.01)
            await beside.execute(text("SELECT pg_stat_clear_snapshot()"))
    assert (await asking)[:2] == (409, "challenge-closed")
