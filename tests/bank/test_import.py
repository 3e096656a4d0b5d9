"""Files to tables: idempotent by code, a new revision for a new text, the version raised exactly on a change."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from app.bank.models import Instrument, Question, QuestionBasis, QuestionRevision
from app.bank.queries import bank_version
from app.bank.reporting import ImportReport
from app.bank.service import import_directory
from app.core.audit import AuditEntry
from tests.bank.banks import FACTS, INSTRUMENTS, fill, question, questions, write_bank
from tests.times import instant


async def version(services) -> int:
    async with services.database.reads() as session:
        return await bank_version(session)


async def held(services, code: str) -> tuple[Question, QuestionRevision]:
    async with services.database.reads() as session:
        row = await session.execute(
            select(Question, QuestionRevision)
            .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
            .where(Question.code == code)
        )
        found = row.one()
        return found[0], found[1]


def told(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.rows, report.created, report.changed, report.unchanged, report.missing


async def test_a_bank_is_taken_over_once(services, tmp_path):
    bank = questions(2, 1, 1)
    assert told(await fill(services, tmp_path, bank)) == (4, 4, 0, 0, 0)
    before = await version(services)
    again = await fill(services, tmp_path, bank)
    assert told(again) == (4, 0, 0, 4, 0)
    assert again.errors == ()
    assert await version(services) == before == 1


async def test_the_tables_hold_what_papers_and_grading_need(services, tmp_path):
    await fill(services, tmp_path, [question("q-001", "multiple", key=["B", "A"])])
    found, revision = await held(services, "q-001")
    assert (found.unit_id, found.state, revision.number) == (None, "in_use", 1)
    assert revision.option_texts == ["罚款", "警告", "没收", "劝导"]
    assert len(set(revision.option_ids)) == 4
    assert revision.key == ",".join(sorted(revision.option_ids[:2]))
    assert revision.basis == [{"instrument": "行政处罚法", "article": "第六十三条"}]
    async with services.database.reads() as session:
        assert await session.scalar(select(QuestionBasis.article)) == "第六十三条"


async def test_a_changed_text_makes_a_new_revision_and_keeps_the_old(services, tmp_path):
    await fill(services, tmp_path, [question()])
    _, old = await held(services, "q-001")
    assert told(await fill(services, tmp_path, [question(stem="改写后的题干（　）。")])) == (1, 0, 1, 0, 0)
    found, new = await held(services, "q-001")
    assert (new.number, new.stem, found.current_revision_id) == (2, "改写后的题干（　）。", new.id)
    assert set(new.option_ids).isdisjoint(old.option_ids)
    async with services.database.reads() as session:
        assert await session.scalar(select(func.count()).select_from(QuestionRevision)) == 2
    assert await version(services) == 2


async def test_a_changed_state_makes_no_revision(services, tmp_path):
    await fill(services, tmp_path, [question()])
    assert told(await fill(services, tmp_path, [question(state="to_confirm")])) == (1, 0, 1, 0, 0)
    found, revision = await held(services, "q-001")
    assert (found.state, revision.number) == ("to_confirm", 1)
    assert await version(services) == 2


async def test_a_shared_question_that_vanished_is_retired_and_may_return(services, tmp_path):
    await fill(services, tmp_path, questions(2))
    assert told(await fill(services, tmp_path, questions(1))) == (1, 0, 0, 1, 1)
    assert (await held(services, "single-002"))[0].state == "retired"
    assert told(await fill(services, tmp_path, questions(1))) == (1, 0, 0, 1, 0)
    assert told(await fill(services, tmp_path, questions(2))) == (2, 0, 1, 1, 0)
    assert (await held(services, "single-002"))[0].state == "in_use"


async def test_any_error_keeps_everything_out(services, tmp_path):
    report = await fill(services, tmp_path, [question("q-001"), question("q-002", difficulty=7, facts=["lf-9"])])
    assert told(report) == (2, 0, 0, 0, 0)
    assert report.id is None
    assert [(error.column, error.detail[:20]) for error in report.errors] == [
        ("difficulty", "penalty.yaml  q-002："),
        ("facts", "penalty.yaml  q-002："),
    ]
    assert await version(services) == 0


async def test_a_file_error_has_a_row_too(services, tmp_path):
    (tmp_path / "bank").mkdir()
    report = await fill(services, tmp_path / "bank", [], facts=[])
    assert report.errors == ()
    (tmp_path / "bank" / "law" / "facts.jsonl").unlink()
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, tmp_path / "bank", unit_id=None, now=instant("09:00"), actor_id=None)
    assert [(error.row, error.detail) for error in report.errors] == [
        (1, "law/facts.jsonl：缺少条文事实，请补上这个文件。")
    ]


async def test_the_register_is_taken_over_and_followed(services, tmp_path):
    await fill(services, tmp_path, [question()])
    changed = [{**INSTRUMENTS[0], "confirmed_by": "法制科 李明"}, INSTRUMENTS[1]]
    assert told(await fill(services, tmp_path, [question()], instruments=changed)) == (1, 0, 0, 1, 0)
    assert await version(services) == 2
    async with services.database.reads() as session:
        assert (await session.get_one(Instrument, "行政处罚法")).confirmed_by == "法制科 李明"


async def test_a_lapsed_basis_does_not_stop_the_shipped_bank(services, tmp_path):
    rests: dict[str, Any] = {"basis": [{"instrument": "裁量权规定(2022)", "article": "第五条"}], "facts": ["lf-2"]}
    report = await fill(services, tmp_path, [question(**rests)], now=instant("09:00", dt.date(2027, 3, 1)))
    assert told(report) == (1, 1, 0, 0, 0)


async def test_a_unit_may_have_the_same_code_as_the_shared_bank(town, services, tmp_path):
    await fill(services, tmp_path, [question()])
    write_bank(
        tmp_path, [question(facts=[], basis=[{"instrument": "中华人民共和国行政处罚法", "article": "第六十三条"}])]
    )
    async with services.database.sessions.begin() as session:
        report = await import_directory(
            session, tmp_path, unit_id=town.units["市局"], now=instant("09:00"), actor_id=town.officers["管理员"]
        )
    assert told(report) == (1, 1, 0, 0, 0)
    async with services.database.reads() as session:
        assert sorted(await session.scalars(select(QuestionBasis.instrument))) == ["行政处罚法", "行政处罚法"]


async def test_two_imports_at_once_make_each_question_once(services, tmp_path):
    write_bank(tmp_path, questions(3))

    async def take_over() -> ImportReport:
        async with services.database.sessions.begin() as session:
            return await import_directory(session, tmp_path, unit_id=None, now=instant("09:00"), actor_id=None)

    reports = await asyncio.gather(take_over(), take_over())
    assert sorted(told(report) for report in reports) == [(3, 0, 0, 3, 0), (3, 3, 0, 0, 0)]
    assert await version(services) == 1


async def test_an_import_is_audited_with_codes_and_without_keys(services, tmp_path):
    report = await fill(services, tmp_path, [question()])
    await fill(services, tmp_path, [question(state="retired")])
    async with services.database.reads() as session:
        entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))
    assert [entry.action for entry in entries] == ["questions.import"] * 2
    assert entries[0].subject_id == str(report.id)
    assert entries[0].after == {
        "unit_id": None,
        "created": ["q-001"],
        "revised": [],
        "restated": {},
        "missing": [],
        "instruments": 2,
    }
    assert entries[1].after is not None
    assert entries[1].after["restated"] == {"q-001": ["in_use", "retired"]}


@pytest.mark.parametrize("unit", [None, uuid.UUID(int=1)])
async def test_a_folder_that_is_empty_is_an_error(services, tmp_path, unit):
    (tmp_path / "law").mkdir()
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, tmp_path, unit_id=unit, now=instant("09:00"), actor_id=None)
    assert any("没有题目文件" in error.detail for error in report.errors)


def test_the_facts_of_the_helpers_are_registered():
    assert {fact["instrument"] for fact in FACTS} == {one["name"] for one in INSTRUMENTS}
