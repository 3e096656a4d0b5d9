"""Private messages to the end: from the slot over HTTP to WeCom's application, to whom and with which words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.roster.models import Officer
from tests.notices.helpers import Groups
from tests.notices.shops import APP, add, serving, with_settings
from tests.notices.vendors import WecomServer
from tests.times import SetClock, instant

ACCOUNTS = {"联络员": "mj-lxy", "梅江001": "mj-1", "梅江002": "mj-2", "丰顺001": "fs-1"}


@pytest.fixture
async def app_channel(groups: Groups) -> AsyncIterator[WecomServer]:
    """市局 reaches single officers through WeCom; some have accounts, the liaison officer of 梅江 a phone."""
    async with groups.town.services.database.sessions.begin() as session:
        for name, account in ACCOUNTS.items():
            await session.execute(update(Officer).where(Officer.name == name).values(wecom_userid=account))
    with serving("wecom_app") as server:
        with_settings(groups, wecom_url=server.base)
        await add(groups, "市局", "wecom_app", audience="officers", secret="corp-secret", settings=APP)
        yield server


def heard(server: WecomServer) -> dict[str, str]:
    """The text that each set of people was sent, once."""
    texts = {one["body"]["touser"]: one["body"]["text"]["content"] for one in server.kept}
    assert len(texts) == len(server.kept)
    return texts


async def liaisons(reader: httpx.AsyncClient) -> dict[str, Any]:
    """The notice to 梅江's liaison officer as somebody reads it."""
    items = (await reader.get("/notices", params={"kind": "liaison"})).json()["items"]
    (own,) = [item for item in items if item["audience"]["name"] == "梅江"]
    return dict(own)


async def test_a_liaison_officers_noon_arrives(groups: Groups, app_channel: WecomServer) -> None:
    await groups.tick("12:00:10")
    notice = await groups.notice("梅江", "12:00", kind="liaison")
    assert heard(app_channel) == {"mj-lxy": f"{notice.title}\n{notice.body}"}
    assert str(notice.body).startswith("应参赛3人，均未开始")
    (request,) = app_channel.kept
    assert (request["body"]["enable_duplicate_check"], request["body"]["duplicate_check_interval"]) == (1, 1800)
    assert (request["body"]["agentid"], request["body"]["msgtype"]) == (1000002, "text")
    assert not re.search(r"1[3-9]\d{9}", str(request["body"]))


async def test_its_delivery_is_shown_as_sent_to_the_account(
    groups: Groups, app_channel: WecomServer, clock: SetClock
) -> None:
    await groups.tick("12:00:10")
    clock.at("12:05")
    async with groups.town.as_("联络员") as liaison:
        own = await liaisons(liaison)
    ((recipients, state),) = [(one["recipients"], one["state"]) for one in own["deliveries"]]
    assert (own["state"], recipients, state) == ("sent", ["mj-lxy"], "sent")


async def test_a_nudge_arrives_at_those_who_want_it(groups: Groups, app_channel: WecomServer) -> None:
    async with groups.town.as_("梅江002") as officer:
        assert (await officer.patch("/me/preferences", json={"nudges": False})).status_code == 200
    await groups.tick("12:30:10")
    nudges = {people: text for people, text in heard(app_channel).items() if text.startswith("网络知识竞赛第1日\n")}
    ((people, text),) = nudges.items()
    assert sorted(people.split("|")) == ["fs-1", "mj-1", "mj-lxy"]
    assert text.split("\n")[1] == "今日任务尚未开始：每日一测，约5分钟。今日24:00截止。"
    assert not re.search(r"1[3-9]\d{9}", text)


async def test_a_deleted_private_channel_lets_its_messages_expire_and_hands_none_to_a_group(
    groups: Groups, app_channel: WecomServer, clock: SetClock
) -> None:
    await groups.set_channel("市局", blocked_until=instant("13:00"))
    await groups.tick("12:00:10")
    clock.at("12:05")
    async with groups.town.as_("管理员") as admin:
        assert (await admin.delete(f"/channels/{groups.channels['市局']}")).status_code == 204
        own = await liaisons(admin)
    ((state, why),) = [(one["state"], one["last_error"]) for one in own["deliveries"]]
    assert (own["state"], state, app_channel.requests) == ("attention", "expired", [])
    assert "不要转发到群内" in why


async def test_deleted_while_it_is_refused_a_private_message_expires(
    groups: Groups, app_channel: WecomServer, clock: SetClock
) -> None:
    await groups.set_channel("市局", blocked_until=instant("12:05"))
    await groups.tick("12:00:10")
    app_channel.faults["app"].append("hold:-1")
    slow = await groups.posting(groups.worker("12:05"), app_channel)
    async with groups.town.as_("管理员") as admin:
        assert (await admin.delete(f"/channels/{groups.channels['市局']}")).status_code == 204
    app_channel.release.set()
    assert await slow == {"expired": 1}


async def test_in_doubt_when_its_channel_is_deleted_a_private_message_stays_so(
    groups: Groups, app_channel: WecomServer, clock: SetClock
) -> None:
    app_channel.faults["app"].append("close")
    await groups.tick("12:00:10")
    async with groups.town.as_("管理员") as admin:
        assert (await admin.delete(f"/channels/{groups.channels['市局']}")).status_code == 204
        clock.at("12:05")
        own = await liaisons(admin)
        (delivery,) = own["deliveries"]
        assert (delivery["state"], "可能已收到" in delivery["last_error"]) == ("uncertain", True)
        confirmed = (await admin.post(f"/deliveries/{delivery['id']}/confirm")).json()
    assert (confirmed["state"], confirmed["last_error"]) == ("sent", None)
