"""GET /rankings: branches, bureaus, officers; days, changes of rank, who may read them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from app.contests.models import ContestRules
from app.contests.rules import merged
from app.core.http import encode_cursor
from app.roster.models import UnitKind
from tests.participation.rows import YESTERDAY, exempt, play
from tests.people import QUIZ_ONLY
from tests.times import TODAY, instant

if TYPE_CHECKING:
    import httpx

    from tests.people import Town
    from tests.times import SetClock

DAY = dt.timedelta(days=1)
FIRST = TODAY - 2 * DAY


async def get(town: Town, name: str, path: str = "/rankings/branches", **query: Any) -> httpx.Response:
    async with town.as_(name) as client:
        return await client.get(path, params=query)


async def ranks(
    town: Town, name: str = "梅江001", path: str = "/rankings/branches", **query: Any
) -> list[tuple[Any, ...]]:
    answer = await get(town, name, path, **query)
    assert answer.status_code == 200, answer.text
    return [(row["unit"]["name"], row["rank"], row["rank_change"]) for row in answer.json()["rows"]]


@pytest.fixture
async def race(town: Town, clock: SetClock) -> Town:
    """Day 1: 丰顺 ahead of 梅江; day 2: equal (everybody); today at noon: 梅江 ahead."""
    await town.contest("市局", starts_on=FIRST)
    await play(town, "丰顺001", day=FIRST)
    for name in ("丰顺001", "丰顺002", "梅江001", "梅江002", "联络员"):
        await play(town, name, day=YESTERDAY)
    for name in ("梅江001", "梅江002", "联络员"):
        await play(town, name)
    clock.at("12:00")
    return town


async def test_a_ranking_says_what_it_covers_and_by_which_formula(race: Town) -> None:
    body = (await get(race, "梅江001")).json()
    assert list(body) == ["as_of", "scope", "contest", "from", "to", "uncounted_days", "formula", "rows"]
    assert body["contest"] == {"id": str(race.contest_id), "name": "网络知识竞赛"}
    assert body["as_of"] == "2026-11-23T12:00:00+08:00"
    assert body["scope"] == {"kind": "bureau", "id": str(race.units["市局"]), "name": "市局"}
    assert (body["from"], body["to"]) == ("2026-11-21", "2026-11-23")
    assert body["formula"] == {"participation": 0.2, "completion": 0.5, "accuracy": 0.3}


async def test_a_row_is_a_standing_with_rank_and_change(race: Town) -> None:
    row = (await get(race, "丰顺001")).json()["rows"][0]
    assert row == {
        "unit": {"id": str(race.units["梅江"]), "name": "梅江", "kind": "branch"},
        "enrolled": 9,
        "exempt": 0,
        "expected": 9,
        "participated": 6,
        "quiz_finished": 6,
        "done": 6,
        "in_progress": 0,
        "not_started": 3,
        "unfinished": 3,
        "answered": 60,
        "correct": 60,
        "participation_rate": 2 / 3,
        "completion_rate": 2 / 3,
        "accuracy": 1.0,
        "index": pytest.approx(100 * (0.7 * 2 / 3 + 0.3)),
        "rank": 1,
        "rank_change": 1,
    }


async def test_a_range_compares_with_itself_a_day_earlier(race: Town) -> None:
    assert await ranks(race) == [("梅江", 1, 1), ("丰顺", 2, -1), ("五华", None, None)]
    assert await ranks(race, to="2026-11-22") == [("丰顺", 1, 0), ("梅江", 2, 0), ("五华", None, None)]


async def test_a_single_day_compares_with_the_day_before(race: Town) -> None:
    assert await ranks(race, day="2026-11-22") == [("丰顺", 1, 0), ("梅江", 1, 1), ("五华", None, None)]
    assert await ranks(race, **{"from": "2026-11-22", "to": "2026-11-22"}) == await ranks(race, day="2026-11-22")


async def test_the_first_day_has_nothing_to_compare_with(race: Town) -> None:
    assert await ranks(race, day="2026-11-21") == [("丰顺", 1, None), ("梅江", 2, None), ("五华", None, None)]


async def test_a_branch_without_anybody_expected_before_has_no_change(race: Town) -> None:
    await exempt(race, "丰顺001", YESTERDAY)
    await exempt(race, "丰顺002", YESTERDAY)
    assert ("丰顺", 2, None) in await ranks(race, day="2026-11-23")


async def test_officers_of_the_bureau_itself_are_in_no_branch(race: Town) -> None:
    await race.officer("科长", "市局")
    await play(race, "科长")
    assert [row[0] for row in await ranks(race)] == ["梅江", "丰顺", "五华"]


async def test_a_branch_counts_with_the_townships_below_it(race: Town) -> None:
    await race.unit("留隍镇", UnitKind.TOWNSHIP, "丰顺")
    await race.officer("镇长", "留隍镇")
    rows = (await get(race, "镇长", day="2026-11-23")).json()["rows"]
    assert {row["unit"]["name"]: row["enrolled"] for row in rows} == {"梅江": 3, "丰顺": 3, "五华": 0}


async def test_units_of_one_ranking_group_are_ranked_among_themselves(race: Town) -> None:
    await race.unit("高新区", UnitKind.BRANCH, "市局", ranking_group="zones")
    await race.officer("园区", "高新区")
    assert ("高新区", 1, 0) in await ranks(race)


async def test_a_changed_formula_holds_from_its_day_on(race: Town) -> None:
    changed = merged(QUIZ_ONLY, {"index": {"participation": 0.0, "completion": 0.0, "accuracy": 1.0}})
    async with race.services.database.sessions.begin() as session:
        session.add(
            ContestRules(
                contest_id=race.contest_id,
                from_day=TODAY,
                rules=changed.model_dump(mode="json"),
                created_at=instant("00:00"),
            )
        )
    assert (await get(race, "梅江001")).json()["formula"]["accuracy"] == 1.0
    assert (await get(race, "梅江001", to="2026-11-22")).json()["formula"]["accuracy"] == 0.3


@pytest.mark.parametrize(
    "query",
    [
        {"day": "2026-11-24"},
        {"day": "2026-11-20"},
        {"to": "2026-11-24"},
        {"from": "2026-11-23", "to": "2026-11-22"},
        {"day": "2026-11-23", "to": "2026-11-23"},
        {"day": "yesterday"},
    ],
)
async def test_days_that_do_not_count_are_refused(race: Town, query: dict[str, str]) -> None:
    refused = await get(race, "梅江001", **query)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation")
    assert refused.json()["errors"][0]["pointer"].startswith("/query/")
    assert all(one["detail"].endswith("。") for one in [refused.json(), *refused.json()["errors"]])


async def test_a_poll_without_news_is_not_modified(race: Town, clock: SetClock) -> None:
    async with race.as_("梅江001") as me:
        first = await me.get("/rankings/branches")
        clock.at("12:10")
        again = await me.get("/rankings/branches", headers={"If-None-Match": first.headers["etag"]})
        await play(race, "丰顺001")
        news = await me.get("/rankings/branches", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, news.status_code) == (304, b"", 200)


async def test_after_the_contest_the_whole_of_it_is_ranked(race: Town, clock: SetClock) -> None:
    clock.at("09:00", TODAY.replace(month=12, day=31))
    body = (await get(race, "梅江001")).json()
    assert (body["from"], body["to"], body["as_of"]) == ("2026-11-21", "2026-12-11", "2026-12-12T00:00:00+08:00")


async def test_before_any_contest_there_is_no_ranking(town: Town) -> None:
    refused = await get(town, "梅江001")
    assert (refused.status_code, refused.json()["code"]) == (409, "no-contest")


@pytest.fixture
async def province(town: Town, clock: SetClock) -> Town:
    """A province's contest over two bureaus."""
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.unit("江南", UnitKind.BRANCH, "邻市")
    await town.officer("江南001", "江南")
    await town.officer("邻市科长", "邻市")
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    await town.contest("省厅", starts_on=YESTERDAY)
    await play(town, "江南001")
    clock.at("12:00")
    return town


