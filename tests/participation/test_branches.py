"""GET /branches and below: units, standings, lists of officers, reminders; who may see them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app.core.http import encode_cursor
from app.participation.models import Reminder
from app.roster.models import UnitKind
from tests.participation.rows import YESTERDAY, exempt, move, play
from tests.times import TODAY

if TYPE_CHECKING:
    import httpx

    from tests.people import Town
    from tests.times import SetClock


async def get(town: Town, name: str, path: str, **query: Any) -> httpx.Response:
    async with town.as_(name) as client:
        return await client.get(path, params=query)


async def officers(town: Town, name: str, unit: str = "梅江", **query: Any) -> httpx.Response:
    return await get(town, name, f"/branches/{town.units[unit]}/officers", **query)


async def standing(town: Town, name: str, unit: str, **query: Any) -> httpx.Response:
    return await get(town, name, f"/branches/{town.units[unit]}/participation", **query)


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["officer"]["name"] for item in answer.json()["items"]]


async def test_everybody_sees_the_units_of_the_own_bureau(town: Town) -> None:
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    answer = await get(town, "梅江001", "/branches")
    assert [item["name"] for item in answer.json()["items"]] == ["梅江", "丰顺", "五华"]
    assert answer.json()["items"][1] == {
        "id": str(town.units["丰顺"]),
        "name": "丰顺",
        "kind": "branch",
        "parent_id": str(town.units["市局"]),
    }
    assert answer.json()["next"] is None


async def test_the_provinces_staff_sees_the_units_of_all_bureaus(town: Town) -> None:
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    answer = await get(town, "省厅处长", "/branches")
    assert [item["name"] for item in answer.json()["items"]] == ["丰顺", "五华", "梅江"]


async def test_units_are_paged(town: Town) -> None:
    first = await get(town, "梅江001", "/branches", limit=2)
    second = await get(town, "梅江001", "/branches", limit=2, cursor=first.json()["next"])
    assert [item["name"] for item in second.json()["items"]] == ["五华"]
    assert f"cursor={first.json()['next'].rstrip('=')}" in first.headers["link"]
    assert "link" not in second.headers


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        encode_cursor(1),
        encode_cursor(0, 1, 2**40, "a", "b"),
        encode_cursor(0, 1, 1, "a", "b"),
        encode_cursor(0, 1, 1, 1, 1),
    ],
)
async def test_a_cursor_that_we_did_not_give_is_malformed(contest: Town, cursor: str) -> None:
    assert (await get(contest, "联络员", "/branches", cursor=cursor)).status_code == 400


async def test_a_forged_cursor_of_officers_is_malformed(contest: Town) -> None:
    assert (await officers(contest, "联络员", cursor=encode_cursor("a", 1, "b", "c"))).status_code == 400


async def test_a_standing_covers_the_units_below(contest: Town) -> None:
    answer = await standing(contest, "梅江001", "市局")
    body = answer.json()
    assert {key: body[key] for key in ("as_of", "day", "enrolled", "done", "in_progress", "not_started")} == {
        "as_of": "2026-11-23T12:00:00+08:00",
        "day": "2026-11-23",
        "enrolled": 5,
        "done": 1,
        "in_progress": 1,
        "not_started": 3,
    }
    assert body["unit"] == {"id": str(contest.units["市局"]), "name": "市局", "kind": "bureau"}


async def test_rates_are_fractions_and_the_index_is_unrounded(contest: Town) -> None:
    body = (await standing(contest, "丰顺001", "梅江")).json()
    assert (body["participation_rate"], body["completion_rate"], body["accuracy"]) == (2 / 3, 1 / 3, 11 / 14)
    assert body["index"] == pytest.approx(100 * (0.2 * 2 / 3 + 0.5 / 3 + 0.3 * 11 / 14), abs=1e-12)
    assert body["unfinished"] == 2


async def test_rates_of_nobody_are_null(contest: Town) -> None:
    body = (await standing(contest, "丰顺001", "五华")).json()
    assert [body[name] for name in ("participation_rate", "completion_rate", "accuracy", "index")] == [None] * 4


async def test_a_past_days_standing_is_as_of_its_closing(contest: Town) -> None:
    await play(contest, "丰顺001", day=YESTERDAY)
    body = (await standing(contest, "丰顺001", "丰顺", day=str(YESTERDAY))).json()
    assert (body["as_of"], body["done"]) == ("2026-11-23T00:00:00+08:00", 1)


async def test_a_poll_without_news_is_not_modified(contest: Town, clock: SetClock) -> None:
    path = f"/branches/{contest.units['梅江']}/participation"
    async with contest.as_("梅江001") as me:
        first = await me.get(path)
        clock.at("12:05")
        again = await me.get(path, headers={"If-None-Match": first.headers["etag"]})
        await play(contest, "联络员", answered=1)
        news = await me.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code, news.status_code) == ("private, no-cache", 304, 200)


async def test_units_of_another_bureau_are_not_found(contest: Town) -> None:
    await contest.unit("邻市", UnitKind.BUREAU, "省厅")
    assert (await standing(contest, "市局处长", "邻市")).status_code == 404
    assert (await officers(contest, "市局处长", "邻市")).status_code == 404
    assert (await get(contest, "市局处长", "/branches/nothing/participation", day="never")).status_code == 404


async def test_a_unit_without_a_contest_has_no_standing(contest: Town) -> None:
    await contest.unit("邻市", UnitKind.BUREAU, "省厅")
    refused = await standing(contest, "省厅处长", "邻市")
    assert (refused.status_code, refused.json()["code"]) == (409, "no-contest")


async def test_officers_in_progress_come_first_then_not_started_done_exempt(contest: Town) -> None:
    for name in ("梅江003", "梅江004"):
        await contest.officer(name, "梅江")
    await exempt(contest, "梅江003")
    answer = await officers(contest, "联络员")
    assert names(answer) == ["梅江002", "梅江004", "联络员", "梅江001", "梅江003"]
    assert [item["status"] for item in answer.json()["items"]] == [
        "in_progress",
        "not_started",
        "not_started",
        "done",
        "exempt",
    ]


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("unfinished", ["梅江002", "联络员"]),
        ("in_progress", ["梅江002"]),
        ("not_started", ["联络员"]),
        ("done", ["梅江001"]),
        ("exempt", []),
        ("all", ["梅江002", "联络员", "梅江001"]),
    ],
)
async def test_officers_are_listed_by_status(contest: Town, status: str, found: list[str]) -> None:
    assert names(await officers(contest, "联络员", status=status)) == found


async def test_an_unknown_status_is_refused(contest: Town) -> None:
    refused = await officers(contest, "联络员", status="asleep")
    said = "应当是其中之一：unfinished、not_started、in_progress、done、exempt、all。"
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"pointer": "/query/status", "detail": said}])


async def test_an_officers_line_says_what_there_is_to_know(contest: Town) -> None:
    answer = await officers(contest, "联络员", status="in_progress")
    assert answer.json() == {
        "as_of": "2026-11-23T12:00:00+08:00",
        "day": "2026-11-23",
        "items": [
            {
                "officer": {
                    "id": str(contest.officers["梅江002"]),
                    "employee_no": "梅江002",
                    "name": "梅江002",
                    "phone": None,
                    "section": None,
                },
                "unit": {"id": str(contest.units["梅江"]), "name": "梅江", "kind": "branch"},
                "status": "in_progress",
                "quiz": {"status": "in_progress", "answered": 4, "points": 30},
                "matches": {"counted": 0, "required": 0, "points": 0},
                "done": False,
                "exemption": None,
                "last_reminder": None,
            }
        ],
        "next": None,
    }


async def test_an_exemption_stands_with_its_days_and_reason(contest: Town) -> None:
    await exempt(contest, "梅江001", YESTERDAY, TODAY, reason="住院")
    item = (await officers(contest, "联络员", status="exempt")).json()["items"][0]
    assert item["exemption"] == {"from": "2026-11-22", "to": "2026-11-23", "reason": "住院"}


async def test_officers_are_listed_where_they_belonged_that_day(contest: Town) -> None:
    await move(contest, "丰顺001", "梅江", TODAY)
    assert "丰顺001" in names(await officers(contest, "联络员"))
    assert "丰顺001" not in names(await officers(contest, "联络员", day=str(YESTERDAY)))


async def test_officers_are_paged_across_status(contest: Town) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await officers(contest, "市局处长", "市局", limit=2, **cursor)
        seen += names(page)
        if page.json()["next"] is None:
            break
        cursor = {"cursor": page.json()["next"]}
    assert seen == ["梅江002", "丰顺001", "丰顺002", "联络员", "梅江001"]


async def test_a_list_without_news_is_not_modified(contest: Town) -> None:
    async with contest.as_("联络员") as me:
        path = f"/branches/{contest.units['梅江']}/officers"
        etag = (await me.get(path)).headers["etag"]
        assert (await me.get(path, headers={"If-None-Match": etag})).status_code == 304


@pytest.mark.parametrize(
    ("caller", "sees"), [("联络员", True), ("管理员", True), ("负责人", True), ("市局处长", False)]
)
async def test_phones_are_for_those_who_may_call(contest: Town, caller: str, sees: bool) -> None:
    await contest.officer("负责人", "梅江", roles=["leader"], phone="13800000002")
    await contest.officer("老张", "梅江", phone="13800000009")
    phones = {
        item["officer"]["name"]: item["officer"]["phone"] for item in (await officers(contest, caller)).json()["items"]
    }
    assert phones["老张"] == ("13800000009" if sees else None)
    assert phones["联络员"] == "13800000001"


@pytest.mark.parametrize(
    ("caller", "unit", "status"),
    [
        ("梅江001", "梅江", 403),
        ("省厅处长", "梅江", 403),
        ("联络员", "丰顺", 404),
        ("联络员", "市局", 404),
        ("市局处长", "丰顺", 200),
        ("管理员", "市局", 200),
    ],
)
async def test_officers_are_listed_for_those_who_watch_over_them(
    contest: Town, caller: str, unit: str, status: int
) -> None:
    assert (await officers(contest, caller, unit)).status_code == status


async def test_a_role_is_judged_before_the_request(contest: Town) -> None:
    assert (await officers(contest, "梅江001", day="never")).status_code == 403
    async with contest.as_("梅江001") as me:
        refused = await me.post(f"/branches/{contest.units['梅江']}/reminders", json={})
    assert refused.status_code == 403


async def remind(town: Town, caller: str, unit: str, name: str, **more: Any) -> httpx.Response:
    body = {"officer_id": str(town.officers.get(name, name)), "channel": "phone", "outcome": "reached", **more}
    async with town.as_(caller) as client:
        return await client.post(f"/branches/{town.units[unit]}/reminders", json=body)


async def test_a_reminder_is_kept_and_shown_beside_the_officer(contest: Town, clock: SetClock) -> None:
    await remind(contest, "联络员", "梅江", "梅江002", outcome="no_answer")
    clock.at("12:30")
    made = await remind(contest, "联络员", "梅江", "梅江002", note="  外出执法，晚上完成 ")
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "officer_id": str(contest.officers["梅江002"]),
        "channel": "phone",
        "outcome": "reached",
        "note": "外出执法，晚上完成",
        "at": "2026-11-23T12:30:00+08:00",
    }
    item = (await officers(contest, "联络员", status="in_progress")).json()["items"][0]
    assert item["last_reminder"] == {
        "at": "2026-11-23T12:30:00+08:00",
        "by": "联络员",
        "channel": "phone",
        "outcome": "reached",
        "note": "外出执法，晚上完成",
    }


async def test_reminders_of_another_day_are_not_shown(contest: Town, clock: SetClock) -> None:
    await remind(contest, "联络员", "梅江", "梅江002")
    clock.at("08:00", TODAY + dt.timedelta(days=1))
    assert all(item["last_reminder"] is None for item in (await officers(contest, "联络员")).json()["items"])


async def test_a_call_that_took_place_is_recorded_though_the_officer_is_done(contest: Town) -> None:
    made = await remind(contest, "市局处长", "市局", "梅江001", note="")
    assert (made.status_code, made.json()["note"]) == (201, None)
    async with contest.services.database.reads() as session:
        kept = (await session.scalars(select(Reminder))).one()
    assert (kept.unit_id, kept.by_officer_id) == (contest.units["梅江"], contest.officers["市局处长"])


@pytest.mark.parametrize(
    ("caller", "unit", "name", "status"),
    [
        ("联络员", "梅江", "丰顺001", 404),
        ("市局处长", "梅江", "丰顺001", 404),
        ("联络员", "丰顺", "丰顺001", 404),
        ("联络员", "梅江", "nobody", 404),
        ("省厅处长", "梅江", "梅江002", 403),
        ("管理员", "梅江", "梅江002", 201),
    ],
)
async def test_reminders_are_for_officers_of_the_unit(
    contest: Town, caller: str, unit: str, name: str, status: int
) -> None:
    assert (await remind(contest, caller, unit, name)).status_code == status


@pytest.mark.parametrize(
    "more", [{"channel": "pigeon"}, {"outcome": "?"}, {"note": "啊" * 501}, {"note": "a\0"}, {"x": 1}]
)
async def test_a_reminder_of_the_wrong_shape_is_refused(contest: Town, more: dict[str, object]) -> None:
    assert (await remind(contest, "联络员", "梅江", "梅江002", **more)).status_code == 422


async def test_without_a_running_contest_there_is_nothing_to_remind_of(contest: Town, clock: SetClock) -> None:
    clock.at("09:00", TODAY.replace(month=12, day=31))
    refused = await remind(contest, "联络员", "梅江", "梅江002")
    assert (refused.status_code, refused.json()["code"]) == (409, "no-contest")
