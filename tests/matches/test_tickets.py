"""Tickets: one an officer, who may ask, how long one waits, who is paired with whom."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.core.clock import Clock
from app.core.settings import Settings
from app.main import create_app
from app.papers.models import OfficerDay
from tests.matches.conftest import Hall
from tests.participation.rows import exempt, move
from tests.people import Town
from tests.questions import add_questions
from tests.times import TODAY

NOBODY = str(uuid.UUID(int=0))
TOMORROW = TODAY + dt.timedelta(days=1)


async def refusal(hall: Hall, name: str, mode: str = "live", **more: Any) -> tuple[int, str]:
    """How asking is refused."""
    reply = await hall.call(name, "POST", "/match-tickets", json={"mode": mode, **more})
    return reply.status_code, reply.json()["code"]


async def status(hall: Hall, name: str, ticket: dict[str, Any]) -> str:
    reply = await hall.call(name, "GET", f"/match-tickets/{ticket['id']}")
    return str(reply.json()["status"])


async def sweep(hall: Hall) -> int:
    """One round of the sweep, at the hall's time; how many matches it made."""
    paired: int = await hall.town.app.state.match_desks.matches.sweep(hall.clock.now)
    return paired


async def run(hall: Hall, statement: str) -> None:
    async with hall.town.services.database.sessions.begin() as session:
        await session.execute(text(statement))


