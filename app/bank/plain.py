"""Reads questions in the common plain layout: numbered stems, A. B. C. D., 答案：, 解析：, as pasted from Word."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.bank.entries import DRAFT, STATES, TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Raw
from app.bank.sheets import (
    bare_answer,
    cited,
    difficulty_of,
    facts_of,
    key_of,
    key_problem,
    known_kind,
    known_state,
    letters_of,
)
from app.bank.shown import CROSSES, TICKS, emptied, ends_with, has_blank, marks
from app.bank.texts import LONGEST_LINE, NO_TOPIC, code_of, too_long
from app.contests.rules import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.bank.files import Reading

_NAMES = {
    "key": "正确答案|参考答案|标准答案|答案",
    "explanation": "答案解析|试题解析|答案说明|解析",
    "kind": "题型",
    "basis": "法律依据|依据",
    "difficulty": "难度",
    "topic": "专题|知识点",
    "code": "编号",
    "facts": "事实",
    "state": "状态",
}
_MAY_BE_SILENT = ("topic", "difficulty", "explanation", "basis", "facts", "state")
_FIELD_OF = {word: name for name, words in _NAMES.items() for word in words.split("|")}
_WORD = "|".join(sorted(_FIELD_OF, key=len, reverse=True))
_FIELD = re.compile(rf"\s*(?:[【\[]\s*({_WORD})\s*[】\]]\s*[:：]?|({_WORD})\s*[:：])\s*(.*)", re.DOTALL)
_FIELD_WITHIN = re.compile(rf"(?<![ \t　;；])[ \t　;；]++(?=(?:[【\[]\s*+)?(?:{_WORD})\s*+(?:[】\]]\s*+)?[:：])")
"""A run of blanks is tried from its first sign only and not given back: else a long line takes the square of its length."""
_LETTER = "(?:[（(][ \t]*+[A-Ha-hＡ-Ｈａ-ｈ][ \t]*+[）)][.．、]?|[A-Ha-hＡ-Ｈａ-ｈ][ \t]*+[.．、:：)）])"
_OPTION = re.compile(rf"\s*({_LETTER})[ \t　]*(.*)", re.DOTALL)
_OPTION_WITHIN = re.compile(rf"(?:(?<![ \t　])[ \t　]++|(?<=[）)。？?：:]))(?={_LETTER})")
_NUMBER = re.compile(
    r"\s*(?:[（(]\s*([0-9０-９]{1,4})\s*[）)][.．、]?|([0-9０-９]{1,4})\s*(?:[.．](?![0-9０-９](?!\d{3}年))|[、)）])|第([0-9０-９]{1,4})题[.．、:：]?)"
    r"[ \t　]*(.*)",
    re.DOTALL,
)
_ANSWER = re.compile(
    r"\s*+(?:正确|参考|标准)?答案\s*+(?:应?[是为选])?\s*+"
    rf"([A-Fa-fＡ-Ｆａ-ｆ](?:[\s、,，]*+[A-Fa-fＡ-Ｆａ-ｆ])*+|[{TICKS}{CROSSES}]|正确|错误|对|错)\s*+[。.]?\s*+"
)
"""A line of its own that tells the answer without a colon: 答案 B, 正确答案是A."""
_GLUED = re.compile(r"\s*+([0-9]{1,4})[.．][0-9]")
"""A number that what follows runs into: 5.30日内告知; or 1.5万元."""
_TICKED = re.compile(rf"\s*+([（(]\s*+(?:(?:[{TICKS}{CROSSES}TFXVＴＦＸＶ]|正确|错误|对|错)\s*+)?[）)])")
"""The bracket of a statement that stands before its number: （√）1. 应当告知。"""
_OTHER_KINDS = "不定项|填空|简答|问答|论述|名词解释|案例分析|材料分析|计算"
_HEADING = re.compile(
    r"\s*(?:(?:第?[一二三四五六七八九十]{1,3}(?:部分)?[、.．：:\s]|[（(][一二三四五六七八九十]{1,3}[）)][、.．]?)\s*)?"
    rf"(单项选择|单选|多项选择|多选|判断|{_OTHER_KINDS}|选择(?=题))(?:选择)?题?"
    r"\s*(?:[（(：:，,。].*)?"
)
_MARKS = {
    **dict.fromkeys(("正确", "对", "√", "T", "TRUE", "V", "是"), "A"),
    **dict.fromkeys(("错误", "错", "×", "F", "FALSE", "X", "否"), "B"),
}


@dataclass
class _Draft:
    """One question as far as it has been read."""

    row: int
    number: int | None = None
    kind: str = ""
    stem: list[str] = field(default_factory=list)
    options: list[tuple[str, list[str]]] = field(default_factory=list)
    fields: dict[str, list[str]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    grown: tuple[int, str] | None = None
    """The first line, with its number, that went on with the last option."""

    @property
    def last(self) -> list[str]:
        """What a line without a mark goes on with."""
        if self.fields and self.stem:
            return list(self.fields.values())[-1]
        return self.options[-1][1] if self.options else self.stem

    def text(self, name: str) -> str:
        return "\n".join(self.fields.get(name, [])).strip()

    def take_stem(self, row: int, text: str) -> None:
        """Take the first line of a stem, which options may follow in the same line."""
        parts = _OPTION_WITHIN.split(text)
        letters = [_letter(found[1]) for part in parts[1:] if (found := _OPTION.fullmatch(part))]
        if letters[:2] == ["A", "B"]:
            self.stem.append(parts[0].strip())
            self.take_options(row, " ".join(parts[1:]))
        else:
            self.stem.append(text.strip())

    def take_options(self, row: int, text: str) -> None:
        """Take a line that begins with an option's letter; further ones may follow in it.

        A letter out of order within the line is an option, and a mistake, where it is written as the first one is.
        """
        style = ""
        for number, part in enumerate(_OPTION_WITHIN.split(text)):
            found = _OPTION.fullmatch(part)
            if found and (number == 0 or _letter(found[1]) == self._due or _style(found[1]) == style):
                style = style or _style(found[1])
                self._option(row, _letter(found[1]), found[2].strip())
            else:
                self.options[-1][1][-1] += f" {part.strip()}"

    @property
    def _due(self) -> str:
        return chr(ord("A") + len(self.options))

    def _option(self, row: int, letter: str, text: str) -> None:
        if letter != self._due and all(name != "options" for name, _ in self.problems):
            said = (
                f"第{row}行的选项{letter}不合次序，这里应当是{self._due}；选项从 A 起依次写，不能缺少、重复或调换，"
                "请改正并核对答案。不是选项的，请去掉字母前的空格；若这是新的一题，请在题干前写上题号。"
            )
            self.problems.append(("options", said))
        self.options.append((letter, [text]))
        self.grown = None

    def go_on(self, row: int, text: str) -> None:
        """Take a line without a mark."""
        last = self.last
        if self.options and last is self.options[-1][1]:
            self.grown = self.grown or (row, text)
        last.append(text)


def read(reading: Reading, text: str) -> None:
    """Add the questions of a text to `reading`; a question's row is its first line."""
    take_lines(reading, enumerate(text.split("\n"), start=1))


