"""What single people are told: liaison officers and leaders at the slots, forecasts and nudges at slots of their own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.notices.audiences import Audience, Missing, merged_left, nearest
from app.notices.models import Notice
from app.notices.recipients import officers_channels, ways_of
from app.notices.rules import Reason
from app.notices.scene import Draft
from app.notices.stats import BranchStats, as_json
from app.notices.templates.service import BUILT_IN, both
from app.notices.text import write_nudges
from app.notices.text_private import ForecastStats, LiaisonStats, NudgeStats, leader_stats, liaison_json
from app.notices.unfinished import UnitLeft, accounts_to_nudge, unfinished_by_unit
from app.notices.ways import Lot, first_lots_of

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.models import Channel
    from app.notices.rules import Slot
    from app.notices.scene import Scene
    from app.notices.stats import Occasion, Standing
    from app.notices.text import Text
    from app.notices.ways import Ways


async def private_drafts(
    session: AsyncSession, scene: Scene, slot: Slot, drafts: Sequence[Draft], *, until: dt.datetime
) -> list[Draft]:
    """Return what a slot tells the liaison officers and leaders of those branches whose groups are told something."""
    told = [(draft.audience, draft.about, draft.stats or {}) for draft in drafts if draft.about]
    if not told:
        return []
    ways = await ways_of(session, scene, slot.at)
    left = await left_at(session, scene, slot.day, until)
    below: dict[uuid.UUID, list[UnitLeft]] = {unit.id: [] for unit, *_ in told}
    for unit in scene.units:
        for branch_id in below.keys() & set(unit.path):
            below[branch_id].append(left.get(unit.id, UnitLeft()))
    made = []
    for unit, about, stats_json in told:
        parts = below[unit.id]
        stats = LiaisonStats(
            about,
            merged_left([one for part in parts for one in part.left]),
            sum(part.reminded for part in parts),
            sum(part.reminded_done for part in parts),
            scene.link,
        )
        figures = stats_json | {"people": liaison_json(stats)}
        problem = ways.problem(unit.id, Audience.LIAISON)
        text, source = scene.wording.say(stats)
        made.append(Draft(unit, problem, text, figures, Audience.LIAISON, source=source))
        made += _to_leader(scene, ways, Draft(unit, None, None, stats_json, Audience.LEADER), about)
    return made


def _to_leader(scene: Scene, ways: Ways, draft: Draft, about: BranchStats) -> list[Draft]:
    stats = leader_stats(about)
    problem = ways.problem(draft.audience.id, Audience.LEADER)
    if stats is None or problem is Reason.NO_PERSON:  # many a unit's head is not in the roster: that is no fault
        return []
    text, source = scene.wording.say(stats)
    return [draft._replace(reason=problem, text=text, source=source)]


async def left_at(session: AsyncSession, scene: Scene, day: dt.date, until: dt.datetime) -> dict[uuid.UUID, UnitLeft]:
    """Return who had not finished a contest day at an instant, by unit; read once for all bureaus of the contest.

    The day's figures as of then come with it, and are there for `figures_at` if it has none yet.
    """
    if (day, until) not in scene.left:
        left, figures = await unfinished_by_unit(session, scene.contest, scene.rules(day), day, until)
        scene.left[day, until] = left
        scene.held.setdefault((day, until), figures)
    return scene.left[day, until]


async def settled(session: AsyncSession, scene: Scene, slot: Slot) -> bool:
    """Whether a forecast or nudge slot of a bureau has been planned, with whatever result."""
    units = [unit.id for unit in (scene.bureau, *scene.branches)]
    found = await session.scalars(
        select(Notice.id)
        .where(
            Notice.contest_id == scene.contest.id,
            Notice.slot_at == slot.at,
            Notice.audience_kind.in_([Audience.FORECAST, Audience.NUDGE]),
            Notice.audience_id.in_(units),
        )
        .limit(1)
    )
    return found.first() is not None


async def private_channels(session: AsyncSession, scene: Scene) -> dict[uuid.UUID, list[Channel]]:
    """Return the private channels that serve a bureau's people, by unit: its own, those above and those below it."""
    return await officers_channels(session, {*scene.bureau.path, *(unit.id for unit in scene.units)})


def nothing(scene: Scene, kind: Audience, reason: Reason) -> list[Draft]:
    """Return the one row that says why a forecast or nudge slot tells nobody anything."""
    return [Draft(scene.bureau, reason, None, None, kind)]


async def forecast_drafts(
    session: AsyncSession, scene: Scene, occasion: Occasion, standings: Sequence[Standing]
) -> list[Draft]:
    """Return what the liaison officers of unfinished branches are told of the slot to come (预告)."""
    unfinished = [
        (unit, BranchStats(occasion, own, (), None, None))
        for unit, own in zip(scene.branches, standings, strict=True)
        if own.figures.unfinished
    ]
    ways = await ways_of(session, scene, occasion.slot.at)
    drafts = []
    for unit, stats in unfinished:
        problem = ways.problem(unit.id, Audience.FORECAST)
        text, source = scene.wording.say(ForecastStats(stats))
        drafts.append(Draft(unit, problem, text, as_json(stats), Audience.FORECAST, source=source))
    return drafts or nothing(scene, Audience.FORECAST, Reason.NOBODY_LEFT)


async def nudge_drafts(
    session: AsyncSession, scene: Scene, occasion: Occasion, channels: dict[uuid.UUID, list[Channel]]
) -> list[Draft]:
    """Return one notice to a bureau's unfinished officers, with its lots: each hears what they lack themselves.

    An account that several officers share hears once, and everybody through one channel: two a day are two.
    """
    day, rules = occasion.slot.day, scene.rules(occasion.slot.day)
    paths = {unit.id: unit.path for unit in scene.units}
    at = occasion.cutoff_at
    if at not in scene.once.nudge:
        scene.once.nudge[at] = await accounts_to_nudge(session, scene.contest, rules, day, at)
    found = [(unit, *one) for unit, left in scene.once.nudge[at].items() if unit in paths for one in left]
    told: set[str] = set()
    heard: dict[tuple[Missing, tuple[uuid.UUID, ...]], list[str]] = {}
    by_key: dict[tuple[uuid.UUID, ...], list[Channel]] = {}
    for unit_id, missing, accounts in found:
        ways = nearest(paths[unit_id], channels)
        fresh = [account for account in dict.fromkeys(accounts) if account not in told]
        if ways and fresh:
            key = tuple(way.id for way in ways)
            by_key[key] = ways
            heard.setdefault((missing, key), []).extend(fresh)
            told.update(fresh)
    if not heard:
        return nothing(scene, Audience.NUDGE, Reason.NOBODY_LEFT)
    lots: list[Lot] = []
    source = BUILT_IN
    counts: Counter[Text] = Counter()
    for (missing, key), accounts in sorted(heard.items(), key=lambda item: item[0]):
        text, by = scene.wording.say(NudgeStats(occasion, missing, rules))
        source = both(source, by)
        counts[text] += len(accounts)
        lots += first_lots_of(by_key[key], text, accounts)
    if not lots:  # accounts there are, but none that these channels can address
        return nothing(scene, Audience.NUDGE, Reason.NO_ACCOUNT)
    stats = {"officers": len(told), "cutoff_at": occasion.cutoff_at.isoformat()}
    text = write_nudges(occasion, list(counts.items()))
    return [Draft(scene.bureau, None, text, stats, Audience.NUDGE, source=source, lots=lots)]
