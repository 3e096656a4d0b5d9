"""Tables of contests and of the versions of their rules."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class ContestState(StrEnum):
    """What an administrator last decided; whether a day is running follows from the dates."""

    DRAFT = "draft"
    OPEN = "open"
    PAUSED = "paused"


class Contest(Base):
    """A contest (竞赛) of a bureau or province over its subtree, first and last day included."""

    __tablename__ = "contest"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="days"),
        CheckConstraint("state IN ('draft', 'open', 'paused')", name="state"),
        Index("ix_contest_unit_id", "unit_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    short_name: Mapped[str | None]
    issuer: Mapped[str | None]
    office_phone: Mapped[str | None]
    starts_on: Mapped[dt.date]
    ends_on: Mapped[dt.date]
    state: Mapped[str]
    created_at: Mapped[dt.datetime]
    opened_at: Mapped[dt.datetime | None]


class ContestRules(Base):
    """One version of a contest's rules of play, in force from a day until the next version's day."""

    __tablename__ = "contest_rules"

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    from_day: Mapped[dt.date] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]


class ContestDay(Base):
    """What an administrator said of one day of a contest (竞赛日历); a day without a row counts.

    `source`: `manual`, or `weekend`, `holiday`, `workday` (调休上班) where the proposal was taken over as it was.
    """

    __tablename__ = "contest_day"
    __table_args__ = (CheckConstraint("source IN ('manual', 'weekend', 'holiday', 'workday')", name="source"),)

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    counts: Mapped[bool]
    note: Mapped[str | None]
    source: Mapped[str]