def take_lines(reading: Reading, lines: Iterable[tuple[int, str]]) -> None:
    """Add the questions of numbered lines to `reading`.

    A question begins at its number; without numbers at the first line after an answer or explanation that a blank
    line sets off. Without 法律依据 it comes in as a draft, without 编号 under a code made from its stem.
    """
    parser = _Parser()
    for row, line in lines:
        if said := too_long(line):
            reading.wrong("", row, said)
        parser.line(row, line[:LONGEST_LINE])
    parser.end()
    found = parser.found
    if not found:
        reading.wrong("", None, "没有认出题目；请写成“1. 题干”，下面依次是“A. …”“B. …”“答案：B”“解析：…”各一行。")
    elif len(found) > MOST_QUESTIONS:
        reading.wrong("", None, f"一次最多{MOST_QUESTIONS}题，请分几次导入。")
    else:
        reading.take("", list(_raws(reading, found)))


class _Parser:
    """Puts lines together to questions, one line after the other."""

    def __init__(self) -> None:
        self.found: list[_Draft] = []
        self.current: _Draft | None = None
        self.kind = ""
        self.blank = False

    def line(self, row: int, text: str) -> None:
        """Take one line."""
        if not text.strip():
            self.blank = True
            return
        if heading := _HEADING.fullmatch(text):
            self.end()
            self.kind = "" if heading[1] == "选择" else heading[1]
            rest = re.split("[：:]", text, maxsplit=1)[-1]
            if rest != text and (_NUMBER.fullmatch(rest) or marks(rest, statement=True)):  # 判断题：1. 应当告知。（√）
                self.line(row, rest)
        elif named := _FIELD.fullmatch(text):
            for part in _FIELD_WITHIN.split(text):
                found = _FIELD.fullmatch(part) or named
                self._field(row, _FIELD_OF[found[1] or found[2]], found[3])
        elif self.current and "key" not in self.current.fields and (told := _ANSWER.fullmatch(text)):
            self._field(row, "key", told[1])
        elif (ticked := self._ticked(text)) and (numbered := _NUMBER.fullmatch(text, ticked.end())):
            self._start(row, _number(numbered)).take_stem(row, ticked[1] + numbered[4])
        elif self.current and self._takes_options() and _OPTION.fullmatch(text):
            self.current.take_options(row, text)
        elif (numbered := _NUMBER.fullmatch(text)) and self._begins(number := _number(numbered)):
            self._start(row, number).take_stem(row, numbered[4])
        else:
            self._text(row, text)
        self.blank = False

    def end(self) -> None:
        """Put the current question by; a line at the top of the file that nothing followed is its title."""
        one = self.current
        titled = one and one.number is None and not (one.options or one.fields or self.found)
        if one and not (titled and not marks("".join(one.stem), statement=True)):
            self.found.append(one)
        self.current = None

    def _start(self, row: int, number: int | None = None) -> _Draft:
        one = self.current
        if one and one.fields and not one.stem and "key" not in one.fields:
            one.number = number  # its fields stood before its stem
            return one
        self.end()
        self.current = _Draft(row, number, self.kind)
        return self.current

    def _ticked(self, text: str) -> re.Match[str] | None:
        """Return the bracket that a line begins with; （F） is an option's letter but among statements."""
        return _TICKED.match(text) if self.kind == "判断" or not _OPTION.fullmatch(text) else None

    def _takes_options(self) -> bool:
        return bool(self.current and self.current.stem and "key" not in self.current.fields)

    def _begins(self, number: int) -> bool:
        """Whether a numbered line is a new question, not a list within a stem or an explanation."""
        one = self.current
        if one is None or self.blank or not one.stem or one.number is None:
            return True
        return (
            number == one.number + 1
            or (bool(one.options) and "key" not in one.fields)
            or list(one.fields)[-1:] == ["key"]
        )

    def _field(self, row: int, name: str, text: str) -> None:
        one = self.current
        again = one is not None and name in one.fields
        if (
            one is not None
            and "key" in one.fields
            and (again or (name == "code" and self.blank))
            and name not in {"key", "explanation"}
        ):
            self.end()
            one = None
        if one is None:
            one = self.current = _Draft(row, None, self.kind)
        if name in one.fields:
            one.problems.append((name, "写了两次，请删去一次。"))
            return
        one.fields[name] = [text.strip()]

    def _text(self, row: int, text: str) -> None:
        one = self.current
        if one is None or (self.blank and (one.options or "key" in one.fields)) or list(one.fields)[-1:] == ["key"]:
            self._start(row).take_stem(row, text)
        elif not one.stem:
            one.take_stem(row, text)
        else:
            glued = None if one.number is None or one.last is one.stem else _GLUED.match(text)
            if glued and int(glued[1]) == (one.number or 0) + 1:
                said = (
                    f"第{row}行“{text.strip()[:20]}”像是新的一题；是的，请在题号后加空格，不是的，请与上一行写在一行。"
                )
                one.problems.append(("stem", said))
            one.go_on(row, text.strip())


