"""Matches in the figures: what counts for the day, when an officer is done, and who stands where meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.contests.models import Contest
from app.contests.queries import rules_on
from app.participation.queries import figures_as_of, live_figures
from app.participation.rules import Figures
from tests.matches.conftest import MATCHES, Hall
from tests.participation.rows import exempt
from tests.people import Town
from tests.questions import add_questions, right, wrong
from tests.times import TODAY, SetClock

TICK = dt.timedelta(microseconds=1)
Given = list[bool | None]
ALL_RIGHT: Given = [True] * 5
ALL_WRONG: Given = [False] * 5
SILENT: Given = [None] * 5


@pytest.fixture
async def hall(town: Town, clock: SetClock) -> Hall:
    """The first day of a contest in which two matches count and one is asked for, 9:00."""
    await add_questions(town.services)
    await town.contest("市局", rules={"matches": MATCHES})
    return Hall(town, clock)


async def quiz(hall: Hall, name: str, *, answers: int = 10, correct: int = 10) -> None:
    """Answer the day's quiz, one question a minute, the right ones first."""
    attempt = (await hall.call(name, "POST", "/daily-quiz/today/attempt")).json()
    for question in attempt["questions"][:answers]:
        hall.wait(60)
        chosen = right(question) if question["position"] <= correct else wrong(question)
        path = f"/daily-quiz/attempts/{attempt['id']}/answers/{question['position']}"
        (await hall.call(name, "PUT", path, json={"option_ids": chosen})).raise_for_status()


async def live(hall: Hall, first: Given, second: Given, *names: str) -> str:
    """Let two play a match to its end; 梅江001 and 丰顺001 unless told."""
    one, other = names or ("梅江001", "丰顺001")
    match_id = await hall.pair(one, other)
    await hall.play(match_id, {one: first, other: second})
    hall.wait(3)
    return match_id


async def part(hall: Hall, name: str, **query: str) -> dict[str, Any]:
    body: dict[str, Any] = (await hall.call(name, "GET", "/participation/me", params=query)).json()
    return body


async def standing(hall: Hall, unit: str) -> dict[str, int]:
    """A unit's standing, which live and as-of counting must agree on."""
    async with hall.town.services.database.reads() as session:
        contest = await session.get_one(Contest, hall.town.contest_id)
        rules = await rules_on(session, contest.id, TODAY)
        now = await live_figures(session, contest, TODAY)
        assert now == await figures_as_of(session, contest, rules, TODAY, hall.clock.now + TICK)
    path = f"/branches/{hall.town.units[unit]}/participation"
    body: dict[str, int] = (await hall.call("市局处长", "GET", path)).json()
    return {name: body[name] for name in ("participated", "quiz_finished", "done", "in_progress", "not_started")}


async def listed(hall: Hall, unit: str, status: str) -> dict[str, tuple[str, int, bool]]:
    """Who is listed under a status: that of the quiz, matches counted, done."""
    path = f"/branches/{hall.town.units[unit]}/officers"
    items = (await hall.call("市局处长", "GET", path, params={"status": status})).json()["items"]
    return {
        item["officer"]["name"]: (item["quiz"]["status"], item["matches"]["counted"], item["done"]) for item in items
    }


async def test_the_quiz_alone_is_not_the_days_task(hall: Hall) -> None:
    await quiz(hall, "梅江001")
    found = await part(hall, "梅江001")
    assert found["matches"] == {"counted": 0, "required": 1, "points": 0}
    assert (found["quiz"]["status"], found["done"], found["contest"]["days_done"]) == ("finished", False, 0)
    assert await listed(hall, "梅江", "in_progress") == {"梅江001": ("finished", 0, False)}


async def test_after_the_quiz_the_first_answer_of_a_match_completes_the_day(hall: Hall) -> None:
    await quiz(hall, "梅江001")
    match_id = await hall.pair()
    hall.wait(3)
    assert not (await part(hall, "梅江001"))["done"]
    await hall.answer("梅江001", match_id, 1, correct=False)
    found = await part(hall, "梅江001")
    assert (found["done"], found["matches"]["counted"], found["contest"]["days_done"]) == (True, 1, 1)
    assert await standing(hall, "梅江") == {
        "participated": 1,
        "quiz_finished": 1,
        "done": 1,
        "in_progress": 0,
        "not_started": 2,
    }


async def test_after_a_match_the_last_answer_of_the_quiz_completes_the_day(hall: Hall) -> None:
    await live(hall, ALL_RIGHT, SILENT)
    await quiz(hall, "梅江001", answers=9)
    assert not (await part(hall, "梅江001"))["done"]
    await quiz(hall, "梅江001")
    assert (await part(hall, "梅江001"))["done"]
    assert list(await listed(hall, "梅江", "done")) == ["梅江001"]


async def test_whoever_only_played_a_match_is_in_progress_and_took_part(hall: Hall) -> None:
    await live(hall, ALL_RIGHT, ALL_RIGHT)
    assert await listed(hall, "丰顺", "unfinished") == {
        "丰顺001": ("not_started", 1, False),
        "丰顺002": ("not_started", 0, False),
    }
    figures = await standing(hall, "丰顺")
    assert (figures["participated"], figures["in_progress"], figures["not_started"]) == (1, 1, 1)


async def test_a_seat_without_an_answer_never_counts(hall: Hall) -> None:
    await quiz(hall, "丰顺001")
    match_id = await live(hall, ALL_RIGHT, SILENT)
    found = await part(hall, "丰顺001")
    assert (found["matches"]["counted"], found["done"]) == (0, False)
    assert (await hall.match("丰顺001", match_id))["counted"] is False
    assert (await standing(hall, "丰顺"))["done"] == 0


