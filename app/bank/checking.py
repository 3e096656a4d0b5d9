"""Checks over all questions of a bank together: codes, look-alikes, legal bases, facts; and the bank's table."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app.bank.balance import Balance, balance_lines
from app.bank.entries import IN_USE, STATES, Basis, Entry, Problem
from app.contests.rules import KINDS
from app.core.wording import near

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

SAME = 0.8
"""Share of common three-character pieces from which two stems are one question written twice.

A changed character breaks three pieces on each side: of 40 characters 0.8 is one or two changed, a comma or a figure,
with which nobody would take them for two questions in one contest.
"""
ALIKE = 0.6
"""The same, from which a person should look at the two: about four changed characters of 40, such as another term of
days in the same sentence, which may well be another question."""
_PIECE = 3
_ROUNDING = 1e-9
_TO_ARTICLE = re.compile("第[^条]+条(之[一二三四五六七八九十]+)?")
CONTEST_DAYS = 21
"""A usual contest: the table tells whether the bank lasts so long without repeats."""


@dataclass(frozen=True)
class InstrumentEntry:
    """An instrument (文书) of the register; in force on both end days."""

    name: str
    full_name: str
    issuer: str
    in_force_from: dt.date
    in_force_to: dt.date | None
    checked_to: dt.date | None
    confirmed_by: str | None
    note: str | None


@dataclass(frozen=True)
class Fact:
    """What one article says, with the days on which it holds and how sure that is (law register, section 13)."""

    id: str
    instrument: str
    article: str
    valid_from: dt.date
    valid_to: dt.date | None
    confidence: str
    force_check: str | None


class Located(NamedTuple):
    """A question and where it stands; not `whole` where something is wrong with it by itself.

    `unsaid` are the fields of which its file says nothing.
    """

    file: str
    row: int
    entry: Entry
    whole: bool = True
    unsaid: AbstractSet[str] = frozenset()

    def problem(self, name: str, detail: str) -> Problem:
        """Return a problem of this question."""
        return Problem(self.file, self.row, self.entry.code, name, detail)


@dataclass(frozen=True)
class Register:
    """The instruments by short name; `facts` by id, or None where questions need not name any."""

    instruments: Mapping[str, InstrumentEntry]
    facts: Mapping[str, Fact] | None = None
    _spellings: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spellings: dict[str, list[str]] = defaultdict(list)
        for one in self.instruments.values():
            for spelling in {_folded(one.name), _folded(one.full_name), _folded(one.name.partition("(")[0])}:
                spellings[spelling].append(one.name)
        object.__setattr__(self, "_spellings", dict(spellings))

    def short_name(self, name: str) -> str:
        """Return the short name for a full name or another way of writing it; `name` itself where none fits."""
        if name in self.instruments:
            return name
        found = self._spellings.get(_folded(name), [])
        return found[0] if len(found) == 1 else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).replace(" ", "").removeprefix("中华人民共和国")


def bank_problems(questions: Sequence[Located], register: Register) -> list[Problem]:
    """Return what keeps these questions from being taken over together, whatever the day."""
    problems = list(_repeated_codes(questions))
    articles = registered_articles(register.facts or {})
    for question in questions:
        problems += _unregistered(question, register)
        if register.facts is not None:
            problems += _articles(question, register, articles)
        if register.facts is not None:
            problems += _facts(question, register, register.facts)
    problems += [
        later.problem("stem", f"题干与 {earlier.entry.code} 几乎相同（相似度{share:.0%}），请改写或删去一题。")
        for earlier, later, share in look_alikes(questions, SAME, chains=False)
    ]
    return problems


def _repeated_codes(questions: Sequence[Located]) -> Iterator[Problem]:
    first: dict[str, Located] = {}
    for question in filter(lambda each: each.entry.code, questions):
        held = first.setdefault(question.entry.code, question)
        if held is not question:
            place = f"{held.file} 第{held.row}行" if held.file else f"第{held.row}行"
            yield question.problem("code", f"编号与{place}的题目重复，请换一个编号。")


def _unregistered(question: Located, register: Register) -> Iterator[Problem]:
    for basis in question.entry.basis:
        if basis.instrument and basis.instrument not in register.instruments:
            hint = near(basis.instrument, register.instruments, quoted="《{}》")
            yield question.problem("basis", f"《{basis.instrument}》没有登记{hint}，请改正或先登记该文书。")


def registered_articles(facts: Mapping[str, Fact]) -> set[Basis]:
    """Return the articles that facts stand for, without paragraph and item: only these can be a basis."""
    return {Basis(fact.instrument, whole_article(fact.article)) for fact in facts.values()}


def whole_article(article: str) -> str:
    """Return an article without its paragraph and item."""
    found = _TO_ARTICLE.match(article)
    return found.group() if found else article


def _articles(question: Located, register: Register, articles: AbstractSet[Basis]) -> Iterator[Problem]:
    for basis in question.entry.basis:
        if basis.instrument in register.instruments and basis.article:
            whole = Basis(basis.instrument, whole_article(basis.article))
            if whole not in articles:
                yield question.problem(
                    "basis",
                    f"《{whole.instrument}》{whole.article}没有登记条文事实，无从核对；请改正条号，或先登记该条。",
                )


def _facts(question: Located, register: Register, facts: Mapping[str, Fact]) -> Iterator[Problem]:
    entry = question.entry
    known = [facts[name] for name in entry.facts if name in facts]
    for name in filter(None, entry.facts):
        if name not in facts:
            yield question.problem("facts", f"没有编号为 {name} 的事实，请改正。")
    if not question.whole:
        return
    if entry.state == IN_USE and not entry.facts:
        yield question.problem("facts", "启用的题目至少要写明一条事实，请补写，或把状态改为 draft。")
    if entry.facts:
        rested = {Basis(fact.instrument, fact.article) for fact in known}
        for missing in sorted(rested - set(entry.basis)):
            yield question.problem(
                "basis", f"所列事实出自《{missing.instrument}》{missing.article}，请把它补进法律依据。"
            )
        for extra in sorted(set(entry.basis) - rested if len(known) == len(entry.facts) else ()):
            yield question.problem(
                "facts", f"《{extra.instrument}》{extra.article}没有对应的事实，请补写或删去该依据。"
            )
    if entry.state == IN_USE:
        for fact in known:
            if not usable(fact, register.instruments.get(fact.instrument)):
                yield question.problem(
                    "facts", f"事实 {fact.id} 的现行效力还没有核实，不能用于启用的题目；请把状态改为 to_confirm。"
                )


def usable(fact: Fact, instrument: InstrumentEntry | None) -> bool:
    """Whether a question in use may rest on this fact (law register, section 10, rules 3 and 4).

    It must be of high confidence without a doubt about its force, or its instrument confirmed by a named person;
    what is repealed never is.
    """
    if fact.force_check == "repealed":
        return False
    if instrument is not None and instrument.confirmed_by:
        return True
    return fact.confidence == "high" and fact.force_check is None


def settled(names: Sequence[str], register: Register, confirmed: AbstractSet[str], day: dt.date) -> bool:
    """Whether a question that waits (to_confirm), resting on these facts, may be used now.

    Every fact must be usable and in force on `day`, and an instrument confirmed in this installation (`confirmed`)
    must be among theirs: without one it is the author who wants a look at the question first.
    """
    facts = [(register.facts or {}).get(name) for name in names]
    known = [fact for fact in facts if fact is not None]
    return (
        len(known) == len(names)
        and any(fact.instrument in confirmed for fact in known)
        and all(usable(fact, register.instruments.get(fact.instrument)) for fact in known)
        and not any(_out_of_force("", fact.valid_from, fact.valid_to, day) for fact in known)
    )


def force_problems(questions: Iterable[Located], register: Register, day: dt.date) -> list[Problem]:
    """Return the questions in use whose basis or facts are not in force on `day`; they are not drawn then."""
    problems = []
    for question in questions:
        if question.entry.state != IN_USE:
            continue
        for name in dict.fromkeys(basis.instrument for basis in question.entry.basis):
            one = register.instruments.get(name)
            if one and (said := _out_of_force(f"《{name}》", one.in_force_from, one.in_force_to, day)):
                problems.append(question.problem("basis", said))
        for name in question.entry.facts:
            fact = (register.facts or {}).get(name)
            if fact and (said := _out_of_force(f"事实 {name} ", fact.valid_from, fact.valid_to, day)):
                problems.append(question.problem("facts", said))
    return problems


def _out_of_force(what: str, first: dt.date, last: dt.date | None, day: dt.date) -> str | None:
    if day < first:
        return f"{what}{first}才施行，题目在此之前不能启用。"
    if last is not None and day > last:
        return f"{what}的效力止于{last}，请按现行规定改写，或把状态改为 retired（停用）。"
    return None


def look_alikes(
    questions: Sequence[Located], share: float, *, chains: bool = True
) -> Iterator[tuple[Located, Located, float]]:
    """Yield pairs (earlier, later) whose stems have at least `share` of their pieces in common (Jaccard).

    Only the rarest pieces of a stem are looked up: two sets that share so much must share one of those, so that
    10,000 stems do not mean 50 million comparisons. Without `chains` a question that is like an earlier one is told
    once and not compared with later ones: a file of 20,000 equal stems would mean 200 million pairs.
    """
    questions = [question for question in questions if question.entry.stem]
    pieces = [_pieces(question.entry.stem) for question in questions]
    common = Counter(piece for each in pieces for piece in each)
    holders: dict[str, list[int]] = defaultdict(list)
    for number, mine in enumerate(pieces):
        rarest = sorted(mine, key=lambda piece: (common[piece], piece))
        looked_up = rarest[: len(mine) - math.ceil(share * len(mine) - _ROUNDING) + 1]
        candidates = {other for piece in looked_up for other in holders[piece]}
        told = False
        for other in sorted(candidates):
            found = len(mine & pieces[other]) / len(mine | pieces[other])
            if found >= share:
                yield questions[other], questions[number], found
                told = True
                if not chains:
                    break
        for piece in () if told and not chains else looked_up:
            holders[piece].append(number)


def _pieces(stem: str) -> set[str]:
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", stem).lower() if sign.isalnum())
    return {plain[start : start + _PIECE] for start in range(max(1, len(plain) - _PIECE + 1))}


def bank_warnings(questions: Sequence[Located]) -> list[Problem]:
    """Return what a person should look at: stems that are alike."""
    return [
        later.problem("stem", f"题干与 {earlier.entry.code} 相近（相似度{share:.0%}），请确认不是同一道题。")
        for earlier, later, share in look_alikes(questions, ALIKE)
        if share < SAME
    ]


@dataclass(frozen=True)
class BankTable:
    """How many questions there are, by topic and kind, topic and state, state, difficulty, and key letter."""

    total: int
    topics: Mapping[str, Mapping[str, int]]
    topic_states: Mapping[str, Mapping[str, int]]
    states: Mapping[str, int]
    difficulties: Mapping[int, int]
    keys: Mapping[str, Mapping[str, int]]
    in_use: Mapping[str, int]


def bank_table(questions: Iterable[Located]) -> BankTable:
    """Count the questions that have nothing wrong by themselves."""
    entries = [question.entry for question in questions if question.whole]
    topics: defaultdict[str, Counter[str]] = defaultdict(Counter)
    topic_states: defaultdict[str, Counter[str]] = defaultdict(Counter)
    keys: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        topics[entry.topic][entry.kind] += 1
        topic_states[entry.topic][entry.state] += 1
        keys[entry.kind].update(entry.key)
    return BankTable(
        total=len(entries),
        topics=dict(sorted(topics.items(), key=lambda item: (-sum(item[1].values()), item[0]))),
        topic_states=topic_states,
        states=Counter(entry.state for entry in entries),
        difficulties=Counter(entry.difficulty for entry in entries),
        keys=keys,
        in_use=Counter(entry.kind for entry in entries if entry.state == IN_USE),
    )


@dataclass(frozen=True)
class CheckReport:
    """What `check-bank` found: errors, warnings, and the bank's table on `day`."""

    day: dt.date
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    table: BankTable
    needed: Mapping[str, int]
    balance: Balance
    articles: int

    def render(self) -> str:
        """Return the report as lines of Chinese text for a terminal."""
        lines = [
            f"题库检查（{self.day}）：共{self.table.total}题，错误{len(self.errors)}处，提醒{len(self.warnings)}处。"
        ]
        lines += [f"错误  {_line(problem)}" for problem in self.errors]
        lines += [f"提醒  {_line(problem)}" for problem in self.warnings]
        lines += ["", *_table_lines(self.table), *_stock_lines(self.table, self.needed)]
        lines += [f"登记的条文：{self.articles}条；每条依据都要在其中，款、项不作核对。", *balance_lines(self.balance)]
        return "\n".join(lines) + "\n"


