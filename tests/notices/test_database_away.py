"""PostgreSQL is stopped at 8:00 and started again: a process that lived through it sends the slot, once (case 9)."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.clock import Clock
from app.core.embedded import EmbeddedServer, start_or_join
from app.core.settings import Settings
from app.main import create_app
from tests.notices.helpers import TOMORROW, Groups
from tests.notices.robot import Robot
from tests.notices.rounds import nursery
from tests.people import small_bureau
from tests.schema import build_schema
from tests.times import SECRET, SetClock, instant

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that a database of another account can reach."""
    made = Path(tempfile.mkdtemp(prefix="lba-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def started(folder: Path) -> EmbeddedServer:
    return start_or_join(folder / "data", extra_settings=QUICK)


async def test_a_database_stopped_at_eight_is_made_good_once_by_the_same_process(
    folder: Path, robot: Robot, clock: SetClock
) -> None:
    database = await asyncio.to_thread(started, folder)
    try:
        url = database.dsn
        await build_schema(url)
        app = create_app(
            Settings(database_url=url, data_dir=folder, secret_key=SECRET, scheduler=False),
            clock=Clock(lambda: clock.now),
        )
        async with app.router.lifespan_context(app), nursery(url, folder / "log") as processes:
            groups = Groups(await small_bureau(app), robot)
            await groups.town.contest("市局")
            await groups.channel("丰顺")
            process = await processes.start()
            assert await process.at(instant("07:50", TOMORROW)) != ""
            robot.accepted.clear()  # what was due yesterday
            await asyncio.to_thread(database.close)
            for time in ("08:00:10", "08:00:40"):
                assert (await process.at(instant(time, TOMORROW))).startswith("failed")
            database = await asyncio.to_thread(started, folder)
            for time in ("08:20", "08:20:30"):
                assert (await process.at(instant(time, TOMORROW))).startswith("done")
            assert await process.end() == "ended"
            (text,) = robot.texts("丰顺")
            assert "补发，统计截至2026年11月23日24:00" in text
            assert [one.attempts for one in await groups.deliveries("丰顺")] == [1]
    finally:
        await asyncio.to_thread(database.close)
