"""Files that are not what their names say: bombs, workbooks and pages under another name, packages behind a prefix."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from app.bank import packages
from app.bank.uploads import read_upload
from app.roster.imports.spreadsheet import Unreadable, read_rows
from tests.bank.test_documents import packed, with_macros
from tests.bank.test_sheets import HEADER, SINGLE, workbook
from tests.roster.sheets import xls

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return packed(xl__a=b" " * packages.MOST_UNPACKED, z=b"z")


def said(name: str, content: bytes) -> str:
    [problem] = read_upload(name, content).problems
    return problem.detail


@pytest.mark.parametrize("prefix", [b"", b"junk", OLD + bytes(504)])
@pytest.mark.parametrize("name", ["a.xlsx", "a.xls"])
def test_a_bomb_is_known_by_its_end(bomb, name, prefix):
    assert said(name, prefix + bomb) == "文件展开后超过128兆，请分几次导入。"


def test_a_prefix_makes_no_document(bomb):
    assert said("a.docx", b"junk" + bomb).startswith("文件无法读取")


def test_macros_are_found_in_a_workbook_under_an_old_name():
    assert "含有宏" in said("a.xls", with_macros(workbook(HEADER, SINGLE)))


def test_a_workbook_under_an_old_name_is_read():
    assert read_upload("a.xls", workbook(HEADER, SINGLE)).questions[0].entry.code == "市-001"


def moved(content: bytes) -> bytes:
    """The same workbook with its sheet under another name than usual."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(
                name.replace("worksheets/sheet1.xml", "s/1"), old.read(name).replace(b"worksheets/sheet1.xml", b"s/1")
            )
    return stream.getvalue()


def test_a_sheet_may_have_any_name():
    assert read_upload("a.xlsx", moved(workbook(HEADER, SINGLE))).questions[0].entry.code == "市-001"
    assert said("a.xlsx", moved(workbook(HEADER, ["=A1", *SINGLE[1:]]))).startswith("表格里有公式（第一处在A2）")
    far = openpyxl.Workbook()
    far.worksheets[0]["XFD1048576"] = "x"
    stream = io.BytesIO()
    far.save(stream)
    assert said("a.xlsx", moved(stream.getvalue())).startswith("表格范围过大")


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (
            ".xlsx",
            xls([HEADER]),
            "文件加了密码，或是旧格式 .xls 改了名；请用表格软件打开，去掉密码后另存为 .xlsx 再上传。",
        ),
        (".xlsx", b"junk" + workbook(HEADER), "文件无法读取，不是 Excel 工作簿，或已损坏；"),
        (".xls", b"<html><table>", "文件无法读取，不是 Excel 工作簿，或已损坏；"),
        (".csv", workbook(HEADER), "文件内容是 Excel 工作簿，不是 .csv；"),
        (".csv", xls([HEADER]), "文件内容是 Excel 工作簿，不是 .csv；"),
    ],
)
def test_a_table_is_what_its_name_says(kind, content, words):
    with pytest.raises(Unreadable, match=words.replace(".", r"\.")):
        list(read_rows(content, kind))
