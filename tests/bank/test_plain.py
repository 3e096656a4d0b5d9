"""Questions pasted from Word: numbers, letters, answers and fields as people write them; encodings; what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from app.bank.entries import TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Reading
from app.bank.texts import code_of
from app.bank.uploads import read_upload

ONE = "1. 听证的期限是（　）。\nA. 三日\nB. 五日\nC. 七日\nD. 十日\n答案：B\n解析：见本条。\n"
SAME = [
    ONE,
    ONE.replace("1. ", "1、"),
    ONE.replace("1. ", "（1）"),
    ONE.replace("1. ", "(1) "),
    ONE.replace("1. ", "１．"),
    ONE.replace("1. ", "第1题："),
    ONE.replace("1. ", ""),
    ONE.replace("\n", "\n\n"),
    ONE.replace("\n", "\r\n"),
    ONE.replace("A. ", "Ａ．").replace("B. ", "Ｂ．").replace("C. ", "C、").replace("D. ", "d) "),
    ONE.replace("A. ", "（A）").replace("B. ", "(B) ").replace("C. ", "C：").replace("D. ", "D．　"),
    ONE.replace("A. 三日\nB. 五日\nC. 七日\nD. 十日", "A. 三日　B. 五日\tC. 七日  D. 十日"),
    ONE.replace("。\nA. 三日\nB. 五日\nC. 七日\nD. 十日", "。A. 三日 B. 五日 C. 七日 D. 十日"),
    ONE.replace("答案：B", "【答案】B").replace("解析：", "【解析】"),
    ONE.replace("答案：B\n解析", "正确答案: Ｂ。　答案解析"),
    "题库（2026年）\n\n" + ONE,
    "一、单项选择题（每题2分，共20分）\n" + ONE,
]


def read(text: str) -> Reading:
    return read_upload("题库.txt", text.encode())


def values(text: str, number: int = 0) -> dict[str, Any]:
    reading = read(text)
    assert reading.problems == []
    entry = reading.questions[number].entry
    return {name: getattr(entry, name) for name in ("kind", "stem", "options", "key", "explanation", "state")}


@pytest.mark.parametrize("text", SAME)
def test_the_usual_ways_of_writing_are_one_question(text):
    assert values(text) == {
        "kind": "single",
        "stem": "听证的期限是（　）。",
        "options": (("A", "三日"), ("B", "五日"), ("C", "七日"), ("D", "十日")),
        "key": ("B",),
        "explanation": "见本条。",
        "state": "draft",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_usual_encodings_are_read(encoding):
    assert read_upload("题库.TXT", ONE.encode(encoding)).questions[0].entry.stem == "听证的期限是（　）。"


@pytest.mark.parametrize(
    ("answer", "key"), [("ABD", "ABD"), ("A,B,D", "ABD"), ("A、B、D", "ABD"), ("d b a。", "ABD"), ("ＡＢ", "AB")]
)
def test_several_letters_are_a_multiple(answer, key):
    found = values(ONE.replace("答案：B", f"答案：{answer}"))
    assert (found["kind"], "".join(found["key"])) == ("multiple", key)


@pytest.mark.parametrize(
    ("answer", "key"),
    [("对", "A"), ("√", "A"), ("正确", "A"), ("T", "A"), ("错", "B"), ("×", "B"), ("错误。", "B"), ("false", "B")],
)
def test_true_or_false_is_told_by_its_answer(answer, key):
    found = values(f"1. 处罚前应当告知。\n答案：{answer}\n解析：见本条。")
    assert (found["kind"], found["options"], found["key"]) == ("true_false", TRUE_FALSE, (key,))


@pytest.mark.parametrize(
    ("options", "answer", "key"),
    [("A. 正确\nB. 错误", "B", "B"), ("A. 错\nB. 对", "A", "B"), ("A. √\nB. ×", "√", "A"), ("A. 对\nB. 错", "对", "A")],
)
def test_true_and_false_may_be_options(options, answer, key):
    found = values(f"三、判断题\n1. 处罚前应当告知。\n{options}\n答案：{answer}\n解析：见本条。")
    assert (found["options"], found["key"]) == (TRUE_FALSE, (key,))


def test_fields_may_stand_before_or_after():
    fields = (
        "编号：市-001\n题型：单选题\n专题：水\n难度：难\n依据：《行政处罚法》第六十三条、第六十四条\n事实：lf-1、lf-2\n"
    )
    for text in (ONE + fields, fields + ONE, fields + ONE + fields.replace("001", "002") + ONE):
        reading = read(text)
        assert reading.problems == []
        entry = reading.questions[0].entry
        assert (entry.code, entry.topic, entry.difficulty, entry.state) == ("市-001", "水", 3, "draft")
        assert reading.questions[0].unsaid == {"state"}
        assert [basis.article for basis in entry.basis] == ["第六十三条", "第六十四条"]
        assert entry.facts == ("lf-1", "lf-2")
    assert [one.entry.code for one in reading.questions] == ["市-001", "市-002"]


def test_a_code_set_off_by_a_blank_line_is_the_next_questions():
    reading = read("编号：市-1\n" + ONE + "\n编号：市-2\n" + ONE.replace("听证", "复议"))
    assert [(one.entry.code, one.row) for one in reading.questions] == [("市-1", 1), ("市-2", 10)]


def test_without_a_code_the_stem_makes_one_and_without_a_topic_none_is_known():
    entry = read(ONE).questions[0].entry
    assert entry.code == code_of("听证的期限是( )。") == code_of("听证的 期限是（　）。")
    assert entry.code != code_of("听证的期限不是（　）。")
    assert (entry.topic, entry.difficulty, entry.basis) == ("未分类", 2, ())


def test_questions_follow_each_other_with_and_without_numbers():
    second = ONE.replace("1. ", "2. ").replace("听证", "复议")
    for text in (ONE + second, ONE + "\n" + second, (ONE + "\n" + second).replace("1. ", "").replace("2. ", "")):
        assert [one.entry.stem[:2] for one in read(text).questions] == ["听证", "复议"]


def test_lines_without_a_mark_go_on_with_what_stands_above():
    text = "1. 依照第\n2.5条，期限是（　）。\nA. 三日\n或者四日\nB. 五日\nC. 七日\n答案：B\n解析：其一，\n1. 见本条；\nA. 项太短。\n"
    found = values(text + ONE.replace("1. ", "2. "))
    assert found["stem"] == "依照第\n2.5条，期限是（　）。"
    assert found["options"][0] == ("A", "三日\n或者四日")
    assert found["explanation"] == "其一，\n1. 见本条；\nA. 项太短。"


def test_a_letter_out_of_order_within_a_line_is_text():
    found = values(ONE.replace("A. 三日", "A. 三日 C、级以上"))
    assert found["options"][0] == ("A", "三日 C、级以上")


OUT_OF_ORDER = [
    (ONE.replace("C. 七日\nD. 十日", "D. 十日\nC. 七日"), "第4行的选项D不合次序，这里应当是C"),
    (ONE.replace("C. 七日\nD. 十日", "D. 十日 C. 七日"), "第4行的选项D不合次序，这里应当是C"),
    (ONE.replace("A. 三日\nB. 五日\nC. 七日\nD. 十日", "A. 三日 B. 五日 D. 十日 C. 七日"), "第2行的选项D不合次序"),
    (ONE.replace("。\nA. 三日\nB. 五日\nC. 七日\nD. 十日", "。A. 三日 B. 五日 D. 十日"), "第1行的选项D不合次序"),
    (ONE.replace("B. ", "C. ").replace("C. 七日\n", ""), "第3行的选项C不合次序，这里应当是B"),
    (ONE.replace("C. ", "B. "), "第4行的选项B不合次序，这里应当是C"),
    (ONE.replace("A. ", "B. "), "第2行的选项B不合次序，这里应当是A"),
]


@pytest.mark.parametrize(("text", "said"), OUT_OF_ORDER)
def test_options_out_of_order_are_told_once_with_their_line(text, said):
    (problem,) = [problem for problem in read(text).problems if problem.field.startswith("options")]
    assert problem.detail.startswith(said)


def test_a_question_right_after_an_answer_begins_without_a_blank_line():
    reading = read("处罚前应当告知。\n答案：对\n听证应当公开。\n答案：对\n")
    assert [one.entry.stem for one in reading.questions] == ["处罚前应当告知。", "听证应当公开。"]


def test_headings_set_the_kind_and_other_kinds_are_told():
    text = f"二、多选题\n{ONE.replace('：B', '：AB')}\n四、填空题\n1. 期限是____。\n答案：五日\n五、不定项选择题\n{ONE}"
    reading = read(text)
    assert [one.entry.kind for one in reading.questions] == ["multiple"]
    assert [(problem.row, problem.detail.partition("，")[0]) for problem in reading.problems] == [
        (11, "“期限是____。”是填空题"),
        (14, "“听证的期限是（　）。”是不定项题"),
    ]
    assert reading.rows == 3


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        (ONE.replace("答案：B", "答案：乙"), "key", "看不懂“乙”"),
        (ONE.replace("答案：B\n", ""), "key", "缺少答案"),
        (ONE.replace("答案：B", "答案：F"), "key", "答案 F 不在选项之中"),
        (ONE.replace("答案：B", "答案：B\n答案：C"), "key", "写了两次"),
        (ONE + "题型：问答题\n", "kind", "应当是其中之一"),
        (ONE + "难度：很难\n", "difficulty", "难度应当是"),
        (ONE + "依据：行政处罚法\n", "basis", "应当写成《文书简称》"),
        (ONE + "状态：在用\n", "state", "应当是其中之一"),
        ("三、判断题\n1. 处罚前应当告知。\n答案：也许\n", "key", "看不懂“也许”"),
        ("三、判断题\n1. 处罚前应当告知。\nA. 对\nB. 错\n答案：C\n", "key", "看不懂“C”"),
    ],
)
def test_what_is_wrong_is_told_by_field(text, field, said):
    assert [problem.detail for problem in read(text).problems if problem.field == field and said in problem.detail]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n ", "文件是空的"),
        (b"\x00\x01\x02\xff", "这不是文本文件"),
        (b"\xff\xfe\x00\xd8\x00", "这不是文本文件"),
        ("只有一行标题".encode(), "没有认出题目"),
        ("对？\n答案：对\n".encode() * (MOST_QUESTIONS + 1), "一次最多20000题"),
    ],
)
def test_a_text_without_questions_is_told(content, said):
    assert said in read_upload("a.txt", content).problems[0].detail
