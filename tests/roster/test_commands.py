"""What the commands call: the first administrator, and a roster file for a bureau by name."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import func, select

from app.core.errors import Conflict, Invalid, NotFound, UnsupportedMedia
from app.roster.imports.service import import_roster_file
from app.roster.models import Assignment, Officer, RosterImport, Unit, UnitKind
from app.roster.rules import EmployeeNoTaken
from app.roster.service import create_admin, renew_admin
from tests.roster.sheets import person, table, xlsx
from tests.roster.signing import PASSWORD, bearer, sign_in
from tests.times import TODAY, instant


async def admin(services, number="GL001", bureau="梅州市局", province=None, name="李主任"):
    async with services.database.sessions.begin() as session:
        return await create_admin(
            session,
            employee_no=number,
            name=name,
            bureau=bureau,
            province=province,
            password_hash=services.passwords.hash_now(PASSWORD),
            now=instant("09:00"),
        )


async def units(services):
    async with services.database.reads() as session:
        found = (await session.scalars(select(Unit))).all()
    names = {unit.id: unit.name for unit in found}
    return {unit.name: (unit.kind, names.get(unit.parent_id) if unit.parent_id else None) for unit in found}


async def test_the_first_administrator_makes_bureau_and_province(client, services):
    await admin(services, province="广东省厅")
    assert await units(services) == {"广东省厅": ("province", None), "梅州市局": ("bureau", "广东省厅")}
    signed = await sign_in(client, "GL001")
    me = (await client.get("/me", headers=bearer(signed))).json()
    assert (me["roles"], me["unit"]["name"], me["must_change_password"]) == (["admin"], "梅州市局", False)
    assert (await client.get("/audit", headers=bearer(signed))).json()["items"][0]["action"] == "admin.created"


async def test_more_administrators_find_what_is_there(services):
    await admin(services, province="广东省厅")
    await admin(services, "GL002")
    await admin(services, "GL003", province="广东省厅")
    await admin(services, "GL004", bureau="广东省厅", province="广东省厅")
    await admin(services, "GL005", bureau="河源市局", province="广东省厅")
    assert len(await units(services)) == 3


async def test_a_province_of_its_own_and_a_bureau_without_one(services):
    await admin(services, "GL001", bureau="广东省厅", province="广东省厅")
    await admin(services, "GL002", bureau="独立市局")
    assert await units(services) == {"广东省厅": ("province", None), "独立市局": ("bureau", None)}


async def test_an_act_of_a_command_is_shown_to_whose_unit_it_named(client, services):
    await admin(services, province="广东省厅")
    await admin(services, "GL002", bureau="河源市局", province="广东省厅")
    await admin(services, "GL003", bureau="广东省厅", province="广东省厅")
    seen = {}
    for number in ("GL001", "GL002", "GL003"):
        acts = (await client.get("/audit", headers=bearer(await sign_in(client, number)))).json()["items"]
        seen[number] = [act["after"]["employee_no"] for act in acts]
    assert seen == {"GL001": ["GL001"], "GL002": ["GL002"], "GL003": ["GL003", "GL002", "GL001"]}


async def test_an_act_of_a_command_is_shown_at_the_top_of_the_tree(client, services):
    await admin(services)
    signed = await sign_in(client, "GL001")
    (act,) = (await client.get("/audit", headers=bearer(signed))).json()["items"]
    assert (act["action"], act["actor"]) == ("admin.created", None)


async def test_a_taken_number_is_told(town, services):
    await town.officer("有手机的人", "梅江", phone="13900000001")
    for number in ("梅江001", "13900000001"):
        with pytest.raises(EmployeeNoTaken, match=number):
            await admin(services, number)


@pytest.mark.parametrize(("number", "name"), [("", "李"), ("a_b", "李"), ("GL001", " ")])
async def test_an_administrator_needs_a_number_and_a_name(services, number, name):
    with pytest.raises(Invalid):
        await admin(services, number, name=name)


async def test_names_that_mean_two_things_are_refused(town, services):
    await town.unit("外省", UnitKind.PROVINCE)
    await town.unit("市局", UnitKind.BUREAU, "外省")
    await town.unit("直属", UnitKind.HEADQUARTERS)
    for bureau, province in (("市局", None), ("市局", "没有的省"), ("直属", None)):
        with pytest.raises(Conflict):
            await admin(services, bureau=bureau, province=province)
    await admin(services, bureau="市局", province="省厅")


async def renewed(services, number="GL001", bureau="梅州市局", province=None, name="李主任"):
    async with services.database.sessions.begin() as session:
        return await renew_admin(
            session,
            employee_no=number,
            name=name,
            bureau=bureau,
            province=province,
            password_hash=services.passwords.hash_now("another horse"),
            now=instant("09:00"),
        )


async def test_a_lost_password_is_set_anew_and_all_sign_ins_end(client, services):
    await admin(services, province="广东省厅")
    signed = await sign_in(client, "GL001")
    for _ in range(6):
        blocked = await sign_in(client, "GL001", "forgotten")
    assert blocked.status_code == 429
    assert await renewed(services, " GL００1 ") is True
    assert (await sign_in(client, "GL001")).status_code == 401
    again = await sign_in(client, "GL001", "another horse")
    assert (again.status_code, again.json()["officer"]["must_change_password"]) == (201, False)
    assert (await client.get("/me", headers=bearer(signed))).status_code == 401


async def test_setting_a_password_anew_is_audited(client, services):
    await admin(services)
    await renewed(services)
    signed = await sign_in(client, "GL001", "another horse")
    acts = (await client.get("/audit", headers=bearer(signed))).json()["items"]
    assert [(act["action"], act["actor"]) for act in acts] == [("admin.password_set", None), ("admin.created", None)]


async def test_a_provinces_administrator_gets_a_new_password_too(client, services):
    await admin(services, bureau="广东省厅", province="广东省厅")
    assert await renewed(services, bureau="广东省厅", province="广东省厅") is True
    assert (await sign_in(client, "GL001", "another horse")).status_code == 201


async def test_a_free_number_is_not_renewed(services):
    assert await renewed(services) is False
    assert await units(services) == {}


@pytest.mark.parametrize(
    ("number", "bureau", "name", "said"),
    [
        ("GL001", "没有的市局", "李主任", "不是“没有的市局”的管理员"),
        ("GL001", "市局", "李主任", "不是“市局”的管理员"),
        ("GL001", "梅州市局", "王主任", "是“李主任”的"),
        ("梅江001", "市局", "梅江001", "不是“市局”的管理员"),
        ("市局处长", "市局", "市局处长", "不是“市局”的管理员"),
    ],
)
async def test_only_the_administrator_of_that_very_bureau_gets_one(town, client, services, number, bureau, name, said):
    await admin(services)
    with pytest.raises(EmployeeNoTaken, match=said):
        await renewed(services, number, bureau, name=name)
    assert (await sign_in(client, "GL001")).status_code == 201


async def imported(services, *people, bureau="市局", create_units=False, now=None, name="名册.xlsx"):
    return await import_roster_file(
        services,
        content=xlsx(table(people)),
        file_name=name,
        bureau_name=bureau,
        create_units=create_units,
        now=now,
    )


async def test_a_file_for_a_new_bureau_makes_it_and_its_branches(services):
    report = await imported(services, person(1, "甲分局"), person(2, "新市局"), bureau="新市局", create_units=True)
    assert (report.created, report.created_units, report.errors) == (2, ["甲分局"], [])
    assert await units(services) == {"新市局": ("bureau", None), "甲分局": ("branch", "新市局")}


async def test_a_file_with_bad_rows_makes_not_even_the_bureau(services):
    report = await imported(services, person(1, "甲分局", 手机号="1"), bureau="新市局", create_units=True)
    assert [(error.row, error.column) for error in report.errors] == [(2, "手机号")]
    assert report.id is None
    assert await units(services) == {}


async def test_an_unknown_bureau_is_told(services):
    with pytest.raises(NotFound, match="新市局"):
        await imported(services, person(1), bureau="新市局")
    with pytest.raises(UnsupportedMedia):
        await imported(services, person(1), bureau="新市局", name="名册.pdf")


async def test_a_simulation_imports_for_a_day_gone_by(town, services):
    begun = instant("20:00", TODAY - dt.timedelta(days=11))
    report = await imported(services, person(1), now=begun)
    assert (report.created, report.missing) == (1, 7)
    async with services.database.reads() as session:
        first = await session.scalar(
            select(Assignment.from_day)
            .join(Officer, Officer.id == Assignment.officer_id)
            .where(Officer.name == "张001")
        )
        kept = (await session.scalars(select(RosterImport))).one()
    assert first == TODAY - dt.timedelta(days=11)
    assert (kept.created_at, kept.created_by) == (begun, None)


async def test_what_was_checked_is_checked_again_under_the_lock(town, services):
    """A roster that changed between rehearsal and writing: the import is held back while another one lands."""
    async with services.passwords._one_at_a_time:
        header = ["工号", "姓名", "手机号", "单位", "初始密码"]
        content = xlsx(table([person(1, 初始密码="chosen-one")], header))
        waiting = import_task(services, content)
        for _ in range(200):
            if await at_argon2(services):
                break
        await imported(services, person(2, 工号="ZF002", 手机号="13700000001"))
    report = await waiting
    assert [(error.row, error.column) for error in report.errors] == [(2, "手机号")]
    async with services.database.reads() as session:
        assert await session.scalar(select(func.count()).where(Officer.employee_no == "ZF001")) == 0


def import_task(services, content):
    return asyncio.create_task(
        import_roster_file(services, content=content, file_name="a.xlsx", bureau_name="市局", create_units=False)
    )


async def at_argon2(services) -> bool:
    """Whether somebody waits for a turn at hashing."""
    await asyncio.sleep(0.02)
    return bool(services.passwords._one_at_a_time._waiters)
