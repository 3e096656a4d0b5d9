"""Recorded opponents: which run is offered, how its answers show, whom it counts for."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

from sqlalchemy import text

from tests.matches.conftest import Hall
from tests.times import TODAY

ALL_RIGHT: list[bool | None] = [True] * 5


async def recorded(hall: Hall, first: str = "梅江001", second: str = "丰顺001", **more: Any) -> str:
    """Two officers play a live match to its end; its id."""
    match_id = await hall.pair(first, second)
    await hall.play(match_id, {first: ALL_RIGHT, second: ALL_RIGHT}, **more)
    return match_id


async def no_recording(hall: Hall, name: str) -> bool:
    reply = await hall.call(name, "POST", "/match-tickets", json={"mode": "relay"})
    return reply.status_code == 409 and reply.json()["code"] == "no-recording"


async def question_ids(hall: Hall, *match_ids: str) -> set[str]:
    rows = await run(hall, f"SELECT revision_ids FROM match WHERE id IN ({','.join(map(repr, match_ids))})")
    return {str(revision) for row in rows for revision in row.revision_ids}


async def run(hall: Hall, statement: str, **values: Any) -> Any:
    """Rows of a statement, or None where it gives none."""
    async with hall.town.services.database.sessions.begin() as session:
        found: Any = await session.execute(text(statement), values)
        return found.all() if found.returns_rows else None


async def test_nothing_recorded_yet(hall: Hall) -> None:
    assert await no_recording(hall, "梅江001")
    assert (await hall.ask("梅江001"))["status"] == "waiting"


async def test_a_double_tap_where_nothing_is_recorded_names_no_ticket(hall: Hall) -> None:
    assert await asyncio.gather(*(no_recording(hall, "梅江001") for _ in range(4))) == [True] * 4


async def test_whoever_asks_when_nobody_waits_plays_against_a_recorded_run(hall: Hall) -> None:
    live = await recorded(hall)
    ticket = await hall.ask("梅江002")
    assert (ticket["mode"], ticket["status"]) == ("any", "matched")
    body = await hall.match("梅江002", ticket["match_id"])
    assert (body["mode"], body["my_seat"]) == ("relay", 1)
    assert [(seat["name"], seat["recorded"]) for seat in body["seats"]] == [("梅江002", False), ("丰顺001", True)]
    assert await question_ids(hall, ticket["match_id"]) == await question_ids(hall, live)


async def test_many_at_once_play_against_recorded_runs(hall: Hall) -> None:
    await recorded(hall)
    names = await hall.town.officers_in("五华", 20)
    tickets = await asyncio.gather(*(hall.ask(name, "relay") for name in names))
    assert {ticket["status"] for ticket in tickets} == {"matched"}
    assert len({ticket["match_id"] for ticket in tickets}) == 20


async def test_whoever_plays_a_recorded_run_does_not_hold_up_those_who_wait(hall: Hall) -> None:
    await recorded(hall)
    (name,) = await hall.town.officers_in("五华", 1)
    tickets = [await hall.ask("梅江002", "live")]
    async with hall.town.services.database.sessions.begin() as session:
        # A relay is being made just now, by another process, and waits for its officer's row.
        await session.execute(text("SELECT 1 FROM officer WHERE employee_no = :name FOR NO KEY UPDATE"), {"name": name})
        relay = asyncio.create_task(hall.ask(name, "relay"))
        for _ in range(500):
            if await run(hall, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                break
            await asyncio.sleep(0.01)
        tickets.append(await hall.ask("丰顺002", "live"))
    assert (tickets[1]["status"], (await relay)["status"]) == ("matched", "matched")


async def test_similar_accuracy_is_preferred_by_name_too(hall: Hall) -> None:
    strong, weak = await hall.town.officers_in("五华", 2)
    await recorded(hall, strong, weak)
    day = TODAY - dt.timedelta(days=1)
    for name, right in ((strong, 9), (weak, 1), ("梅江002", 1), ("梅江001", 9)):
        values = {"contest": hall.town.contest_id, "officer": hall.town.officers[name], "day": day, "right": right}
        columns = "contest_id, officer_id, day, quiz_questions, quiz_answered, quiz_correct"
        await run(
            hall, f"INSERT INTO officer_day ({columns}) VALUES (:contest, :officer, :day, 10, 10, :right)", **values
        )
    for name, met in (("梅江001", strong), ("梅江002", weak)):
        ticket = await hall.ask(name, "relay")
        assert (await hall.match(name, ticket["match_id"]))["seats"][1]["name"] == met


async def test_somebody_who_waits_is_preferred_to_a_recording(hall: Hall) -> None:
    await recorded(hall)
    waiting = await hall.ask("梅江002", "live")
    assert waiting["status"] == "waiting"
    ticket = await hall.ask("丰顺002")
    assert (await hall.match("丰顺002", ticket["match_id"]))["mode"] == "live"


async def test_whoever_insists_on_a_live_opponent_is_told_of_the_recordings(hall: Hall) -> None:
    await recorded(hall)
    assert (await hall.ask("梅江002", "live"))["relay_offered"] is True


async def test_the_recorded_answers_show_at_the_recorded_moments(hall: Hall) -> None:
    live = await hall.pair()
    await hall.play(live, {"梅江001": ALL_RIGHT, "丰顺001": [True, False, True, False, True]}, each=10)
    match_id = (await hall.ask("梅江002"))["match_id"]
    hall.wait(3)
    await hall.answer("梅江002", match_id, 1)
    hall.wait(9.999)
    body = await hall.match("梅江002", match_id)
    assert (body["questions"][0]["opponent_answered"], body["questions"][0]["opponent_correct"]) == (False, None)
    assert (body["seats"][1]["answered"], body["seats"][1]["points"]) == (0, 0)
    hall.wait(0.001)
    body = await hall.match("梅江002", match_id)
    assert (body["questions"][0]["opponent_answered"], body["questions"][0]["opponent_correct"]) == (True, True)
    assert (body["seats"][1]["answered"], body["seats"][1]["points"]) == (1, 20)
    hall.wait(2.999)
    assert len((await hall.match("梅江002", match_id))["questions"]) == 1
    hall.wait(0.001)
    assert len((await hall.match("梅江002", match_id))["questions"]) == 2
    await hall.answer("梅江002", match_id, 2)
    hall.wait(10)
    body = await hall.match("梅江002", match_id)
    assert (body["questions"][1]["opponent_answered"], body["questions"][1]["opponent_correct"]) == (True, False)
    assert body["seats"][1]["points"] == 20


async def test_whoever_is_slower_than_the_recording_is_not_hurried(hall: Hall) -> None:
    await recorded(hall)
    match_id = (await hall.ask("梅江002"))["match_id"]
    hall.wait(5)
    body = await hall.match("梅江002", match_id)
    assert (body["questions"][0]["opponent_answered"], body["questions"][0]["opponent_correct"]) == (True, None)
    hall.wait(20)
    await hall.answer("梅江002", match_id, 1)
    hall.wait(3)
    body = await hall.match("梅江002", match_id)
    assert (len(body["questions"]), body["questions"][0]["opponent_correct"]) == (2, True)


async def test_it_counts_for_who_plays_and_for_nobody_else(hall: Hall) -> None:
    await recorded(hall)
    before = await run(hall, "SELECT * FROM officer_day ORDER BY officer_id")
    match_id = (await hall.ask("梅江002"))["match_id"]
    await hall.play(match_id, {"梅江002": [True, True, False, None, True]})
    body = await hall.match("梅江002", match_id)
    assert body["result"] == {"outcome": "loss", "my_points": 60, "opponent_points": 100}
    mine = (await hall.call("梅江002", "GET", "/participation/me")).json()["matches"]
    assert (mine["counted"], mine["points"], body["counted"]) == (1, 60, True)
    after = await run(hall, "SELECT * FROM officer_day ORDER BY officer_id")
    assert [day for day in after if day.officer_id != hall.town.officers["梅江002"]] == list(before)


async def test_neither_the_own_run_nor_one_already_met_is_offered(hall: Hall) -> None:
    await recorded(hall)
    assert await no_recording(hall, "梅江001")
    met = []
    for _ in range(2):
        match_id = (await hall.ask("梅江002", "relay"))["match_id"]
        met.append((await hall.match("梅江002", match_id))["seats"][1]["name"])
        hall.wait(200)
    assert met == ["丰顺001", "梅江001"]  # another branch first
    assert await no_recording(hall, "梅江002")


async def test_only_runs_with_every_question_answered_are_offered(hall: Hall) -> None:
    match_id = await hall.pair()
    await hall.play(match_id, {"梅江001": [True, True, None, True, True], "丰顺001": [None] * 5})
    assert await no_recording(hall, "梅江002")


async def test_a_run_that_goes_on_is_not_offered(hall: Hall) -> None:
    match_id = await hall.pair()
    for _ in range(4):
        hall.wait(3)
        position = len((await hall.match("梅江001", match_id))["questions"])
        await asyncio.gather(*(hall.answer(name, match_id, position) for name in ("梅江001", "丰顺001")))
    hall.wait(3)
    await hall.answer("梅江001", match_id, 5)
    assert await no_recording(hall, "梅江002")
    await hall.answer("丰顺001", match_id, 5)
    assert not await no_recording(hall, "梅江002")


async def test_the_least_seen_questions_come_first(hall: Hall) -> None:
    seen = await recorded(hall)
    await hall.call("梅江002", "POST", f"/matches/{(await hall.ask('梅江002', 'relay'))['match_id']}/forfeit")
    hall.wait(1)
    unseen = await recorded(hall, "丰顺001", "丰顺002")
    assert await question_ids(hall, seen) != await question_ids(hall, unseen)
    ticket = await hall.ask("梅江002", "relay")
    assert await question_ids(hall, ticket["match_id"]) == await question_ids(hall, unseen)


async def test_a_question_of_the_unfinished_quiz_is_not_played(hall: Hall) -> None:
    live = await recorded(hall)
    quiz = (await hall.call("梅江002", "POST", "/daily-quiz/today/attempt")).json()
    shared = uuid.UUID((await question_ids(hall, live)).pop())
    statement = "UPDATE paper SET revision_ids[1] = :shared WHERE id = :paper"
    await run(hall, statement, shared=shared, paper=uuid.UUID(quiz["id"]))
    assert await no_recording(hall, "梅江002")
    assert (await hall.ask("梅江002"))["status"] == "waiting"
    hall.wait(60)
    await run(hall, "UPDATE officer_day SET quiz_finished_at = now() WHERE quiz_questions > 0")
    assert (await hall.ask("梅江002", "relay"))["status"] == "matched"


async def test_a_question_that_has_changed_since_is_not_played(hall: Hall) -> None:
    live = await recorded(hall)
    changed = uuid.UUID((await question_ids(hall, live)).pop())
    await run(hall, "UPDATE question SET state = 'retired' WHERE current_revision_id = :changed", changed=changed)
    await run(hall, "UPDATE bank_version SET version = version + 1")
    assert await no_recording(hall, "梅江002")
    assert (await hall.ask("梅江002"))["status"] == "waiting"


async def test_a_run_of_yesterday_is_played_by_the_rules_of_today(hall: Hall) -> None:
    live = await hall.pair()
    await hall.play(live, {"梅江001": ALL_RIGHT, "丰顺001": ALL_RIGHT}, each=25)
    await run(hall, "UPDATE contest_rules SET rules = jsonb_set(rules, '{matches,seconds}', '15')")
    hall.clock.at("09:00", TODAY + dt.timedelta(days=1))
    match_id = (await hall.ask("梅江002"))["match_id"]
    hall.wait(3)
    await hall.answer("梅江002", match_id, 1)
    hall.wait(15)  # the recorded answer came after 25
    body = await hall.match("梅江002", match_id)
    assert (body["seconds_per_question"], body["questions"][0]["opponent_correct"]) == (15, True)
    hall.wait(3)
    assert len((await hall.match("梅江002", match_id))["questions"]) == 2


async def test_giving_up_loses(hall: Hall) -> None:
    await recorded(hall)
    match_id = (await hall.ask("梅江002"))["match_id"]
    hall.wait(3)
    await hall.answer("梅江002", match_id, 1)
    hall.wait(1)
    body = (await hall.call("梅江002", "POST", f"/matches/{match_id}/forfeit")).json()
    assert body["result"] == {"outcome": "loss", "my_points": 20, "opponent_points": 100}
    assert len(body["questions"]) == 1
    assert (await hall.put("梅江002", match_id, 2, ["a"])).json()["code"] == "question-closed"


async def test_a_run_against_a_recording_is_a_recording_itself(hall: Hall) -> None:
    await recorded(hall)
    match_id = (await hall.ask("梅江002"))["match_id"]
    await hall.play(match_id, {"梅江002": ALL_RIGHT}, each=4)
    met = []
    for _ in range(3):
        match_id = (await hall.ask("丰顺002", "relay"))["match_id"]
        met.append((await hall.match("丰顺002", match_id))["seats"][1]["name"])
        hall.wait(200)
    assert sorted(met) == ["丰顺001", "梅江001", "梅江002"]
