"""Reads the cells of a spreadsheet: .xlsx and .xls by calamine, .csv in the encodings that offices save."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from pathlib import PurePath
from typing import TYPE_CHECKING

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from app.core.errors import UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KINDS = (".xlsx", ".xls", ".csv")
_MOST_UNPACKED = 512 << 20  # bytes
_MOST_CELLS = 12_000_000  # calamine lays a sheet out as one block of 32 bytes a cell, empty ones too
_CHUNK = 4 << 20
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?\br=["\']([A-Z]{1,3})([0-9]{1,7})["\']')
PACKAGE = b"PK"
"""How an .xlsx or .docx begins that an office program made."""
_OLD = b"\xd0\xcf\x11\xe0"  # .xls, and what a password makes of an .xlsx
EXACT = 10**15  # beyond it a spreadsheet's number has lost its last digits
_ENCODINGS = ("utf-8-sig", "gb18030")
_DELIMITERS = ",\t;，；"

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta


class Unreadable(Exception):
    """The file as a whole cannot be read; the message says what to do about it."""


def kind_of(file_name: str) -> str:
    """Return the kind that a file's name ends in; raises UnsupportedMedia for any but .xlsx, .xls, .csv."""
    kind = PurePath(file_name).suffix.lower()
    if kind not in KINDS:
        raise UnsupportedMedia("只接受 .xlsx、.xls 或 .csv 文件，请另存为其中一种后再上传。")
    return kind


def read_rows(content: bytes, kind: str) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Yield the first visible sheet's rows with their numbers as a spreadsheet shows them; raises Unreadable."""
    if not content.strip():
        raise Unreadable("文件是空的，请选择填好的文件。")
    _refuse_disguised(content, kind)
    rows = _csv_rows(content) if kind == ".csv" else _sheet_rows(content)
    yield from enumerate(rows, start=1)


def _refuse_disguised(content: bytes, kind: str) -> None:
    """Raise Unreadable for content that is not what the file's name says; calamine would go by the content."""
    if kind == ".csv":
        if content.startswith(_OLD) or zipfile.is_zipfile(io.BytesIO(content)):
            raise Unreadable("文件内容是 Excel 工作簿，不是 .csv；请用表格软件打开后另存为 .xlsx 再上传。")
    elif kind == ".xlsx" and content.startswith(_OLD):
        raise Unreadable("文件加了密码，或是旧格式 .xls 改了名；请用表格软件打开，去掉密码后另存为 .xlsx 再上传。")
    elif not content.startswith((PACKAGE, _OLD)):
        raise Unreadable("文件无法读取，不是 Excel 工作簿，或已损坏；请用表格软件打开后另存为 .xlsx 再上传。")


def is_package(content: bytes) -> bool:
    """Whether anything may unpack it: a package is found by its end, whatever stands before it."""
    return content.startswith(PACKAGE) or zipfile.is_zipfile(io.BytesIO(content))


def _sheet_rows(content: bytes) -> Iterator[Sequence[Cell]]:
    try:
        if is_package(content):
            _refuse_bombs(content)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        visible = [n for n, sheet in enumerate(workbook.sheets_metadata) if sheet.visible == SheetVisibleEnum.Visible]
        sheet = workbook.get_sheet_by_index(visible[0] if visible else 0)
    except (CalamineError, zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, EOFError) as error:
        raise Unreadable("文件无法读取，可能已损坏或加了密码；请用表格软件打开后另存为 .xlsx 再上传。") from error
    yield from sheet.iter_rows()


def _refuse_bombs(content: bytes) -> None:
    """Raise Unreadable where a workbook unpacks to far more than it weighs, or one stray cell lies far away."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > _MOST_UNPACKED:
            raise Unreadable("表格展开后过大，请分几次导入。")
        for member in members:
            columns, rows = _extent(archive, member)  # of every part: a sheet may have any name
            if columns * rows > _MOST_CELLS:
                raise Unreadable("表格范围过大，可能在很远处误填了内容；请把内容复制到一张新表后再上传。")


def _extent(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return how many columns and rows the cells of a part span, read piece by piece."""
    widest, rows, rest = b"", 0, b""
    with archive.open(member) as file:
        while piece := file.read(_CHUNK):
            cells = _CELL.findall(rest + piece)
            rest = piece[-256:]  # a cell's address may lie across two pieces
            widest = max({widest, *(column for column, _ in cells)}, key=_letters_order)
            rows = max(rows, int(cells[-1][1]) if cells else 0)
    return _column_number(widest), rows


def _letters_order(letters: bytes) -> tuple[int, bytes]:
    return len(letters), letters


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _csv_rows(content: bytes) -> Iterator[Sequence[Cell]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise Unreadable("文件无法读取，引号或分隔符不成对；请用表格软件另存为 .xlsx 再上传。") from error


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = _ENCODINGS
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("无法识别文件的编码，请用表格软件另存为“CSV UTF-8”或 .xlsx 再上传。")


def text_of(cell: Cell) -> str:
    """Return a cell's text as a person reads it: whole numbers without a point, days as 2026-11-22."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT:
        return str(int(cell))
    return str(cell)


class NotANumber(Exception):
    """A cell that should hold 工号 or 手机号 was turned into something else by the spreadsheet; says what to do."""


_TRAILING_ZEROS = re.compile(r"[0-9]+\.0+")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]{1,2})")
_AS_TEXT = "请把该列设为“文本”格式后重新填写"


def number_of(cell: Cell) -> str:
    """Return the digits or signs of a 工号 or 手机号 as they were typed, however the spreadsheet stored them.

    13800000001.0 and 1.3800000001E10 are 13800000001; where digits were lost, raises NotANumber.
    """
    if isinstance(cell, str) and cell.isalnum():
        return cell  # 1E10 too, without a point, is a 工号
    if isinstance(cell, bool | dt.date | dt.time | dt.timedelta):
        raise NotANumber(f"被表格软件改成了日期、时间或是否（{text_of(cell)}），{_AS_TEXT}。")
    if isinstance(cell, int | float) and not (float(cell).is_integer() and 0 <= cell < EXACT):
        raise NotANumber(f"不是整数，或位数过多、末尾几位已被表格软件改为0（{cell}），{_AS_TEXT}。")
    text = text_of(cell)
    if _TRAILING_ZEROS.fullmatch(text):
        return text.partition(".")[0]
    found = _SCIENTIFIC.fullmatch(text)
    if not found:
        return text
    digits, exponent = found[1] + (found[2] or ""), int(found[3])
    if len(digits) - 1 < exponent or digits[exponent + 1 :].strip("0"):
        raise NotANumber(f"被表格软件改成了科学计数法（{text}），后几位已丢失，{_AS_TEXT}。")
    return digits[: exponent + 1]


def password_book(rows: Iterable[tuple[str, str, str, str]]) -> bytes:
    """Return a workbook of (工号, 姓名, 单位, 初始密码); every cell is text, so nothing in it becomes a formula."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("初始密码")
        sheet.set_column(0, 3, 18)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate([("工号", "姓名", "单位", "初始密码"), *rows]):
            for place, value in enumerate(row):
                sheet.write_string(number, place, value)
    return buffer.getvalue()
