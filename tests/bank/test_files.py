"""Reading the bank's files: lines, doubled names, references, and the register's own mistakes."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from app.bank.files import MOST_QUESTIONS, Reading, read_directory, read_register, read_yaml
from tests.bank.banks import FACT, INSTRUMENTS, as_yaml, question, write_bank
from tests.times import instant


def reading_of(content: str | bytes) -> Reading:
    reading = Reading()
    read_yaml(reading, "f.yaml", content.encode() if isinstance(content, str) else content)
    return reading


def test_a_question_knows_its_line():
    reading = reading_of(as_yaml([question("q-001"), question("q-002")]))
    assert [one.entry.code for one in reading.questions] == ["q-001", "q-002"]
    assert [one.row for one in reading.questions] == [1, 1 + as_yaml([question("q-001")]).count(b"\n")]


@pytest.mark.parametrize(
    ("content", "row", "said"),
    [
        ("a: 1", 1, "应当是一个列表"),
        ("", 1, "应当是一个列表"),
        ("- a: [1\n- b", 3, "不是有效的 YAML"),
        ("- 一句话", 1, "字段: 内容"),
        ("- &x {a: 1}\n- *x", 2, "不能使用引用"),
        ("- a: [[[[[[[[1]]]]]]]]", 1, "过深的嵌套"),
        ("- a: 2026-13-45", None, "日期和数字"),
        ("- a: \x07", None, "UTF-8"),
        (b"- a: \xff\xfe", None, "UTF-8"),
        ("- {? [a] : 1}", 1, "不是有效的 YAML"),
        ("- !!python/name:os.system x", 1, "字段: 内容"),
        ("- a: !!python/name:os.system x", 1, "不是有效的 YAML"),
    ],
)
def test_what_is_no_list_of_questions_is_told_with_its_line(content, row, said):
    reading = reading_of(content)
    assert not any(question.whole for question in reading.questions)
    assert any(problem.row == row and said in problem.detail for problem in reading.problems)
    assert not any(re.search("[a-z]+ [a-z]+", problem.detail) for problem in reading.problems)  # no parser's English


@pytest.mark.parametrize("added", ["  stem: 又一个题干\n", "  basis: []\n"])
def test_a_field_written_twice_is_refused(added):
    reading = reading_of(as_yaml([question()]) + added.encode())
    assert [(problem.code, problem.detail) for problem in reading.problems] == [
        ("q-001", "同一项里写了两次，请删去一次。")
    ]


def test_an_option_written_twice_is_refused():
    content = as_yaml([question()]).decode().replace("    B: 七日", "    A: 七日")
    assert "A" in {problem.field for problem in reading_of(content).problems}


def test_too_many_questions_are_refused():
    reading = reading_of("- {}\n" * (MOST_QUESTIONS + 1))
    assert [problem.detail for problem in reading.problems] == ["一次最多20000项，请分几次导入。"]


def test_a_folder_without_files_is_told(tmp_path):
    assert "没有题目文件" in read_directory(tmp_path).problems[0].detail


def register_problems(folder, **more) -> list[str]:
    reading = Reading()
    read_register(reading, write_bank(folder, [], **more))
    return [problem.detail for problem in reading.problems]


def test_a_right_register_is_read(tmp_path):
    reading = Reading()
    read_register(reading, write_bank(tmp_path, []))
    assert reading.problems == []
    assert reading.register.instruments["裁量权规定(2022)"].in_force_to == dt.date(2026, 12, 31)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issued_by": "国务院"}, "没有字段 issued_by，最接近的是 issuer"),
        ({"zzz": "国务院"}, "没有字段 zzz，请改正或删除。"),
        ({"issuer": None}, "issuer 应当是文字"),
        ({"issuer": ""}, "issuer 应当是文字"),
        ({"in_force_from": "2021年"}, "in_force_from 应当是日期"),
        ({"in_force_from": instant("00:00")}, "in_force_from 应当是日期"),
        ({"in_force_to": dt.date(2020, 1, 1)}, "in_force_to 早于 in_force_from"),
    ],
)
def test_a_wrong_instrument_is_told(tmp_path, changes, said):
    assert any(said in line for line in register_problems(tmp_path, instruments=[{**INSTRUMENTS[0], **changes}]))


def test_an_instrument_stands_once(tmp_path):
    twice = register_problems(tmp_path, instruments=[*INSTRUMENTS, dict(INSTRUMENTS[0])])
    assert twice == ["文书《行政处罚法》登记了两次，请删去一次。"]


def test_a_doubled_member_of_the_register_is_told(tmp_path):
    folder = write_bank(tmp_path, [])
    path = folder / "law" / "instruments.yaml"
    path.write_text(path.read_text() + "  issuer: 国务院\n")
    reading = Reading()
    read_register(reading, folder)
    assert reading.problems[0].detail.startswith("issuer：同一项里写了两次")


def test_wrong_facts_are_told_with_their_line(tmp_path):
    folder = write_bank(tmp_path, [], facts=[FACT, {**FACT, "id": "lf-2", "instrument": "没有的法"}, FACT])
    path = folder / "law" / "facts.jsonl"
    path.write_text(path.read_text() + '\n{"id": "lf-3"}\nnot json\n')
    reading = Reading()
    read_register(reading, folder)
    told = [(problem.row, problem.detail.partition("，")[0]) for problem in reading.problems]
    assert told == [
        (3, "事实 lf-1 写了两次"),
        (5, "这一行不是完整的条文事实"),
        (6, "这一行不是完整的条文事实"),
        (None, "事实 lf-2 的文书《没有的法》没有登记"),
    ]


def test_a_register_that_is_not_there_is_told(tmp_path):
    reading = Reading()
    read_register(reading, tmp_path)
    assert [problem.file for problem in reading.problems] == ["law/instruments.yaml", "law/facts.jsonl"]


@pytest.mark.parametrize(
    ("content", "row", "said"),
    [
        ("- a: b\n- code: 0x" + "F" * 5000, 2, "整数最多20位"),
        ("- code: " + "9" * 5000, 1, "整数最多20位"),
        ("- {" + "9" * 30 + ": 1}", 1, "整数最多20位"),
        ("- code: 1:" + "2:" * 400 + "1.5", None, "日期和数字"),
    ],
)
def test_numbers_that_nothing_holds_are_told(content, row, said):
    assert (row, True) in [(problem.row, said in problem.detail) for problem in reading_of(content).problems]
