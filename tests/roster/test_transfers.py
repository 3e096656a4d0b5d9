"""Transfers between units, over HTTP: dated, from tomorrow on, also in mid-contest."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select

from app.roster.models import Assignment, UnitKind
from tests.people import LONG_AGO
from tests.times import TODAY

DAY = dt.timedelta(days=1)


def move(town, unit, from_day=TODAY + DAY, name="梅江001"):
    return {"officer_id": str(town.officers[name]), "unit_id": str(town.units[unit]), "from": from_day.isoformat()}


async def stretches(town, name="梅江001"):
    units = {key: unit for unit, key in town.units.items()}
    async with town.services.database.reads() as session:
        rows = await session.scalars(
            select(Assignment).where(Assignment.officer_id == town.officers[name]).order_by(Assignment.from_day)
        )
        return [(units[row.unit_id], row.from_day, row.until_day) for row in rows]


async def test_a_transfer_in_mid_contest_begins_tomorrow(town):
    await town.contest("市局", starts_on=TODAY - 5 * DAY)
    async with town.as_("管理员") as admin:
        answer = await admin.post("/transfers", json=move(town, "丰顺"))
    assert answer.status_code == 201
    assert answer.json()["from"] == "2026-11-24"
    assert answer.json()["unit"]["name"] == "丰顺"
    assert answer.json()["takes_part"] is True
    assert await stretches(town) == [("梅江", LONG_AGO, TODAY + DAY), ("丰顺", TODAY + DAY, None)]


async def test_today_already_counts_for_todays_unit(town, clock):
    async with town.as_("管理员") as admin:
        answer = await admin.post("/transfers", json=move(town, "丰顺", TODAY))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/from"
        clock.at("00:00", TODAY + DAY)
        assert (await admin.post("/transfers", json=move(town, "丰顺", TODAY + DAY))).status_code == 422
    assert await stretches(town) == [("梅江", LONG_AGO, None)]


async def test_what_was_planned_from_that_day_on_is_replaced_and_earlier_plans_stay(town):
    async with town.as_("管理员") as admin:
        for unit, days in (("丰顺", 3), ("五华", 7), ("市局", 5)):
            assert (await admin.post("/transfers", json=move(town, unit, TODAY + days * DAY))).status_code == 201
    assert await stretches(town) == [
        ("梅江", LONG_AGO, TODAY + 3 * DAY),
        ("丰顺", TODAY + 3 * DAY, TODAY + 5 * DAY),
        ("市局", TODAY + 5 * DAY, None),
    ]


async def test_a_transfer_to_the_present_unit_withdraws_the_plan(town):
    async with town.as_("管理员") as admin:
        await admin.post("/transfers", json=move(town, "丰顺", TODAY + 2 * DAY))
        answer = await admin.post("/transfers", json=move(town, "梅江"))
    assert answer.status_code == 201
    assert await stretches(town) == [("梅江", LONG_AGO, None)]


async def test_double_taps_and_two_clerks_leave_one_chain(town):
    async with town.as_("管理员") as admin, town.as_("市局处长") as clerk:
        bodies = [move(town, unit, TODAY + days * DAY) for unit in ("丰顺", "五华") for days in (1, 2, 3)]
        answers = await asyncio.gather(
            *(who.post("/transfers", json=body) for body in bodies for who in (admin, clerk))
        )
    assert {answer.status_code for answer in answers} == {201}
    chain = await stretches(town)
    assert [until for _, _, until in chain] == [start for _, start, _ in chain[1:]] + [None]


async def test_who_does_not_take_part_still_does_not_elsewhere(town):
    await town.officer("旁观者", "梅江", takes_part=False)
    async with town.as_("市局处长") as clerk:
        assert (await clerk.post("/transfers", json=move(town, "丰顺", name="旁观者"))).json()["takes_part"] is False


@pytest.mark.parametrize("unit", ["省厅", "邻市"])
async def test_nobody_is_moved_out_of_the_callers_subtree(town, unit):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    async with town.as_("管理员") as admin:
        assert (await admin.post("/transfers", json=move(town, unit))).status_code == 404


async def test_a_move_planned_from_above_is_not_undone_below(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    async with town.as_("省厅管理员") as top, town.as_("管理员") as admin:
        assert (await top.post("/transfers", json=move(town, "邻市"))).status_code == 201
        answer = await admin.post("/transfers", json=move(town, "丰顺"))
        assert (answer.status_code, answer.json()["code"]) == (409, "moved-from-above")
        assert (await top.post("/transfers", json=move(town, "梅江"))).status_code == 201


async def test_roles_decide_who_moves_whom(town):
    for name in ("梅江001", "联络员", "省厅处长"):
        async with town.as_(name) as client:
            assert (await client.post("/transfers", json={})).status_code == 403
    async with town.as_("市局处长") as clerk, town.as_("管理员") as admin:
        assert (await clerk.post("/transfers", json=move(town, "梅江", name="管理员"))).status_code == 403
        assert (await admin.post("/transfers", json=move(town, "梅江", name="市局处长"))).status_code == 201
        assert (await admin.post("/transfers", json=move(town, "梅江", name="省厅处长"))).status_code == 404
