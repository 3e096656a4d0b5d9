"""Exports of stopped questions: what files and owners said of them, and ids that a table could not keep."""

from __future__ import annotations

import datetime as dt
import io

import openpyxl
import pytest

from app.bank.files import read_directory
from app.bank.life.service import follow_bases
from app.bank.service import check_directory
from app.commands.exchange import export_to
from tests.bank.banks import FACTS, INSTRUMENTS, fill, question, write_bank
from tests.bank.lives import put, states
from tests.bank.test_exchange import book_of
from tests.bank.test_queries import RESTS, own
from tests.bank.test_questions_api import get, upload
from tests.times import TODAY, instant

AFTER = dt.date(2027, 1, 1)
EXTENDED = [INSTRUMENTS[0], {**INSTRUMENTS[1], "in_force_to": dt.date(2028, 1, 1)}]


async def exported(services, folder) -> dict[str, str]:
    await export_to(services, folder, bureau=None)
    return {one.entry.code: one.entry.state for one in read_directory(folder).questions}


async def test_a_folder_says_of_stopped_questions_what_it_said_before(town, services, tmp_path):
    items = [question("q-1"), question("q-2", state="to_confirm"), question("q-3", **RESTS), question("q-4")]
    await fill(services, tmp_path / "shared", items)
    for code in ("q-1", "q-2"):
        await put(town, code, "retired", note="答案有误")
    await follow_bases(services, now=instant("06:00", AFTER))
    assert set((await states(services)).values()) == {"retired", "in_use"}
    said = await exported(services, tmp_path / "out")
    assert said == {"q-1": "in_use", "q-2": "to_confirm", "q-3": "in_use", "q-4": "in_use"}


async def test_a_question_that_the_files_gave_up_stays_retired(town, services, tmp_path):
    await fill(services, tmp_path / "shared", [question("q-1"), question("q-2")])
    await put(town, "q-1", "retired", note="答案有误")
    await fill(services, tmp_path / "shared", [question("q-2")])
    assert await exported(services, tmp_path / "out") == {"q-1": "retired", "q-2": "in_use"}


async def test_a_workbook_of_shared_questions_keeps_a_stop(town, services, tmp_path):
    await fill(services, tmp_path, [question("q-1")])
    await put(town, "q-1", "retired", note="答案有误")
    book = (await get(town, "管理员", "/exports/questions", owner="shared")).content
    assert [row[-1] for row in book_of(book)] == ["状态", "停用"]


async def test_an_own_question_comes_back_with_its_basis_after_a_round_trip(town, services, tmp_path, clock):
    await fill(services, tmp_path / "s", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("市-1", **RESTS)])
    await follow_bases(services, now=instant("06:00", AFTER))
    clock.at("09:00", AFTER)
    book = (await get(town, "管理员", "/exports/questions", state="retired")).content
    assert [row[-1] for row in book_of(book)] == ["状态", "启用"]
    assert (await upload(town, book, dry_run="true")).json()["unchanged"] == 1
    assert (await upload(town, book)).json()["unchanged"] == 1
    assert (await states(services))["市-1"] == "retired"
    await fill(services, tmp_path / "s", [question("shared")], instruments=EXTENDED)
    await follow_bases(services, now=instant("06:00", AFTER))
    assert (await states(services))["市-1"] == "in_use"


async def test_another_text_on_an_ended_basis_is_still_refused(town, services, tmp_path, clock):
    await fill(services, tmp_path / "s", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("市-1", **RESTS)])
    clock.at("09:00", AFTER)
    book = openpyxl.load_workbook(io.BytesIO((await get(town, "管理员", "/exports/questions")).content))
    book.worksheets[0]["E2"] = "改写后的题干（　）。"
    stream = io.BytesIO()
    book.save(stream)
    assert "效力止于2026-12-31" in (await upload(town, stream.getvalue())).json()["report"]["errors"][0]["detail"]


@pytest.mark.parametrize("name", ["a b", "a、b", "a;b", "a\u3000b"])
def test_a_facts_id_that_a_table_would_split_is_refused_at_its_source(tmp_path, name):
    report = check_directory(
        write_bank(tmp_path, [question("q", facts=[name])], facts=[{**FACTS[0], "id": name}, *FACTS]), TODAY
    )
    said = f"事实编号“{name}”含有空白或分隔号，表格里会被拆开；请改正。"
    assert [(one.file, one.row) for one in report.errors if one.detail == said] == [
        ("penalty.yaml", 1),
        ("law/facts.jsonl", 1),
    ]
