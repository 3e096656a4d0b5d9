"""Forecasts to liaison officers and nudges to unfinished officers: when, to whom, with which words."""

from __future__ import annotations

import datetime as dt
import uuid

import asyncpg
import pytest
from sqlalchemy import select, update

from app.contests.models import ContestDay, ContestState
from app.core.database import ANSWERS, plain_url
from app.notices.models import Channel, Delivery
from app.notices.text import Text
from app.notices.ways import lots_of
from app.roster.models import Officer, UnitKind
from tests.notices.helpers import TOMORROW
from tests.notices.private import People
from tests.participation.rows import exempt, move, play
from tests.times import TODAY, instant

DAY = dt.timedelta(days=1)
WITH_MATCHES: dict[str, object] = {"matches": {"counted_per_day": 2, "required_per_day": 1}}
ACCOUNTS = {"梅江001": "u-mj001", "梅江002": "u-mj002", "丰顺001": "u-fs001", "丰顺002": "u-fs002", "联络员": "u-lxy"}
WAITING = "今日任务尚未开始：每日一测，约5分钟。今日24:00截止。"


@pytest.fixture
async def nudged(people: People) -> People:
    """All four officers of 梅江 and 丰顺, and the liaison officer of 梅江 who takes part, have accounts."""
    async with people.groups.town.services.database.sessions.begin() as session:
        for name, account in ACCOUNTS.items():
            await session.execute(update(Officer).where(Officer.name == name).values(wecom_userid=account))
    return people


async def heard(people: People, time: str = "12:30", day: dt.date = TODAY) -> dict[str, list[str]]:
    """Who heard which line."""
    messages = await people.messages(await people.told("市局", "nudge", time, day))
    return {text.split("\n")[1]: sorted(recipients or []) for _, recipients, text in messages}


async def test_everybody_unfinished_hears_what_is_missing_and_one_message_serves_many(nudged: People) -> None:
    town = nudged.groups.town
    await nudged.groups.set_contest(state=ContestState.DRAFT)
    await town.contest("市局", rules=WITH_MATCHES)
    for name in ("梅江001", "丰顺001"):
        await play(town, name, opened="09:00")
    await play(town, "丰顺002", opened="12:00", answered=2)
    await nudged.groups.tick("12:30:10")
    assert await heard(nudged) == {
        "还差1场对战，约2分钟。今日24:00截止。": ["u-fs001", "u-mj001"],
        "还差每日一测和1场对战，约7分钟。今日24:00截止。": ["u-fs002"],
        "今日任务尚未开始：每日一测和1场对战，约7分钟。今日24:00截止。": ["u-lxy", "u-mj002"],
    }
    notice = await nudged.told("市局", "nudge", "12:30")
    assert (notice.title, notice.late) == ("网络知识竞赛第1日提示（12:30）", False)
    assert "发给2人：还差1场对战，约2分钟。今日24:00截止。" in str(notice.body)
    assert "u-" not in str(notice.body)


async def test_who_is_done_exempt_or_wants_none_or_has_no_account_hears_nothing(nudged: People) -> None:
    town = nudged.groups.town
    await play(town, "梅江001", opened="09:00")
    await exempt(town, "梅江002")
    async with town.as_("丰顺001") as officer:
        assert (await officer.patch("/me/preferences", json={"nudges": False})).status_code == 200
    async with town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.name == "丰顺002").values(wecom_userid=None))
    await nudged.groups.tick("12:30:10")
    assert await heard(nudged) == {WAITING: ["u-lxy"]}


async def test_at_most_two_a_day_however_many_rounds(nudged: People) -> None:
    for hour in range(24):
        for minute in (0, 15, 31, 45):
            if (hour, minute) >= (0, 15):
                await nudged.groups.tick(f"{hour:02}:{minute:02}")
    async with nudged.groups.town.services.database.reads() as session:
        got = [people for people in await session.scalars(select(Delivery.recipients)) if people]
    assert sum("u-mj001" in people for people in got) == 2


async def test_after_half_an_hour_it_is_too_late_and_nothing_is_made_up_for(nudged: People) -> None:
    await nudged.groups.tick("13:00")
    await nudged.groups.tick("20:30")
    assert await nudged.all("nudge") == []
    assert [slot for slot, _, _, _ in await nudged.groups.notices()].count("12:30") == 0


