"""The clock: the database's instant, written in the contest's zone."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import Clock, at, local, local_day, wire
from app.core.wiring import Services
from tests.times import instant

INSTANTS = st.integers(725_846_400, 4_102_444_800).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))
"""Whole seconds from 1993, when China's last summer time was over, to 2100."""


def test_the_wire_carries_the_contests_offset() -> None:
    assert wire(dt.datetime(2026, 11, 22, 4, 0, tzinfo=dt.UTC)) == "2026-11-22T12:00:00+08:00"


def test_a_day_turns_at_midnight_in_shanghai() -> None:
    midnight = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)
    assert local_day(midnight) == dt.date(2026, 11, 23)
    assert local_day(midnight - dt.timedelta(microseconds=1)) == dt.date(2026, 11, 22)


@given(INSTANTS)
def test_the_wire_loses_nothing(one: dt.datetime) -> None:
    assert dt.datetime.fromisoformat(wire(one)) == local(one) == one


@given(INSTANTS)
def test_a_wall_clock_time_is_found_again(one: dt.datetime) -> None:
    assert at(local_day(one), local(one).time()) == one


async def test_the_database_tells_the_time(services: Services) -> None:
    clock = Clock()
    async with services.database.reads() as session:
        first, second = await clock.now(session), await clock.now(session)
    assert first < second
    assert first.utcoffset() == dt.timedelta()
    assert clock.override() is None


async def test_a_set_clock_is_believed(services: Services) -> None:
    async with services.database.reads() as session:
        assert await services.clock.now(session) == services.clock.override() == instant("09:00")
