"""Reads question tables that people filled in: .xlsx, .xls and .csv with Chinese column names."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from app.bank.entries import DRAFT, LETTERS, STATES, TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Raw, Reading
from app.bank.formats import shown_otherwise
from app.bank.packages import Hostile, check_package
from app.bank.shown import CROSSES, TICKS
from app.contests.rules import KINDS
from app.roster.imports.spreadsheet import EXACT, Unreadable, read_rows, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
IGNORED = ("序号", "备注")
_FIELDS = {column: name for name, column in COLUMNS.items() if name != "options"}
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
_MOST_CITED = 2_000  # signs of a 法律依据 cell
_MOST_NAMED = 10  # columns of one message
_MOST_ABOVE = 20  # rows among which the column names are looked for, to say where they stand
_PROSE = {"stem", "explanation", *(f"options.{letter}" for letter in LETTERS)}
_SHOWN = {"code", *_PROSE}  # where 001 is not 1
_WRITTEN = {"code", "topic", "basis", "facts", *_PROSE}
_DAY, _TRUTH = "被表格软件存成了日期或时间", "被表格软件存成了是否值（TRUE、FALSE）"
_FRACTION = "被表格软件存成了百分数、小数或过长的数"
_FORMATTED = "是设了显示格式的数字（如百分数、固定小数位）"
_UNSEEN = "看不出显示格式"
_JUDGED = {
    **dict.fromkeys(("TRUE", "T", "V", "是"), "正确"),
    **dict.fromkeys(("FALSE", "F", "X", "否"), "错误"),
}
_AROUND_ANSWER = " \t\n()[]【】〔〕。.,、;"
_ONE_FORM = str.maketrans({**dict.fromkeys(TICKS, TICKS[0]), **dict.fromkeys(CROSSES, CROSSES[0])})
_RIGHT = {"正确": "A", "对": "A", "√": "A", "错误": "B", "错": "B", "×": "B"}


def read_table(reading: Reading, content: bytes, kind: str) -> None:
    """Add the questions of a table file (.xlsx, .xls, .csv) to `reading`; whatever is wrong is a problem of it."""
    try:
        check_package(content)
        altered = _Altered()
        rows = [(number, altered.texts(number, row)) for number, row in read_rows(content, kind)]
    except (Hostile, Unreadable) as error:
        reading.wrong("", None, str(error))
        return
    filled = [(number, row) for number, row in rows if any(row)]
    if filled:
        reading.take("", list(table_questions(reading, filled, altered.found(content))))
    else:
        reading.wrong("", None, "表格是空的，第一行应当是列名。")


def _plain(cell: Cell) -> str:
    return text_of(cell).replace("\r\n", "\n").replace("\r", "\n").strip()


class _Altered:
    """Finds the cells that hold something else than their author saw: what a spreadsheet made a number or a day of."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[int, int], str] = {}
        self._numbers: set[tuple[int, int]] = set()

    def texts(self, number: int, row: Sequence[Cell]) -> list[str]:
        """Return a row's texts, and keep what is odd about its cells."""
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                continue
            if isinstance(cell, bool):
                self._reasons[number, place] = _TRUTH
            elif not isinstance(cell, int | float):
                self._reasons[number, place] = _DAY
            elif not (float(cell).is_integer() and abs(cell) < EXACT):
                self._reasons[number, place] = _FRACTION
            else:
                self._numbers.add((number, place))
        return [_plain(cell) for cell in row]

    def found(self, content: bytes) -> Mapping[tuple[int, int], str]:
        """Return the odd cells (row from 1, place from 0) with what they are; 100 % is the number 1 but for its format."""
        formatted = shown_otherwise(content) if self._numbers else frozenset[tuple[int, int]]()
        if formatted is None:
            return {**self._reasons, **dict.fromkeys(self._numbers, _UNSEEN)}
        return {**self._reasons, **dict.fromkeys(self._numbers & formatted, _FORMATTED)}