async def test_bureaus_are_ranked_with_everybody_below_them(province: Town) -> None:
    body = (await get(province, "省厅处长", "/rankings/bureaus")).json()
    assert [(row["unit"]["name"], row["rank"], row["enrolled"]) for row in body["rows"]] == [
        ("邻市", 1, 4),
        ("市局", 2, 10),
    ]
    assert body["scope"]["kind"] == "province"


@pytest.mark.parametrize(
    ("caller", "status"), [("省厅管理员", 200), ("市局处长", 403), ("管理员", 403), ("梅江001", 403)]
)
async def test_bureaus_are_ranked_for_the_province(province: Town, caller: str, status: int) -> None:
    assert (await get(province, caller, "/rankings/bureaus")).status_code == status


async def test_the_province_sees_all_branches_and_a_bureau_its_own(province: Town) -> None:
    assert [row[0] for row in await ranks(province, "省厅处长")] == ["江南", "丰顺", "梅江", "五华"]
    assert [row[0] for row in await ranks(province, "江南001")] == ["江南"]


async def test_a_role_is_judged_before_there_is_a_contest(town: Town) -> None:
    assert (await get(town, "市局处长", "/rankings/bureaus", day="never")).status_code == 403


async def test_single_officers_are_not_ranked_unless_the_contest_says_so(race: Town) -> None:
    refused = await get(race, "梅江001", "/rankings/officers", branch_id="nothing", day="never")
    assert (refused.status_code, refused.json()["code"]) == (403, "ranking-disabled")


