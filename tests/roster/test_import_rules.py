"""Reading roster files: cells, columns and rows, on values alone."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.roster.imports import spreadsheet
from app.roster.imports.rules import MAX_ROWS, column_named, read_roster
from app.roster.imports.spreadsheet import NotANumber, Unreadable, number_of, read_rows, text_of
from tests.roster.sheets import HEADER, csv, locked, person, table, xls, xlsx


def read(rows):
    return read_roster(enumerate(rows, start=1))


def wrong(rows):
    return [(problem.row, problem.column) for problem in read(rows).problems]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" 梅江 ", "梅江"),
        (1001.0, "1001"),
        (1.5, "1.5"),
        (7, "7"),
        (True, "TRUE"),
        (False, "FALSE"),
        (dt.date(2026, 11, 22), "2026-11-22"),
        (dt.time(8, 0), "08:00:00"),
    ],
)
def test_cells_read_as_a_person_reads_them(cell, text):
    assert text_of(cell) == text


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (13800000001.0, "13800000001"),
        (13800000001, "13800000001"),
        ("13800000001.0", "13800000001"),
        ("1.3800000001E10", "13800000001"),
        ("1.3800000001e+10", "13800000001"),
        ("1.38000000010E+10", "13800000001"),
        ("1E10", "1E10"),
        ("ZF-001", "ZF-001"),
        (1001.0, "1001"),
        ("1.5", "1.5"),
        ("", ""),
    ],
)
def test_numbers_read_as_they_were_typed(cell, number):
    assert number_of(cell) == number


@pytest.mark.parametrize(
    "cell", ["1.38E+10", "1E+10", "1.3800000001E5", 1.5, 4.4e17, -1.0, True, dt.date(2026, 1, 1), dt.time(8)]
)
def test_numbers_that_the_spreadsheet_spoilt_are_refused(cell):
    with pytest.raises(NotANumber, match="文本"):
        number_of(cell)


@given(st.integers(10**10, 2 * 10**10 - 1))
def test_a_phone_survives_every_way_of_storing_it(phone):
    for cell in (float(phone), phone, str(phone), f"{phone}.0", f"{phone:.10E}"):
        assert number_of(cell) == str(phone)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("工 号", "工号"),
        ("手机号码*", "手机号"),
        ("角色（多个用、隔开）", "角色"),
        ("企业微信ID", "企业微信账号"),
        ("邮箱", "邮箱"),
    ],
)
def test_headers_are_known_by_their_usual_names(header, column):
    assert column_named(header) == column


def test_columns_stand_in_any_order_below_a_title():
    rows = [["某市练兵名册"], [], *table([person(1)], ["序号", *reversed(HEADER), "备注", ""])]
    file = read(rows)
    assert file.problems == []
    assert (file.rows[0].row, file.rows[0].employee_no, file.rows[0].unit) == (4, "ZF001", "梅江")


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        (["工号", "姓名"], [(1, "手机号"), (1, "单位")]),
        ([*HEADER, "邮箱"], [(1, "邮箱")]),
        ([*HEADER, "手机"], [(1, "手机号")]),
        (["名字", "电话号"], [(1, "名字"), (1, "电话号"), (1, "工号"), (1, "姓名"), (1, "手机号"), (1, "单位")]),
    ],
)
def test_a_wrong_header_is_named_with_the_nearest_column(header, problems):
    assert wrong(table([person(1)], header)) == problems


def test_the_header_is_looked_for_in_ten_rows():
    assert wrong([["说明"], *[[""]] * 9, *table([person(1)])])[0] == (1, "说明")


@pytest.mark.parametrize("rows", [[], [[], ["", None or ""]], [["", ""]] * 30])
def test_a_file_without_content_is_told_so(rows):
    assert wrong(rows) == [(1, "文件")]


def test_a_header_alone_is_told_so():
    assert wrong([list(HEADER)]) == [(2, "文件")]


def test_blank_rows_are_skipped_and_keep_their_numbers():
    file = read([*table([person(1)]), ["", " ", ""], ["\u3000"], *table([person(2)])[1:]])
    assert [row.row for row in file.rows] == [2, 5]


def test_short_rows_are_filled_up():
    assert read([list(HEADER), ["ZF001", "张三", "13700000001", "梅江"]]).rows[0].takes_part is True


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"工号": ""}, "工号"),
        ({"工号": "a b.c"}, "工号"),
        ({"工号": dt.date(2026, 11, 22)}, "工号"),
        ({"姓名": "　"}, "姓名"),
        ({"姓名": "张" * 101}, "姓名"),
        ({"手机号": "1.38E+10"}, "手机号"),
        ({"手机号": "23800000001"}, "手机号"),
        ({"单位": ""}, "单位"),
        ({"单位": "梅\x00江"}, "单位"),
        ({"股室": "法\x01规"}, "股室"),
        ({"职务": "长" * 101}, "职务"),
        ({"角色": "联络员、主任"}, "角色"),
        ({"参赛": "2"}, "参赛"),
        ({"初始密码": "1234567"}, "初始密码"),
        ({"初始密码": "x" * 129}, "初始密码"),
        ({"初始密码": 12345678.0}, "初始密码"),
        ({"企业微信账号": "@all"}, "企业微信账号"),
        ({"企业微信账号": "zhang|li"}, "企业微信账号"),
        ({"企业微信账号": "张三"}, "企业微信账号"),
        ({"企业微信账号": "a" * 65}, "企业微信账号"),
        ({"初始密码": "13700000001"}, "初始密码"),
    ],
)
def test_what_is_wrong_with_a_row(cells, column):
    file = read(table([person(1, **cells), person(2)], [*HEADER, "初始密码", "企业微信账号"]))
    assert [(problem.row, problem.column) for problem in file.problems] == [(2, column)]
    assert [row.wrong for row in file.rows] == [{column}, set()]


@pytest.mark.parametrize(
    ("cell", "account"), [("", None), (" zhang ", "zhang"), (1001.0, "1001"), ("a.b-c_d@e", "a.b-c_d@e")]
)
def test_an_account_as_wecom_writes_it(cell, account):
    assert read(table([person(1, 企业微信账号=cell)], [*HEADER, "企业微信账号"])).rows[0].wecom_userid == account


def test_a_row_with_an_unfit_cell_is_still_held_against_the_others():
    rows = [
        person(1),
        person(2, 工号="ZF001", 姓名=""),
        person(3, 手机号="13700000001", 参赛="?"),
        person(4, 手机号="ZF001"),
    ]
    assert wrong(table([*rows, person(5, 工号="", 手机号=""), person(6, 工号="", 手机号="")])) == [
        (3, "姓名"), (4, "参赛"), (5, "手机号"), (6, "工号"), (6, "手机号"), (7, "工号"), (7, "手机号"), (3, "工号"), (4, "手机号"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("", ()),
        ("联络员", ("liaison",)),
        ("单位负责人、联络员", ("leader", "liaison")),
        ("市局,省厅", ("bureau", "province")),
        ("管理员；市局 , 联络员", ("admin", "bureau", "liaison")),
    ],
)
def test_roles_are_joined_by_any_separator(text, roles):
    assert read(table([person(1, 角色=text)])).rows[0].roles == roles


@pytest.mark.parametrize(
    ("cell", "role", "takes_part"),
    [
        ("", "", True),
        ("", "管理员", False),
        ("是", "管理员", True),
        ("否", "", False),
        (True, "", True),
        (False, "", False),
    ],
)
def test_everybody_takes_part_but_administrators(cell, role, takes_part):
    assert read(table([person(1, 参赛=cell, 角色=role)])).rows[0].takes_part is takes_part


def test_there_is_a_limit_to_one_file():
    people = [[f"A{n}", "张三", f"{13700000000 + n}", "梅江"] for n in range(MAX_ROWS + 1)]
    file = read([["工号", "姓名", "手机号", "单位"], *people])
    assert [(problem.row, problem.column) for problem in file.problems] == [(MAX_ROWS + 2, "文件")]


def test_old_and_new_workbooks_and_text_read_alike():
    rows = table([person(1), person(2, 手机号=13700000002)])
    contents = {".xlsx": xlsx(rows), ".xls": xls(rows), ".csv": csv(rows, "gb18030", "；")}
    read_alike = [read_roster(read_rows(content, kind)) for kind, content in contents.items()]
    assert len(read_alike[0].rows) == 2
    assert read_alike[0] == read_alike[1] == read_alike[2]


@pytest.mark.parametrize(
    "content",
    [b'"a,b\n1,2', b"\xff\xfea", b"\x81\x30\xff\xff\x81", b'a,"b"c\n', b"x" * 200_000],
)
def test_text_that_cannot_be_read_is_refused(content):
    with pytest.raises(Unreadable, match="另存为"):
        list(read_rows(content, ".csv"))


def test_hidden_sheets_are_passed_over():
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(xlsx(table([person(1)]))))
    book.create_sheet("说明", 0).sheet_state = "hidden"
    buffer = io.BytesIO()
    book.save(buffer)
    assert len(read_roster(read_rows(buffer.getvalue(), ".xlsx")).rows) == 1


def test_one_stray_cell_far_away_is_refused_instead_of_filling_the_memory():
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "工号", " "
    buffer = io.BytesIO()
    book.save(buffer)
    with pytest.raises(Unreadable, match="范围过大"):
        list(read_rows(buffer.getvalue(), ".xlsx"))


def test_a_workbook_that_unpacks_to_gigabytes_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/a.bin", "w") as member:
        for _ in range(spreadsheet._MOST_UNPACKED // (1 << 20) + 1):
            member.write(bytes(1 << 20))
    with pytest.raises(Unreadable, match="展开后过大"):
        list(read_rows(buffer.getvalue(), ".xlsx"))


@pytest.mark.parametrize("kind", [".xlsx", ".xls"])
def test_a_locked_workbook_asks_for_the_password_to_be_taken_off(kind):
    with pytest.raises(Unreadable, match="密码"):
        list(read_rows(locked(), kind))
