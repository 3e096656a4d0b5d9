"""What the calls on slots take and give."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.clock import local_day
from app.notices.rules import SETTLE, NoticeState, notice_state
from app.notices.schemas import Audience, PreviewRequest, SlotName, Stands, Why, audience_view

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from app.notices.models import Notice, SlotHold
    from app.notices.queries import Sent
    from app.notices.rules import Slot
    from app.notices.slots.queries import DaysSlot
    from app.roster.models import Unit

_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
SlotState = Literal["upcoming", "due", "held", "dropped", "out", "skipped"]


class HoldRequest(BaseModel):
    """要暂缓的时段；day 为发送当日."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"slot": "18:00", "day": "2026-11-23", "reason": "上级检查组在场"}]},
    )

    slot: SlotName
    day: dt.date
    reason: _Reason = Field(description="为何暂缓，供本单位人员查看")
    unit_id: str | None = Field(None, description="市局（省厅的通报：省厅）；不填为本人所在的市局或省厅")


class HoldOut(BaseModel):
    """一次暂缓：released_at、dropped_at 都为空的仍在暂缓."""

    id: str
    slot_at: dt.datetime
    unit_id: str
    reason: str
    held_by: str = Field(description="暂缓人姓名")
    held_at: dt.datetime
    released_at: dt.datetime | None
    dropped_at: dt.datetime | None


class SlotNotice(BaseModel):
    """该时段给一个受众的通报."""

    id: str
    audience: Audience
    state: Stands
    reason: Why
    warning: str | None


class SlotOut(BaseModel):
    """一天中的一个通报时段."""

    slot: SlotName
    slot_at: dt.datetime
    deadline: dt.datetime = Field(description="过此时刻不再发送")
    contest_id: str
    day: dt.date = Field(description="所通报的竞赛日")
    counts: bool = Field(description="该竞赛日是否计入；不计入的不发通报")
    state: SlotState = Field(
        description="upcoming：未到；due：已到，即将生成；held：暂缓中（过了时限的只能取消）；dropped：已取消；"
        "out：已生成并发送，见 notices；skipped：不发，原因见 notices"
    )
    hold: HoldOut | None
    notices: list[SlotNotice]
    organisers_preview: str | None = Field(description="发给组织人员的预览（通报编号）；没有发的为 null")
    preview: PreviewRequest = Field(description="把它发给 POST /notices/preview，可看本时段将说什么")


class SlotList(BaseModel):
    """一个单位某日的各时段，先后为序."""

    items: list[SlotOut]


def hold_view(hold: SlotHold, by: str) -> dict[str, Any]:
    """Return a hold with the name of who held."""
    return {
        "id": str(hold.id),
        "slot_at": hold.slot_at,
        "unit_id": str(hold.unit_id),
        "reason": hold.reason,
        "held_by": by,
        "held_at": hold.held_at,
        "released_at": hold.released_at,
        "dropped_at": hold.dropped_at,
    }


def slot_state(slot: Slot, hold: SlotHold | None, states: Sequence[str], *, now: dt.datetime) -> SlotState:
    """Return where a slot stands, from the hold in force and the states of its notices."""
    if hold is not None and hold.released_at is None:
        return "dropped" if hold.dropped_at else "held"
    if not states:
        return "upcoming" if now < slot.at + SETTLE else "due"
    skipped = {NoticeState.SKIPPED, NoticeState.SUPERSEDED}
    return "skipped" if all(state in skipped for state in states) else "out"


def slot_view(
    one: DaysSlot,
    unit: Unit,
    *,
    hold: tuple[SlotHold, str] | None,
    notices: Sequence[tuple[Notice, Unit]],
    sent: Mapping[uuid.UUID, Sequence[Sent]],
    organisers: uuid.UUID | None,
    now: dt.datetime,
) -> dict[str, Any]:
    """Return a slot with its hold and what was planned for it."""
    slot = one.slot
    shown = [
        {
            "id": str(notice.id),
            "audience": audience_view(notice.audience_kind, audience),
            "state": notice_state(
                notice.state, [out.delivery.state for out in sent[notice.id] if out.delivery.kind != "alert"]
            ),
            "reason": notice.reason,
            "warning": notice.warning,
        }
        for notice, audience in notices
    ]
    return {
        "slot": slot.name,
        "slot_at": slot.at,
        "deadline": slot.deadline,
        "contest_id": str(one.contest.id),
        "day": slot.day,
        "counts": one.counts,
        "state": slot_state(slot, hold[0] if hold else None, [notice.state for notice, _ in notices], now=now),
        "hold": hold_view(*hold) if hold else None,
        "notices": shown,
        "organisers_preview": str(organisers) if organisers else None,
        "preview": {
            "slot": slot.name,
            "day": local_day(slot.at),
            "audience": {"kind": unit.kind, "id": str(unit.id)},
        },
    }
