"""What the calls on notices, deliveries and channels take and give."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.contests.schemas import Line
from app.notices.channels import manual
from app.notices.channels.targets import host_of
from app.notices.rules import NoticeState, Reason, Slot, State, notice_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.notices.models import Channel, Notice
    from app.notices.planner import Preview
    from app.notices.queries import Sent
    from app.roster.models import Unit

AudienceKind = Literal["bureau", "branch"]
SlotName = Literal["08:00", "12:00", "18:00", "22:00"]
Kind = Literal["wecom_robot", "manual"]
Secret = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[\x21-\x7e]+$")
]


Stands = Annotated[
    NoticeState,
    Field(
        description="planned：已生成，等待或正在发送；sent：各条消息均已送达（含人工确认、转发）；"
        "attention：至少一条要由人处理（uncertain、dead、to_forward）或超过时限未发（expired），见 deliveries；"
        "skipped：本时段不发，superseded：已过时限、由后一时段覆盖，二者的原因见 reason"
    ),
]
Why = Annotated[
    Reason | None,
    Field(
        description="不发的原因。contest-paused：竞赛暂停；day-not-open：当日尚未开放；nobody-expected：无应参赛人员；"
        "already-thanked：此前已通报全员完成；missed：已过时限"
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AudienceRef(_Body):
    """受众：市局群或分局群."""

    kind: AudienceKind
    id: str


class Audience(BaseModel):
    """受众及其单位名称."""

    kind: AudienceKind
    id: str
    name: str


class ChannelRef(BaseModel):
    """消息所经的通道；id 为空表示由人工转发."""

    id: str | None
    name: str
    kind: str


class DeliveryOut(BaseModel):
    """通报的一条消息及其投递状态."""

    id: str
    channel: ChannelRef
    part: int
    state: State
    attempts: int
    last_error: str | None
    sent_at: dt.datetime | None
    text: str = Field(description="该条消息的全文，供人工转发时复制")


class NoticeOut(BaseModel):
    """一份通报；文字和数据在生成时固定，state 随各条消息的投递而变."""

    id: str
    contest_id: str
    slot_at: dt.datetime
    day: dt.date = Field(description="所通报的竞赛日")
    audience: Audience
    state: Stands
    reason: Why
    late: bool
    title: str | None
    body: str | None
    stats: dict[str, Any] | None
    cutoff_at: dt.datetime
    deliveries: list[DeliveryOut]


class NoticePage(BaseModel):
    """通报列表，最新的时段在前."""

    items: list[NoticeOut]
    next: str | None


class PreviewRequest(_Body):
    """要预览的时段和受众；day 为发送当日."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slot": "18:00",
                    "day": "2026-11-23",
                    "audience": {"kind": "branch", "id": "019aa3b2-5f00-7a10-8000-000000000001"},
                }
            ]
        }
    )

    slot: SlotName
    day: dt.date
    audience: AudienceRef


class PreviewOut(BaseModel):
    """该时段的通报：已生成的照原样给出（frozen），尚未生成的按当前数据试写，不发送."""

    frozen: bool = Field(description="true：该时段的通报已经生成，文字和数据已固定，以下即其原文；false：试写")
    notice_id: str | None = Field(description="已生成的通报的编号，可用 GET /notices/{id} 查看投递情况；试写为 null")
    slot_at: dt.datetime
    day: dt.date
    audience: Audience
    state: Stands
    reason: Why
    late: bool
    title: str | None
    body: str | None
    stats: dict[str, Any] | None
    cutoff_at: dt.datetime


class NewChannel(_Body):
    """新通道；地址和密钥只写入，不再读出."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "丰顺分局工作群",
                    "kind": "wecom_robot",
                    "audience": {"kind": "branch", "id": "019aa3b2-5f00-7a10-8000-000000000001"},
                    "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
                }
            ]
        }
    )

    name: Line
    kind: Kind
    audience: AudienceRef
    url: Secret | None = None
    secret: Secret | None = None
    enabled: bool = True


class ChannelChanges(_Body):
    """要更改的项；未列出的不变."""

    name: Line = ""
    url: Secret = ""
    secret: Secret | None = None
    enabled: bool = True


class ChannelOut(BaseModel):
    """一个通道；target 只显示地址的主机名."""

    id: str
    name: str
    kind: str
    audience: Audience
    target: str | None
    has_secret: bool
    enabled: bool
    blocked_until: dt.datetime | None
    last_error: str | None


class ChannelPage(BaseModel):
    """通道列表."""

    items: list[ChannelOut]
    next: str | None


class TestOut(BaseModel):
    """测试消息的结果."""

    outcome: State
    detail: str


def audience_view(kind: str, unit: Unit) -> dict[str, Any]:
    """Return an audience as the API names it."""
    return {"kind": kind, "id": str(unit.id), "name": unit.name}


def delivery_view(sent: Sent) -> dict[str, Any]:
    """Return a delivery with its channel; never the channel's address."""
    delivery, channel = sent
    return {
        "id": str(delivery.id),
        "channel": {"id": str(channel.id), "name": channel.name, "kind": channel.kind}
        if channel
        else {"id": None, "name": manual.LABEL, "kind": manual.KIND},
        "part": delivery.part,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
        "sent_at": delivery.sent_at,
        "text": delivery.payload,
    }


def notice_view(notice: Notice, audience: Unit, deliveries: Sequence[Sent]) -> dict[str, Any]:
    """Return a notice with its deliveries."""
    return {
        "id": str(notice.id),
        "contest_id": str(notice.contest_id),
        **_frozen(notice, audience, deliveries),
        "deliveries": [delivery_view(sent) for sent in deliveries],
    }


def frozen_view(notice: Notice, audience: Unit, deliveries: Sequence[Sent]) -> dict[str, Any]:
    """Return the preview of a slot whose notice is there: that notice as it was written."""
    return {"frozen": True, "notice_id": str(notice.id), **_frozen(notice, audience, deliveries)}


def _frozen(notice: Notice, audience: Unit, deliveries: Sequence[Sent]) -> dict[str, Any]:
    return {
        "slot_at": notice.slot_at,
        "day": notice.day,
        "audience": audience_view(notice.audience_kind, audience),
        "state": notice_state(notice.state, [sent.delivery.state for sent in deliveries]),
        "reason": notice.reason,
        "late": notice.late,
        "title": notice.title,
        "body": notice.body,
        "stats": notice.stats,
        "cutoff_at": notice.cutoff_at,
    }


def preview_view(slot: Slot, preview: Preview) -> dict[str, Any]:
    """Return what a slot would say."""
    draft = preview.draft
    return {
        "frozen": False,
        "notice_id": None,
        "slot_at": slot.at,
        "day": slot.day,
        "audience": audience_view(draft.audience_kind, draft.audience),
        "state": draft.state,
        "reason": draft.reason,
        "late": preview.late,
        "title": draft.text.title if draft.text else None,
        "body": draft.text.body if draft.text else None,
        "stats": draft.stats,
        "cutoff_at": preview.cutoff_at,
    }


def channel_view(channel: Channel, kind: str, unit: Unit) -> dict[str, Any]:
    """Return a channel without its secrets."""
    return {
        "id": str(channel.id),
        "name": channel.name,
        "kind": channel.kind,
        "audience": audience_view(kind, unit),
        "target": host_of(channel.url),
        "has_secret": channel.secret is not None,
        "enabled": channel.enabled,
        "blocked_until": channel.blocked_until,
        "last_error": channel.last_error,
    }