async def test_a_nudge_ends_with_its_window(nudged: People) -> None:
    await nudged.groups.tick("20:10")
    async with nudged.groups.town.services.database.reads() as session:
        sent = (await session.scalars(select(Delivery).where(Delivery.recipients.is_not(None)))).all()
    assert {one.deadline for one in sent if "u-mj001" in (one.recipients or [])} == {instant("20:30")}


async def test_figures_are_those_of_the_slot(nudged: People) -> None:
    await play(nudged.groups.town, "梅江001", opened="12:25")  # done at 12:35
    await nudged.groups.tick("12:40")
    assert (await heard(nudged))["还差每日一测，约5分钟。今日24:00截止。"] == ["u-mj001"]


async def test_each_branchs_own_channel_goes_before_the_bureaus(nudged: People) -> None:
    await nudged.channel("丰顺")
    await nudged.groups.tick("12:30:10")
    sent = await nudged.messages(await nudged.told("市局", "nudge", "12:30"))
    assert {way: sorted(people or []) for way, people, _ in sent} == {
        "丰顺私信": ["u-fs001", "u-fs002"],
        "市局私信": ["u-lxy", "u-mj001", "u-mj002"],
    }


async def test_a_branch_without_any_channel_above_it_is_left_out(nudged: People) -> None:
    await nudged.groups.set_channel("市局私信", enabled=False)
    await nudged.channel("丰顺")
    await nudged.groups.tick("12:30:10")
    assert await heard(nudged) == {WAITING: ["u-fs001", "u-fs002"]}


async def accounts(people: People, beginning: str) -> None:
    async with people.groups.town.services.database.sessions.begin() as session:
        for number in (1, 2):
            mine = update(Officer).where(Officer.name == f"丰顺00{number}")
            await session.execute(mine.values(wecom_userid=f"{beginning}{number}"))


async def test_by_e_mail_each_gets_a_message_of_their_own(nudged: People) -> None:
    await nudged.groups.set_channel("市局私信", enabled=False)
    await nudged.channel("丰顺", kind="email", host="smtp.invalid", sender="lianbing@example.cn", domain="example.cn")
    await accounts(nudged, "丰顺")
    await nudged.groups.tick("12:30:10")
    assert await nudged.all("nudge") == [("市局", "skipped", "no-private-account")]  # 丰顺 can be no part of an address
    await accounts(nudged, "fs")
    await nudged.groups.tick("18:00:10")
    await nudged.groups.tick("20:00:10")
    sent = await nudged.messages(await nudged.told("市局", "nudge", "20:00"))
    assert [people for _, people, _ in sent] == [["fs1@example.cn"], ["fs2@example.cn"]]


async def test_a_shared_account_hears_once(nudged: People) -> None:
    await play(nudged.groups.town, "丰顺001", opened="12:00", answered=1)
    async with nudged.groups.town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.name.startswith("丰顺00")).values(wecom_userid="one"))
    await nudged.groups.tick("12:30:10")
    assert [people.count("one") for people in (await heard(nudged)).values()].count(1) == 1


async def test_who_moved_is_nudged_once(nudged: People) -> None:
    await move(nudged.groups.town, "丰顺001", "梅江", TOMORROW)
    await nudged.groups.tick("12:30:10", TOMORROW)
    assert (await heard(nudged, day=TOMORROW))[WAITING].count("u-fs001") == 1


def test_a_thousand_people_a_message() -> None:
    way = Channel(id=uuid.uuid4(), kind="wecom_app", settings={"corp_id": "wwcorp", "agent_id": 1000002})
    lots = lots_of([way], Text("题", "文"), [f"u{number}" for number in range(2001)] + ["u0"])
    assert [len(lot.recipients) for lot in lots] == [1000, 1000, 1]


async def test_where_all_are_done_one_row_says_so(nudged: People) -> None:
    for name in ("梅江001", "梅江002", "丰顺001", "丰顺002", "联络员"):
        await play(nudged.groups.town, name, opened="09:00")
    for time in ("11:40:10", "12:30:10", "12:30:40"):
        await nudged.groups.tick(time)
    assert await nudged.all("forecast", "nudge") == [("市局", "skipped", "nobody-left")] * 2


