"""Chooses what of an import is judged and told: a report stays readable however wrong the file is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from app.bank.entries import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.bank.checking import Located
    from app.bank.entries import Held, Problem

MOST_TOLD = 1_000
_MOST_OF_A_ROW = 20
_MOST_OF_A_FIELD = 3


def told_of(problems: Iterable[Problem]) -> tuple[list[Problem], int]:
    """Return the problems to list, by file and row, and how many more there are.

    At most 3 of a field, 20 of a row and 1,000 in all: whoever mends those sees the others next time.
    """
    told: list[Problem] = []
    left = 0
    of_row: Counter[tuple[str, int | None]] = Counter()
    of_field: Counter[tuple[str, int | None, str]] = Counter()
    for problem in sorted(problems, key=lambda one: (one.file, one.row or 0)):
        row, field = (problem.file, problem.row), (problem.file, problem.row, problem.field)
        full = of_row[row] == _MOST_OF_A_ROW or (problem.field and of_field[field] == _MOST_OF_A_FIELD)
        if full or len(told) == MOST_TOLD:
            left += 1
            continue
        of_row[row] += 1
        of_field[field] += 1
        told.append(problem)
    return told, left


def news_of(questions: Iterable[Located], held: Mapping[str, Held]) -> Iterator[Located]:
    """Yield the questions that the tables do not hold with just this text and state."""
    for one in questions:
        known = held.get(one.entry.code)
        same = known is not None and one.whole and known.state == one.entry.state
        if known is None or not same or known.content_hash != content_hash(one.entry):
            yield one
