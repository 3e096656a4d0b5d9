"""Which contest a unit is in on a day, and with which rules."""

from __future__ import annotations

import datetime as dt

import pytest

from app.contests.models import ContestRules, ContestState
from app.contests.queries import contest_of_unit, latest_contest_of_unit, rules_on
from app.contests.rules import PlayRules, merged
from tests.times import TODAY, instant

WEEK = dt.timedelta(days=7)


async def found(services, query, path, day) -> str | None:
    async with services.database.reads() as session:
        running = await query(session, path, day)
    return running.contest.name if running else None


@pytest.mark.parametrize(
    ("day", "running", "latest"),
    [
        (TODAY - dt.timedelta(days=1), None, None),
        (TODAY, "春赛", "春赛"),
        (TODAY + WEEK, "春赛", "春赛"),
        (TODAY + WEEK + dt.timedelta(days=1), None, "春赛"),
        (TODAY + 2 * WEEK, "秋赛", "秋赛"),
        (TODAY + 4 * WEEK, None, "秋赛"),
    ],
)
async def test_a_unit_is_in_the_contest_that_covers_it(town, services, day, running, latest):
    await town.contest("市局", name="春赛", ends_on=TODAY + WEEK)
    await town.contest(
        "省厅", name="秋赛", starts_on=TODAY + 2 * WEEK, ends_on=TODAY + 3 * WEEK, state=ContestState.PAUSED
    )
    await town.contest("梅江", name="草稿", state=ContestState.DRAFT)
    await town.contest("丰顺", name="别处")
    path = [town.units[name] for name in ("省厅", "市局", "梅江")]
    assert await found(services, contest_of_unit, path, day) == running
    assert await found(services, latest_contest_of_unit, path, day) == latest


async def test_the_rules_of_a_day_are_the_newest_version_by_then(town, services):
    contest = await town.contest("市局")
    async with services.database.sessions.begin() as session:
        rules = merged(PlayRules(), {"daily_quiz": {"single": 9}}).model_dump(mode="json")
        session.add(ContestRules(contest_id=contest, from_day=TODAY + WEEK, rules=rules, created_at=instant("09:00")))
    days = [TODAY - WEEK, TODAY, TODAY + WEEK, TODAY + 2 * WEEK]
    async with services.database.reads() as session:
        counts = [(await rules_on(session, contest, day)).daily_quiz.single for day in days]
        running = await contest_of_unit(session, [town.units["市局"]], TODAY + WEEK)
    assert counts == [4, 4, 9, 9]
    assert running is not None
    assert running.rules.daily_quiz.single == 9
