"""Importing a roster file, over HTTP: all or nothing, by 工号, again and again."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import func, select

from app.core.audit import AuditEntry
from app.core.clock import Clock
from app.main import create_app
from app.roster.models import Assignment, Officer, RosterImport, Unit, UnitKind
from tests.conftest import serving
from tests.roster.sheets import HEADER, csv, errors, person, send, table, xls, xlsx
from tests.roster.signing import sign_in
from tests.times import TODAY

DAY = dt.timedelta(days=1)
TOMORROW = TODAY + DAY


@pytest.fixture
async def admin(town):
    async with town.as_("管理员") as client:
        yield client


async def land(client, *people, header=HEADER, **params):
    answer = await send(client, xlsx(table(people, header)), **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def counted(town, table_):
    async with town.services.database.reads() as session:
        return await session.scalar(select(func.count()).select_from(table_))


async def officer(town, number):
    async with town.services.database.reads() as session:
        return (await session.scalars(select(Officer).where(Officer.employee_no == number))).one()


async def placed(town, number):
    """(unit, takes part, from, until) of every assignment."""
    async with town.services.database.reads() as session:
        rows = await session.execute(
            select(Unit.name, Assignment.takes_part, Assignment.from_day, Assignment.until_day)
            .join(Unit, Unit.id == Assignment.unit_id)
            .join(Officer, Officer.id == Assignment.officer_id)
            .where(Officer.employee_no == number)
            .order_by(Assignment.from_day)
        )
        return [tuple(row) for row in rows]


async def test_a_file_adds_officers_from_today(town, admin):
    report = await land(
        admin, person(1, 股室="法规股", 职务="股长", 角色="联络员、单位负责人"), person(2, "市局", 角色="管理员")
    )
    assert (report["rows"], report["created"], report["changed"], report["unchanged"]) == (2, 2, 0, 0)
    assert report["errors"] == []
    first = await officer(town, "ZF001")
    assert (first.name, first.phone, first.section, first.position) == ("张001", "13700000001", "法规股", "股长")
    assert first.roles == ["leader", "liaison"]
    assert first.must_change_password
    assert await placed(town, "ZF001") == [("梅江", True, TODAY, None)]
    assert await placed(town, "ZF002") == [("市局", False, TODAY, None)]


async def test_the_same_file_again_changes_nothing(town, admin):
    people = [person(n) for n in range(1, 6)]
    await land(admin, *people)
    report = await land(admin, *people)
    assert (report["created"], report["changed"], report["unchanged"]) == (0, 0, 5)
    assert await placed(town, "ZF001") == [("梅江", True, TODAY, None)]


async def test_who_is_not_in_the_file_is_listed_and_stays(town, admin):
    report = await land(admin, person(1))
    assert report["missing"] == 7
    assert {"employee_no": "梅江001", "name": "梅江001"} in report["missing_officers"]
    assert (await officer(town, "梅江001")).name == "梅江001"
    assert len((await land(admin, person(1)))["missing_officers"]) == 7


async def test_own_columns_change_at_once(town, admin):
    await land(admin, person(1, 股室="法规股"))
    report = await land(admin, person(1, 姓名="张一", 手机号="13700000099", 股室="", 角色="联络员"))
    assert report["changed"] == 1
    changed = await officer(town, "ZF001")
    assert (changed.name, changed.phone, changed.section, changed.roles) == ("张一", "13700000099", None, ["liaison"])


async def test_columns_that_the_file_lacks_change_nothing(town, admin):
    await land(admin, person(1, 股室="法规股", 角色="联络员", 参赛="否"))
    report = await land(admin, person(1), header=("姓名", "单位", "工号", "手机号"))
    assert report["unchanged"] == 1
    report = await land(admin, person(1, "丰顺"), person(2), header=("姓名", "单位", "工号", "手机号"))
    assert report["changed"] == 1
    assert (await placed(town, "ZF001"))[-1] == ("丰顺", False, TOMORROW, None)
    assert (await officer(town, "ZF001")).roles == ["liaison"]


async def test_a_changed_unit_holds_from_tomorrow(town, admin):
    await town.contest("市局", starts_on=TODAY - 3 * DAY)
    await land(admin, person(1))
    await land(admin, person(1, "丰顺"))
    assert await placed(town, "ZF001") == [("梅江", True, TODAY, TOMORROW), ("丰顺", True, TOMORROW, None)]


async def test_importing_again_before_tomorrow_replaces_or_withdraws_the_change(town, admin):
    await land(admin, person(1))
    await land(admin, person(1, "丰顺"))
    assert (await land(admin, person(1, "五华", 参赛="否")))["changed"] == 1
    assert (await placed(town, "ZF001"))[1:] == [("五华", False, TOMORROW, None)]
    assert (await land(admin, person(1, "五华", 参赛="否")))["unchanged"] == 1
    assert (await land(admin, person(1)))["changed"] == 1
    assert await placed(town, "ZF001") == [("梅江", True, TODAY, None)]


async def test_the_day_of_entry_is_shanghais(town, admin, clock):
    clock.at("23:59:59.9")
    await land(admin, person(1))
    clock.at("00:00", TOMORROW)
    await land(admin, person(1, "丰顺"), person(2))
    assert [row[2] for row in await placed(town, "ZF001")] == [TODAY, TOMORROW + DAY]
    assert await placed(town, "ZF002") == [("梅江", True, TOMORROW, None)]


async def test_a_transfer_planned_for_later_outlasts_the_same_file(town, admin):
    await land(admin, person(1))
    body = {
        "officer_id": str((await officer(town, "ZF001")).id),
        "unit_id": str(town.units["丰顺"]),
        "from": (TODAY + 9 * DAY).isoformat(),
    }
    assert (await admin.post("/transfers", json=body)).status_code == 201
    assert (await land(admin, person(1)))["unchanged"] == 1
    assert len(await placed(town, "ZF001")) == 2


async def test_a_dry_run_reports_and_writes_nothing(town, admin):
    report = await land(admin, person(1), person(2, "新分局"), dry_run=True, create_units=True)
    assert (report["id"], report["dry_run"], report["created"]) == (None, True, 2)
    assert report["created_units"] == ["新分局"]
    assert await counted(town, Officer) == 8
    assert await counted(town, Unit) == 5
    assert await counted(town, RosterImport) == 0


async def test_one_bad_row_writes_nothing_and_every_bad_row_is_listed(town, admin):
    rows = [
        person(1),
        person(2, 手机号="12345"),
        person(3, "没有的分局"),
        person(4, 工号="ZF_4", 角色="局长"),
        person(5, 姓名=" ", 参赛="也许"),
        person(6, 手机号=""),
    ]
    for dry_run in (True, False):
        answer = await send(admin, xlsx(table(rows)), dry_run=dry_run)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["report"]["rows"]) == ("validation", 6)
        assert sorted(errors(answer)) == sorted(
            [(3, "手机号"), (4, "单位"), (5, "工号"), (5, "角色"), (6, "姓名"), (6, "参赛"), (7, "手机号")]
        )
    assert await counted(town, Officer) == 8


async def test_a_row_with_one_unfit_cell_is_judged_by_its_others_too(town, admin):
    rows = [
        person(1, "没有的分局", 姓名="", 角色="省厅"),
        person(2, 参赛="也许", 手机号="13800000001"),
        person(3, "丰顺", 手机号="1", 角色="管理员"),
        person(4, 工号="", 姓名="", 角色="省厅"),
        person(5, "市局", 工号="管理员", 角色="局长"),
    ]
    assert sorted(errors(await send(admin, xlsx(table(rows))))) == [
        (2, "单位"), (2, "姓名"), (2, "角色"), (3, "参赛"), (3, "手机号"), (4, "手机号"), (4, "角色"),
        (5, "姓名"), (5, "工号"), (5, "角色"), (6, "角色"),
    ]  # fmt: skip


async def test_a_refused_file_counts_nothing(admin):
    people = [person(1, "新分局"), person(2, 姓名="")]
    for dry_run in (True, False):
        answer = await send(admin, xlsx(table(people)), dry_run=dry_run, create_units=True)
        assert answer.json()["report"] == {
            "id": None,
            "dry_run": dry_run,
            "rows": 2,
            "created": 0,
            "changed": 0,
            "unchanged": 0,
            "missing": 0,
            "missing_officers": [],
            "created_units": [],
            "errors": [{"row": 3, "column": "姓名", "detail": "请填写姓名。"}],
        }


async def test_of_many_missing_officers_a_hundred_are_named(town, admin):
    await town.officers_in("五华", 120)
    for dry_run in (True, False):
        report = await land(admin, person(1), dry_run=dry_run)
        assert report["missing"] == 127
        assert len(report["missing_officers"]) == 100


async def test_duplicates_within_the_file_name_both_rows(admin):
    rows = [
        person(1),
        person(2, 工号="ZF001"),
        person(3, 手机号="13700000001"),
        person(4, 工号="13700000003"),
        person(3),
    ]
    answer = await send(admin, xlsx(table(rows)))
    assert errors(answer) == [(3, "工号"), (4, "手机号"), (6, "工号"), (6, "手机号")]
    assert "第2行" in answer.json()["report"]["errors"][0]["detail"]


async def test_numbers_held_elsewhere_are_row_errors(town, admin):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市001", "邻市", phone="13600000001")
    await town.officer("13600000002", "邻市")
    await town.officer("邻市003", "邻市", phone="13600000003")
    rows = [
        person(1, 手机号="13600000001"),
        person(2, 工号="邻市001"),
        person(3, 手机号="13600000002"),
        person(4, 工号="13600000003"),
    ]
    assert errors(await send(admin, xlsx(table(rows)))) == [(2, "手机号"), (3, "工号"), (4, "手机号"), (5, "工号")]


async def test_a_number_may_be_ones_own_phone(town, admin):
    await land(admin, person(1, 工号="13700000001"))
    assert (await land(admin, person(1, 工号="13700000001")))["unchanged"] == 1


async def test_two_officers_may_swap_phones(town, admin):
    await land(admin, person(1), person(2))
    report = await land(admin, person(1, 手机号="13700000002"), person(2, 手机号="13700000001"))
    assert report["changed"] == 2
    assert (await officer(town, "ZF001")).phone == "13700000002"
    taken = person(3, 手机号="13700000001")
    assert errors(await send(admin, xlsx(table([taken])))) == [(2, "手机号")]


async def test_units_are_found_by_name_or_path_and_added_only_when_asked(town, admin):
    unknown = [person(1, "梅县分局"), person(2, " 梅 江 ")]
    refused = await send(admin, xlsx(table(unknown)))
    assert errors(refused) == [(2, "单位")]
    assert "梅江" in refused.json()["report"]["errors"][0]["detail"]
    report = await land(admin, *unknown, person(3, "梅县分局"), person(4, "市局/第二新分局"), create_units=True)
    assert report["created_units"] == ["梅县分局", "第二新分局"]
    assert await placed(town, "ZF002") == [("梅江", True, TODAY, None)]
    async with town.services.database.reads() as session:
        added = (await session.scalars(select(Unit).where(Unit.name == "梅县分局"))).one()
    assert (added.kind, added.parent_id, added.path[:-1]) == (
        "branch",
        town.units["市局"],
        [town.units["省厅"], town.units["市局"]],
    )


async def test_an_ambiguous_name_needs_its_parent(town, admin):
    await town.unit("执法队", UnitKind.TOWNSHIP, "梅江")
    await town.unit("执法队", UnitKind.TOWNSHIP, "丰顺")
    refused = await send(admin, xlsx(table([person(1, "执法队")])))
    assert "上级单位/执法队" in refused.json()["report"]["errors"][0]["detail"]
    await land(admin, person(1, "丰顺/执法队"))
    assert (await placed(town, "ZF001"))[0][0] == "执法队"


@pytest.mark.parametrize("unit", ["省厅", "邻市", "省厅/新分局", "梅江/新分局", "市局/", "新" * 101])
async def test_nothing_is_placed_or_added_outside_the_own_bureau(town, admin, unit):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    assert errors(await send(admin, xlsx(table([person(1, unit)])), create_units=unit not in {"省厅", "邻市"})) == [
        (2, "单位")
    ]


async def test_a_file_full_of_unknown_units_lists_them_all(admin):
    answer = await send(admin, xlsx(table(person(n, f"第{n}分局") for n in range(1, 61))))
    assert len(errors(answer)) == 60


async def test_the_province_imports_for_all_its_bureaus(town):
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    async with town.as_("省厅管理员") as top:
        people = [person(1, "市局", 角色="管理员"), person(2, "省厅", 角色="省厅"), person(3, "市局/新分局")]
        report = await land(top, *people, create_units=True)
        assert report["created"] == 3
        assert errors(await send(top, xlsx(table([person(4, "不知哪里")])), create_units=True)) == [(2, "单位")]


async def test_a_bureau_makes_no_provincial_roles_and_no_administrators_below(admin):
    rows = [person(1, 角色="省厅"), person(2, "梅江", 角色="管理员"), person(3, "市局", 角色="市局，管理员")]
    assert errors(await send(admin, xlsx(table(rows)))) == [(2, "角色"), (3, "角色")]


async def test_administrators_cannot_drop_their_own_role(town, admin):
    own: dict[str, object] = {"工号": "管理员", "姓名": "管理员", "手机号": "13700000050", "单位": "市局"}
    assert errors(await send(admin, xlsx(table([own])))) == [(2, "角色")]
    assert (await land(admin, {**own, "角色": "管理员"}))["changed"] == 1


async def test_someone_being_moved_away_by_the_province_is_not_ours(town, admin):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    move = {
        "officer_id": str(town.officers["梅江001"]),
        "unit_id": str(town.units["邻市"]),
        "from": TOMORROW.isoformat(),
    }
    async with town.as_("省厅管理员") as top:
        await top.post("/transfers", json=move)
    assert errors(await send(admin, xlsx(table([person(1, 工号="梅江001")])))) == [(2, "工号")]


async def test_a_chosen_password_is_for_new_officers_only(client, admin):
    header = (*HEADER, "初始密码")
    await land(admin, person(1, 初始密码=20261123.0), person(2, 初始密码="20261123"), header=header)
    signed = await sign_in(client, "ZF001", "20261123")
    assert signed.status_code == 201
    assert signed.json()["officer"]["must_change_password"] is True
    report = await land(admin, person(1, 初始密码="another one"), person(2), header=header)
    assert report["unchanged"] == 2
    assert (await sign_in(client, "ZF001", "20261123")).status_code == 201


async def test_a_chosen_password_may_not_be_easily_guessed(admin):
    header = (*HEADER, "初始密码")
    chosen = [12345678.0, "short", "11111111", "13700000004", "zf006666", "Password1"]
    rows = [person(n, 初始密码=password) for n, password in enumerate(chosen, start=1)]
    rows[4]["工号"] = "ZF-006666"
    refused = await send(admin, xlsx(table(rows, header)))
    assert errors(refused) == [(number, "初始密码") for number in range(2, 8)]
    assert all("留空则由系统生成" in error["detail"] for error in refused.json()["report"]["errors"])


async def test_only_administrators_import(town):
    for name in ("梅江001", "联络员", "市局处长", "省厅处长"):
        async with town.as_(name) as client:
            assert (await client.post("/imports/roster")).status_code == 403
    async with town.as_("管理员") as admin:
        assert (await admin.post("/imports/roster")).status_code == 422


async def test_every_kind_of_file_and_encoding_is_read(town, admin):
    rows = table([person(1), person(2, "丰顺")])
    files = [
        ("名册.xlsx", xlsx(rows)),
        ("名册.XLS", xls(rows)),
        ("名册.xls", xlsx(rows)),
        ("名册.csv", csv(rows, "utf-8-sig")),
        ("名册.csv", csv(rows, "gb18030")),
        ("名册.csv", csv(rows, "utf-16", "\t")),
    ]
    for name, content in files:
        answer = await send(admin, content, name)
        assert answer.status_code == 200, (name, answer.text)
    assert answer.json()["unchanged"] == 2


@pytest.mark.parametrize("name", ["名册.pdf", "名册", "名册.xlsb", "名册.ods", "名册.xlsx.exe"])
async def test_other_kinds_are_refused(admin, name):
    answer = await send(admin, b"x", name)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"\x00\x01garbage", xlsx([])[:300], xlsx([]), xlsx([HEADER]), b"<html></html>"]
)
async def test_a_broken_or_empty_file_says_what_to_do(admin, content):
    answer = await send(admin, content)
    assert [column for _, column in errors(answer)] == ["文件"]


async def test_the_import_is_kept_and_audited_without_phones(town, admin):
    report = await land(admin, person(1))
    async with town.services.database.reads() as session:
        kept = (await session.scalars(select(RosterImport))).one()
        act = (await session.scalars(select(AuditEntry))).one()
    assert str(kept.id) == report["id"]
    assert (act.action, act.subject_id, act.after["created"]) == ("roster.imported", report["id"], 1)
    assert "13700000001" not in f"{act.after}{kept.report}"


async def test_two_imports_at_once_leave_one_roster(settings, clock, town, admin):
    people = [person(n) for n in range(1, 40)]
    elsewhere = [{**row, "单位": "丰顺"} for row in people]
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as other:
        other.headers["Authorization"] = f"Bearer {town.tokens['管理员']}"
        files = [(client, xlsx(table(rows))) for client in (admin, other) for rows in (people, elsewhere)]
        answers = await asyncio.gather(*(send(client, content) for client, content in files))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["created"] for answer in answers) == 39
    chain = await placed(town, "ZF001")
    assert [row[3] for row in chain] == [row[2] for row in chain[1:]] + [None]
    assert len(chain) <= 2


async def test_ten_thousand_rows_at_once(town, admin):
    people = [person(n, "市局" if n % 9 else "梅江", 手机号=13700000000 + n) for n in range(1, 10_001)]
    report = await land(admin, *people)
    assert (report["rows"], report["created"]) == (10_000, 10_000)
    report = await land(admin, *people)
    assert report["unchanged"] == 10_000
