"""What planning hands from one step to the next: the scene, the drafts, and what was made of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from app.contests.queries import rules_among
from app.notices.audiences import Audience
from app.notices.rules import Reason
from app.notices.templates.service import BUILT_IN, Source
from app.participation.rules import Figures
from app.roster.models import Unit, UnitKind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.contests.models import Contest, ContestRules
    from app.contests.rules import Calendar, PlayRules
    from app.notices.audiences import Missing
    from app.notices.models import Channel, Notice, SlotHold
    from app.notices.stats import BranchStats
    from app.notices.templates.service import Wording
    from app.notices.text import Text
    from app.notices.unfinished import UnitLeft
    from app.notices.ways import Lot, Ways

Direct = dict[uuid.UUID, Figures]
"""Figures by the unit that the officers are assigned to itself."""


@dataclass
class Once:
    """What one planning reads once for all bureaus of a contest, by the day, slot or instant that it is of.

    `ways` to the people of all units, the branches `thanked` before a slot, the accounts to `nudge` by unit, a slot's
    `holds` by unit, the figures `told` to the bureaus' groups at an earlier one, and the channels of the `groups` by unit
    (None: not read yet). `composed`: what a bureau's groups are told at a slot, where it was written ahead of its turn.
    """

    ways: dict[dt.date, Ways] = field(default_factory=dict)
    thanked: dict[dt.datetime, set[uuid.UUID]] = field(default_factory=dict)
    nudge: dict[dt.datetime, dict[uuid.UUID, list[tuple[Missing, list[str]]]]] = field(default_factory=dict)
    holds: dict[dt.datetime, dict[uuid.UUID, SlotHold]] = field(default_factory=dict)
    told: dict[dt.datetime, dict[uuid.UUID, dict[str, Any]]] = field(default_factory=dict)
    groups: dict[uuid.UUID, list[Channel]] | None = None
    composed: dict[tuple[dt.datetime, uuid.UUID], list[Draft]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """A contest as the audiences of one bureau (or, in a province's contest, of the province) see it.

    Its rules' versions, its units, and figures already read: `held` and `left` (who has not finished) are shared by all
    scenes of the contest, for which they are read at once, and so are `places` (the bureaus' ranks of a day in their
    province, over the `whole` contest). `link` is the address of the pages, if there is one.
    """

    contest: Contest
    versions: Sequence[ContestRules]
    bureau: Unit
    units: Sequence[Unit]
    held: dict[tuple[dt.date, dt.datetime], Direct]
    left: dict[tuple[dt.date, dt.datetime], dict[uuid.UUID, UnitLeft]]
    calendar: Calendar
    wording: Wording
    link: str = ""
    whole: Sequence[Unit] = ()
    places: dict[dt.date, dict[uuid.UUID, int | None]] = field(default_factory=dict)
    once: Once = field(default_factory=Once)

    @property
    def is_province(self) -> bool:
        """Whether it is the province that looks: its bureaus are ranked, and each has a scene of its own."""
        return self.bureau.kind == UnitKind.PROVINCE

    @cached_property
    def branches(self) -> list[Unit]:
        """The branches, which have groups of their own."""
        return [] if self.is_province else [unit for unit in self.units if unit.kind == UnitKind.BRANCH]

    @cached_property
    def ranked(self) -> list[Unit]:
        """The units that are ranked: the branches, or the bureaus of the province."""
        return [unit for unit in self.units if unit.kind == UnitKind.BUREAU] if self.is_province else self.branches

    @property
    def groups(self) -> list[Unit]:
        """The units whose groups are told something."""
        return [self.bureau, *self.branches]

    def rules(self, day: dt.date) -> PlayRules:
        """Return the rules in force on a day."""
        return rules_among(self.versions, day)


_GROUP: dict[str, Audience] = {UnitKind.BRANCH: Audience.BRANCH, UnitKind.PROVINCE: Audience.PROVINCE}


class Draft(NamedTuple):
    """What one audience would be told, or why nothing.

    `kind`: where it is not the unit's group; `about`: the figures of a branch's group, from which its liaison officers
    and leader are told, too; `lots`: who gets which text, where that differs (nudges). A private draft keeps its text
    where nobody can be sent it: it is read in the app.
    """

    audience: Unit
    reason: Reason | None
    text: Text | None
    stats: dict[str, Any] | None
    kind: Audience | None = None
    about: BranchStats | None = None
    source: Source = BUILT_IN
    lots: Sequence[Lot] = ()

    @property
    def audience_kind(self) -> str:
        """The private kind, or that of the unit's group."""
        return self.kind or _GROUP.get(self.audience.kind, Audience.BUREAU)

    @property
    def state(self) -> str:
        """The notice's state."""
        if self.reason is None:
            return "planned"
        return "superseded" if self.reason is Reason.MISSED else "skipped"


class Made(NamedTuple):
    """A new notice and the name of its audience."""

    notice: Notice
    audience: str


class Preview(NamedTuple):
    """What an audience would be told, as of which instant, and whether it would say that it comes late."""

    draft: Draft
    cutoff_at: dt.datetime
    late: bool
