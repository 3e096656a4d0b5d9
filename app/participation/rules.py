"""Figures of a unit, the published score (综合得分), ranks, and the days asked for: pure and exact."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil, lcm
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from app.core.errors import FieldProblem, Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from app.contests.rules import IndexWeights

Key = TypeVar("Key", bound="Hashable")
_ZERO = Fraction(0)
_DAY = dt.timedelta(days=1)

SETTLED_AFTER = dt.timedelta(seconds=10)
"""An answer's transaction ends within 5 s; its COMMIT is not covered by that limit, hence the margin."""


class RankingDisabled(Forbidden):
    """The contest does not publish single officers' results."""

    code = "ranking-disabled"
    title = "本次竞赛不公布个人排名"


class DayNotCounted(Invalid):
    """The day or days asked for are ahead of today or outside of the contest; facts: first_day, last_day."""

    title = "所查日期不在可查询范围内"


class OfficerStatus(StrEnum):
    """Where an enrolled officer stands on a contest day; exempt officers are exempt whatever they play."""

    IN_PROGRESS = "in_progress"
    NOT_STARTED = "not_started"
    DONE = "done"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of a unit's officers over a day, or summed over days (then officers are officer-days).

    Exempt officers are in `enrolled` and `exempt` only; all else speaks of the expected ones: `participated` gave at
    least one counted answer, `quiz_finished` answered all questions, `done` did the day's task, `in_progress` opened
    a paper and is not done; `answered` and `correct` are questions of their quizzes.
    """

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
        """应参赛: enrolled minus exempt."""
        return self.enrolled - self.exempt

    @property
    def not_started(self) -> int:
        """Expected officers who have not opened any paper."""
        return self.expected - self.done - self.in_progress

    @property
    def unfinished(self) -> int:
        """Expected officers who are not done."""
        return self.expected - self.done

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.enrolled + other.enrolled,
            self.exempt + other.exempt,
            self.participated + other.participated,
            self.quiz_finished + other.quiz_finished,
            self.done + other.done,
            self.in_progress + other.in_progress,
            self.answered + other.answered,
            self.correct + other.correct,
        )


COUNTED = tuple(field.name for field in fields(Figures))
"""The names of the counts that are stored; the others follow from them."""


def total(parts: Iterable[Figures]) -> Figures:
    """Return the sum of figures: of a unit's parts on one day, or of one unit over days."""
    return sum(parts, Figures())


class Weights(NamedTuple):
    """The weights of the published score, exact."""

    participation: Fraction
    completion: Fraction
    accuracy: Fraction


def weights_of(index: IndexWeights) -> Weights:
    """Return the weights as the decimals that the rules write (0.2 is one fifth, not the nearest binary number)."""
    return Weights(*(Fraction(repr(value)) for value in (index.participation, index.completion, index.accuracy)))


@dataclass(frozen=True, slots=True)
class Score:
    """参赛率, 完成率, 正确率 as fractions of 1 and 综合得分 of 100, exact; None where the denominator is 0."""

    participation_rate: Fraction | None
    completion_rate: Fraction | None
    accuracy: Fraction | None
    index: Fraction | None

    @property
    def order(self) -> tuple[Fraction, Fraction, Fraction]:
        """What ranks, greatest first: index, completion rate, accuracy; what is missing counts as 0."""
        return self.index or _ZERO, self.completion_rate or _ZERO, self.accuracy or _ZERO