@pytest.fixture
async def openly(town: Town, clock: SetClock) -> Town:
    """A contest that ranks officers: two done on both days (one with fewer right), one on one day, two on none."""
    await town.contest("市局", starts_on=YESTERDAY, rules={"individual_ranking": True})
    await play(town, "梅江001", day=YESTERDAY, correct=9)
    await play(town, "梅江001", correct=9)
    await play(town, "丰顺001", day=YESTERDAY)
    await play(town, "丰顺001")
    await play(town, "梅江002")
    clock.at("12:00")
    return town


async def places(town: Town, **query: Any) -> list[tuple[Any, ...]]:
    answer = await get(town, "丰顺002", "/rankings/officers", **query)
    assert answer.status_code == 200, answer.text
    return [(row["officer"]["name"], row["rank"], row["days_done"], row["points"]) for row in answer.json()["rows"]]


async def test_officers_are_ranked_by_days_done_then_points(openly: Town) -> None:
    assert await places(openly) == [
        ("丰顺001", 1, 2, 200),
        ("梅江001", 2, 2, 180),
        ("梅江002", 3, 1, 100),
        ("丰顺002", 4, 0, 0),
        ("联络员", 4, 0, 0),
    ]


async def test_of_equal_points_the_higher_accuracy_leads(openly: Town) -> None:
    await play(openly, "丰顺002", answered=4, correct=3)
    await play(openly, "联络员", answered=3, correct=3)
    assert [place[:2] for place in await places(openly, day="2026-11-23")] == [
        ("丰顺001", 1),
        ("梅江002", 1),
        ("梅江001", 3),
        ("联络员", 4),
        ("丰顺002", 5),
    ]


async def test_officers_of_one_unit_are_ranked_among_themselves(openly: Town) -> None:
    found = await places(openly, branch_id=str(openly.units["梅江"]), day="2026-11-22")
    assert [place[:2] for place in found] == [("梅江001", 1), ("梅江002", 2), ("联络员", 2)]
    assert (await get(openly, "丰顺002", "/rankings/officers", branch_id=str(openly.units["省厅"]))).status_code == 404


async def test_an_officers_row_holds_no_phone_and_no_employee_number(openly: Town) -> None:
    body = (await get(openly, "丰顺002", "/rankings/officers", limit=1)).json()
    assert body["rows"] == [
        {
            "rank": 1,
            "officer": {"id": str(openly.officers["丰顺001"]), "name": "丰顺001"},
            "unit": {"id": str(openly.units["丰顺"]), "name": "丰顺", "kind": "branch"},
            "days_done": 2,
            "points": 200,
            "answered": 20,
            "correct": 20,
            "accuracy": 1.0,
        }
    ]


async def test_ranked_officers_are_paged_with_their_ranks(openly: Town) -> None:
    first = await get(openly, "丰顺002", "/rankings/officers", limit=4)
    assert 'rel="next"' in first.headers["link"]
    assert await places(openly, limit=4, cursor=first.json()["next"]) == [("联络员", 4, 0, 0)]
    assert (await get(openly, "丰顺002", "/rankings/officers", cursor=encode_cursor("a", "b"))).status_code == 400


async def test_an_accuracy_of_nothing_is_null(openly: Town) -> None:
    answer = await get(openly, "丰顺002", "/rankings/officers")
    assert answer.json()["rows"][-1]["accuracy"] is None
