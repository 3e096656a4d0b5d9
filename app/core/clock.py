"""The one place that reads a clock: the database's, so that every process agrees on deadlines."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

ZONE = ZoneInfo("Asia/Shanghai")
"""Every contest's zone: China has one."""


def local(instant: dt.datetime) -> dt.datetime:
    """Return the same instant in the contest's zone."""
    return instant.astimezone(ZONE)


def local_day(instant: dt.datetime) -> dt.date:
    """Return the calendar day of `instant` in the contest's zone."""
    return instant.astimezone(ZONE).date()


@lru_cache(maxsize=1 << 15)  # those who watch or poll are told the same instants again and again
def wire(instant: dt.datetime) -> str:
    """Return `instant` as RFC 3339 with the contest's offset, as the API writes times."""
    return instant.astimezone(ZONE).isoformat()


def at(day: dt.date, clock_time: dt.time) -> dt.datetime:
    """Return the instant of a wall-clock time on a day in the contest's zone."""
    return dt.datetime.combine(day, clock_time, tzinfo=ZONE)


def host_now() -> dt.datetime:
    """Return this machine's clock, UTC; for log lines and file names only, never for a deadline."""
    return dt.datetime.now(dt.UTC)


def host_milliseconds() -> int:
    """Return this machine's clock in milliseconds since 1970; only to order identifiers roughly."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Clock:
    """Gives the one instant of an operation: the database's clock, unless a test or simulation sets it."""

    fixed: Callable[[], dt.datetime] | None = None

    def override(self) -> dt.datetime | None:
        """Return the set instant, or None where the database's clock decides."""
        return self.fixed() if self.fixed else None

    async def now(self, connection: AsyncSession | AsyncConnection) -> dt.datetime:
        """Return the instant of this operation (aware, UTC)."""
        if self.fixed:
            return self.fixed()
        row = await connection.execute(text("SELECT clock_timestamp()"))
        instant: dt.datetime = row.scalar_one()
        return instant
