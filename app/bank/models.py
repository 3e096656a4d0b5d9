"""Tables of the question bank and of the register of legal instruments."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Instrument(Base):
    """A legal instrument (文书) and the days on which its present text is in force, last day included."""

    __tablename__ = "instrument"

    name: Mapped[str] = mapped_column(primary_key=True)
    full_name: Mapped[str]
    issuer: Mapped[str]
    in_force_from: Mapped[dt.date]
    in_force_to: Mapped[dt.date | None]
    checked_to: Mapped[dt.date | None]
    confirmed_by: Mapped[str | None]
    note: Mapped[str | None]


class InstrumentConfirmation(Base):
    """A confirmation given in this installation; the instrument shows it, and imports of the register keep it.

    `shipped_by` and `shipped_checked_to` are what the register says itself: what a withdrawal brings back.
    """

    __tablename__ = "instrument_confirmation"

    instrument: Mapped[str] = mapped_column(ForeignKey("instrument.name"), primary_key=True)
    confirmed_by: Mapped[str]
    confirmed_on: Mapped[dt.date]
    note: Mapped[str | None]
    confirmed_at: Mapped[dt.datetime]
    shipped_by: Mapped[str | None]
    shipped_checked_to: Mapped[dt.date | None]


class LegalFact(Base):
    """How sure it is what an article says (条文事实), and on which days; the words stay in the register's file."""

    __tablename__ = "legal_fact"

    id: Mapped[str] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(ForeignKey("instrument.name"))
    article: Mapped[str]
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date | None]
    confidence: Mapped[str]
    force_check: Mapped[str | None]


class Question(Base):
    """A question under its code, stable for ever; `unit_id` is NULL for the shipped bank, else the owner.

    `freed_at` is when a confirmation of this installation brought a shared one into use: its file says to_confirm.
    """

    __tablename__ = "question"
    __table_args__ = (UniqueConstraint("unit_id", "code", postgresql_nulls_not_distinct=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str]
    state: Mapped[str]
    current_revision_id: Mapped[uuid.UUID]
    created_at: Mapped[dt.datetime]
    freed_at: Mapped[dt.datetime | None]


class QuestionRevision(Base):
    """An immutable text of a question; papers hold revisions.

    `option_ids`, `option_texts` run in the author's order; `key` is the right ids sorted and joined by commas, so
    that SQL grades by equality.
    """

    __tablename__ = "question_revision"
    __table_args__ = (
        UniqueConstraint("question_id", "number"),
        CheckConstraint("kind IN ('single', 'multiple', 'true_false')", name="kind"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    question_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("question.id"))
    number: Mapped[int]
    content_hash: Mapped[str]
    kind: Mapped[str]
    topic: Mapped[str]
    difficulty: Mapped[int]
    stem: Mapped[str]
    option_ids: Mapped[list[str]]
    option_texts: Mapped[list[str]]
    key: Mapped[str]
    explanation: Mapped[str]
    basis: Mapped[list[Any]]
    facts: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]


class QuestionBasis(Base):
    """Which instrument's article a revision rests on; a change of law finds its questions here."""

    __tablename__ = "question_basis"

    revision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("question_revision.id"), primary_key=True)
    instrument: Mapped[str] = mapped_column(ForeignKey("instrument.name"), primary_key=True, index=True)
    article: Mapped[str] = mapped_column(primary_key=True)


class BankVersion(Base):
    """One row: raised by every change of the bank, so that processes know when to read it again."""

    __tablename__ = "bank_version"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
