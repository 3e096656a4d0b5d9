"""What the calls on channels take and give; secrets go in and never come out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.contests.schemas import Line
from app.notices.channels.sealing import shown_target
from app.notices.rules import State

if TYPE_CHECKING:
    from app.notices.models import Channel
    from app.roster.models import Unit

Kind = Literal["wecom_robot", "wecom_app", "dingtalk", "feishu", "webhook", "email", "manual"]
ChannelAudienceKind = Literal["bureau", "branch", "province", "officers"]
Secret = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[\x21-\x7e]+$")
]
Given = Annotated[
    dict[str, Any],
    Field(
        description="不涉密的设置项。wecom_robot：format（text、markdown、markdown_v2）；wecom_app：corp_id、agent_id、"
        "recipients（企业微信账号）；email：host、port、security（tls、starttls、none）、sender、sender_name、username、"
        "recipients、domain（officers 用：企业微信账号@domain 即收件地址）；其余类别没有。"
        "wecom_robot 和 email 另有 picture（文字之后是否发送排名图，新通道默认发送）。"
        "audience 为 officers 时不填 recipients"
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChannelAudienceRef(_Body):
    """受众：省厅、市局、分局的群，或（officers）该单位及下属单位的个人."""

    kind: ChannelAudienceKind
    id: str


class ChannelAudience(BaseModel):
    """受众及其单位名称."""

    kind: ChannelAudienceKind
    id: str
    name: str


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
                },
                {
                    "name": "市局个人提醒",
                    "kind": "wecom_app",
                    "audience": {"kind": "officers", "id": "019aa3b2-5f00-7a10-8000-000000000002"},
                    "secret": "…",
                    "settings": {"corp_id": "ww0123456789abcdef", "agent_id": 1000002},
                },
            ]
        }
    )

    name: Line
    kind: Kind
    audience: ChannelAudienceRef
    url: Secret | None = None
    secret: Secret | None = None
    settings: Given = {}
    enabled: bool = True


class ChannelChanges(_Body):
    """要更改的项；未列出的不变；settings 整体替换."""

    name: Line = ""
    url: Secret = ""
    secret: Secret | None = None
    settings: Given = {}
    enabled: bool = True


class ChannelOut(BaseModel):
    """一个通道；target 只显示地址的主机名."""

    id: str
    name: str
    kind: str
    audience: ChannelAudience
    target: str | None
    has_secret: bool
    settings: dict[str, Any]
    enabled: bool
    blocked_until: dt.datetime | None
    last_error: str | None


class ChannelPage(BaseModel):
    """通道列表."""

    items: list[ChannelOut]
    next: str | None


class TestOut(BaseModel):
    """测试消息的结果；sent 而 detail 说明部分接收人未收到的，为部分送达."""

    outcome: State
    detail: str


def channel_view(channel: Channel, unit: Unit) -> dict[str, Any]:
    """Return a channel without its secrets."""
    kind = "officers" if channel.audience == "officers" else unit.kind
    return {
        "id": str(channel.id),
        "name": channel.name,
        "kind": channel.kind,
        "audience": {"kind": kind, "id": str(unit.id), "name": unit.name},
        "target": shown_target(channel),
        "has_secret": channel.secret is not None,
        "settings": channel.settings or {},
        "enabled": channel.enabled,
        "blocked_until": channel.blocked_until,
        "last_error": channel.last_error,
    }
