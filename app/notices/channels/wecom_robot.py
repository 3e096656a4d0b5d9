"""The WeCom group robot (企业微信群机器人): text, two kinds of markdown, and the ranking picture."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Literal

import orjson

from app.notices.channels.base import JSON, Adapter, Codes, Message, PictureOptions, Way, in_parts, judged
from app.notices.channels.identity import identity_of
from app.notices.channels.line import Post

if TYPE_CHECKING:
    from app.notices.rules import Outcome

LIMITS = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
"""Bytes, not characters, of one message."""

CODES = Codes(
    "企业微信",
    rate={45009: 60, 45033: 60},
    busy=frozenset({-1}),
    explained={
        93000: "机器人地址无效，或机器人已被移出该群；请在群内重新添加机器人并更新通道地址，再重发。",
        40058: "消息超出长度限制或格式不符；请联系系统管理员。",
        40009: "图片超出大小限制；请联系系统管理员。",
    },
)


class RobotOptions(PictureOptions):
    """`text` is shown by every client; markdown_v2 only as plain text by old ones."""

    format: Literal["text", "markdown", "markdown_v2"] = "text"


class WecomRobot(Adapter):
    """Adapter of the kind `wecom_robot`."""

    kind = "wecom_robot"
    hosts = frozenset({"qyapi.weixin.qq.com"})
    per_minute = 20
    picture_limit = 2 << 20
    options = RobotOptions

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the group, which the key tells."""
        return {identity_of(url, member="key"): ""} if url else {}

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:
        """Return the notice as texts within the format's limit; several are numbered and each begins with the title."""
        form = (options or RobotOptions()).format
        if form == "text":
            return in_parts(title, body, limit=LIMITS[form])
        return in_parts(title, body, limit=LIMITS[form], form="**{}**\n{}".format)

    def post(self, way: Way, message: Message) -> Post:
        """Return the POST of one text, or of the picture."""
        form = (way.options or RobotOptions()).format
        content: dict[str, Any] = {"msgtype": form, form: {"content": message.text}}
        if message.picture is not None:
            # The vendor asks for MD5, over the picture before base64.
            digest = hashlib.md5(message.picture, usedforsecurity=False).hexdigest()
            picture = {"base64": base64.b64encode(message.picture).decode(), "md5": digest}
            content = {"msgtype": "image", "image": picture}
        return Post(way.url, orjson.dumps(content), JSON)

    def judge_body(self, body: bytes) -> Outcome:
        """Judge by `errcode`, which is what counts: errors arrive as HTTP 200."""
        return judged(CODES, body, "errcode", words="errmsg")
