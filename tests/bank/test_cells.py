"""Cells that a spreadsheet made something else of: percents, days, decimals, truths are refused, never taken over."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import openpyxl
import pytest

from app.bank.formats import shown_otherwise
from app.bank.uploads import read_upload
from tests.bank.test_sheets import HEADER, SINGLE, changed, table, workbook
from tests.roster.sheets import xls

ADVICE = "，读到的可能不是您看到的内容；请把这一格设为“文本”格式后重新填写。"
DAY, FRACTION = "被表格软件存成了日期或时间", "被表格软件存成了百分数、小数或过长的数"
FORMATTED = "是设了显示格式的数字（如百分数、固定小数位）"


def formatted(value: Any, number_format: str, place: str = "F2") -> bytes:
    """A table whose first option is a number in this format; a hidden sheet stands before it."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(HEADER, SINGLE)))
    book.worksheets[0][place].value = value
    book.worksheets[0][place].number_format = number_format
    book.create_sheet("说明", 0).sheet_state = "hidden"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("column", "value", "address", "said"),
    [
        ("题干", dt.date(2026, 3, 5), "E2", DAY),
        ("选项B", dt.datetime(2026, 3, 5, 8, 30), "G2", DAY),  # noqa: DTZ001 - a spreadsheet knows no zone
        ("选项B", dt.time(8, 30), "G2", DAY),
        ("编号", dt.date(2026, 3, 5), "A2", DAY),
        ("解析", 0.5, "K2", FRACTION),
        ("选项A", 1.1, "F2", FRACTION),
        ("编号", 1.1, "A2", FRACTION),
        ("选项C", 1e20, "H2", FRACTION),
        ("选项C", True, "H2", "被表格软件存成了是否值（TRUE、FALSE）"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(column, value, address, said):
    details = [problem.detail for problem in table(changed(**{column: value})).problems]
    assert f"{address}单元格{said}{ADVICE}" in details


@pytest.mark.parametrize("number_format", ["0%", "0.00", '0"日"', "[DBNum1]General", "0.00E+00", "¥#,##0", "000"])
def test_a_whole_number_that_shows_otherwise_is_told(number_format):
    [problem] = read_upload("a.xlsx", formatted(1, number_format)).problems
    assert (problem.field, problem.detail) == ("options.A", f"F2单元格{FORMATTED}{ADVICE}")


@pytest.mark.parametrize("number_format", ["General", "0", "@", "#,##0", "0_ ", "[Red]0;[Red]-0", "0\\ "])
def test_a_whole_number_that_shows_itself_is_text(number_format):
    reading = read_upload("a.xlsx", formatted(30, number_format))
    assert reading.problems == []
    assert reading.questions[0].entry.options[0] == ("A", "30")


def test_a_code_that_shows_otherwise_is_told_and_a_difficulty_is_not():
    [problem] = read_upload("a.xlsx", formatted(7, "000", "A2")).problems
    assert (problem.field, problem.detail) == ("code", f"A2单元格{FORMATTED}{ADVICE}")
    assert read_upload("a.xlsx", formatted(3, "0.0", "D2")).questions[0].entry.difficulty == 3


@pytest.mark.parametrize(("truth", "key"), [(True, "A"), (False, "B"), ("false", "B")])
def test_a_truth_is_an_answer_of_true_or_false(truth, key):
    reading = table(changed(题型="判断", 选项A="", 选项B="", 选项C="", 答案=truth))
    assert (reading.problems, reading.questions[0].entry.key) == ([], (key,))


def test_a_truth_is_no_answer_of_other_kinds():
    assert {problem.field for problem in table(changed(答案=True)).problems} == {"key"}


def test_an_old_workbook_tells_no_formats():
    assert read_upload("a.xls", xls([HEADER, SINGLE])).problems == []
    assert read_upload("a.xls", xls([HEADER, [7, *SINGLE[1:]]])).questions[0].entry.code == "7"
    numbers = [changed(选项A=5, 选项B=7, 选项C=number) for number in (10, 11, 12)]
    [problem] = (one for one in read_upload("a.xls", xls([HEADER, *numbers])).problems if not one.field)
    assert (problem.row, "F2等9格是数字" in problem.detail, "另存为 .xlsx" in problem.detail) == (2, True, True)


def test_what_is_odd_about_a_row_is_told_in_the_sheets_order():
    problems = table(changed(编号=1.5, 题干=2.5, 选项A=3.5, 选项C=4.5, 解析=5.5)).problems
    assert [one.field for one in problems] == ["code", "stem", "options.A", "options.C", "explanation"]


def sheet(**parts: str) -> bytes:
    """A package with these parts under xl/."""
    relations = (
        '<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/>'
        '<Relationship Id="b" Type="x/styles" Target="/xl/styles.xml"/></Relationships>'
    )
    standing = {
        "workbook.xml": '<x:workbook xmlns:x="x" xmlns:q="q"><x:sheet q:id="a" name="1"/></x:workbook>',
        "_rels/workbook.xml.rels": relations,
        "styles.xml": '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs></styleSheet>',
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in {**standing, **parts}.items():
            archive.writestr(f"xl/{name}", content)
    return stream.getvalue()


def test_cells_without_addresses_and_with_prefixes_are_found():
    rows = '<s xmlns:x="x"><x:row><x:c/><x:c s="1"/><x:c s="1" t="s"/></x:row><row r="7"><c s="1"/></row></s>'
    assert shown_otherwise(sheet(**{"s.xml": rows})) == frozenset({(1, 1), (7, 0)})


@pytest.mark.parametrize(
    "parts", [{}, {"s.xml": "<a"}, {"s.xml": "<c r='A1' s='z'/>"}, {"workbook.xml": "<w/>", "s.xml": "<s/>"}]
)
def test_formats_that_cannot_be_read_are_unknown(parts):
    assert shown_otherwise(sheet(**parts)) is None
