"""Over HTTP: nobody is sent everything twice, however the second channel's address is written."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import delete, func, select, text

from app.commands.place import seal_channels
from app.notices.channels.identity import identity_of
from app.notices.channels.receivers import receivers
from app.notices.models import ChannelIdentity
from tests.notices.helpers import Groups
from tests.notices.shops import APP, add, with_settings
from tests.notices.test_channel_kinds import BODIES, MAIL, body
from tests.notices.vendors import WEBHOOK_SECRET

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=T"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/h"
HOOK = "https://8.8.8.8/in?a=1&b=2"


def mail(*recipients: str, **more: Any) -> dict[str, Any]:
    return {"settings": {**MAIL, "recipients": list(recipients), **more}}


async def added(groups: Groups, kind: str, **more: Any) -> httpx.Response:
    async with groups.town.as_("管理员") as admin:
        return await admin.post("/channels", json=body(groups, kind, **more))


async def noted(groups: Groups) -> int:
    async with groups.town.services.database.reads() as session:
        return await session.scalar(select(func.count()).select_from(ChannelIdentity)) or 0


@pytest.mark.parametrize(
    ("kind", "url", "same"),
    [
        ("wecom_robot", WECOM, WECOM + "&"),
        ("wecom_robot", WECOM, WECOM.replace("qyapi", "QYAPI")),
        ("wecom_robot", WECOM, WECOM.replace(".com/", ".com:443/")),
        ("wecom_robot", WECOM, WECOM + "&debug=1#x"),
        ("dingtalk", DINGTALK, DINGTALK.replace("?", "?x=&")),
        ("feishu", FEISHU, FEISHU + "/?a=b"),
        ("webhook", HOOK, "https://8.8.8.8:443/in/?b=2&a=1&c="),
        ("webhook", HOOK, "https://8.8.8.8/%69n?b=2&a=1"),
    ],
)
async def test_one_group_in_two_spellings(groups: Groups, kind: str, url: str, same: str) -> None:
    more = {"secret": WEBHOOK_SECRET} if kind == "webhook" else {}
    assert (await added(groups, kind, url=url, **more)).status_code == 201
    again = await added(groups, kind, url=same, **more)
    assert (again.status_code, again.json()["code"]) == (409, "channel-exists")
    assert "两遍通报" in again.json()["detail"]
    assert (await added(groups, kind, unit="梅江", url=same, **more)).status_code == 201


@pytest.mark.parametrize(
    ("kind", "url", "other"),
    [
        ("wecom_robot", WECOM, WECOM + "2"),
        ("wecom_robot", "http://127.0.0.1:9/x", "http://127.0.0.1:8/x"),
        ("dingtalk", DINGTALK, DINGTALK + "2"),
        ("feishu", FEISHU, FEISHU + "2"),
        ("feishu", "http://127.0.0.1:9", "http://127.0.0.1:8"),
        ("webhook", HOOK, HOOK.replace("/in", "/IN")),
        ("webhook", HOOK, HOOK.replace("8.8.8.8", "8.8.4.4")),
    ],
)
def test_other_addresses_are_other_groups(kind: str, url: str, other: str) -> None:
    assert receivers(kind, url, {}) != receivers(kind, other, {})


def test_of_a_member_named_twice_both_count() -> None:
    assert identity_of("https://v.example/?key=b&key=a", member="key") == "key=a|b"


def test_what_cannot_be_read_leads_to_nobody() -> None:
    assert receivers("wecom_robot", "https://[::1/x", {}) == receivers("wecom_robot", None, {}) == {}
    assert receivers("email", None, {}) == receivers("manual", None, {}) == {}


async def test_two_mail_channels_share_no_recipient(groups: Groups) -> None:
    first = (await added(groups, "email", **mail("a@example.org", "b@example.org"))).json()
    again = await added(groups, "email", **mail("c@example.org", "B@Example.org", host="localhost.invalid"))
    assert (again.status_code, "B@Example.org" in again.json()["detail"]) == (409, True)
    assert "c@example.org" not in again.json()["detail"]
    assert (await added(groups, "email", unit="梅江", **mail("b@example.org"))).status_code == 201
    async with groups.town.as_("管理员") as admin:
        path = f"/channels/{first['id']}"
        assert (await admin.patch(path, json=mail("a@example.org"))).status_code == 200
        other = (await admin.post("/channels", json=body(groups, "email", **mail("b@example.org")))).json()
        back = await admin.patch(path, json=mail("a@example.org", "b@example.org"))
        assert (back.status_code, back.json()["code"]) == (409, "channel-exists")
        assert (await admin.delete(f"/channels/{other['id']}")).status_code == 204
        assert (await admin.patch(path, json=mail("a@example.org", "b@example.org"))).status_code == 200


async def test_officers_have_one_mail_channel_a_domain(groups: Groups) -> None:
    def officers(domain: str) -> dict[str, Any]:
        return {"audience": "officers", "settings": {**MAIL, "domain": domain}}

    assert (await added(groups, "email", **officers("bureau.example"))).status_code == 201
    again = await added(groups, "email", **officers("Bureau.Example"))
    assert (again.status_code, "Bureau.Example" in again.json()["detail"]) == (409, True)
    assert (await added(groups, "email", **officers("other.example"))).status_code == 201
    assert (await added(groups, "email", **mail("x@bureau.example"))).status_code == 201


async def test_an_application_speaks_to_each_once(groups: Groups) -> None:
    with_settings(groups, wecom_url="http://127.0.0.1:9")

    def app(*people: str, **more: Any) -> dict[str, Any]:
        return {"settings": {**APP, "recipients": list(people), **more}}

    assert (await added(groups, "wecom_app", **app("zhang", "li"))).status_code == 201
    assert "LI" in (await added(groups, "wecom_app", **app("wang", "LI"))).json()["detail"]
    assert (await added(groups, "wecom_app", **app("li", agent_id=7))).status_code == 201
    officers = {"audience": "officers", "settings": APP}
    assert [(await added(groups, "wecom_app", **officers)).status_code for _ in range(2)] == [201, 409]


async def test_of_two_at_once_one_is_added(groups: Groups) -> None:
    answers = await asyncio.gather(
        added(groups, "email", **mail("a@example.org", "b@example.org")),
        added(groups, "email", **mail("b@example.org", "a@example.org")),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_channels_of_before_count_at_once_and_after_migrating(groups: Groups) -> None:
    double = quote(groups.robot.url("丰顺"), safe=":/?=")
    assert await noted(groups) == 0
    assert (await added(groups, "wecom_robot", unit="丰顺", url=double)).status_code == 409
    await seal_channels(groups.town.services.settings)
    assert await noted(groups) == 3
    assert (await added(groups, "wecom_robot", unit="丰顺", url=double)).status_code == 409


async def test_migrating_leaves_doubles_of_before_as_they_are(groups: Groups) -> None:
    await add(groups, "丰顺", "wecom_robot", url=groups.robot.url("丰顺") + "&")
    await seal_channels(groups.town.services.settings)
    await seal_channels(groups.town.services.settings)
    assert await noted(groups) == 3
    path = f"/channels/{groups.channels['丰顺']}"
    async with groups.town.as_("管理员") as admin:
        assert (await admin.patch(path, json={"name": "改名", "settings": {}})).status_code == 200
        assert (await admin.patch(path, json={"url": groups.robot.url("new")})).status_code == 200
    assert await noted(groups) == 4


async def test_without_a_key_migrating_notes_nothing(groups: Groups) -> None:
    await seal_channels(groups.town.services.settings)
    async with groups.town.services.database.sessions.begin() as session:
        await session.execute(delete(ChannelIdentity))
    await seal_channels(groups.town.services.settings.model_copy(update={"secret_key": None, "data_dir": None}))
    assert await noted(groups) == 0


async def test_what_another_key_sealed_is_left_out(groups: Groups) -> None:
    await seal_channels(groups.town.services.settings)
    with_settings(groups, secret_key="another key of more than 32 characters")
    assert (
        await added(groups, "wecom_robot", unit="丰顺", url=quote(groups.robot.url("丰顺"), safe=":/?="))
    ).status_code == 201


async def test_nothing_of_an_address_or_recipient_lies_plain(groups: Groups) -> None:
    await added(groups, "email", **mail("secret-name@example.org"))
    await added(groups, "feishu", url=BODIES["feishu"]["url"])
    async with groups.town.services.database.reads() as session:
        held = (await session.scalars(text("SELECT identity FROM channel_identity"))).all()
    assert len(held) == 2
    assert all(one.startswith("sealed:1:") for one in held)
