"""Days that a contest's calendar does not count: in no ranking, rate or sum, though officers play on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.contests.models import Contest, ContestDay
from app.participation.models import FrozenDay
from app.participation.rules import Span, compared_span
from app.participation.service import freeze_finished_days
from app.participation.snapshot import Snapshots
from tests.participation.rows import play
from tests.people import Town
from tests.times import TODAY, SetClock, instant

DAY = dt.timedelta(days=1)
FRIDAY, SATURDAY, SUNDAY, MONDAY = TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY, TODAY


async def take_out(town: Town, *days: dt.date) -> None:
    async with town.services.database.sessions.begin() as session:
        for day in days:
            session.add(ContestDay(contest_id=town.contest_id, day=day, counts=False, note="周末", source="weekend"))


@pytest.fixture
async def weekend(town: Town, clock: SetClock) -> Town:
    """Friday to next week; on Friday 梅江 led, at the weekend only 丰顺 played, today 丰顺 leads."""
    await town.contest("市局", starts_on=FRIDAY, rules={"individual_ranking": True})
    await take_out(town, SATURDAY, SUNDAY)
    for name, days in {"梅江001": [FRIDAY], "丰顺001": [SATURDAY, SUNDAY, MONDAY], "丰顺002": [SUNDAY, MONDAY]}.items():
        for day in days:
            await play(town, name, day=day)
    clock.at("12:00")
    return town


async def got(town: Town, path: str, who: str = "梅江001", **params: Any) -> dict[str, Any]:
    async with town.as_(who) as client:
        answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def row(body: dict[str, Any], unit: str) -> dict[str, Any]:
    return next(one for one in body["rows"] if one["unit"]["name"] == unit)


async def test_a_sum_leaves_uncounted_days_out(weekend: Town) -> None:
    whole = await got(weekend, "/rankings/branches")
    assert (whole["from"], whole["to"]) == (str(FRIDAY), str(MONDAY))
    assert whole["uncounted_days"] == [str(SATURDAY), str(SUNDAY)]
    assert (row(whole, "丰顺")["expected"], row(whole, "丰顺")["done"]) == (4, 2)
    assert (row(whole, "梅江")["expected"], row(whole, "梅江")["done"]) == (6, 1)


async def test_an_uncounted_day_has_no_rank_and_no_rate(weekend: Town) -> None:
    day = await got(weekend, "/rankings/branches", day=str(SUNDAY))
    assert day["uncounted_days"] == [str(SUNDAY)]
    assert {(one["rank"], one["rank_change"], one["index"], one["expected"]) for one in day["rows"]} == {
        (None, None, None, 0)
    }
    own = await got(weekend, f"/branches/{weekend.units['丰顺']}/participation", day=str(SUNDAY))
    assert (own["counts"], own["done"], own["completion_rate"]) == (False, 0, None)
    assert (await got(weekend, f"/branches/{weekend.units['丰顺']}/participation"))["counts"]


async def test_ranks_are_compared_with_the_counted_day_before(weekend: Town) -> None:
    day = await got(weekend, "/rankings/branches", day=str(MONDAY))
    assert [(row(day, name)["rank"], row(day, name)["rank_change"]) for name in ("丰顺", "梅江")] == [(1, 1), (2, -1)]
    whole = await got(weekend, "/rankings/branches")
    assert [(row(whole, name)["rank"], row(whole, name)["rank_change"]) for name in ("丰顺", "梅江")] == [
        (1, 1),
        (2, -1),
    ]
    saturday = await got(weekend, "/rankings/branches", **{"from": str(FRIDAY), "to": str(SATURDAY)})
    assert {one["rank_change"] for one in saturday["rows"]} == {None}


async def test_officers_play_and_their_totals_leave_the_day_out(weekend: Town) -> None:
    sunday = await got(weekend, "/participation/me", "丰顺001", day=str(SUNDAY))
    assert (sunday["counts"], sunday["done"], sunday["quiz"]["points"]) == (False, True, 100)
    assert sunday["contest"] == {"days_done": 1, "points": 100, "correct": 10, "answered": 10}
    listed = await got(weekend, "/rankings/officers")
    assert [(one["officer"]["name"], one["days_done"]) for one in listed["rows"] if one["days_done"]] == [
        ("丰顺001", 1),
        ("丰顺002", 1),
        ("梅江001", 1),
    ]


async def test_an_uncounted_day_is_not_frozen(weekend: Town, clock: SetClock) -> None:
    async with weekend.services.database.sessions.begin() as session:
        contest = await session.get_one(Contest, weekend.contest_id)
        assert await freeze_finished_days(session, contest, now=instant("00:00:10", MONDAY + DAY)) == [FRIDAY, MONDAY]
        assert set(await session.scalars(select(FrozenDay.day))) == {FRIDAY, MONDAY}


async def test_a_kept_board_adds_up_the_same(weekend: Town, clock: SetClock) -> None:
    snapshots = Snapshots(max_age=0.0001, rest=0)
    path = [weekend.units[name] for name in ("省厅", "市局")]
    for _ in range(3):
        board = (await snapshots.of_unit(weekend.services, path)).board
        assert (await board.figures(Span(FRIDAY, MONDAY)))[weekend.units["市局"]].done == 3
    clock.at("00:10", MONDAY + DAY)
    board = (await snapshots.of_unit(weekend.services, path)).board
    assert (await board.figures(board.counted))[weekend.units["市局"]].done == 3


async def test_a_contest_that_begins_with_an_uncounted_day(town: Town, clock: SetClock) -> None:
    await town.contest("市局")
    await take_out(town, TODAY)
    await play(town, "梅江001")
    clock.at("12:00")
    body = await got(town, "/rankings/branches")
    assert ({one["rank"] for one in body["rows"]}, body["uncounted_days"]) == ({None}, [str(TODAY)])


def test_what_a_span_is_compared_with() -> None:
    contest, away = Span(FRIDAY, MONDAY), {SATURDAY, SUNDAY}
    assert compared_span(contest, contest, away) == Span(FRIDAY, FRIDAY)
    assert compared_span(contest, Span(MONDAY, MONDAY), away) == Span(FRIDAY, FRIDAY)
    assert compared_span(contest, Span(SUNDAY, SUNDAY), away) is None
    assert compared_span(contest, Span(SATURDAY, MONDAY), away) is None
    assert compared_span(contest, Span(FRIDAY, FRIDAY), away) is None
