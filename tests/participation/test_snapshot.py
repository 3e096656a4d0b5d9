"""The board of a process: one reading for many, rest after a slow one, and nothing kept that may have changed."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, update

from app.contests.models import Contest
from app.core.clock import Clock, host_now, local_day
from app.main import create_app
from app.papers.rules import NoContest
from app.participation.models import FrozenDay, UnitDay
from app.participation.rules import Span
from app.participation.service import freeze_finished_days
from app.participation.snapshot import Board, Snapshots
from app.roster.models import Assignment, UnitKind
from tests.participation.rows import YESTERDAY, play
from tests.times import TODAY, SetClock, instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.settings import Settings
    from tests.people import Town

LONG = 3600.0
DAY = dt.timedelta(days=1)


class Statements(list[str]):
    """What the database was asked."""

    @property
    def live(self) -> int:
        return sum("officer_day" in statement for statement in self)

    @property
    def recounted(self) -> int:
        return sum("FROM answer" in statement for statement in self)


@pytest.fixture
def asked(town: Town) -> Iterator[Statements]:
    statements = Statements()
    engine = town.services.database.engine.sync_engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def board(town: Town, snapshots: Snapshots, unit: str = "市局") -> Board:
    path = [town.units[name] for name in ("省厅", "市局") if name != unit]
    return (await snapshots.of_unit(town.services, [*path, town.units[unit]]))[0]


async def done(board: Board, town: Town, first: dt.date = TODAY, last: dt.date = TODAY) -> int:
    return (await board.figures(Span(first, last)))[town.units["市局"]].done


async def test_many_waiters_share_one_reading(contest: Town, asked: Statements) -> None:
    snapshots = Snapshots(max_age=LONG)
    boards = await asyncio.gather(*(board(contest, snapshots) for _ in range(50)))
    assert len({id(found) for found in boards}) == 1
    assert asked.live == 1


async def test_while_a_board_is_fresh_nothing_is_asked(contest: Town, asked: Statements) -> None:
    snapshots = Snapshots(max_age=LONG)
    await board(contest, snapshots)
    asked.clear()
    await board(contest, snapshots)
    assert asked == []


async def test_units_of_one_contest_share_a_board(contest: Town, asked: Statements) -> None:
    snapshots = Snapshots(max_age=LONG)
    assert await board(contest, snapshots, "梅江") is await board(contest, snapshots, "丰顺")
    assert asked.live == 1


async def test_a_board_past_its_age_is_read_again(contest: Town) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=0)
    assert await done(await board(contest, snapshots), contest) == 1
    await play(contest, "丰顺001")
    assert await done(await board(contest, snapshots), contest) == 2


async def test_after_a_slow_reading_it_rests(contest: Town) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=1e6)
    assert await board(contest, snapshots) is await board(contest, snapshots)


async def test_no_board_outlives_its_day(contest: Town, clock: SetClock) -> None:
    snapshots = Snapshots(max_age=LONG)
    clock.now = instant("00:00", TODAY + DAY) - dt.timedelta(microseconds=1)
    assert (await board(contest, snapshots)).counted.last == TODAY
    clock.at("00:00", TODAY + DAY)
    await asyncio.sleep(0.001)
    assert (await board(contest, snapshots)).counted.last == TODAY + DAY


async def test_a_waiter_that_goes_away_does_not_stop_the_reading(contest: Town) -> None:
    snapshots = Snapshots(max_age=LONG)
    first = asyncio.create_task(board(contest, snapshots))
    second = asyncio.create_task(board(contest, snapshots))
    await asyncio.sleep(0)
    first.cancel()
    assert await done(await second, contest) == 1


async def test_after_a_failed_reading_the_next_request_reads_again(town: Town) -> None:
    snapshots = Snapshots(max_age=LONG)
    broken = replace(town.services, clock=Clock(lambda: instant("25:00")))
    with pytest.raises(ValueError, match="hour"):
        await snapshots.of_unit(broken, [town.units["市局"]])
    with pytest.raises(NoContest):
        await snapshots.of_unit(town.services, [town.units["市局"]])


async def test_a_recounted_day_is_not_recounted_until_frozen(contest: Town, asked: Statements) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=0)
    await board(contest, snapshots)
    assert asked.recounted == 2
    asked.clear()
    await board(contest, snapshots)
    assert (asked.recounted, asked.live) == (0, 1)


async def test_a_day_that_has_just_closed_is_recounted_until_it_is_settled(
    contest: Town, clock: SetClock, asked: Statements
) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=0)
    clock.at("00:00:05", TODAY + DAY)
    await board(contest, snapshots)
    asked.clear()
    await board(contest, snapshots)
    assert asked.recounted == 1


async def test_frozen_figures_replace_recounted_ones_and_are_read_once(contest: Town, asked: Statements) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=0)
    assert await done(await board(contest, snapshots), contest, YESTERDAY) == 1
    async with contest.services.database.sessions.begin() as session:
        found = await session.get_one(Contest, contest.contest_id)
        assert await freeze_finished_days(session, found, now=instant("12:00")) == [YESTERDAY - DAY, YESTERDAY]
        await session.execute(update(UnitDay).where(UnitDay.day == YESTERDAY).values(done=2))
    assert await done(await board(contest, snapshots), contest, YESTERDAY) == 5
    asked.clear()
    assert await done(await board(contest, snapshots), contest, YESTERDAY) == 5
    assert not any("unit_day" in statement for statement in asked)


async def test_a_frozen_day_written_anew_is_read_again(contest: Town) -> None:
    snapshots = Snapshots(max_age=1e-9, rest=0)
    async with contest.services.database.sessions.begin() as session:
        await freeze_finished_days(session, await session.get_one(Contest, contest.contest_id), now=instant("12:00"))
    assert await done(await board(contest, snapshots), contest, YESTERDAY, YESTERDAY) == 0
    async with contest.services.database.sessions.begin() as session:
        await session.execute(update(UnitDay).where(UnitDay.day == YESTERDAY).values(done=1))
        await session.execute(update(FrozenDay).values(frozen_at=instant("12:30")))
    assert await done(await board(contest, snapshots), contest, YESTERDAY, YESTERDAY) == 2


async def test_a_ranking_is_made_once_for_all_who_ask(contest: Town) -> None:
    found = await board(contest, Snapshots(max_age=LONG))
    bureau = found.units[contest.units["市局"]]
    asks = (found.ranking(bureau, UnitKind.BRANCH, found.counted) for _ in range(20))
    assert len({id(ranking.body) for ranking in await asyncio.gather(*asks)}) == 1


async def test_by_the_databases_clock_boards_are_held_and_by_a_set_one_they_are_not(
    contest: Town, settings: Settings
) -> None:
    real = create_app(settings)
    today = local_day(host_now())
    async with contest.services.database.sessions.begin() as session:
        await session.execute(update(Contest).values(starts_on=today, ends_on=today + 9 * DAY))
        await session.execute(update(Assignment).values(from_day=today - DAY))
    async with real.router.lifespan_context(real), replace(contest, app=real).as_("梅江001") as me:
        assert (await me.get("/rankings/branches")).status_code == 200
        held = real.state.snapshots
        await me.get("/rankings/branches")
        assert held is real.state.snapshots
        assert held._max_age == 1
    async with contest.as_("梅江001") as me:
        await me.get("/rankings/branches")
    assert contest.app.state.snapshots._max_age == 0
