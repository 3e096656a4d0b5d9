"""Whether the law that a bureau's own question cites is known and confirmed enough to put it into use (pure)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from app.bank.checking import usable, whole_article
from app.bank.entries import Basis

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from app.bank.checking import Fact, Register
    from app.bank.entries import Entry

_UNREGISTERED = (
    "请改正条号；条号无误的，请系统运维人员在 question_bank/law/facts.jsonl 登记该条，再运行 lianbing import-questions"
)
_NO_FACT = "请按现行规定核对题目，再改正或删去“事实”一栏的编号"
_UNCONFIRMED = "请法制人员核对后确认该文书（依据登记中的“确认”，或命令 lianbing confirm-basis）"


class Doubt(NamedTuple):
    """A cited article on which no question in use may rest: what is in doubt, and what to do about it.

    Without instrument and article: a named fact that the register does not hold.
    """

    instrument: str
    article: str
    lacks: str
    todo: str

    @property
    def said(self) -> str:
        """What to tell who wants the question in use."""
        return f"{self.lacks}，以它为依据的题目不能启用；{self.todo}。"


class InDoubt(NamedTuple):
    """How many questions rest on law in doubt, and what is in doubt, each once."""

    questions: int = 0
    doubts: tuple[Doubt, ...] = ()


class Footing:
    """The register with its facts by article, as of one day."""

    def __init__(self, register: Register, day: dt.date) -> None:
        self._register = register
        self._day = day
        self._articles: dict[Basis, list[Fact]] = defaultdict(list)
        for fact in (register.facts or {}).values():
            self._articles[Basis(fact.instrument, whole_article(fact.article))].append(fact)
        self._told = {one.instrument for one in self._articles}

    def doubts(self, basis: Iterable[Basis], facts: Iterable[str] = ()) -> list[Doubt]:
        """Return what keeps a question with this basis, and these facts where it names some, from use.

        A cited article needs one usable fact in force (law register, section 10); an instrument of which no article is
        registered needs a confirmation, and its articles are the reviewer's to answer for. A fact that is named must be
        registered. An instrument that is not, or is not in force, is told elsewhere.
        """
        found = [self._doubt(one.instrument, whole_article(one.article)) for one in basis]
        found += [self._named(name) for name in facts]
        return list({one.lacks: one for one in found if one is not None}.values())

    def in_doubt(self, entries: Iterable[Entry]) -> InDoubt:
        """Return how many of these questions may not come into use as they are, and why."""
        found = [doubts for entry in entries if (doubts := self.doubts(entry.basis, entry.facts))]
        return InDoubt(len(found), tuple({one.lacks: one for doubts in found for one in doubts}.values()))

    def _named(self, name: str) -> Doubt | None:
        fact = (self._register.facts or {}).get(name)
        if fact is None:
            return Doubt("", "", f"登记簿里没有条文事实“{name}”", _NO_FACT)
        return self._doubtful(fact.instrument, fact.article, [fact])

    def _doubt(self, instrument: str, article: str) -> Doubt | None:
        facts = self._articles.get(Basis(instrument, article), [])
        if facts or instrument not in self._told:
            return self._doubtful(instrument, article, facts)
        lacks = f"《{instrument}》{article}没有登记条文事实，无从核对"
        return Doubt(instrument, article, lacks, _UNREGISTERED)

    def _doubtful(self, instrument: str, article: str, facts: list[Fact]) -> Doubt | None:
        one = self._register.instruments.get(instrument)
        if one is None or not self._holds(one.in_force_from, one.in_force_to):
            return None
        sure = [fact for fact in facts if usable(fact, one)]
        if any(self._holds(fact.valid_from, fact.valid_to) for fact in sure) or (not facts and one.confirmed_by):
            return None
        if not sure and not one.confirmed_by:
            return Doubt(instrument, article, f"《{one.name}》的现行效力还没有人确认", _UNCONFIRMED)
        return Doubt(instrument, article, f"《{instrument}》{article}在{self._day}不是现行规定", "请按现行规定改写题目")

    def _holds(self, first: dt.date, last: dt.date | None) -> bool:
        return first <= self._day and (last is None or self._day <= last)