def begins_something(line: str) -> bool:
    """Whether a line has a number, an option's letter, a field's name or an answer, as questions in the plain layout do."""
    return any(mark.match(line) for mark in (_NUMBER, _OPTION, _FIELD, _ANSWER, _TICKED)) or bool(
        marks(line, statement=True)
    )


def _number(found: re.Match[str]) -> int:
    return int(unicodedata.normalize("NFKC", found[1] or found[2] or found[3]))


def _letter(mark: str) -> str:
    return next(sign for sign in unicodedata.normalize("NFKC", mark).upper() if sign.isalpha())


def _style(mark: str) -> str:
    """Return how a letter is set off: the signs beside it."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", mark) if not sign.isalpha() and not sign.isspace())


def _raws(reading: Reading, found: Iterable[_Draft]) -> Iterator[Raw]:
    for one in found:
        if one.kind and known_kind(one.kind) not in KINDS:
            reading.rows += 1
            reading.wrong(
                "", one.row, f"“{_begin(one)}”是{one.kind}题，题库没有这种题型；请改成单选、多选或判断题，或删去。"
            )
        else:
            yield _raw(one)


def _begin(one: _Draft) -> str:
    return "".join(one.stem)[:20]


def _raw(one: _Draft) -> Raw:
    problems = list(one.problems)
    stem = "\n".join(one.stem).strip()
    options = {letter: "\n".join(lines).strip() for letter, lines in one.options}
    kind = known_kind(one.text("kind") or one.kind)
    stem, answer, unlike = _without_answer(stem, kind, options, bare_answer(one.text("key")))
    problems += [("stem", unlike)] if unlike else []
    if answer and one.grown and not one.text("key"):
        row, line = one.grown
        said = f"第{row}行“{line[:20]}”接在选项{one.options[-1][0]}后面；"
        said += "不是选项的，请另写成“答案：…”或“解析：…”，是选项的，请与选项写在一行。"
        problems.append(("options", said))
    problems += _run_together(one, stem)
    options, key = _judged(kind, options, answer)
    if key is None:
        problems.append(("key", key_problem(answer) + ("" if answer else "集中写在文末的，请移到各题下面。")))
    if not kind:
        kind = _kind(options, key or [])
    basis, unread = cited(one.text("basis"))
    problems += [("basis", said) for said in unread]
    values = {
        "code": one.text("code") or code_of(stem),
        "kind": kind,
        "topic": one.text("topic") or NO_TOPIC,
        "difficulty": difficulty_of(one.text("difficulty")),
        "stem": stem,
        "options": options,
        "key": key or [],
        "explanation": one.text("explanation"),
        "basis": basis,
        "facts": facts_of(one.text("facts")),
        "state": known_state(one.text("state") or STATES[DRAFT]),
    }
    return Raw(one.row, values, tuple(problems), frozenset(name for name in _MAY_BE_SILENT if not one.text(name)))


def _run_together(one: _Draft, stem: str) -> Iterator[tuple[str, str]]:
    """Yield what looks like two things in one: 丙日D.丁日, or a stem that is nothing but a bracket."""
    due = chr(ord("A") + len(one.options))
    if one.options and (found := re.search(rf"(?<=[^\sA-Za-z0-9]){due}[.．、]", one.options[-1][1][-1])):
        yield "options", f"选项{one.options[-1][0]}里有“{found.group()}”；若是另一个选项，请在它前面加空格或另起一行。"
    if stem and not re.search(r"\w", stem):
        yield "stem", "题干里没有文字；答案请写在各题下面，写成“答案：…”，不要集中写在文末。"


def _without_answer(stem: str, kind: str, options: dict[str, str], answer: str) -> tuple[str, str, str]:
    """Return the stem with its brackets empty, the answer (the stem's, where none was given), and what is wrong.

    What cannot be taken out with certainty stays, and the check of every question refuses it.
    """
    fixed, key = _judged(kind, options, answer)
    statement = kind == "true_false" or (not kind and (not options or tuple(fixed.items()) == TRUE_FALSE))
    found = marks(stem, statement=statement)
    said = "".join(mark.says for mark in found)
    several = len(found) > 1 and not (statement and answer)
    name = any(mark.firm or (statement and not mark.placed) for mark in found)  # perhaps
    if not found or several or name or has_blank(stem, found) or (not statement and not said.isalpha()):
        return stem, answer, ""
    shown = _judged(kind, options, said)[1]
    if answer and set(shown or ()) != set(key or ()):
        shape = f"题干的括号里写着“{said}”，与“答案：{answer[:20]}”不同"
        return stem, answer, f"{shape}，请核对后改正，并把括号空着；不是答案的，请在题干另留空括号“（　）”。"
    unlike = ""
    if statement and not ends_with(stem, found[0]):
        unlike = f"括号里的“{said}”前后都有文字，可能是改正的话；请把括号写在题干末尾，改正的话另起一行写成“解析：…”。"
    return emptied(stem, found), answer or said, unlike


def _judged(kind: str, options: dict[str, str], answer: str) -> tuple[dict[str, str], list[str] | None]:
    """Return options and key with true and false as every question has them: A 正确, B 错误."""
    if kind not in {"", "true_false"}:
        return options, letters_of(answer)
    if not options and (kind or answer.upper() in _MARKS):
        mark = _MARKS.get(answer.upper())
        return dict(TRUE_FALSE), [mark] if mark else key_of(answer)
    marks = {letter: _MARKS.get(text) for letter, text in options.items()}
    if sorted(filter(None, marks.values())) == ["A", "B"] and len(marks) == len(TRUE_FALSE):
        mark = marks.get(answer.upper()) or _MARKS.get(answer.upper())
        return dict(TRUE_FALSE), [mark] if mark else None
    return options, letters_of(answer)


def _kind(options: dict[str, str], key: list[str]) -> str:
    if tuple(options.items()) == TRUE_FALSE:
        return "true_false"
    return "multiple" if len(key) > 1 else "single"
