"""Over HTTP: a stored secret does not go along to another server, address or login."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.notices.helpers import Groups
from tests.notices.mailserver import MailServer
from tests.notices.shops import APP, KINDS, add, with_settings
from tests.notices.test_channel_kinds import body
from tests.notices.vendors import WEBHOOK_SECRET

MAIL = {"host": "mail.invalid", "sender": "l@example.org", "recipients": ["a@example.org"]}
HOOK = "https://8.8.8.8/in"
STORED: dict[str, dict[str, Any]] = {
    "email": {"secret": "mail-password", "settings": MAIL},
    "wecom_app": {"secret": "corp-secret", "settings": {**APP, "recipients": ["zhang"]}},
    "webhook": {"secret": WEBHOOK_SECRET, "url": HOOK},
    "dingtalk": {"secret": "SEC1", "url": "https://oapi.dingtalk.com/robot/send?access_token=k"},
    "feishu": {"secret": "SEC1", "url": "https://open.feishu.cn/open-apis/bot/v2/hook/k"},
    "wecom_robot": {"url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"},
}


async def changed(groups: Groups, kind: str, *changes: dict[str, Any]) -> list[tuple[int, str | None]]:
    """The status and first pointer of each change of one channel."""
    with_settings(groups, wecom_url="http://127.0.0.1:9")
    async with groups.town.as_("管理员") as admin:
        made = await admin.post("/channels", json={**body(groups, kind), "url": None, **STORED[kind]})
        assert made.status_code == 201, made.text
        answers = [await admin.patch(f"/channels/{made.json()['id']}", json=change) for change in changes]
    return [(a.status_code, (a.json().get("errors") or [{"pointer": None}])[0]["pointer"]) for a in answers]


@pytest.mark.parametrize(
    "other",
    [{"host": "evil.invalid"}, {"port": 2525}, {"security": "starttls"}, {"username": "root"}, {"sender": "x@example.org"}],
)  # fmt: skip
async def test_a_mail_password_stays_with_its_server_and_login(groups: Groups, other: dict[str, Any]) -> None:
    moved = {"settings": {**MAIL, **other}}
    anew = {**moved, "secret": "the-same-or-another"}
    assert await changed(groups, "email", moved, anew) == [(422, "/secret"), (200, None)]


async def test_what_does_not_move_the_password_needs_none(groups: Groups) -> None:
    more = {
        "sender_name": "执法监督科",
        "recipients": ["b@example.org"],
        "picture": True,
        "port": 465,
        "host": "MAIL.invalid",
    }
    assert await changed(groups, "email", {"settings": {**MAIL, **more}}, {"name": "改名"}) == [(200, None)] * 2


async def test_a_password_may_be_left_behind(groups: Groups) -> None:
    moved = {"settings": {**MAIL, "host": "evil.invalid"}}
    assert await changed(groups, "email", {**moved, "secret": None}, {"settings": MAIL}) == [(200, None)] * 2


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        ("wecom_app", {"settings": {**APP, "corp_id": "ww02", "recipients": ["zhang"]}}),
        ("webhook", {"url": "https://8.8.4.4/in"}),
        ("webhook", {"url": HOOK.replace("8.8.8.8", "8.8.8.8:8443")}),
        ("dingtalk", {"url": "https://oapi.dingtalk.com/robot/send?access_token=other"}),
        ("feishu", {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/other"}),
    ],
)
async def test_another_address_or_enterprise_needs_the_secret_anew(
    groups: Groups, kind: str, moved: dict[str, Any]
) -> None:
    anew = {**moved, "secret": STORED[kind]["secret"]}
    assert await changed(groups, kind, moved, anew) == [(422, "/secret"), (200, None)]


async def test_the_same_address_again_moves_nothing(groups: Groups) -> None:
    for kind in ("webhook", "dingtalk", "feishu"):
        assert await changed(groups, kind, {"url": STORED[kind]["url"]}, {"settings": {}}) == [(200, None)] * 2


async def test_where_no_secret_is_used_none_is_asked_for(groups: Groups) -> None:
    other = {"url": STORED["wecom_robot"]["url"] + "2"}
    assert await changed(groups, "wecom_robot", {"secret": "unused"}, other) == [(200, None)] * 2


async def test_another_server_is_never_told_the_password(groups: Groups) -> None:
    async with MailServer(password="mail-password") as evil, groups.town.as_("管理员") as admin:
        made = (await admin.post("/channels", json=body(groups, "email", **STORED["email"]))).json()
        path, moved = (
            f"/channels/{made['id']}",
            {**MAIL, "host": "127.0.0.1", "port": evil.port, "security": "starttls"},
        )
        refused = await admin.patch(path, json={"settings": moved})
        assert "请在同一次修改中重新填写 secret" in refused.json()["detail"]
        assert (await admin.get("/channels")).json()["items"][-1]["settings"]["host"] == "mail.invalid"
        assert (await admin.post(f"{path}/test")).json()["outcome"] == "retry"


async def test_two_changes_at_once_do_not_bring_it_along_either(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        made = (await admin.post("/channels", json=body(groups, "email", **STORED["email"]))).json()
        path = f"/channels/{made['id']}"
        elsewhere = {**MAIL, "host": "evil.invalid"}
        await admin.patch(path, json={"settings": elsewhere, "secret": "x"})
        home = admin.patch(path, json={"settings": MAIL, "secret": "mail-password"})
        both = await asyncio.gather(home, admin.patch(path, json={"settings": elsewhere}))
        ends = (await admin.get("/channels")).json()["items"][-1]["settings"]["host"]
    assert (both[0].status_code, ends) == (200, "mail.invalid")


async def test_a_secret_under_spoilt_settings_is_asked_for(groups: Groups) -> None:
    await add(groups, "五华", "email", secret="mail-password", settings={"host": "mail.invalid"})
    path = f"/channels/{groups.channels['五华']}"
    async with groups.town.as_("管理员") as admin:
        refused = await admin.patch(path, json={"settings": MAIL})
        assert refused.json()["errors"][0]["pointer"] == "/secret"
        tested = await admin.post(f"{path}/test")
        assert (tested.status_code, tested.json()["code"]) == (409, "channel-not-testable")
        assert "重新填写" in tested.json()["detail"]


async def test_a_secret_of_another_key_is_asked_for(groups: Groups) -> None:
    kind = KINDS["webhook"]
    async with groups.town.as_("管理员") as admin:
        made = (await admin.post("/channels", json=body(groups, "webhook", url=HOOK, secret=kind.secret))).json()
        with_settings(groups, secret_key="another key of more than 32 characters")
    async with groups.town.as_("管理员") as admin:
        refused = await admin.patch(f"/channels/{made['id']}", json={"url": HOOK})
    assert refused.json()["errors"][0]["pointer"] == "/secret"
