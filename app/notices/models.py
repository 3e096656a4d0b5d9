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

    `day` is the contest day reported. `reason` says why a notice was `skipped` or `superseded`; such rows have no text,
    but those that were held back. `template_version` is that of the bureau's own template (`template_id`) which wrote
    the text, 0 where the built-in one did; `text_version` is the program's `TEMPLATE_VERSION`, whose pieces and figures
    both use. `warning` tells what went wrong with a template, in words for its administrators.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("contest_id", "audience_kind", "audience_id", "slot_at", name="uq_notice_slot_audience"),
        CheckConstraint(
            "audience_kind IN ('province', 'bureau', 'branch', 'liaison', 'leader', 'forecast', 'nudge', 'organisers',"
            " 'administrators')",
            name="audience_kind",
        ),
        CheckConstraint("state IN ('planned', 'held', 'skipped', 'superseded')", name="state"),
        CheckConstraint("state NOT IN ('planned', 'held') OR body IS NOT NULL", name="text"),
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
    template_version: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    template_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notice_template.id"))
    text_version: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    warning: Mapped[str | None]
    created_at: Mapped[dt.datetime]


class BasisTold(Base):
    """That a bureau's administrators are told of the end of an instrument: once for each last day that it is given."""

    __tablename__ = "basis_told"
    __table_args__ = (Index("ix_basis_told_notice_id", "notice_id"),)

    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    instrument: Mapped[str] = mapped_column(ForeignKey("instrument.name"), primary_key=True)
    ends_on: Mapped[dt.date] = mapped_column(primary_key=True)
    notice_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notice.id"))


class NoticeTemplate(Base):
    """One version of what a bureau or province has a slot say to a kind of audience; the newest is in force.

    Without title and body: from this version on the unit has no text of its own again.
    """

    __tablename__ = "notice_template"
    __table_args__ = (
        UniqueConstraint("unit_id", "audience_kind", "slot", "version", name="uq_notice_template_version"),
        CheckConstraint("(title IS NULL) = (body IS NULL)", name="text"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    slot: Mapped[str]
    audience_kind: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    title: Mapped[str | None]
    body: Mapped[str | None]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]


class SlotHold(Base):
    """A person's 「暂缓本时段」 for a bureau's slot: in force until released, for good once dropped."""

    __tablename__ = "slot_hold"
    __table_args__ = (
        CheckConstraint("released_at IS NULL OR dropped_at IS NULL", name="one_end"),
        Index(
            "uq_slot_hold_in_force",
            "contest_id",
            "unit_id",
            "slot_at",
            unique=True,
            postgresql_where=text("released_at IS NULL"),
        ),
        Index("ix_slot_hold_unit_id", "unit_id", "slot_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    slot_at: Mapped[dt.datetime]
    reason: Mapped[str]
    held_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    held_at: Mapped[dt.datetime]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    released_at: Mapped[dt.datetime | None]
    dropped_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    dropped_at: Mapped[dt.datetime | None]


class Channel(Base):
    """Where a unit's notices go; `url` and `secret` are secrets, sealed in the row, and never leave the server.

    `audience`: `group`, the unit's group; `officers`, private messages to single officers of the unit's subtree.
    `target` is the host, all of the address that may be shown; `settings` holds what is no secret, by kind.
    `posted_at` holds the newest posts of the last minute: the reservation of the robot's rate.
    """

    __tablename__ = "channel"
    __table_args__ = (
        UniqueConstraint("unit_id", "url", name="uq_channel_unit_url"),
        CheckConstraint("audience IN ('group', 'officers')", name="audience"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    kind: Mapped[str]
    audience: Mapped[str] = mapped_column(server_default=text("'group'"))
    url: Mapped[str | None]
    secret: Mapped[str | None]
    target: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    enabled: Mapped[bool]
    blocked_until: Mapped[dt.datetime | None]
    posted_at: Mapped[list[dt.datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    last_error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    deleted_at: Mapped[dt.datetime | None]


class ChannelIdentity(Base):
    """A receiver of a channel that is not deleted: no other channel of the unit and audience may have it.

    `identity` is sealed as the address is: the group behind it however that is written, or one recipient of several.
    """

    __tablename__ = "channel_identity"
    __table_args__ = (Index("ix_channel_identity_channel_id", "channel_id"),)

    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    audience: Mapped[str] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("channel.id"))


class Delivery(Base):
    """One part of a notice on its way to one channel; no channel: a person forwards it by hand.

    `recipients`: the WeCom user ids, or the one e-mail address, that it is for; None: the channel's group. `lot` numbers
    the sets of recipients of one channel; the parts of each go in order. `kind`: `text`; `image`, the ranking picture,
    drawn when it is posted; `alert`, which tells administrators that another delivery of the notice went wrong.
    `doubt_at`: the first attempt that may have arrived and is repeated because the receiver drops a second copy.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel_id", "lot", "part", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "state IN ('pending', 'claimed', 'posting', 'retry', 'sent', 'uncertain', 'dead', 'expired', 'to_forward')",
            name="state",
        ),
        CheckConstraint("channel_id IS NOT NULL OR state IN ('to_forward', 'sent')", name="manual"),
        CheckConstraint("kind IN ('text', 'image', 'alert')", name="kind"),
        Index("ix_delivery_channel_id", "channel_id"),
        Index(
            "ix_delivery_unalerted",
            "id",
            postgresql_where=text("state IN ('dead', 'uncertain') AND alerted_at IS NULL"),
        ),
        Index(
            "ix_delivery_open",
            "next_at",
            postgresql_where=text("state IN ('pending', 'retry', 'claimed', 'posting')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    notice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notice.id"))
    channel_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("channel.id"))
    lot: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    part: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(server_default=text("'text'"))
    recipients: Mapped[list[str] | None]
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
    doubt_at: Mapped[dt.datetime | None]
    alerted_at: Mapped[dt.datetime | None]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))


class DeliveryAttempt(Base):
    """One POST: committed before it begins, so that a process that dies in it leaves a trace."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (Index("ix_delivery_attempt_started_at", "started_at"),)

    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None]
    detail: Mapped[str | None]