async def test_a_paused_contest_nudges_nobody_and_says_so(nudged: People) -> None:
    await nudged.groups.set_contest(state=ContestState.PAUSED)
    for time in ("11:40:10", "12:30:10"):
        await nudged.groups.tick(time)
    assert await nudged.all("forecast", "nudge") == [("市局", "skipped", "contest-paused")] * 2


async def test_a_day_that_does_not_count_nudges_nobody(nudged: People) -> None:
    async with nudged.groups.town.services.database.sessions.begin() as session:
        assert nudged.groups.town.contest_id
        session.add(ContestDay(contest_id=nudged.groups.town.contest_id, day=TODAY, counts=False, source="manual"))
    await nudged.groups.tick("12:30:10")
    assert await nudged.all("nudge") == []


@pytest.mark.parametrize("notices", [{"nudges": False}, {"nudges": False, "profile": "light"}])
async def test_the_contest_may_want_no_nudges(nudged: People, notices: dict[str, object]) -> None:
    await nudged.groups.set_contest(state=ContestState.DRAFT)
    await nudged.groups.town.contest("市局", rules={"notices": notices})
    await nudged.groups.tick("12:30:10")
    assert await nudged.all("nudge") == []


async def test_without_any_private_channel_nothing_is_planned(nudged: People) -> None:
    await nudged.groups.set_channel("市局私信", enabled=False)
    for time in ("11:40:10", "12:30:10"):
        await nudged.groups.tick(time)
    assert await nudged.all("forecast", "nudge") == []


async def test_outside_of_the_contest_nobody_is_nudged(nudged: People) -> None:
    await nudged.groups.set_contest(ends_on=TODAY)
    await nudged.groups.tick("12:30:10", TOMORROW)
    assert await nudged.all("nudge") == []


async def test_an_open_answer_transaction_holds_a_nudge_back(nudged: People) -> None:
    url = nudged.groups.town.services.settings.database_url
    assert url
    connection = await asyncpg.connect(plain_url(url), server_settings={"application_name": ANSWERS})
    try:
        async with connection.transaction():
            now = await connection.fetchval("SELECT now()")
            later = now.astimezone(instant("00:00").tzinfo) + 30 * DAY  # its start lies before such a slot
            await nudged.groups.set_contest(starts_on=later.date(), ends_on=later.date(), opened_at=now)
            await nudged.groups.tick("12:30:10", later.date())
            assert await nudged.all("nudge") == []
        await nudged.groups.tick("12:30:40", later.date())
        assert len(await nudged.all("nudge")) == 1
    finally:
        await connection.close()


async def test_a_provinces_contest_nudges_by_bureau(nudged: People) -> None:
    town = nudged.groups.town
    await nudged.groups.set_contest(state=ContestState.DRAFT)
    await town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await town.officer("邻市001", "邻市局", wecom_userid="neighbour")
    await town.contest("省厅")
    await nudged.groups.tick("12:30:10")
    assert await nudged.all("nudge") == [("市局", "planned", None)]
    await nudged.channel("省厅")
    await nudged.groups.tick("12:31")
    assert await nudged.all("nudge") == [("市局", "planned", None), ("邻市局", "planned", None)]


async def test_liaison_officers_of_unfinished_branches_are_warned(nudged: People) -> None:
    for name in ("梅江001", "梅江002", "联络员"):
        await play(nudged.groups.town, name, opened="09:00")
    await play(nudged.groups.town, "丰顺001", opened="11:00")
    await nudged.groups.tick("11:40:10")
    assert await nudged.all("forecast") == [("丰顺", "planned", None)]
    notice = await nudged.told("丰顺", "forecast", "11:40")
    assert str(notice.body).startswith(
        "应参赛2人，已完成1人，未开始1人。12:00将发送进度提醒，届时请您提醒尚未完成的同志。"
    )
    assert [people for _, people, _ in await nudged.messages(notice)] == [["fs-lxy"]]
    await nudged.groups.tick("12:00:10")
    await nudged.groups.tick("17:40:10")
    assert [state for _, state, _ in await nudged.all("forecast")] == ["planned"] * 2


async def test_a_forecast_of_a_slot_that_has_come_is_not_given(nudged: People) -> None:
    await nudged.groups.tick("12:00")
    assert await nudged.all("forecast") == []
