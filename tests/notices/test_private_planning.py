"""What the rounds leave for liaison officers and leaders: figures, texts, ways, and who may read them."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.contests.models import ContestState
from app.notices.models import Notice
from app.notices.service import tick
from tests.notices.helpers import TOMORROW, go
from tests.notices.private import People
from tests.notices.test_planning import EVERYBODY
from tests.participation.rows import exempt, move, play
from tests.times import TODAY, SetClock, instant

DAY = dt.timedelta(days=1)
WITH_MATCHES: dict[str, object] = {"matches": {"counted_per_day": 2, "required_per_day": 1}}


async def test_a_liaison_officer_hears_who_is_left_through_the_bureaus_channel(people: People) -> None:
    await play(people.groups.town, "丰顺001", opened="09:00", answered=4)
    await people.groups.tick("12:00:10")
    notice = await people.told("丰顺", "liaison", "12:00")
    assert (notice.title, notice.state, notice.reason) == ("丰顺第1日未完成情况（12:00）", "planned", None)
    assert str(notice.body).startswith("尚有2人未完成：进行中1人，未开始1人。建议先提醒进行中的同志：丰顺001。\n")
    assert await people.messages(notice) == [("市局私信", ["fs-lxy"], f"{notice.title}\n{notice.body}")]
    assert notice.stats is not None
    assert notice.stats["people"]["missing"] == [
        {"started": True, "quiz": True, "matches": 0, "officers": 1},
        {"started": False, "quiz": True, "matches": 0, "officers": 1},
    ]


async def test_the_address_of_the_pages_is_told_where_it_is_known(people: People) -> None:
    services = people.groups.town.services
    settings = services.settings.model_copy(update={"public_url": "https://lianbing.example.cn"})
    await tick(replace(services, settings=settings), now=instant("18:00:10"))
    assert "\n打开电话名单：https://lianbing.example.cn\n" in str((await people.told("丰顺", "liaison", "18:00")).body)


@pytest.mark.parametrize(
    ("units", "way"),
    [(["省厅"], "市局私信"), (["丰顺"], "丰顺私信"), (["梅江"], "市局私信"), (["省厅", "丰顺"], "丰顺私信")],
)
async def test_the_nearest_channel_carries_it(people: People, units: list[str], way: str) -> None:
    for unit in units:
        await people.channel(unit)
    await people.groups.tick("12:00:10")
    assert [sent[0] for sent in await people.messages(await people.told("丰顺", "liaison", "12:00"))] == [way]


async def test_a_province_serves_where_nobody_nearer_does(people: People) -> None:
    await people.channel("省厅")
    await people.groups.set_channel("市局私信", enabled=False)
    await people.groups.tick("12:00:10")
    assert [sent[0] for sent in await people.messages(await people.told("丰顺", "liaison", "12:00"))] == ["省厅私信"]


async def test_without_a_channel_it_is_skipped_and_read_in_the_app(people: People, clock: SetClock) -> None:
    await people.groups.set_channel("市局私信", enabled=False)
    await people.groups.tick("18:00:10")
    clock.at("18:05")
    assert await people.all("liaison") == [
        ("丰顺", "skipped", "no-private-channel"),
        ("梅江", "skipped", "no-private-channel"),
    ]
    async with people.groups.town.as_("丰顺联络员") as liaison:
        items = {one["audience"]["kind"]: one for one in (await liaison.get("/notices")).json()["items"]}
        own = items["liaison"]
        assert (await liaison.get(f"/notices/{own['id']}")).json() == own
    assert items.keys() == {"branch", "liaison", "leader"}
    assert (own["state"], own["reason"], own["deliveries"]) == ("skipped", "no-private-channel", [])
    assert own["body"].startswith("应参赛2人，均未开始：丰顺001、002。今日尚无提醒记录")


async def test_people_without_an_account_and_branches_without_people_are_visible(people: People) -> None:
    await people.groups.town.unit("大埔", "branch", "市局")  # type: ignore[arg-type]
    await people.groups.town.officers_in("大埔", 1)
    await people.groups.tick("18:00:10")
    assert await people.all("liaison") == [
        ("丰顺", "planned", None),
        ("大埔", "skipped", "nobody-holds-role"),
        ("梅江", "skipped", "no-private-account"),
    ]
    assert await people.all("leader") == [("丰顺", "planned", None)]


async def test_two_liaison_officers_get_one_message_and_one_account_one_copy(people: People) -> None:
    town = people.groups.town
    for name, account in (("副联络员", "fs-lxy2"), ("兼任", "fs-lxy"), ("无号", None)):
        await town.officer(name, "丰顺", roles=["liaison"], takes_part=False, wecom_userid=account)
    await people.groups.tick("12:00:10")
    ((_, recipients, _),) = await people.messages(await people.told("丰顺", "liaison", "12:00"))
    assert recipients is not None
    assert sorted(recipients) == ["fs-lxy", "fs-lxy2"]


async def test_a_liaison_officer_of_two_branches_hears_of_each(people: People) -> None:
    await people.groups.town.officer("丰顺联络员二", "梅江", roles=["liaison"], takes_part=False, wecom_userid="fs-lxy")
    await people.groups.tick("12:00:10")
    told = [await people.messages(await people.told(unit, "liaison", "12:00")) for unit in ("丰顺", "梅江")]
    assert [[recipients for _, recipients, _ in messages] for messages in told] == [[["fs-lxy"]], [["fs-lxy"]]]
    assert [messages[0][2].split("\n")[0] for messages in told] == [
        "丰顺第1日未完成情况（12:00）",
        "梅江第1日未完成情况（12:00）",
    ]


async def test_after_a_transfer_the_old_branch_is_told_of_its_day_and_by_its_people_of_today(people: People) -> None:
    town = people.groups.town
    await move(town, "丰顺001", "梅江", TOMORROW)
    await move(town, "丰顺联络员", "梅江", TOMORROW)
    await town.officer("新联络员", "丰顺", roles=["liaison"], takes_part=False, from_day=TOMORROW, wecom_userid="new")
    await people.groups.tick("08:00:10", TOMORROW)
    fengshun, meijiang = [await people.told(unit, "liaison", "08:00", TOMORROW) for unit in ("丰顺", "梅江")]
    assert str(fengshun.body).startswith("昨日应参赛2人，均未参赛：丰顺001、002。")
    assert "丰顺001" not in str(meijiang.body)
    assert [recipients for _, recipients, _ in await people.messages(fengshun)] == [["new"]]
    assert [recipients for _, recipients, _ in await people.messages(meijiang)] == [["fs-lxy"]]


async def test_a_late_notice_names_those_unfinished_at_the_slot(people: People) -> None:
    await play(people.groups.town, "丰顺001", opened="11:55")
    await play(people.groups.town, "丰顺002", opened="12:05")
    await people.groups.tick("12:50")
    body = str((await people.told("丰顺", "liaison", "12:00")).body)
    assert body.startswith("尚有2人未完成：进行中1人，未开始1人。建议先提醒进行中的同志：丰顺001。\n补发，统计截至")


async def test_what_is_missing_is_told_apart(people: People) -> None:
    town = people.groups.town
    await people.groups.set_contest(state=ContestState.DRAFT)
    await town.contest("市局", rules=WITH_MATCHES)
    await town.officers_in("五华", 4)
    await play(town, "五华001", opened="09:00")
    await play(town, "五华002", opened="09:00", answered=3)
    await exempt(town, "五华004")
    await people.groups.tick("22:00:10")
    body = str((await people.told("五华", "liaison", "22:00")).body)
    assert body.startswith("尚有3人未完成。差1场对战：五华001；差每日一测和1场对战：五华002；未开始：五华003。时间已晚")


async def test_the_evening_tells_how_many_of_those_reminded_have_finished(people: People) -> None:
    town = people.groups.town
    await play(town, "梅江001", opened="15:00")
    for name, time in (("梅江001", "14:00"), ("梅江001", "14:30"), ("梅江002", "15:00"), ("联络员", "18:01")):
        await people.remind(name, time)
    await people.groups.tick("18:00:40")
    assert "今日已提醒2人，其中1人已完成。" in str((await people.told("梅江", "liaison", "18:00")).body)


async def test_a_complete_branch_is_thanked_once_then_left_in_peace(people: People) -> None:
    for name in ("丰顺001", "丰顺002"):
        await play(people.groups.town, name, opened="09:00")
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await people.groups.tick(time)
    assert [one for one in await people.all("liaison", "leader") if one[0] == "丰顺"] == [("丰顺", "planned", None)]
    assert "感谢您的细致工作" in str((await people.told("丰顺", "liaison", "12:00")).body)


async def test_a_leader_hears_in_the_evening_and_in_the_morning_only_of_trouble(people: People) -> None:
    await play(people.groups.town, "丰顺001", opened="09:00")
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await people.groups.tick(time)
    await people.groups.tick("08:00:10", TOMORROW)
    assert len(await people.all("leader")) == 2
    evening = await people.told("丰顺", "leader", "18:00")
    assert str(evening.body).startswith(
        "应参赛2人，已完成1人（50.0%），尚有1人未完成，暂列第1位。今日24:00截止，请予关注。"
    )
    morning = await people.told("丰顺", "leader", "08:00", TOMORROW)
    assert "昨日完成率50.0%（应参赛2人，完成1人），低于60%" in str(morning.body)
    assert [recipients for _, recipients, _ in await people.messages(morning)] == [["fs-zr"]]


async def test_a_leader_whose_branch_does_well_is_not_woken(people: People) -> None:
    for name in ("丰顺001", "丰顺002"):
        await play(people.groups.town, name, opened="09:00")
    await people.groups.tick("08:00:10", TOMORROW)
    assert await people.all("leader") == []
    assert "已全员完成" in str((await people.told("丰顺", "liaison", "08:00", TOMORROW)).body)


async def test_while_paused_or_with_nobody_expected_only_the_groups_rows_say_why(people: People) -> None:
    await people.groups.set_contest(state=ContestState.PAUSED)
    await people.groups.tick("12:00:10")
    await people.groups.set_contest(state=ContestState.OPEN)
    for name in EVERYBODY:
        await exempt(people.groups.town, name)
    await people.groups.tick("18:00:10")
    assert await people.all("liaison", "leader", "forecast", "nudge") == []
    assert len(await people.groups.notices()) == 8


async def test_a_slot_that_was_missed_tells_nobody_in_private(people: People) -> None:
    await people.groups.tick("02:00", TOMORROW)
    assert await people.all("liaison", "leader") == []


async def test_three_processes_tell_everybody_once(people: People) -> None:
    processes = await asyncio.gather(*(people.groups.process("12:30:10") for _ in range(3)))
    await go(*processes)
    assert len(await people.all("liaison")) == 2
    assert len(await people.messages(await people.told("丰顺", "liaison", "12:00"))) == 1
    assert len(await people.all("nudge")) == 1


async def test_names_are_for_those_who_may_see_single_officers(people: People, clock: SetClock) -> None:
    await people.groups.tick("12:00:10")
    clock.at("12:05")
    told = await people.told("丰顺", "liaison", "12:00")
    town = people.groups.town
    for name, statuses in {"市局处长": (200, 1), "管理员": (200, 1), "省厅处长": (404, 0), "联络员": (404, 0)}.items():
        async with town.as_(name) as reader:
            listed = (await reader.get("/notices", params={"kind": "liaison"})).json()["items"]
            about = [one for one in listed if one["audience"]["name"] == "丰顺"]
            assert ((await reader.get(f"/notices/{told.id}")).status_code, len(about)) == statuses
            kinds = {one["audience"]["kind"] for one in (await reader.get("/notices")).json()["items"]}
            assert ("liaison" in kinds) == (name == "联络员")


def asked(people: People, unit: str, kind: str, slot: str = "18:00") -> dict[str, object]:
    audience = {"kind": kind, "id": str(people.groups.town.units[unit])}
    return {"slot": slot, "day": TODAY.isoformat(), "audience": audience}


async def test_private_notices_are_previewed_and_shown_as_written(people: People, clock: SetClock) -> None:
    clock.at("12:30")
    async with people.groups.town.as_("丰顺主任") as reader:
        for kind, begins in (("liaison", "应参赛2人，均未开始"), ("leader", "应参赛2人，尚无人完成")):
            answer = (await reader.post("/notices/preview", json=asked(people, "丰顺", kind))).json()
            assert (answer["frozen"], answer["audience"]["kind"]) == (False, kind)
            assert answer["body"].startswith(begins)
        assert (await reader.post("/notices/preview", json=asked(people, "丰顺", "leader", "12:00"))).status_code == 404
        await people.groups.tick("12:30:40")
        frozen = (await reader.post("/notices/preview", json=asked(people, "丰顺", "liaison", "12:00"))).json()
    assert frozen["frozen"]
    async with people.groups.town.as_("省厅处长") as province:
        assert (await province.post("/notices/preview", json=asked(people, "丰顺", "liaison"))).status_code == 403


async def test_no_phone_stands_in_any_private_message(people: People) -> None:
    for time in ("11:40:10", "12:00:10", "12:30:10", "18:00:10", "22:00:10"):
        await people.groups.tick(time)
    async with people.groups.town.services.database.reads() as session:
        said = "".join(str(body) for body in await session.scalars(select(Notice.body)))
    assert "联络员" in said  # a liaison officer who takes part, by name
    assert "13800000001" not in said


async def test_the_light_profile_leaves_two_slots(people: People) -> None:
    await people.groups.set_contest(state=ContestState.DRAFT)
    await people.groups.town.contest("市局", rules={"notices": {"profile": "light"}})
    for time in ("12:00:10", "18:00:10", "22:00:10"):
        await people.groups.tick(time)
    assert {slot for slot, _, _, _ in await people.groups.notices()} == {"18:00"}
    assert len(await people.all("liaison")) == 2


async def test_a_round_reports_private_notices_by_number(people: People) -> None:
    said = (await people.groups.tick("18:00:10", dry_run=True)).render()
    assert "联络员私信：1份" in said
    assert "负责人私信：1份" in said
    assert "丰顺001" not in said
