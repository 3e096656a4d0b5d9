"""The DingTalk group robot (钉钉群机器人): markdown with a title, signed in the address."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from app.notices.channels.base import JSON, Adapter, Codes, Message, Way, in_parts, judged
from app.notices.channels.identity import identity_of
from app.notices.channels.line import Post

if TYPE_CHECKING:
    from app.notices.rules import Outcome

LIMIT = 20_000
"""Bytes of the whole body of a POST."""

_REST = 600  # seconds for which a robot that was too quick is shut out
CODES = Codes(
    "钉钉",
    rate={130101: _REST, 410100: _REST},
    busy=frozenset({-1}),
    explained={
        310000: "机器人的安全设置不允许：请核对自定义关键词、加签密钥或IP地址段（以括号内的原话为准），改正通道后重发。",
        300001: "机器人地址无效；请在群内重新添加机器人并更新通道地址，再重发。",
        300005: "机器人地址无效；请在群内重新添加机器人并更新通道地址，再重发。",
        400013: "该群已解散；请换一个群，更新通道地址后重发。",
        400102: "机器人已停用；请在群设置中启用后重发。",
        460101: "消息超出长度限制；请联系系统管理员。",
    },
)


def signature(secret: str, milliseconds: int) -> str:
    """Return the sign of a POST: base64 of HMAC-SHA256 over timestamp and secret, by the secret."""
    mac = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def _body(title: str, text: str) -> bytes:
    return orjson.dumps({"msgtype": "markdown", "markdown": {"title": title, "text": text}})


def _markdown(title: str, body: str) -> str:
    # One line end alone is a space in DingTalk's markdown.
    return "\n\n".join([f"#### {title}", *(line for line in body.split("\n") if line)])


class DingTalk(Adapter):
    """Adapter of the kind `dingtalk`."""

    kind = "dingtalk"
    hosts = frozenset({"oapi.dingtalk.com"})
    per_minute = 20
    keyed = "may"  # a robot may be secured by keyword or address instead

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the group, which the token tells."""
        return {identity_of(url, member="access_token"): ""} if url else {}

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:  # noqa: ARG002
        """Return the notice as markdown whose POST stays within 20,000 bytes."""
        return in_parts(title, body, limit=LIMIT, form=_markdown, size=lambda text: len(_body(title, text)))

    def post(self, way: Way, message: Message) -> Post:
        """Return the signed POST of one markdown text."""
        url = httpx.URL(way.url)
        if way.secret:
            now = int(message.at.timestamp() * 1000)
            url = url.copy_merge_params({"timestamp": str(now), "sign": signature(way.secret, now)})
        return Post(str(url), _body(message.title, message.text), JSON)

    def judge_body(self, body: bytes) -> Outcome:
        """Judge by `errcode`; 130101 shuts the robot out for ten minutes."""
        return judged(CODES, body, "errcode", words="errmsg")