async def test_who_was_only_handed_questions_is_in_progress_without_having_taken_part(hall: Hall) -> None:
    await live(hall, ALL_RIGHT, SILENT)
    assert (await standing(hall, "丰顺"))["participated"] == 0
    assert await listed(hall, "丰顺", "in_progress") == {"丰顺001": ("not_started", 0, False)}


async def test_a_third_match_changes_nothing(hall: Hall) -> None:
    await live(hall, [True, True, False, False, False], ALL_RIGHT)
    await live(hall, [True, False, False, False, None], ALL_RIGHT)
    before = await part(hall, "梅江001")
    assert before["matches"] == {"counted": 2, "required": 1, "points": 60}
    third = await live(hall, ALL_RIGHT, ALL_RIGHT)
    assert await part(hall, "梅江001") == before
    shown = await hall.match("梅江001", third)
    assert (shown["counted"], shown["result"]["my_points"]) == (False, 100)


async def test_a_match_begun_late_counts_where_an_earlier_one_stayed_without_an_answer(hall: Hall) -> None:
    third: Given = [None, True, None, None, None]
    for mine in (SILENT, ALL_RIGHT, third):
        await live(hall, mine, ALL_RIGHT)
    assert (await part(hall, "梅江001"))["matches"] == {"counted": 2, "required": 1, "points": 120}
    assert (await part(hall, "丰顺001"))["matches"] == {"counted": 2, "required": 1, "points": 200}


async def test_points_are_those_of_the_quiz_and_of_counted_matches(hall: Hall) -> None:
    await quiz(hall, "梅江001", correct=7)
    await live(hall, [True, False, True, None, True], ALL_RIGHT)
    assert (await part(hall, "梅江001"))["contest"] == {"days_done": 1, "points": 130, "correct": 7, "answered": 10}


async def test_accuracy_and_questions_are_those_of_the_quiz(hall: Hall) -> None:
    await quiz(hall, "梅江001", answers=4, correct=3)
    await live(hall, ALL_WRONG, ALL_RIGHT)
    path = f"/branches/{hall.town.units['梅江']}/participation"
    body = (await hall.call("市局处长", "GET", path)).json()
    assert (body["answered"], body["correct"], body["accuracy"]) == (4, 3, 0.75)


async def test_an_exempt_officer_plays_in_no_figure(hall: Hall) -> None:
    await exempt(hall.town, "丰顺001")
    await quiz(hall, "丰顺001")
    await live(hall, ALL_RIGHT, ALL_RIGHT)
    assert await standing(hall, "丰顺") == dict.fromkeys(
        ("participated", "quiz_finished", "done", "in_progress"), 0
    ) | {"not_started": 1}
    found = await part(hall, "丰顺001")
    assert (found["done"], found["matches"]["counted"]) == (True, 1)
    assert await listed(hall, "丰顺", "exempt") == {"丰顺001": ("finished", 1, True)}


async def test_a_recorded_run_counts_for_the_one_who_plays_now(hall: Hall) -> None:
    await live(hall, ALL_RIGHT, ALL_RIGHT)
    before = await part(hall, "丰顺001")
    ticket = await hall.ask("梅江002", "relay")
    await hall.play(ticket["match_id"], {"梅江002": [True, None, None, None, None]})
    assert (await part(hall, "梅江002"))["matches"] == {"counted": 1, "required": 1, "points": 20}
    assert await part(hall, "丰顺001") == before


async def test_each_seat_of_a_challenge_counts_on_the_day_it_is_played(hall: Hall) -> None:
    hall.at("23:00")
    ticket = await hall.ask("梅江001", "challenge", opponent_employee_no="丰顺001")
    await hall.play(ticket["match_id"], {"梅江001": ALL_RIGHT})
    hall.clock.at("09:00", TODAY + dt.timedelta(days=1))
    await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    await hall.play(ticket["match_id"], {"丰顺001": [True, True, None, None, None]})
    for name, points in (("梅江001", [100, 0]), ("丰顺001", [0, 40])):
        parts = [await part(hall, name, day=day) for day in ("2026-11-23", "2026-11-24")]
        assert [one["matches"]["points"] for one in parts] == points


@pytest.mark.parametrize(("cutoff", "done"), [(TICK, 1), (dt.timedelta(), 0)])
async def test_an_answer_at_the_cutoff_does_not_count(hall: Hall, cutoff: dt.timedelta, done: int) -> None:
    await quiz(hall, "梅江001")
    match_id = await hall.pair()
    hall.wait(5)
    await hall.answer("梅江001", match_id, 1)
    first_answer = hall.clock.now
    hall.wait(600)
    async with hall.town.services.database.reads() as session:
        contest = await session.get_one(Contest, hall.town.contest_id)
        rules = await rules_on(session, contest.id, TODAY)
        figures = await figures_as_of(session, contest, rules, TODAY, first_answer + cutoff)
    assert figures[hall.town.units["梅江"]] == Figures(
        enrolled=3, participated=1, quiz_finished=1, done=done, in_progress=1 - done, answered=10, correct=10
    )
    assert figures[hall.town.units["丰顺"]] == Figures(enrolled=2, in_progress=1)


async def test_in_the_individual_ranking_counted_matches_are_points(hall: Hall) -> None:
    contest_id = hall.town.contest_id
    await hall.call("管理员", "PATCH", f"/contests/{contest_id}", json={"rules": {"individual_ranking": True}})
    hall.clock.at("09:00", TODAY + dt.timedelta(days=1))
    await live(hall, [True, True, True, None, None], ALL_RIGHT)
    rows = (await hall.call("梅江001", "GET", "/rankings/officers")).json()["rows"]
    assert [(row["rank"], row["officer"]["name"], row["points"]) for row in rows[:2]] == [
        (1, "丰顺001", 100),
        (2, "梅江001", 60),
    ]
