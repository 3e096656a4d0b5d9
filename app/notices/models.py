"""Tables of notices, channels, deliveries and their attempts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Notice(Base):
    """What one audience is told at one slot; its figures are frozen when the row is made.

    `day` is the contest day reported. `reason` says why a notice was `skipped` or `superseded`; such rows have no text.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("contest_id", "audience_kind", "audience_id", "slot_at", name="uq_notice_slot_audience"),
        CheckConstraint("audience_kind IN ('bureau', 'branch')", name="audience_kind"),
        CheckConstraint("state IN ('planned', 'skipped', 'superseded')", name="state"),
        CheckConstraint("(state = 'planned') = (body IS NOT NULL)", name="text"),
        Index("ix_notice_slot_at", "slot_at"),
        Index("ix_notice_audience_id", "audience_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    slot_at: Mapped[dt.datetime]
    audience_kind: Mapped[str]
    audience_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    day: Mapped[dt.date]
    state: Mapped[str]
    reason: Mapped[str | None]
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    title: Mapped[str | None]
    body: Mapped[str | None]
    stats: Mapped[dict[str, Any] | None]
    cutoff_at: Mapped[dt.datetime]
    template_version: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[dt.datetime]


class Channel(Base):
    """Where a unit's notices go; `url` and `secret` are secrets and never leave the server.

    `posted_at` holds the newest posts of the last minute: the reservation of the robot's rate.
    """

    __tablename__ = "channel"
    __table_args__ = (UniqueConstraint("unit_id", "url", name="uq_channel_unit_url"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    kind: Mapped[str]
    url: Mapped[str | None]
    secret: Mapped[str | None]
    enabled: Mapped[bool]
    blocked_until: Mapped[dt.datetime | None]
    posted_at: Mapped[list[dt.datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    last_error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    deleted_at: Mapped[dt.datetime | None]


class Delivery(Base):
    """One part of a notice on its way to one channel; no channel: a person forwards it by hand."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel_id", "part", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "state IN ('pending', 'claimed', 'posting', 'retry', 'sent', 'uncertain', 'dead', 'expired', 'to_forward')",
            name="state",
        ),
        CheckConstraint("channel_id IS NOT NULL OR state IN ('to_forward', 'sent')", name="manual"),
        Index("ix_delivery_channel_id", "channel_id"),
        Index(
            "ix_delivery_open",
            "next_at",
            postgresql_where=text("state IN ('pending', 'retry', 'claimed', 'posting')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    notice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notice.id"))
    channel_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("channel.id"))
    part: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    payload: Mapped[str]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    attempts_allowed: Mapped[int] = mapped_column(SmallInteger)
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[dt.datetime | None]
    next_at: Mapped[dt.datetime]
    deadline: Mapped[dt.datetime]
    last_error: Mapped[str | None]
    sent_at: Mapped[dt.datetime | None]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))


class DeliveryAttempt(Base):
    """One POST: committed before it begins, so that a process that dies in it leaves a trace."""

    __tablename__ = "delivery_attempt"

    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None]
    detail: Mapped[str | None]
