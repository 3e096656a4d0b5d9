"""What an import makes of a unit's own questions: it stands in for no reviewer, and leaves what a file is silent of (pure)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from app.bank.entries import DRAFT, IN_USE, RETIRED, TO_CONFIRM, content_hash
from app.bank.life.rules import REVIEWED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.bank.checking import Located
    from app.bank.entries import Entry, Plan
    from app.bank.footing import InDoubt

BY_REVIEW = (REVIEWED, IN_USE)
"""States that take a second person's word (INSTRUMENTS.md section 10, rule 10): no file gives them."""

_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Stood:
    """A question as it stands; `would_be` is its state but for the end of its basis, None where that did not stop it."""

    entry: Entry
    content_hash: str
    would_be: str | None


class Arrivals(NamedTuple):
    """The questions as an import takes them over, and the codes of those that keep a state other than their file's."""

    entries: list[Entry]
    kept: tuple[str, ...]


def arrive(questions: Iterable[Located], held: Mapping[str, Stood]) -> Arrivals:
    """Return what a file's questions become, `held` being the unit's questions by code.

    What the file does not say stays as it stands. 已核 and 启用 become a draft, unless the text is the one that stands:
    then its state stays. A file puts a text that stands back (草稿, 待复核, 停用), never on, and never lifts 停用:
    待复核 is no way on for a draft either. 停用 of a question that its basis retired is final; a new text of it is a
    draft.
    """
    entries, kept = [], []
    for question in questions:
        stood = held.get(question.entry.code)
        said = None if "state" in question.unsaid else question.entry.state
        if stood is None:
            entries.append(dataclasses.replace(question.entry, state=_given(said)))
            continue
        entry = _completed(question, stood.entry)
        if _stays(said, stood, same=content_hash(entry) == stood.content_hash):
            entries.append(dataclasses.replace(entry, state=stood.would_be or stood.entry.state))
            if said not in {None, stood.entry.state}:
                kept.append(entry.code)
        else:
            entries.append(dataclasses.replace(entry, state=_given(said)))
    return Arrivals(entries, tuple(kept))


def _completed(question: Located, stood: Entry) -> Entry:
    """Return a file's question with what its file is silent of; facts go with their basis."""
    entry = dataclasses.replace(question.entry, **{name: getattr(stood, name) for name in question.unsaid})
    if "facts" in question.unsaid and entry.basis != stood.basis:
        return dataclasses.replace(entry, facts=())
    return entry


def _stays(said: str | None, stood: Stood, *, same: bool) -> bool:
    if stood.entry.state == RETIRED and stood.would_be is None:
        return True
    state = stood.would_be or stood.entry.state
    return same and (said in {None, state, *BY_REVIEW} or (state, said) == (DRAFT, TO_CONFIRM))


def _given(said: str | None) -> str:
    return DRAFT if said is None or said in BY_REVIEW else said


def drafts(plan: Plan) -> int:
    """Count the questions that an import makes drafts."""
    return sum(entry.state == DRAFT for entry in _written(plan))


def to_use(plan: Plan, arrivals: Arrivals) -> list[Entry]:
    """Return the questions that still have to come into use: written ones, and those that their file says more of."""
    codes = {entry.code for entry in _written(plan)} | set(arrivals.kept)
    return [entry for entry in arrivals.entries if entry.code in codes and entry.state != RETIRED]


def _written(plan: Plan) -> list[Entry]:
    return [*plan.created, *(entry for _, entry in (*plan.revised, *plan.restated))]


def advice(draft: int, kept: int, law: InDoubt) -> str | None:
    """Return what to do next after an import, None where nothing is left to do; at most three doubts are named."""
    said = []
    if draft:
        said.append(f"{draft}题存为草稿，由另一位管理员复核后启用。")
    if kept:
        said.append(f"{kept}题保持系统中现有的状态：导入不代替复核，也不恢复停用的题目，请在题目状态中办理。")
    if law.questions:
        said.append(f"{law.questions}题的依据还不能用，启用前请先办理：")
        said += [f"{one.lacks}，{one.todo}。" for one in law.doubts[:_NAMED]]
        said += [f"另有{left}处依据也须办理。"] if (left := len(law.doubts) - _NAMED) > 0 else []
    return "".join(said) or None
