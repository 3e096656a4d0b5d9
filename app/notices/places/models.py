"""The table of places that the province told."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class ProvincePlace(Base):
    """A bureau's place in its province on one contest day, as the province told it with the figures of `as_of`."""

    __tablename__ = "province_place"
    __table_args__ = (CheckConstraint("place > 0", name="place"),)

    contest_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger)
    as_of: Mapped[dt.datetime]
    told_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    told_at: Mapped[dt.datetime]
