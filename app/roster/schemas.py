"""Bodies of the roster: units, officers, exemptions, transfers, the audit log."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.core.clock import wire
from app.roster.models import UnitKind

Instant = Annotated[
    dt.datetime,
    PlainSerializer(wire, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T12:00:00+08:00"]}),
]
"""An instant as the API writes it: RFC 3339 with the contest's offset."""


class UnitName(BaseModel):
    """A unit, named."""

    id: uuid.UUID
    name: str
    kind: str


class OfficerName(BaseModel):
    """An officer, named."""

    id: uuid.UUID
    employee_no: str
    name: str


class UnitItem(UnitName):
    """A unit of the flat list."""

    parent_id: uuid.UUID | None
    ranking_group: str | None


class UnitList(BaseModel):
    """A page of units, parents before children."""

    items: list[UnitItem]
    next: str | None


class NewUnit(BaseModel):
    """A unit to be added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "梅江分局", "kind": "branch", "parent_id": "01934c00-0000-7000-8000-000000000001"},
            ]
        }
    )

    name: str = Field(max_length=200)
    kind: UnitKind
    parent_id: str
    ranking_group: str | None = Field(None, max_length=40, pattern=r"^[^\x00-\x1f]+$", description="empty: the kind")


class OfficerItem(OfficerName):
    """An officer of the list; `phone` is null where the caller may not see it."""

    phone: str | None
    unit: UnitName
    section: str | None
    position: str | None
    roles: list[str]
    takes_part: bool
    signed_in: bool = Field(description="whether the officer has ever signed in")


class OfficerList(BaseModel):
    """A page of officers, by 工号."""

    items: list[OfficerItem]
    next: str | None


class NewExemption(BaseModel):
    """Days on which an officer is exempt (经批准免参赛), first and last included."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "officer_id": "01934c00-0000-7000-8000-000000000002",
                    "from": "2026-11-23",
                    "to": "2026-11-27",
                    "reason": "病假（已批准）",
                }
            ]
        }
    )

    officer_id: str
    from_day: dt.date = Field(alias="from")
    to_day: dt.date = Field(alias="to")
    reason: str = Field(max_length=500)


class ExemptionItem(BaseModel):
    """An exemption; `ended_at` where it was withdrawn: its days before that day stay."""

    model_config = ConfigDict(populate_by_name=True)

    id: uuid.UUID
    officer: OfficerName
    from_day: dt.date = Field(alias="from")
    to_day: dt.date = Field(alias="to")
    reason: str
    created_at: Instant
    ended_at: Instant | None


class ExemptionList(BaseModel):
    """A page of exemptions, newest first."""

    items: list[ExemptionItem]
    next: str | None


class NewTransfer(BaseModel):
    """Where an officer belongs from a day on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "officer_id": "01934c00-0000-7000-8000-000000000002",
                    "unit_id": "01934c00-0000-7000-8000-000000000001",
                    "from": "2026-12-01",
                }
            ]
        }
    )

    officer_id: str
    unit_id: str
    from_day: dt.date = Field(alias="from")


class Transfer(BaseModel):
    """The assignment that a transfer led to."""

    model_config = ConfigDict(populate_by_name=True)

    officer: OfficerName
    unit: UnitName
    from_day: dt.date = Field(alias="from")
    takes_part: bool


class AuditItem(BaseModel):
    """One administrative act."""

    seq: int
    at: Instant
    actor: OfficerName | None = Field(description="null: done by a command or by the program itself")
    action: str = Field(examples=["exemption.created"])
    subject: AuditSubject
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    hash: str = Field(description="SHA-256 over the entry and the hash before it, hexadecimal")


class AuditSubject(BaseModel):
    """What an act was done to."""

    kind: str
    id: str


class AuditList(BaseModel):
    """A page of the audit log, newest first."""

    items: list[AuditItem]
    next: str | None
