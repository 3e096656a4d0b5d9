"""Units, the list of officers, and the audit log, over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from app.core.http import encode_cursor
from app.roster.models import UnitKind
from tests.times import TODAY


async def names(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def test_an_officer_sees_the_units_of_the_own_bureau(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    async with town.as_("梅江001") as officer:
        assert set(await names(officer, "/units")) == {"市局", "梅江", "丰顺", "五华"}


async def test_the_province_sees_its_whole_tree_parents_first(town):
    async with town.as_("省厅处长") as clerk:
        units = (await clerk.get("/units")).json()["items"]
    seen = {None}
    for unit in units:
        assert unit["parent_id"] in seen
        seen.add(unit["id"])
    assert len(units) == 5


async def test_units_come_in_pages_without_gap_or_repeat(town):
    seen, cursor, pages = [], None, 0
    async with town.as_("省厅处长") as clerk:
        while pages == 0 or cursor:
            answer = await clerk.get("/units", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
            seen += [unit["id"] for unit in answer.json()["items"]]
            cursor, pages = answer.json()["next"], pages + 1
            assert ('rel="next"' in answer.headers.get("link", "")) == bool(cursor)
    assert (pages, len(seen), len(set(seen))) == (3, 5, 5)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        encode_cursor("a"),
        encode_cursor(0, 1, 2, "x", "no id"),
        encode_cursor(0, 1, 2**40, "x", "00000000-0000-7000-8000-000000000000"),
        "é",
    ],
)
async def test_a_made_up_cursor_is_malformed(town, cursor):
    async with town.as_("管理员") as admin:
        assert (await admin.get("/units", params={"cursor": cursor})).status_code == 400


async def test_an_administrator_adds_a_unit_once(town):
    unit = {"name": " 梅县　分局 ", "kind": "branch", "parent_id": str(town.units["市局"]), "ranking_group": "县区"}
    async with town.as_("管理员") as admin:
        taps = await asyncio.gather(*(admin.post("/units", json=unit) for _ in range(3)))
        assert sorted(answer.status_code for answer in taps) == [201, 409, 409]
        added = next(answer.json() for answer in taps if answer.status_code == 201)
        assert added["name"] == "梅县分局"
        assert next(a for a in taps if a.status_code == 409).json()["code"] == "unit-exists"
        assert "梅县分局" in await names(admin, "/units")


@pytest.mark.parametrize(
    ("kind", "parent", "status"),
    [
        ("branch", "梅江", 422),
        ("township", "梅江", 201),
        ("headquarters", "市局", 201),
        ("bureau", "市局", 422),
        ("province", "市局", 422),
        ("branch", "省厅", 404),
        ("branch", None, 404),
    ],
)
async def test_units_stand_where_their_kind_belongs(town, kind, parent, status):
    parent_id = str(town.units[parent]) if parent else "nowhere"
    async with town.as_("管理员") as admin:
        answer = await admin.post("/units", json={"name": "新单位", "kind": kind, "parent_id": parent_id})
    assert answer.status_code == status


async def test_only_administrators_add_units_and_the_role_is_judged_first(town):
    for name in ("梅江001", "联络员", "市局处长"):
        async with town.as_(name) as client:
            assert (await client.post("/units", json={})).status_code == 403
    async with town.as_("管理员") as admin:
        assert (await admin.post("/units", json={})).status_code == 422


async def test_liaison_officers_list_their_own_unit_with_phones(town):
    await town.officer("梅江老张", "梅江", phone="13900000077")
    async with town.as_("联络员") as liaison:
        items = (await liaison.get("/officers")).json()["items"]
        assert {item["name"] for item in items} == {"梅江001", "梅江002", "联络员", "梅江老张"}
        assert next(item["phone"] for item in items if item["name"] == "梅江老张") == "13900000077"
        assert (await liaison.get("/officers", params={"unit_id": str(town.units["丰顺"])})).status_code == 404


async def test_the_bureau_sees_phones_of_contacts_only(town):
    await town.officer("梅江老张", "梅江", phone="13900000077")
    async with town.as_("市局处长") as clerk:
        answer = await clerk.get("/officers", params={"unit_id": str(town.units["梅江"])})
    phones = {item["name"]: item["phone"] for item in answer.json()["items"]}
    assert phones["联络员"] == "13800000001"
    assert phones["梅江老张"] is None


async def test_officers_are_found_by_name_and_number_and_come_in_pages(town):
    async with town.as_("管理员") as admin:
        assert await names(admin, "/officers?q=丰顺") == ["丰顺001", "丰顺002"]
        assert await names(admin, "/officers?q=%25") == []
        first = (await admin.get("/officers?q=00&limit=3")).json()
        rest = (await admin.get("/officers", params={"q": "00", "limit": 3, "cursor": first["next"]})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["丰顺001", "丰顺002", "梅江001", "梅江002"]
    assert rest["next"] is None


async def test_officers_and_the_province_do_not_list_officers(town):
    for name in ("梅江001", "省厅处长"):
        async with town.as_(name) as client:
            assert (await client.get("/officers")).status_code == 403


async def test_figures_are_read_within_the_own_bureau_and_below(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.unit("邻区", UnitKind.BRANCH, "邻市")
    await town.contest("省厅")
    allowed = {("梅江001", "丰顺"): 200, ("梅江001", "市局"): 200, ("梅江001", "邻区"): 404, ("省厅处长", "邻区"): 200}
    for (name, unit), status in allowed.items():
        async with town.as_(name) as client:
            assert (await client.get(f"/branches/{town.units[unit]}/participation")).status_code == status
            assert (await client.get("/branches/no-id/participation")).status_code == 404


async def test_the_audit_log_is_the_administrators_newest_first(town):
    body = {"officer_id": str(town.officers["梅江001"]), "from": "2026-11-23", "to": "2026-11-24", "reason": "病假"}
    async with town.as_("管理员") as admin, town.as_("市局处长") as clerk:
        await admin.post("/units", json={"name": "甲", "kind": "branch", "parent_id": str(town.units["市局"])})
        made = (await clerk.post("/exemptions", json=body)).json()
        newest, oldest = (await admin.get("/audit")).json()["items"]
        assert (newest["action"], newest["actor"]["name"], newest["reason"]) == (
            "exemption.created",
            "市局处长",
            "病假",
        )
        assert newest["subject"] == {"kind": "exemption", "id": made["id"]}
        assert oldest["action"] == "unit.created"
        assert len(newest["hash"]) == 64
        page = (await admin.get("/audit?limit=1")).json()
        assert (await admin.get("/audit", params={"cursor": page["next"]})).json()["items"] == [oldest]
        assert await actions(admin, "/audit?action=unit.created") == ["unit.created"]
        assert await actions(admin, f"/audit?subject_id={made['id']}") == ["exemption.created"]
        assert (await clerk.get("/audit")).status_code == 403


async def actions(client, path):
    return [item["action"] for item in (await client.get(path)).json()["items"]]


async def test_acts_elsewhere_and_of_commands_are_not_shown_to_a_bureau(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市管理员", "邻市", roles=["admin"], takes_part=False)
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    async with town.as_("邻市管理员") as neighbour, town.as_("管理员") as admin, town.as_("省厅管理员") as top:
        await neighbour.post("/units", json={"name": "甲", "kind": "branch", "parent_id": str(town.units["邻市"])})
        assert await actions(admin, "/audit") == []
        assert await actions(top, "/audit") == ["unit.created"]


async def test_an_admin_moved_away_loses_sight_of_the_old_unit(town, clock):
    moved = {"officer_id": str(town.officers["联络员"]), "unit_id": str(town.units["丰顺"]), "from": "2026-11-24"}
    async with town.as_("管理员") as admin, town.as_("联络员") as liaison:
        assert (await admin.post("/transfers", json=moved)).status_code == 201
        assert "梅江001" in await names(liaison, "/officers")
        clock.at("00:00", TODAY + dt.timedelta(days=1))
        town.app.state.callers.forget()
        assert set(await names(liaison, "/officers")) == {"丰顺001", "丰顺002", "联络员"}
