"""Who is proposed for commendation (表现突出集体、个人), by which figures, and what decided between equals; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterable

    from app.participation.rules import Figures, Score

RESERVES = 2
"""Places listed below the quota, so that those who decide see whom the figures set apart."""

_HALF = 2


class Quotas(NamedTuple):
    """How many are proposed: branches, officers of the bureau itself, officers of its branches."""

    collectives: int = 1
    bureau_officers: int = 1
    branch_officers: int = 1


@dataclass(frozen=True)
class Person:
    """One officer's days: `expected` are those on which the officer took part and was not exempt."""

    officer_id: uuid.UUID
    name: str
    employee_no: str
    unit_name: str
    expected: int
    done: int
    answered: int
    correct: int

    @property
    def completion_rate(self) -> Fraction:
        """Days done of days expected."""
        return Fraction(self.done, self.expected) if self.expected else Fraction(0)

    @property
    def accuracy(self) -> Fraction:
        """Questions right of those answered; none counts as 0."""
        return Fraction(self.correct, self.answered) if self.answered else Fraction(0)

    @property
    def order(self) -> tuple[Fraction, ...]:
        """What ranks, greatest first: completion rate, days done, accuracy."""
        return self.completion_rate, Fraction(self.done), self.accuracy


@dataclass(frozen=True)
class Collective:
    """One branch over the days: figures summed, score, and the days on which everybody was done."""

    unit_id: uuid.UUID
    name: str
    figures: Figures
    score: Score
    complete_days: int

    @property
    def order(self) -> tuple[Fraction, ...]:
        """What ranks, greatest first: index, completion rate, accuracy, days with everybody done."""
        return *self.score.order, Fraction(self.complete_days)


class Criterion(StrEnum):
    """What set a candidate apart from the next place; `shared`: nothing did, people decide."""

    INDEX = "index"
    COMPLETION = "completion_rate"
    DAYS = "days_done"
    ACCURACY = "accuracy"
    COMPLETE_DAYS = "complete_days"
    SHARED = "shared"


PERSON_ORDER = (Criterion.COMPLETION, Criterion.DAYS, Criterion.ACCURACY)
COLLECTIVE_ORDER = (Criterion.INDEX, Criterion.COMPLETION, Criterion.ACCURACY, Criterion.COMPLETE_DAYS)

Who = TypeVar("Who", Person, Collective)


@dataclass(frozen=True)
class Candidate(Generic[Who]):
    """Somebody at a place; `proposed`: within the quota; `decided_by`: what set them apart from the next place."""

    who: Who
    place: int
    proposed: bool
    decided_by: Criterion | None


def eligible(person: Person, days: int) -> bool:
    """Whether an officer may be proposed: something done, and expected on at least half of the days (病假、调入等除外)."""
    return person.done > 0 and _HALF * person.expected >= days


def people(persons: Iterable[Person], *, days: int, quota: int) -> list[Candidate[Person]]:
    """Return the officers within the quota and the next places; equals share a place and are all listed."""
    able = [person for person in persons if eligible(person, days)]
    return _placed(able, PERSON_ORDER, quota, lambda person: person.employee_no)


def collectives(branches: Iterable[Collective], *, quota: int) -> list[Candidate[Collective]]:
    """Return the branches within the quota and the next places; a branch without a score, or with none done, never."""
    able = [branch for branch in branches if branch.score.index and branch.figures.done]
    return _placed(able, COLLECTIVE_ORDER, quota, lambda branch: branch.name)


def _placed(
    able: Iterable[Who], criteria: tuple[Criterion, ...], quota: int, label: Callable[[Who], str]
) -> list[Candidate[Who]]:
    if quota == 0:
        return []
    ordered = sorted(sorted(able, key=label), key=lambda one: one.order, reverse=True)
    placed: list[Candidate[Who]] = []
    place = 1
    for number, one in enumerate(ordered, 1):
        if number > 1 and one.order != ordered[number - 2].order:
            place = number
        if place > quota + RESERVES:
            break
        following = ordered[number] if number < len(ordered) else None
        before = ordered[number - 2] if number > 1 else None
        placed.append(Candidate(one, place, place <= quota, _decided(one, before, following, criteria)))
    return placed


def _decided(one: Who, before: Who | None, following: Who | None, criteria: tuple[Criterion, ...]) -> Criterion | None:
    if any(other is not None and other.order == one.order for other in (before, following)):
        return Criterion.SHARED
    if following is None:
        return None
    pairs = zip(criteria, one.order, following.order, strict=True)
    return next(criterion for criterion, mine, theirs in pairs if mine != theirs)
