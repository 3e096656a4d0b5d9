"""What a notice knows: the frozen figures of one slot for one audience, as values and as they are stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.clock import wire
from app.notices.words import CITY, PROVINCE, Words
from app.participation.rules import COUNTED, Figures, Overtake, Score, Weights, overtake, rank, score

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from app.notices.rules import Slot

_BRANCH = "分局"
_CITY = re.compile("(.{2,})市生态环境局")


@dataclass(frozen=True)
class Occasion:
    """What all audiences of a slot share: contest, day, instants and the rules that the text states.

    `next_opens_at` and `next_closes_at` speak of the counted day after the one reported; None after the last. `resumed`:
    the counted day before it was not the day before.
    """

    contest: str
    issuer: str
    office_phone: str | None
    number: int
    slot: Slot
    cutoff_at: dt.datetime
    issued_at: dt.datetime
    late: bool
    closes_at: dt.datetime
    next_opens_at: dt.datetime | None
    next_closes_at: dt.datetime | None
    final_follows: bool
    with_matches: bool
    weights: Weights
    resumed: bool = False

    @property
    def closed(self) -> bool:
        """Whether the day reported was over when this is told."""
        return max(self.slot.at, self.issued_at) >= self.closes_at


@dataclass(frozen=True)
class Standing:
    """One ranked unit's figures, score and rank; `short` is its name without 「分局」 and what stands before."""

    unit_id: uuid.UUID
    name: str
    short: str
    group: str | None
    figures: Figures
    score: Score
    rank: int | None

    @property
    def complete(self) -> bool:
        """Whether somebody was expected and everybody is done."""
        return self.figures.expected > 0 and self.figures.unfinished == 0


class Ahead(NamedTuple):
    """The nearest better rank and how many points of the score lie between."""

    rank: int
    gap: Fraction


@dataclass(frozen=True)
class Provincial:
    """A bureau's place in its province, and that of `earlier` if it is known.

    `told_as_of`: the place was told by the province, with the figures of that instant; None: it is the rank in the
    province's own contest.
    """

    place: int
    shared: bool = False
    earlier: str | None = None
    earlier_place: int | None = None
    told_as_of: dt.datetime | None = None


@dataclass(frozen=True)
class BureauStats:
    """A bureau's figures: `headquarters` (市本级) is what belongs to no branch; `done_yesterday` at the same hour.

    `earlier_ranks` are the units' ranks at `earlier` (a clock time, or the day before); None: nothing to compare with.
    `provincial`: its place in the province, where that is known.
    """

    occasion: Occasion
    total: Figures
    headquarters: Figures
    standings: tuple[Standing, ...]
    done_yesterday: int | None
    earlier: str | None = None
    earlier_ranks: Mapping[uuid.UUID, int | None] = field(default_factory=dict)
    words: Words = CITY
    provincial: Provincial | None = None

    @property
    def complete(self) -> bool:
        """Whether somebody was expected and everybody is done."""
        return self.total.expected > 0 and self.total.unfinished == 0

    @property
    def ranked(self) -> list[Standing]:
        """The units with a rank, best first within each group; equals in roster order."""
        return sorted((s for s in self.standings if s.rank is not None), key=lambda s: s.rank or 0)


@dataclass(frozen=True)
class BranchStats:
    """A branch among those it is ranked with; `earlier_rank` is its rank at `earlier` (a clock time, or the day before).

    `unfinished`: who has not finished, the first of them by name, only where the contest lets names stand in groups;
    `link` leads to the rest.
    """

    occasion: Occasion
    own: Standing
    others: tuple[Standing, ...]
    earlier_rank: int | None
    earlier: str | None
    unfinished: tuple[str, ...] = ()
    link: str = ""

    @property
    def complete(self) -> bool:
        """Whether somebody was expected and everybody is done."""
        return self.own.complete

    @property
    def ranks_mean_something(self) -> bool:
        """Whether there is anybody to be ranked with, and anything to rank by."""
        field = [s for s in (self.own, *self.others) if s.rank is not None]
        return len(field) > 1 and any(s.score.index for s in field)

    @property
    def equals(self) -> list[Standing]:
        """The others that share the rank."""
        return [s for s in self.others if s.rank is not None and s.rank == self.own.rank]

    @cached_property
    def _better(self) -> list[Standing]:
        """The others with a better rank, best first."""
        better = [s for s in self.others if s.rank is not None and s.rank < (self.own.rank or 0)]
        return sorted(better, key=lambda s: s.rank or 0)

    @cached_property
    def ahead(self) -> Ahead | None:
        """The nearest better rank; None for the first."""
        if not self._better:
            return None
        nearest = self._better[-1]
        return Ahead(nearest.rank or 0, (nearest.score.index or Fraction(0)) - (self.own.score.index or Fraction(0)))

    @cached_property
    def overtake(self) -> Overtake | None:
        """How many more have to complete for which better rank, all else unchanged; None where nothing would do."""
        return overtake(self.own.figures, [s.score for s in self._better], self.occasion.weights)


