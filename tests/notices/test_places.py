"""The place in the province: told by hand in a bureau's contest, computed in a province's; and names in groups."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.contests.models import ContestRules, ContestState
from app.core.audit import AuditEntry
from app.roster.models import UnitKind
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import exempt, play
from tests.times import TODAY, SetClock, instant


async def call(
    groups: Groups, method: str, day: dt.date | str = TODAY, who: str = "市局处长", **send: Any
) -> httpx.Response:
    path = f"/contests/{groups.town.contest_id}/province-places" + (f"/{day}" if method != "GET" else "")
    async with groups.town.as_(who) as client:
        return await client.request(method, path, **send)


def told(place: int = 7, at: str = "21:00") -> dict[str, Any]:
    return {"json": {"place": place, "as_of": instant(at).isoformat()}}


async def body_of(groups: Groups, unit: str = "市局") -> str:
    await groups.tick("08:00:10", TOMORROW)
    return str((await groups.notice(unit, "08:00", TOMORROW)).body)


async def test_what_was_told_stands_in_the_next_mornings_notice(groups: Groups, clock: SetClock) -> None:
    clock.at("21:30")
    answer = await call(groups, "PUT", **told())
    assert (answer.status_code, answer.json()["place"], answer.json()["in_time"]) == (200, 7, True)
    body = await body_of(groups)
    assert "三、全省情况。据省厅通报（统计截至2026年11月23日21:00），我市列全省第7位。\n四、工作要求。" in body


async def test_the_day_before_is_compared_with(groups: Groups, clock: SetClock) -> None:
    yesterday = TODAY - dt.timedelta(days=1)
    await groups.set_contest(starts_on=yesterday)
    clock.at("21:30", yesterday)
    as_of = instant("21:00", yesterday).isoformat()
    assert (await call(groups, "PUT", yesterday, json={"place": 9, "as_of": as_of})).status_code == 200
    clock.at("21:30")
    await call(groups, "PUT", **told(7))
    assert "我市列全省第7位，较前一日上升2位。" in await body_of(groups)


async def test_a_repeat_changes_nothing_and_another_place_replaces_it(groups: Groups, clock: SetClock) -> None:
    clock.at("21:30")
    first = await call(groups, "PUT", **told())
    clock.at("21:40")
    assert (await call(groups, "PUT", who="管理员", **told())).json() == first.json()
    assert (await call(groups, "PUT", who="管理员", **told(6))).json()["place"] == 6
    (item,) = (await call(groups, "GET")).json()["items"]
    assert (item["day"], item["place"], item["told_by"]) == (TODAY.isoformat(), 6, "管理员")
    async with groups.town.services.database.reads() as session:
        acts = await session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("province-place")))
        assert acts.all() == ["province-place.tell"] * 2


async def test_taken_back_it_is_not_said(groups: Groups, clock: SetClock) -> None:
    clock.at("21:30")
    await call(groups, "PUT", **told())
    assert [(await call(groups, "DELETE")).status_code for _ in range(2)] == [204, 204]
    assert "全省情况" not in await body_of(groups)


async def test_told_too_late_it_says_so(groups: Groups, clock: SetClock) -> None:
    await groups.tick("08:00:10", TOMORROW)
    clock.at("09:00", TOMORROW)
    assert (await call(groups, "PUT", **told())).json()["in_time"] is False


@pytest.mark.parametrize(
    ("day", "body", "pointer"),
    [
        (TOMORROW, {"place": 7, "as_of": instant("21:00").isoformat()}, "/path/day"),
        ("2020-01-01", {"place": 7, "as_of": instant("21:00").isoformat()}, "/path/day"),
        (TODAY, {"place": 7, "as_of": instant("21:31").isoformat()}, "/as_of"),
        (TODAY, {"place": 7, "as_of": instant("21:00", TODAY - dt.timedelta(days=1)).isoformat()}, "/as_of"),
        (TODAY, {"place": 0, "as_of": instant("21:00").isoformat()}, "/place"),
        (TODAY, {"place": 7, "as_of": "2026-11-23T21:00:00"}, "/as_of"),
    ],
)
async def test_what_cannot_be_is_refused(
    groups: Groups, clock: SetClock, day: dt.date | str, body: dict[str, Any], pointer: str
) -> None:
    clock.at("21:30")
    answer = await call(groups, "PUT", day, json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await call(groups, "GET")).json()["items"] == []


@pytest.fixture
async def province(groups: Groups) -> Groups:
    """A contest of 省厅 over 市局 and 粤东市生态环境局, with a robot in each of their groups."""
    await groups.set_contest(state=ContestState.DRAFT)
    await groups.town.unit("粤东市生态环境局", UnitKind.BUREAU, "省厅")
    await groups.town.unit("城区", UnitKind.BRANCH, "粤东市生态环境局")
    await groups.town.officers_in("城区", 2)
    await groups.town.contest("省厅")
    return groups


async def test_in_a_provinces_contest_it_is_the_rank(province: Groups) -> None:
    for name in ("城区001", "城区002"):
        await play(province.town, name, opened="09:00")
    await play(province.town, "梅江001", opened="09:00")
    assert "三、全省情况。我市综合得分列全省第2位。" in await body_of(province)
    first = str((await province.notice("粤东市生态环境局", "08:00", TOMORROW)).body)
    assert "三、全省情况。我市综合得分列全省第1位。" in first


async def test_without_any_score_or_rank_there_is_no_place(province: Groups) -> None:
    assert "全省情况" not in await body_of(province)


async def test_a_bureau_with_nobody_expected_has_no_place(province: Groups) -> None:
    for name in ("城区001", "城区002"):
        await exempt(province.town, name)
    await play(province.town, "梅江001", opened="09:00")
    assert "我市综合得分列全省第1位" in await body_of(province)
    assert (await province.notice("粤东市生态环境局", "08:00", TOMORROW)).body is None


async def test_nobody_tells_a_computed_place(province: Groups, clock: SetClock) -> None:
    await province.town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    clock.at("21:30")
    for method, send in (("PUT", told()), ("DELETE", {})):
        answer = await call(province, method, who="省厅管理员", **send)
        assert (answer.status_code, answer.json()["code"]) == (409, "place-is-computed")


# Names in groups.


async def allow_names(groups: Groups) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        versions = await session.scalars(select(ContestRules).where(ContestRules.contest_id == groups.town.contest_id))
        for version in versions:
            version.rules = {**version.rules, "notices": {"names_in_groups": True}}


async def test_names_stand_in_the_branchs_group_where_they_may(groups: Groups) -> None:
    await allow_names(groups)
    await play(groups.town, "丰顺001", opened="09:00")
    await groups.tick("18:00:10")
    body = str((await groups.notice("丰顺", "18:00")).body)
    assert "尚未完成：丰顺002" in body
    assert "丰顺001" not in body
    assert "尚未完成：" not in str((await groups.notice("市局", "18:00")).body)


async def test_no_names_at_noon_and_none_unless_they_are_allowed(groups: Groups) -> None:
    await groups.tick("18:00:10")
    assert "尚未完成：" not in str((await groups.notice("丰顺", "18:00")).body)
    await allow_names(groups)
    await groups.tick("12:00:10", TOMORROW)
    assert "尚未完成：" not in str((await groups.notice("丰顺", "12:00", TOMORROW)).body)
