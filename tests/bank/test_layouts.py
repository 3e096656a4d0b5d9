"""Layouts as they come: section titles, years after numbers, ticks before them, titles above tables, forms of ticks."""

from __future__ import annotations

import docx
import pytest

from app.bank.uploads import read_upload
from tests.bank.test_documents import LINES, paragraphs, written
from tests.bank.test_sheets import HEADER, SINGLE, changed, problems, table, workbook

ONE = "1. 听证的期限是（　）。\nA. 三日\nB. 五日\nC. 七日\n答案：B\n"


def stems(text: str) -> list[str]:
    reading = read_upload("a.txt", text.encode())
    assert reading.problems == []
    return [one.entry.stem for one in reading.questions]


def with_table(lines: list[str]) -> bytes:
    def fill(document: docx.document.Document) -> None:
        document.add_heading("2026年练兵题库", 0)
        paragraphs(document, lines)
        made = document.add_table(0, len(HEADER))
        for row in (HEADER, SINGLE):
            for cell, value in zip(made.add_row().cells, row, strict=True):
                cell.text = str(value)

    return written(fill)


def test_a_title_above_a_table_of_questions_is_no_question():
    reading = read_upload("a.docx", with_table(["某市生态环境局", "一、单选题"]))
    assert (reading.problems, [one.entry.code for one in reading.questions]) == ([], ["市-001"])


def test_questions_beside_a_table_of_questions_are_read_and_told():
    assert len(read_upload("a.docx", with_table(LINES)).questions) == 2
    assert {one.field for one in read_upload("a.docx", with_table(["1. 期限是（　）。"])).problems} >= {"key"}


@pytest.mark.parametrize("between", ["", "\n"])
def test_a_year_may_follow_the_number(between):
    text = ONE.replace("1. ", "1.2026年9月1日，") + between + ONE.replace("1. ", "2．2026年9月2日，")
    assert [stem[:9] for stem in stems(text)] == ["2026年9月1日", "2026年9月2日"]


def test_a_decimal_is_no_number():
    assert stems(ONE.replace("（　）。", "（　）。\n2.5条规定\n1.2345吨")) == [
        "听证的期限是（　）。\n2.5条规定\n1.2345吨"
    ]


@pytest.mark.parametrize(
    "title",
    ["（一）单选题", "二、选择题", "(二)、选择题（每题2分，共20分）", "一、单项选择题（每题2分，共20分）", "选择题"],
)
def test_a_sections_title_is_no_question(title):
    assert len(stems(f"{title}\n{ONE}\n{title}\n{ONE.replace('听证', '复议')}")) == 2


def test_a_title_without_a_kind_ends_the_kind_above():
    kinds = [one.entry.kind for one in read_upload("a.txt", f"多选题\n二、选择题\n{ONE}".encode()).questions]
    assert kinds == ["single"]


FORMS = [("✓", "A"), ("✗", "B"), ("X", "B"), ("（√）", "A"), ("( × )", "B"), ("（B）", "B"), ("`T`", ""), ("是", "A")]


@pytest.mark.parametrize(("answer", "key"), [*FORMS, ("对。", "A"), ("【错】", "B")])
def test_forms_of_a_judgement_are_one_in_text_and_table(answer, key):
    texts = read_upload("a.txt", f"判断题\n1. 应当告知（ ）\n答案：{answer}\n".encode())
    row = changed(题型="判断", 题干="应当告知。", 选项A="", 选项B="", 选项C="", 答案=answer)
    for reading in (texts, table(row)):
        assert "".join(reading.questions[0].entry.key) == key
        assert [one.field for one in reading.problems] == ([] if key else ["key"])


@pytest.mark.parametrize("answer", ["（B）", "B。", "【Ｂ】", " b "])
def test_forms_of_a_letter_are_one_in_text_and_table(answer):
    for reading in (read_upload("a.txt", ONE.replace("：B", f"：{answer}").encode()), table(changed(答案=answer))):
        assert [one.entry.key for one in reading.questions] == [("B",)]


@pytest.mark.parametrize("answer", ["√", "✓", "X", "对"])
def test_a_tick_is_no_answer_to_a_choice(answer):
    for reading in (read_upload("a.txt", ONE.replace("：B", f"：{answer}").encode()), table(changed(答案=answer))):
        assert "key" in {one.field for one in reading.problems}


def test_a_tick_may_stand_before_the_number():
    text = "判断题\n（√）1. 应当告知。\n(×)2、不必告知。\n（F）3. 不必听证。\n（　）4. 应当听证。\n答案：对\n"
    reading = read_upload("a.txt", text.encode())
    assert reading.problems == []
    found = [(one.entry.stem, *one.entry.key) for one in reading.questions]
    assert found == [
        ("（　）应当告知。", "A"),
        ("（　）不必告知。", "B"),
        ("（　）不必听证。", "B"),
        ("（　）应当听证。", "A"),
    ]


def test_a_title_row_above_the_column_names_is_told_with_their_row():
    reading = read_upload("a.xlsx", workbook(["某市题库"], [], HEADER, SINGLE))
    assert problems(reading) == [(1, "")]
    assert reading.problems[0].detail.startswith("列名要写在第一行，现在写在第3行；")
    assert "列名要写在第一行" in read_upload("a.xlsx", workbook(["某市题库"], SINGLE)).problems[0].detail


def test_an_option_out_of_order_may_be_a_question_without_a_number():
    text = ONE.replace("答案：B\n", "") + ONE.replace("1. ", "")
    assert "若这是新的一题，请在题干前写上题号" in read_upload("a.txt", text.encode()).problems[0].detail


def refusals(text: str) -> list[str]:
    return [problem.detail for problem in read_upload("a.txt", text.encode()).problems]


def test_a_question_whose_number_runs_into_its_text_is_no_explanation():
    [said] = refusals("判断题\n4. 应当告知。（√）\n解析：第三条。\n5.30日内告知。（×）\n")
    assert said.startswith("第4行“5.30日内告知。（×）”像是新的一题")
    assert refusals("判断题\n4. 应当告知。（√）\n解析：罚款\n1.5万元以上。\n") == []


@pytest.mark.parametrize(
    "line", ["判断题：1. 应当告知。（√）", "判断：企业应当公开信息。（√）", "二、判断题：（×）不必告知。"]
)
def test_a_question_in_its_sections_line_is_read(line):
    assert len(stems(line)) == 1


def test_a_sections_remark_is_no_question():
    assert len(stems(f"二、单选题：每题2分，共20分。\n{ONE}")) == 1


def test_options_that_run_together_are_refused():
    assert refusals(ONE.replace("\nC. ", "C. ")) == ["选项B里有“C.”；若是另一个选项，请在它前面加空格或另起一行。"]


def test_a_list_of_answers_is_no_question():
    said = refusals("判断题\n1. 应当告知（√）。\n2. 不必告知（×）。\n参考答案：\n1.（√）\n")
    assert said == ["题干里没有文字；答案请写在各题下面，写成“答案：…”，不要集中写在文末。"]
    assert any(
        "集中写在文末的，请移到各题下面" in one for one in refusals(f"{ONE.partition('答案')[0]}参考答案\n1.B\n")
    )


def test_a_statement_beside_a_table_is_not_passed_over():
    reading = read_upload("a.docx", with_table(["一、判断题", "企业应当公开信息。（√）"]))
    assert sorted(one.entry.kind for one in reading.questions) == ["single", "true_false"]
