"""Reports of imports stay readable: a few problems of a field, a thousand in all, short words about long cells."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from app.bank.entries import Problem, parse_entry
from app.bank.files import Reading
from app.bank.listing import MOST_TOLD, told_of
from app.bank.sheets import cited
from app.bank.uploads import read_upload
from tests.bank.banks import as_yaml, fill, question
from tests.bank.test_questions_api import upload
from tests.bank.test_sheets import HEADER, changed, table


def wrong(row: int | None, field: str, count: int) -> list[Problem]:
    return [Problem("", row, "", field, str(number)) for number in range(count)]


def test_a_few_of_a_field_and_of_a_row_are_told():
    told, left = told_of([*wrong(3, "basis", 9), *wrong(2, "key", 2), *wrong(None, "", 30)])
    assert [(one.row, one.field, one.detail) for one in told[20:]] == [
        *((2, "key", each) for each in "01"),
        *((3, "basis", each) for each in "012"),
    ]
    assert (len(told[:20]), left) == (20, 16)


def test_a_thousand_are_told_in_all():
    told, left = told_of([one for row in range(2000) for one in wrong(row + 1, "stem", 1)])
    assert ([one.row for one in told], left) == (list(range(1, MOST_TOLD + 1)), 1000)


async def test_a_folder_that_is_wrong_throughout_gives_a_short_report(services, tmp_path):
    report = await fill(services, tmp_path, [question(f"q-{number}", difficulty=7) for number in range(MOST_TOLD + 9)])
    assert (len(report.errors), report.unlisted) == (MOST_TOLD + 1, 9)
    assert report.errors[-1].detail == "其余 9 处未列出，请先改正以上各处后再导入。"


def test_rows_of_several_files_are_counted_apart():
    told, left = told_of([dataclasses.replace(one, file=file) for file in "ba" for one in wrong(1, "key", 4)])
    assert ([one.file for one in told], left) == ([*"aaabbb"], 2)


def test_a_reading_keeps_what_it_may():
    reading = Reading(most=3)
    for row in range(5):
        reading.wrong("", row, "x")
    assert (len(reading.problems), reading.unlisted) == (3, 2)


async def test_a_file_that_is_wrong_throughout_gives_a_short_report(town, services, tmp_path):
    await fill(services, tmp_path, [question("shared")])
    lines = [",".join(HEADER), *(",".join(["x"] * len(HEADER)) for _ in range(9000))]
    answer = await upload(town, "\n".join(lines).encode(), file="a.csv")
    errors = answer.json()["report"]["errors"]
    assert len(errors) == MOST_TOLD + 1
    assert answer.json()["detail"].startswith("共")
    found = int(answer.json()["detail"][1:].partition("处")[0])
    assert errors[-1] == {
        "row": 1,
        "column": "",
        "detail": f"其余 {found - MOST_TOLD} 处未列出，请先改正以上各处后再导入。",
    }
    assert (found > 10_000, "unlisted" in answer.json()["report"], len(answer.content) < 300_000) == (True, False, True)


LONG = "长" * 100_000
MANY = [str(number) for number in range(10_000)]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"stem": LONG}, "stem", "有100000个字，最多500个字，请删减。"),
        ({"basis": [{"instrument": LONG, "article": LONG}]}, "basis", "有100000个字，最多100个字，请删减。"),
        ({"facts": MANY}, "facts", "有10000项，最多50项，请删减。"),
        ({"facts": [LONG, LONG]}, "facts", "有100000个字，最多40个字，请删减。"),
        ({"key": MANY}, "key", "有10000项，最多50项，请删减。"),
        ({"key": [LONG]}, "key", f"答案 {'长' * 20} 不在选项之中，请改正。"),
        ({"basis": [{}] * 9000}, "basis", "有9000项，最多50项，请删减。"),
        ({"options": dict.fromkeys(MANY, "x")}, "options", "现在是 0、1、2、3、4、5、6、7、8、9，请改正。"),
        ({"options": {"A": f"A{'、A' * 90}都对", "B": "乙", "C": "丙"}}, "options.A", "不能作选项：选项次序会打乱。"),
        (dict.fromkeys(MANY, 1), "", "共有10000个不认识的字段，请改正或删除。"),
        ({LONG: 1}, "长" * 40, "没有这个字段，请改正或删除。"),
    ],
)
def test_long_cells_and_lists_are_told_in_few_words(changes: dict[str, Any], field, said):
    _, found = parse_entry({**question(), **changes})
    assert any(name == field and said in detail for name, detail in found)
    assert sum(len(name) + len(detail) for name, detail in found) < 1000
    assert not any("写了两次" in detail for _, detail in found)


@pytest.mark.parametrize("text", ["行政处罚法；" * 5000, "《行政处罚法》" * 4000, "《行政处罚法》" + "第一条、" * 8000])
def test_a_long_citation_is_told_once(text):
    assert cited(text) == ([], [f"有{len(text)}个字，最多2000个字，请删减。"])
    assert [problem.field for problem in table(changed(法律依据=text[:30_000])).problems] == ["basis"]


def test_a_named_instrument_is_cut():
    assert len(cited(f"《{'法' * 1900}》")[1][0]) < 60


async def test_a_huge_name_in_a_yaml_file_is_not_repeated(town, services, tmp_path):
    await fill(services, tmp_path, [question("shared")])
    made = as_yaml([{**question("a", basis=[{"instrument": LONG, "article": "第一条"}]), LONG: 1}])
    answer = await upload(town, made, file="a.yaml")
    assert (answer.status_code, len(answer.content) < 2000) == (422, True)


def test_an_upload_keeps_ten_thousand_problems():
    lines = [",".join(HEADER), *(",".join(["x"] * len(HEADER)) for _ in range(4000))]
    reading = read_upload("a.csv", "\n".join(lines).encode())
    assert (len(reading.problems), reading.unlisted > 0) == (10_000, True)
