"""Reads question tables that people filled in: .xlsx, .xls and .csv with Chinese column names."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from app.bank.entries import DRAFT, IN_USE, LETTERS, STATES, TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Raw, Reading
from app.bank.packages import Hostile, check_package
from app.contests.rules import KINDS
from app.roster.imports.spreadsheet import Unreadable, read_rows, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    "facts": "事实",
    "state": "状态",
}
"""Column of each field; 难度, 事实 and 状态 may be left out (a new question: 2, none, 草稿), and so may the columns of
unused options."""
_OPTIONAL = {"difficulty", "facts", "state", *(f"options.{letter}" for letter in LETTERS)}
_CITED = re.compile(
    r"《((?:[^《》]|《[^《》]*》)+)》([^《》]*)"
)  # a full name may hold another: 《关于适用《…》的解释》
_BETWEEN = re.compile(r"[、,，和及\s]+")
_BETWEEN_FACTS = re.compile(r"[、,，;；\s]+")
_BETWEEN_LETTERS = re.compile(r"[、,;/.\s]+")
_LETTERS_ONLY = re.compile("[A-Z]{1,8}")
_BESIDE_KIND = re.compile("[项择题 ]")  # 单项选择题 is 单选
_NO_BASIS = "缺少法律依据，请写成《文书简称》第六十三条；暂时没有的，把状态填为草稿。"
_DIFFICULTIES = {"": 2, "易": 1, "中": 2, "难": 3, "1": 1, "2": 2, "3": 3}
_RIGHT = {"正确": "A", "对": "A", "√": "A", "错误": "B", "错": "B", "×": "B"}


def read_table(reading: Reading, content: bytes, kind: str) -> None:
    """Add the questions of a table file (.xlsx, .xls, .csv) to `reading`; whatever is wrong is a problem of it."""
    try:
        if kind == ".xlsx":
            check_package(content)
        rows = [(number, [_plain(cell) for cell in row]) for number, row in read_rows(content, kind)]
    except (Hostile, Unreadable) as error:
        reading.wrong("", None, str(error))
        return
    filled = [(number, row) for number, row in rows if any(row)]
    if filled:
        reading.take("", list(table_questions(reading, filled)))
    else:
        reading.wrong("", None, "表格是空的，第一行应当是列名。")


def _plain(cell: Cell) -> str:
    return text_of(cell).replace("\r\n", "\n").replace("\r", "\n").strip()


def is_header(row: Sequence[str]) -> bool:
    """Whether a row names the columns of a question table."""
    titles = {title.replace(" ", "") for title in row}
    return {COLUMNS["stem"], COLUMNS["key"]} <= titles


def table_questions(reading: Reading, filled: Sequence[tuple[int, list[str]]]) -> Iterator[Raw]:
    """Yield the questions of numbered rows, the first of which names the columns."""
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
    problems: list[tuple[str, str]] = []
    kind = known_kind(cells["kind"])
    options = {letter: cells[f"options.{letter}"] for letter in LETTERS if cells.get(f"options.{letter}")}
    if kind == "true_false" and not options:
        options = dict(TRUE_FALSE)
    state = known_state(cells.get("state") or STATES[IN_USE])
    basis, unread = cited(cells["basis"]) if cells["basis"] or state == DRAFT else ([], [_NO_BASIS])
    problems += [("basis", said) for said in unread]
    key = key_of(cells["key"])
    if key is None:
        problems.append(("key", key_problem(cells["key"])))
    for name, value, known in (("kind", kind, KINDS), ("state", state, STATES)):
        if value not in known:
            problems.append((name, _not_among(value, known)))
    values = {
        "code": cells["code"],
        "kind": kind,
        "topic": cells["topic"],
        "difficulty": difficulty_of(cells.get("difficulty", "")),
        "stem": cells["stem"],
        "options": options,
        "key": key or [],
        "explanation": cells["explanation"],
        "basis": basis,
        "facts": facts_of(cells.get("facts", "")),
        "state": state,
    }
    unsaid = {name for name in ("difficulty", "state") if not cells.get(name)} | {"facts"} - cells.keys()
    return Raw(number, values, tuple(problems), frozenset(unsaid))


def known_kind(text: str) -> str:
    """Return the kind that a person wrote (单选, 单选题, 单项选择题, …); the text itself where it is none."""
    return _word(_BESIDE_KIND.sub("", text), KINDS)


def known_state(text: str) -> str:
    """Return the state that a person wrote (启用, 草稿, …); the text itself where it is none."""
    return _word(text, STATES)


def difficulty_of(text: str) -> int:
    """Return the difficulty 1..3 (易, 中, 难), 2 where nothing is written, 0 where it is none."""
    return _DIFFICULTIES.get(text, 0)


def facts_of(text: str) -> list[str]:
    """Split the ids of facts."""
    return [name for name in _BETWEEN_FACTS.split(text) if name]


def _word(text: str, known: Mapping[str, str]) -> str:
    return next((word for word, chinese in known.items() if text == chinese), text)


def _not_among(text: str, known: Mapping[str, str]) -> str:
    allowed = "、".join(known.values())
    return (
        f"应当是其中之一：{allowed}；现在是“{text[:20]}”，请改正。"
        if text
        else f"缺少内容，请填写其中之一：{allowed}。"
    )


def key_of(text: str) -> list[str] | None:
    """Return the letters of an answer (ABD, A、B, 正确, ×); None where it is no answer."""
    if text in _RIGHT:
        return [_RIGHT[text]]
    letters = _BETWEEN_LETTERS.sub("", unicodedata.normalize("NFKC", text).upper())
    return list(letters) if _LETTERS_ONLY.fullmatch(letters) else None


def key_problem(text: str) -> str:
    """Return what to do about an answer that `key_of` cannot read."""
    if not text:
        return "缺少答案，请填写选项字母（如 ABD），判断题填正确或错误。"
    return f"看不懂“{text[:20]}”，答案应当写成选项字母（如 ABD），判断题写正确或错误。"


def cited(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Split 《行政处罚法》第六十三条、第六十四条；《…》… into single articles, and say what cannot be read."""
    found, problems = [], []
    for part in filter(None, (piece.strip() for piece in re.split(r"[；;\n]", text))):
        named = list(_CITED.finditer(part))
        if not named or _BETWEEN.sub("", _CITED.sub("", part)):
            problems.append(f"“{part[:40]}”应当写成《文书简称》第六十三条，几部文书之间用分号隔开。")
        for one in named:
            articles = [article for article in _BETWEEN.split(one[2].rstrip("。")) if article]
            if not articles:
                problems.append(f"《{one[1]}》后面缺少条号，请补写。")
            found += [{"instrument": one[1].strip(), "article": article} for article in articles]
    return found, problems
