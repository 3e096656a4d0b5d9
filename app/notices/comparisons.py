"""Reads: what a slot is compared with: yesterday's same hour, earlier ranks, who was thanked before."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.notices.audiences import Audience
from app.notices.figures import figures_at, standings_in
from app.notices.models import Notice
from app.notices.rules import FINAL, NoticeState, Slot, compared_with, cutoff, final_of, slot_on
from app.participation.queries import roll_up
from app.participation.rules import weights_of

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Scene

_NIGHT = "22:00"
_COMPARED_WITH_YESTERDAY = ("12:00", "18:00")


async def done_yesterday(session: AsyncSession, scene: Scene, slot: Slot, *, until: dt.datetime) -> int | None:
    """Return how many had done at the same hour of the counted day before: as told then, else as of then.

    None at slots that are not compared, and on the first day.
    """
    day = scene.calendar.previous(slot.day)
    if slot.name not in _COMPARED_WITH_YESTERDAY or day is None:
        return None
    earlier = slot_on(day, slot.name)
    if until == cutoff(slot, scene.rules(slot.day)) and (told := await _told(session, scene, earlier)):
        return int(told["total"]["done"])
    # A preview speaks of an earlier hour than the slot's.
    until = min(cutoff(earlier, scene.rules(day)), until - (slot.day - day))
    return roll_up(scene.units, await figures_at(session, scene, day, until))[scene.bureau.id].done


async def earlier_ranks(
    session: AsyncSession, scene: Scene, slot: Slot
) -> tuple[str | None, dict[uuid.UUID, int | None]]:
    """Return what the ranks are compared with, by name, and the ranks of then.

    The final is compared with the counted day before, 22:00 with the slot before it on the same day.
    """
    previous = scene.calendar.previous(slot.day)
    if slot.final and previous is not None:
        name, earlier = compared_with(slot.day, previous), final_of(previous)
    else:
        before = [name for name in scene.rules(slot.day).notices.active_slots if FINAL < name < slot.name]
        if slot.name != _NIGHT or not before:
            return None, {}
        name, earlier = before[-1], slot_on(slot.day, before[-1])
    if not earlier.final and (told := await _told(session, scene, earlier)):
        ranks = {uuid.UUID(unit["unit"]["id"]): unit["rank"] for unit in told["units"]}
        return (name, ranks) if any(unit["index"] for unit in told["units"]) else (None, {})
    rules = scene.rules(earlier.day)
    figures = roll_up(scene.units, await figures_at(session, scene, earlier.day, cutoff(earlier, rules)))
    standings = standings_in(scene.ranked, figures, weights_of(rules.index))
    if not any(standing.score.index for standing in standings):
        return None, {}  # all were first with nothing: a comparison would only show falls
    return name, {standing.unit_id: standing.rank for standing in standings}


async def _told(session: AsyncSession, scene: Scene, slot: Slot) -> dict[str, Any] | None:
    """Return the figures with which an earlier slot's notice went to the bureau's group: what people compare with.

    None where none was sent; then the figures are read as of then.
    """
    if slot.at not in scene.once.told:
        rows = await session.execute(
            select(Notice.audience_id, Notice.stats).where(
                Notice.contest_id == scene.contest.id,
                Notice.slot_at == slot.at,
                Notice.audience_kind.in_([Audience.BUREAU, Audience.PROVINCE]),
                Notice.state == NoticeState.PLANNED,
            )
        )
        scene.once.told[slot.at] = {row.audience_id: row.stats for row in rows}
    return scene.once.told[slot.at].get(scene.bureau.id)


async def thanked_before(session: AsyncSession, scene: Scene, slot: Slot) -> set[uuid.UUID]:
    """Return the contest's branches that an earlier slot of this contest day told that they are complete."""
    if slot.at in scene.once.thanked:
        return scene.once.thanked[slot.at]
    found = await session.scalars(
        select(Notice.audience_id).where(
            Notice.contest_id == scene.contest.id,
            Notice.audience_kind == "branch",
            Notice.day == slot.day,
            Notice.slot_at < slot.at,
            Notice.state == "planned",
            Notice.stats["complete"].as_boolean(),
        )
    )
    scene.once.thanked[slot.at] = set(found.all())
    return scene.once.thanked[slot.at]
