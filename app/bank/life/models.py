"""Tables of a question's life: steps, stops, warnings, and what the bank was at each of its versions."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Cause(StrEnum):
    """Who changed a state: a person, or the end of a legal basis."""

    PERSON = "person"
    BASIS = "basis"


_CAUSES = "cause IN ('person', 'basis')"


class QuestionStep(Base):
    """One step of a question from state to state, taken by a person or because its basis ended; never changed."""

    __tablename__ = "question_step"
    __table_args__ = (CheckConstraint(_CAUSES, name="cause"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    question_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("question.id"), index=True)
    revision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("question_revision.id"))
    from_state: Mapped[str]
    to_state: Mapped[str]
    cause: Mapped[str]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    note: Mapped[str | None]
    at: Mapped[dt.datetime]


class QuestionStop(Base):
    """Why a question is retired against what its files or its owner say of it; `would_be` is what they say.

    By a person: a shared question stopped at this installation, whatever a later import brings. By its basis: until
    the basis is in force again or another one.
    """

    __tablename__ = "question_stop"
    __table_args__ = (CheckConstraint(_CAUSES, name="cause"),)

    question_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("question.id"), primary_key=True)
    cause: Mapped[str]
    would_be: Mapped[str]
    since: Mapped[dt.datetime]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    note: Mapped[str | None]


class BasisWarning(Base):
    """The end of an instrument's force, noticed once, thirty days ahead."""

    __tablename__ = "basis_warning"

    instrument: Mapped[str] = mapped_column(ForeignKey("instrument.name"), primary_key=True)
    ends_on: Mapped[dt.date] = mapped_column(primary_key=True)
    noticed_at: Mapped[dt.datetime]


class QuestionHistory(Base):
    """State and text of a question from a version of the bank on; written by a trigger, whoever changes the bank."""

    __tablename__ = "question_history"

    question_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str]
    revision_id: Mapped[uuid.UUID]


class InstrumentHistory(Base):
    """The days of an instrument's force from a version of the bank on; written by a trigger."""

    __tablename__ = "instrument_history"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    in_force_from: Mapped[dt.date]
    in_force_to: Mapped[dt.date | None]
