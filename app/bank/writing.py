"""Writes questions for people: a workbook that imports as it is, and the bank's own YAML files."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import xlsxwriter
import yaml

from app.bank.entries import LETTERS, STATES
from app.bank.files import MOST_QUESTIONS
from app.bank.sheets import COLUMNS
from app.contests.rules import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.bank.entries import Entry

_WIDTHS = {"stem": 48, "explanation": 48, "basis": 30, "code": 22, "topic": 16, "facts": 18}
_OTHER_WIDTH = 10
_OPTION_WIDTH = 20
_FIELDS = tuple(name for name in COLUMNS if name != "options")
_GUIDE = (
    ("列", "怎样填", "例"),
    ("编号", "每题一个，长期不变；同一编号再次导入即为修改。字母、数字、汉字、- _ .", "市-001"),
    ("题型", "单选、多选或判断", "单选"),
    ("专题", "30个字以内", "行政处罚程序"),
    ("难度", "1（易）、2（中）、3（难）；空着为2", "2"),
    ("题干", "500个字以内；适合对战的题不超过60字、不是案例", "行政机关负责人集体讨论决定的是（　）。"),
    ("选项A…选项F", "3至6个，从A起依次填写，中间不留空；判断题可以空着", "情节复杂的处罚"),
    ("答案", "单选一个字母，多选两个以上；判断题写正确或错误", "ABD"),
    ("解析", "1000个字以内；写明条号和理由，不要写“选项A”，选项次序会打乱", "《行政处罚法》第五十七条……"),
    ("法律依据", "《文书简称》加条号；同一文书几条用顿号，几部文书用分号；草稿可以空着", "《行政处罚法》第五十七条、第五十八条"),
    ("事实", "可以空着；共享题库所依据的条文事实编号，用顿号隔开", "lf-1234567890"),
    ("状态", "草稿、已核、启用、待复核、停用；空着的新题为草稿；启用须由另一位管理员在系统中复核，只有启用的会被抽到", "启用"),
    ("序号、备注", "可以另加这两列，导入时不读取；除此以外的列名不接受", "1"),
    ("各列", "填成文本；设成百分数、日期、小数等格式的单元格不接受", "50%"),
)  # fmt: skip


def workbook(entries: Iterable[Entry]) -> bytes:
    """Return a workbook of these questions in our columns, with choices for 题型, 难度 and 状态; none: the template.

    The questions stand on the first sheet, how to fill it on the second. Text is stored as text: what looks like a
    formula, a number or a day stays as it was written.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        head = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
        wrapped = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        sheet = book.add_worksheet("题目")
        sheet.freeze_panes(1, 1)
        for place, name in enumerate(_FIELDS):
            width = _OPTION_WIDTH if name.startswith("options.") else _WIDTHS.get(name, _OTHER_WIDTH)
            sheet.set_column(place, place, width, wrapped)
            sheet.write_string(0, place, COLUMNS[name], head)
        for name, choices in (("kind", KINDS.values()), ("difficulty", ("1", "2", "3")), ("state", STATES.values())):
            place = _FIELDS.index(name)
            told = {"error_title": COLUMNS[name], "error_message": f"请填写其中之一：{'、'.join(choices)}。"}
            listed = {"validate": "list", "source": list(choices), "ignore_blank": True, **told}
            sheet.data_validation(1, place, MOST_QUESTIONS, place, listed)
        for number, entry in enumerate(entries, start=1):
            for place, text in enumerate(_cells(entry)):
                if text:
                    sheet.write_string(number, place, text, wrapped)
        guide = book.add_worksheet("填写说明")
        guide.set_column(0, 2, 40, wrapped)
        for number, row in enumerate(_GUIDE):
            for place, text in enumerate(row):
                guide.write_string(number, place, text, head if number == 0 else wrapped)
    return buffer.getvalue()


def _cells(entry: Entry) -> list[str]:
    options = dict(entry.options)
    judged = entry.kind == "true_false"
    cells = {
        "code": entry.code,
        "kind": KINDS[entry.kind],
        "topic": entry.topic,
        "difficulty": str(entry.difficulty),
        "stem": entry.stem,
        **{f"options.{letter}": "" if judged else options.get(letter, "") for letter in LETTERS},
        "key": options[entry.key[0]] if judged else "".join(entry.key),
        "explanation": entry.explanation,
        "basis": "；".join(f"《{one.instrument}》{one.article}" for one in entry.basis),
        "facts": "、".join(entry.facts),
        "state": STATES[entry.state],
    }
    return [cells[name] for name in _FIELDS]


def yaml_files(entries: Iterable[Entry]) -> dict[str, bytes]:
    """Return the bank's files by name: a question stands in the file that its code begins with."""
    held: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        held[f"{entry.code.rpartition('-')[0] or 'questions'}.yaml"].append(_values(entry))
    return {name: _dumped(values) for name, values in held.items()}


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "code": entry.code,
        "kind": entry.kind,
        "topic": entry.topic,
        "difficulty": entry.difficulty,
        "stem": entry.stem,
        "options": dict(entry.options),
        "key": list(entry.key),
        "explanation": entry.explanation,
        "basis": [{"instrument": one.instrument, "article": one.article} for one in entry.basis],
        "facts": list(entry.facts),
        "state": entry.state,
    }


def _dumped(values: Sequence[Mapping[str, Any]]) -> bytes:
    return yaml.safe_dump(list(values), allow_unicode=True, sort_keys=False, width=1_000_000).encode()
