"""At the edges: a machine that was off for days, a pause in the morning, days that close early, holds, late words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select, update

from app.contests.models import ContestRules, ContestState
from app.core.ids import new_id
from app.notices.models import Delivery, DeliveryAttempt, Notice
from app.participation.models import FrozenDay
from app.roster.models import Officer
from tests.notices.helpers import TOMORROW, Groups
from tests.notices.private import People
from tests.notices.shops import APP, add, serving, with_settings
from tests.notices.test_alerts import alerts, with_officers_channel
from tests.notices.test_slots_api import act, hold
from tests.participation.rows import YESTERDAY, play
from tests.times import TODAY, SetClock, instant

DAY = dt.timedelta(days=1)


async def states_at(groups: Groups, time: str, day: dt.date = TODAY) -> set[tuple[str, str, str | None]]:
    """(kind, state, reason) of every notice of a slot."""
    async with groups.town.services.database.reads() as session:
        found = await session.execute(
            select(Notice.audience_kind, Notice.state, Notice.reason).where(Notice.slot_at == instant(time, day))
        )
        return {(kind, state, reason) for kind, state, reason in found}


async def set_rules(groups: Groups, **rules: object) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        version = (await session.scalars(select(ContestRules))).one()
        version.rules = {**version.rules, **rules}


async def set_officer(groups: Groups, name: str, **values: object) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.id == groups.town.officers[name]).values(**values))


async def test_off_for_days_after_the_end_the_last_day_is_final_and_its_8_oclock_visible(groups: Groups) -> None:
    await groups.set_contest(ends_on=TODAY)
    await groups.tick("22:00:10")
    for day in (2, 3):
        await groups.tick("09:00", TODAY + day * DAY)
    assert ("bureau", "superseded", "missed") in await states_at(groups, "08:00", TOMORROW)
    async with groups.town.services.database.reads() as session:
        assert set(await session.scalars(select(FrozenDay.day))) == {TODAY}
    assert not [text for text in groups.robot.texts("市局") if "第1期" in text]


async def test_a_pause_in_the_morning_leaves_yesterdays_final(groups: Groups) -> None:
    await play(groups.town, "梅江001", opened="09:00")
    await groups.tick("22:00:10")
    await groups.set_contest(state=ContestState.PAUSED)
    await groups.tick("08:00:10", TOMORROW)
    await groups.tick("12:00:10", TOMORROW)
    assert "（第1期）" in str((await groups.notice("市局", "08:00", TOMORROW)).title)
    assert {state for _, state, _ in await states_at(groups, "12:00", TOMORROW)} == {"skipped"}


async def test_a_day_on_which_the_contest_was_paused_has_no_final(groups: Groups) -> None:
    await groups.set_contest(state=ContestState.PAUSED)
    await groups.tick("08:00:10", TOMORROW)
    assert ("bureau", "skipped", "contest-paused") in await states_at(groups, "08:00", TOMORROW)


async def test_late_words_know_that_the_day_is_over(groups: Groups, people: People) -> None:
    await set_rules(groups, day_closes_at="20:00")
    await play(groups.town, "梅江001", opened="11:00")
    await play(groups.town, "丰顺001", opened="11:00", correct=5)
    await groups.tick("21:00")
    assert "今日竞赛已于20:00截止。" in str((await groups.notice("市局", "18:00")).body)
    branch = str((await groups.notice("丰顺", "18:00")).body)
    assert "今日竞赛已于20:00截止。" in branch
    assert "可升至" not in branch
    liaison = str((await people.told("丰顺", "liaison", "18:00")).body)
    assert "请逐一提醒" not in liaison
    assert "补发，统计截至2026年11月23日18:00" in liaison


async def test_no_forecast_of_a_slot_that_finds_the_day_closed(groups: Groups, people: People) -> None:
    await set_rules(groups, day_closes_at="18:00")
    await groups.tick("17:40:10")
    assert await people.all("forecast") == []


async def test_no_forecast_of_a_slot_that_is_held_back(groups: Groups, people: People, clock: SetClock) -> None:
    clock.at("17:00")
    held = (await hold(groups, "18:00")).json()
    await act(groups, "drop", held)
    await groups.tick("17:40:10")
    assert await people.all("forecast") == [("市局", "skipped", "slot-held")]


async def test_released_while_paused_nobody_is_told_anything(groups: Groups, people: People, clock: SetClock) -> None:
    clock.at("11:50")
    held = (await hold(groups)).json()
    await groups.tick("12:00:10")
    await groups.set_contest(state=ContestState.PAUSED)
    clock.at("12:03")
    assert (await act(groups, "release", held)).status_code == 200
    assert {state for _, state, _ in await states_at(groups, "12:00")} == {"skipped"}
    assert ("liaison", "skipped", "contest-paused") in await states_at(groups, "12:00")


async def test_a_leader_who_has_gone_meanwhile_is_told_nothing(groups: Groups, people: People, clock: SetClock) -> None:
    clock.at("17:50")
    held = (await hold(groups, "18:00")).json()
    await groups.tick("18:00:10")
    await set_officer(groups, "丰顺主任", roles=[])
    clock.at("18:03")
    await act(groups, "release", held)
    assert ("leader", "skipped", "nobody-holds-role") in await states_at(groups, "18:00")


async def test_a_preview_compares_with_the_same_hour_of_yesterday(groups: Groups, clock: SetClock) -> None:
    await groups.set_contest(starts_on=YESTERDAY)
    for name in ("梅江001", "梅江002", "丰顺001"):
        await play(groups.town, name, day=YESTERDAY, opened="10:00")
    await play(groups.town, "梅江001", opened="07:00")
    clock.at("09:00")
    wanted = {
        "slot": "18:00",
        "day": TODAY.isoformat(),
        "audience": {"kind": "bureau", "id": str(groups.town.units["市局"])},
    }
    async with groups.town.as_("市局处长") as bureau:
        body = (await bureau.post("/notices/preview", json=wanted)).json()["body"]
    assert "完成人数比昨日同时段多1人" in body


# What goes wrong, and who is told.


async def two_parts(groups: Groups) -> None:
    """丰顺's noon in two parts, the first of them in doubt, the time of the second over."""
    await groups.only_fengshun()
    notice = await groups.notice("丰顺", "12:00")
    (first,) = await groups.deliveries("丰顺")
    async with groups.town.services.database.sessions.begin() as session:
        session.add(
            Delivery(
                notice_id=notice.id,
                channel_id=first.channel_id,
                lot=1,
                part=2,
                kind="text",
                state="pending",
                payload="第二部分",
                attempts_allowed=10,
                next_at=first.next_at,
                deadline=first.deadline,
            )
        )
    groups.robot.faults["丰顺"].append("close")
    await groups.worker("12:06").run()
    await groups.worker("14:01").run()
    assert await groups.states("丰顺") == ["uncertain", "expired"]


