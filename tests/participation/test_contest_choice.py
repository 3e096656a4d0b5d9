"""Which contest a ranking is of: the caller's own unit's, the only one below it, or the one named as contest_id."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from app.contests.models import ContestState
from app.roster.models import UnitKind
from tests.participation.rows import play
from tests.times import TODAY

if TYPE_CHECKING:
    import uuid

    import httpx

    from tests.people import Town
    from tests.times import SetClock

DAY = dt.timedelta(days=1)
FILES = ("/rankings/branches.xlsx", "/rankings/branches.csv")


async def get(town: Town, name: str, path: str = "/rankings/branches", **query: Any) -> httpx.Response:
    async with town.as_(name) as client:
        return await client.get(path, params=query)


async def shown(town: Town, name: str, **query: Any) -> tuple[str, str, list[str]]:
    """(contest, scope, ranked units) of a ranking."""
    answer = await get(town, name, **query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["contest"]["id"], body["scope"]["name"], [row["unit"]["name"] for row in body["rows"]]


async def refusal(town: Town, name: str, path: str = "/rankings/branches", **query: Any) -> dict[str, Any]:
    answer = await get(town, name, path, **query)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-contest")
    body: dict[str, Any] = answer.json()
    return body


async def over(town: Town, unit: str, *, ago: int, days: int = 1) -> uuid.UUID:
    """A contest that began `ago` days ago and lasted (or lasts) so many."""
    start = TODAY - ago * DAY
    return await town.contest(unit, starts_on=start, ends_on=start + (days - 1) * DAY, name=f"{unit}{ago}天前的竞赛")


@pytest.fixture
async def cities(town: Town, clock: SetClock) -> Town:
    """省厅 > 市局 and 邻市 (with 江南); 市局's contest began yesterday, 丰顺 leads."""
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.unit("江南", UnitKind.BRANCH, "邻市")
    await town.officer("江南001", "江南")
    await town.officer("省厅干部", "省厅", takes_part=False)
    await town.contest("市局", starts_on=TODAY - DAY, rules={"individual_ranking": True})
    await play(town, "丰顺001")
    clock.at("12:00")
    return town


async def test_the_province_reads_the_only_contest_below(cities: Town) -> None:
    found = (str(cities.contest_id), "市局", ["丰顺", "梅江", "五华"])
    assert await shown(cities, "省厅处长") == found
    assert [(await get(cities, "省厅处长", path)).status_code for path in FILES] == [200, 200]


async def test_who_watches_over_nobody_reads_none_below(cities: Town) -> None:
    assert "contests" not in await refusal(cities, "省厅干部")


async def test_of_several_contests_below_the_running_one_is_meant(cities: Town) -> None:
    running = str(cities.contest_id)
    await over(cities, "邻市", ago=9)
    assert (await shown(cities, "省厅处长"))[0] == running


async def test_a_contest_below_that_is_yet_to_come_is_not_meant(cities: Town) -> None:
    running = str(cities.contest_id)
    await cities.contest("邻市", starts_on=TODAY + DAY)
    assert (await shown(cities, "省厅处长"))[0] == running


async def test_the_last_contest_below_is_read_when_it_is_over(town: Town) -> None:
    await over(town, "市局", ago=20)
    newest = await over(town, "市局", ago=9)
    assert (await shown(town, "省厅处长"))[0] == str(newest)


async def test_among_several_the_province_is_asked_to_choose(cities: Town) -> None:
    ours, theirs = str(cities.contest_id), str(await over(cities, "邻市", ago=3, days=30))
    refused = await refusal(cities, "省厅处长")
    assert "contest_id" in refused["detail"]
    assert refused["contests"] == [
        {"id": ours, "name": "网络知识竞赛", "unit": unit(cities, "市局")},
        {"id": theirs, "name": "邻市3天前的竞赛", "unit": unit(cities, "邻市")},
    ]
    assert (await shown(cities, "省厅处长", contest_id=theirs))[1:] == ("邻市", ["江南"])


def unit(town: Town, name: str) -> dict[str, str]:
    return {"id": str(town.units[name]), "name": name, "kind": "bureau"}


async def test_ones_own_contest_goes_before_those_below(cities: Town) -> None:
    own = await over(cities, "省厅", ago=60)
    assert (await shown(cities, "省厅处长"))[:2] == (str(own), "省厅")


async def test_an_earlier_contest_is_read_by_its_id(cities: Town) -> None:
    earlier = str(await over(cities, "省厅", ago=60))
    assert await shown(cities, "江南001", contest_id=earlier) == (earlier, "邻市", ["江南"])
    assert (await get(cities, "梅江001", FILES[0], contest_id=earlier)).status_code == 200


@pytest.mark.parametrize(("caller", "status"), [("江南001", 404), ("省厅干部", 404), ("梅江001", 200), ("管理员", 200)])
async def test_a_contest_that_one_may_not_see_does_not_exist(cities: Town, caller: str, status: int) -> None:
    for path in ("/rankings/branches", "/rankings/officers", *FILES):
        assert (await get(cities, caller, path, contest_id=str(cities.contest_id))).status_code == status


@pytest.mark.parametrize("wanted", ["x", "01990000-0000-7000-8000-000000000000", "", "\0"])
async def test_a_contest_that_is_none_does_not_exist(cities: Town, wanted: str) -> None:
    assert (await get(cities, "省厅处长", contest_id=wanted)).status_code == 404


async def test_before_its_first_day_a_contest_has_no_ranking(cities: Town) -> None:
    ahead = await cities.contest("市局", starts_on=TODAY + 40 * DAY)
    draft = await cities.contest("市局", starts_on=TODAY - 40 * DAY, state=ContestState.DRAFT)
    for contest_id in (ahead, draft):
        assert "还没有开始" in (await refusal(cities, "管理员", contest_id=str(contest_id)))["detail"]


async def test_bureaus_are_ranked_only_in_the_provinces_contest(cities: Town) -> None:
    path = "/rankings/bureaus"
    for query in ({}, {"contest_id": str(cities.contest_id)}):
        assert "各市局只在省厅举办" in (await refusal(cities, "省厅处长", path, **query))["detail"]
    await over(cities, "邻市", ago=3, days=30)
    assert len((await refusal(cities, "省厅处长", path))["contests"]) == 2
    own = await over(cities, "省厅", ago=60)
    ranked = (await get(cities, "省厅处长", path, contest_id=str(own))).json()
    assert (ranked["contest"]["id"], len(ranked["rows"])) == (str(own), 2)


async def test_officers_are_ranked_within_the_contest(cities: Town) -> None:
    path, inside, outside = "/rankings/officers", str(cities.units["丰顺"]), str(cities.units["江南"])
    ranked = (await get(cities, "省厅处长", path)).json()
    assert (ranked["contest"]["id"], ranked["scope"]["name"]) == (str(cities.contest_id), "市局")
    assert ranked["rows"][0]["officer"]["name"] == "丰顺001"
    assert (await get(cities, "省厅处长", path, branch_id=inside)).status_code == 200
    assert (await get(cities, "省厅处长", path, branch_id=outside)).status_code == 404
