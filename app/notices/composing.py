"""Composing: what a slot tells the group of a bureau (or province) and those of its branches."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import TYPE_CHECKING

from app.contests.models import ContestState
from app.contests.rules import closes_at, opens_at
from app.notices.audiences import MOST_NAMES_IN_GROUPS, merged_left
from app.notices.comparisons import done_yesterday, earlier_ranks, thanked_before
from app.notices.figures import figures_at, standings_in
from app.notices.places.queries import provincial_place
from app.notices.private import left_at
from app.notices.rules import FINAL, Reason, Slot, reason_to_skip_all, reason_to_skip_branch
from app.notices.scene import Draft, Scene
from app.notices.stats import BranchStats, BureauStats, Occasion, as_json
from app.notices.words import CITY, PROVINCE
from app.participation.queries import roll_up
from app.participation.rules import Figures, total, weights_of

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

_DAY = dt.timedelta(days=1)
_NAMES_AT = ("18:00", "22:00")


async def compose(
    session: AsyncSession, scene: Scene, slot: Slot, *, now: dt.datetime, until: dt.datetime
) -> list[Draft]:
    """Return what a slot tells the bureau (or province) and each of its branches, with the figures as of `until`."""
    if not scene.calendar.counts(slot.day):
        return [Draft(unit, Reason.NOT_COUNTED, None, None) for unit in scene.groups]
    direct = await figures_at(session, scene, slot.day, until)
    figures = roll_up(scene.units, direct)
    rules = scene.rules(slot.day)
    paused = scene.contest.state == ContestState.PAUSED
    everyone = figures[scene.bureau.id]
    nothing = reason_to_skip_all(
        slot, rules, paused=paused, expected=everyone.expected, participated=everyone.participated
    )
    if nothing:
        return [Draft(unit, nothing, None, None) for unit in scene.groups]
    occasion = occasion_of(scene, slot, now=now, until=until)
    standings = standings_in(scene.ranked, figures, occasion.weights)
    ranked = {unit.id for unit in scene.ranked}
    below = {unit.id for unit in scene.units if ranked & set(unit.path)}
    earlier, ranks = await earlier_ranks(session, scene, slot)
    bureau = BureauStats(
        occasion=occasion,
        total=everyone,
        headquarters=total(direct.get(unit.id, Figures()) for unit in scene.units if unit.id not in below),
        standings=standings,
        done_yesterday=await done_yesterday(session, scene, slot, until=until),
        earlier=earlier,
        earlier_ranks=ranks,
        words=PROVINCE if scene.is_province else CITY,
        provincial=await provincial_place(session, scene, slot),
    )
    text, source = scene.wording.say(bureau)
    drafts = [Draft(scene.bureau, None, text, as_json(bureau), source=source)]
    if scene.is_province:
        return drafts
    thanked = await thanked_before(session, scene, slot)
    named = await _named(session, scene, slot, until)
    for branch, own in zip(scene.branches, standings, strict=True):
        reason = reason_to_skip_branch(
            slot, expected=own.figures.expected, thanked=own.complete and branch.id in thanked
        )
        if reason:
            drafts.append(Draft(branch, reason, None, None))
            continue
        others = tuple(s for s in standings if s.group == own.group and s is not own)
        stats = BranchStats(occasion, own, others, ranks.get(branch.id), earlier, named.get(branch.id, ()), scene.link)
        text, source = scene.wording.say(stats)
        drafts.append(Draft(branch, None, text, as_json(stats), about=stats, source=source))
    return drafts


def occasion_of(scene: Scene, slot: Slot, *, now: dt.datetime, until: dt.datetime) -> Occasion:
    """Return what the audiences of a slot share."""
    contest, rules = scene.contest, scene.rules(slot.day)
    following = scene.calendar.following(slot.day)
    next_rules = scene.rules(following or slot.day)
    return Occasion(
        contest=contest.short_name or contest.name,
        issuer=contest.issuer or scene.bureau.name,
        office_phone=contest.office_phone,
        number=scene.calendar.number(slot.day),
        slot=slot,
        cutoff_at=until,
        issued_at=now if slot.late(now) else slot.at,
        late=slot.late(now),
        closes_at=closes_at(rules, slot.day),
        next_opens_at=opens_at(next_rules, following) if following else None,
        next_closes_at=closes_at(next_rules, following) if following else None,
        final_follows=FINAL in scene.rules(slot.day + _DAY).notices.active_slots,
        with_matches=rules.matches.required_per_day > 0,
        weights=weights_of(rules.index),
        resumed=scene.calendar.previous(slot.day) not in {None, slot.day - _DAY},
    )


async def _named(
    session: AsyncSession, scene: Scene, slot: Slot, until: dt.datetime
) -> dict[uuid.UUID, tuple[str, ...]]:
    """Return the first of the unfinished by branch, where the rules let their names stand in its group."""
    if slot.name not in _NAMES_AT or not scene.rules(slot.day).notices.names_in_groups:
        return {}
    left = await left_at(session, scene, slot.day, until)
    named = {}
    for branch in scene.branches:
        parts = [
            one for unit in scene.units if branch.id in unit.path and unit.id in left for one in left[unit.id].left
        ]
        names = (name for one in merged_left(parts) for name in one.names)
        named[branch.id] = tuple(islice(names, MOST_NAMES_IN_GROUPS))
    return named
