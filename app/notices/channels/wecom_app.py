"""Messages of a WeCom application (企业微信应用消息): private, to named people; a second copy is dropped by WeCom."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import httpx
import orjson
from pydantic import Field, StringConstraints

from app.notices.channels.base import JSON, Adapter, Codes, Message, Options, Way, answered, in_parts, named, said
from app.notices.channels.line import Answer, Post
from app.notices.rules import UNREADABLE, Outcome, State, outcome_of_status
from app.roster.rules import WECOM_USERID, is_wecom_userid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.notices.channels.line import Line

LIMIT = 2048
"""Bytes of one text; WeCom cuts off the rest without a word."""

_DROPPED_FOR = 1800  # seconds; asked for with each message
_EARLY = 300  # seconds before its expiry at which a token is renewed
_MOST_TOKENS = 256
_TOKEN_OVER = {40014, 42001}
_UNFIT = "不是单个账号"
_MISSED = {"invaliduser": "账号不存在或不在应用的可见范围内", "unlicenseduser": "没有企业微信接口许可"}
CODES = Codes(
    "企业微信",
    rate={45009: 60, 45033: 60},
    busy=frozenset({-1}),
    explained={
        40001: "应用的密钥（corpsecret）不对；请在通道中重新填写后重发。",
        40013: "企业ID（corp_id）不对；请在通道中改正后重发。",
        40056: "应用ID（agent_id）不对；请在通道中改正后重发。",
        60020: "本机的公网地址不在应用的“企业可信IP”中；请在企业微信管理后台添加后重发。",
        81013: "接收人的账号都不存在或不在应用的可见范围内；请核对名册中的企业微信账号和应用的可见范围，再重发。",
        301002: "该密钥无权使用此应用（agent_id）；请核对后改正通道，再重发。",
    },
)

_TOKEN_LIMIT = 8.0  # seconds; while a token is got nothing has been sent, so its hanging must not look like a doubt
_TOKEN_SHARE, _TOKEN_UNTIL = 0.4, 0.95  # of the whole exchange, where that is shorter

Account = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=WECOM_USERID)]


class AppOptions(Options):
    """Which application speaks, and (not for officers' channels) to whom."""

    corp_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
    agent_id: Annotated[int, Field(ge=0)]
    recipients: list[Account] = Field(default_factory=list, max_length=5000)


class WecomApp(Adapter):
    """Adapter of the kind `wecom_app`."""

    kind = "wecom_app"
    hosts = frozenset({"qyapi.weixin.qq.com"})
    per_minute = 25  # one person takes 30 a minute; what is beyond is dropped without an error
    repeats_for = dt.timedelta(seconds=_DROPPED_FOR - 120)  # the first copy may have come in late
    recipients_at_once = 1000
    takes_url = False
    keyed = "must"
    options = AppOptions

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str, bytes], tuple[str, float]] = {}

    def address(self, url: str | None, options: Any, wecom_url: str) -> str:  # noqa: ARG002
        """Return the installation's WeCom (粤政易 has a host of its own)."""
        return wecom_url.rstrip("/")

    def recipient(self, account: str, options: Any) -> str | None:  # noqa: ARG002
        """Return the account; none for what WeCom would take for several people, or for everybody."""
        return account if is_wecom_userid(account) else None

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the people to whom the application speaks; of an officers' channel the application."""
        application = f"{options.corp_id}/{options.agent_id}"
        return {f"{application}/{one.lower()}": one for one in options.recipients} or {application: ""}

    def secret_for(self, url: str | None, options: Any) -> str:  # noqa: ARG002
        """Return the enterprise whose secret it is; the address is the installation's."""
        return str(options.corp_id)

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:  # noqa: ARG002
        """Return the notice as texts of at most 2048 bytes."""
        return in_parts(title, body, limit=LIMIT)

    def post(self, way: Way, message: Message, token: str = "") -> Post:
        """Return the POST of one text to up to 1000 people."""
        content = {
            "touser": "|".join(message.recipients),
            "msgtype": "text",
            "agentid": way.options.agent_id,
            "text": {"content": message.text},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": _DROPPED_FOR,
        }
        url = f"{way.url}/cgi-bin/message/send?" + urlencode({"access_token": token})
        return Post(url, orjson.dumps(content), JSON)

    async def send(self, line: Line, way: Way, message: Message) -> Outcome:
        """Send with the token at hand; one that WeCom says is over is renewed once."""
        unfit = [person for person in message.recipients if not is_wecom_userid(person)]  # as an older version took it
        message = replace(message, recipients=tuple(one for one in message.recipients if one not in unfit))
        if not message.recipients:
            return Outcome(State.DEAD, f"没有可用的企业微信账号，没有发出。{_advice({_UNFIT: unfit})}")
        until = asyncio.get_running_loop().time() + _TOKEN_UNTIL * line.limit
        for fresh in (False, True):
            token = await self._token(line, way, fresh=fresh, until=until)
            if isinstance(token, Outcome):
                return token
            answer = await line.exchange(self.post(way, message, token))
            found = answered(answer.body, "errcode")
            if found is None or found[0] not in _TOKEN_OVER:
                break
        return self._judge(answer, message, unfit)

    def _judge(self, answer: Answer, message: Message, unfit: list[str]) -> Outcome:
        decided = outcome_of_status(answer.status)
        if decided:
            return decided
        found = answered(answer.body, "errcode")
        if found is None:
            return UNREADABLE
        code, body = found
        if code in _TOKEN_OVER:
            return Outcome(State.RETRY, f"企业微信的访问凭证刚刚失效（错误码{code}），稍后自动重试。")
        if code != 0:
            return CODES.judge(code, said(body, "errmsg"))
        missed = {_UNFIT: unfit} | {reason: _people(body.get(name)) for name, reason in _MISSED.items()}
        left_out = {person.lower() for people in missed.values() for person in people}
        if not left_out:
            return Outcome(State.SENT)
        if left_out >= {person.lower() for person in message.recipients}:
            return Outcome(State.DEAD, f"没有人收到：{_advice(missed)}")
        return Outcome(State.SENT, f"有{len(left_out)}人没有收到：{_advice(missed)}")

    async def _token(self, line: Line, way: Way, *, fresh: bool, until: float) -> str | Outcome:
        key = (way.url, way.options.corp_id, hashlib.sha256((way.secret or "").encode()).digest())
        held = self._tokens.get(key)
        if held and held[1] > time.monotonic() and not fresh:
            return held[0]
        asked = urlencode({"corpid": way.options.corp_id, "corpsecret": way.secret or ""})
        limit = asyncio.get_running_loop().time() + min(_TOKEN_LIMIT, _TOKEN_SHARE * line.limit)
        try:
            async with asyncio.timeout_at(min(limit, until)):
                answer = await line.exchange(Post(f"{way.url}/cgi-bin/gettoken?{asked}", b"", {}, "GET"))
        except (httpx.HTTPError, TimeoutError):
            return Outcome(State.RETRY, "取不到企业微信的访问凭证（连接中断或超时），消息未发出，稍后自动重试。")
        found = answered(answer.body, "errcode")
        if found and found[0] != 0:
            return CODES.judge(found[0], said(found[1], "errmsg"))
        token, lasts = (found[1].get("access_token"), found[1].get("expires_in")) if found else (None, None)
        if not isinstance(token, str) or not isinstance(lasts, int):
            return Outcome(State.RETRY, f"取不到企业微信的访问凭证（HTTP {answer.status}），消息未发出，稍后自动重试。")
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens.clear()
        self._tokens[key] = (token, time.monotonic() + lasts - _EARLY)
        return token


def _advice(missed: Mapping[str, list[str]]) -> str:
    why = "".join(f"{named(people)}{reason}；" for reason, people in missed.items() if people)
    return f"{why}请核对名册中的企业微信账号和应用的可见范围。"


def _people(given: object) -> list[str]:
    # WeCom compares accounts without regard to case, and answers in lower case.
    return [person.lower() for person in given.split("|") if person] if isinstance(given, str) else []
