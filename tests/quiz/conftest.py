"""A contest day in the small bureau, with a bank to draw from."""

from __future__ import annotations

import pytest

from tests.people import Town
from tests.questions import add_questions


@pytest.fixture
async def contest(town: Town) -> Town:
    """The small bureau on the first day of its contest, 9:00."""
    await add_questions(town.services)
    await town.contest("市局")
    return town
