"""Steps of a question over HTTP: a bureau's own by two people, a shared one stopped for good, all of it audited."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select

from app.bank.queries import bank_version
from app.core.audit import AuditEntry
from tests.bank.banks import INSTRUMENTS, fill, question
from tests.bank.lives import ask, id_of, put, states
from tests.bank.test_queries import RESTS, drawable, own
from tests.bank.test_questions_api import upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook
from tests.times import TODAY


@pytest.fixture
async def bureau(town, services, tmp_path):
    """A shared question, one of the bureau's own that its administrator wrote, and a second administrator."""
    await town.officer("法制员", "市局", roles=["admin"], takes_part=False)
    await fill(services, tmp_path / "shared", [question("shared")])
    uploaded = await upload(town, workbook(HEADER, [*SINGLE[:12], "草稿"]))
    assert uploaded.status_code == 200, uploaded.text
    return town


OWN = str(SINGLE[0])


async def test_a_draft_is_reviewed_by_another_and_used(bureau, services):
    refused = await put(bureau, OWN, "reviewed")
    assert (refused.status_code, refused.json()["code"]) == (409, "reviewer-is-author")
    reviewed = (await put(bureau, OWN, "reviewed", "法制员", "已核对")).json()
    assert [(one["by"]["name"], one["at"]) for one in reviewed["reviews"]] == [("法制员", "2026-11-23T09:00:00+08:00")]
    used = (await put(bureau, OWN, "in_use")).json()
    assert (used["state"], used["allowed"]) == ("in_use", ["to_confirm", "retired"])
    assert [(one["from_state"], one["to_state"], one["cause"]) for one in used["steps"]] == [
        ("reviewed", "in_use", "person"),
        ("draft", "reviewed", "person"),
    ]
    assert OWN in await drawable(services, owners=[bureau.units["市局"]])


async def test_the_same_again_changes_nothing(bureau, services):
    first = await put(bureau, OWN, "reviewed", "法制员")
    async with services.database.reads() as session:
        before = await bank_version(session)
    assert (await put(bureau, OWN, "reviewed", "管理员")).json() == first.json()
    async with services.database.reads() as session:
        assert await bank_version(session) == before


async def test_two_at_once_take_one_step(bureau):
    answers = await asyncio.gather(*(put(bureau, OWN, "reviewed", "法制员") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert {len(answer.json()["steps"]) for answer in answers} == {1}


async def test_a_step_that_is_not_allowed_is_a_conflict_with_facts(bureau):
    body = (await put(bureau, OWN, "in_use")).json()
    assert (body["code"], body["state"], body["allowed"]) == (
        "question-step-not-allowed",
        "draft",
        ["reviewed", "retired"],
    )


async def test_a_new_text_must_be_reviewed_again(bureau):
    await put(bureau, OWN, "reviewed", "法制员")
    changed = [*SINGLE[:4], "改写后的这道题（　）。", *SINGLE[5:12], "已核"]
    await upload(bureau, workbook(HEADER, changed))
    life = (await ask(bureau, "管理员", "GET", f"/questions/{await id_of(bureau, OWN)}/life")).json()
    assert (life["state"], life["revision"], life["reviews"]) == ("draft", 2, [])
    assert [(one["from_state"], one["to_state"], one["by"]["name"]) for one in life["steps"]] == [
        ("reviewed", "draft", "管理员"),
        ("draft", "reviewed", "法制员"),
    ]
    assert (await put(bureau, OWN, "reviewed")).json()["code"] == "reviewer-is-author"
    assert (await put(bureau, OWN, "reviewed", "法制员")).status_code == 200


async def test_a_step_is_audited_with_its_reason(bureau, services):
    await put(bureau, OWN, "retired", note="表述有歧义")
    async with services.database.reads() as session:
        entry = (await session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()))).first()
    assert entry is not None
    assert (entry.action, entry.subject_kind, entry.reason) == ("question.state", "question", "表述有歧义")
    assert (entry.before, entry.after) == ({"code": OWN, "state": "draft"}, {"state": "retired", "revision": 1})
    assert entry.actor_id == bureau.officers["管理员"]


async def test_a_shared_question_is_stopped_for_good_and_comes_back(bureau, services, tmp_path):
    refused = (await put(bureau, "shared", "to_confirm")).json()
    assert (refused["code"], refused["allowed"]) == ("question-shipped", ["retired"])
    stopped = (await put(bureau, "shared", "retired", note="与本省规定不一致")).json()
    assert (stopped["state"], stopped["allowed"], stopped["stop"]["would_be"]) == ("retired", ["in_use"], "in_use")
    again = await fill(services, tmp_path / "shared", [question("shared")])
    assert (again.changed, again.unchanged) == (0, 1)
    await fill(services, tmp_path / "shared", [question("shared", stem="改写后的题干（　）。", state="to_confirm")])
    assert (await states(services))["shared"] == "retired"
    back = (await put(bureau, "shared", "to_confirm")).json()
    assert (back["state"], back["stop"], back["revision"]) == ("to_confirm", None, 2)


