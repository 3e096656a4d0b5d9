"""Moodle GIFT: what is taken over, and a clear word for every kind that we do not have."""

from __future__ import annotations

import pytest

from app.bank.entries import Entry
from app.bank.files import MOST_QUESTIONS
from app.bank.texts import code_of
from app.bank.uploads import read_upload

SINGLE = "听证的期限是（　）。{=五日 ~三日 ~七日 ~十日}"


def one(text: str, name: str = "题库.gift") -> Entry:
    reading = read_upload(name, text.encode())
    assert reading.problems == []
    (located,) = reading.questions
    return located.entry


def test_a_single_choice_is_a_draft_without_basis():
    entry = one(f"::市-001::{SINGLE}")
    assert (entry.code, entry.kind, entry.stem, entry.key) == ("市-001", "single", "听证的期限是（　）。", ("A",))
    assert entry.options == (("A", "五日"), ("B", "三日"), ("C", "七日"), ("D", "十日"))
    assert (entry.state, entry.basis, entry.topic, entry.explanation) == ("draft", (), "未分类", "")


@pytest.mark.parametrize("title", ["", "::第1题::", "::Q1::"])
def test_a_title_that_another_file_may_have_too_is_no_code(title):
    assert one(title + SINGLE).code == code_of("听证的期限是（　）。")


def test_weights_make_a_multiple():
    entry = one("下列（　）正确。{~%50%罚款 ~%50%警告 ~%-100%劝导 ~谈话#不是处罚 }")
    assert (entry.kind, entry.key) == ("multiple", ("A", "B"))
    assert [text for _, text in entry.options] == ["罚款", "警告", "劝导", "谈话"]


@pytest.mark.parametrize(("mark", "key"), [("T", "A"), ("TRUE", "A"), ("F", "B"), ("false", "B"), ("F#错在此处", "B")])
def test_true_and_false(mark, key):
    entry = one(f"处罚前应当告知。{{{mark}}}")
    assert (entry.kind, entry.key) == ("true_false", (key,))


@pytest.mark.parametrize(
    ("answers", "explanation"),
    [
        ("{=五日#见本条 ~三日#太短 ~七日}", "见本条"),
        ("{=五日#见本条 ~三日 ~七日####总的说明}", "总的说明"),
        ("{T#错#对####\n[html]<p>总的&amp;说明</p>}", "总的&说明"),
        ("{T#您错了#对了}", "对了"),
    ],
)
def test_feedback_is_the_explanation(answers, explanation):
    assert one(f"听证的期限是五日。{answers}").explanation == explanation


def test_escapes_comments_categories_and_formats():
    text = (
        "// 一条说明\n$CATEGORY: $course$/执法/水\n\n// 又一条\n"
        "::题一::[html]<b>1\\:2 \\= \\{甲\\} \\~ \\# \\\\n</b>\\n第二行（　）{\n=五日\n~三日 \n\n~七日\n}\n"
    )
    entry = one(text, "导出.txt")
    assert (entry.topic, entry.stem) == ("水", "1:2 = {甲} ~ # \\n\n第二行（　）")
    assert [text for _, text in entry.options] == ["五日", "三日", "七日"]


@pytest.mark.parametrize("category", ["$course$", "$course$/top", ""])
def test_a_category_without_a_name_is_no_topic(category):
    assert one(f"$CATEGORY: {category}\n\n{SINGLE}").topic == "未分类"


def test_a_word_missing_in_the_middle_becomes_a_bracket():
    assert one("期限是 {=五日 ~三日 ~七日} 以内。").stem == "期限是（　）以内。"


def test_rows_are_those_of_the_file():
    reading = read_upload("a.gift", f"// x\n\n{SINGLE}\n\n::市-2::复议的期限是（　）。\n{{=五日 ~三日 ~七日}}".encode())
    assert [located.row for located in reading.questions] == [3, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("::名::谈谈看法。{}", "“谈谈看法。”是问答题"),
        ("几日？{#5}", "“几日？”是数值题"),
        ("几日？{#5:1}", "是数值题"),
        ("期限是{=五日 =5日}", "“期限是”是填空题"),
        ("期限是{五日}", "是填空题"),
        ("对应。{=甲 -> 乙 =丙 -> 丁}", "是匹配题"),
        ("选两个。{=甲一 =乙二 ~丙三}", "有几个以 = 开头的答案"),
        ("一段说明文字。", "没有花括号中的答案"),
        ("期限{=五日", "花括号不成对"),
        ("期限{=五日 ~三日} 或 {=七日}", "花括号不成对，或有两处"),
        ("很多。{" + "~错" * 6 + "=对}", "有7个选项，最多6个"),
    ],
)
def test_what_we_have_no_kind_for_is_told_by_name(text, said):
    reading = read_upload("a.gift", text.encode())
    assert (reading.questions, reading.rows) == ([], 1)
    assert [problem.row for problem in reading.problems] == [1]
    assert said in reading.problems[0].detail


def test_a_question_with_a_mistake_is_judged_as_any_other():
    problems = read_upload("a.gift", "期限是（　）{~五日 ~三日 ~七日}".encode()).problems
    assert [problem.field for problem in problems] == ["key"]


@pytest.mark.parametrize(
    ("content", "said"), [("// 只有说明", "没有认出题目"), ("x\n\n" * (MOST_QUESTIONS + 1), "一次最多")]
)
def test_a_file_without_questions_or_with_too_many_is_told(content, said):
    assert said in read_upload("a.gift", content.encode()).problems[0].detail


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("期限是{=%50%五日 ~三日 ~七日}", "带部分分值的 = 答案"),
        ("期限是{=%0%五日 ~三日 ~七日}", "带部分分值的 = 答案"),
        ("期限是{=五日 ~%50%三日 ~七日}", "既有 = 答案，又有给分的 ~ 答案"),
        ("期限是{=%50%五日}", "是填空题"),
        ("期限是{=五日 ~三日 ~七日" + " " * 100_000 + "}", "最多5000个字"),
    ],
)
def test_what_gives_a_part_of_the_points_or_never_ends_is_told(text, said):
    reading = read_upload("a.gift", text.encode())
    assert reading.questions == []
    assert said in reading.problems[0].detail


def test_a_right_answer_may_carry_all_points_and_texts_keep_their_percent_signs():
    entry = one("提高（　）。{=%100%50%至60% ~%-50%提高%5%以上 ~10%20%}")
    assert (entry.kind, entry.key) == ("single", ("A",))
    assert [text for _, text in entry.options] == ["50%至60%", "提高%5%以上", "10%20%"]
