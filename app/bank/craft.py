"""How well single questions of the shipped bank are made, and which of their bases end soon."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from app.bank.entries import Problem

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from app.bank.checking import Located, Register
    from app.bank.entries import Entry

SOON = 90
"""Days before a basis ends from which on the bank's keeper is told."""
_MULTIPLE_OPTIONS = (4, 5)
_MULTIPLE_RIGHT = (2, 4)
_UNLIKE = 2.0  # times as long as the shortest option ...
_UNLIKE_LEAST = 8  # ... and characters longer: then the length catches the eye
_TITLE = re.compile("《[^《》]*》")
_FORBIDDEN = {
    "放在哪里都行的话": re.compile("众所周知|显而易见|毫无疑问|毋庸置疑|不言而喻"),
    "没有写完的地方": re.compile(r"待补充|待补写|TODO|FIXME|[xX×]{3,}|[?？]{2,}"),
    "指题目自己的话": re.compile("本题|此题|该题|题干"),
}
_DOUBLE_NEGATIVE = re.compile(
    "不得不|不能不|不可不|不会不|不应当?不|不可能不|不该不|并非不|并非没有|不是不|不是没有|未必不|未尝不|非[^，。；]{1,10}不可(?!抗)"
    "|不(?:属于|包括|适用|符合)(?:不予|不得|不能|不应|不需|不必|无需|无须)"
)


def craft_errors(questions: Iterable[Located]) -> Iterator[Problem]:
    """Yield what is not well made in single questions; those with something wrong by themselves are left out.

    Double negatives are looked for only where the two words stand together and mean nothing else: 「未经……不得……」 is
    the law's own form, 「没有不良影响」 is none.
    """
    for question in questions:
        if not question.whole:
            continue
        entry = question.entry
        for name, text in _shown(entry):
            bare = _TITLE.sub("", text)
            for why, pattern in _FORBIDDEN.items():
                if found := pattern.search(bare):
                    yield question.problem(name, f"“{found.group()}”是{why}，请改写。")
            if name != "explanation" and (found := _DOUBLE_NEGATIVE.search(bare)):
                yield question.problem(name, f"“{found.group()}”是双重否定，容易误读，请改成肯定的说法。")
        if entry.kind == "multiple":
            least, most = _MULTIPLE_OPTIONS
            if not least <= len(entry.options) <= most:
                yield question.problem(
                    "options", f"多选题应当有{least}至{most}个选项，现有{len(entry.options)}个，请改正。"
                )
            least, most = _MULTIPLE_RIGHT
            if len(entry.key) > most:
                yield question.problem("key", f"多选题应当有{least}至{most}个答案，现有{len(entry.key)}个，请改正。")


def _shown(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "stem", entry.stem
    for letter, text in entry.options:
        yield f"options.{letter}", text
    yield "explanation", entry.explanation


def craft_warnings(questions: Iterable[Located]) -> Iterator[Problem]:
    """Yield the questions whose options differ so much in length that the eye is caught."""
    for question in questions:
        if not question.whole or question.entry.kind == "true_false":
            continue
        lengths = [len(text) for _, text in question.entry.options]
        shortest, longest = min(lengths), max(lengths)
        if longest >= _UNLIKE * shortest and longest - shortest >= _UNLIKE_LEAST:
            yield question.problem("options", f"选项长短悬殊（{shortest}至{longest}字），请改得相近。")


def expiring(questions: Iterable[Located], register: Register, day: dt.date) -> list[Problem]:
    """Return the bases in force that end within 90 days after `day`, each with the questions that rest on it."""
    held: dict[tuple[dt.date, str], dict[str, None]] = defaultdict(dict)
    for question in questions:
        entry = question.entry
        if entry.state == "retired":
            continue
        for basis in entry.basis:
            one = register.instruments.get(basis.instrument)
            if one is not None and one.in_force_to is not None:
                held[one.in_force_to, f"《{one.name}》"][entry.code] = None
        for name in entry.facts:
            fact = (register.facts or {}).get(name)
            if fact is None or fact.valid_to is None:
                continue
            one = register.instruments.get(fact.instrument)
            if one is None or one.in_force_to != fact.valid_to:  # else the instrument has been told
                held[fact.valid_to, f"事实 {name}（《{fact.instrument}》{fact.article}）"][entry.code] = None
    return [
        Problem(
            "", None, "", "basis",
            f"{what}的效力止于{last}，还有{(last - day).days}天，涉及{len(codes)}题（{_some(list(codes))}），请准备改写。",
        )
        for (last, what), codes in sorted(held.items())
        if 0 <= (last - day).days <= SOON
    ]  # fmt: skip


def _some(codes: list[str], most: int = 5) -> str:
    return "、".join(codes[:most]) + ("等" if len(codes) > most else "")
