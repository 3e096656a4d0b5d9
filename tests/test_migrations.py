"""A database with a contest in it is brought to the newest schema, and everything in it still adds up."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from app.commands.place import ROOT
from app.contests.models import Contest
from app.core.clock import Clock
from app.core.settings import Settings
from app.integrity.service import verify
from app.main import create_app
from app.participation.service import freeze_finished_days
from tests.matches.conftest import Hall
from tests.people import Town, small_bureau
from tests.questions import add_questions, right, wrong
from tests.times import TODAY, SetClock

TOMORROW = TODAY + dt.timedelta(days=1)
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'officer_day'"


async def to_revision(settings: Settings, revision: str) -> set[str]:
    """Move the schema; return the columns of an officer's day."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", str(settings.database_url).replace("%", "%%"))
    move = command.upgrade if revision == "head" else command.downgrade
    await asyncio.to_thread(move, config, revision)
    connection = await asyncpg.connect(str(settings.database_url))
    try:
        return {row["column_name"] for row in await connection.fetch(COLUMNS)}
    finally:
        await connection.close()


@asynccontextmanager
async def hall(settings: Settings, clock: SetClock, town: Town | None = None) -> AsyncIterator[Hall]:
    """The small bureau in an application of its own."""
    app = create_app(settings, clock=Clock(lambda: clock.now))
    async with app.router.lifespan_context(app):
        held = town or await small_bureau(app)
        held.app = app
        yield Hall(held, clock)


async def answer(hall: Hall, name: str, count: int) -> dict[str, object]:
    """Answer so many questions of the quiz, every third wrong; the Attempt."""
    attempt = (await hall.call(name, "POST", "/daily-quiz/today/attempt")).json()
    for question in attempt["questions"][:count]:
        chosen = right(question) if question["position"] % 3 else wrong(question)
        path = f"/daily-quiz/attempts/{attempt['id']}/answers/{question['position']}"
        (await hall.call(name, "PUT", path, json={"option_ids": chosen})).raise_for_status()
    held: dict[str, object] = (await hall.call(name, "GET", f"/daily-quiz/attempts/{attempt['id']}")).json()
    return held


async def quizzes_only(settings: Settings, clock: SetClock) -> tuple[Town, dict[str, object]]:
    """A finished and frozen day and the next one, half-way, as a version without matches leaves them at 0001."""
    async with hall(settings, clock) as place:
        await add_questions(place.town.services)
        await place.town.contest("市局")
        await answer(place, "梅江001", 10)
        await answer(place, "丰顺001", 4)
        clock.at("09:00", TOMORROW)
        async with place.town.services.database.sessions.begin() as session:
            contest = await session.get_one(Contest, place.town.contest_id)
            assert await freeze_finished_days(session, contest, now=clock.now) == [TODAY]
        attempt = await answer(place, "梅江001", 3)
    assert "match_points" not in await to_revision(settings, "0001")
    return place.town, attempt


async def test_a_contest_without_matches_goes_on_as_it_was(settings: Settings, clock: SetClock) -> None:
    town, attempt = await quizzes_only(settings, clock)
    assert {"match_points", "matches_countable"} <= await to_revision(settings, "head")
    async with hall(settings, clock, town) as place:
        async with town.services.database.sessions() as session:
            found = await verify(session)
        assert (found.discrepancies, found.answers, found.officer_days, found.frozen_days) == ([], 17, 3, 1)
        held = (await place.call("梅江001", "GET", f"/daily-quiz/attempts/{attempt['id']}")).json()
        assert held == attempt
        await answer(place, "梅江001", 10)
        part = (await place.call("梅江001", "GET", "/participation/me")).json()
        assert (part["done"], part["matches"]) == (True, {"counted": 0, "required": 0, "points": 0})
        await place.play(await place.pair(), {"梅江001": [True] * 5, "丰顺001": [True] * 5})
        assert (await place.call("梅江001", "GET", "/participation/me")).json() == part


async def test_matches_count_from_the_day_on_which_the_rules_say_so(settings: Settings, clock: SetClock) -> None:
    town, _ = await quizzes_only(settings, clock)
    await to_revision(settings, "head")
    async with hall(settings, clock, town) as place:
        rules = {"matches": {"counted_per_day": 2, "required_per_day": 1}}
        await place.call("管理员", "PATCH", f"/contests/{town.contest_id}", json={"rules": rules})
        await answer(place, "梅江001", 10)
        for day, done in ((TOMORROW, True), (TOMORROW + dt.timedelta(days=1), False)):
            clock.at("10:00", day)
            await answer(place, "梅江001", 10)
            assert (await place.call("梅江001", "GET", "/participation/me")).json()["done"] is done
        await place.play(await place.pair(), {"梅江001": [True] * 5, "丰顺001": [True] * 5})
        assert (await place.call("梅江001", "GET", "/participation/me")).json()["done"]
        async with town.services.database.sessions() as session:
            assert (await verify(session)).sound


async def test_going_back_leaves_the_quizzes(settings: Settings, clock: SetClock) -> None:
    async with hall(settings, clock) as place:
        await add_questions(place.town.services)
        await place.town.contest("市局", rules={"matches": {"counted_per_day": 2, "required_per_day": 1}})
        attempt = await answer(place, "梅江001", 10)
        await place.play(await place.pair(), {"梅江001": [True] * 5, "丰顺001": [True] * 5})
        await place.play((await place.ask("梅江002", "relay"))["match_id"], {"梅江002": [True] * 5})
    await to_revision(settings, "0001")
    await to_revision(settings, "head")
    async with hall(settings, clock, place.town) as place:
        assert (await place.call("梅江001", "GET", f"/daily-quiz/attempts/{attempt['id']}")).json() == attempt
        async with place.town.services.database.reads() as session:
            kinds = (await session.execute(text("SELECT kind, count(*) FROM paper GROUP BY kind"))).all()
            assert [tuple(row) for row in kinds] == [("quiz", 1)]
            assert await session.scalar(text("SELECT count(*) FROM answer")) == 10


async def test_matches_that_were_played_before_still_add_up(settings: Settings, clock: SetClock) -> None:
    async with hall(settings, clock) as place:
        await add_questions(place.town.services)
        await place.town.contest("市局", rules={"matches": {"counted_per_day": 2, "required_per_day": 1}})
        await place.play(await place.pair(), {"梅江001": [True, False, None, True, True], "丰顺001": [True] * 5})
        await place.pair("梅江002", "丰顺002")
    await to_revision(settings, "0002")
    await to_revision(settings, "head")
    async with hall(settings, clock, place.town) as place, place.town.services.database.sessions() as session:
        told = (await session.execute(text("SELECT answered_at IS NULL FROM match_run ORDER BY started_at"))).all()
        assert [row[0] for row in told] == [False, True]
        assert (await verify(session)).sound