@pytest.mark.parametrize("said", ["resend", "confirm"])
async def test_the_second_part_follows_once_a_person_settled_the_first(
    groups: Groups, clock: SetClock, said: str
) -> None:
    await two_parts(groups)
    clock.at("14:02")
    first, _ = await groups.deliveries("丰顺")
    async with groups.town.as_("管理员") as admin:
        settled = (await admin.post(f"/deliveries/{first.id}/{said}")).json()
    await groups.worker("14:03").run()
    assert await groups.states("丰顺") == ["sent", "sent"]
    assert settled["settled_by"] == "管理员"
    assert groups.robot.texts("丰顺")[-1] == "第二部分"


async def test_an_alert_waits_for_the_morning(groups: Groups) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        for unit in ("市局", "梅江", "丰顺"):
            await groups.set_channel(unit, blocked_until=instant("22:04"))
        await groups.tick("22:00:10")
        notice = await groups.notice("丰顺", "22:00")
        async with groups.town.services.database.sessions.begin() as session:
            delivery = (await session.scalars(select(Delivery).where(Delivery.notice_id == notice.id))).one()
            delivery.state, delivery.attempts = "posting", 1
            delivery.lease_until, delivery.lease_token = instant("22:05"), new_id()
            session.add(DeliveryAttempt(delivery_id=delivery.id, number=1, started_at=instant("22:04")))
        await groups.tick("02:00", TOMORROW)
        assert server.texts("app") == []
        await groups.tick("08:00:10", TOMORROW)
        assert [text for text in server.texts("app") if "22:00的通报" in text]


async def test_what_dies_a_second_time_is_told_again(groups: Groups) -> None:
    groups.robot.faults["丰顺"].extend([93000, 93000])
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        await groups.tick("12:00:10")
        dead = next(one for one in await groups.deliveries("丰顺") if one.kind == "text")
        async with groups.town.as_("管理员") as admin:
            await admin.post(f"/deliveries/{dead.id}/resend")
        await groups.tick("12:10")
        assert len(server.texts("app")) == 2


async def test_the_administrators_are_reached_through_the_nearest_channel_above(groups: Groups) -> None:
    with serving("wecom_app") as server:
        with_settings(groups, wecom_url=server.base)
        await add(groups, "省厅", "wecom_app", audience="officers", secret="corp-secret", settings=APP)
        await set_officer(groups, "管理员", wecom_userid="admin")
        groups.robot.faults["丰顺"].append(93000)
        await groups.tick("12:00:10")
        assert len(server.texts("app")) == 1


async def test_an_alert_is_the_administrators_to_settle(groups: Groups) -> None:
    groups.robot.faults["梅江"].append(93000)
    with serving("wecom_app") as server:
        server.faults["app"].append(60020)
        await with_officers_channel(groups, server)
        await groups.tick("12:00:10")
    (alert,) = await alerts(groups)
    codes = []
    for who in ("联络员", "管理员"):
        async with groups.town.as_(who) as client:
            codes.append((await client.post(f"/deliveries/{alert.id}/resend")).status_code)
    assert codes == [404, 200]


# Nudges.


async def nudges(groups: Groups) -> list[Delivery]:
    async with groups.town.services.database.reads() as session:
        found = select(Delivery).join(Notice, Notice.id == Delivery.notice_id).where(Notice.audience_kind == "nudge")
        return list(await session.scalars(found.order_by(Delivery.id)))


async def test_two_private_channels_make_two_nudges_a_day_and_not_four(groups: Groups, people: People) -> None:
    mail: dict[str, Any] = {"host": "mail.invalid", "sender": "a@b.cn", "domain": "b.cn"}
    await people.channel("市局", kind="email", **mail)
    await set_officer(groups, "丰顺001", wecom_userid="fs001")
    for time in ("12:30:10", "20:00:10"):
        await groups.tick(time)
    assert [one.recipients for one in await nudges(groups)] == [["fs001"], ["fs001"]]


async def test_a_nudge_is_not_sent_again_on_another_day(groups: Groups, people: People, clock: SetClock) -> None:
    await set_officer(groups, "丰顺001", wecom_userid="fs001")
    await groups.tick("12:30:10")
    (nudge,) = await nudges(groups)
    async with groups.town.services.database.sessions.begin() as session:
        await session.execute(update(Delivery).where(Delivery.id == nudge.id).values(state="dead"))
    answers = []
    for time, day in (("09:00", TOMORROW), ("13:00", TODAY)):
        clock.at(time, day)
        async with groups.town.as_("管理员") as admin:
            answers.append((await admin.post(f"/deliveries/{nudge.id}/resend")).status_code)
    assert answers == [409, 200]
