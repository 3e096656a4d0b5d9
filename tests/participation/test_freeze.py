"""Finished days become final: once, by one process, and not while an answer may still land."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import asyncpg
import pytest
from sqlalchemy import func, select

from app.contests.models import Contest, ContestState
from app.core.database import ANSWERS, plain_url
from app.participation.models import FrozenDay, UnitDay
from app.participation.queries import figures_frozen
from app.participation.rules import Figures
from app.participation.service import answers_open, freeze_finished_days
from tests.participation.rows import YESTERDAY, exempt, play
from tests.times import TODAY, instant

if TYPE_CHECKING:
    import uuid

    from app.core.settings import Settings
    from tests.people import Town

DAY = dt.timedelta(days=1)
TOMORROW = TODAY + DAY
FAR = dt.date(2090, 1, 2)  # ahead of the machine's clock, whatever the tests' clock says


async def freeze(town: Town, clock_time: str, day: dt.date) -> list[dt.date]:
    async with town.services.database.sessions.begin() as session:
        contest = await session.get_one(Contest, town.contest_id)
        return await freeze_finished_days(session, contest, now=instant(clock_time, day))


async def frozen_figures(town: Town) -> dict[uuid.UUID, Figures]:
    assert town.contest_id is not None
    async with town.services.database.reads() as session:
        return await figures_frozen(session, town.contest_id, TODAY)


@pytest.fixture
async def began_today(town: Town) -> Town:
    await town.contest("市局", starts_on=TODAY, ends_on=TOMORROW)
    await play(town, "梅江001", correct=8)
    await play(town, "梅江002", answered=4, correct=3)
    await exempt(town, "丰顺001")
    return town


async def test_a_day_is_frozen_ten_seconds_after_it_closed(began_today: Town) -> None:
    assert await freeze(began_today, "00:00:09.999", TOMORROW) == []
    assert await freeze(began_today, "00:00:10", TOMORROW) == [TODAY]


async def test_frozen_figures_are_those_of_the_closing(began_today: Town) -> None:
    await freeze(began_today, "00:00:10", TOMORROW)
    async with began_today.services.database.reads() as session:
        frozen = await session.get_one(FrozenDay, (began_today.contest_id, TODAY))
    assert await frozen_figures(began_today) == {
        began_today.units["梅江"]: Figures(
            enrolled=3, participated=2, quiz_finished=1, done=1, in_progress=1, answered=14, correct=11
        ),
        began_today.units["丰顺"]: Figures(enrolled=2, exempt=1),
    }
    assert (frozen.cutoff_at, frozen.frozen_at) == (instant("00:00", TOMORROW), instant("00:00:10", TOMORROW))


async def test_freezing_again_changes_nothing(began_today: Town) -> None:
    await freeze(began_today, "00:01", TOMORROW)
    await play(began_today, "丰顺002")
    assert await freeze(began_today, "00:02", TOMORROW) == []
    assert (await frozen_figures(began_today))[began_today.units["丰顺"]].done == 0


async def test_every_missed_day_is_frozen_but_none_outside_of_the_contest(began_today: Town) -> None:
    assert await freeze(began_today, "09:00", TODAY + 5 * DAY) == [TODAY, TOMORROW]
    assert await freeze(began_today, "09:00", YESTERDAY) == []


async def test_a_draft_has_no_days(town: Town) -> None:
    await town.contest("市局", starts_on=YESTERDAY, state=ContestState.DRAFT)
    assert await freeze(town, "09:00", TODAY) == []


async def test_a_day_that_closes_early_is_frozen_when_the_calendar_day_is_over(town: Town) -> None:
    await town.contest("市局", rules={"day_closes_at": "22:00"})
    assert await freeze(town, "23:59", TODAY) == []
    assert await freeze(town, "00:00:10", TOMORROW) == [TODAY]
    async with town.services.database.reads() as session:
        assert (await session.get_one(FrozenDay, (town.contest_id, TODAY))).cutoff_at == instant("22:00")


async def test_two_processes_freeze_a_day_once(began_today: Town) -> None:
    both = await asyncio.gather(*(freeze(began_today, "00:01", TOMORROW) for _ in range(2)))
    assert sorted(both) == [[], [TODAY]]
    async with began_today.services.database.reads() as session:
        assert await session.scalar(select(func.count()).select_from(UnitDay)) == 2


async def answering(settings: Settings, name: str) -> asyncpg.Connection:
    assert settings.database_url is not None
    return await asyncpg.connect(plain_url(settings.database_url), server_settings={"application_name": name})


async def test_an_open_answer_transaction_holds_the_freeze_back(town: Town, settings: Settings) -> None:
    await town.contest("市局", starts_on=FAR)
    writer = await answering(settings, ANSWERS)
    async with writer.transaction():
        await writer.execute("SELECT 1")
        assert await freeze(town, "09:00", FAR + DAY) == []
    assert await freeze(town, "09:00", FAR + DAY) == [FAR]
    await writer.close()


async def test_a_transaction_of_another_kind_does_not(town: Town, settings: Settings) -> None:
    await town.contest("市局", starts_on=FAR)
    reader = await answering(settings, "psql")
    async with reader.transaction():
        await reader.execute("SELECT 1")
        assert await freeze(town, "09:00", FAR + DAY) == [FAR]
    await reader.close()


async def test_open_answers_are_looked_for_anew_within_one_transaction(town: Town, settings: Settings) -> None:
    writer = await answering(settings, ANSWERS)
    async with town.services.database.sessions.begin() as session:
        assert not await answers_open(session, instant("00:00", FAR))
        async with writer.transaction():
            await writer.execute("SELECT 1")
            assert await answers_open(session, instant("00:00", FAR))
            assert not await answers_open(session, instant("00:00", dt.date(2020, 1, 1)))
    await writer.close()
