"""Reads questions out of Word documents (.docx): paragraphs in the plain layout, and tables with our columns."""

from __future__ import annotations

import io
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import docx
from docx.oxml.ns import qn
from docx.table import Table, _Cell

from app.bank.files import MOST_QUESTIONS
from app.bank.markup import settle
from app.bank.packages import Hostile, check_package
from app.bank.plain import begins_something, take_lines
from app.bank.sheets import is_header, table_questions
from app.roster.imports.spreadsheet import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.document import Document
    from docx.text.paragraph import Paragraph

    from app.bank.files import Reading

_UNREADABLE = "文件无法读取，可能已损坏或加了密码；请在 Word 里另存为 .docx 再上传。"
_LETTERS = {"upperLetter", "lowerLetter"}
_NUMERALS = "一二三四五六七八九十"
_MOST_COLUMNS = 63
"""As many as Word allows a table."""


def read_document(reading: Reading, content: bytes) -> None:
    """Add a document's questions to `reading`; a row is a paragraph's number, or that of a table's row in the table.

    A table whose first row names our columns is read as a sheet, any other cell by cell as paragraphs.
    """
    if not content.startswith(PACKAGE):
        reading.wrong("", None, _UNREADABLE)
        return
    try:
        check_package(content, whole_tree=True)
        document = docx.Document(io.BytesIO(content))
        settle(document.element.body)
        sheets: list[list[list[str]]] = []
        lines = list(enumerate(_lines(document, _Marks(document), sheets), start=1))
    except Hostile as error:
        reading.wrong("", None, str(error))
        return
    except Exception:  # noqa: BLE001 - python-docx lets errors of zipfile, lxml and its own through, also late ones
        reading.wrong("", None, _UNREADABLE)
        return
    for sheet in sheets:
        filled = [(number, row) for number, row in enumerate(sheet, start=1) if any(row)]
        reading.take("", list(table_questions(reading, filled)))
    if not sheets or any(begins_something(line) for _, line in lines):  # a title beside a table is no question
        take_lines(reading, lines)


def _lines(container: Document | _Cell, marks: _Marks, sheets: list[list[list[str]]]) -> Iterator[str]:
    """Yield the lines outside question tables; those tables are put into `sheets`. Raises Hostile."""
    for block in container.iter_inner_content():
        if not isinstance(block, Table):
            text = block.text
            yield from (marks.before(block, text) + text).split("\n")
            continue
        rows = _rows(block)
        if is_header(next(rows, [])):
            sheets.append(list(islice(_rows(block), MOST_QUESTIONS + 2)))
            if sum(map(len, sheets)) > MOST_QUESTIONS + len(sheets):
                raise Hostile(f"一次最多{MOST_QUESTIONS}题，请分几次导入。")
            continue
        for cell in _cells(block):
            yield from _lines(cell, marks, sheets)


def _cells(table: Table) -> Iterator[_Cell]:
    """Yield each cell as it is stored, once: `row.cells` repeats one as often as the file says that it is wide."""
    for row in table._tbl.tr_lst:  # noqa: SLF001
        for cell in row.tc_lst:
            yield _Cell(cell, table)


def _rows(table: Table) -> Iterator[list[str]]:
    """Yield a table's texts row by row; a merged cell's stands in every place that it covers. Raises Hostile."""
    above: list[str] = []
    for row in table._tbl.tr_lst:  # noqa: SLF001
        texts = [""] * _width(row.grid_before, 0)
        for cell in row.tc_lst:
            place, width = len(texts), _width(max(1, cell.grid_span), len(texts))
            covered = cell.vMerge == "continue" and place < len(above)
            texts += [above[place] if covered else _text(_Cell(cell, table))] * width
        above = texts
        yield texts


def _width(columns: int, before: int) -> int:
    if before + columns > _MOST_COLUMNS:
        raise Hostile(f"文档里的表格超过{_MOST_COLUMNS}列，或合并得不对；请把内容复制到新表格后再上传。")
    return columns


def _text(cell: _Cell) -> str:
    texts = (
        "\n".join(map(_text, _cells(block))) if isinstance(block, Table) else block.text
        for block in cell.iter_inner_content()
    )
    return "\n".join(texts).strip()


class _Marks:
    """The numbers and letters that Word shows before list paragraphs and keeps out of their text."""

    def __init__(self, document: Document) -> None:
        self._formats: dict[tuple[str, str], str] = {}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        part: Any = next(
            (one.target_part for one in document.part.rels.values() if one.reltype.endswith("/numbering")), None
        )
        if part is None:
            return
        levels = {
            abstract.get(qn("w:abstractNumId")): {
                level.get(qn("w:ilvl")): level.find(qn("w:numFmt")) for level in abstract.findall(qn("w:lvl"))
            }
            for abstract in part.element.findall(qn("w:abstractNum"))
        }
        for number in part.element.findall(qn("w:num")):
            pointed = number.find(qn("w:abstractNumId"))
            for level, form in levels.get(pointed.get(qn("w:val")), {}).items():
                if form is not None:
                    self._formats[number.get(qn("w:numId")), level] = form.get(qn("w:val"))

    def before(self, paragraph: Paragraph, text: str) -> str:
        """Return the mark before a paragraph: 「3. 」, 「B. 」, 「二、」 or nothing; lower levels begin anew."""
        form_of: Any = paragraph._p.pPr  # noqa: SLF001 - the public API does not tell a list's marks
        place = form_of.numPr if form_of is not None else None
        if place is None or place.numId is None or not text.strip():
            return ""
        number, level = str(place.numId.val), place.ilvl.val if place.ilvl is not None else 0
        counts = self._counts[number]
        counts[level] = counts.get(level, 0) + 1
        for lower in [one for one in counts if one > level]:
            del counts[lower]
        form, count = self._formats.get((number, str(level)), ""), counts[level]
        if form == "decimal":
            return f"{count}. "
        if form in _LETTERS and count <= len("ABCDEFGH"):
            return f"{chr(ord('A') + count - 1)}. "
        if form.startswith("chinese") and count <= len(_NUMERALS):
            return f"{_NUMERALS[count - 1]}、"
        return ""
