"""What goes in and out over HTTP: places in the province."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from app.notices.places.models import ProvincePlace


class PlaceRequest(BaseModel):
    """省厅通报的本市位次."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"place": 7, "as_of": "2026-11-22T21:00:00+08:00"}]}
    )

    place: int = Field(strict=True, ge=1, le=100, description="本市在全省的位次")
    as_of: AwareDatetime = Field(description="省厅通报的统计截至时刻")


class PlaceOut(BaseModel):
    """一个竞赛日的全省位次."""

    day: dt.date
    place: int
    as_of: dt.datetime
    told_by: str = Field(description="填写人")
    told_at: dt.datetime
    in_time: bool = Field(description="填写时该日的8:00通报还没有生成：位次会写进通报")


class PlaceList(BaseModel):
    """已填写的全省位次，按日期先后."""

    items: list[PlaceOut]


def place_view(told: ProvincePlace, by: str, *, in_time: bool) -> dict[str, Any]:
    """Return a place with the name of who told it."""
    return {
        "day": told.day,
        "place": told.place,
        "as_of": told.as_of,
        "told_by": by,
        "told_at": told.told_at,
        "in_time": in_time,
    }
