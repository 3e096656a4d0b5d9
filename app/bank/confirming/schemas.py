"""What the calls on instruments take and give."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Said = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Person = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$")
]


class WaitingOut(BaseModel):
    """Shared questions that rest on the instrument."""

    in_use: int
    to_confirm: int


class InstrumentOut(BaseModel):
    """An instrument (文书) of the register, the days of its present text, and who has confirmed it."""

    name: str
    full_name: str
    issuer: str
    in_force_from: dt.date
    in_force_to: dt.date | None
    checked_to: dt.date | None
    confirmed_by: str | None
    confirmed_on: dt.date | None = Field(description="null: not confirmed in this installation")
    confirmation_note: str | None
    note: str | None
    questions: WaitingOut


class InstrumentPage(BaseModel):
    """One page of instruments, by name."""

    items: list[InstrumentOut]
    next: str | None


class ConfirmIn(BaseModel):
    """Who has compared the registered text with the official one, and on which day."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"by": "法制科 李明", "on": "2026-11-20", "note": "与国家法律法规数据库一致"}]},
    )

    by: Person
    on: dt.date
    note: Said | None = None


class WithdrawIn(BaseModel):
    """Why a confirmation is taken back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "文本已修订"}]})

    reason: Said | None = None


class PutBackOut(BaseModel):
    """A unit, and how many of its own questions wait again."""

    unit: str
    questions: int


class ConfirmOut(BaseModel):
    """The instrument after the act; `moved` are the codes of the questions that it brought into use or sent back."""

    instrument: InstrumentOut
    changed: bool
    moved: list[str]
    put_back: list[PutBackOut] = Field(description="units' own questions that a withdrawal put back to 待复核")
