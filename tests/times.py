"""The tests' day and a clock that they move by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from app.core.clock import ZONE

SECRET = "0123456789abcdef0123456789abcdef"
TODAY = dt.date(2026, 11, 23)


def instant(text: str, day: dt.date = TODAY) -> dt.datetime:
    """`12:30` (or `12:30:00.5`) on `day`, Shanghai."""
    return dt.datetime.combine(day, dt.time.fromisoformat(text), tzinfo=ZONE)


@dataclass
class SetClock:
    """A clock that the test moves by hand."""

    now: dt.datetime = field(default_factory=lambda: instant("09:00"))

    def at(self, text: str, day: dt.date = TODAY) -> None:
        self.now = instant(text, day)
