"""The arithmetic of question statistics and the signs of a bad question (pure)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

LEAST_FOR_DISCRIMINATION = 30
"""Answers from which a discrimination is told at all: with fewer its standard error, 1/sqrt(n), is above 0.18."""
LEAST_FOR_SUSPICION = 50
"""Answers from which a question is looked at for signs of a mistake.

A sound question has a discrimination of about 0.25 here. At 50 answers (standard error 0.14) 4 sound ones in 100 fall
below 0 by chance, at 30 it would be 9, at 100 under 1; and a city of 354 officers with a bank of 600 gives a question
50 answers in the first nine days, while it can still be mended.
"""


class Taken(NamedTuple):
    """Equal answers to one revision: how often, and sums over the rests of their papers.

    `choice` is option ids sorted and joined by commas. The rest of a paper is the share correct among its other
    answered questions; `paired` answers have one.
    """

    revision_id: uuid.UUID
    choice: str
    correct: bool
    answers: int
    paired: int
    rest: float
    rest_squared: float
    first_at: dt.datetime
    last_at: dt.datetime


@dataclass
class Tally:
    """All answers to one revision."""

    taken: list[Taken] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """Times answered."""
        return sum(one.answers for one in self.taken)

    @property
    def correct(self) -> int:
        """Times answered correctly."""
        return sum(one.answers for one in self.taken if one.correct)

    @property
    def share_correct(self) -> float | None:
        """Share correct (正确率), None without answers."""
        return self.correct / self.answers if self.answers else None

    @property
    def first_at(self) -> dt.datetime | None:
        """The instant of the first answer."""
        return min((one.first_at for one in self.taken), default=None)

    @property
    def last_at(self) -> dt.datetime | None:
        """The instant of the last answer."""
        return max((one.last_at for one in self.taken), default=None)

    @property
    def discrimination(self) -> float | None:
        """The point-biserial correlation of being right here with the share correct on the rest of the same paper.

        None below LEAST_FOR_DISCRIMINATION answers with a rest, and where all were right, all wrong, or all rests equal.
        """
        count = sum(one.paired for one in self.taken)
        right = sum(one.paired for one in self.taken if one.correct)
        if count < LEAST_FOR_DISCRIMINATION or right in {0, count}:
            return None
        total = math.fsum(one.rest for one in self.taken)
        variance = math.fsum(one.rest_squared for one in self.taken) / count - (total / count) ** 2
        if variance <= _NOTHING:
            return None
        of_right = math.fsum(one.rest for one in self.taken if one.correct)
        gap = of_right / right - (total - of_right) / (count - right)
        return gap * math.sqrt(right * (count - right) / variance) / count

    def options(self, option_ids: Iterable[str]) -> dict[str, int]:
        """Return how often each of these options was taken, alone or with others."""
        counts = dict.fromkeys(option_ids, 0)
        for one in self.taken:
            for option in one.choice.split(","):
                counts[option] = counts.get(option, 0) + one.answers
        return counts


_NOTHING = 1e-12  # what rounding leaves of a variance of 0


def tallies(rows: Iterable[Taken]) -> dict[uuid.UUID, Tally]:
    """Return the answers by revision."""
    found: dict[uuid.UUID, Tally] = defaultdict(Tally)
    for row in rows:
        found[row.revision_id].taken.append(row)
    return dict(found)


class Sign(StrEnum):
    """Why a question looks wrong."""

    DISTRACTOR = "distractor-preferred"
    DISCRIMINATION = "negative-discrimination"
    CHANCE = "below-chance"


SAID = {
    Sign.DISTRACTOR: "有错误选项比正确选项更常被选，请核对答案是否标错、题干是否有歧义。",
    Sign.DISCRIMINATION: "其他题答得好的人在本题反而更易答错，请核对答案和依据。",
    Sign.CHANCE: "正确率低于随意猜测，请核对答案，或改写容易误读的表述。",
}


def chance(kind: str, options: int) -> float:
    """Return the share correct of blind guessing: of 多选 among all answers of two options up to all but one."""
    if kind == "multiple":
        return 1 / ((1 << options) - options - 2)
    return 1 / options


def signs(tally: Tally, *, kind: str, taken: Mapping[str, int], key: Iterable[str], least: int) -> list[Sign]:
    """Return the signs of a mistake in a question with at least `least` answers; none with fewer.

    `taken` tells how often each option was taken, `key` names the right ones.
    """
    share = tally.share_correct
    if share is None or tally.answers < least:
        return []
    right = set(key)
    found = []
    weakest = min(taken[option] for option in right)
    if any(count > weakest for option, count in taken.items() if option not in right):
        found.append(Sign.DISTRACTOR)
    if (discrimination := tally.discrimination) is not None and discrimination < 0:
        found.append(Sign.DISCRIMINATION)
    if share < chance(kind, len(taken)):
        found.append(Sign.CHANCE)
    return found
