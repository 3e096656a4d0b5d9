"""Question tables that people filled in: columns, marks, citations, and files that are no tables."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from app.bank.files import MOST_QUESTIONS, Reading
from app.bank.uploads import read_upload
from app.core.errors import UnsupportedMedia

HEADER = [
    "编号",
    "题型",
    "专题",
    "难度",
    "题干",
    "选项A",
    "选项B",
    "选项C",
    "选项D",
    "答案",
    "解析",
    "法律依据",
    "状态",
]
LAW = "《行政处罚法》第六十三条"
SINGLE = ["市-001", "单选", "水", 2, "听证的期限是（　）。", "五日", "七日", "十日", "", "B", "见本条。", LAW, "启用"]


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def table(*rows: list[Any], header: list[str] = HEADER) -> Reading:
    return read_upload("题库.xlsx", workbook(header, *rows))


def changed(**cells: Any) -> list[Any]:
    return [cells.get(title, value) for title, value in zip(HEADER, SINGLE, strict=True)]


def problems(reading: Reading) -> list[tuple[int | None, str]]:
    return [(problem.row, problem.field) for problem in reading.problems]


def test_a_row_becomes_a_question():
    reading = table(SINGLE)
    assert reading.problems == []
    entry = reading.questions[0].entry
    assert (entry.code, entry.kind, entry.difficulty, entry.key, entry.state) == (
        "市-001",
        "single",
        2,
        ("B",),
        "in_use",
    )
    assert entry.options == (("A", "五日"), ("B", "七日"), ("C", "十日"))
    assert [(basis.instrument, basis.article) for basis in entry.basis] == [("行政处罚法", "第六十三条")]
    assert (reading.rows, reading.questions[0].row) == (1, 2)


@pytest.mark.parametrize(("mark", "key"), [("正确", "A"), ("×", "B"), ("错", "B"), ("b", "B"), ("Ａ", "A")])
def test_true_or_false_needs_no_options(mark, key):
    reading = table(changed(题型="判断题", 选项A="", 选项B=None, 选项C="", 答案=mark))
    assert reading.questions[0].entry.key == (key,)


@pytest.mark.parametrize("answer", ["AC", "A、C", "a, c", "C；A"])
def test_several_answers_may_be_written_in_many_ways(answer):
    assert table(changed(题型="多选", 答案=answer)).questions[0].entry.key == ("A", "C")


def test_difficulty_and_state_may_be_left_out():
    short = [title for title in HEADER if title not in {"难度", "状态"}]
    row = [value for title, value in zip(HEADER, SINGLE, strict=True) if title in short]
    located = table(row, header=short).questions[0]
    assert (located.entry.difficulty, located.entry.state) == (2, "draft")
    assert located.unsaid == {"difficulty", "facts", "state"}


def test_whole_numbers_read_as_their_author_saw_them():
    reading = table(changed(编号=17, 选项A=2, 选项B="2.5", 选项C=10.0, 难度="难", 状态="待复核"))
    assert reading.problems == []
    entry = reading.questions[0].entry
    assert (entry.code, entry.difficulty, entry.state) == ("17", 3, "to_confirm")
    assert [text for _, text in entry.options] == ["2", "2.5", "10"]


def test_several_citations_become_single_articles():
    cited = "《行政处罚法》第六十三条、第六十四条；\n《生态环境法典》第五十二条第一款。"
    basis = table(changed(法律依据=cited)).questions[0].entry.basis
    assert [one.article for one in basis] == ["第六十三条", "第六十四条", "第五十二条第一款"]


@pytest.mark.parametrize(
    ("cited", "said"),
    [
        ("行政处罚法第六十三条", "应当写成《文书简称》"),
        ("依《行政处罚法》第六十三条", "应当写成"),
        ("《行政处罚法》", "缺少条号"),
    ],
)
def test_an_unreadable_citation_is_told(cited, said):
    reading = table(changed(法律依据=cited))
    assert [problem.detail for problem in reading.problems if said in problem.detail]
    assert problems(reading) == [(2, "basis")]


def test_every_wrong_row_is_told_with_its_number():
    reading = table(SINGLE, [], changed(编号="市-002", 难度="很难", 答案="E"), changed(编号="市-003", 题型="问答"))
    assert problems(reading) == [(4, "difficulty"), (4, "key"), (5, "kind")]
    assert [question.whole for question in reading.questions] == [True, False, False]


def test_a_missing_column_and_a_doubled_one_are_told():
    assert "缺少这些列：题干、解析" in table(header=["编号", "题型", "专题", "答案", "法律依据"]).problems[0].detail
    assert "“题干”出现了两次" in table(header=[*HEADER, "题干"]).problems[0].detail


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_csv_is_read_in_both_usual_encodings(encoding):
    lines = [",".join(HEADER), ",".join(str(cell) for cell in SINGLE)]
    assert read_upload("题库.CSV", "\r\n".join(lines).encode(encoding)).questions[0].entry.topic == "水"


def test_yaml_is_read_by_its_ending():
    assert read_upload("题库.yml", b"- a: 1").rows == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("题库.csv", b"\x81", "编码"),
        ("题库.csv", b'"' + b"x" * 140_000, "无法读取"),
        ("题库.xlsx", b"PK\x03\x04 broken", "已损坏"),
        ("题库.xlsx", b"hello", "已损坏"),
        ("题库.xls", b"\xd0\xcf\x11\xe0", "已损坏"),
        ("题库.csv", b"", "文件是空的"),
        ("题库.csv", b",,", "表格是空的"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(name, content, said):
    assert said in read_upload(name, content).problems[0].detail


@pytest.mark.parametrize("name", ["题库.pdf", "题库", ""])
def test_other_kinds_of_file_are_not_taken(name):
    with pytest.raises(UnsupportedMedia):
        read_upload(name, b"")


def test_too_many_rows_are_refused():
    lines = [",".join(HEADER), *["x"] * (MOST_QUESTIONS + 1)]
    assert read_upload("a.csv", "\n".join(lines).encode()).problems[0].detail.startswith("一次最多20000题")


def test_a_workbook_with_a_far_cell_is_refused():
    book = openpyxl.Workbook()
    book.worksheets[0]["XFD1048576"] = "x"
    stream = io.BytesIO()
    book.save(stream)
    reading = read_upload("a.xlsx", stream.getvalue())
    assert [(problem.row, problem.detail[:6]) for problem in reading.problems] == [(None, "表格范围过大")]


def test_rows_are_numbered_as_the_spreadsheet_shows_them():
    reading = read_upload("a.xlsx", workbook([], [], HEADER, [], SINGLE))
    assert [question.row for question in reading.questions] == [5]
