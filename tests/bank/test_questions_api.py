"""Question administration over HTTP: who may, what is listed, what one question shows, imports of a bureau."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.bank.models import Question
from app.core.audit import AuditEntry
from app.papers.models import Answer, Paper
from app.roster.models import Assignment
from tests.bank.banks import as_yaml, fill, question, questions
from tests.bank.test_queries import own, revision_ids
from tests.bank.test_sheets import HEADER, LAW, SINGLE, workbook
from tests.people import Town
from tests.times import TODAY, instant


@pytest.fixture
async def bank(services, tmp_path) -> None:
    await fill(services, tmp_path / "shared", questions(2, 1, 1))


async def get(town: Town, name: str, path: str, **query: Any) -> httpx.Response:
    async with town.as_(name) as client:
        return await client.get(path, params=query)


async def listed(town: Town, name: str = "管理员", **query: Any) -> list[str]:
    answer = await get(town, name, "/questions", **query)
    assert answer.status_code == 200, answer.text
    return [item["code"] for item in answer.json()["items"]]


async def upload(town: Town, content: bytes, *, file: str = "题库.xlsx", by: str = "管理员", dry_run: str = "false"):
    async with town.as_(by) as client:
        return await client.post("/imports/questions", params={"dry_run": dry_run}, files={"file": (file, content)})


async def held(services) -> int:
    async with services.database.reads() as session:
        return await session.scalar(select(func.count()).select_from(Question)) or 0


async def test_questions_are_for_administrators(town, client):
    assert (await client.get("/questions")).status_code == 401
    for name in ("梅江001", "联络员", "市局处长", "省厅处长"):
        assert (await get(town, name, "/questions")).json()["code"] == "forbidden"


@pytest.mark.parametrize("path", ["/questions", f"/questions/{uuid.UUID(int=7)}"])
async def test_an_administrator_who_takes_part_is_kept_out(town, path):
    await town.officer("参赛管理员", "市局", roles=["admin"])
    answer = await get(town, "参赛管理员", path)
    assert (answer.status_code, answer.json()["code"]) == (403, "question-administration-closed")


async def test_one_who_will_take_part_later_is_kept_out_today(town, services):
    tomorrow = TODAY + dt.timedelta(days=1)
    async with services.database.sessions.begin() as session:
        now = await session.scalar(select(Assignment).where(Assignment.officer_id == town.officers["管理员"]))
        now.until_day = tomorrow
        await session.flush()
        session.add(
            Assignment(
                officer_id=now.officer_id,
                unit_id=now.unit_id,
                takes_part=True,
                from_day=tomorrow,
                created_at=instant("09:00"),
            )
        )
    assert (await get(town, "管理员", "/questions")).json()["code"] == "question-administration-closed"
    refused = await upload(town, workbook(HEADER, SINGLE))
    assert refused.json()["code"] == "question-administration-closed"


async def test_one_who_took_part_only_in_the_past_may(town, services, bank):
    async with services.database.sessions.begin() as session:
        now = await session.scalar(select(Assignment).where(Assignment.officer_id == town.officers["管理员"]))
        now.from_day = TODAY
        session.add(
            Assignment(
                officer_id=now.officer_id,
                unit_id=now.unit_id,
                takes_part=True,
                from_day=TODAY - dt.timedelta(days=9),
                until_day=TODAY,
                created_at=instant("09:00"),
            )
        )
    assert len(await listed(town)) == 4


async def test_the_list_filters_and_searches(town, services, tmp_path, bank):
    await own(
        services, town, tmp_path / "own", "市局", [question("市-1", topic="水", state="draft", stem="100%达标？")]
    )
    assert await listed(town, state="draft") == ["市-1"]
    assert await listed(town, topic="水") == ["市-1"]
    assert await listed(town, q="TRUE_F") == ["true_false-001"]
    assert await listed(town, q="0%达") == ["市-1"]
    assert await listed(town, q="%_%") == []


async def test_the_list_comes_in_pages(town, bank):
    async with town.as_("管理员") as client:
        first = await client.get("/questions", params={"limit": 3})
        assert [item["code"] for item in first.json()["items"]] == ["multiple-001", "single-001", "single-002"]
        second = await client.get(first.links["next"]["url"])
    assert [item["code"] for item in second.json()["items"]] == ["true_false-001"]
    assert second.json()["next"] is None
    assert "link" not in second.headers


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0=", "WyJhIiwiYiJd"])
async def test_a_cursor_of_other_making_is_malformed(town, cursor):
    assert (await get(town, "管理员", "/questions", cursor=cursor)).json()["code"] == "malformed"


@pytest.mark.parametrize("query", [{"q": "a\x00"}, {"state": "live"}, {"limit": 0}])
async def test_a_wrong_filter_is_told(town, query):
    assert (await get(town, "管理员", "/questions", **query)).json()["code"] == "validation"


async def test_another_bureaus_questions_are_not_found(town, services, tmp_path, bank):
    await town.unit("邻市局", "bureau", "省厅")
    await town.officer("邻市管理员", "邻市局", roles=["admin"], takes_part=False)
    await own(services, town, tmp_path / "own", "邻市局", [question("邻-1")])
    await own(services, town, tmp_path / "province", "省厅", [question("省-1")])
    assert [code for code in await listed(town) if "-1" in code] == ["省-1"]
    foreign = (await get(town, "邻市管理员", "/questions", q="邻")).json()["items"][0]
    assert foreign["owner"]["name"] == "邻市局"
    assert (await get(town, "管理员", f"/questions/{foreign['id']}")).status_code == 404
    assert (await get(town, "管理员", "/questions/1")).status_code == 404


async def test_one_question_shows_its_revisions_and_key(town, services, tmp_path):
    await fill(services, tmp_path, [question()])
    await fill(services, tmp_path, [question(stem="改写后的题干（　）。")])
    item = (await get(town, "管理员", "/questions")).json()["items"][0]
    body = (await get(town, "管理员", f"/questions/{item['id']}")).json()
    assert {name: body[name] for name in item} == item
    assert (item["owner"], item["revision"], item["revised_at"]) == (None, 2, "2026-11-23T06:00:00+08:00")
    assert [revision["number"] for revision in body["revisions"]] == [2, 1]
    newest = body["revisions"][0]
    assert newest["key"] == ["B"]
    assert [(one["letter"], one["text"], one["correct"]) for one in newest["options"]][:2] == [
        ("A", "五日", False),
        ("B", "七日", True),
    ]
    assert newest["legal_basis"] == [{"instrument": "行政处罚法", "article": "第六十三条"}]
    assert body["use"] == {"papers": 0, "answered": 0, "correct": 0}


async def test_use_counts_papers_and_answers_of_ones_own_contests(town, services, tmp_path):
    await fill(services, tmp_path, [question()])
    (revision,) = await revision_ids(services)
    await town.unit("邻市局", "bureau", "省厅")
    for unit, officer in (("市局", "梅江001"), ("邻市局", "梅江002")):
        contest = await town.contest(unit)
        async with services.database.sessions.begin() as session:
            paper = Paper(
                contest_id=contest,
                officer_id=town.officers[officer],
                day=TODAY,
                kind="quiz",
                revision_ids=[revision],
                points_per_question=10,
                opened_at=instant("09:00"),
                closes_at=instant("23:00"),
            )
            session.add(paper)
            await session.flush()
            counts = {"after_answered": 1, "after_correct": 1, "after_points": 10}
            session.add(
                Answer(
                    paper_id=paper.id,
                    position=1,
                    revision_id=revision,
                    choice="x",
                    correct=True,
                    points=10,
                    answered_at=instant("09:01"),
                    **counts,
                )
            )
    item = (await get(town, "管理员", "/questions")).json()["items"][0]
    use = (await get(town, "管理员", f"/questions/{item['id']}")).json()["use"]
    assert use == {"papers": 1, "answered": 1, "correct": 1}


async def test_a_bureau_imports_its_own_questions(town, services, bank):
    answer = await upload(town, workbook(HEADER, SINGLE))
    report = answer.json()
    assert answer.status_code == 200
    assert report.pop("id")
    assert report == {
        "dry_run": False,
        "rows": 1,
        "created": 1,
        "changed": 0,
        "unchanged": 0,
        "missing": 0,
        "drafts": 1,
        "kept": 0,
        "advice": "1题存为草稿，由另一位管理员复核后启用。",
        "errors": [],
    }
    item = (await get(town, "管理员", "/questions", q="市-001")).json()["items"][0]
    assert (item["owner"]["name"], item["state"]) == ("市局", "draft")
    again = (await upload(town, workbook(HEADER, SINGLE))).json()
    assert (again["created"], again["unchanged"], again["kept"]) == (0, 1, 1)


async def test_what_the_file_no_longer_holds_is_told_and_kept(town, services, bank):
    await upload(town, workbook(HEADER, SINGLE))
    other = ["市-002", *SINGLE[1:4], "另一道题目（　）。", *SINGLE[5:]]
    report = (await upload(town, workbook(HEADER, other))).json()
    assert (report["created"], report["missing"]) == (1, 1)
    assert await listed(town, q="市-", state="draft") == ["市-001", "市-002"]


async def test_a_dry_run_tells_and_writes_nothing(town, services, bank):
    report = (await upload(town, workbook(HEADER, SINGLE), dry_run="true")).json()
    assert (report["id"], report["created"]) == (None, 1)
    assert await held(services) == 4


async def test_every_error_is_told_by_row_and_column_and_nothing_is_written(town, services, bank):
    wrong = ["市-002", "单选", "水", 5, "另一道题目（　）。", *SINGLE[5:11], "《行政处法》第一条", "启用"]
    last = ["市-003", *SINGLE[1:4], "第三道题目（　）。", *SINGLE[5:11], "《行政处法》第一条", "启用"]
    answer = await upload(town, workbook(HEADER, SINGLE, wrong, last))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
    report = answer.json()["report"]
    assert [(error["row"], error["column"]) for error in report["errors"]] == [
        (3, "难度"),
        (3, "法律依据"),
        (4, "法律依据"),
    ]
    assert "最接近的是《行政处罚法》" in report["errors"][2]["detail"]
    assert (report["rows"], report["created"], report["id"]) == (3, 0, None)
    assert await held(services) == 4


async def test_yaml_errors_name_the_line_and_the_field(town, bank):
    content = as_yaml([question("市-1", facts=[]), question("市-2", facts=[], key=["F"])])
    errors = (await upload(town, content, file="own.yaml")).json()["report"]["errors"]
    line = content.decode().splitlines().index("- code: 市-2") + 1
    assert [(error["row"], error["column"]) for error in errors] == [(line, "key")]


async def test_a_question_in_use_must_rest_on_law_in_force(town, clock, bank):
    row = [*SINGLE[:11], "《裁量权规定》第五条", "启用"]
    clock.at("09:00", dt.date(2027, 1, 1))
    errors = (await upload(town, workbook(HEADER, row))).json()["report"]["errors"]
    assert [(error["row"], error["column"]) for error in errors] == [(2, "法律依据")]
    assert (await upload(town, workbook(HEADER, [*row[:12], "停用"]))).status_code == 200


async def test_imports_belong_to_bureaus_and_provinces(town, bank):
    await town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    assert (await upload(town, workbook(HEADER, SINGLE), by="分局管理员")).json()["code"] == "forbidden"
    assert (await upload(town, workbook(HEADER, SINGLE), by="联络员")).json()["code"] == "forbidden"


async def test_files_of_other_kinds_and_no_file_are_refused(town):
    assert (await upload(town, b"%PDF", file="题库.pdf")).status_code == 415
    async with town.as_("管理员") as client:
        assert (await client.post("/imports/questions")).status_code == 422


async def test_an_import_is_audited_under_its_id(town, services, bank):
    report = (await upload(town, workbook(HEADER, SINGLE))).json()
    async with services.database.reads() as session:
        entry = await session.scalar(select(AuditEntry).where(AuditEntry.subject_id == report["id"]))
    assert entry is not None
    assert (entry.actor_id, entry.action) == (town.officers["管理员"], "questions.import")
    assert entry.after is not None
    assert entry.after["unit_id"] == str(town.units["市局"])
    assert LAW not in str(entry.after)
