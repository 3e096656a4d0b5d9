"""Figures counted from a test's own log of what it did: plain loops and fractions, nothing of the application."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, NamedTuple

QUESTIONS = 10
COUNTED, REQUIRED = 2, 1  # matches of a day
FORMULA = {"participation": 0.2, "completion": 0.5, "accuracy": 0.3}


class Act(NamedTuple):
    """One thing that an officer did and that the server took: the paper opened (no `right`), or a question answered.

    `match`: of which match; none for the quiz.
    """

    at: dt.datetime
    day: dt.date
    who: str
    right: bool | None
    match: str = ""


@dataclass(frozen=True)
class Count:
    """What a group of people did on a day (or, added up, on several)."""

    enrolled: int = 0
    exempt: int = 0
    participated: int = 0
    quiz_finished: int = 0
    done: int = 0
    in_progress: int = 0
    answered: int = 0
    correct: int = 0

    @property
    def expected(self) -> int:
        return self.enrolled - self.exempt

    @property
    def unfinished(self) -> int:
        return self.expected - self.done

    @property
    def not_started(self) -> int:
        return self.unfinished - self.in_progress

    @property
    def participation_rate(self) -> Fraction | None:
        return Fraction(self.participated, self.expected) if self.expected else None

    @property
    def completion_rate(self) -> Fraction | None:
        return Fraction(self.done, self.expected) if self.expected else None

    @property
    def accuracy(self) -> Fraction | None:
        return Fraction(self.correct, self.answered) if self.answered else None

    @property
    def index(self) -> Fraction | None:
        if self.participation_rate is None or self.completion_rate is None:
            return None
        return 20 * self.participation_rate + 50 * self.completion_rate + 30 * (self.accuracy or Fraction(0))

    @property
    def merit(self) -> tuple[Fraction, Fraction, Fraction]:
        """What ranks: index, completion rate, accuracy."""
        return self.index or Fraction(0), self.completion_rate or Fraction(0), self.accuracy or Fraction(0)

    @property
    def complete(self) -> bool:
        return self.expected > 0 and self.unfinished == 0

    def __add__(self, other: Count) -> Count:
        return Count(
            *(mine + theirs for mine, theirs in zip(asdict(self).values(), asdict(other).values(), strict=True))
        )

    def counts(self) -> dict[str, int]:
        return {
            **asdict(self),
            "expected": self.expected,
            "not_started": self.not_started,
            "unfinished": self.unfinished,
        }

    def standing(self) -> dict[str, Any]:
        """The figures as the API and a notice's `stats` write them."""
        rates = {name: getattr(self, name) for name in ("participation_rate", "completion_rate", "accuracy", "index")}
        return self.counts() | {name: None if rate is None else float(rate) for name, rate in rates.items()}


class Played(NamedTuple):
    """One officer's day: the quiz, and the matches that count with their right answers, in the order of their beginning."""

    opened: bool = False
    quiz: bool = False
    answered: int = 0
    correct: int = 0
    matches: tuple[tuple[str, int], ...] = ()

    @property
    def took_part(self) -> bool:
        return self.answered > 0 or bool(self.matches)

    @property
    def status(self) -> str:
        if self.answered == QUESTIONS and len(self.matches) >= REQUIRED:
            return "done"
        return "in_progress" if self.opened else "not_started"

    @property
    def points(self) -> int:
        return 10 * self.correct + 20 * sum(right for _, right in self.matches)


def played(log: Iterable[Act], day: dt.date, before: dt.datetime) -> dict[str, Played]:
    """What each officer had done on a day before an instant."""
    acts: dict[str, list[Act]] = defaultdict(list)
    for act in sorted(log, key=lambda act: act.at):
        if act.day == day and act.at < before:
            acts[act.who].append(act)
    return {who: _played(of) for who, of in acts.items()}


def _played(acts: list[Act]) -> Played:
    quiz = [act for act in acts if not act.match]
    gave = [act.right for act in quiz if act.right is not None]
    matches: dict[str, int] = {}
    for act in acts:
        if act.match and act.right is not None and (act.match in matches or len(matches) < COUNTED):
            matches[act.match] = matches.get(act.match, 0) + act.right
    return Played(True, bool(quiz), len(gave), sum(gave), tuple(matches.items()))


def count(people: Collection[str], exempt: Collection[str], did: Mapping[str, Played]) -> Count:
    """Add up the people of a unit; what exempt officers play counts nowhere."""
    expected = [did.get(who, Played()) for who in people if who not in exempt]
    return Count(
        enrolled=len(people),
        exempt=sum(who in exempt for who in people),
        participated=sum(one.took_part for one in expected),
        quiz_finished=sum(one.answered == QUESTIONS for one in expected),
        done=sum(one.status == "done" for one in expected),
        in_progress=sum(one.status == "in_progress" for one in expected),
        answered=sum(one.answered for one in expected),
        correct=sum(one.correct for one in expected),
    )


def ranks(counts: Mapping[str, Count]) -> dict[str, int | None]:
    """One more than the number of better ones; nobody expected: no rank."""
    ranked = {name: one.merit for name, one in counts.items() if one.expected}
    return {
        name: 1 + sum(other > ranked[name] for other in ranked.values()) if name in ranked else None for name in counts
    }


def changes(before: Mapping[str, int | None], now: Mapping[str, int | None]) -> dict[str, int | None]:
    """Ranks won (positive) or lost."""
    return {
        name: None if rank is None or (held := before.get(name)) is None else held - rank for name, rank in now.items()
    }


def overtake(counts: Mapping[str, Count], name: str) -> tuple[int, int] | None:
    """How many more must complete for a better rank, and that rank: tried one by one."""
    own, rank = counts[name], ranks(counts)[name]
    for people in range(1, own.unfinished + 1):
        done = own.done + people
        tried = Count(**asdict(own) | {"done": done, "participated": max(own.participated, done)})
        reached = ranks({**counts, name: tried})[name]
        if reached is not None and rank is not None and reached < rank:
            return people, reached
    return None


def ahead(counts: Mapping[str, Count], name: str) -> tuple[int, Fraction] | None:
    """The nearest better rank, and the points of the score between."""
    places = ranks(counts)
    own = places[name]
    better = [other for other, rank in places.items() if rank is not None and own is not None and rank < own]
    if not better:
        return None
    nearest = max(better, key=lambda other: places[other] or 0)
    return places[nearest] or 0, (counts[nearest].index or Fraction(0)) - (counts[name].index or Fraction(0))


def in_order(names: Iterable[str], value: Callable[[str], Any]) -> list[str]:
    """The names by value, the greatest first; equals stay in their order."""
    return sorted(names, key=value, reverse=True)
