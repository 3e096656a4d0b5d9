"""Rules of the roster file: its columns, and what each row must hold."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from app.roster.imports.spreadsheet import NotANumber, Unreadable, number_of, text_of
from app.roster.models import Role
from app.roster.rules import (
    EMPLOYEE_NO_LENGTH,
    NAME_LENGTH,
    comparable,
    has_control_signs,
    is_employee_no,
    is_phone,
    is_wecom_userid,
    normal_employee_no,
    normal_name,
    normal_phone,
    password_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.roster.imports.spreadsheet import Cell

MAX_ROWS = 200_000
COLUMNS = ("工号", "姓名", "手机号", "单位", "股室", "职务", "角色", "初始密码", "企业微信账号", "参赛")
REQUIRED = ("工号", "姓名", "手机号", "单位")
WHOLE_FILE = "文件"
_ALIASES = {
    "人员编号": "工号",
    "员工编号": "工号",
    "编号": "工号",
    "手机": "手机号",
    "手机号码": "手机号",
    "联系电话": "手机号",
    "所属单位": "单位",
    "单位名称": "单位",
    "分局": "单位",
    "科室": "股室",
    "部门": "股室",
    "职位": "职务",
    "密码": "初始密码",
    "企业微信": "企业微信账号",
    "企业微信id": "企业微信账号",
    "是否参赛": "参赛",
}
_IGNORED = frozenset({"序号", "备注"})
_HEADER_WITHIN = 10
_DECORATION = re.compile(r"\*|[(].*?[)]")
_SEPARATORS = re.compile(r"[、，,;；/\s]+")
ROLE_NAMES = {
    "联络员": Role.LIAISON,
    "单位负责人": Role.LEADER,
    "市局": Role.BUREAU,
    "省厅": Role.PROVINCE,
    "管理员": Role.ADMIN,
}
_YES_NO = {"是": True, "否": False, "TRUE": True, "FALSE": False}


class RowProblem(NamedTuple):
    """One thing wrong with one row, by the number that the spreadsheet shows, and what to do about it."""

    row: int
    column: str
    detail: str


class RosterRow(NamedTuple):
    """One officer as the file has it; `takes_part` is None where the file has no such column.

    `wrong` names the columns whose cells are unfit. Their values are empty, so that the others can still be judged.
    """

    row: int
    employee_no: str
    name: str
    phone: str
    unit: str
    section: str | None
    position: str | None
    roles: tuple[str, ...]
    wecom_userid: str | None
    takes_part: bool | None
    password: str | None
    wrong: frozenset[str] = frozenset()


class RosterFile(NamedTuple):
    """What a roster file holds: its rows, the problems of those with unfit cells, and which columns it has."""

    rows: list[RosterRow]
    problems: list[RowProblem]
    columns: frozenset[str]


def column_named(header: Cell) -> str:
    """Return the column that a header cell means, or its own text where it means none."""
    plain = _DECORATION.sub("", comparable(text_of(header)))
    return _ALIASES.get(plain, plain)


def find_columns(number: int, header: Sequence[Cell]) -> tuple[dict[str, int], list[RowProblem]]:
    """Return where each known column stands in the header row, and what is wrong with that row."""
    places: dict[str, int] = {}
    problems = []
    for place, cell in enumerate(header):
        column = column_named(cell)
        if column in places:
            problems.append(RowProblem(number, column, f"“{column}”一列出现了两次，请删去一列。"))
        elif column in COLUMNS:
            places[column] = place
        elif column and column not in _IGNORED:
            near = difflib.get_close_matches(column, COLUMNS, n=1, cutoff=0)[0]
            detail = f"不认识“{text_of(cell)}”一列，最接近的是“{near}”；请改正列名，或删去这一列。"
            problems.append(RowProblem(number, text_of(cell), detail))
    problems.extend(
        RowProblem(number, column, f"缺少“{column}”一列，请在表头补上。") for column in REQUIRED if column not in places
    )
    return places, problems


def read_roster(rows: Iterable[tuple[int, Sequence[Cell]]]) -> RosterFile:
    """Judge every row of a roster file; the header may stand below a title, within the first ten rows.

    A file that is unreadable as a whole gives one problem of row 1.
    """
    try:
        return _read(iter(rows))
    except Unreadable as error:
        return RosterFile([], [RowProblem(1, WHOLE_FILE, str(error))], frozenset())


def _read(rows: Iterator[tuple[int, Sequence[Cell]]]) -> RosterFile:
    heads = []
    for number, cells in rows:
        heads.append((number, cells))
        if {"工号", "姓名"} <= {column_named(cell) for cell in cells} or number == _HEADER_WITHIN:
            break
    header = _header_among(heads)
    if header is None:
        return RosterFile([], [RowProblem(1, WHOLE_FILE, "文件里没有内容，请选择填好的名册。")], frozenset())
    places, problems = find_columns(*heads[header])
    if problems:
        return RosterFile([], problems, frozenset(places))
    reader = _Reader(places)
    read: list[RosterRow] = []
    for number, cells in rows:
        if not any(text_of(cell) for cell in cells):
            continue
        if len(read) == MAX_ROWS:
            problems.append(RowProblem(number, WHOLE_FILE, f"一次最多导入{MAX_ROWS}人，请分几个文件导入。"))
            break
        row, wrong = reader.row(number, cells)
        problems.extend(wrong)
        read.append(row)
    if not read:
        problems.append(RowProblem(heads[header][0] + 1, WHOLE_FILE, "表头下面没有人员，请填好名册后再上传。"))
    problems.extend(duplicates(read))
    return RosterFile(read, problems, frozenset(places))


def _header_among(heads: Sequence[tuple[int, Sequence[Cell]]]) -> int | None:
    """Return which of the first rows is the header: the one with 工号 and 姓名, else the first that is not blank."""
    filled = [n for n, (_, cells) in enumerate(heads) if any(text_of(cell) for cell in cells)]
    if filled and {"工号", "姓名"} <= {column_named(cell) for cell in heads[-1][1]}:
        return len(heads) - 1
    return filled[0] if filled else None


class _Reader:
    """Reads rows; what thousands of rows share (units, roles, and the like) is judged once, and kept once."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places
        self._width = max(places.values()) + 1
        self._names: dict[str, str] = {}
        self._roles: dict[str, tuple[str, ...]] = {}

    def row(self, number: int, cells: Sequence[Cell]) -> tuple[RosterRow, list[RowProblem]]:
        """Return the officer of a row, and all that is wrong with it."""
        places = self._places
        held = cells if len(cells) >= self._width else [*cells, *[""] * (self._width - len(cells))]
        wrong: list[tuple[str, str]] = []
        roles = self._roles_of(self._text("角色", held), wrong)
        employee_no = _employee_no(held[places["工号"]], wrong)
        phone = _phone(held[places["手机号"]], wrong)
        row = RosterRow(
            row=number,
            employee_no=employee_no,
            name=_person(normal_name(text_of(held[places["姓名"]])), wrong),
            phone=phone,
            unit=self._unit(held, wrong),
            section=self._name("股室", held, wrong),
            position=self._name("职务", held, wrong),
            roles=roles,
            wecom_userid=_wecom_userid(self._text("企业微信账号", held), wrong),
            takes_part=_takes_part(self._text("参赛", held), roles, wrong) if "参赛" in places else None,
            password=_password(self._text("初始密码", held), employee_no, phone, wrong),
        )
        if not wrong:
            return row, []
        unfit = frozenset(column for column, _ in wrong)
        return row._replace(wrong=unfit), [RowProblem(number, column, detail) for column, detail in wrong]

    def _text(self, column: str, cells: Sequence[Cell]) -> str:
        place = self._places.get(column)
        return "" if place is None else text_of(cells[place])

    def _unit(self, cells: Sequence[Cell], wrong: list[tuple[str, str]]) -> str:
        unit = self._name("单位", cells, wrong)
        if unit is None:
            wrong.append(("单位", "请填写单位。"))
        return unit or ""

    def _name(self, column: str, cells: Sequence[Cell], wrong: list[tuple[str, str]]) -> str | None:
        text = self._text(column, cells)
        if text and text not in self._names:
            name = normal_name(text)
            if len(name) > NAME_LENGTH or has_control_signs(name):
                wrong.append((column, _UNFIT))
                return ""
            self._names[text] = name
        return self._names[text] if text else None

    def _roles_of(self, text: str, wrong: list[tuple[str, str]]) -> tuple[str, ...]:
        if text not in self._roles:
            named = [part for part in _SEPARATORS.split(text) if part]
            unknown = [part for part in named if part not in ROLE_NAMES]
            if unknown:
                known = "、".join(ROLE_NAMES)
                wrong.append(("角色", f"没有“{unknown[0]}”这种角色；可填{known}，多个用、隔开，没有则留空。"))
                return ()
            self._roles[text] = tuple(sorted({ROLE_NAMES[part].value for part in named}))
        return self._roles[text]


