"""Draws the questions of one paper: kinds exactly, unseen or longest unseen first, topics balanced; pure, by a seed."""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.contests.rules import KINDS, BankTooSmall

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

ORDER = tuple(KINDS)
"""Kinds in the order in which a paper shows them."""
_PARTY = (
    "公司|企业|工厂|厂|单位|个体户|店|医院|学校|养殖|村|县|市|区|镇|省|局|船|车|向|和|与|将|把|在|因|于|委托|明知|无|未"
)
_SIGNS_OF_A_CASE = (  # a word without which the pattern cannot fit: 10,000 stems are looked at in 10 ms instead of 60
    ("某", re.compile("某(?!些|种|项|类|时|方面|一方|一(?:项|种|类|事))")),
    ("甲", re.compile(f"甲(?={_PARTY})")),
    (
        "年",
        re.compile(
            "[0-9]{4}年[0-9]{1,2}月(?:[0-9]{1,2}日)?(?![0-9日]|起|以前|以后|之前|之后|前|后|施行|公布|通过|修订|修正)"
        ),
    ),
    ("人员", re.compile("(?:执法|检查|调查|巡查|稽查)人员[^。；]{0,20}(?:发现|查获|查明)")),
)


def is_case(stem: str) -> bool:
    """Whether a stem tells a case (案例题): somebody did something once, and the reader is to judge it.

    A case has invented parties (某厂, 张某, 甲公司), a dated act (2026年9月，一辆货车……) or officers who find
    something. 当事人 and 执法人员 alone make none: the law's own rules speak of them too (「当事人要求听证的，……」), nor
    does a day from which a rule holds (自2026年8月15日起). In doubt it is a case: that only keeps it out of matches.
    """
    return any(word in stem and sign.search(stem) for word, sign in _SIGNS_OF_A_CASE)


@dataclass(frozen=True, slots=True)
class Drawable:
    """A question that may be drawn on a day; `stem_length` in characters, `case` as `is_case` tells."""

    revision_id: uuid.UUID
    question_id: uuid.UUID
    kind: str
    topic: str
    stem_length: int
    case: bool


class Pool:
    """The questions that may be drawn, in cells by kind and topic; the same for any order of the same questions.

    `version` is that of the bank out of which they were read.
    """

    def __init__(self, drawables: Iterable[Drawable], *, version: int | None = None) -> None:
        self.version = version
        cells: dict[tuple[str, str], list[Drawable]] = defaultdict(list)
        for one in sorted(drawables, key=lambda drawable: drawable.question_id):
            cells[one.kind, one.topic].append(one)
        self.cells = {cell: tuple(cells[cell]) for cell in sorted(cells)}
        self.place = {
            one.question_id: (cell, index) for cell, held in self.cells.items() for index, one in enumerate(held)
        }
        self.topics = {kind: [topic for k, topic in self.cells if k == kind] for kind in ORDER}
        self.sizes = {cell: len(held) for cell, held in self.cells.items()}
        self._short: dict[int, Pool] = {}

    def short(self, longest: int) -> Pool:
        """Return the pool of the questions that are no cases and have at most `longest` characters; made once."""
        if longest not in self._short:
            self._short[longest] = Pool(
                one for held in self.cells.values() for one in held if one.stem_length <= longest and not one.case
            )
        return self._short[longest]

    def available(self, excluded: AbstractSet[uuid.UUID]) -> Counter[str]:
        """Return how many questions of each kind may be drawn where these question ids may not."""
        counts: Counter[str] = Counter()
        for (kind, _), size in self.sizes.items():
            counts[kind] += size
        counts.subtract(self.place[one][0][0] for one in excluded if one in self.place)
        return counts

    @property
    def revisions(self) -> set[uuid.UUID]:
        """The texts that may be shown on a paper drawn now."""
        return {one.revision_id for held in self.cells.values() for one in held}


def draw(
    pool: Pool,
    *,
    seed: str,
    counts: Mapping[str, int],
    seen: Mapping[uuid.UUID, dt.date],
    excluded: AbstractSet[uuid.UUID],
) -> list[uuid.UUID]:
    """Return the revision ids of one paper: single, then multiple, then true/false questions.

    `counts` says how many of each kind, `seen` on which day the officer last saw a question (by question id),
    `excluded` holds question ids that must not appear. No question comes again while an unseen one of its kind is
    left; then the questions of the kind that were seen longest ago come first, whatever their topics. Among those that
    are equal in this (unseen, or last seen on the same day) no topic stands twice while one of an unused topic could
    stand in its place. Equal arguments give an equal paper; different seeds spread over the whole pool. The cost grows
    with `seen` and the topics, not with the pool. Raises BankTooSmall where a kind has too few questions.
    """
    available = pool.available(excluded)
    for kind in ORDER:
        if available[kind] < counts.get(kind, 0):
            raise BankTooSmall.of(kind, available=available[kind], needed=counts[kind])
    hand = _Hand(pool, seed, seen, excluded)
    slots = [kind for kind in ORDER for _ in range(hand.begin(kind, counts.get(kind, 0)))]
    hand.random.shuffle(slots)
    most = 0
    while slots:
        most += 1
        slots = hand.fill(slots, most)
    return [revision for kind in ORDER for revision in hand.dealt(kind)]