def is_header(row: Sequence[str]) -> bool:
    """Whether a row names the columns of a question table."""
    return {COLUMNS["stem"], COLUMNS["key"]} <= {_title(cell) for cell in row}


def _title(cell: str) -> str:
    """Return a column's name with letters of one width and case, without blanks and signs that do not show."""
    plain = unicodedata.normalize("NFKC", cell).upper()
    return "".join(sign for sign in plain if sign.isprintable() and sign != " ")


def table_questions(
    reading: Reading,
    filled: Sequence[tuple[int, list[str]]],
    altered: Mapping[tuple[int, int], str] | None = None,
) -> Iterator[Raw]:
    """Yield the questions of numbered rows, the first of which names the columns.

    `altered` says by row and place what a spreadsheet has made of a cell. A column that is not known is an error: what
    stands in it would be lost.
    """
    number, header = filled[0]
    titles = [_title(cell) for cell in header]
    if not is_header(header) and (lower := next((at for at, row in filled[1:_MOST_ABOVE] if is_header(row)), None)):
        reading.wrong("", number, f"列名要写在第一行，现在写在第{lower}行；请删去它上面的各行（如标题）后再导入。")
        return
    places = _places(reading, number, titles)
    if places is None:
        return
    if len(filled) - 1 > MOST_QUESTIONS:
        reading.wrong("", None, f"一次最多{MOST_QUESTIONS}题，请分几次导入。")
        return
    _refuse_untitled(reading, number, titles, filled[1:])
    _refuse_unseen(reading, places, altered or {})
    for number, row in filled[1:]:
        cells = {name: row[place] if place < len(row) else "" for name, place in places.items()}
        yield _question(number, cells, _unlike(number, places, altered or {}))


def _places(reading: Reading, number: int, titles: Sequence[str]) -> dict[str, int] | None:
    """Return where each field's column stands; None where rows cannot be judged by these columns."""
    places: dict[str, int] = {}
    unknown = []
    for place, title in enumerate(titles):
        field = _FIELDS.get(title)
        if field is None:
            unknown += [f"“{title[:20]}”"] if title and title not in IGNORED else []
        elif places.setdefault(field, place) != place:
            reading.wrong("", number, f"列“{title}”出现了两次，请删去一列。")
    missing = [COLUMNS[name] for name in COLUMNS if name not in {*places, *_OPTIONAL, "options"}]
    if missing:
        reading.wrong("", number, f"缺少这些列：{'、'.join(missing)}；请补上列名，列名要写在第一行。")
    if unknown:
        named = "、".join(unknown[:_MOST_NAMED]) + (f"等{len(unknown)}列" if len(unknown) > _MOST_NAMED else "")
        reading.wrong(
            "",
            number,
            f"不认识这些列：{named}；请改正列名，或删去这些列。可用的列名：{'、'.join(_FIELDS)}；"
            f"另可有{'、'.join(IGNORED)}，导入时不读取。",
        )
    return None if missing or unknown else places


def _refuse_untitled(
    reading: Reading, number: int, titles: Sequence[str], rows: Iterable[tuple[int, list[str]]]
) -> None:
    """Tell of each column without a name the first row that has something in it."""
    told: set[int] = set()
    for at, row in rows:
        for place, text in enumerate(row):
            if text and (place >= len(titles) or not titles[place]) and place not in told:
                told.add(place)
                name = xl_col_to_name(place)
                reading.wrong("", at, f"{name}列没有列名，这一行却有内容；请在第{number}行补上列名，或清空这一列。")


def _refuse_unseen(reading: Reading, places: Mapping[str, int], altered: Mapping[tuple[int, int], str]) -> None:
    """Tell once of all numbers in wording whose form the file does not tell: an old .xls, say."""
    prose = {place for name, place in places.items() if name in _PROSE}
    unseen = sorted(cell for cell, reason in altered.items() if reason == _UNSEEN and cell[1] in prose)
    if unseen:
        number, place = unseen[0]
        reading.wrong(
            "",
            number,
            f"这个文件（如旧格式 .xls）看不出单元格格式：{xl_rowcol_to_cell(number - 1, place)}等{len(unseen)}格是数字，"
            "读到的可能不是您看到的内容（如百分数）；请用 Excel 或 WPS 另存为 .xlsx 后再导入。",
        )


