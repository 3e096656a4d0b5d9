"""The small bureau in the third day of its contest, at noon: one done, one in progress, one not started, two idle."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tests.participation.rows import play
from tests.times import TODAY

if TYPE_CHECKING:
    from tests.people import Town
    from tests.times import SetClock


@pytest.fixture
async def contest(town: Town, clock: SetClock) -> Town:
    """省厅 > 市局 > 梅江 (梅江001 done with 8 right, 梅江002 at 4 of 10, 联络员 idle), 丰顺 (two idle), 五华 (nobody)."""
    await town.contest("市局", starts_on=TODAY - dt.timedelta(days=2))
    await play(town, "梅江001", correct=8)
    await play(town, "梅江002", answered=4, correct=3)
    clock.at("12:00")
    return town
