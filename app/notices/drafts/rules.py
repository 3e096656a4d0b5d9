"""When a branch's figures give a draft, who may approve it, and when it goes out: values in, values out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from app.core.errors import Conflict
from app.notices.rules import Slot, before_night, by_day

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from app.participation.rules import Figures

PRAISE_DAYS = 3
"""So many counted days running with everybody done give a draft of praise."""

CRITICISM_DAYS = 2
CRITICISM_BELOW = Fraction(3, 5)
"""So many counted days running with a completion rate below this give a draft of criticism."""

_UNTIL = dt.time(22)
_ALLOWED = dt.timedelta(hours=2)


class DraftDecided(Conflict):
    """The draft was sent or rejected before; facts: state."""

    code = "draft-decided"
    title = "这份拟稿已经处理"


class DraftChanged(Conflict):
    """The text is no longer the one that was read; facts: revision."""

    code = "draft-changed"
    title = "拟稿文字已经修改"


class SecondPersonNeeded(Conflict):
    """The second approval must be another person's than the first."""

    code = "second-person-needed"
    title = "须由另一人核准"


class Kind(StrEnum):
    """What a draft is: 表扬 or 工作通报."""

    PRAISE = "praise"
    CRITICISM = "criticism"


class DraftState(StrEnum):
    """Where a draft stands; approved twice it is sent in the same transaction."""

    PROPOSED = "proposed"
    SENT = "sent"
    REJECTED = "rejected"


NEEDED = {Kind.PRAISE: PRAISE_DAYS, Kind.CRITICISM: CRITICISM_DAYS}
LOOK_BACK = max(NEEDED.values())
"""Days of figures that the rule looks at."""


def proposed(figures: Mapping[dt.date, Figures], earlier: Mapping[Kind, Sequence[dt.date]]) -> list[Kind]:
    """Return which drafts a branch's final days give; `figures` by counted day, `earlier` the days of its drafts.

    A run of days that gave a draft, whatever became of it, gives none again until as many days more have passed.
    """
    days = sorted(figures)
    found = []
    for kind, needed in NEEDED.items():
        run = days[-needed:]
        told = any(day in earlier.get(kind, ()) for day in run)
        if len(run) == needed and not told and all(_fits(kind, figures[day]) for day in run):
            found.append(kind)
    return found


def _fits(kind: Kind, one: Figures) -> bool:
    if not one.expected:
        return False
    if kind is Kind.PRAISE:
        return one.unfinished == 0
    return Fraction(one.done, one.expected) < CRITICISM_BELOW


def next_approval(first: Hashable | None, second: Hashable | None, state: str, person: Hashable) -> bool:
    """Return whether a person's approval is a new one; False: it is already there, so that a second tap changes nothing.

    Raises DraftDecided for a draft that others decided, SecondPersonNeeded where the first approval was this person's.
    """
    if state == DraftState.SENT and person in {first, second}:
        return False
    if state != DraftState.PROPOSED:
        said = "已由两人核准发出" if state == DraftState.SENT else "已被退回"
        raise DraftDecided(f"这份拟稿{said}，不能再处理。", state=str(state))
    if person == first:
        raise SecondPersonNeeded("您已核准过这份拟稿，须由另一位市局或管理人员再核准一次才会发出。")
    return True


@dataclass(frozen=True, order=True)
class Approved(Slot):
    """The slot of an approved draft: its own instant, sent by day only."""

    @property
    def goes_out_at(self) -> dt.datetime:
        """The instant itself, or at night the next 8:00."""
        return by_day(self.at, _UNTIL)

    @property
    def deadline(self) -> dt.datetime:
        """Two hours after it may go out, at the latest 23:00."""
        return before_night(self.goes_out_at, _ALLOWED)
