"""The small bureau with robots on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contests.models import ContestState
from app.core.settings import Settings
from app.roster.models import UnitKind
from tests.notices.helpers import Groups
from tests.notices.private import People
from tests.notices.robot import Robot
from tests.people import Town
from tests.times import SECRET


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        data_dir=tmp_path,
        secret_key=SECRET,
        scheduler=False,
        pool_size=8,
        outbound_allow="127.0.0.1, nothing.invalid",
        allow_time_travel=True,
    )


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as server:
        yield server


@pytest.fixture
async def groups(town: Town, robot: Robot) -> Groups:
    """A contest that began today, and a robot in the group of 市局, 梅江 and 丰顺; 五华 has none (and nobody)."""
    await town.contest("市局")
    held = Groups(town, robot)
    for unit in ("市局", "梅江", "丰顺"):
        await held.channel(unit)
    return held


@pytest.fixture
async def people(groups: Groups) -> People:
    """丰顺 has a liaison officer and a leader with accounts, 市局 a channel for private messages."""
    town = groups.town
    await town.officer("丰顺联络员", "丰顺", roles=["liaison"], takes_part=False, wecom_userid="fs-lxy")
    await town.officer("丰顺主任", "丰顺", roles=["leader"], takes_part=False, wecom_userid="fs-zr")
    held = People(groups)
    await held.channel("市局")
    return held


@pytest.fixture
async def province(groups: Groups) -> Groups:
    """A contest of 省厅 over 市局 and 邻市局, and a robot in the province's group."""
    await groups.set_contest(state=ContestState.DRAFT)
    await groups.town.unit("粤东市生态环境局", UnitKind.BUREAU, "省厅")
    await groups.town.unit("城区", UnitKind.BRANCH, "粤东市生态环境局")
    await groups.town.officers_in("城区", 2)
    await groups.town.officer("省厅一", "省厅")
    await groups.town.contest("省厅")
    await groups.channel("省厅")
    return groups
