"""What the calls on notices, deliveries and channels take and give."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.logs import redact
from app.notices.channels import manual
from app.notices.rules import NoticeState, Reason, Slot, State, notice_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.notices.models import Notice
    from app.notices.queries import Sent
    from app.notices.scene import Preview
    from app.roster.models import Unit

AudienceKind = Literal[
    "province", "bureau", "branch", "liaison", "leader", "forecast", "nudge", "organisers", "administrators"
]
PreviewKind = Literal["province", "bureau", "branch", "liaison", "leader"]
SlotName = Literal["08:00", "12:00", "18:00", "22:00"]
Kind = Literal["wecom_robot", "manual"]
Secret = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[\x21-\x7e]+$")
]


Stands = Annotated[
    NoticeState,
    Field(
        description="planned：已生成，等待或正在发送；held：有人暂缓了本时段，文字和数据已固定，恢复后发出；sent：各条消息均已送达（含人工确认、转发）；"
        "attention：至少一条要由人处理（uncertain、dead、to_forward）或超过时限未发（expired），见 deliveries；"
        "skipped：本时段不发，superseded：已过时限、由后一时段覆盖，二者的原因见 reason"
    ),
]
Why = Annotated[
    Reason | None,
    Field(
        description="不发的原因。contest-paused：竞赛暂停；day-not-open：当日尚未开放；nobody-expected：无应参赛人员；"
        "already-thanked：此前已通报全员完成；missed：已过时限；held-past-window：暂缓期间过了发送时限；held-and-dropped：暂缓后取消；slot-held：所预告的时段正在暂缓；day-not-counted：当日不计入竞赛；"
        "nobody-holds-role：该单位没有联络员（负责人），请在花名册中设置角色；"
        "no-private-channel：没有可发私信的通道，请管理员为该单位或上级单位添加受众为 officers 的通道；"
        "no-private-account：联络员（负责人）没有企业微信账号，请在花名册中补上；nobody-left：没有需要提示的人员。"
        "发给个人的通报因上述原因没有发出的，本人仍可在此查看全文"
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AudienceRef(_Body):
    """受众：省厅群、市局群、分局群，或分局的联络员、负责人."""

    kind: PreviewKind
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


class AttemptOut(BaseModel):
    """一次发送；finished_at 为空的正在进行或中断了；只保留90天."""

    number: int
    started_at: dt.datetime
    finished_at: dt.datetime | None
    outcome: State | None
    detail: str | None


class DeliveryOut(BaseModel):
    """通报的一条消息及其投递状态."""

    id: str
    channel: ChannelRef
    part: int
    kind: Literal["text", "image", "alert"] = Field(
        description="text：文字；image：排名图；alert：告知管理员另一条消息未能送达，不影响通报的 state"
    )
    recipients: list[str] | None = Field(description="发给个人的：收件账号（形似手机号的隐去）；发到群的为 null")
    state: State
    attempts: int
    history: list[AttemptOut] = Field(description="各次发送，先后为序")
    last_error: str | None = Field(description="没有发出的原因和办法；sent 而有值的，是部分收件人没有收到")
    sent_at: dt.datetime | None
    settled_by: str | None = Field(description="最近一次重发、确认或标记已转发的人；没有的为 null")
    text: str = Field(description="该条消息的全文，供人工转发时复制")


class WrittenWith(BaseModel):
    """所用的模板和版本."""

    id: str
    version: int


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
    template: WrittenWith | None = Field(description="所用的本单位模板及其版本；内置文字为 null")
    warning: str | None = Field(description="本单位的模板写不出这份通报、改用内置文字的原因；没有的为 null")
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


def audience_view(kind: str, unit: Unit) -> dict[str, Any]:
    """Return an audience as the API names it."""
    return {"kind": kind, "id": str(unit.id), "name": unit.name}


def delivery_view(sent: Sent) -> dict[str, Any]:
    """Return a delivery with its channel; never the channel's address."""
    delivery, channel = sent.delivery, sent.channel
    return {
        "id": str(delivery.id),
        "channel": {"id": str(channel.id), "name": channel.name, "kind": channel.kind}
        if channel
        else {"id": None, "name": manual.LABEL, "kind": manual.KIND},
        "part": delivery.part,
        "kind": delivery.kind,
        "recipients": redact(delivery.recipients),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "history": [
            {
                "number": attempt.number,
                "started_at": attempt.started_at,
                "finished_at": attempt.finished_at,
                "outcome": attempt.outcome,
                "detail": attempt.detail,
            }
            for attempt in sent.history
        ],
        "last_error": delivery.last_error,
        "sent_at": delivery.sent_at,
        "settled_by": sent.settled_by,
        "text": delivery.payload,
    }


def notice_view(notice: Notice, audience: Unit, deliveries: Sequence[Sent]) -> dict[str, Any]:
    """Return a notice with its deliveries."""
    return {
        "id": str(notice.id),
        "contest_id": str(notice.contest_id),
        **_frozen(notice, audience, deliveries),
        "template": {"id": str(notice.template_id), "version": notice.template_version} if notice.template_id else None,
        "warning": notice.warning,
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
        "state": notice_state(
            notice.state, [sent.delivery.state for sent in deliveries if sent.delivery.kind != "alert"]
        ),
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
