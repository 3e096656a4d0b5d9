"""What a table's columns are called: known in any width and case, and never passed over where they are not."""

from __future__ import annotations

import pytest

from app.bank.entries import STATES
from app.bank.sheets import COLUMNS, IGNORED
from app.bank.uploads import read_upload
from app.bank.writing import _GUIDE
from tests.bank.banks import fill, question
from tests.bank.lives import states
from tests.bank.test_documents import written
from tests.bank.test_questions_api import upload
from tests.bank.test_sheets import HEADER, SINGLE, table, workbook


@pytest.mark.parametrize(
    ("column", "title"),
    [("选项D", "选项Ｄ"), ("选项D", "选项d"), ("选项D", " 选项 D"), ("题干", "题　干"), ("状态", "状态\u200b")],
)
def test_a_title_is_known_in_any_width_and_case(column, title):
    row = [*SINGLE[:8], "十五日", *SINGLE[9:12], "草稿"]
    reading = table(row, header=[title if one == column else one for one in HEADER])
    assert reading.problems == []
    entry = reading.questions[0].entry
    assert (entry.options[3:], entry.state) == ((("D", "十五日"),), "draft")


@pytest.mark.parametrize("title", ["状态（填草稿或启用）", "难易度", "选项G"])
def test_an_unknown_title_is_an_error_with_those_that_are_known(title):
    [problem] = table([*SINGLE, "x"], header=[*HEADER, title]).problems
    assert problem.row == 1
    assert problem.detail.startswith(f"不认识这些列：“{title.replace('（', '(').replace('）', ')')}”；请改正列名")
    assert all(column in problem.detail for column in {*COLUMNS.values(), *IGNORED})


def test_many_long_titles_are_cut():
    [problem] = table(SINGLE, header=[*HEADER, *(f"{number}{'列' * 1000}" for number in range(500))]).problems
    assert "等500列；" in problem.detail
    assert len(problem.detail) < 500


def test_missing_and_unknown_columns_are_told_together():
    said = [
        problem.detail[:6] for problem in table(header=["题目" if one == "题干" else one for one in HEADER]).problems
    ]
    assert said == ["缺少这些列：", "不认识这些列"]


@pytest.mark.parametrize("title", ["选项Ａ", "选项 a"])
def test_a_column_that_is_there_twice_in_another_form_is_told(title):
    [problem] = table([*SINGLE, "一日"], header=[*HEADER, title]).problems
    assert problem.detail == "列“选项A”出现了两次，请删去一列。"


def test_numbering_and_remarks_are_not_read():
    reading = table([1, *SINGLE, "再核"], header=["序号", *HEADER, "备 注"])
    assert (reading.problems, reading.questions[0].entry.code) == ([], "市-001")
    assert "、".join(IGNORED) in [row[0] for row in _GUIDE]


def test_what_stands_in_a_column_without_a_name_is_told_once():
    reading = table([*SINGLE, "", "丢了"], ["市-002", *SINGLE[1:], "", "也丢了"])
    assert [(one.row, one.detail) for one in reading.problems] == [
        (2, "O列没有列名，这一行却有内容；请在第1行补上列名，或清空这一列。")
    ]


def test_a_table_of_a_document_follows_the_same_rule():
    def fill_in(document):
        one = document.add_table(0, len(HEADER))
        for row in (["题　干" if title == "题干" else title for title in [*HEADER[:-1], "状况"]], SINGLE):
            for cell, value in zip(one.add_row().cells, row, strict=True):
                cell.text = str(value)

    [problem] = read_upload("a.docx", written(fill_in)).problems
    assert problem.detail.startswith("不认识这些列：“状况”")


async def test_a_misspelt_state_column_brings_nothing_into_use(town, services, tmp_path):
    await fill(services, tmp_path, [question("shared")])
    answer = await upload(town, workbook([*HEADER[:-1], "状太"], [*SINGLE[:-1], STATES["draft"]]))
    assert answer.status_code == 422
    assert await states(services) == {"shared": "in_use"}
