"""Tables of the roster: units, officers, dated assignments, exemptions, sessions, imports."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.ids import new_id


class UnitKind(StrEnum):
    """Kinds of unit (单位)."""

    PROVINCE = "province"
    BUREAU = "bureau"
    BRANCH = "branch"
    TOWNSHIP = "township"
    HEADQUARTERS = "headquarters"


class Role(StrEnum):
    """What an officer may do beyond taking part; a set of them is kept on the officer."""

    LIAISON = "liaison"
    LEADER = "leader"
    BUREAU = "bureau"
    PROVINCE = "province"
    ADMIN = "admin"


class Unit(Base):
    """A unit of the tree; `path` holds its ancestors' ids and its own, root first, and never changes."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("parent_id", "name", postgresql_nulls_not_distinct=True),
        CheckConstraint("kind IN ('province', 'bureau', 'branch', 'township', 'headquarters')", name="kind"),
        Index("ix_unit_path", "path", postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str]
    name: Mapped[str]
    ranking_group: Mapped[str | None]
    path: Mapped[list[uuid.UUID]]
    position: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[dt.datetime]


class Officer(Base):
    """A person (参赛人员): everybody who signs in, with a set of roles."""

    __tablename__ = "officer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    employee_no: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    section: Mapped[str | None]
    position: Mapped[str | None]
    roles: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    wecom_userid: Mapped[str | None]
    password_hash: Mapped[str | None]
    must_change_password: Mapped[bool] = mapped_column(server_default=text("true"))
    first_signed_in_at: Mapped[dt.datetime | None]
    text_size: Mapped[str] = mapped_column(server_default=text("'standard'"))
    nudges: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[dt.datetime]


class Assignment(Base):
    """Where an officer belongs and whether they take part, from a day on, until (exclusive) another."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("officer_id", "from_day"),
        CheckConstraint("until_day IS NULL OR until_day > from_day", name="days"),
        Index("uq_assignment_open", "officer_id", unique=True, postgresql_where=text("until_day IS NULL")),
        Index("ix_assignment_unit_id", "unit_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    takes_part: Mapped[bool]
    from_day: Mapped[dt.date]
    until_day: Mapped[dt.date | None]
    created_at: Mapped[dt.datetime]


class Exemption(Base):
    """An approved exemption (经批准免参赛) over days, first and last included."""

    __tablename__ = "exemption"
    __table_args__ = (CheckConstraint("to_day >= from_day", name="days"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"), index=True)
    from_day: Mapped[dt.date]
    to_day: Mapped[dt.date]
    reason: Mapped[str]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class ExemptionDay(Base):
    """One exempt officer on one day; a withdrawn exemption loses its days from that day on."""

    __tablename__ = "exemption_day"

    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True, index=True)
    exemption_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("exemption.id"), index=True)


class SignInSession(Base):
    """A signed-in device; only the hash of its token is kept, and signing out deletes the row."""

    __tablename__ = "session"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"), index=True)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class SignInLink(Base):
    """A one-time sign-in link handed out by a liaison officer."""

    __tablename__ = "sign_in_link"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    officer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"), index=True)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class SignInFailures(Base):
    """Failed sign-ins under one key: an account with an address, or an address alone (a window's count)."""

    __tablename__ = "sign_in_failures"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    window_from: Mapped[dt.datetime]
    blocked_until: Mapped[dt.datetime | None]


class RosterImport(Base):
    """One landed import of a roster file, and what became of its rows."""

    __tablename__ = "roster_import"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit.id"))
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[dt.datetime]
    file_name: Mapped[str]
    report: Mapped[dict[str, Any]]
    officer_ids: Mapped[list[uuid.UUID]]
