"""Finds an answer that a question shows to who is to answer it: a letter, a tick or 对, 错 where its blank should be."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLANK = "（　）"
_LONGEST = 500  # signs; a longer stem is refused for its length
_OPEN, _CLOSE = r"[（(〔［【\[]", r"[）)〕］】\]]"
_GAP = r"\s*+"  # possessive, as every repetition here: a long run of blanks is gone through once
TICKS, CROSSES = "√✓✔☑", "×✗✘✕╳☒"
"""The forms of a tick and a cross, the usual one first."""
_TICK, _CROSS = f"[{TICKS}]", f"[{CROSSES}]"
_SURE = rf"(?i:{_TICK}|{_CROSS}|正确|错误|对|错|true|false)"
_MAYBE = "(?i:[TFXVＴＦＸＶ]|是|否)"
_LETTERS = "|".join(
    rf"[{one}](?:[\s、,，;；/.]*+[{one}])*+" for one in ("A-FＡ-Ｆ", "a-fａ-ｆ")
)  # of one size: 镉（Cd） is an element
_MARK = rf"(?P<{{0}}>{_SURE}|{_LETTERS}|{_MAYBE})"
_SHOWN = re.compile(
    rf"{_OPEN}{_GAP}{_MARK.format('within')}{_GAP}{_CLOSE}|(?<!_)_++{_GAP}{_MARK.format('above')}{_GAP}_++"
)
_BARE = re.compile(rf"\A\s*+({_TICK}|{_CROSS})|({_TICK}|{_CROSS})\s*+\Z")
_TOLD = re.compile(
    rf"答案{_GAP}{_CLOSE}?{_GAP}(?:[:：]{_GAP}{_SURE}"
    rf"|(?:应?[是为选]|[:：])?{_GAP}(?:{_TICK}|{_CROSS}|[A-Fa-fＡ-Ｆａ-ｆ](?![A-Za-z0-9卷级类]))"
    rf"|应?[是为]{_GAP}(?:正确|错误|对|错)(?=[。.；;]?[ \t　]*+(?:\n|\Z)))"
    rf"|[故应]当?选{_GAP}[A-FＡ-Ｆ](?![A-Za-z0-9级类])"
)
_UNIT = re.compile(r"(?:[A-Za-z]|[苯茚]并|分贝|[腐毒]\w?性)\s*\Z")
"""What a letter in brackets belongs to: 50dB（A）, 苯并（a）芘, 腐蚀性（C）, 毒性（T）."""
_FIRM = re.compile(r"[甲乙丙丁某](?:公司|企业|厂|单位|某)?\s*\Z")
_BLANKS_PLACE = re.compile(r"[是为有于由处在自]\s*\Z")
_ENDS = "。.！!？?；;"
_NEAR = 12  # signs before a bracket that tell what its letter is
_EMPTY = re.compile(rf"{_OPEN}{_GAP}{_CLOSE}|__")
_EDGE = re.compile(r"[\s。.，,；;！!？?]*+")
_PICKED = re.compile(rf"(?:[（(]{_GAP}(?:{_TICK}|正确答案|正确|对){_GAP}[）)]|{_TICK})\s*+\Z")
_RIGHT = frozenset({"√", "✓", "✔", "☑", "正确", "对", "TRUE", "T", "V", "是"})
_KEY_OF = {"√": "A", "×": "B"}


class Mark(NamedTuple):
    """An answer in a stem: where its brackets begin and end, and what it says: letters, √ or ×."""

    start: int
    end: int
    says: str
    placed: bool = True
    """Whether it stands where a blank would: 期限是（B）; elsewhere a letter may be a name."""
    firm: bool = False
    """Whether a letter follows 甲公司 or the like, and probably names it."""


def marks(stem: str, *, statement: bool) -> list[Mark]:
    """Return the answers that stand in a stem's brackets or above its lines.

    In a statement (判断题) a letter counts only at its begin or end, where its blank stands: 毒性（T）, 某厂（A） are names.
    """
    found = []
    for one in _SHOWN.finditer(stem) if len(stem) <= _LONGEST else ():
        text = unicodedata.normalize("NFKC", one["within"] or one["above"]).upper()
        if re.fullmatch(_SURE, text):
            if statement or not stem.startswith("的", one.end()):  # 下列说法（错误）的是
                found.append(Mark(one.start(), one.end(), "√" if text in _RIGHT else "×"))
        elif letter := (_judgement if statement else _letters)(stem, one, text):
            found.append(letter)
    firms = {mark.says for mark in found if mark.firm}
    return [mark for mark in found if not (mark.firm and len(firms) > 1)]  # 甲公司（A）和乙公司（B） are names


def _judgement(stem: str, one: re.Match[str], text: str) -> Mark | None:
    """Return the mark of a statement's T, F, A, B, …, None where it is a name; behind a word it may be one."""
    says = "√" if text in _RIGHT else "×" if re.fullmatch(_MAYBE, text) else text
    if says not in {"√", "×", "A", "B"}:
        return None
    if stem[: one.start()].rstrip()[-1:] in _ENDS:  # or at the begin
        return Mark(one.start(), one.end(), says)
    if _UNIT.search(_before(stem, one)) or not _EDGE.fullmatch(stem[one.end() :]):
        return None
    return Mark(one.start(), one.end(), says, placed=False)


