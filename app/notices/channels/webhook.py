"""A generic webhook after Standard Webhooks: signed JSON, and an id by which the receiver drops a second copy."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import orjson

from app.core.clock import wire
from app.notices.channels.base import JSON, Adapter, Message, Way
from app.notices.channels.line import Answer, Post
from app.notices.rules import Outcome, State, outcome_of_status

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
_SLOWLY = 60
_LONGEST = 600
_GONE, _TOO_MANY = 410, 429
_SLOW_DOWN = {_TOO_MANY, 502, 504}


def signature(secret: str, key: str, seconds: int, body: bytes) -> str:
    """Return the `webhook-signature` of a POST: HMAC-SHA256 over id, timestamp and body."""
    mac = hmac.new(_key(secret), f"{key}.{seconds}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


class Webhook(Adapter):
    """Adapter of the kind `webhook`."""

    kind = "webhook"
    hosts = None
    per_minute = 60
    repeats_for = dt.timedelta(hours=24)
    keyed = "must"

    def secret_problem(self, secret: str) -> str | None:
        """Return what is wrong with a secret that is not `whsec_` and 24 to 64 bytes in base64."""
        try:
            if secret.startswith(_PREFIX) and len(_key(secret)) in _KEY_BYTES:
                return None
        except (binascii.Error, ValueError):
            pass
        return "密钥应当以 whsec_ 开头，其后为24至64个字节的 base64；请从接收方的设置页完整复制。"

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:  # noqa: ARG002
        """Return the whole body: the title is a member of its own."""
        return [body or title]

    def post(self, way: Way, message: Message) -> Post:
        """Return the signed POST; at another attempt body and id are the same, timestamp and signature are not."""
        about = wire(message.about)
        data = {"title": message.title, "text": message.text}
        body = orjson.dumps({"type": "notice.published", "timestamp": about, "data": data})
        seconds = int(message.at.timestamp())
        headers = {
            "webhook-id": message.key,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(way.secret or "", message.key, seconds, body),
        }
        return Post(way.url, body, JSON | headers)

    def judge(self, answer: Answer) -> Outcome:
        """Judge by the status alone: any 2xx is taken, 410 ends the channel, 429, 502 and 504 slow it down."""
        if answer.status == _GONE:
            detail = "接收方表示此地址永久停用（HTTP 410），通道已自动停用；请更新通道地址并启用，再重发。"
            return Outcome(State.DEAD, detail, close=True)
        decided = outcome_of_status(answer.status)
        if decided and answer.status in _SLOW_DOWN:
            return Outcome(decided.state, decided.detail, block=_rest(answer.headers))
        return decided or Outcome(State.SENT)


def _rest(headers: Mapping[str, str]) -> int:
    asked = headers.get("retry-after", "")
    return min(max(int(asked), 1), _LONGEST) if asked.isascii() and asked.isdigit() else _SLOWLY
