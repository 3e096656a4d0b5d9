"""Table of flags: what was noticed about two officers, for a person to look at."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Flag(Base):
    """Something a person should look at (异常提示); at most one of a kind is open for a pair, and no figure knows of it.

    The pair is ordered by id. `last_match_at` is the beginning of the last match in the evidence: what began later is
    new after a decision.
    """

    __tablename__ = "flag"
    __table_args__ = (
        CheckConstraint("kind IN ('repeated_pair', 'alternating_wins', 'simultaneous_answers')", name="kind"),
        CheckConstraint("state IN ('open', 'dismissed', 'confirmed')", name="state"),
        CheckConstraint("first_officer_id < second_officer_id", name="pair"),
        CheckConstraint(
            "(state = 'open') = (decided_at IS NULL AND decided_by IS NULL AND note IS NULL)", name="decided"
        ),
        Index(
            "uq_flag_open",
            "contest_id",
            "first_officer_id",
            "second_officer_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_flag_pair", "first_officer_id", "second_officer_id", "contest_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    kind: Mapped[str]
    first_officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    second_officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    evidence: Mapped[dict[str, Any]]
    last_match_at: Mapped[dt.datetime]
    raised_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    state: Mapped[str]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    decided_at: Mapped[dt.datetime | None]
    note: Mapped[str | None]

    @property
    def officer_ids(self) -> tuple[uuid.UUID, uuid.UUID]:
        """The pair."""
        return self.first_officer_id, self.second_officer_id
