"""The other vendors on 127.0.0.1, each with its own limits, signatures, codes and words; after `robot.py`."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.notices.robot import Robot

SECRET = "SEC0123456789abcdef"
WEBHOOK_KEY = bytes(range(32))
WEBHOOK_SECRET = "whsec_" + base64.b64encode(WEBHOOK_KEY).decode()


def mac(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.digest(key, message, "sha256")).decode()


class DingTalkServer(Robot):
    """Markdown with a title, 20,000 bytes, and the sign where the robot has a secret."""

    secret: str | None = SECRET

    def url(self, key: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/robot/send?access_token={key}"

    def key_of(self, path: str) -> str:
        return parse_qs(urlsplit(path).query)["access_token"][0]

    def content(self, body: dict[str, Any]) -> str:
        return str(body["markdown"]["text"])

    def refusal(self, request: dict[str, Any]) -> int:
        query = parse_qs(urlsplit(request["path"]).query)
        if self.secret:
            stamp = query.get("timestamp", [""])[0]
            if query.get("sign") != [mac(self.secret.encode(), f"{stamp}\n{self.secret}".encode())]:
                return 310000
        if len(request["raw"]) > 20000:
            return 460101
        return 0 if request["body"].get("markdown", {}).get("title") else 400105


class FeishuServer(Robot):
    """Text, 20 KB, the sign in the body; `old_form` answers as the first version did."""

    secret: str | None = SECRET
    old_form = False

    def url(self, key: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/open-apis/bot/v2/hook/{key}"

    def key_of(self, path: str) -> str:
        return path.rpartition("/")[2]

    def said(self, code: int) -> dict[str, Any]:
        if self.old_form and code == 0:
            return {"StatusCode": 0, "StatusMessage": "success", "Extra": None}
        return {"code": code, "msg": "success" if code == 0 else f"failed {code}", "data": {}}

    def content(self, body: dict[str, Any]) -> str:
        return str(body["content"]["text"])

    def refusal(self, request: dict[str, Any]) -> int:
        body = request["body"]
        if self.secret and body.get("sign") != mac(f"{body.get('timestamp')}\n{self.secret}".encode(), b""):
            return 19021
        return 9499 if len(request["raw"]) > 20 << 10 or body.get("msg_type") != "text" else 0


class WebhookServer(Robot):
    """Standard Webhooks: keeps one copy of each id, whatever its timestamp."""

    def url(self, key: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{key}"

    def key_of(self, path: str) -> str:
        return path.removeprefix("/")

    def content(self, body: dict[str, Any]) -> str:
        return str(body["data"]["text"])

    def __init__(self) -> None:
        super().__init__()
        self._once = threading.Lock()

    def judge(self, request: dict[str, Any]) -> int:
        head = {name.lower(): value for name, value in request["headers"].items()}
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request["raw"]
        assert head["webhook-signature"] == "v1," + mac(WEBHOOK_KEY, signed)
        with self._once:
            if head["webhook-id"] in self.removed:
                return 0  # seen
            self.removed.add(head["webhook-id"])
            return super().judge(request)

    def refusal(self, request: dict[str, Any]) -> int:  # noqa: ARG002
        return 0


class WecomServer(Robot):
    """Application messages: tokens, 2048 bytes, 1000 people, people who cannot be reached, and no second copies."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets = {"ww01": "corp-secret"}
        self.unknown: set[str] = set()
        self.unlicensed: set[str] = set()
        self.tokens: list[str] = []
        self.expired: set[str] = set()
        self._seen: set[str] = set()
        self._once = threading.Lock()
        self._about = threading.local()  # what a request's answer adds; each has a thread of its own

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def key_of(self, path: str) -> str:  # noqa: ARG002
        return "app"

    def looked_up(self, path: str) -> dict[str, Any]:
        query = parse_qs(urlsplit(path).query)
        if self.secrets.get(query["corpid"][0]) != query["corpsecret"][0]:
            return {"errcode": 40001, "errmsg": "invalid credential"}
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return {"errcode": 0, "errmsg": "ok", "access_token": self.tokens[-1], "expires_in": 7200}

    def said(self, code: int) -> dict[str, Any]:
        return {**super().said(code), "msgid": "m", **getattr(self._about, "missed", {})}

    def content(self, body: dict[str, Any]) -> str:
        return str(body["text"]["content"])

    def judge(self, request: dict[str, Any]) -> int:
        same = json.dumps(request["body"], sort_keys=True)
        with self._once:
            if request["body"].get("enable_duplicate_check") and same in self._seen:
                return 0
            code = super().judge(request)
            if code == 0:
                self._seen.add(same)
            return code

    def refusal(self, request: dict[str, Any]) -> int:
        body, people = request["body"], request["body"]["touser"].split("|")
        token = parse_qs(urlsplit(request["path"]).query)["access_token"][0]
        if token not in self.tokens or token in self.expired:
            return 42001
        if body["agentid"] != 1000002:
            return 40056
        if len(people) > 1000 or len(body["text"]["content"].encode()) > 2048:
            return 40058
        missed = {"invaliduser": self.unknown, "unlicenseduser": self.unlicensed}
        self._about.missed = {name: "|".join(sorted(held & set(people))) for name, held in missed.items()}
        return 81013 if set(people) <= self.unknown else 0
