"""Word documents: paragraphs, Word's own numbers and letters, tables; and files that must not be read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import openpyxl
import pytest
from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph

from app.bank import packages
from app.bank.packages import Hostile, check_package
from app.bank.uploads import read_upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook

LINES = ["1. 听证的期限是（　）。", "A. 三日", "B. 五日", "C. 七日", "答案：B", "解析：见本条。"]


def written(fill: Callable[[Document], object]) -> bytes:
    document = docx.Document()
    fill(document)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def paragraphs(document: Document, lines: list[str]) -> None:
    for line in lines:
        document.add_paragraph(line)


def test_paragraphs_are_lines():
    reading = read_upload("题库.docx", written(lambda document: paragraphs(document, ["题库", "", *LINES])))
    assert reading.problems == []
    assert [(one.row, one.entry.stem, one.entry.key) for one in reading.questions] == [
        (3, "听证的期限是（　）。", ("B",))
    ]


def test_line_breaks_within_a_paragraph_are_lines_too():
    reading = read_upload("a.docx", written(lambda document: document.add_paragraph("\n".join(LINES))))
    assert [len(one.entry.options) for one in reading.questions] == [3]


def marked(document: Document, lines: list[tuple[str, int]], formats: tuple[str, ...]) -> None:
    """Paragraphs of a list of Word's, each with its level; the levels' number formats are given."""
    numbering = document.part.numbering_part.element
    abstract = OxmlElement("w:abstractNum")
    name = 77 + len(document.paragraphs)
    abstract.set(qn("w:abstractNumId"), str(name))
    for level, form in enumerate(formats):
        one, kind = OxmlElement("w:lvl"), OxmlElement("w:numFmt")
        one.set(qn("w:ilvl"), str(level))
        kind.set(qn("w:val"), form)
        one.append(kind)
        abstract.append(one)
    numbering.insert(0, abstract)
    number = numbering.add_num(name).numId
    for text, level in lines:
        place = document.add_paragraph(text)._p.get_or_add_pPr().get_or_add_numPr()
        place.get_or_add_numId().val = number
        place.get_or_add_ilvl().val = level


def test_words_own_numbers_and_letters_are_read():
    def fill(document: Document) -> None:
        lines = [("听证的期限是（　）。", 0), ("三日", 1), ("五日", 1), ("七日", 1)]
        marked(document, lines, ("decimal", "upperLetter"))
        paragraphs(document, ["答案：B"])
        for text, level in lines:
            copied: Paragraph = document.add_paragraph(text.replace("听证", "复议"))
            place = copied._p.get_or_add_pPr().get_or_add_numPr()
            first: Any = document.paragraphs[0]._p.pPr
            place.get_or_add_numId().val = first.numPr.numId.val
            place.get_or_add_ilvl().val = level
        paragraphs(document, ["答案：C"])

    reading = read_upload("a.docx", written(fill))
    assert reading.problems == []
    found = [(one.entry.stem[:2], [text for _, text in one.entry.options], one.entry.key) for one in reading.questions]
    assert found == [("听证", ["三日", "五日", "七日"], ("B",)), ("复议", ["三日", "五日", "七日"], ("C",))]


def test_chinese_numbers_are_headings_and_bullets_are_nothing():
    def fill(document: Document) -> None:
        marked(document, [("判断题", 0)], ("chineseCounting",))
        document.add_paragraph("处罚前应当告知。", style="List Bullet")
        marked(document, [("答案：对", 0)], ("bullet",))

    assert [one.entry.kind for one in read_upload("a.docx", written(fill)).questions] == ["true_false"]


def test_a_table_with_our_columns_is_a_sheet():
    def fill(document: Document) -> None:
        table = document.add_table(0, len(HEADER))
        for row in (HEADER, SINGLE, [*SINGLE[:9], "乙", *SINGLE[10:]]):
            for cell, value in zip(table.add_row().cells, row, strict=True):
                cell.text = str(value)

    reading = read_upload("a.docx", written(fill))
    assert [one.entry.code for one in reading.questions] == ["市-001", "市-001"]
    assert [(problem.row, problem.field) for problem in reading.problems] == [(3, "key")]


def test_another_table_is_read_cell_by_cell():
    def fill(document: Document) -> None:
        table = document.add_table(len(LINES), 1)
        for row, line in zip(table.rows, LINES, strict=True):
            row.cells[0].text = line

    assert [one.entry.key for one in read_upload("a.docx", written(fill)).questions] == [("B",)]


def packed(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def with_macros(content: bytes) -> bytes:
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    return stream.getvalue()


def lying(content: bytes) -> bytes:
    """A package that says of its parts that they are one byte long."""
    made = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            made[member.header_offset + 22 : member.header_offset + 26] = b"\x01\0\0\0"
    place = made.find(b"PK\x01\x02")
    while place >= 0:
        made[place + 24 : place + 28] = b"\x01\0\0\0"
        place = made.find(b"PK\x01\x02", place + 4)
    return bytes(made)


@pytest.mark.parametrize("name", ["a.xlsx", "a.docx"])
@pytest.mark.parametrize("made", [lambda content: content, lying])
def test_a_bomb_is_not_unpacked(name, made):
    bomb = packed(**{"xl__worksheets__sheet1.xml": b" " * packages.MOST_UNPACKED, "xl__z": b"z"})
    assert len(bomb) < 1 << 20
    assert [problem.detail for problem in read_upload(name, made(bomb)).problems] == [
        "文件展开后超过128兆，请分几次导入。"
    ]


@pytest.mark.parametrize("name", ["a.xlsx", "a.docx"])
def test_macros_are_refused(name):
    content = (
        workbook(HEADER, SINGLE) if name.endswith("xlsx") else written(lambda document: paragraphs(document, LINES))
    )
    assert "含有宏" in read_upload(name, with_macros(content)).problems[0].detail


def test_formulas_are_refused_with_their_place():
    content = workbook(HEADER, ["=A1", *SINGLE[1:]])
    assert read_upload("a.xlsx", content).problems[0].detail.startswith("表格里有公式（第一处在A2），")


def test_text_that_begins_like_a_formula_is_text():
    book = openpyxl.Workbook()
    for row in (HEADER, SINGLE):
        book.worksheets[0].append(row)
    book.worksheets[0]["E2"].value = "=1+1 等于（　）。"
    book.worksheets[0]["E2"].data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    assert read_upload("a.xlsx", stream.getvalue()).questions[0].entry.stem == "=1+1 等于（　）。"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken", packed(a=b"x"), workbook(HEADER, SINGLE)])
def test_what_is_no_document_is_told(content):
    problems = read_upload("a.docx", content).problems
    assert [problem.detail[:6] for problem in problems] == ["文件无法读取"]


def test_too_many_parts_are_refused():
    with pytest.raises(Hostile, match="部件过多"):
        check_package(packed(**{f"p{number}": b"" for number in range(2001)}))


@pytest.mark.parametrize(
    ("place", "byte"),
    [(0, b"XX"), (6, b"\x01"), (8, b"\x0c"), (30, b"\xff\xff\xff\xff\xff\xff")],
)
def test_a_package_whose_parts_cannot_be_read_is_told(place, byte):
    made = bytearray(packed(a=b"content of a part"))
    directory = made.find(b"PK\x01\x02")
    if place in {6, 8}:
        made[directory + place + 2 : directory + place + 2 + len(byte)] = byte
    else:
        start = 0 if place == 0 else made.find(b"a", 30) + 1
        made[start : start + len(byte)] = byte
    with pytest.raises(Hostile, match="文件无法读取"):
        check_package(b"PK" + bytes(made)[2:] if place else b"PK" + bytes(made))


def test_a_part_that_lies_outside_the_file_is_told():
    made = bytearray(packed(a=b"content"))
    directory = made.find(b"PK\x01\x02")
    made[directory + 42 : directory + 46] = b"\xf0\xff\xff\x7f"
    with pytest.raises(Hostile, match="文件无法读取"):
        check_package(bytes(made))
