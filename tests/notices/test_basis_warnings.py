"""The end of a legal basis is told to each bureau's administrators once, thirty days ahead, by day."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from app.contests.models import Contest, ContestRules
from app.core.settings import Settings
from app.notices.bases import warn_of_ends
from app.notices.models import Notice
from app.notices.planner import contests_at
from app.notices.service import tick
from app.roster.models import Officer, UnitKind
from tests.bank.banks import INSTRUMENTS, fill, question
from tests.bank.test_queries import RESTS, own
from tests.notices.helpers import TOMORROW, Groups, go
from tests.notices.private import People
from tests.notices.shops import serving, with_settings
from tests.notices.test_alerts import with_officers_channel
from tests.test_migrations import to_revision
from tests.times import TODAY, SetClock, instant

ENDS_ON = TODAY + dt.timedelta(days=30)


def law(ends_on: dt.date) -> list[dict[str, Any]]:
    """The register, with the rules ending on this day."""
    return [INSTRUMENTS[0], {**INSTRUMENTS[1], "in_force_to": ends_on}]


async def load(groups: Groups, folder: Path, ends_on: dt.date = ENDS_ON) -> None:
    items = [question("stays"), question("gd-2", **RESTS), question("gd-1", state="to_confirm", **RESTS)]
    await fill(
        groups.town.services, folder, [*items, question("gd-0", state="draft", **RESTS)], instruments=law(ends_on)
    )


@pytest.fixture
async def bank(groups: Groups, tmp_path: Path) -> Groups:
    """Two live questions rest on rules that end thirty days after today."""
    await load(groups, tmp_path)
    return groups


@pytest.fixture
async def people(bank: Groups) -> People:
    """市局's administrator can be reached; the messages rest."""
    async with bank.town.services.database.sessions.begin() as session:
        (await session.get_one(Officer, bank.town.officers["管理员"])).wecom_userid = "admin"
    held = People(bank)
    await held.channel("市局")
    return held


async def told(groups: Groups) -> list[Notice]:
    async with groups.town.services.database.reads() as session:
        found = await session.scalars(
            select(Notice).where(Notice.audience_kind == "administrators").order_by(Notice.slot_at, Notice.audience_id)
        )
        return list(found.all())


async def test_it_is_told_once_by_day_to_whom_alerts_go(bank: Groups) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(bank, server)
        await bank.tick("22:00", TODAY - dt.timedelta(days=1))
        await bank.tick("07:59:59")
        assert server.texts("app") == []
        for time in ("08:00", "08:00:30", "12:01", "22:29"):
            await bank.tick(time)
        await bank.tick("09:00", TOMORROW)
        [said] = server.texts("app")
        [request] = server.requests
    assert request["body"]["touser"] == "admin"
    title, body = said.split("\n")
    assert title == "法律依据即将到期：《广东省生态环境行政处罚自由裁量权规定》"
    assert "止于2026年12月23日，还有30天；题库中有2道题以它为依据，次日起自动停用：gd-1、gd-2。" in body


async def test_at_night_it_waits_for_the_morning(people: People) -> None:
    for time in ("22:30", "23:59"):
        await people.groups.tick(time)
    await people.groups.tick("00:10", TOMORROW)
    assert await told(people.groups) == []
    await people.groups.tick("08:00:10", TOMORROW)
    [notice] = await told(people.groups)
    assert "还有29天" in str(notice.body)


async def test_three_processes_tell_it_once(people: People) -> None:
    await go(*[await people.groups.process("09:00") for _ in range(3)])
    [notice] = await told(people.groups)
    assert [(channel, who) for channel, who, _ in await people.messages(notice)] == [("市局私信", ["admin"])]


async def test_rounds_at_once_tell_it_once(people: People) -> None:
    await asyncio.gather(*(tick(people.groups.town.services, now=instant("09:00")) for _ in range(4)))
    assert len(await told(people.groups)) == 1


@pytest.mark.parametrize("die", ["after-claim", "after-answer"])
async def test_a_killed_process_neither_loses_nor_doubles_it(bank: Groups, die: str) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(bank, server)
        process = await bank.process("09:00", die=die, wecom_url=server.base)
        await go(process)
        assert process.returncode == -signal.SIGKILL
        for time in ("09:00:30", "09:02", "09:04"):
            await bank.tick(time)
        assert len(server.texts("app")) == 1
    [notice] = await told(bank)
    async with bank.town.services.database.reads() as session:
        states = await session.execute(text("SELECT state FROM delivery WHERE notice_id = :id"), {"id": notice.id})
        assert states.scalars().all() == ["sent"]