def _before(stem: str, one: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", stem[max(0, one.start() - _NEAR) : one.start()])


def _letters(stem: str, one: re.Match[str], text: str) -> Mark | None:
    """Return the mark of a choice's letters in brackets, None where they are a name or a unit."""
    letters = "".join(sign for sign in text if "A" <= sign <= "F")
    if not letters or any(one >= other for one, other in pairwise(letters)):  # 曝气生物滤池（BAF）
        return None
    before = _before(stem, one)
    if len(letters) > 1 or one["above"]:
        return Mark(one.start(), one.end(), letters)
    if _UNIT.search(before):
        return None
    firm = _FIRM.search(before) is not None
    edge = one.start() == 0 or _EDGE.fullmatch(stem[one.end() :]) is not None
    placed = not firm and (edge or _BLANKS_PLACE.search(before) is not None)
    return Mark(one.start(), one.end(), letters, placed, firm)


def has_blank(stem: str, found: Iterable[Mark]) -> bool:
    """Whether a stem has an empty bracket or line beside the marks that were found in it."""
    for mark in found:
        stem = stem[: mark.start] + "*" * (mark.end - mark.start) + stem[mark.end :]
    return _EMPTY.search(stem) is not None


def emptied(stem: str, found: Iterable[Mark]) -> str:
    """Return the stem with an empty bracket in place of each mark."""
    for mark in sorted(found, reverse=True):
        stem = stem[: mark.start] + BLANK + stem[mark.end :]
    return stem


def shown_answer(stem: str, key: Sequence[str], kind: str) -> str | None:
    """Return the words of a stem that show an answer, None where none do.

    A letter that does not stand in a blank's place may be a name (甲（A）), and so may a single choice's beside an empty
    bracket: it shows what equals the key.
    """
    found = marks(stem, statement=kind == "true_false")
    blank = has_blank(stem, found)
    said = {_KEY_OF.get(sign, sign) for mark in found for sign in mark.says}
    for mark in found:
        free = blank and kind != "true_false"
        if (mark.placed and not free) or (said == set(key) and not (free and mark.firm)):
            return stem[mark.start : mark.end]
        if kind == "multiple" and sorted(mark.says) == sorted(key):
            return stem[mark.start : mark.end]
    told = _TOLD.search(stem) or _BARE.search(stem)
    return told.group().strip() if told else None


def ends_with(stem: str, mark: Mark) -> bool:
    """Whether nothing but stops follows a statement's mark, or the statement does where the mark begins it."""
    if _EDGE.fullmatch(stem[: mark.start]):
        return "\n" not in stem[mark.end :].strip()
    return _EDGE.fullmatch(stem[mark.end :]) is not None


def shows_itself_right(option: str) -> bool:
    """Whether an option's text ends in a tick, says that it is the right one, or tells the answer."""
    return _PICKED.search(option) is not None or _TOLD.search(option) is not None