_NO_ACCOUNT = "只能填一个人的账号：由字母、数字和 _ - @ . 组成，以字母或数字开头，最多64位；请改正，没有则留空。"
_UNFIT = f"过长（最多{NAME_LENGTH}字）或含有看不见的控制字符，请重新填写。"


def _person(name: str, wrong: list[tuple[str, str]]) -> str:
    if not name:
        wrong.append(("姓名", "请填写姓名。"))
    elif len(name) > NAME_LENGTH or has_control_signs(name):
        wrong.append(("姓名", _UNFIT))
        return ""
    return name


def _employee_no(cell: Cell, wrong: list[tuple[str, str]]) -> str:
    try:
        employee_no = normal_employee_no(number_of(cell))
    except NotANumber as error:
        wrong.append(("工号", str(error)))
        return ""
    if not employee_no:
        wrong.append(("工号", "请填写工号。"))
    elif not is_employee_no(employee_no):
        wrong.append(("工号", f"只能由字母（含中文）、数字和连字符组成，不超过{EMPLOYEE_NO_LENGTH}位，请改正。"))
        return ""
    return employee_no


def _phone(cell: Cell, wrong: list[tuple[str, str]]) -> str:
    try:
        phone = normal_phone(number_of(cell))
    except NotANumber as error:
        wrong.append(("手机号", str(error)))
        return ""
    if not is_phone(phone):
        wrong.append(("手机号", "请填写以1开头的11位手机号。"))
        return ""
    return phone


