"""The WeCom group robot (企业微信群机器人): plain `text`, which every client shows, at most 2048 bytes a message."""

from __future__ import annotations

import orjson

from app.core.logs import redact
from app.notices.channels.base import Post
from app.notices.rules import UNREADABLE, Outcome, State, split

LIMIT = 2048
"""Bytes, not characters, of one text message."""

RATE_BLOCK = 60
_NUMBERING = len("（999/999）\n".encode())
_OK = 0
_BUSY = -1
_RATE = {45009, 45033}
_EXPLAINED = {
    93000: "机器人地址无效，或机器人已被移出该群；请在群内重新添加机器人并更新通道地址，再重发。",
    40058: "消息超出长度限制或格式不符；请联系系统管理员。",
}


class WecomRobot:
    """Adapter of the kind `wecom_robot`."""

    kind = "wecom_robot"
    hosts = frozenset({"qyapi.weixin.qq.com"})
    per_minute = 20

    def parts(self, title: str, body: str) -> list[str]:
        """Return the notice as texts of at most 2048 bytes; several are numbered and each begins with the title."""
        whole = f"{title}\n{body}"
        if len(whole.encode()) <= LIMIT:
            return [whole]
        texts = split(body, LIMIT - len(title.encode()) - _NUMBERING)
        return [f"{title}（{number}/{len(texts)}）\n{text}" for number, text in enumerate(texts, 1)]

    def post(self, url: str, secret: str | None, text: str) -> Post:  # noqa: ARG002 - the address is the secret
        """Return the POST of one text message."""
        content = orjson.dumps({"msgtype": "text", "text": {"content": text}})
        return Post(url, content, {"Content-Type": "application/json"})

    def judge(self, body: bytes) -> Outcome:
        """Judge by `errcode`, which is what counts: errors arrive as HTTP 200."""
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return UNREADABLE
        code = answer.get("errcode") if isinstance(answer, dict) else None
        if type(code) is not int:
            return UNREADABLE
        if code == _OK:
            return Outcome(State.SENT)
        if code in _RATE:
            return Outcome(State.RETRY, f"发送过于频繁（错误码{code}），一分钟后自动重试。", block=RATE_BLOCK)
        if code == _BUSY:
            return Outcome(State.RETRY, "企业微信系统繁忙（错误码-1），稍后自动重试。")
        said = redact(str(answer.get("errmsg", "")))[:200]
        explained = _EXPLAINED.get(code, "请检查通道设置，改正后重发。")
        return Outcome(State.DEAD, f"企业微信拒绝接收（错误码{code}：{said}）。{explained}")
