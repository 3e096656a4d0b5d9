"""Handing out generated passwords, over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import io

import openpyxl
import pytest

from app.roster.models import UnitKind
from tests.roster.sheets import HEADER, csv, person, send, table, xlsx
from tests.roster.signing import sign_in
from tests.times import TODAY


@pytest.fixture
async def admin(town):
    async with town.as_("管理员") as client:
        yield client


async def landed(admin, *people, header=HEADER):
    answer = await send(admin, xlsx(table(people, header)))
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


async def handed_out(admin, key):
    answer = await admin.get(f"/imports/{key}/credentials.xlsx")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    head, *rows = list(sheet.iter_rows())
    assert [cell.value for cell in head] == ["工号", "姓名", "单位", "初始密码"]
    assert {cell.data_type for row in rows for cell in row} <= {"s", "inlineStr"}
    return {row[0].value: tuple(cell.value for cell in row[1:]) for row in rows}


async def test_passwords_work_once_handed_out_and_must_be_changed(client, admin):
    key = await landed(admin, person(1), person(2, "丰顺"))
    rows = await handed_out(admin, key)
    assert {number: row[:2] for number, row in rows.items()} == {"ZF001": ("张001", "梅江"), "ZF002": ("张002", "丰顺")}
    answer = await sign_in(client, "ZF001", rows["ZF001"][2])
    assert answer.json()["officer"]["must_change_password"] is True
    assert len(rows["ZF001"][2]) == 13


async def test_asking_again_makes_new_ones_for_those_who_never_signed_in(client, admin):
    key = await landed(admin, person(1), person(2))
    first = await handed_out(admin, key)
    await sign_in(client, "ZF001", first["ZF001"][2])
    second = await handed_out(admin, key)
    assert set(second) == {"ZF002"}
    assert (await sign_in(client, "ZF002", first["ZF002"][2])).status_code == 401
    assert (await sign_in(client, "ZF002", second["ZF002"][2])).status_code == 201
    assert await handed_out(admin, key) == {}


async def test_passwords_of_the_file_stay(client, admin):
    header = (*HEADER, "初始密码")
    key = await landed(admin, person(1, 初始密码="chosen-one"), person(2), header=header)
    assert set(await handed_out(admin, key)) == {"ZF002"}
    assert (await sign_in(client, "ZF001", "chosen-one")).status_code == 201


async def test_a_second_import_covers_those_it_found(admin):
    await landed(admin, person(1), person(2))
    key = await landed(admin, person(1, 姓名="张一"), person(2), person(3))
    assert set(await handed_out(admin, key)) == {"ZF001", "ZF002", "ZF003"}


async def test_names_never_become_formulas(admin):
    names = ["=1+1", "@SUM(A1)", "+86", "-2"]
    people = [person(n, 姓名=name) for n, name in enumerate(names)]
    answer = await send(admin, csv(table(people)), "名册.csv")
    assert [row[0] for row in (await handed_out(admin, answer.json()["id"])).values()] == names


async def test_whoever_left_the_subtree_is_left_out(town, admin, clock):
    key = await landed(admin, person(1), person(2))
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    async with town.as_("省厅管理员") as top:
        listed = (await top.get("/officers?q=ZF001")).json()["items"][0]["id"]
        body = {"officer_id": listed, "unit_id": str(town.units["邻市"]), "from": "2026-11-24"}
        assert (await top.post("/transfers", json=body)).status_code == 201
    clock.at("08:00", TODAY + dt.timedelta(days=1))
    assert set(await handed_out(admin, key)) == {"ZF002"}


async def test_only_administrators_of_the_place_get_them(town, admin):
    key = await landed(admin, person(1))
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市管理员", "邻市", roles=["admin"], takes_part=False)
    for name, status in (("梅江001", 403), ("联络员", 403), ("市局处长", 403), ("邻市管理员", 404)):
        async with town.as_(name) as client:
            assert (await client.get(f"/imports/{key}/credentials.xlsx")).status_code == status
    assert (await admin.get("/imports/no-id/credentials.xlsx")).status_code == 404


async def test_two_at_once_leave_one_valid_set(client, admin):
    key = await landed(admin, *(person(n) for n in range(1, 20)))
    both = await asyncio.gather(*(handed_out(admin, key) for _ in range(2)))
    valid = [(await sign_in(client, "ZF007", rows["ZF007"][2])).status_code for rows in both]
    assert sorted(valid) == [201, 401]


async def test_handing_out_is_audited_without_the_passwords(town, admin):
    key = await landed(admin, person(1))
    rows = await handed_out(admin, key)
    act = (await admin.get("/audit")).json()["items"][0]
    assert (act["action"], act["after"]) == ("roster.passwords_handed_out", {"officers": 1})
    assert rows["ZF001"][2] not in str(act)


async def test_a_link_counts_as_having_signed_in(client, admin):
    key = await landed(admin, person(1))
    listed = (await admin.get("/officers?q=ZF001")).json()["items"][0]["id"]
    code = (await admin.post(f"/officers/{listed}/sign-in-link")).json()["code"]
    assert (await client.post("/sessions/link", json={"code": code})).status_code == 201
    assert await handed_out(admin, key) == {}
