"""The planner: which rows a round leaves, with which figures, and for whom."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import delete, func, select

from app.contests.models import ContestRules, ContestState
from app.core.database import ANSWERS, plain_url
from app.notices.models import Delivery
from app.notices.service import TimeTravelRefused, tick
from app.participation.models import FrozenDay
from app.roster.models import ExemptionDay, UnitKind
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import exempt, play
from tests.times import TODAY, instant

DAY = dt.timedelta(days=1)
EVERYBODY = ("梅江001", "梅江002", "联络员", "丰顺001", "丰顺002")


async def test_a_slot_makes_one_notice_an_audience_and_sends_each_once(groups: Groups) -> None:
    await play(groups.town, "梅江001", opened="09:00")
    await groups.tick("12:00:10")
    await groups.tick("12:00:40")
    assert await groups.notices() == [
        ("12:00", "市局", "planned", None),
        ("12:00", "梅江", "planned", None),
        ("12:00", "丰顺", "planned", None),
        ("12:00", "五华", "skipped", "nobody-expected"),
    ]
    assert sorted(key for key, _ in groups.robot.accepted) == sorted(["丰顺", "市局", "梅江"])
    assert await groups.states("梅江") == ["sent"]


async def test_nothing_is_planned_before_ten_seconds_past(groups: Groups) -> None:
    assert (await groups.tick("12:00:09")).made == []
    assert await groups.notices() == []


async def test_figures_are_as_of_the_slot_however_late_the_round(groups: Groups) -> None:
    await play(groups.town, "梅江001", opened="11:00")
    await play(groups.town, "梅江002", opened="11:55")  # five answers by noon
    await groups.tick("12:30")
    notice = await groups.notice("梅江", "12:00")
    assert notice.late
    assert notice.cutoff_at == instant("12:00")
    assert notice.body is not None
    assert notice.body.startswith("已完成1人，进行中1人，未开始1人")
    assert "补发，统计截至2026年11月23日12:00" in notice.body
    assert notice.stats is not None
    assert notice.stats["own"]["done"] == 1
    assert notice.stats["own"]["answered"] == 14


async def test_down_at_eight_one_late_final_with_figures_as_of_the_days_end(groups: Groups) -> None:
    await play(groups.town, "梅江001")
    await groups.tick("22:00:10")
    await groups.tick("08:40", TOMORROW)
    notice = await groups.notice("市局", "08:00", TOMORROW)
    assert notice.late
    assert notice.title == "关于网络知识竞赛第1日情况的通报（第1期）"
    assert notice.body is not None
    assert "补发，统计截至2026年11月23日24:00" in notice.body
    assert "2026年11月24日8:40" in notice.body
    assert len(groups.robot.texts("市局")) == 2


async def test_down_from_eleven_to_six_only_the_evening_is_sent(groups: Groups) -> None:
    await groups.tick("18:05")
    states = {(slot, unit): (state, reason) for slot, unit, state, reason in await groups.notices()}
    assert states["12:00", "市局"] == ("superseded", "missed")
    assert states["18:00", "市局"] == ("planned", None)
    assert len(groups.robot.texts("市局")) == 1


async def test_down_until_two_nothing_is_sent_at_night(groups: Groups) -> None:
    await groups.tick("02:00", TOMORROW)
    assert {state for _, _, state, _ in await groups.notices()} == {"superseded"}
    assert groups.robot.accepted == []
    await groups.tick("08:00:10", TOMORROW)
    assert len(groups.robot.texts("市局")) == 1


async def test_the_last_days_final_goes_out_the_next_morning_and_nothing_after(groups: Groups) -> None:
    await groups.set_contest(ends_on=TODAY)
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await groups.tick(time)
    for time in ("08:00:10", "12:00:10", "22:00:10"):
        await groups.tick(time, TOMORROW)
    assert len(groups.robot.texts("市局")) == 4
    last = groups.robot.texts("市局")[-1]
    assert "（第1期）" in last
    assert "本次竞赛已全部结束" in last
    assert "第2日" not in last


async def test_the_final_tells_the_frozen_figures(groups: Groups) -> None:
    await play(groups.town, "丰顺001", opened="23:50")  # nine answers by midnight
    await groups.tick("08:00:10", TOMORROW)
    async with groups.town.services.database.reads() as session:
        assert await session.scalar(select(func.count()).select_from(FrozenDay)) == 1
    notice = await groups.notice("丰顺", "08:00", TOMORROW)
    assert notice.stats is not None
    assert (notice.stats["own"]["participated"], notice.stats["own"]["answered"]) == (1, 9)


async def test_ranks_are_compared_with_the_day_before_and_the_slot_before(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY)
    await play(groups.town, "梅江001", day=TODAY - DAY)
    await play(groups.town, "丰顺001", opened="19:00")
    await play(groups.town, "梅江001", opened="09:00", correct=0)
    await groups.tick("18:00:10")
    await groups.tick("22:00:10")
    await groups.tick("08:00:10", TOMORROW)
    night = await groups.notice("丰顺", "22:00")
    assert "暂列第1位，较18:00上升1位" in str(night.body)
    assert "列第1位，较前一日上升1位" in str((await groups.notice("丰顺", "08:00", TOMORROW)).body)
    assert "列第2位，较前一日下降1位" in str((await groups.notice("梅江", "08:00", TOMORROW)).body)


async def test_the_night_without_an_earlier_slot_compares_nothing(groups: Groups) -> None:
    await groups.set_contest(state=ContestState.DRAFT)
    await groups.town.contest("市局", rules={"notices": {"slots": ["22:00"]}})
    await play(groups.town, "梅江001")
    await groups.tick("22:00:10")
    body = str((await groups.notice("梅江", "22:00")).body)
    assert "暂列第1位。" in body
    assert "最终结果以截止后的统计为准" in str((await groups.notice("市局", "22:00")).body)


async def test_where_nobody_had_a_score_before_nothing_is_compared(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY)
    await play(groups.town, "梅江001")
    await groups.tick("08:00:10", TOMORROW)
    assert "列第2位，距第1位" in str((await groups.notice("丰顺", "08:00", TOMORROW)).body)


async def test_progress_is_compared_with_yesterdays_same_hour(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY)
    await play(groups.town, "梅江001", day=TODAY - DAY, opened="11:00")
    await play(groups.town, "梅江002", day=TODAY - DAY, opened="13:00")  # after noon: not compared with
    await play(groups.town, "梅江001", opened="09:00")
    await play(groups.town, "丰顺001", opened="09:00")
    await groups.tick("12:00:10")
    assert "完成人数比昨日同时段多1人" in str((await groups.notice("市局", "12:00")).body)


async def test_a_complete_branch_is_thanked_once_and_told_the_result(groups: Groups) -> None:
    for name in ("丰顺001", "丰顺002"):
        await play(groups.town, name, opened="09:00")
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await groups.tick(time)
    await groups.tick("08:00:10", TOMORROW)
    thanks, result = groups.robot.texts("丰顺")
    assert "已全员完成今日任务" in thanks
    assert "第1日竞赛结果" in result
    states = [(slot, state, reason) for slot, unit, state, reason in await groups.notices() if unit == "丰顺"]
    assert ("18:00", "skipped", "already-thanked") in states
    assert ("22:00", "skipped", "already-thanked") in states


async def test_a_branch_that_is_no_longer_complete_hears_again(groups: Groups) -> None:
    await exempt(groups.town, "丰顺002")
    await play(groups.town, "丰顺001", opened="09:00")
    await groups.tick("12:00:10")
    async with groups.town.services.database.sessions.begin() as session:
        await session.execute(delete(ExemptionDay))
    await groups.tick("18:00:10")
    assert "尚有1人未完成" in groups.robot.texts("丰顺")[-1]


async def test_exempt_officers_appear_as_a_number(groups: Groups) -> None:
    await exempt(groups.town, "丰顺002")
    await groups.tick("08:00:10", TOMORROW)
    assert "应参赛1人（另有1人经批准免参赛）" in groups.robot.texts("丰顺")[0]
    assert "应参赛4人（另有1人经批准免参赛）" in groups.robot.texts("市局")[0]


async def test_a_paused_contest_has_visible_rows_and_sends_nothing(groups: Groups) -> None:
    await groups.set_contest(state=ContestState.PAUSED)
    await groups.tick("12:00:10")
    assert {(state, reason) for _, _, state, reason in await groups.notices()} == {("skipped", "contest-paused")}
    assert groups.robot.accepted == []


async def test_where_nobody_is_expected_nobody_is_told(groups: Groups) -> None:
    for name in EVERYBODY:
        await exempt(groups.town, name)
    await groups.tick("12:00:10")
    assert {reason for _, _, _, reason in await groups.notices()} == {"nobody-expected"}


async def test_a_draft_has_no_notices(groups: Groups) -> None:
    await groups.set_contest(state=ContestState.DRAFT)
    assert (await groups.tick("12:00:10")).made == []


async def test_a_contest_opened_in_the_afternoon_misses_no_noon(groups: Groups) -> None:
    await groups.set_contest(opened_at=instant("12:30"))
    await groups.tick("18:00:10")
    assert {slot for slot, _, _, _ in await groups.notices()} == {"18:00"}


async def test_no_names_and_no_phones_in_any_message(groups: Groups) -> None:
    await play(groups.town, "梅江001", answered=3)
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await groups.tick(time)
    said = "".join(text for _, text in groups.robot.accepted)
    assert "13800000001" not in said
    assert "梅江00" not in said
    assert "丰顺00" not in said


async def test_a_branch_without_a_channel_waits_to_be_forwarded(groups: Groups) -> None:
    await groups.set_channel("丰顺", enabled=False)
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert (delivery.state, delivery.channel_id) == ("to_forward", None)
    assert delivery.payload.startswith("丰顺第1日进度（12:00）\n应参赛2人，尚无人参赛")
    assert groups.robot.texts("丰顺") == []


async def test_a_manual_channel_beside_a_robot_gets_its_own_delivery(groups: Groups) -> None:
    await groups.channel("丰顺", kind="manual")
    await groups.tick("12:00:10")
    assert sorted(await groups.states("丰顺")) == ["sent", "to_forward"]


async def test_an_open_answer_transaction_holds_the_slot_back(groups: Groups) -> None:
    url = groups.town.services.settings.database_url
    assert url
    connection = await asyncpg.connect(plain_url(url), server_settings={"application_name": ANSWERS})
    try:
        async with connection.transaction():
            now = await connection.fetchval("SELECT now()")
            later = now.astimezone(instant("00:00").tzinfo) + 30 * DAY  # its start lies before such a slot
            await groups.set_contest(starts_on=later.date(), ends_on=later.date(), opened_at=now)
            assert (await groups.tick("12:00:10", later.date())).made == []
        assert len((await groups.tick("12:00:40", later.date())).made) == 4
    finally:
        await connection.close()


async def test_a_provinces_contest_speaks_to_every_bureau_and_its_branches(groups: Groups) -> None:
    town = groups.town
    await groups.set_contest(state=ContestState.DRAFT)
    await town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await town.unit("城区", UnitKind.BRANCH, "邻市局")
    await town.officers_in("城区", 2)
    await town.contest("省厅")
    await groups.tick("12:00:10")
    planned = {unit for _, unit, state, _ in await groups.notices() if state == "planned"}
    assert planned == {"市局", "梅江", "丰顺", "邻市局", "城区"}
    assert "应参赛2人" in str((await groups.notice("邻市局", "12:00")).body)


async def test_officers_of_the_bureau_itself_count_as_headquarters(groups: Groups) -> None:
    await groups.town.officer("机关一", "市局")
    await groups.town.unit("支队", UnitKind.HEADQUARTERS, "市局")
    await groups.town.officer("支队一", "支队")
    await groups.town.unit("镇街", UnitKind.TOWNSHIP, "丰顺")
    await groups.town.officer("镇街一", "镇街")
    await groups.tick("18:00:10")
    assert "各分局未完成人数：丰顺3、梅江3；市本级2。" in str((await groups.notice("市局", "18:00")).body)


async def test_ranking_groups_are_ranked_apart(groups: Groups) -> None:
    await groups.town.unit("高新", UnitKind.BRANCH, "市局", ranking_group="园区")
    await groups.town.officers_in("高新", 1)
    await play(groups.town, "梅江001")
    await groups.tick("08:00:10", TOMORROW)
    body = str((await groups.notice("市局", "08:00", TOMORROW)).body)
    assert "园区：高新0.0（0%）" in body
    assert "其他分局：1.梅江" in body


async def test_one_contest_in_trouble_does_not_silence_another(groups: Groups) -> None:
    town, broken = groups.town, groups.town.contest_id
    await town.unit("别省", UnitKind.PROVINCE)
    await town.unit("别市局", UnitKind.BUREAU, "别省")
    await town.officer("别人", "别市局")
    await town.contest("别市局", name="另一竞赛")
    async with town.services.database.sessions.begin() as session:
        await session.execute(delete(ContestRules).where(ContestRules.contest_id == broken))
    report = await groups.tick("12:00:10")
    assert report.failed == ["网络知识竞赛"]
    assert [audience for _, audience in report.made] == ["别市局"]
    assert "未能生成通报：网络知识竞赛" in report.render()


async def test_a_dry_run_tells_and_writes_nothing(groups: Groups) -> None:
    report = await groups.tick("08:00:10", TOMORROW, dry_run=True)
    said = report.render()
    assert "试运行" in said
    assert "成绩固定：2026-11-23" in said
    assert "    各分局、机关各科室：现将11月23日竞赛情况通报如下。" in said
    assert "五华：nobody-expected" in said
    assert await groups.notices() == []
    assert groups.robot.requests == []


async def test_a_round_with_nothing_to_do_says_so(groups: Groups) -> None:
    assert "没有到时的通报" in (await groups.tick("09:00")).render()
    assert "投递 sent：3条" in (await groups.tick("12:00:10")).render()


async def test_another_instant_needs_permission(groups: Groups) -> None:
    services = groups.town.services
    strict = services.settings.model_copy(update={"allow_time_travel": False})
    with pytest.raises(TimeTravelRefused):
        await tick(replace(services, settings=strict), now=instant("12:00:10"))
    report = await tick(replace(services, settings=strict), now=instant("12:00:10"), dry_run=True)
    assert len(report.made) == 4


async def test_a_round_that_is_told_to_stop_begins_nothing(groups: Groups) -> None:
    report = await tick(groups.town.services, now=instant("12:00:10"), stopping=lambda: True)
    assert (report.made, report.outcomes) == ([], {})


async def test_the_deadline_of_a_delivery_is_the_end_of_its_window(groups: Groups) -> None:
    await groups.tick("12:00:10")
    async with groups.town.services.database.reads() as session:
        assert set(await session.scalars(select(Delivery.deadline))) == {instant("14:00")}
