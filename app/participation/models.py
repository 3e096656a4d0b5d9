"""Tables of frozen days and of reminders."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class UnitDay(Base):
    """The final figures of the officers assigned to one unit itself (not its subtree) on a finished day."""

    __tablename__ = "unit_day"

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    enrolled: Mapped[int]
    exempt: Mapped[int]
    participated: Mapped[int]
    quiz_finished: Mapped[int]
    done: Mapped[int]
    in_progress: Mapped[int]
    answered: Mapped[int]
    correct: Mapped[int]


class FrozenDay(Base):
    """A contest day whose figures are final; present exactly when its `unit_day` rows are."""

    __tablename__ = "frozen_day"

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    cutoff_at: Mapped[dt.datetime]
    frozen_at: Mapped[dt.datetime]


class Reminder(Base):
    """A liaison officer's reminder (电话提醒) to an officer who had not finished, and how it went."""

    __tablename__ = "reminder"
    __table_args__ = (
        CheckConstraint("channel IN ('phone', 'message')", name="channel"),
        CheckConstraint("outcome IN ('reached', 'no_answer', 'later', 'on_leave')", name="outcome"),
        Index("ix_reminder_contest_day", "contest_id", "day", "officer_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    day: Mapped[dt.date]
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    by_officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    channel: Mapped[str]
    outcome: Mapped[str]
    note: Mapped[str | None]
    at: Mapped[dt.datetime]
