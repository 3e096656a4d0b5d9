"""Reads question tables that people filled in: .xlsx, .xls and .csv with Chinese column names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath
from typing import TYPE_CHECKING

from app.bank.entries import IN_USE, LETTERS, STATES, TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Raw, Reading, read_yaml
from app.contests.rules import KINDS
from app.core.errors import UnsupportedMedia
from app.roster.imports.spreadsheet import KINDS as KINDS_OF_SHEET
from app.roster.imports.spreadsheet import Unreadable, read_rows, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.roster.imports.spreadsheet import Cell

COLUMNS = {
    "code": "编号",
    "kind": "题型",
    "topic": "专题",
    "difficulty": "难度",
    "stem": "题干",
    **{f"options.{letter}": f"选项{letter}" for letter in LETTERS},
    "options": "选项A",
    "key": "答案",
    "explanation": "解析",
    "basis": "法律依据",
    "state": "状态",
}
"""Column of each field; 难度 and 状态 may be left out (2, 启用), and so may the columns of unused options."""
_OPTIONAL = {"difficulty", "state", *(f"options.{letter}" for letter in LETTERS)}
YAML = (".yaml", ".yml")
_CITED = re.compile(r"《([^《》]+)》([^《》]*)")
_BETWEEN = re.compile(r"[、,，和及\s]+")
_DIFFICULTIES = {"": 2, "易": 1, "中": 2, "难": 3, "1": 1, "2": 2, "3": 3}
_RIGHT = {"正确": "A", "对": "A", "√": "A", "错误": "B", "错": "B", "×": "B"}


def read_upload(name: str, content: bytes) -> Reading:
    """Read the questions of an uploaded file; whatever is wrong with it is a problem of the reading.

    Raises UnsupportedMedia for a name with another ending.
    """
    reading = Reading()
    kind = PurePath(name).suffix.lower()
    if kind in YAML:
        read_yaml(reading, "", content)
    elif kind in KINDS_OF_SHEET:
        if filled := _table(reading, content, kind):
            reading.take("", list(_questions(reading, filled)))
    else:
        raise UnsupportedMedia("题目文件应当是 .yaml、.xlsx、.xls 或 .csv，请另存为其中一种后再上传。")
    return reading


def _table(reading: Reading, content: bytes, kind: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, with their numbers; a file that is no table is a problem of `reading`."""
    try:
        rows = [(number, [_plain(cell) for cell in row]) for number, row in read_rows(content, kind)]
    except Unreadable as error:
        reading.wrong("", None, str(error))
        return []
    filled = [(number, row) for number, row in rows if any(row)]
    if not filled:
        reading.wrong("", None, "表格是空的，第一行应当是列名。")
    return filled


def _plain(cell: Cell) -> str:
    return text_of(cell).replace("\r\n", "\n").replace("\r", "\n").strip()


def _questions(reading: Reading, filled: Sequence[tuple[int, list[str]]]) -> Iterator[Raw]:
    number, header = filled[0]
    places: dict[str, int] = {}
    for place, title in enumerate(header):
        field = next((name for name, column in COLUMNS.items() if column == title.replace(" ", "")), None)
        if field is not None and places.setdefault(field, place) != place:
            reading.wrong("", number, f"列“{title}”出现了两次，请删去一列。")
    missing = [COLUMNS[name] for name in COLUMNS if name not in {*places, *_OPTIONAL, "options"}]
    if missing:
        reading.wrong("", number, f"缺少这些列：{'、'.join(missing)}；请补上列名。")
        return
    if len(filled) - 1 > MOST_QUESTIONS:
        reading.wrong("", None, f"一次最多{MOST_QUESTIONS}题，请分几次导入。")
        return
    for number, row in filled[1:]:
        yield _question(number, {name: row[place] if place < len(row) else "" for name, place in places.items()})


def _question(number: int, cells: dict[str, str]) -> Raw:
    kind = _word(cells["kind"].removesuffix("题"), KINDS)
    options = {letter: cells[f"options.{letter}"] for letter in LETTERS if cells.get(f"options.{letter}")}
    if kind == "true_false" and not options:
        options = dict(TRUE_FALSE)
    basis, problems = _basis(cells["basis"])
    difficulty = _DIFFICULTIES.get(cells.get("difficulty", ""), 0)
    values = {
        "code": cells["code"],
        "kind": kind,
        "topic": cells["topic"],
        "difficulty": difficulty,
        "stem": cells["stem"],
        "options": options,
        "key": _key(cells["key"]),
        "explanation": cells["explanation"],
        "basis": basis,
        "state": _word(cells.get("state") or IN_USE, STATES),
    }
    return Raw(number, values, tuple(("basis", said) for said in problems))


def _word(text: str, known: dict[str, str]) -> str:
    return next((word for word, chinese in known.items() if text == chinese), text)


def _key(text: str) -> list[str]:
    if text in _RIGHT:
        return [_RIGHT[text]]
    letters = unicodedata.normalize("NFKC", text).upper()
    return [letter for letter in letters if letter not in " 、,;/\n"]


def _basis(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Split 《行政处罚法》第六十三条、第六十四条；《…》… into single articles, and say what cannot be read."""
    found, problems = [], []
    for part in filter(None, (piece.strip() for piece in re.split(r"[；;\n]", text))):
        cited = list(_CITED.finditer(part))
        if not cited or _BETWEEN.sub("", _CITED.sub("", part)):
            problems.append(f"“{part[:40]}”应当写成《文书简称》第六十三条，几部文书之间用分号隔开。")
        for one in cited:
            articles = [article for article in _BETWEEN.split(one[2].rstrip("。")) if article]
            if not articles:
                problems.append(f"《{one[1]}》后面缺少条号，请补写。")
            found += [{"instrument": one[1].strip(), "article": article} for article in articles]
    return found, problems