def short_name(name: str) -> str:
    """Return a unit's name as officials shorten it: 梅州市生态环境局丰顺分局 -> 丰顺, 梅州市生态环境局 -> 梅州."""
    if city := _CITY.fullmatch(name):
        return city[1]
    stem = name.removesuffix(_BRANCH)
    return stem.rpartition("局")[2] or name if stem != name else name


class RankedUnit(NamedTuple):
    """A unit that takes part in the ranking, as the roster has it."""

    id: uuid.UUID
    name: str
    group: str | None


def standings_of(
    units: Iterable[RankedUnit], figures: Mapping[uuid.UUID, Figures], weights: Weights
) -> tuple[Standing, ...]:
    """Return the standing of each unit, in the order given; ranks are within a group."""
    units = list(units)
    scores = {unit.id: score(figures[unit.id], weights) for unit in units}
    ranks = rank(scores, {unit.id: unit.group or "" for unit in units})
    shorts = [short_name(unit.name) for unit in units]
    clear = len(set(shorts)) == len(shorts)
    return tuple(
        Standing(
            unit.id,
            unit.name,
            short if clear else unit.name,
            unit.group,
            figures[unit.id],
            scores[unit.id],
            ranks[unit.id],
        )
        for unit, short in zip(units, shorts, strict=True)
    )


def _figures_json(figures: Figures) -> dict[str, int]:
    return {
        **{name: getattr(figures, name) for name in COUNTED},
        "expected": figures.expected,
        "not_started": figures.not_started,
        "unfinished": figures.unfinished,
    }


def _rate(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "unit": {"id": str(standing.unit_id), "name": standing.name},
        "rank": standing.rank,
        "index": _rate(standing.score.index),
        "participation_rate": _rate(standing.score.participation_rate),
        "completion_rate": _rate(standing.score.completion_rate),
        "accuracy": _rate(standing.score.accuracy),
        **_figures_json(standing.figures),
    }


def as_json(stats: BureauStats | BranchStats) -> dict[str, Any]:
    """Return the figures as a notice's `stats` are stored: counts, rates 0..1, scores 0..100."""
    occasion = stats.occasion
    common = {
        "day": occasion.slot.day.isoformat(),
        "day_number": occasion.number,
        "cutoff_at": wire(occasion.cutoff_at),
        "complete": stats.complete,
        "formula": {name: float(weight) for name, weight in occasion.weights._asdict().items()},
    }
    if isinstance(stats, BureauStats):
        return common | {
            "total": _figures_json(stats.total),
            "headquarters": _figures_json(stats.headquarters),
            "done_yesterday": stats.done_yesterday,
            "contest": occasion.contest,
            "issuer": occasion.issuer,
            "slot": occasion.slot.name,
            "late": occasion.late,
            "earlier": stats.earlier,
            "province_place": stats.provincial.place if stats.provincial else None,
            "level": "province" if stats.words == PROVINCE else "bureau",
            "units": [
                _standing_json(standing)
                | {"group": standing.group, "earlier_rank": stats.earlier_ranks.get(standing.unit_id)}
                for standing in stats.standings
            ],
        }
    return common | {
        "own": _standing_json(stats.own),
        "earlier_rank": stats.earlier_rank,
        "ahead": {"rank": stats.ahead.rank, "gap": float(stats.ahead.gap)} if stats.ahead else None,
        "overtake": stats.overtake._asdict() if stats.overtake else None,
    }
