"""The Feishu group robot (飞书群机器人): text, signed in the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import orjson

from app.notices.channels.base import JSON, Adapter, Codes, Message, Way, answered, in_parts, judged
from app.notices.channels.identity import identity_of
from app.notices.channels.line import Answer, Post

if TYPE_CHECKING:
    from app.notices.rules import Outcome

LIMIT = 20 << 10
"""Bytes of the whole body of a POST, its sign included."""

_BAD_REQUEST = 400
_SIGN = {"timestamp": "9" * 10, "sign": "=" * 44}  # as long as any
CODES = Codes(
    "飞书",
    rate={11232: 60},
    busy=frozenset({11233}),
    explained={
        19001: "机器人地址无效，或机器人已被移出该群；请在群内重新添加机器人并更新通道地址，再重发。",
        19021: "签名不对：请在通道中重新填写机器人的签名校验密钥，并检查服务器时间，再重发。",
        19022: "本机的公网地址不在机器人的IP白名单中；请在机器人的安全设置中添加后重发。",
        19024: "消息中没有机器人要求的关键词；请在机器人的安全设置中改用签名校验，或改关键词后重发。",
        9499: "消息格式不符；请联系系统管理员。",
    },
)


def signature(secret: str, seconds: int) -> str:
    """Return the sign of a POST: base64 of HMAC-SHA256 over nothing, by timestamp and secret."""
    return base64.b64encode(hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def _body(text: str, sign: dict[str, str]) -> bytes:
    return orjson.dumps({**sign, "msg_type": "text", "content": {"text": text}})


class Feishu(Adapter):
    """Adapter of the kind `feishu`."""

    kind = "feishu"
    hosts = frozenset({"open.feishu.cn"})
    per_minute = 100
    per_second = 5
    keyed = "may"  # a robot may be secured by keyword or address instead

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the group, which the last piece of the path tells."""
        return {identity_of(url, last_piece=True): ""} if url else {}

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:  # noqa: ARG002
        """Return the notice as texts whose POST stays within 20 KB."""
        return in_parts(title, body, limit=LIMIT, size=lambda text: len(_body(text, _SIGN)))

    def post(self, way: Way, message: Message) -> Post:
        """Return the signed POST of one text."""
        sign = {}
        if way.secret:
            now = int(message.at.timestamp())
            sign = {"timestamp": str(now), "sign": signature(way.secret, now)}
        return Post(way.url, _body(message.text, sign), JSON)

    def judge(self, answer: Answer) -> Outcome:
        """Judge by the code, which a refusal with HTTP 400 carries too."""
        if answer.status == _BAD_REQUEST and answered(answer.body, "code"):
            return self.judge_body(answer.body)
        return super().judge(answer)

    def judge_body(self, body: bytes) -> Outcome:
        """Judge by `code`, or by `StatusCode`, the older form of success."""
        return judged(CODES, body, "code", "StatusCode", words="msg")
