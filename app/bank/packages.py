"""Looks into .xlsx and .docx packages before anything reads them: how far they unpack, macros, formulas."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import NamedTuple

from app.roster.imports.spreadsheet import is_package

MOST_UNPACKED = 128 << 20
"""Bytes of all parts together: 20,000 full questions take a third of it."""
MOST_MARKS = 2_000_000
"""Tags and attributes of all parts of a document together; a tree of them takes some 150 bytes each."""
_MOST_PARTS = 2_000
_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of name and extra field: the data follow
_FORMULA = re.compile(
    rb'<(?:\w+:)?c (?:[^>]*?\s)?r=["\']([A-Z]{1,3}[0-9]{1,7})["\'][^>]*>\s*<(?:\w+:)?f[\s>/]'
)  # looked for in every part: a sheet may have any name
_LONGEST_TAG = 512  # bytes kept of the piece before, for a cell that lies across two pieces
_MACROS = "vbaproject.bin"


class Hostile(Exception):
    """The file must not be read; the message says what to do about it."""


class _Part(NamedTuple):
    name: str
    start: int
    size: int
    stored: bool


def check_package(content: bytes, *, whole_tree: bool = False) -> None:
    """Raise Hostile for an Office package that unpacks to too much, has macros, or (a workbook) formulas.

    `whole_tree` bounds the tags, too: whoever reads it builds the parts' trees at once.

    Sizes are counted while unpacking: what the package says about itself may be a lie. Whether it is a package its end
    tells, as readers find it, not its name or what stands before it. A file that is none is left to its reader.
    """
    if not is_package(content):
        return
    left = MOST_UNPACKED
    marks = MOST_MARKS if whole_tree else MOST_UNPACKED
    for part in _parts(content):
        if part.name.lower().endswith(_MACROS):
            raise Hostile("文件里含有宏，不能导入；请另存为不含宏的 .xlsx 或 .docx 后再上传。")
        left, marks = _look_through(content, part, left, marks)


def _parts(content: bytes) -> list[_Part]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _damaged() from error
    if len(members) > _MOST_PARTS:
        raise Hostile("文件里的部件过多，不像是题目文件；请把内容复制到新文件后再上传。")
    return [_located(content, member) for member in members]


def _damaged() -> Hostile:
    return Hostile("文件无法读取，可能已损坏或加了密码；请打开后另存为 .xlsx 或 .docx 再上传。")


def _located(content: bytes, member: zipfile.ZipInfo) -> _Part:
    try:
        signature, name, extra = _LOCAL_HEADER.unpack_from(content, member.header_offset)
    except struct.error as error:
        raise _damaged() from error
    known = member.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    if signature != b"PK\x03\x04" or member.flag_bits & 1 or not known:
        raise _damaged()
    start = member.header_offset + _LOCAL_HEADER.size + name + extra
    return _Part(member.filename, start, member.compress_size, member.compress_type == zipfile.ZIP_STORED)


def _look_through(content: bytes, part: _Part, left: int, marks: int) -> tuple[int, int]:
    """Return how many bytes and marks may still be unpacked after this part; raises Hostile."""
    rest = b""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    waiting = content[part.start : part.start + part.size]
    try:
        while True:
            if part.stored:
                piece, waiting = waiting, b""
            else:
                piece, waiting = inflate.decompress(waiting, _CHUNK), inflate.unconsumed_tail
            if not piece and not waiting:
                break
            left -= len(piece)
            if left < 0:
                raise Hostile(f"文件展开后超过{MOST_UNPACKED >> 20}兆，请分几次导入。")
            marks -= piece.count(b"<") + piece.count(b"=")
            if marks < 0:
                raise Hostile("文档的内容过多，请分几次导入。")
            if found := _FORMULA.search(rest + piece):
                raise Hostile(
                    f"表格里有公式（第一处在{found[1].decode()}），读到的可能不是您看到的内容；"
                    "请全选后复制、“粘贴为数值”，再上传。"
                )
            rest = (rest + piece)[-_LONGEST_TAG:]
    except zlib.error as error:
        raise _damaged() from error
    return left, marks
