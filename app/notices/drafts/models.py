"""The table of drafts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class Draft(Base):
    """What the bureau's group might be told of one branch, with the figures that it rests on.

    `day` is the last contest day of the evidence. `revision` counts the texts, from 1; the two approvals are of the
    last one and of different people, by constraint too; a sent draft has its notice.
    """

    __tablename__ = "draft"
    __table_args__ = (
        UniqueConstraint("contest_id", "unit_id", "kind", "day", name="uq_draft_day"),
        CheckConstraint("kind IN ('praise', 'criticism')", name="kind"),
        CheckConstraint("state IN ('proposed', 'sent', 'rejected')", name="state"),
        CheckConstraint("first_approved_by <> second_approved_by", name="two_people"),
        CheckConstraint(
            "(state = 'sent') = (first_approved_by IS NOT NULL AND second_approved_by IS NOT NULL"
            " AND notice_id IS NOT NULL)",
            name="sent",
        ),
        CheckConstraint("(state = 'rejected') = (rejected_by IS NOT NULL)", name="rejected"),
        Index("ix_draft_bureau_id", "bureau_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"))
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str]
    day: Mapped[dt.date]
    state: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]
    revision: Mapped[int] = mapped_column(SmallInteger, default=1)
    edited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    edited_at: Mapped[dt.datetime | None]
    first_approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    first_approved_at: Mapped[dt.datetime | None]
    second_approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    second_approved_at: Mapped[dt.datetime | None]
    rejected_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    rejected_at: Mapped[dt.datetime | None]
    reject_reason: Mapped[str | None]
    notice_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notice.id"))