def _wecom_userid(text: str, wrong: list[tuple[str, str]]) -> str | None:
    if text and not is_wecom_userid(text):
        wrong.append(("企业微信账号", _NO_ACCOUNT))
        return ""
    return text or None


def _takes_part(text: str, roles: Sequence[str], wrong: list[tuple[str, str]]) -> bool:
    if not text:
        return takes_part_by_default(roles)
    if text not in _YES_NO:
        wrong.append(("参赛", "请填写“是”或“否”；留空为“是”，管理员留空为“否”。"))
    return _YES_NO.get(text, False)


def _password(text: str, employee_no: str, phone: str, wrong: list[tuple[str, str]]) -> str | None:
    problem = password_problem(text, employee_no=employee_no, phone=phone) if text else None
    if problem:
        wrong.append(("初始密码", f"{problem}留空则由系统生成。"))
    return text or None


def takes_part_by_default(roles: Sequence[str]) -> bool:
    """Whether somebody takes part (参赛) of whom the file does not say: everybody but administrators."""
    return Role.ADMIN not in roles


def duplicates(rows: Sequence[RosterRow]) -> list[RowProblem]:
    """Return a problem for every row whose 工号 or 手机号 stands in an earlier row, or is another row's other one."""
    problems = []
    numbers: dict[str, int] = {}
    phones: dict[str, int] = {}
    for row in rows:
        for column, value, seen in (("工号", row.employee_no, numbers), ("手机号", row.phone, phones)):
            earlier = seen.setdefault(value, row.row)
            if value and earlier != row.row:
                problems.append(RowProblem(row.row, column, f"与第{earlier}行的{column}重复，请核对后保留一个。"))
    for row in rows:
        other = numbers.get(row.phone, row.row)
        if row.phone and other != row.row:
            problems.append(RowProblem(row.row, "手机号", f"与第{other}行的工号相同，登录时会混淆，请核对。"))
    return problems
