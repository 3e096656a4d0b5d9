"""The province's group: figures of its bureaus, at the same slots, through the province's own channel."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import update

from app.contests.models import Contest
from app.participation.models import UnitDay
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import exempt, play
from tests.times import TODAY, SetClock


async def test_a_province_hears_of_its_bureaus(province: Groups) -> None:
    await play(province.town, "城区001", opened="09:00")
    await province.tick("18:00:10")
    notice = await province.notice("省厅", "18:00")
    assert notice.audience_kind == "province"
    body = str(notice.body)
    assert "应参赛8人，已参赛1人（12.5%）；已完成1人（12.5%），尚有7人未完成。" in body
    assert "各市未完成人数：粤东1、市局5；省本级1。" in body
    assert province.robot.texts("省厅") == [f"{notice.title}\n{notice.body}"]
    assert notice.stats is not None
    assert [unit["unit"]["name"] for unit in notice.stats["units"]] == ["市局", "粤东市生态环境局"]


async def test_the_morning_ranks_the_bureaus(province: Groups) -> None:
    for name in ("城区001", "城区002"):
        await play(province.town, name, opened="09:00")
    await province.tick("08:00:10", TOMORROW)
    body = str((await province.notice("省厅", "08:00", TOMORROW)).body)
    assert "二、各市综合得分（括号内为完成率）。1.粤东100.0（100%）；2.市局0.0（0%）。" in body
    assert "省本级计入全省合计，不参加各市排名" in body


async def test_every_slot_once_and_by_hand_where_there_is_no_channel(province: Groups) -> None:
    await province.set_channel("省厅", enabled=False)
    for time in ("12:00:10", "12:00:40"):
        await province.tick(time)
    assert await province.states("省厅") == ["to_forward"]


async def test_a_missed_slot_is_visible_and_a_late_one_says_so(province: Groups) -> None:
    await province.tick("18:10")
    assert (await province.notice("省厅", "12:00")).state == "superseded"
    assert "补发，统计截至" in str((await province.notice("省厅", "18:00")).body)


async def test_a_bureau_that_is_exempt_has_no_rank(province: Groups) -> None:
    for name in ("城区001", "城区002"):
        await exempt(province.town, name)
    await play(province.town, "梅江001", opened="09:00")
    await province.tick("08:00:10", TOMORROW)
    assert "粤东市生态环境局无应参赛人员，不参加排名。" in str((await province.notice("省厅", "08:00", TOMORROW)).body)


async def test_a_bureaus_contest_tells_the_province_nothing(groups: Groups) -> None:
    await groups.channel("省厅")
    await groups.tick("12:00:10")
    assert groups.robot.texts("省厅") == []


async def test_the_province_reads_and_previews_its_own(province: Groups, clock: SetClock) -> None:
    await province.tick("12:00:10")
    clock.at("12:30")
    asked = {"day": TODAY.isoformat(), "audience": {"kind": "province", "id": str(province.town.units["省厅"])}}
    async with province.town.as_("省厅处长") as clerk:
        kinds = [one["audience"]["kind"] for one in (await clerk.get("/notices")).json()["items"]]
        written = (await clerk.post("/notices/preview", json={"slot": "12:00", **asked})).json()
        coming = (await clerk.post("/notices/preview", json={"slot": "18:00", **asked})).json()
    assert kinds[:3] == ["province", "bureau", "bureau"]
    assert (written["frozen"], coming["frozen"]) == (True, False)
    assert coming["body"].startswith("应参赛8人，尚无人参赛。各市未完成人数：")


async def test_the_final_tells_the_frozen_figures_whatever_is_read_beside_them(province: Groups) -> None:
    database = province.town.services.database
    async with database.sessions.begin() as session:
        (await session.get_one(Contest, province.town.contest_id)).starts_on = TODAY - dt.timedelta(days=1)
    for day in (TODAY - dt.timedelta(days=1), TODAY):
        await play(province.town, "梅江001", day=day, opened="09:00")
    await province.tick("00:00:10", TOMORROW)
    async with database.sessions.begin() as session:
        await session.execute(update(UnitDay).values(participated=0, quiz_finished=0, done=0, answered=0, correct=0))
    reports = [await province.tick("08:00:10", TOMORROW, dry_run=True) for _ in range(3)]
    reports.append(await province.tick("08:00:10", TOMORROW))
    finals = [one.notice.stats for report in reports for one in report.made if one.notice.audience_kind == "province"]
    assert [stats and stats["total"]["done"] for stats in finals] == [0, 0, 0, 0]
