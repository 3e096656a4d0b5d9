"""Slots of days that the calendar does not count, and what the notices after them number and compare."""

from __future__ import annotations

import datetime as dt

import pytest

from app.contests.models import ContestDay
from tests.notices.helpers import Groups
from tests.participation.rows import play
from tests.times import TODAY, SetClock

DAY = dt.timedelta(days=1)
FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY = TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY, TODAY, TODAY + DAY


@pytest.fixture
async def weekend(groups: Groups) -> Groups:
    """A contest from Friday on whose weekend does not count."""
    await groups.set_contest(starts_on=FRIDAY, ends_on=TODAY + 10 * DAY)
    async with groups.town.services.database.sessions.begin() as session:
        for day in (SATURDAY, SUNDAY):
            held = {"counts": False, "note": "周末", "source": "weekend"}
            session.add(ContestDay(contest_id=groups.town.contest_id, day=day, **held))
    return groups


async def test_slots_of_an_uncounted_day_are_skipped_with_the_reason(weekend: Groups) -> None:
    await play(weekend.town, "梅江001", day=SATURDAY)
    for time in ("08:00:10", "12:00:10", "18:00:10", "22:00:10"):
        await weekend.tick(time, SATURDAY)
    await weekend.tick("08:00:10", SUNDAY)
    found = [one for one in await weekend.notices() if one[1] == "市局"]
    assert [(slot, state, reason) for slot, _, state, reason in found if state == "skipped"] == [
        ("12:00", "skipped", "day-not-counted"),
        ("18:00", "skipped", "day-not-counted"),
        ("22:00", "skipped", "day-not-counted"),
        ("08:00", "skipped", "day-not-counted"),
    ]
    assert len(weekend.robot.texts("市局")) == 1


async def test_slots_missed_on_an_uncounted_day_say_so_too(weekend: Groups) -> None:
    await weekend.tick("18:00:10", SATURDAY)
    reasons = {(slot, reason) for slot, unit, _, reason in await weekend.notices() if unit == "梅江"}
    assert {("12:00", "day-not-counted"), ("18:00", "day-not-counted")} <= reasons


async def test_the_final_before_a_weekend_tells_when_it_goes_on(weekend: Groups) -> None:
    await play(weekend.town, "梅江001", day=FRIDAY)
    await weekend.tick("08:00:10", SATURDAY)
    (text,) = weekend.robot.texts("市局")
    assert "（第1期）" in text
    assert "第2日竞赛将于11月23日6:00开始（此前各日不计入竞赛），当日24:00截止。" in text


async def test_after_a_weekend_days_are_numbered_and_compared_without_it(weekend: Groups) -> None:
    await play(weekend.town, "梅江001", day=FRIDAY)
    for name in ("丰顺001", "丰顺002"):
        await play(weekend.town, name, day=SUNDAY)
        await play(weekend.town, name, day=MONDAY, opened="09:00")
    await weekend.tick("12:00:10", MONDAY)
    text = weekend.robot.texts("市局")[-1]
    assert "第2日进度（12:00）" in text
    assert "完成人数比上一竞赛日同时段多1人" in text
    await weekend.tick("08:00:10", TUESDAY)
    assert "（第2期）" in weekend.robot.texts("市局")[-1]
    assert "列第1位，较前一竞赛日上升1位" in weekend.robot.texts("丰顺")[-1]


async def test_a_last_counted_day_ends_the_contest(weekend: Groups) -> None:
    await weekend.set_contest(ends_on=SUNDAY)
    await play(weekend.town, "梅江001", day=FRIDAY)
    await weekend.tick("08:00:10", SATURDAY)
    assert "本次竞赛已全部结束" in weekend.robot.texts("市局")[-1]


async def test_a_preview_of_an_uncounted_day_says_why_nothing_is_said(weekend: Groups, clock: SetClock) -> None:
    clock.at("11:00", SATURDAY)
    audience = {"kind": "bureau", "id": str(weekend.town.units["市局"])}
    async with weekend.town.as_("管理员") as admin:
        body = {"slot": "12:00", "day": SATURDAY.isoformat(), "audience": audience}
        answer = (await admin.post("/notices/preview", json=body)).json()
    assert (answer["state"], answer["reason"], answer["body"]) == ("skipped", "day-not-counted", None)
