"""Tables of papers, answers and the day's state of an officer."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Paper(Base):
    """The questions handed to one officer; never changed after it was issued.

    `bank_version` is that of the pool it was drawn from; of a match, on the papers of whom it was drawn for.
    """

    __tablename__ = "paper"
    __table_args__ = (
        CheckConstraint("kind IN ('quiz', 'match')", name="kind"),
        CheckConstraint(
            "(kind = 'match') = (match_id IS NOT NULL AND run_id IS NOT NULL AND seat IN (1, 2))", name="seat"
        ),
        Index("uq_paper_match", "match_id", "officer_id", unique=True, postgresql_where=text("match_id IS NOT NULL")),
        Index("uq_paper_seat", "run_id", "seat", unique=True, postgresql_where=text("run_id IS NOT NULL")),
        Index(
            "uq_paper_quiz",
            "contest_id",
            "officer_id",
            "day",
            unique=True,
            postgresql_where=text("kind = 'quiz'"),
        ),
        Index("ix_paper_contest_day", "contest_id", "day"),
        Index("ix_paper_played", "contest_id", text("opened_at DESC"), "id", postgresql_where=text("kind = 'match'")),
        Index("ix_paper_officer_id", "officer_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    day: Mapped[dt.date]
    kind: Mapped[str]
    revision_ids: Mapped[list[uuid.UUID]]
    points_per_question: Mapped[int] = mapped_column(SmallInteger)
    opened_at: Mapped[dt.datetime]
    closes_at: Mapped[dt.datetime]
    match_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("match.id"))
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("match_run.id"))
    seat: Mapped[int | None] = mapped_column(SmallInteger)
    bank_version: Mapped[int | None]


class Answer(Base):
    """One recorded answer; final. `choice` is the option ids sorted and joined by commas.

    `after_*` is the paper's state just after this answer, so that a repeat gets the same reply.
    """

    __tablename__ = "answer"

    # No foreign keys: the one statement that writes joins the paper and copies its revision, `verify` checks both,
    # and each key would cost a tenth of the hottest write.
    paper_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    revision_id: Mapped[uuid.UUID]
    choice: Mapped[str]
    correct: Mapped[bool]
    points: Mapped[int] = mapped_column(SmallInteger)
    answered_at: Mapped[dt.datetime]
    after_answered: Mapped[int] = mapped_column(SmallInteger)
    after_correct: Mapped[int] = mapped_column(SmallInteger)
    after_points: Mapped[int] = mapped_column(SmallInteger)


class OfficerDay(Base):
    """The state of one officer's contest day, written in the answer's own transaction.

    `quiz_questions` is 0 until the quiz is opened; of matches at most `matches_countable` count, with their points.
    """

    __tablename__ = "officer_day"
    __table_args__ = (
        Index("ix_officer_day_contest_day", "contest_id", "day"),
        {"postgresql_with": {"fillfactor": 50}},  # ten updates a day find room beside the row and touch no index
    )

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    quiz_questions: Mapped[int] = mapped_column(SmallInteger)
    quiz_answered: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    quiz_correct: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    quiz_points: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    first_answer_at: Mapped[dt.datetime | None]
    quiz_finished_at: Mapped[dt.datetime | None]
    matches_counted: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    matches_required: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    matches_countable: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    match_points: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    done_at: Mapped[dt.datetime | None]