async def test_a_shared_question_that_its_file_retires_stays_so(bureau, services, tmp_path):
    await put(bureau, "shared", "retired")
    await fill(services, tmp_path / "shared", [question("shared", state="retired")])
    assert (await put(bureau, "shared", "in_use")).json()["detail"].endswith("它已由题库文件停用。")


async def test_only_the_highest_administrator_stops_shared_questions(bureau):
    await bureau.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    refused = await put(bureau, "shared", "retired")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "省厅" in refused.json()["detail"]
    assert (await put(bureau, "shared", "retired", "省厅管理员")).status_code == 200


async def test_a_provinces_question_is_not_the_bureaus_to_change(bureau, services, tmp_path):
    await own(services, bureau, tmp_path / "province", "省厅", [question("省-1")])
    refused = await put(bureau, "省-1", "retired")
    assert (refused.status_code, refused.json()["detail"]) == (403, "这道题归省厅所有，请由省厅的管理员办理。")
    await bureau.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    assert (await put(bureau, OWN, "retired", "省厅管理员")).status_code == 200


async def test_nobody_who_takes_part_changes_or_sees_states(bureau):
    await bureau.officer("参赛管理员", "市局", roles=["admin"])
    path = f"/questions/{await id_of(bureau, OWN)}"
    for who in ("参赛管理员", "联络员", "梅江001"):
        assert (await ask(bureau, who, "GET", f"{path}/life")).status_code == 403
        assert (await ask(bureau, who, "POST", f"{path}/state", json={"state": "retired"})).status_code == 403


async def test_a_foreign_question_is_not_found_before_the_body_is_judged(bureau):
    path = "/questions/00000000-0000-0000-0000-000000000001"
    assert (await ask(bureau, "管理员", "POST", f"{path}/state", json={"state": "?"})).status_code == 404
    wrong = await ask(bureau, "管理员", "POST", f"/questions/{await id_of(bureau, OWN)}/state", json={"state": "?"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "validation")


async def test_a_draft_without_explanation_is_not_reviewed(bureau):
    bare = ["市-009", *SINGLE[1:4], "还没有写完的一道题（　）。", *SINGLE[5:10], "", "", "草稿"]
    answer = await upload(bureau, workbook(HEADER, bare))
    assert answer.status_code == 200, answer.text
    refused = (await put(bureau, "市-009", "reviewed", "法制员")).json()
    assert refused["code"] == "question-incomplete"
    assert "法律依据" in refused["missing"]


async def test_ends_ahead_are_listed_with_the_questions_on_them(bureau, services, tmp_path, clock):
    await fill(services, tmp_path / "shared", [question("shared"), question("lapses", **RESTS)])
    none = (await ask(bureau, "管理员", "GET", "/questions/expiring")).json()
    assert (none["day"], none["within"], none["items"]) == ("2026-11-23", 30, [])
    found = (await ask(bureau, "管理员", "GET", "/questions/expiring", params={"within": 38})).json()["items"]
    assert [(one["instrument"], one["ends_on"], one["days_left"], one["question_count"]) for one in found] == [
        ("裁量权规定(2022)", "2026-12-31", 38, 1)
    ]
    assert [one["code"] for one in found[0]["questions"]] == ["lapses"]
    assert (await ask(bureau, "管理员", "GET", "/questions/warnings")).json()["items"] == []
    clock.at("09:00", dt.date(2026, 12, 1))
    [warned] = (await ask(bureau, "管理员", "GET", "/questions/warnings")).json()["items"]
    assert (warned["kind"], warned["days_left"], warned["noticed_at"]) == ("basis-ends", 30, None)
    assert "还有30天" in warned["text"]


async def test_a_basis_that_ended_keeps_a_question_from_use(bureau, services, tmp_path, clock):
    ended = [INSTRUMENTS[0], {**INSTRUMENTS[1], "in_force_to": TODAY}]
    await fill(services, tmp_path / "shared", [question("shared")], instruments=ended)
    await own(services, bureau, tmp_path / "own", "市局", [question("own", state="reviewed", **RESTS)])
    clock.at("09:00", TODAY + dt.timedelta(1))
    refused = (await put(bureau, "own", "in_use")).json()
    assert (refused["code"], refused["instruments"][0]["in_force_to"]) == ("basis-not-in-force", "2026-11-23")