class _Hand:
    """One draw in progress: how many questions each cell gives, and how many more it may."""

    def __init__(
        self,
        pool: Pool,
        seed: str,
        seen: Mapping[uuid.UUID, dt.date],
        excluded: AbstractSet[uuid.UUID],
    ) -> None:
        self.pool = pool
        self.random = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
        self.barred: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.seen: dict[tuple[str, str], dict[int, dt.date]] = defaultdict(dict)
        self.left = dict(pool.sizes)
        self.taken: Counter[tuple[str, str]] = Counter()
        self.used: Counter[str] = Counter()
        """Questions of the paper by topic, of whatever kind."""
        self.equal: dict[tuple[str, str], int] = {}
        """How many questions each cell can still give that are equally long unseen as any other of the kind."""
        for one in excluded:
            if one in pool.place:
                cell, index = pool.place[one]
                self.barred[cell].add(index)
                self.left[cell] -= 1
        for one, day in seen.items():
            if one in pool.place and one not in excluded:
                cell, index = pool.place[one]
                self.seen[cell][index] = day

    def begin(self, kind: str, wanted: int) -> int:
        """Take what has to be on a paper of so many questions of the kind; return for how many there is a choice.

        Where more are wanted than are unseen, all these are taken, and of the others those last seen before the day
        that decides; questions of that day are equal.
        """
        cells = [(kind, topic) for topic in self.pool.topics[kind]]
        unseen = {cell: self.left[cell] - len(self.seen.get(cell, ())) for cell in cells}
        again = wanted - sum(unseen.values())
        if again <= 0:
            self.equal |= unseen
            return wanted
        days = sorted(day for cell in cells for day in self.seen.get(cell, {}).values())
        last = days[again - 1]
        for cell in cells:
            held = Counter((day > last) - (day < last) for day in self.seen.get(cell, {}).values())
            self._take(cell, unseen[cell] + held[-1])
            self.equal[cell] = held[0]
        return again - bisect_left(days, last)

    def _take(self, cell: tuple[str, str], count: int) -> None:
        self.taken[cell] += count
        self.used[cell[1]] += count

    def fill(self, slots: list[str], most: int) -> list[str]:
        """Give slots a topic of their own each, as many as possible; return those left for the next round.

        A bipartite matching by augmenting paths, over the topics that stand on the paper fewer than `most` times. A
        kind that finds no path finds none later in a round.
        """
        preferences = self._preferences(most)
        owner: dict[str, str] = {}
        left: list[str] = []
        for kind in slots:
            if kind in left or not _augment(kind, preferences, owner, set()):
                left.append(kind)
        for topic, kind in owner.items():
            self._take((kind, topic), 1)
            self.equal[kind, topic] -= 1
        return left

    def _preferences(self, most: int) -> dict[str, list[str]]:
        """Return each kind's topics that may be given in this round.

        In random order with a weight of their questions, so that every one of these has the same chance.
        """
        weighed: dict[str, list[tuple[float, str]]] = {kind: [] for kind in ORDER}
        for kind, topic in self.pool.cells:
            chance, equal = self.random.random(), self.equal[kind, topic]
            if equal > 0 and self.used[topic] < most:
                weighed[kind].append((chance ** (1 / equal), topic))
        return {kind: [topic for _, topic in sorted(held, reverse=True)] for kind, held in weighed.items()}

    def dealt(self, kind: str) -> list[uuid.UUID]:
        """Return the revisions of one kind in random order: of each cell unseen ones, then the longest unseen."""
        found: list[Drawable] = []
        for topic in self.pool.topics[kind]:
            if wanted := self.taken.get((kind, topic)):
                found += self._of_cell((kind, topic), wanted)
        self.random.shuffle(found)
        return [one.revision_id for one in found]

    def _of_cell(self, cell: tuple[str, str], wanted: int) -> list[Drawable]:
        held, seen, barred = self.pool.cells[cell], self.seen[cell], self.barred[cell]
        unseen = [index for index in range(len(held)) if index not in seen and index not in barred]
        if len(unseen) >= wanted:
            chosen = self.random.sample(unseen, wanted)
        else:
            known = sorted(seen)
            self.random.shuffle(known)
            known.sort(key=seen.__getitem__)
            chosen = unseen + known[: wanted - len(unseen)]
        return [held[index] for index in chosen]


def _augment(kind: str, preferences: Mapping[str, list[str]], owner: dict[str, str], visited: set[str]) -> bool:
    """Give a slot of this kind a topic: the first free one, else one whose slot can move to another."""
    for topic in preferences[kind]:
        if topic not in owner:
            owner[topic] = kind
            return True
    for topic in preferences[kind]:
        if topic not in visited and owner[topic] != kind:
            visited.add(topic)
            if _augment(owner[topic], preferences, owner, visited):
                owner[topic] = kind
                return True
    return False


def questions_needed(counts: Mapping[str, int], days: int) -> dict[str, int]:
    """Return how many questions of each kind a contest of `days` takes so that no officer sees one twice."""
    return {kind: count * days for kind, count in counts.items()}
