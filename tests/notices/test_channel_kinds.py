"""Over HTTP: channels of every kind, what each must hold, and a test message through each."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.roster.models import Officer
from tests.notices.helpers import Groups
from tests.notices.mailserver import MailServer
from tests.notices.shops import APP, KINDS, serving, with_settings
from tests.notices.vendors import WEBHOOK_SECRET

MAIL = {"host": "127.0.0.1", "port": 2525, "security": "none", "sender": "l@example.org"}
BODIES: dict[str, dict[str, Any]] = {
    "wecom_robot": {"url": "http://127.0.0.1:9/x?key=k", "settings": {"format": "markdown"}},
    "wecom_app": {"secret": "corp-secret", "settings": {**APP, "recipients": ["zhang"]}},
    "dingtalk": {"url": "https://oapi.dingtalk.com/robot/send?access_token=k", "secret": "SEC1"},
    "feishu": {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/k"},
    "webhook": {"url": "http://127.0.0.1:9/hook", "secret": WEBHOOK_SECRET},
    "email": {"settings": {**MAIL, "recipients": ["a@example.org"]}},
    "manual": {},
}


def body(groups: Groups, kind: str, audience: str = "branch", unit: str = "五华", **more: Any) -> dict[str, Any]:
    to = {"kind": audience, "id": str(groups.town.units[unit])}
    return {"name": "某群", "kind": kind, "audience": to, **BODIES[kind], **more}


@pytest.mark.parametrize("kind", BODIES)
async def test_every_kind_is_added_changed_and_deleted(groups: Groups, kind: str) -> None:
    with_settings(groups, wecom_url="http://127.0.0.1:9")
    async with groups.town.as_("管理员") as admin:
        made = await admin.post("/channels", json=body(groups, kind))
        assert made.status_code == 201, made.text
        given = BODIES[kind].get("settings", {})
        assert made.json()["settings"].items() >= given.items()
        assert made.json()["has_secret"] == ("secret" in BODIES[kind])
        path = f"/channels/{made.json()['id']}"
        changed = await admin.patch(path, json={"name": "改名", "settings": given})
        assert (changed.status_code, changed.json()["name"]) == (200, "改名")
        assert (await admin.delete(path)).status_code == 204


@pytest.mark.parametrize(
    ("kind", "change", "pointer"),
    [
        ("wecom_robot", {"settings": {"format": "html"}}, "/settings/format"),
        ("wecom_robot", {"settings": {"colour": "red"}}, "/settings/colour"),
        ("wecom_app", {"settings": {"corp_id": "ww01", "recipients": ["zhang"]}}, "/settings/agent_id"),
        ("wecom_app", {"settings": {**APP, "recipients": ["a|b"]}}, "/settings/recipients/0"),
        ("wecom_app", {"settings": {**APP, "recipients": ["zhang", "@all"]}}, "/settings/recipients/1"),
        ("wecom_app", {"settings": APP}, "/settings/recipients"),
        ("wecom_app", {"secret": None}, "/secret"),
        ("wecom_app", {"url": "https://qyapi.weixin.qq.com/x"}, "/url"),
        ("dingtalk", {"url": "https://example.com/robot/send"}, "/url"),
        ("dingtalk", {"audience": "officers"}, "/kind"),
        ("feishu", {"url": None}, "/url"),
        ("webhook", {"secret": "whsec_short"}, "/secret"),
        ("webhook", {"secret": None}, "/secret"),
        ("webhook", {"url": "http://8.8.8.8/x"}, "/url"),
        ("webhook", {"url": "https://10.0.0.1/x"}, "/url"),
        ("email", {"settings": {**MAIL, "host": "10.0.0.1", "recipients": ["a@example.org"]}}, "/settings"),
        ("email", {"settings": {**MAIL, "recipients": ["nobody"]}}, "/settings/recipients/0"),
        ("email", {"secret": "password"}, "/settings/security"),
        ("email", {"audience": "officers"}, "/settings/recipients"),
        ("manual", {"settings": {"x": 1}}, "/settings"),
        ("manual", {"audience": "officers"}, "/kind"),
    ],
)
async def test_what_is_wrong_is_named(groups: Groups, kind: str, change: dict[str, Any], pointer: str) -> None:
    with_settings(groups, wecom_url="http://127.0.0.1:9")
    async with groups.town.as_("管理员") as admin:
        answer = await admin.post("/channels", json={**body(groups, kind), **_audience(groups, change)})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def _audience(groups: Groups, change: dict[str, Any]) -> dict[str, Any]:
    if "audience" not in change:
        return change
    return {**change, "audience": {"kind": change["audience"], "id": str(groups.town.units["五华"])}}


async def test_a_secret_or_address_that_stays_need_not_be_given_again(groups: Groups) -> None:
    with_settings(groups, wecom_url="http://127.0.0.1:9")
    async with groups.town.as_("管理员") as admin:
        app = (await admin.post("/channels", json=body(groups, "wecom_app"))).json()
        moved = {"settings": {**APP, "agent_id": 7, "recipients": ["zhang"]}}
        changed = await admin.patch(f"/channels/{app['id']}", json=moved)
        assert (changed.json()["settings"]["agent_id"], changed.json()["has_secret"]) == (7, True)
        gone = await admin.patch(f"/channels/{app['id']}", json={"secret": None})
        assert gone.json()["errors"][0]["pointer"] == "/secret"
        mail = (await admin.post("/channels", json=body(groups, "email"))).json()
        other = {"settings": {**MAIL, "host": "nothing.invalid", "recipients": ["a@example.org"]}}
        assert (await admin.patch(f"/channels/{mail['id']}", json=other)).json()["target"] == "nothing.invalid"


async def test_a_new_group_is_sent_the_picture_unless_told_otherwise(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        made = (await admin.post("/channels", json=body(groups, "wecom_robot"))).json()
        assert made["settings"] == {"picture": True, "format": "markdown"}
        without = await admin.patch(f"/channels/{made['id']}", json={"settings": {}})
        assert without.json()["settings"] == {"picture": False, "format": "text"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_test_message_goes_through(groups: Groups, kind: str) -> None:
    with serving(kind) as server:
        if kind == "wecom_app":
            with_settings(groups, wecom_url=server.base)
        one = KINDS[kind]
        more: dict[str, Any] = {
            "url": None if kind == "wecom_app" else server.url("k"),
            "secret": one.secret,
            "settings": one.settings,
        }
        async with groups.town.as_("管理员") as admin:
            made = (await admin.post("/channels", json=body(groups, kind, **more))).json()
            told = (await admin.post(f"/channels/{made['id']}/test")).json()
        look = "请向收件人核实" if kind == "wecom_app" else "请到群内查看"
        assert told == {"outcome": "sent", "detail": f"测试消息已发出，{look}。"}
        assert "通道测试" in server.accepted[0][1]


async def test_the_rate_of_a_test_says_how_long_to_wait(groups: Groups) -> None:
    with serving("dingtalk") as server:
        server.faults["k"].append(130101)
        async with groups.town.as_("管理员") as admin:
            given = body(groups, "dingtalk", url=server.url("k"), secret=KINDS["dingtalk"].secret)
            made = (await admin.post("/channels", json=given)).json()
            assert "请10分钟后再测试" in (await admin.post(f"/channels/{made['id']}/test")).json()["detail"]
            again = await admin.post(f"/channels/{made['id']}/test")
    assert (again.status_code, again.headers["retry-after"]) == (429, "600")


async def test_an_officers_channel_is_tested_on_oneself(groups: Groups) -> None:
    async with MailServer() as server, groups.town.as_("管理员") as admin:
        settings = {**MAIL, "port": server.port, "domain": "bureau.example"}
        given = body(groups, "email", "officers", "市局", settings=settings)
        made = (await admin.post("/channels", json=given)).json()
        assert made["audience"]["kind"] == "officers"
        refused = await admin.post(f"/channels/{made['id']}/test")
        assert (refused.status_code, refused.json()["code"]) == (409, "channel-not-testable")
        async with groups.town.services.database.sessions.begin() as session:
            own = await session.scalar(select(Officer).where(Officer.name == "管理员"))
            assert own
            own.wecom_userid = "admin"
        told = (await admin.post(f"/channels/{made['id']}/test")).json()
        assert told == {"outcome": "sent", "detail": "测试消息已发出，请在本人的企业微信或邮箱中查看。"}
        assert server.mails[0][1] == ["admin@bureau.example"]


async def test_groups_of_every_level_and_of_no_other(groups: Groups) -> None:
    await groups.town.officer("省管理员", "省厅", roles=["admin"], takes_part=False)
    async with groups.town.as_("省管理员") as admin:
        for audience, unit, status in (
            ("province", "省厅", 201),
            ("bureau", "市局", 201),
            ("branch", "梅江", 201),
            ("province", "市局", 422),
        ):
            url = groups.robot.url(f"{audience}{status}")
            answer = await admin.post("/channels", json=body(groups, "wecom_robot", audience, unit, url=url))
            assert answer.status_code == status, answer.text
