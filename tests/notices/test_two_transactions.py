"""A contest is planned in two transactions: either may fail, and neither waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from app.contests.models import ContestState
from app.roster.models import UnitKind
from tests.notices.helpers import Groups

GROUPS = ("省厅", "市局", "梅江", "丰顺", "邻市", "城区")

REFUSED_AT_COMMIT = """
CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.audience_id = '{unit}' THEN RAISE 'refused'; END IF; RETURN NULL; END $$
"""
TRIGGER = (
    "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON notice DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION refused()"
)


@pytest.fixture
async def province(groups: Groups) -> Groups:
    """A contest of 省厅 over 市局 and 邻市, each with a robot in every group."""
    await groups.set_contest(state=ContestState.DRAFT)
    await groups.town.unit("邻市", UnitKind.BUREAU, "省厅")
    await groups.town.unit("城区", UnitKind.BRANCH, "邻市")
    await groups.town.officers_in("城区", 2)
    await groups.town.officer("省厅一", "省厅")
    await groups.town.contest("省厅")
    for unit in ("省厅", "邻市", "城区"):
        await groups.channel(unit)
    return groups


async def execute(groups: Groups, *statements: str) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


@pytest.mark.parametrize("unit", ["省厅", "市局", "邻市"])
async def test_what_one_transaction_lost_the_next_round_sends_and_nothing_twice(province: Groups, unit: str) -> None:
    await execute(province, REFUSED_AT_COMMIT.format(unit=province.town.units[unit]), TRIGGER)
    try:
        assert (await province.tick("12:00:10")).failed
        assert province.robot.texts(unit) == []
    finally:
        await execute(province, "DROP TRIGGER refused ON notice", "DROP FUNCTION refused")
    assert not (await province.tick("12:00:40")).failed
    await province.tick("12:01:10")
    assert {group: len(province.robot.texts(group)) for group in GROUPS} == dict.fromkeys(GROUPS, 1)


async def test_a_round_that_waits_for_a_lock_gives_up_and_the_next_one_sends(province: Groups) -> None:
    database = province.town.services.database
    async with asyncio.timeout(120), database.sessions.begin() as another:
        await another.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
        planned = await asyncio.create_task(province.tick("12:00:10", dry_run=True))
    assert planned.failed
    await province.tick("12:00:40")
    assert {group: len(province.robot.texts(group)) for group in GROUPS} == dict.fromkeys(GROUPS, 1)