async def test_a_bank_that_comes_late_is_told_of_at_once(people: People, tmp_path: Path) -> None:
    groups = people.groups
    await load(groups, tmp_path, TODAY + dt.timedelta(days=60))
    await groups.tick("09:00")
    assert await told(groups) == []
    await load(groups, tmp_path, TODAY + dt.timedelta(days=3))
    for time in ("10:00", "10:01"):
        await groups.tick(time)
    [notice] = await told(groups)
    assert "还有3天" in str(notice.body)


async def test_an_end_that_is_put_off_is_told_when_it_comes_near_again(people: People, tmp_path: Path) -> None:
    groups = people.groups
    await groups.tick("09:00")
    await load(groups, tmp_path, ENDS_ON + dt.timedelta(days=20))
    await groups.tick("10:00")
    assert len(await told(groups)) == 1
    for time in ("09:00", "10:00"):
        await groups.tick(time, TODAY + dt.timedelta(days=20))
    first, second = await told(groups)
    assert "2026年12月23日，还有30天" in str(first.body)
    assert "2027年1月12日，还有30天" in str(second.body)


async def test_what_could_not_be_sent_all_day_is_told_anew_the_next(people: People) -> None:
    groups = people.groups
    await groups.tick("09:00")
    for time in ("07:00", "08:00:10", "09:00"):
        await groups.tick(time, TOMORROW)
    first, second = await told(groups)
    assert [(one.day, len(await people.messages(one))) for one in (first, second)] == [(TODAY, 1), (TOMORROW, 1)]
    assert "还有29天" in str(second.body)


async def test_what_went_wrong_is_left_to_a_person_and_not_told_anew(bank: Groups) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(bank, server)
        server.faults["app"].append(60020)
        for time in ("09:00", "10:00"):
            await bank.tick(time)
        await bank.tick("09:00", TOMORROW)
    [notice] = await told(bank)
    async with bank.town.as_("管理员") as admin:
        page = (await admin.get("/notices", params={"kind": "administrators"})).json()
        [one] = page["items"]
        [sent] = [each for each in one["deliveries"] if each["kind"] == "text"]
        [alert] = [each for each in one["deliveries"] if each["kind"] == "alert"]
        assert "市局11月23日09:00的题库提醒经" in alert["text"]
        assert (one["id"], one["state"], sent["state"]) == (str(notice.id), "attention", "dead")
        assert (await admin.post(f"/deliveries/{sent['id']}/resend")).status_code == 200


async def test_each_bureau_hears_of_the_questions_that_it_draws(people: People, tmp_path: Path) -> None:
    town = people.groups.town
    await town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await town.officer("邻市管理员", "邻市局", roles=["admin"], takes_part=False, wecom_userid="next")
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False, wecom_userid="above")
    await people.channel("省厅")
    for unit, code in (("市局", "ours"), ("邻市局", "theirs"), ("省厅", "all")):
        await own(town.services, town, tmp_path / code, unit, [question(code, **RESTS)])
    held = town.contest_id
    await town.contest("邻市局", starts_on=TOMORROW)
    town.contest_id = held
    await people.groups.tick("09:00")
    names = {key: name for name, key in town.units.items()}
    assert {
        names[one.audience_id]: str(one.body).split("自动停用：")[1].split("。")[0] for one in await told(people.groups)
    } == {
        "市局": "all、gd-1、gd-2、ours",
        "邻市局": "all、gd-1、gd-2、theirs",
        "省厅": "all、gd-1、gd-2、ours、theirs",
    }


async def test_own_questions_of_another_bureau_are_no_concern(groups: Groups, tmp_path: Path) -> None:
    town = groups.town
    await fill(town.services, tmp_path / "shared", [question("stays")], instruments=law(ENDS_ON))
    await town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await own(town.services, town, tmp_path / "own", "邻市局", [question("theirs", **RESTS)])
    with serving("wecom_app") as server:
        await with_officers_channel(groups, server)
        await groups.tick("09:00")
        assert server.texts("app") == []