@lru_cache(maxsize=16)
def _whole_numbers(weights: Weights) -> tuple[tuple[int, int, int], int]:
    """Return the weights as whole numbers, and what they are parts of."""
    whole = lcm(*(weight.denominator for weight in weights))
    a, b, c = (weight.numerator * (whole // weight.denominator) for weight in weights)
    return (a, b, c), whole


def score(figures: Figures, weights: Weights) -> Score:
    """Return 100 x (w1 participation_rate + w2 completion_rate + w3 accuracy), unrounded (README, 综合得分).

    Accuracy counts as 0 while nothing was answered; a unit with nobody expected has no index.
    """
    accuracy = Fraction(figures.correct, figures.answered) if figures.answered else None
    if not figures.expected:
        return Score(None, None, accuracy, None)
    participation = Fraction(figures.participated, figures.expected)
    completion = Fraction(figures.done, figures.expected)
    # In whole numbers, one division at the end: this is asked tens of thousands of times when a province is planned.
    (a, b, c), whole = _whole_numbers(weights)
    answered, correct = (figures.answered, figures.correct) if figures.answered else (1, 0)
    weighted = (a * figures.participated + b * figures.done) * answered + c * correct * figures.expected
    return Score(participation, completion, accuracy, Fraction(100 * weighted, whole * figures.expected * answered))


def rank(scores: Mapping[Key, Score], groups: Mapping[Key, str] | None = None) -> dict[Key, int | None]:
    """Return each one's rank within its group (all in one group without `groups`).

    Equal in index, completion rate and accuracy share a rank (1, 2, 2, 4); nobody expected: None.
    """
    ranks: dict[Key, int | None] = dict.fromkeys(scores)
    members: dict[str | None, list[tuple[tuple[Fraction, Fraction, Fraction], Key]]] = {}
    for key, value in scores.items():
        if value.index is not None:
            members.setdefault(groups[key] if groups else None, []).append((value.order, key))
    for group in members.values():
        group.sort(key=lambda member: member[0], reverse=True)
        place, last = 0, None
        for number, (order, key) in enumerate(group, start=1):
            if order != last:
                place, last = number, order
            ranks[key] = place
    return ranks


def rank_changes(before: Mapping[Key, int | None], now: Mapping[Key, int | None]) -> dict[Key, int | None]:
    """Return the previous rank minus the rank now: positive is up; None where either is missing."""
    changes: dict[Key, int | None] = {}
    for key, place in now.items():
        earlier = before.get(key)
        changes[key] = None if place is None or earlier is None else earlier - place
    return changes


class Overtake(NamedTuple):
    """再有 `people` 人完成可升至第 `place` 位."""

    people: int
    place: int


def needed_to_overtake(own: Figures, others: Iterable[Figures], weights: Weights) -> Overtake | None:
    """Return the smallest number of further officers whose completion betters the unit's rank, and that rank.

    Other units and the unit's own accuracy stay as they are. Those who complete are taken first from the officers
    who participated already, which raises the participation rate least: whoever they are, the rank is reached.
    None where the unit is first, nobody is expected, or even everybody's completion would not do.
    """
    now = score(own, weights).order
    scores = (score(other, weights) for other in others)
    ahead = [other for other in scores if other.index is not None and other.order > now]
    return overtake(own, sorted(ahead, key=lambda other: other.order, reverse=True), weights)


def overtake(own: Figures, ahead: Sequence[Score], weights: Weights) -> Overtake | None:
    """Return the same as `needed_to_overtake`, where the scores of those ahead are known, best first."""
    if not own.expected or not ahead:
        return None

    def after(people: int) -> tuple[Fraction, Fraction, Fraction]:
        done = own.done + people
        return score(replace(own, done=done, participated=max(own.participated, done)), weights).order

    nearest = ahead[-1].order
    (a, b, c), whole = _whole_numbers(weights)
    answered, correct = (own.answered, own.correct) if own.answered else (1, 0)
    asked = ceil(nearest[0] * whole * own.expected * answered / 100) - c * correct * own.expected

    def enough(people: int) -> bool:
        """Whether the index alone would do: `after`, without its fractions."""
        done = own.done + people
        return (a * max(own.participated, done) + b * done) * answered >= asked

    people = 1 + bisect_left(range(1, own.unfinished + 1), True, key=enough)
    if people > own.unfinished:
        return None
    reached = after(people)
    if reached < nearest:  # equal in the index, behind in the rates
        people += bisect_left(range(people, own.unfinished + 1), True, key=lambda number: after(number) >= nearest)
        if people > own.unfinished:
            return None
        reached = after(people)
    return Overtake(people, 1 + bisect_left(ahead, True, key=lambda other: other.order <= reached))


class Span(NamedTuple):
    """Contest days from first to last, both included."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> list[dt.date]:
        """Every day of the span, in order."""
        return [self.first + number * _DAY for number in range((self.last - self.first).days + 1)]


def asked_span(
    counted: Span, *, day: dt.date | None = None, first: dt.date | None = None, last: dt.date | None = None
) -> Span:
    """Return the days that a request means among the counted ones: one day, a range, or all of them.

    Raises DayNotCounted for a day that is not counted (yet), Invalid for a day together with a range and for a range that
    ends before it begins.
    """
    if day is not None:
        if first is not None or last is not None:
            raise Invalid(
                "day 与 from、to 不能同时使用，请只用其中一种。",
                errors=[FieldProblem("/query/day", "去掉 day，或去掉 from 和 to。")],
            )
        return Span(_counted(counted, "day", day), day)
    begins = counted.first if first is None else _counted(counted, "from", first)
    ends = counted.last if last is None else _counted(counted, "to", last)
    if ends < begins:
        problem = FieldProblem("/query/from", "起始日期应不晚于截止日期 to，请改正。")
        raise Invalid("起始日期不能晚于截止日期，请调换后重试。", errors=[problem])
    return Span(begins, ends)


def _counted(counted: Span, name: str, day: dt.date) -> dt.date:
    if not counted.first <= day <= counted.last:
        advice = f"请查询{counted.first}至{counted.last}之间的日期。"
        raise DayNotCounted(
            f"{day}不在竞赛已进行的日期内，{advice}",
            errors=[FieldProblem(f"/query/{name}", advice)],
            first_day=counted.first.isoformat(),
            last_day=counted.last.isoformat(),
        )
    return day


def the_one(last_days: Mapping[Key, dt.date], today: dt.date) -> Key | None:
    """Return the contest meant where none is named: the only one still running, else the only one; None for several.

    `last_days` are those of contests that have begun, by contest.
    """
    running = [key for key, last in last_days.items() if last >= today]
    meant = running or list(last_days)
    return meant[0] if len(meant) == 1 else None


def compared_span(contest: Span, span: Span, uncounted: Collection[dt.date] = ()) -> Span | None:
    """Return the days against whose ranks a span's ranks are compared; None where there are none.

    A range is compared with itself without its last counted day (the same first day); a single counted day with the
    counted day before it. `contest` are the contest's days so far, of which the `uncounted` are in no figure.
    """
    ranked = [day for day in span.days if day not in uncounted]
    if span.first < span.last:
        return Span(span.first, ranked[-2]) if len(ranked) > 1 else None
    before = [day for day in Span(contest.first, span.last - _DAY).days if day not in uncounted]
    return Span(before[-1], before[-1]) if ranked and before else None
