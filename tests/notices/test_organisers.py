"""The organisers' preview, fifteen minutes before each slot, privately and only where somebody can be reached."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from app.contests.models import ContestDay, ContestState
from app.notices.models import Delivery, Notice
from app.roster.models import Officer
from tests.notices.helpers import TOMORROW, Groups, go
from tests.notices.private import People
from tests.participation.rows import play
from tests.times import TODAY, SetClock, instant


@pytest.fixture
async def people(groups: Groups) -> People:
    """市局 has a private channel; its clerk and its administrator have accounts, the liaison officer's is no matter."""
    async with groups.town.services.database.sessions.begin() as session:
        for name, account in (
            ("市局处长", "chief"),
            ("管理员", "admin"),
            ("联络员", "liaison"),
            ("省厅处长", "province"),
        ):
            (await session.get_one(Officer, groups.town.officers[name])).wecom_userid = f"wx-{account}"
    held = People(groups)
    await held.channel("市局")
    return held


async def previews(groups: Groups) -> list[Notice]:
    async with groups.town.services.database.reads() as session:
        found = await session.scalars(
            select(Notice).where(Notice.audience_kind == "organisers").order_by(Notice.slot_at)
        )
        return list(found.all())


async def test_the_organisers_see_what_the_slot_will_say(people: People) -> None:
    await play(people.groups.town, "梅江001", opened="09:00")
    await people.groups.tick("11:45:05")
    (notice,) = await previews(people.groups)
    assert (notice.slot_at, notice.cutoff_at, notice.state) == (instant("11:45"), instant("11:45:05"), "planned")
    assert notice.title == "【预览】网络知识竞赛第1日进度（12:00）"
    body = str(notice.body)
    assert body.startswith("将于12:00自动发出，发出时以12:00的数据为准。需要暂缓的，请在12:00前打开“通报时段”")
    assert "已完成1人" in body
    ((channel, recipients, text),) = await people.messages(notice)
    assert (channel, recipients) == ("市局私信", ["wx-chief", "wx-admin"])
    assert "【预览】" in text


async def test_each_slot_is_shown_once_and_only_before_it(people: People) -> None:
    for time in ("11:44:59", "11:45", "11:50", "12:00:10", "17:45", "21:45:30"):
        await people.groups.tick(time)
    await people.groups.tick("07:46", TOMORROW)
    found = [(notice.slot_at, notice.day) for notice in await previews(people.groups)]
    assert found == [
        (instant("11:45"), TODAY),
        (instant("17:45"), TODAY),
        (instant("21:45"), TODAY),
        (instant("07:45", TOMORROW), TODAY),
    ]
    assert "（第1期）" in str((await previews(people.groups))[-1].title)


async def test_a_preview_does_not_wait_beyond_its_slot(people: People) -> None:
    await people.groups.tick("11:50")
    (notice,) = await previews(people.groups)
    async with people.groups.town.services.database.reads() as session:
        deadline = await session.scalar(select(Delivery.deadline).where(Delivery.notice_id == notice.id))
    assert deadline == instant("12:00")


async def test_a_held_slots_preview_says_so(people: People, clock: SetClock) -> None:
    clock.at("11:40")
    async with people.groups.town.as_("市局处长") as client:
        for slot, what in (("12:00", None), ("18:00", "drop")):
            body = {"slot": slot, "day": TODAY.isoformat(), "reason": "检查组在场"}
            held = (await client.post("/slots/hold", json=body)).json()
            if what:
                await client.post(f"/slots/{held['id']}/{what}")
    await people.groups.tick("11:45")
    await people.groups.tick("17:45")
    noon, evening = [str(notice.body) for notice in await previews(people.groups)]
    assert noon.startswith("本时段已暂缓（检查组在场），到时不会自动发出")
    assert evening.startswith("本时段已取消（检查组在场），到时不会发出。")


async def test_three_processes_plan_one_preview(people: People) -> None:
    await go(*[await people.groups.process("11:46") for _ in range(3)])
    (notice,) = await previews(people.groups)
    assert len(await people.messages(notice)) == 1


async def test_without_a_channel_or_an_account_nothing_is_planned(groups: Groups, people: People) -> None:
    await groups.set_channel("市局私信", enabled=False)
    await groups.tick("11:46")
    await groups.set_channel("市局私信", enabled=True)
    async with groups.town.services.database.sessions.begin() as session:
        for name in ("市局处长", "管理员"):
            (await session.get_one(Officer, groups.town.officers[name])).wecom_userid = None
    await groups.tick("11:47")
    assert await previews(groups) == []


@pytest.mark.parametrize("why", ["paused", "uncounted", "opened-later", "over"])
async def test_a_slot_that_says_nothing_is_not_shown(people: People, why: str) -> None:
    groups = people.groups
    if why == "paused":
        await groups.set_contest(state=ContestState.PAUSED)
    elif why == "opened-later":
        await groups.set_contest(opened_at=instant("12:30"))
    elif why == "over":
        await groups.set_contest(starts_on=TODAY - dt.timedelta(days=3), ends_on=TODAY - dt.timedelta(days=1))
    else:
        async with groups.town.services.database.sessions.begin() as session:
            held = {"counts": False, "note": None, "source": "manual"}
            session.add(ContestDay(contest_id=groups.town.contest_id, day=TODAY, **held))
    await groups.tick("11:46")
    assert await previews(groups) == []


async def test_a_preview_is_read_by_organisers_only_and_named_with_its_slot(people: People, clock: SetClock) -> None:
    await people.groups.tick("11:46")
    (notice,) = await previews(people.groups)
    clock.at("11:50")
    async with people.groups.town.as_("市局处长") as clerk:
        slots = (await clerk.get("/slots")).json()["items"]
        assert [one["organisers_preview"] for one in slots] == [str(notice.id), None, None]
        assert (await clerk.get(f"/notices/{notice.id}")).json()["audience"]["kind"] == "organisers"
        assert (await clerk.get("/notices")).json()["items"] == []
    async with people.groups.town.as_("联络员") as liaison:
        assert (await liaison.get(f"/notices/{notice.id}")).status_code == 404
    async with people.groups.town.as_("省厅处长") as province:
        assert (await province.get(f"/notices/{notice.id}")).status_code == 404
