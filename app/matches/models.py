"""Tables of matches: the match, the clocks under which it is played, and the tickets that lead to its seats."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Mode(StrEnum):
    """How the opponents meet: at once, against a recorded run (记录对战), or by name within a day (约战)."""

    LIVE = "live"
    RELAY = "relay"
    CHALLENGE = "challenge"


ANY = "any"
"""A ticket's mode that takes a live opponent if one waits, else a recorded one at once."""


class TicketState(StrEnum):
    """Where a ticket stands; `waiting` and `playing` occupy their officer."""

    WAITING = "waiting"
    PLAYING = "playing"
    FINISHED = "finished"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Match(Base):
    """Two officers, the same questions (匹配对战); never changed after it was made."""

    __tablename__ = "match"
    __table_args__ = (
        CheckConstraint("mode IN ('live', 'relay', 'challenge')", name="mode"),
        CheckConstraint("(mode = 'relay') = (recorded_paper_id IS NOT NULL)", name="recorded"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    mode: Mapped[str]
    revision_ids: Mapped[list[uuid.UUID]]
    seconds: Mapped[int] = mapped_column(SmallInteger)
    points_per_question: Mapped[int] = mapped_column(SmallInteger)
    recorded_paper_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("paper.id"))
    created_at: Mapped[dt.datetime]


class MatchRun(Base):
    """One playing-through of a match's questions under one clock: by both seats (live) or by one.

    The arrays hold seat 1 and seat 2: `masks` a bit for each answered position, `rights` a bit for each right one,
    `counted` whether the seat counts for its day. `cursor` is a position whose opening is known, at
    `cursor_opens_at`; what follows it is arithmetic until both seats answered one more question (`app.matches.rules`).
    `answered_at` is the newest answer's instant.
    `pace` is what the clock waits for besides: milliseconds after the opening at which a recorded opponent answered.
    """

    __tablename__ = "match_run"
    __table_args__ = (
        CheckConstraint("players IN (1, 2)", name="players"),
        Index("ix_match_run_match_id", "match_id"),
        Index("ix_match_run_unsettled", "ends_at", postgresql_where=text("settled_at IS NULL")),
        Index(
            "ix_match_run_unexamined",
            "settled_at",
            "id",
            postgresql_where=text("settled_at IS NOT NULL AND examined_at IS NULL"),
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    match_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("match.id"))
    players: Mapped[int] = mapped_column(SmallInteger)
    questions: Mapped[int] = mapped_column(SmallInteger)
    seconds: Mapped[int] = mapped_column(SmallInteger)
    pace: Mapped[list[int | None] | None] = mapped_column(ARRAY(Integer()))
    started_at: Mapped[dt.datetime]
    cursor: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    cursor_opens_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    masks: Mapped[list[int]] = mapped_column(ARRAY(Integer()), server_default=text("'{0,0}'"))
    rights: Mapped[list[int]] = mapped_column(ARRAY(Integer()), server_default=text("'{0,0}'"))
    counted: Mapped[list[bool]] = mapped_column(ARRAY(Boolean()), server_default=text("'{f,f}'"))
    forfeited_by: Mapped[int | None] = mapped_column(SmallInteger)
    settled_at: Mapped[dt.datetime | None]
    examined_at: Mapped[dt.datetime | None]


class Ticket(Base):
    """An officer's wish for a match, and then the seat in it; at most one waits or plays for an officer."""

    __tablename__ = "ticket"
    __table_args__ = (
        CheckConstraint("mode IN ('any', 'live', 'relay', 'challenge')", name="mode"),
        CheckConstraint("state IN ('waiting', 'playing', 'finished', 'expired', 'cancelled')", name="state"),
        Index("uq_ticket_busy", "officer_id", unique=True, postgresql_where=text("state IN ('waiting', 'playing')")),
        Index("ix_ticket_waiting", "contest_id", "created_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_ticket_officer_id", "officer_id", "created_at"),
        Index("ix_ticket_match_id", "match_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    day: Mapped[dt.date]
    mode: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    relay_offered: Mapped[bool] = mapped_column(server_default=text("false"))
    match_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("match.id"))
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("match_run.id"))
    seat: Mapped[int | None] = mapped_column(SmallInteger)


class Challenge(Base):
    """A challenge (约战) that waits for the named colleague, who is free meanwhile; an unanswered one lapses."""

    __tablename__ = "challenge"
    __table_args__ = (
        Index("ix_challenge_to_officer_id", "to_officer_id", postgresql_where=text("taken_at IS NULL")),
        Index("ix_challenge_from_officer_id", "from_officer_id", postgresql_where=text("taken_at IS NULL")),
    )

    match_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("match.id"), primary_key=True)
    from_officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    to_officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    taken_at: Mapped[dt.datetime | None]
