"""Alerts to administrators, the picture after the text, and attempts that are kept 90 days."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from sqlalchemy import func, select

from app.notices.models import Delivery, DeliveryAttempt
from app.notices.service import tick
from app.roster.models import Officer
from tests.notices.helpers import Groups
from tests.notices.shops import APP, add, serving, with_settings
from tests.times import TODAY, instant


async def with_officers_channel(groups: Groups, server: Any) -> None:
    """市局 reaches its administrator privately."""
    with_settings(groups, wecom_url=server.base)
    kept = groups.channels["市局"]
    await add(groups, "市局", "wecom_app", audience="officers", secret="corp-secret", settings=APP)
    groups.channels["市局"] = kept
    async with groups.town.services.database.sessions.begin() as session:
        (await session.get_one(Officer, groups.town.officers["管理员"])).wecom_userid = "admin"


async def alerts(groups: Groups) -> list[Delivery]:
    async with groups.town.services.database.reads() as session:
        return list(await session.scalars(select(Delivery).where(Delivery.kind == "alert").order_by(Delivery.id)))


async def test_a_dead_delivery_is_told_once_to_the_bureaus_administrators(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append(93000)
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        for time in ("12:00:10", "12:01", "12:02"):
            await groups.tick(time)
        (text,) = server.texts("app")
        (request,) = server.requests
    assert request["body"]["touser"] == "admin"
    assert text.startswith("通报未能送达\n丰顺11月23日12:00的通报经“丰顺群”发送失败。")
    assert "机器人已被移出该群" in text
    assert "key=" not in text


async def test_an_alert_does_not_change_what_is_said_of_the_notice(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append(93000)
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        await groups.tick("12:00:10")
    async with groups.town.as_("管理员") as admin:
        items = {item["audience"]["name"]: item for item in (await admin.get("/notices")).json()["items"]}
        dead = next(d for d in items["丰顺"]["deliveries"] if d["state"] == "dead")
        await admin.post(f"/deliveries/{dead['id']}/resend")
        await groups.worker("12:10").run()
        after = (await admin.get(f"/notices/{items['丰顺']['id']}")).json()
    assert (items["丰顺"]["state"], after["state"]) == ("attention", "sent")
    assert sorted(d["kind"] for d in after["deliveries"]) == ["alert", "text"]
    assert [one["outcome"] for d in after["deliveries"] if d["kind"] == "text" for one in d["history"]] == [
        "dead",
        "sent",
    ]


async def test_two_troubles_of_one_notice_are_two_alerts(groups: Groups) -> None:
    await add(groups, "丰顺", "wecom_robot", url=groups.robot.url("second"))
    groups.robot.faults["丰顺"].append(93000)
    groups.robot.faults["second"].append("close")
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        await groups.tick("12:00:10")
        assert len(server.texts("app")) == 2
    assert [(one.lot, one.state) for one in await alerts(groups)] == [(1, "sent"), (2, "sent")]


async def test_rounds_at_once_alert_once(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append(93000)
    await groups.only_fengshun()
    await groups.worker("12:05").run()
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        await asyncio.gather(*(tick(groups.town.services, now=instant("12:05:01")) for _ in range(3)))
        await groups.tick("12:06")
        assert len(server.texts("app")) == 1


async def test_without_a_channel_the_log_and_a_metric_say_it(groups: Groups, caplog: Any) -> None:
    async def told() -> float:
        async with groups.town.as_("管理员") as admin:
            lines = (await admin.get("http://test/metrics")).text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith('lianbing_alerts_total{way="log"}'))

    before = await told()
    groups.robot.faults["丰顺"].append(93000)
    for time in ("12:00:10", "12:01"):
        await groups.tick(time)
    assert await told() == before + 1
    assert await alerts(groups) == []


async def test_an_alert_that_goes_wrong_raises_no_other(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append(93000)
    with serving("wecom_app") as server:
        server.faults["app"].append(60020)
        await with_officers_channel(groups, server)
        for time in ("12:00:10", "12:01", "12:02"):
            await groups.tick(time)
    assert [one.state for one in await alerts(groups)] == ["dead"]


async def test_the_picture_follows_the_text(groups: Groups) -> None:
    await groups.set_channel("市局", settings={"picture": True})
    await groups.set_channel("丰顺", settings={"picture": True})
    await groups.tick("18:00:10")
    await groups.tick("18:00:40")
    deliveries = await groups.deliveries("市局")
    assert [(d.part, d.kind, d.state) for d in deliveries] == [(1, "text", "sent"), (2, "image", "sent")]
    assert [r["body"]["msgtype"] for r in groups.robot.requests if r["key"] == "市局"] == ["text", "image"]
    assert [d.kind for d in await groups.deliveries("丰顺")] == ["text"]


async def test_the_picture_waits_for_the_text(groups: Groups) -> None:
    await groups.set_channel("市局", settings={"picture": True})
    groups.robot.faults["市局"].append(502)
    await groups.tick("18:00:10")
    assert await groups.states("市局") == ["uncertain", "pending"]


async def test_attempts_are_kept_ninety_days(groups: Groups) -> None:
    await groups.tick("12:00:10")

    async def kept() -> int | None:
        async with groups.town.services.database.reads() as session:
            return await session.scalar(select(func.count()).select_from(DeliveryAttempt))

    await groups.tick("12:00:05", TODAY + dt.timedelta(days=90))
    assert await kept() == 3
    await groups.tick("12:00:15", TODAY + dt.timedelta(days=90))
    assert await kept() == 0
    assert {d.state for d in await groups.deliveries("丰顺")} >= {"sent"}
