"""An administrator who takes part has no hand in an administrator: nobody signs in as one to see the keys."""

from __future__ import annotations

import asyncio
import datetime as dt
import io

import openpyxl
import pytest
from sqlalchemy import select, update

from app.roster.models import Assignment, Officer
from tests.roster.sheets import errors, person, send, table, xlsx
from tests.roster.signing import PASSWORD, bearer, set_officer, sign_in, with_password
from tests.times import TODAY, instant

TOMORROW = TODAY + dt.timedelta(days=1)
KEEPER: dict[str, object] = {
    "工号": "题库管理员", "姓名": "题库管理员", "手机号": "13900000009", "单位": "市局", "角色": "管理员", "参赛": "否"
}  # fmt: skip
PLAYER = KEEPER | {"工号": "参赛管理员", "姓名": "参赛管理员", "手机号": "13900000008", "参赛": "是"}


@pytest.fixture
async def town(town):
    await town.officer("题库管理员", "市局", roles=["admin"], takes_part=False, phone="13900000009")
    await town.officer("参赛管理员", "市局", roles=["admin"], phone="13900000008")
    await town.officer("参赛省厅管理员", "省厅", roles=["admin"])
    return town


@pytest.fixture
async def player(town):
    async with town.as_("参赛管理员") as client:
        yield client


async def enter_for_tomorrow(town, name, *, takes_part):
    async with town.services.database.sessions.begin() as session:
        held = (await session.scalars(select(Assignment).where(Assignment.officer_id == town.officers[name]))).one()
        held.until_day = TOMORROW
        await session.flush()
        session.add(
            Assignment(
                officer_id=held.officer_id,
                unit_id=held.unit_id,
                takes_part=takes_part,
                from_day=TOMORROW,
                created_at=instant("09:00"),
            )
        )


async def imported(client, *people, header=tuple(KEEPER)):
    return await send(client, xlsx(table(people, header)), create_units=True)


@pytest.mark.parametrize("what", ["password-reset", "sign-in-link"])
async def test_who_takes_part_gives_no_administrator_a_new_secret(town, what):
    await town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    async with town.as_("参赛省厅管理员") as top, town.as_("参赛管理员") as player:
        for client, officer in ((top, "题库管理员"), (top, "参赛管理员"), (player, "分局管理员")):
            answer = await client.post(f"/officers/{town.officers[officer]}/{what}")
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            assert "不参赛的管理员" in answer.json()["detail"]
        assert (await player.post(f"/officers/{town.officers['梅江001']}/{what}")).status_code == 201


async def test_who_will_take_part_tomorrow_counts_already(town):
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    async with town.as_("省厅管理员") as top:
        path = f"/officers/{town.officers['题库管理员']}/sign-in-link"
        assert (await top.post(path)).status_code == 201
        await enter_for_tomorrow(town, "省厅管理员", takes_part=True)
        assert (await top.post(path)).status_code == 403


async def test_who_takes_part_imports_everybody_but_administrators(player):
    landed = await imported(player, KEEPER, PLAYER, person(1), person(2, 角色="联络员"))
    assert (landed.status_code, landed.json()["created"], landed.json()["unchanged"]) == (200, 2, 2)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (person(1, "市局", 角色="管理员", 参赛="否"), "角色"),
        (KEEPER | {"工号": "市局处长", "姓名": "市局处长", "手机号": "13900000001"}, "角色"),
        (KEEPER | {"手机号": "13900000007"}, "手机号"),
        (KEEPER | {"姓名": "题库"}, "姓名"),
        (KEEPER | {"角色": "联络员"}, "角色"),
        (KEEPER | {"参赛": "是"}, "参赛"),
        (KEEPER | {"单位": "市局/新分局", "角色": ""}, "单位"),
        (PLAYER | {"参赛": "否"}, "参赛"),
        (PLAYER | {"参赛": ""}, "参赛"),
    ],
)
async def test_who_takes_part_neither_adds_nor_changes_an_administrator(town, player, row, column):
    refused = await imported(player, row, person(9))
    assert (2, column) in errors(refused)
    assert {number for number, _ in errors(refused)} == {2}
    assert all("不参赛的管理员" in error["detail"] for error in refused.json()["report"]["errors"])
    async with town.as_("管理员") as admin:
        assert (await imported(admin, row)).status_code == 200