def _line(problem: Problem) -> str:
    row = f"第{problem.row}行" if problem.row is not None else ""
    where = [problem.file + (" " if problem.file and row else "") + row, problem.code, problem.field]
    return "  ".join(filter(None, where)) + "：" + problem.detail


def _table_lines(table: BankTable) -> Iterator[str]:
    width = max([_width(topic) for topic in table.topics] + [_width("专题")])
    shown = [state for state in STATES if table.states.get(state)]
    heads = [*KINDS.values(), "合计", *(STATES[state] for state in shown)]
    yield _padded("专题", width) + "".join(" " * (8 - _width(head)) + head for head in heads)
    for topic, kinds in [*table.topics.items(), ("合计", _summed(table.topics.values()))]:
        states = table.states if topic == "合计" else table.topic_states.get(topic, {})
        counts = [kinds.get(kind, 0) for kind in KINDS]
        counts += [sum(counts), *(states.get(state, 0) for state in shown)]
        yield _padded(topic, width) + "".join(f"{count:>8}" for count in counts)
    yield "状态：" + "  ".join(f"{STATES[state]} {count}" for state, count in sorted(table.states.items()))
    yield "难度：" + "  ".join(f"{level}级 {table.difficulties.get(level, 0)}" for level in (1, 2, 3))
    for kind, letters in sorted(table.keys.items()):
        yield f"{KINDS[kind]}题答案：" + "  ".join(f"{letter} {count}" for letter, count in sorted(letters.items()))


def _stock_lines(table: BankTable, needed: Mapping[str, int]) -> Iterator[str]:
    for kind, count in needed.items():
        held = table.in_use.get(kind, 0)
        verdict = "够用" if held >= count else f"还差{count - held}题，期间会重复"
        yield f"{KINDS[kind]}题：启用{held}题，按默认规则{CONTEST_DAYS}天不重复需要{count}题，{verdict}。"


def _summed(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
