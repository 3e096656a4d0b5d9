"""Exemptions (经批准免参赛), over HTTP: dated, never backdated, one row an officer and day."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select

from app.roster.models import ExemptionDay, UnitKind
from tests.times import TODAY


def leave(town, name="梅江001", first="2026-11-23", last="2026-11-25", reason="病假"):
    return {"officer_id": str(town.officers[name]), "from": first, "to": last, "reason": reason}


async def exempt_days(town, name="梅江001"):
    async with town.services.database.reads() as session:
        days = select(ExemptionDay.day).where(ExemptionDay.officer_id == town.officers[name]).order_by(ExemptionDay.day)
        return [day.day for day in await session.scalars(days)]


async def test_an_exemption_covers_first_and_last_day(town):
    async with town.as_("管理员") as admin:
        answer = await admin.post("/exemptions", json=leave(town))
        assert answer.status_code == 201
        made = answer.json()
        assert (made["from"], made["to"], made["reason"]) == ("2026-11-23", "2026-11-25", "病假")
        assert made["officer"]["name"] == "梅江001"
        assert made["created_at"] == "2026-11-23T09:00:00+08:00"
        assert await exempt_days(town) == [23, 24, 25]
        assert (await admin.get("/exemptions")).json() == {"items": [made], "next": None}


@pytest.mark.parametrize(
    ("first", "last", "pointer"),
    [("2026-11-22", "2026-11-25", "/from"), ("2026-11-25", "2026-11-24", "/to"), ("2026-11-23", "2027-11-24", "/to")],
)
async def test_it_is_never_backdated_reversed_or_endless(town, first, last, pointer):
    async with town.as_("管理员") as admin:
        answer = await admin.post("/exemptions", json=leave(town, first=first, last=last))
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [pointer]
    assert await exempt_days(town) == []


async def test_today_is_shanghais_today(town, clock):
    async with town.as_("管理员") as admin:
        clock.at("23:59:59")
        yesterday_soon = leave(town, first="2026-11-23", last="2026-11-23")
        assert (await admin.post("/exemptions", json=yesterday_soon)).status_code == 201
        clock.at("00:00", TODAY + dt.timedelta(days=1))
        late = leave(town, "梅江002", first="2026-11-23", last="2026-11-23")
        assert (await admin.post("/exemptions", json=late)).status_code == 422


async def test_a_reason_is_needed(town):
    async with town.as_("管理员") as admin:
        for reason in (" ", "a\x00b"):
            answer = await admin.post("/exemptions", json=leave(town, reason=reason))
            assert answer.json()["errors"][0]["pointer"] == "/reason"


async def test_days_do_not_overlap(town):
    async with town.as_("管理员") as admin:
        await admin.post("/exemptions", json=leave(town))
        answer = await admin.post("/exemptions", json=leave(town, first="2026-11-25", last="2026-11-27"))
        assert answer.status_code == 409
        assert answer.json()["code"] == "exemption-overlaps"
        assert answer.json()["days"] == ["2026-11-25"]
        assert await exempt_days(town) == [23, 24, 25]
        assert (await admin.post("/exemptions", json=leave(town, "梅江002"))).status_code == 201


async def test_a_double_tap_registers_once(town):
    async with town.as_("管理员") as admin, town.as_("市局处长") as clerk:
        taps = await asyncio.gather(*(who.post("/exemptions", json=leave(town)) for who in (admin, clerk) * 3))
    assert sorted(answer.status_code for answer in taps) == [201] + [409] * 5


async def test_ending_takes_back_today_and_later_only(town, clock):
    async with town.as_("管理员") as admin:
        made = (await admin.post("/exemptions", json=leave(town))).json()
        clock.at("15:00", TODAY + dt.timedelta(days=1))
        town.app.state.callers.forget()
        ended = await admin.delete(f"/exemptions/{made['id']}")
        assert (ended.status_code, ended.content, ended.headers.get("content-type")) == (204, b"", None)
        assert await exempt_days(town) == [23]
        again = await admin.delete(f"/exemptions/{made['id']}")
        assert (again.status_code, again.json()["code"]) == (404, "not-found")
        assert (await admin.get("/exemptions")).json()["items"][0]["ended_at"] == "2026-11-24T15:00:00+08:00"
        assert (
            await admin.post("/exemptions", json=leave(town, first="2026-11-24", last="2026-11-25"))
        ).status_code == 201


async def test_ending_twice_at_once_succeeds_once(town):
    async with town.as_("管理员") as admin:
        made = (await admin.post("/exemptions", json=leave(town))).json()
        taps = await asyncio.gather(*(admin.delete(f"/exemptions/{made['id']}") for _ in range(4)))
    assert sorted(answer.status_code for answer in taps) == [204, 404, 404, 404]


async def test_what_is_over_stays(town, clock):
    async with town.as_("管理员") as admin:
        made = (await admin.post("/exemptions", json=leave(town))).json()
        clock.at("00:00", TODAY + dt.timedelta(days=3))
        answer = await admin.delete(f"/exemptions/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "exemption-over")
    assert await exempt_days(town) == [23, 24, 25]


async def test_only_bureau_and_administrators_of_the_place_may(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市管理员", "邻市", roles=["admin"], takes_part=False)
    async with town.as_("市局处长") as clerk:
        made = (await clerk.post("/exemptions", json=leave(town))).json()
    for name in ("梅江001", "联络员", "省厅处长"):
        async with town.as_(name) as client:
            assert (await client.post("/exemptions", json={})).status_code == 403
            assert (await client.get("/exemptions")).status_code == 403
            assert (await client.delete(f"/exemptions/{made['id']}")).status_code == 403
    async with town.as_("邻市管理员") as neighbour:
        assert (await neighbour.post("/exemptions", json=leave(town))).status_code == 404
        assert (await neighbour.delete(f"/exemptions/{made['id']}")).status_code == 404
        assert (await neighbour.get("/exemptions")).json()["items"] == []


async def test_the_list_filters_and_pages(town):
    async with town.as_("管理员") as admin:
        for name, day in (("梅江001", "23"), ("梅江002", "24"), ("丰顺001", "24")):
            await admin.post("/exemptions", json=leave(town, name, f"2026-11-{day}", f"2026-11-{day}"))
        assert await who(admin, {"day": "2026-11-24"}) == ["丰顺001", "梅江002"]
        assert await who(admin, {"officer_id": str(town.officers["梅江001"])}) == ["梅江001"]
        first = (await admin.get("/exemptions", params={"limit": 2})).json()
        assert await who(admin, {"limit": 2, "cursor": first["next"]}) == ["梅江001"]
        assert (await admin.delete("/exemptions/not-an-id")).status_code == 404


async def who(client, params):
    return [item["officer"]["name"] for item in (await client.get("/exemptions", params=params)).json()["items"]]