async def test_several_ends_are_one_message(people: People, tmp_path: Path) -> None:
    every = [{**one, "in_force_to": ENDS_ON} for one in INSTRUMENTS]
    await fill(people.groups.town.services, tmp_path, [question("stays"), question("gd-2", **RESTS)], instruments=every)
    await people.groups.tick("09:00")
    [notice] = await told(people.groups)
    assert str(notice.title).endswith("》等2部")
    assert len(str(notice.body).split("\n")) == 2


async def test_who_cannot_be_reached_is_told_as_soon_as_it_can_be(people: People) -> None:
    groups = people.groups
    await groups.set_channel("市局私信", enabled=False)
    await groups.tick("09:00")
    await groups.set_channel("市局私信", enabled=True)
    async with groups.town.services.database.sessions.begin() as session:
        (await session.get_one(Officer, groups.town.officers["管理员"])).wecom_userid = None
    await groups.tick("09:01")
    assert await told(groups) == []
    async with groups.town.services.database.sessions.begin() as session:
        (await session.get_one(Officer, groups.town.officers["管理员"])).wecom_userid = "admin"
    await groups.tick("09:02")
    assert len(await told(groups)) == 1


async def test_without_any_contest_it_waits_for_one(people: People) -> None:
    town = people.groups.town
    async with town.services.database.sessions.begin() as session:
        await session.execute(delete(ContestRules))
        await session.execute(delete(Contest))
    await people.groups.tick("09:00")
    assert await told(people.groups) == []
    await town.contest("省厅", starts_on=TODAY + dt.timedelta(days=9))
    await people.groups.tick("09:01")
    assert len(await told(people.groups)) == 1


async def test_a_dry_run_tells_nobody(people: People) -> None:
    report = await people.groups.tick("09:00", dry_run=True)
    assert "题库提醒：1份" in report.render()
    assert await told(people.groups) == []


async def test_its_trouble_does_not_keep_the_slots_from_going_out(people: People) -> None:
    groups = people.groups
    database = groups.town.services.database
    async with database.sessions.begin() as session:
        await session.execute(text("ALTER TABLE basis_told RENAME TO basis_told_away"))
    try:
        report = await groups.tick("12:00:10")
    finally:
        async with database.sessions.begin() as session:
            await session.execute(text("ALTER TABLE basis_told_away RENAME TO basis_told"))
    assert report.failed == ["题库提醒"]
    assert ("12:00", "市局", "planned", None) in await groups.notices()


async def test_branch_people_do_not_read_what_administrators_are_told(people: People, clock: SetClock) -> None:
    await people.groups.tick("09:00")
    clock.at("09:05")
    [notice] = await told(people.groups)
    async with people.groups.town.as_("联络员") as liaison:
        assert (await liaison.get(f"/notices/{notice.id}")).status_code == 404


async def test_going_back_to_the_schema_without_it_forgets_what_was_told(bank: Groups, settings: Settings) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(bank, server)
        await bank.tick("09:00")
        assert len(server.texts("app")) == 1
    await bank.town.services.database.engine.dispose()
    for revision in ("0011", "head"):
        await to_revision(settings, revision)
    assert await told(bank) == []
    await bank.tick("09:01")
    assert len(await told(bank)) == 1


async def test_what_was_told_after_the_end_does_not_pass_for_the_last_final(people: People) -> None:
    groups = people.groups
    async with groups.town.services.database.sessions.begin() as session:
        contest = await session.get_one(Contest, groups.town.contest_id)
        contest.starts_on, contest.ends_on = TODAY - dt.timedelta(days=9), TODAY - dt.timedelta(days=3)
    async with groups.town.services.database.sessions.begin() as session:
        assert await warn_of_ends(session, now=instant("09:00"))
        assert [one.id for one in await contests_at(session, instant("09:01"))] == [groups.town.contest_id]


async def test_an_outage_of_a_day_only_puts_it_off(bank: Groups) -> None:
    with serving("wecom_app") as server:
        await with_officers_channel(bank, server)
        with_settings(bank, wecom_url="http://127.0.0.1:9")
        for hour in range(8, 23):
            await bank.tick(f"{hour:02}:00")
        with_settings(bank, wecom_url=server.base)
        await bank.tick("23:05")
        assert server.texts("app") == []
        for day in range(1, 4):
            await bank.tick("09:00", TODAY + dt.timedelta(days=day))
        assert len(server.texts("app")) == 1
