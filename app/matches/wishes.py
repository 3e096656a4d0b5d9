"""What an officer asks for: a match of some mode, and with it a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from app.contests.rules import PlayRules


class Wish(NamedTuple):
    """A wish for a match; `opponent` is the 工号 of a challenge; `at` is set only by tests, history, simulation."""

    token_hash: bytes
    mode: str
    opponent: str | None
    at: dt.datetime | None


class Asker(NamedTuple):
    """Who asks with a fresh ticket: the CONTEXT row, the rules of the day, the wish."""

    row: Any
    rules: PlayRules
    wish: Wish
    ticket_id: uuid.UUID

    @property
    def officer_id(self) -> uuid.UUID:
        """The officer."""
        found: uuid.UUID = self.row["officer_id"]
        return found