@asynccontextmanager
async def kept_apart(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Hold every waiting ticket, as another process that pairs does; `hold` after each that is to stay alone."""
    beside = await asyncpg.connect(database_url)
    try:
        async with beside.transaction():
            yield beside
    finally:
        await beside.close()


async def wait_alone(hall: Hall, beside: asyncpg.Connection, *names: str) -> dict[str, dict[str, Any]]:
    """Let officers ask, a second apart, none of whom meets another yet."""
    tickets = {}
    for name in names:
        hall.wait(1)
        tickets[name] = await hall.ask(name, "live")
        await beside.execute("SELECT 1 FROM ticket FOR UPDATE")
    assert {ticket["status"] for ticket in tickets.values()} == {"waiting"}
    return tickets


async def opponent(hall: Hall, name: str, ticket: dict[str, Any]) -> str | None:
    """Whom the officer of this ticket meets; None while it waits."""
    held = (await hall.call(name, "GET", f"/match-tickets/{ticket['id']}")).json()
    if held["match_id"] is None:
        return None
    seats = (await hall.match(name, held["match_id"]))["seats"]
    return next(str(seat["name"]) for seat in seats if seat["name"] != name)


# One ticket an officer.


async def test_asking_again_while_waiting_names_the_ticket(hall: Hall) -> None:
    ticket = await hall.ask("梅江001", "live")
    reply = await hall.call("梅江001", "POST", "/match-tickets", json={})
    assert (reply.status_code, reply.json()["code"]) == (409, "ticket-open")
    assert reply.json()["ticket_id"] == ticket["id"]


async def test_asking_while_playing_names_the_match(hall: Hall) -> None:
    match_id = await hall.pair()
    reply = await hall.call("梅江001", "POST", "/match-tickets", json={})
    assert (reply.status_code, reply.json()["code"]) == (409, "match-running")
    assert reply.json()["match_id"] == match_id


async def test_a_retry_after_a_lost_reply_names_the_match_whatever_came_since(hall: Hall) -> None:
    hall.at("23:54:58")
    match_id = await hall.pair()
    hall.at("23:55:01")
    for name, code in (("梅江001", "match-running"), ("丰顺002", "day-closing")):
        assert await refusal(hall, name) == (409, code)
    reply = await hall.call("丰顺001", "POST", "/match-tickets", json={})
    assert reply.json()["match_id"] == match_id


async def test_a_double_tap_on_two_processes_makes_one_ticket(hall: Hall, settings: Settings) -> None:
    other = create_app(settings, clock=Clock(lambda: hall.clock.now))
    async with other.router.lifespan_context(other):
        halls = [hall, Hall(dataclasses.replace(hall.town, app=other), hall.clock)]
        replies = await asyncio.gather(
            *(one.call("梅江001", "POST", "/match-tickets", json={"mode": "live"}) for one in halls for _ in range(10))
        )
    made = [reply.json() for reply in replies if reply.status_code == 201]
    refused = [reply.json() for reply in replies if reply.status_code == 409]
    assert (len(made), len(refused)) == (1, 19)
    assert {(body["code"], body["ticket_id"]) for body in refused} == {("ticket-open", made[0]["id"])}


async def test_many_on_two_processes_are_each_in_one_match(hall: Hall, settings: Settings) -> None:
    names = [*await hall.town.officers_in("五华", 9), "梅江001", "梅江002", "丰顺001"]
    other = create_app(settings, clock=Clock(lambda: hall.clock.now))
    async with other.router.lifespan_context(other):
        halls = [hall, Hall(dataclasses.replace(hall.town, app=other), hall.clock)]
        await asyncio.gather(*(halls[n % 2].ask(name, "live") for n, name in enumerate(names)))
    await sweep(hall)
    async with hall.town.services.database.reads() as session:
        rows = (await session.execute(text("SELECT officer_id, state, match_id FROM ticket"))).all()
    assert Counter(row.state for row in rows) == {"playing": 12}
    assert len({row.officer_id for row in rows}) == 12
    assert set(Counter(row.match_id for row in rows).values()) == {2}


async def test_a_match_that_nobody_read_to_its_end_stands_in_nobodys_way(hall: Hall) -> None:
    await hall.pair()
    hall.wait(3 + 5 * 31 + 4 * 3)
    assert (await hall.ask("梅江001"))["status"] == "waiting"


# Waiting.


async def test_a_ticket_waits_for_a_minute(hall: Hall) -> None:
    ticket = await hall.ask("梅江001", "live")
    assert ticket["expires_at"] == "2026-11-23T09:01:00+08:00"
    hall.wait(59.999)
    assert await status(hall, "梅江001", ticket) == "waiting"
    hall.wait(0.001)
    assert await status(hall, "梅江001", ticket) == "expired"


async def test_nobody_meets_a_ticket_whose_time_is_over(hall: Hall) -> None:
    late = await hall.ask("梅江001", "live")
    hall.wait(60)
    assert (await hall.ask("丰顺001", "live"))["status"] == "waiting"
    assert (await hall.ask("梅江001", "live"))["match_id"] is not None
    assert await status(hall, "梅江001", late) == "expired"


async def test_the_sweep_ends_waits_and_frees_players(hall: Hall) -> None:
    ticket = await hall.ask("梅江002", "live")
    hall.wait(60)
    await hall.pair()
    hall.wait(300)
    assert await sweep(hall) == 0
    async with hall.town.services.database.reads() as session:
        states = (await session.scalars(text("SELECT state FROM ticket ORDER BY created_at, id"))).all()
        assert await session.scalar(text("SELECT settled_at FROM match_run")) == hall.clock.now
    assert states == ["expired", "finished", "finished"]
    assert await status(hall, "梅江002", ticket) == "expired"


async def test_settling_does_not_wait_for_officers(hall: Hall, database_url: str) -> None:
    await hall.pair()
    await run(hall, "UPDATE match_run SET ends_at = started_at")
    async with kept_apart(database_url) as beside:
        await wait_alone(hall, beside, "梅江002", "丰顺002")
    hall.wait(10)
    beside = await asyncpg.connect(database_url)
    async with beside.transaction():
        await beside.execute("SELECT 1 FROM officer WHERE employee_no = '梅江002' FOR UPDATE")
        sweeping = asyncio.create_task(sweep(hall))
        for _ in range(500):
            if await beside.fetchval("SELECT settled_at IS NOT NULL FROM match_run"):
                break
            await asyncio.sleep(0.01)
        assert await beside.fetchval("SELECT settled_at IS NOT NULL FROM match_run")
        assert not sweeping.done()
    await beside.close()
    assert await sweeping == 1


async def test_a_sweep_by_the_databases_clock_finds_nothing_due(hall: Hall) -> None:
    desk = hall.town.app.state.match_desks.matches
    assert await desk.sweep(None) == 0
    ticket = await hall.ask("梅江001", "live")
    assert await desk.sweep(None) == 0
    assert await status(hall, "梅江001", ticket) == "waiting"


async def test_giving_up_the_wait(hall: Hall) -> None:
    ticket = await hall.ask("梅江001", "live")
    for _ in range(2):
        assert (await hall.call("梅江001", "DELETE", f"/match-tickets/{ticket['id']}")).status_code == 204
    assert await status(hall, "梅江001", ticket) == "cancelled"
    assert (await hall.ask("丰顺001", "live"))["status"] == "waiting"
    assert (await hall.ask("梅江001", "live"))["status"] == "matched"


async def test_giving_up_the_wait_comes_too_late(hall: Hall) -> None:
    ticket = await hall.ask("梅江001", "live")
    match_id = (await hall.ask("丰顺001", "live"))["match_id"]
    reply = await hall.call("梅江001", "DELETE", f"/match-tickets/{ticket['id']}")
    assert (reply.status_code, reply.json()["code"], reply.json()["match_id"]) == (409, "match-running", match_id)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_anybody_elses_ticket_is_not_found(hall: Hall, method: str) -> None:
    ticket = await hall.ask("梅江001", "live")
    for name, ticket_id in (("丰顺001", ticket["id"]), ("梅江001", NOBODY), ("梅江001", "nonsense")):
        reply = await hall.call(name, method, f"/match-tickets/{ticket_id}")
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")


async def test_a_ticket_that_stays_the_same_is_not_sent_again(hall: Hall) -> None:
    path = f"/match-tickets/{(await hall.ask('梅江001', 'live'))['id']}"
    etag = (await hall.call("梅江001", "GET", path)).headers["ETag"]
    assert (await hall.call("梅江001", "GET", path, headers={"If-None-Match": etag})).status_code == 304
    await hall.ask("丰顺001", "live")
    assert (await hall.call("梅江001", "GET", path, headers={"If-None-Match": etag})).status_code == 200


# Who may ask.


async def test_who_does_not_take_part_is_refused(hall: Hall) -> None:
    assert await refusal(hall, "市局处长") == (403, "not-enrolled")


async def test_before_the_hours_and_outside_the_contest(hall: Hall) -> None:
    hall.at("05:59:59.999")
    assert await refusal(hall, "梅江001") == (409, "quiz-closed")
    hall.at("06:00")
    assert (await hall.ask("梅江001"))["status"] == "waiting"
    hall.clock.at("12:00", TODAY - dt.timedelta(days=1))
    assert await refusal(hall, "丰顺001") == (409, "not-a-contest-day")


async def test_without_a_contest(town: Town, clock: Any) -> None:
    assert await refusal(Hall(town, clock), "梅江001") == (409, "no-contest")


async def test_a_paused_contest_pairs_nobody_and_lets_matches_go_on(hall: Hall) -> None:
    match_id = await hall.pair()
    waiting = await hall.ask("梅江002", "live")
    await run(hall, "UPDATE contest SET state = 'paused'")
    assert await refusal(hall, "丰顺002") == (409, "contest-paused")
    assert await sweep(hall) == 0
    await hall.play(match_id, {"梅江001": [True] * 5, "丰顺001": [None] * 5})
    assert (await hall.match("梅江001", match_id))["result"]["my_points"] == 100
    assert await status(hall, "梅江002", waiting) == "expired"


async def test_whoever_has_no_session_or_a_first_password(hall: Hall) -> None:
    await run(hall, "UPDATE officer SET must_change_password = true WHERE name = '梅江001'")
    assert await refusal(hall, "梅江001") == (403, "password-change-required")
    await run(hall, "DELETE FROM session")
    assert await refusal(hall, "丰顺001") == (401, "unauthenticated")


async def test_an_exempt_officer_may_play(hall: Hall) -> None:
    await exempt(hall.town, "梅江001")
    match_id = await hall.pair()
    hall.wait(3)
    await hall.answer("梅江001", match_id, 1)
    assert (await hall.match("梅江001", match_id))["counted"] is True


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "blitz"},
        {"mode": None},
        {"opponents": "梅江002"},
        {"mode": "challenge", "opponent_employee_no": "梅江\0002"},
        {"mode": "challenge", "opponent_employee_no": ["梅江002"]},
    ],
)
async def test_a_wish_of_the_wrong_shape(hall: Hall, body: dict[str, Any]) -> None:
    reply = await hall.call("梅江001", "POST", "/match-tickets", json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, "validation")


# The end of the day.


async def test_no_match_starts_within_five_minutes_of_closing(hall: Hall) -> None:
    hall.at("23:54:59.999999")
    ticket = await hall.ask("梅江001", "live")
    assert ticket["expires_at"] == "2026-11-23T23:55:00+08:00"
    assert (await hall.ask("丰顺001", "live"))["status"] == "matched"
    hall.at("23:55")
    reply = await hall.call("梅江002", "POST", "/match-tickets", json={})
    assert (reply.status_code, reply.json()["code"]) == (409, "day-closing")
    assert reply.json()["closes_at"] == "2026-11-24T00:00:00+08:00"


async def test_who_waits_when_the_day_closes_waits_no_longer(hall: Hall) -> None:
    hall.at("23:54:30")
    ticket = await hall.ask("梅江001", "live")
    hall.at("23:55")
    assert await status(hall, "梅江001", ticket) == "expired"
    assert await sweep(hall) == 0


async def test_a_match_that_takes_longer_must_begin_earlier(hall: Hall) -> None:
    longer = """UPDATE contest_rules SET rules = jsonb_set(rules, '{matches,seconds}', '120')"""
    await run(hall, longer)  # 3 + 5 * 121 + 4 * 3 seconds
    hall.at("23:49:40")
    assert await refusal(hall, "梅江001") == (409, "day-closing")
    hall.at("23:49:39.999999")
    match_id = await hall.pair()
    hall.at("23:59:59.999998")
    body = await hall.match("梅江001", match_id)
    assert (body["status"], len(body["questions"])) == ("running", 5)
    hall.wait(0.000001)
    assert (await hall.match("梅江001", match_id))["status"] == "finished"


# Who meets whom.


async def test_the_odd_one_out_is_paired_by_the_sweep(hall: Hall, database_url: str) -> None:
    async with kept_apart(database_url) as beside:
        tickets = await wait_alone(hall, beside, "梅江001", "丰顺001")
    assert await sweep(hall) == 1
    assert [await status(hall, name, ticket) for name, ticket in tickets.items()] == ["matched", "matched"]
    assert await sweep(hall) == 0


async def test_whoever_waited_longest_meets_somebody_of_another_branch(hall: Hall, database_url: str) -> None:
    async with kept_apart(database_url) as beside:
        tickets = await wait_alone(hall, beside, "梅江001", "梅江002", "丰顺001")
    assert await sweep(hall) == 1
    assert await opponent(hall, "梅江001", tickets["梅江001"]) == "丰顺001"
    assert await opponent(hall, "梅江002", tickets["梅江002"]) is None


async def test_the_same_two_meet_again_only_where_nobody_else_waits(hall: Hall, database_url: str) -> None:
    for name in ("梅江001", "丰顺001"):
        await hall.call(name, "POST", f"/matches/{await hall.pair()}/forfeit")
        hall.wait(1)
    async with kept_apart(database_url) as beside:
        tickets = await wait_alone(hall, beside, "梅江001", "丰顺001", "梅江002")
    await sweep(hall)
    assert await opponent(hall, "梅江001", tickets["梅江001"]) == "梅江002"


async def test_similar_accuracy_is_preferred(hall: Hall, database_url: str) -> None:
    names = await hall.town.officers_in("五华", 3)
    async with hall.town.services.database.sessions.begin() as session:
        for name, correct in zip(("梅江001", *names), (9, 2, 8, 5), strict=True):
            session.add(
                OfficerDay(
                    contest_id=hall.town.contest_id,
                    officer_id=hall.town.officers[name],
                    day=TODAY - dt.timedelta(days=1),
                    quiz_questions=10,
                    quiz_answered=10,
                    quiz_correct=correct,
                )
            )
    async with kept_apart(database_url) as beside:
        tickets = await wait_alone(hall, beside, "梅江001", *names)
    assert await sweep(hall) == 2
    assert await opponent(hall, "梅江001", tickets["梅江001"]) == "五华002"


async def test_an_officer_plays_for_the_unit_of_the_day(hall: Hall) -> None:
    match_id = await hall.pair()
    await move(hall.town, "梅江001", "五华", TOMORROW)
    hall.clock.at("09:00", TOMORROW)
    tomorrows = await hall.pair()
    assert (await hall.match("丰顺001", match_id))["seats"][0]["unit_name"] == "梅江"
    assert (await hall.match("丰顺001", tomorrows))["seats"][0]["unit_name"] == "五华"


async def test_a_bank_too_small_for_a_match_leaves_both_waiting(town: Town, clock: Any) -> None:
    await add_questions(town.services, of_each=1)
    await town.contest("市局", rules={"daily_quiz": {"single": 1, "multiple": 1, "true_false": 1}})
    hall = Hall(town, clock)
    for name in ("梅江001", "丰顺001"):
        assert (await hall.ask(name, "live"))["status"] == "waiting"
    assert await refusal(hall, "梅江002", "challenge", opponent_employee_no="丰顺002") == (409, "bank-too-small")


async def test_two_for_whom_nothing_can_be_drawn_stand_in_nobodys_way(hall: Hall, database_url: str) -> None:
    async with kept_apart(database_url) as beside:
        tickets = await wait_alone(hall, beside, "梅江001", "丰顺001", "丰顺002")
    await hall.call("梅江001", "POST", "/daily-quiz/today/attempt")
    everything = "(SELECT array_agg(current_revision_id) FROM question)"
    await run(hall, f"UPDATE paper SET revision_ids = {everything}")
    assert await sweep(hall) == 1
    assert await opponent(hall, "丰顺001", tickets["丰顺001"]) == "丰顺002"
    assert await status(hall, "梅江001", tickets["梅江001"]) == "waiting"


async def test_only_questions_that_are_read_in_seconds(hall: Hall) -> None:
    await run(hall, "UPDATE question_revision SET stem = repeat('长', 61) WHERE kind = 'multiple'")
    await run(hall, "UPDATE question_revision SET stem = repeat('短', 60) WHERE kind = 'single'")
    await run(hall, "UPDATE bank_version SET version = version + 1")
    match_id = await hall.pair()
    hall.wait(200)
    kinds = Counter(question["kind"] for question in (await hall.match("梅江001", match_id))["questions"])
    assert kinds == {"single": 3, "true_false": 2}