async def test_a_password_chosen_for_an_administrator_lets_nobody_in(client, player):
    row = person(1, "市局", 角色="管理员", 参赛="否", 初始密码="correct horse")
    assert errors(await imported(player, row, header=(*KEEPER, "初始密码"))) == [(2, "角色")]
    assert (await sign_in(client, "ZF001", "correct horse")).status_code == 401


async def test_a_planned_end_of_taking_part_opens_nothing_today(town, player):
    await enter_for_tomorrow(town, "参赛管理员", takes_part=False)
    assert errors(await imported(player, KEEPER | {"姓名": "题库"})) == [(2, "姓名")]


async def test_passwords_of_administrators_are_handed_out_to_others_only(town, player):
    async with town.as_("管理员") as admin:
        key = (await imported(admin, person(1), person(2, "市局", 角色="管理员", 参赛="否"))).json()["id"]
        assert await handed_out(player, key) == {"ZF001"}
        assert await handed_out(admin, key) == {"ZF001", "ZF002"}


async def handed_out(client, key):
    answer = await client.get(f"/imports/{key}/credentials.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    return {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)}


async def test_who_takes_part_transfers_no_administrator(town, player):
    body = {"unit_id": str(town.units["梅江"]), "from": TOMORROW.isoformat()}
    for name, status in (("题库管理员", 403), ("参赛管理员", 403), ("市局处长", 201)):
        answer = await player.post("/transfers", json={**body, "officer_id": str(town.officers[name])})
        assert answer.status_code == status


async def test_a_new_administrator_signs_in_afresh(client, town, player):
    """Whoever takes part may have helped the officer before the role came: that help ends with it."""
    await with_password(town, "市局处长", first_signed_in_at=instant("08:00"))
    link = (await player.post(f"/officers/{town.officers['市局处长']}/sign-in-link")).json()["code"]
    device = await sign_in(client, "市局处长")
    async with town.as_("管理员") as admin:
        row = KEEPER | {"工号": "市局处长", "姓名": "市局处长", "手机号": "13900000001"}
        assert (await imported(admin, row)).json()["changed"] == 1
    town.app.state.callers.forget()
    assert (await client.get("/me", headers=bearer(device))).status_code == 401
    assert (await client.post("/sessions/link", json={"code": link})).status_code == 401
    assert (await sign_in(client, "市局处长", PASSWORD)).status_code == 201


async def test_a_new_administrators_initial_password_is_handed_out_anew(client, town, player):
    header = (*KEEPER, "初始密码")
    assert (await imported(player, person(1, "市局", 初始密码=PASSWORD), header=header)).status_code == 200
    async with town.as_("管理员") as admin:
        landed = await imported(admin, person(1, "市局", 角色="管理员", 参赛="否"))
        assert (await sign_in(client, "ZF001")).status_code == 401
        assert await handed_out(admin, landed.json()["id"]) == {"ZF001"}


async def test_a_reset_waits_for_a_role_that_is_just_being_given(town, player):
    await set_officer(town, "市局处长", roles=[])
    async with town.services.database.sessions.begin() as session:
        promoted = update(Officer).where(Officer.id == town.officers["市局处长"]).values(roles=["admin"])
        await session.execute(promoted)
        reset = asyncio.create_task(player.post(f"/officers/{town.officers['市局处长']}/password-reset"))
        await asyncio.sleep(0.3)  # long enough for the reset to come to the officer's row
    assert (await reset).status_code == 403


async def test_a_bureau_leaves_provincial_staff_in_its_units_as_they_are(town):
    await town.officer("借调", "市局", roles=["province"], takes_part=False, phone="13900000005")
    row = KEEPER | {"工号": "借调", "姓名": "借调", "手机号": "13900000005", "角色": "省厅"}
    async with town.as_("管理员") as admin:
        assert (await imported(admin, row)).json()["unchanged"] == 1
        assert errors(await imported(admin, row | {"手机号": "13900000004"})) == [(2, "手机号")]
        assert errors(await imported(admin, row | {"角色": ""})) == [(2, "角色")]
