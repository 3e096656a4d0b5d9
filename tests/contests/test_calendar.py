"""The calendar of a contest over HTTP: what counts, until when it may be changed, and what the holidays fill in."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.contests.calendar import proposed
from app.contests.models import ContestDay, ContestState
from app.contests.rules import Calendar
from app.core.audit import AuditEntry
from tests.people import Town
from tests.times import TODAY, SetClock

DAY = dt.timedelta(days=1)
MONDAY = TODAY  # 2026-11-23
SATURDAY, SUNDAY = TODAY + 5 * DAY, TODAY + 6 * DAY


async def fetched(town: Town, who: str = "联络员") -> dict[str, Any]:
    async with town.as_(who) as client:
        answer = await client.get(f"/contests/{town.contest_id}/calendar")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def put(town: Town, *days: tuple[dt.date, bool], who: str = "管理员") -> httpx.Response:
    body = {"days": [{"day": day.isoformat(), "counts": counts, "note": "休息"} for day, counts in days]}
    async with town.as_(who) as client:
        return await client.put(f"/contests/{town.contest_id}/calendar", json=body)


async def fill(town: Town, **params: Any) -> httpx.Response:
    async with town.as_("管理员") as client:
        return await client.post(f"/contests/{town.contest_id}/calendar/fill", params=params)


def uncounted(body: dict[str, Any]) -> list[str]:
    return [day["day"] for day in body["days"] if not day["counts"]]


async def acts(town: Town) -> list[tuple[str, Any]]:
    async with town.services.database.reads() as session:
        rows = await session.execute(select(AuditEntry.action, AuditEntry.after).order_by(AuditEntry.seq))
    return [(action, after) for action, after in rows]


async def test_every_day_counts_where_nobody_said_otherwise(town: Town) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    body = await fetched(town)
    assert (body["counted_days"], uncounted(body), body["warnings"]) == (8, [], [])
    assert [day["number"] for day in body["days"]] == list(range(1, 9))
    assert [day["fixed"] for day in body["days"]] == [True] + [False] * 7
    assert {day["source"] for day in body["days"]} == {None}


async def test_days_are_taken_out_and_the_others_counted(town: Town) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    answer = await put(town, (SATURDAY, False), (SUNDAY, False))
    assert answer.status_code == 200, answer.text
    body = await fetched(town)
    assert (body["counted_days"], uncounted(body)) == (6, [SATURDAY.isoformat(), SUNDAY.isoformat()])
    assert [day["number"] for day in body["days"]] == [1, 2, 3, 4, 5, None, None, 6]
    assert body["days"][5] == {
        "day": SATURDAY.isoformat(), "counts": False, "number": None, "note": "休息", "source": "manual", "fixed": False
    }  # fmt: skip
    ((action, after),) = await acts(town)
    assert (action, sorted(after)) == ("contest.calendar", [SATURDAY.isoformat(), SUNDAY.isoformat()])


async def test_what_is_already_so_is_said_again_without_a_trace(town: Town) -> None:
    await town.contest("市局")
    await put(town, (SATURDAY, False))
    assert (await put(town, (SATURDAY, False), (TODAY, True))).status_code == 200
    assert len(await acts(town)) == 1


async def test_a_day_that_has_begun_stays_as_it_is(town: Town, clock: SetClock) -> None:
    await town.contest("市局")
    refused = await put(town, (TODAY, False))
    assert (refused.status_code, refused.json()["code"]) == (409, "contest-day-fixed")
    assert refused.json()["first_changeable"] == (TODAY + DAY).isoformat()
    clock.at("23:59:59")
    assert (await put(town, (TODAY + DAY, False))).status_code == 200
    clock.at("00:00", TODAY + DAY)
    assert (await put(town, (TODAY + DAY, True))).status_code == 409


async def test_a_drafts_days_are_all_open(town: Town) -> None:
    await town.contest("市局", state=ContestState.DRAFT)
    assert (await put(town, (TODAY, False))).status_code == 200
    assert uncounted(await fetched(town, "管理员")) == [TODAY.isoformat()]


@pytest.mark.parametrize(
    ("days", "pointer"),
    [
        ([(TODAY - DAY, False)], "/days/0/day"),
        ([(SATURDAY, False), (TODAY + 60 * DAY, False)], "/days/1/day"),
        ([(SATURDAY, False), (SATURDAY, True)], "/days/1/day"),
    ],
)
async def test_days_that_cannot_be_set(town: Town, days: list[tuple[dt.date, bool]], pointer: str) -> None:
    await town.contest("市局")
    answer = await put(town, *days)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])


async def test_something_must_count(town: Town) -> None:
    await town.contest("市局", starts_on=SATURDAY, ends_on=SUNDAY)
    assert (await put(town, (SATURDAY, False), (SUNDAY, False))).status_code == 422
    assert (await fill(town)).status_code == 422
    assert uncounted(await fetched(town)) == []


async def test_two_who_take_the_last_days_out_at_once(town: Town) -> None:
    await town.contest("市局", starts_on=SATURDAY, ends_on=SUNDAY)
    answers = await asyncio.gather(put(town, (SATURDAY, False)), put(town, (SUNDAY, False)))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_holidays_are_proposed_then_taken_over(town: Town) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    proposal = (await fill(town, dry_run=True)).json()
    assert [day["day"] for day in proposal["filled"]] == [SATURDAY.isoformat(), SUNDAY.isoformat()]
    assert (proposal["dry_run"], uncounted(proposal), await acts(town)) == (True, [], [])
    filled = (await fill(town)).json()
    assert uncounted(filled) == [SATURDAY.isoformat(), SUNDAY.isoformat()]
    assert {day["source"] for day in filled["days"] if not day["counts"]} == {"weekend"}
    assert [action for action, _ in await acts(town)] == ["contest.calendar.fill"]
    assert (await fill(town)).json()["filled"] == filled["filled"]
    assert len(await acts(town)) == 1


async def test_filling_leaves_what_was_set_by_hand(town: Town) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    await put(town, (SATURDAY, True), (TODAY + DAY, False))
    assert uncounted((await fill(town)).json()) == [(TODAY + DAY).isoformat(), SUNDAY.isoformat()]


async def test_filling_leaves_days_that_have_begun(town: Town, clock: SetClock) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    clock.at("10:00", SATURDAY)
    assert uncounted((await fill(town)).json()) == [SUNDAY.isoformat()]


async def test_a_year_that_is_not_known_is_told_and_never_guessed(town: Town) -> None:
    await town.contest("市局", starts_on=dt.date(2026, 12, 30), ends_on=dt.date(2027, 1, 10))
    filled = (await fill(town)).json()
    assert uncounted(filled) == []
    assert filled["warnings"] == (await fetched(town))["warnings"]
    assert len(filled["warnings"]) == 1
    assert "2027年" in filled["warnings"][0]


def test_holidays_carry_their_names_and_moved_workdays_count() -> None:
    days = {wish.day: wish for wish in proposed(dt.date(2026, 9, 19), dt.date(2026, 10, 11)).days}
    assert days[dt.date(2026, 10, 1)] == (dt.date(2026, 10, 1), False, "国庆节", "holiday")
    assert days[dt.date(2026, 10, 10)] == (dt.date(2026, 10, 10), True, "调休上班", "workday")
    assert days[dt.date(2026, 9, 19)].source == "weekend" or days[dt.date(2026, 9, 19)].counts
    assert dt.date(2026, 9, 22) not in days


@pytest.mark.parametrize("who", ["联络员", "市局处长", "省厅处长"])
async def test_only_administrators_change_it(town: Town, who: str) -> None:
    await town.contest("市局")
    assert (await put(town, (SATURDAY, False), who=who)).status_code == 403


async def test_rows_of_days_outside_do_no_harm(town: Town) -> None:
    await town.contest("市局", ends_on=TODAY + 7 * DAY)
    async with town.services.database.sessions.begin() as session:
        row = {"note": None, "source": "manual"}
        session.add(ContestDay(contest_id=town.contest_id, day=TODAY + 30 * DAY, counts=False, **row))
    assert (await fetched(town))["counted_days"] == 8


def test_counted_days_are_numbered_and_found() -> None:
    calendar = Calendar(MONDAY, MONDAY + 13 * DAY, frozenset({SATURDAY, SUNDAY, MONDAY + 13 * DAY, MONDAY - DAY}))
    assert [calendar.number(day) for day in (MONDAY - DAY, MONDAY, SATURDAY, SUNDAY + DAY)] == [0, 1, 5, 6]
    assert calendar.number(MONDAY + 99 * DAY) == 11
    assert calendar.counts(MONDAY)
    assert not any(calendar.counts(day) for day in (MONDAY - DAY, SATURDAY, MONDAY + 14 * DAY))
    assert (calendar.previous(SUNDAY + DAY), calendar.previous(MONDAY)) == (SATURDAY - DAY, None)
    assert (calendar.following(SATURDAY - DAY), calendar.following(MONDAY + 12 * DAY)) == (SUNDAY + DAY, None)
