"""Contests over HTTP: drafting, seeing, and changing."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from app.contests.models import ContestRules, ContestState
from app.core.audit import AuditEntry
from tests.times import TODAY

LAST = TODAY + dt.timedelta(days=20)


def day(number: int) -> str:
    return str(TODAY + dt.timedelta(days=number))


async def test_a_contest_is_drafted_with_whole_rules(town, new):
    answer = await new(
        short_name="练兵", issuer="执法监督科", office_phone="0753-1234567", rules={"daily_quiz": {"single": 10}}
    )
    body = answer.json()
    assert answer.status_code == 201
    assert body.pop("id")
    assert body.pop("rules") == {
        "daily_quiz": {"single": 10, "multiple": 3, "true_false": 3, "points_per_question": 10},
        "matches": {
            "questions": 5,
            "seconds": 30,
            "points_per_question": 20,
            "counted_per_day": 2,
            "required_per_day": 1,
        },
        "index": {"participation": 0.2, "completion": 0.5, "accuracy": 0.3},
        "day_opens_at": "06:00",
        "day_closes_at": "24:00",
        "notices": {
            "slots": ["08:00", "12:00", "18:00", "22:00"],
            "names_in_groups": False,
            "profile": "standard",
            "nudges": True,
        },
        "individual_ranking": False,
    }
    assert body == {
        "name": "执法大练兵",
        "short_name": "练兵",
        "unit": {"id": str(town.units["市局"]), "name": "市局", "kind": "bureau"},
        "starts_on": "2026-11-23",
        "ends_on": "2026-12-13",
        "issuer": "执法监督科",
        "office_phone": "0753-1234567",
        "state": "draft",
        "phase": "draft",
        "next_rules": None,
    }


async def test_only_administrators_draft_and_only_below_themselves(call, client, new):
    assert (await client.post("/contests", json={})).status_code == 401
    for name in ("梅江001", "联络员", "市局处长", "省厅处长"):
        assert (await call("POST", "/contests", {}, by=name)).json()["code"] == "forbidden"
    assert (await new(unit="邻市局")).status_code == 404
    assert (await new(unit="省厅")).status_code == 404
    assert (await new(unit="市局", by="省厅管理员")).status_code == 201
    assert (await new(unit_id="x")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "pointer", "said"),
    [
        ({"rules": {"index": {"accuracy": 2}}}, "/rules/index/accuracy", "不能大于1"),
        ({"rules": []}, "/rules", "应当是一个对象"),
        ({"ends_on": day(-1)}, "/ends_on", "早于开始日期"),
        ({"starts_on": "昨天"}, "/starts_on", "2026-11-23 的样子"),
        ({"starts_on": 0}, "/starts_on", "年份应当在"),
        ({"name": "  "}, "/name", "至少要有1个字"),
        ({"name": "a\x00b"}, "/name", "不能使用的字符"),
        ({"name": None}, "/name", "应当是文字"),
        ({"name": "题" * 61}, "/name", "最多60个字"),
        ({"office_phone": "张三的电话"}, "/office_phone", "格式不对"),
        ({"office_phone": "13800138000"}, "/office_phone", "请填写单位的办公电话"),
        ({"office_phone": "+86 138-0013-8000"}, "/office_phone", "这是个人手机号"),
        ({"colour": "red"}, "/colour", "没有这一项"),
    ],
)
async def test_a_wrong_member_is_told_in_chinese(new, changes, pointer, said):
    answer = await new(**changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
    assert said in next(one["detail"] for one in answer.json()["errors"] if one["pointer"] == pointer)


async def test_branches_hold_no_contests(new):
    answer = await new(unit="梅江")
    assert answer.json()["errors"][0]["pointer"] == "/unit_id"


async def test_who_sees_which_contest(town, call, new):
    draft = (await new()).json()["id"]
    for name in ("梅江001", "市局处长", "省厅处长", "邻市管理员"):
        assert (await call("GET", f"/contests/{draft}", by=name)).status_code == 404
    assert (await call("GET", f"/contests/{draft}", by="省厅管理员")).status_code == 200
    running = str(await town.contest("市局"))
    for name in ("梅江001", "联络员", "市局处长", "省厅处长", "省厅管理员"):
        answer = await call("GET", f"/contests/{running}", by=name)
        assert (answer.status_code, answer.json()["phase"]) == (200, "running")
    assert (await call("GET", f"/contests/{running}", by="邻市管理员")).status_code == 404
    assert (await call("GET", "/contests/1")).status_code == 404


async def test_an_officer_does_not_see_contests_of_others_below_the_province(town, call):
    await town.contest("省厅", name="省赛")
    await town.contest("邻市局", name="邻市赛", starts_on=TODAY - dt.timedelta(days=40))
    names = [item["name"] for item in (await call("GET", "/contests", by="梅江001")).json()["items"]]
    assert names == ["省赛"]
    assert len((await call("GET", "/contests", by="省厅处长")).json()["items"]) == 2


async def test_contests_are_listed_latest_first_in_pages(town, call):
    for month in (1, 3, 2):
        await town.contest("市局", name=f"{month}月", starts_on=dt.date(2026, month, 1))
    first = await call("GET", "/contests", params={"limit": 2})
    assert [item["name"] for item in first.json()["items"]] == ["3月", "2月"]
    second = await call("GET", first.links["next"]["url"])
    assert ([item["name"] for item in second.json()["items"]], second.json()["next"]) == (["1月"], None)


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0=", "WyIyMDI2LTExLTIzIiwieCJd", "WyJhIiwiYiJd"])
async def test_a_cursor_of_other_making_is_malformed(call, cursor):
    assert (await call("GET", "/contests", params={"cursor": cursor})).json()["code"] == "malformed"


async def test_a_draft_changes_in_everything(town, call, new, services):
    contest = (await new(by="省厅管理员", rules={"daily_quiz": {"single": 10}})).json()["id"]
    changes = {
        "name": "新名称",
        "short_name": "新",
        "issuer": "省厅",
        "unit_id": str(town.units["省厅"]),
        "starts_on": day(3),
        "ends_on": day(9),
        "rules": {"daily_quiz": {"multiple": 1}},
    }
    body = (await call("PATCH", f"/contests/{contest}", changes, by="省厅管理员")).json()
    assert (body["name"], body["short_name"], body["unit"]["name"]) == ("新名称", "新", "省厅")
    assert (body["starts_on"], body["ends_on"], body["next_rules"]) == (day(3), day(9), None)
    assert (body["rules"]["daily_quiz"]["single"], body["rules"]["daily_quiz"]["multiple"]) == (10, 1)
    async with services.database.reads() as session:
        assert list(await session.scalars(select(ContestRules.from_day))) == [TODAY + dt.timedelta(days=3)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ends_on": day(-1)}, 422),
        ({"rules": {"x": 1}}, 422),
        ({"name": None}, 422),
        ({"unit_id": "00000000-0000-7000-8000-000000000000"}, 404),
        ({"unit_id": "梅江"}, 422),
    ],
)
async def test_a_draft_stays_whole(town, call, new, changes, status):
    contest = (await new()).json()
    if changes.get("unit_id") in town.units:
        changes = {"unit_id": str(town.units[changes["unit_id"]])}
    assert (await call("PATCH", f"/contests/{contest['id']}", changes)).status_code == status
    assert (await call("GET", f"/contests/{contest['id']}")).json() == contest


async def test_what_is_left_out_stays_and_null_empties(call, new):
    contest = (await new(short_name="练兵", issuer="科")).json()["id"]
    body = (await call("PATCH", f"/contests/{contest}", {"issuer": None, "office_phone": " "})).json()
    assert (body["short_name"], body["issuer"], body["office_phone"]) == ("练兵", None, None)


async def test_who_may_not_change_is_refused_before_the_body_is_judged(town, call, new):
    contest = (await new()).json()["id"]
    assert (await call("PATCH", f"/contests/{contest}", {"x": 1}, by="联络员")).status_code == 403
    assert (await call("PATCH", f"/contests/{contest}", {"x": 1}, by="邻市管理员")).status_code == 404
    assert (await call("PATCH", f"/contests/{contest}", {"x": 1})).status_code == 422


async def test_an_opened_contest_changes_its_names_and_end(town, call, bank):
    contest = await town.contest("市局", starts_on=TODAY - dt.timedelta(days=3))
    changes = {"name": "新名称", "short_name": "新", "issuer": "科", "office_phone": "12345", "ends_on": day(0)}
    body = (await call("PATCH", f"/contests/{contest}", changes)).json()
    assert {name: body[name] for name in changes} == changes
    assert (await call("PATCH", f"/contests/{contest}", {"ends_on": day(-1)})).json()["errors"][0][
        "pointer"
    ] == "/ends_on"
    assert (await call("PATCH", f"/contests/{contest}", {"ends_on": day(500)})).status_code == 422


@pytest.mark.parametrize("changes", [{"starts_on": day(1)}, {"unit_id": "省厅"}])
async def test_where_and_when_an_opened_contest_began_is_settled(town, call, changes):
    contest = await town.contest("市局")
    by = "省厅管理员"
    if "unit_id" in changes:
        changes = {"unit_id": str(town.units["省厅"])}
    assert (await call("PATCH", f"/contests/{contest}", changes, by=by)).json()["code"] == "contest-already-opened"
    same = {"starts_on": day(0), "unit_id": str(town.units["市局"])}
    assert (await call("PATCH", f"/contests/{contest}", same, by=by)).status_code == 200


async def test_rules_of_a_running_contest_change_tomorrow(town, call, clock, bank):
    contest = await town.contest("市局")
    body = (await call("PATCH", f"/contests/{contest}", {"rules": {"daily_quiz": {"single": 5}}})).json()
    assert body["rules"]["daily_quiz"]["single"] == 4
    assert body["next_rules"]["from"] == day(1)
    assert body["next_rules"]["rules"]["daily_quiz"]["single"] == 5
    again = (await call("PATCH", f"/contests/{contest}", {"rules": {"daily_quiz": {"multiple": 2}}})).json()
    assert again["next_rules"]["rules"]["daily_quiz"] == {
        "single": 5,
        "multiple": 2,
        "true_false": 3,
        "points_per_question": 10,
    }
    clock.at("00:00", TODAY + dt.timedelta(days=1))
    tomorrow = (await call("GET", f"/contests/{contest}")).json()
    assert (tomorrow["rules"], tomorrow["next_rules"]) == (again["next_rules"]["rules"], None)


async def test_rules_of_a_contest_that_has_not_begun_change_at_once(town, call, services, bank):
    contest = await town.contest("市局", starts_on=TODAY + dt.timedelta(days=5))
    body = (await call("PATCH", f"/contests/{contest}", {"rules": {"individual_ranking": True}})).json()
    assert (body["phase"], body["rules"]["individual_ranking"], body["next_rules"]) == ("upcoming", True, None)
    async with services.database.reads() as session:
        assert len(list(await session.scalars(select(ContestRules)))) == 1


async def test_rules_beyond_the_end_cannot_change(town, call, bank):
    contest = await town.contest("市局", ends_on=TODAY)
    answer = await call("PATCH", f"/contests/{contest}", {"rules": {"individual_ranking": True}})
    assert answer.json()["code"] == "contest-over"
    changes = {"rules": {"individual_ranking": True}, "ends_on": day(1)}
    assert (await call("PATCH", f"/contests/{contest}", changes)).status_code == 200


async def test_a_contest_that_is_over_is_not_prolonged(town, call, clock, bank):
    contest = await town.contest("市局", ends_on=TODAY)
    clock.at("09:00", TODAY + dt.timedelta(days=3))
    assert (await call("PATCH", f"/contests/{contest}", {"ends_on": day(9)})).json()["code"] == "contest-over"
    body = (await call("PATCH", f"/contests/{contest}", {"name": "新名称"})).json()
    assert (body["phase"], body["name"]) == ("closed", "新名称")


async def test_prolonging_must_not_run_into_another_contest(town, call, bank):
    contest = await town.contest("市局", ends_on=TODAY + dt.timedelta(days=3))
    later = await town.contest("省厅", starts_on=TODAY + dt.timedelta(days=7), name="省赛")
    answer = await call("PATCH", f"/contests/{contest}", {"ends_on": day(7)})
    assert (answer.status_code, answer.json()["code"]) == (409, "contest-overlaps")
    assert answer.json()["contest"] == {"id": str(later), "name": "省赛", "starts_on": day(7), "ends_on": day(27)}
    assert (await call("PATCH", f"/contests/{contest}", {"ends_on": day(6)})).status_code == 200


async def test_the_bank_must_fill_changed_rules(town, call, bank):
    contest = await town.contest("市局")
    answer = await call("PATCH", f"/contests/{contest}", {"rules": {"daily_quiz": {"single": 6}}})
    assert (answer.status_code, answer.json()["code"], answer.json()["available"]) == (409, "bank-too-small", 5)


async def test_changes_are_audited_with_before_and_after_and_without_telephones(town, call, services, new):
    contest = (await new(office_phone="0753-1234567")).json()["id"]
    await call("PATCH", f"/contests/{contest}", {"name": "新名称", "office_phone": "0753-7654321"})
    await call("PATCH", f"/contests/{contest}", {"name": "新名称"})
    async with services.database.reads() as session:
        entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))
    assert [(entry.action, entry.subject_id) for entry in entries] == [
        ("contest.create", contest),
        ("contest.change", contest),
    ]
    assert entries[1].before == {"name": "执法大练兵", "office_phone": None}
    assert entries[1].after == {"name": "新名称", "office_phone": "changed"}
    assert entries[1].actor_id == town.officers["管理员"]
    assert not any("0753" in str(entry.after) for entry in entries)


async def test_a_paused_contest_shows_it(town, call):
    contest = await town.contest("市局", state=ContestState.PAUSED)
    body = (await call("GET", f"/contests/{contest}", by="梅江001")).json()
    assert (body["state"], body["phase"]) == ("paused", "paused")
