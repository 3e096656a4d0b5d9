"""YAML to workbook to YAML: nothing is lost, whatever a cell looks like; the template; exports over HTTP."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.entries import STATES, TRUE_FALSE, Entry, parse_entry
from app.bank.files import Reading, read_directory
from app.bank.uploads import read_upload
from app.bank.writing import workbook, yaml_files
from tests.bank.banks import fill, question, questions
from tests.bank.test_entries import entry
from tests.bank.test_questions_api import get, listed, upload
from tests.bank.test_shipped import SHIPPED


def read(name: str, content: bytes) -> list[Entry]:
    reading = read_upload(name, content)
    assert reading.problems == []
    return [one.entry for one in reading.questions]


def by_yaml(entries: list[Entry]) -> list[Entry]:
    found = [one for content in yaml_files(entries).values() for one in read("a.yaml", content)]
    return sorted(found, key=lambda one: one.code)


def round_trip(entries: list[Entry]) -> None:
    entries = sorted(entries, key=lambda one: one.code)
    again = read("a.xlsx", workbook(entries))
    assert again == entries
    assert by_yaml(again) == entries


def test_the_shipped_bank_goes_round_whole():
    entries = [one.entry for one in read_directory(SHIPPED).questions]
    assert len(entries) >= 200
    round_trip(entries)


LOOKS = [
    "=1+1",
    "+8",
    "-1",
    "@x",
    "1.0",
    "007",
    "1E5",
    "2026-08-15",
    "TRUE",
    "#N/A",
    "'引号",
    "_x0041_",
    "A&B<C>",
    "｛全角｝１．０",
]
SIGNS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\n　。（）"
)
ANY_TEXT = st.one_of(st.sampled_from(LOOKS), st.text(SIGNS, min_size=1, max_size=60)).map(str.strip).filter(bool)
ARTICLES = st.sampled_from(["第六十三条", "第三百四十二条之一", "第五十二条第一款", "第63条", "第二条第（三）项"])
INSTRUMENTS = st.sampled_from(["行政处罚法", "裁量权规定(2022)", "最高人民法院关于适用《行政诉讼法》的解释"])


@st.composite
def entries(draw: Any) -> Entry:
    kind = draw(st.sampled_from(["single", "multiple", "true_false"]))
    texts = draw(st.lists(ANY_TEXT, min_size=3, max_size=6, unique=True))
    options = dict(zip("ABCDEF", texts, strict=False)) if kind != "true_false" else dict(TRUE_FALSE)
    least, most = (2, len(options) - 1) if kind == "multiple" else (1, 1)
    keys = st.lists(st.sampled_from(list(options)), min_size=least, max_size=most, unique=True)
    pairs = draw(st.lists(st.tuples(INSTRUMENTS, ARTICLES), min_size=1, max_size=4, unique=True))
    values = {
        "code": draw(st.from_regex(r"[A-Za-z0-9一-龥][A-Za-z0-9一-龥_.-]{0,20}", fullmatch=True)),
        "kind": kind,
        "topic": draw(ANY_TEXT)[:30].strip(),
        "difficulty": draw(st.integers(1, 3)),
        "stem": draw(ANY_TEXT),
        "options": options,
        "key": draw(keys),
        "explanation": draw(ANY_TEXT) * draw(st.sampled_from([1, 15])),
        "basis": [{"instrument": instrument, "article": article} for instrument, article in pairs],
        "facts": draw(st.lists(st.from_regex("lf-[0-9a-f]{10}", fullmatch=True), max_size=3, unique=True)),
        "state": draw(st.sampled_from(sorted(STATES))),
    }
    made, problems = parse_entry(values)
    return made if not problems else draw(st.nothing())


@settings(max_examples=60)
@given(st.lists(entries(), min_size=1, max_size=3, unique_by=lambda one: one.code))
def test_any_question_goes_round_whole(made):
    round_trip(made)


@pytest.mark.parametrize("text", [*LOOKS, "第一行\n\n第三行", "长" * 500])
def test_a_stem_is_kept_whatever_it_looks_like(text):
    round_trip([entry(stem=text)])


def test_a_draft_without_basis_goes_round_too():
    round_trip([entry(state="draft", basis=[], facts=[], explanation="")])


def test_the_template_has_our_columns_choices_and_a_guide():
    book = openpyxl.load_workbook(io.BytesIO(workbook([])))
    header = [cell.value for cell in book.worksheets[0][1]]
    assert header[:6] == ["编号", "题型", "专题", "难度", "题干", "选项A"]
    assert header[-4:] == ["解析", "法律依据", "事实", "状态"]
    choices = [one.formula1 for one in book.worksheets[0].data_validations.dataValidation]
    assert choices == ['"单选,多选,判断"', '"1,2,3"', '"草稿,已核,启用,待复核,停用"']
    assert book.sheetnames == ["题目", "填写说明"]
    assert read("题库.xlsx", workbook([])) == []


def test_files_are_named_by_what_codes_begin_with():
    assert sorted(yaml_files([entry("水-001"), entry("水-002"), entry("题9")])) == ["questions.yaml", "水.yaml"]


def book_of(content: bytes) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].rows]


async def test_a_bureau_exports_its_questions_and_takes_them_back_unchanged(town, services, tmp_path):
    await fill(services, tmp_path, questions(2, 1, 1))
    shared = await get(town, "管理员", "/exports/questions", owner="shared")
    assert "filename*=UTF-8''%E9%A2%98%E5%BA%93-20261123.xlsx" in shared.headers["content-disposition"]
    assert shared.headers["cache-control"] == "private, no-store"
    assert len(book_of(shared.content)) == 5
    assert len(book_of((await get(town, "管理员", "/exports/questions")).content)) == 1
    assert (await upload(town, shared.content)).json()["created"] == 4
    own = (await get(town, "管理员", "/exports/questions")).content
    assert [row[:-1] for row in book_of(own)] == [row[:-1] for row in book_of(shared.content)]
    assert {row[-1] for row in book_of(own)[1:]} == {"草稿"}
    assert (await upload(town, own)).json()["unchanged"] == 4


async def test_an_export_may_be_narrowed(town, services, tmp_path):
    await fill(
        services, tmp_path, [question("q-1", topic="水"), question("q-2", topic="水", state="retired"), question("q-3")]
    )
    rows = book_of(
        (await get(town, "管理员", "/exports/questions", owner="shared", topic="水", state="in_use")).content
    )
    assert [row[0] for row in rows] == ["编号", "q-1"]


async def test_the_template_is_for_question_administrators(town):
    answer = await get(town, "管理员", "/imports/questions/template")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert len(book_of(answer.content)) == 1
    for path in ("/imports/questions/template", "/exports/questions"):
        assert (await get(town, "梅江001", path)).json()["code"] == "forbidden"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (
            "题.txt",
            "1. 处罚前应当告知。\n答案：对\n解析：见本条。\n2. 听证的期限是（　）。\nA. 三日\nB. 五日\nC. 七日\n答案：B\n",
        ),
        ("题.gift", "处罚前应当告知。{T}\n\n听证的期限是（　）。{~三日 =五日 ~七日}"),
    ],
)
async def test_texts_come_in_as_drafts_and_the_same_again_changes_nothing(town, file, content):
    report = (await upload(town, content.encode(), file=file)).json()
    assert (report["created"], report["errors"]) == (2, [])
    assert len(await listed(town, state="draft")) == 2
    assert (await upload(town, content.encode(), file=file)).json()["unchanged"] == 2


def test_a_folder_that_is_read_again_is_the_same(tmp_path: Path):
    made = [entry("水-001"), entry("气-001", "multiple")]
    for name, content in yaml_files(made).items():
        (tmp_path / name).write_bytes(content)
    reading: Reading = read_directory(tmp_path)
    assert sorted(one.entry.code for one in reading.questions) == ["气-001", "水-001"]