def _unlike(
    number: int, places: Mapping[str, int], altered: Mapping[tuple[int, int], str]
) -> Iterator[tuple[str, str]]:
    """Yield the fields of a row whose cells hold something else than their author saw, with what to do."""
    for name, place in places.items() if altered else ():  # in the sheet's order
        reason = altered.get((number, place))
        if name in _WRITTEN and reason and reason != _UNSEEN and (name in _SHOWN or reason != _FORMATTED):
            address = xl_rowcol_to_cell(number - 1, place)
            yield (
                name,
                f"{address}单元格{reason}，读到的可能不是您看到的内容；请把这一格设为“文本”格式后重新填写。",
            )


def _question(number: int, cells: dict[str, str], unlike: Iterable[tuple[str, str]]) -> Raw:
    problems = list(unlike)
    kind = known_kind(cells["kind"])
    options = {letter: cells[f"options.{letter}"] for letter in LETTERS if cells.get(f"options.{letter}")}
    if kind == "true_false" and not options:
        options = dict(TRUE_FALSE)
    state = known_state(cells.get("state") or STATES[DRAFT])
    basis, unread = cited(cells["basis"]) if cells["basis"] or state == DRAFT else ([], [_NO_BASIS])
    problems += [("basis", said) for said in unread]
    answer = cells["key"]
    if kind == "true_false":  # a spreadsheet's own truth
        answer = _JUDGED.get(answer.upper(), answer)
    key = key_of(answer) if kind == "true_false" else letters_of(answer)
    if key is None:
        problems.append(("key", key_problem(answer)))
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


def bare_answer(text: str) -> str:
    """Return an answer without brackets and stops around it, in letters of one width; ticks and crosses of one form."""
    return unicodedata.normalize("NFKC", text).strip(_AROUND_ANSWER).translate(_ONE_FORM)


def key_of(text: str) -> list[str] | None:
    """Return the letters of an answer (ABD, A、B, 正确, ×); None where it is no answer."""
    bare = bare_answer(text)
    return [_RIGHT[bare]] if bare in _RIGHT else letters_of(bare)


def letters_of(text: str) -> list[str] | None:
    """Return the letters of a choice's answer; None where it holds anything else, 正确 and √ too."""
    letters = _BETWEEN_LETTERS.sub("", bare_answer(text).upper())
    return list(letters) if _LETTERS_ONLY.fullmatch(letters) else None


def key_problem(text: str) -> str:
    """Return what to do about an answer that `key_of` cannot read."""
    if not text:
        return "缺少答案，请填写选项字母（如 ABD），判断题填正确或错误。"
    return f"看不懂“{text[:20]}”，答案应当写成选项字母（如 ABD），判断题写正确或错误。"


def cited(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Split 《行政处罚法》第六十三条、第六十四条；《…》… into single articles, and say what cannot be read."""
    found, problems = [], []
    if len(text) > _MOST_CITED:
        return [], [f"有{len(text)}个字，最多{_MOST_CITED}个字，请删减。"]
    for part in filter(None, (piece.strip() for piece in re.split(r"[；;\n]", text))):
        named = list(_CITED.finditer(part))
        if not named or _BETWEEN.sub("", _CITED.sub("", part)):
            problems.append(f"“{part[:40]}”应当写成《文书简称》第六十三条，几部文书之间用分号隔开。")
        for one in named:
            articles = [article for article in _BETWEEN.split(one[2].rstrip("。")) if article]
            if not articles:
                problems.append(f"《{one[1][:40]}》后面缺少条号，请补写。")
            found += [{"instrument": one[1].strip(), "article": article} for article in articles]
    return found, problems
