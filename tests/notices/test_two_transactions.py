"""A contest is planned in two transactions: either may fail, and neither waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from tests.notices.helpers import Groups

GROUPS = ("省厅", "市局", "梅江", "丰顺", "粤东市生态环境局", "城区")

REFUSED_AT_COMMIT = """
CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.audience_id = '{unit}' THEN RAISE 'refused'; END IF; RETURN NULL; END $$
"""
TRIGGER = (
    "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON notice DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION refused()"
)


@pytest.fixture
async def whole(province: Groups) -> Groups:
    """The province's contest, with a robot in every group."""
    for unit in ("粤东市生态环境局", "城区"):
        await province.channel(unit)
    return province


async def execute(groups: Groups, *statements: str) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


@pytest.mark.parametrize("unit", ["省厅", "市局", "粤东市生态环境局"])
async def test_what_one_transaction_lost_the_next_round_sends_and_nothing_twice(whole: Groups, unit: str) -> None:
    await execute(whole, REFUSED_AT_COMMIT.format(unit=whole.town.units[unit]), TRIGGER)
    try:
        assert (await whole.tick("12:00:10")).failed
        assert whole.robot.texts(unit) == []
    finally:
        await execute(whole, "DROP TRIGGER refused ON notice", "DROP FUNCTION refused")
    assert not (await whole.tick("12:00:40")).failed
    await whole.tick("12:01:10")
    assert {group: len(whole.robot.texts(group)) for group in GROUPS} == dict.fromkeys(GROUPS, 1)


async def test_a_round_that_waits_for_a_lock_gives_up_and_the_next_one_sends(whole: Groups) -> None:
    database = whole.town.services.database
    async with asyncio.timeout(120), database.sessions.begin() as another:
        await another.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
        planned = await asyncio.create_task(whole.tick("12:00:10", dry_run=True))
    assert planned.failed
    await whole.tick("12:00:40")
    assert {group: len(whole.robot.texts(group)) for group in GROUPS} == dict.fromkeys(GROUPS, 1)
