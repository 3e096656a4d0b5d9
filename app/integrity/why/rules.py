"""What there is to say about each question of a drawn paper (pure)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.contests.rules import KINDS

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from app.bank.rules import Pool


@dataclass(frozen=True)
class Asked:
    """A question of the paper: the text that was handed out."""

    revision_id: uuid.UUID
    question_id: uuid.UUID
    code: str
    kind: str
    topic: str


@dataclass(frozen=True)
class Reason:
    """Why a question stands on a paper. Pool figures are those of the instant of the draw.

    `slot` of `slots` of its kind; `on_topic` questions of the paper share its topic, and the pool has `topics` topics
    of its kind. `eligible` questions of the kind could be drawn, `alike` of kind and topic, `unseen` of these never seen
    within a year. `last_seen` is the day of the officer's last paper with it. `in_pool` is False for one that cannot
    have been drawn from this pool.
    """

    position: int
    asked: Asked
    slot: int
    slots: int
    on_topic: int
    topics: int
    eligible: int
    alike: int
    unseen: int
    last_seen: dt.date | None
    in_pool: bool

    def sentence(self) -> str:
        """Return the reason in Chinese."""
        kind = KINDS[self.asked.kind]
        said = f"{kind}题第{self.slot}题（共{self.slots}题），专题“{self.asked.topic}”"
        if not self.in_pool:
            return f"{said}：按现有记录，出卷时的题池中没有这道题。"
        said += f"，本卷该专题{self.on_topic}题，题池中{kind}题有{self.topics}个专题"
        pool = f"出卷时可选{kind}题{self.eligible}道，其中该专题{self.alike}道、未见过{self.unseen}道"
        if self.last_seen is None:
            return f"{said}；{pool}，从未见过的题中按种子抽取。"
        return f"{said}；{pool}；未见过的{kind}题不够，不分专题取最久未见的（上次见于{self.last_seen}）。"


def reasons(
    paper: Sequence[Asked],
    pool: Pool,
    *,
    seen: Mapping[uuid.UUID, dt.date],
    excluded: AbstractSet[uuid.UUID],
) -> list[Reason]:
    """Return why each question of a paper stands there, given what the draw was given."""
    slots, topics = Counter(one.kind for one in paper), Counter(one.topic for one in paper)
    eligible = pool.available(excluded)
    dealt: Counter[str] = Counter()
    found = []
    for position, one in enumerate(paper, start=1):
        dealt[one.kind] += 1
        cell = [each for each in pool.cells.get((one.kind, one.topic), ()) if each.question_id not in excluded]
        found.append(
            Reason(
                position=position,
                asked=one,
                slot=dealt[one.kind],
                slots=slots[one.kind],
                on_topic=topics[one.topic],
                topics=len(pool.topics[one.kind]),
                eligible=eligible[one.kind],
                alike=len(cell),
                unseen=sum(each.question_id not in seen for each in cell),
                last_seen=seen.get(one.question_id),
                in_pool=any(each.revision_id == one.revision_id for each in cell),
            )
        )
    return found
