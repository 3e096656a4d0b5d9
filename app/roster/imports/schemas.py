"""Bodies of the roster import."""

from __future__ import annotations

from pydantic import BaseModel, Field


class RowError(BaseModel):
    """One thing wrong with one row."""

    row: int = Field(description="row number as the spreadsheet shows it")
    column: str = Field(examples=["手机号"])
    detail: str = Field(examples=["请填写以1开头的11位手机号。"])


class MissingOfficer(BaseModel):
    """An officer of the importing unit who is not in the file; nobody is removed."""

    employee_no: str
    name: str


class RosterReport(BaseModel):
    """What an import did; counts are of officers, and all but `rows` are 0 where rows were refused."""

    id: str | None = Field(description="null in a dry run and where rows were refused")
    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    missing: int = Field(description="officers of the importing unit who are not in the file")
    missing_officers: list[MissingOfficer] = Field(description="the first 100 of them")
    created_units: list[str]
    errors: list[RowError]
