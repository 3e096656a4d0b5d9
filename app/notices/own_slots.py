"""The slots of forecasts (11:40, 17:40) and nudges (12:30, 20:00): planned beside the four, only where people are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.contests.models import ContestState
from app.contests.queries import calendar_of, rules_on
from app.core.clock import local_day
from app.notices import private
from app.notices.audiences import FORECASTS, Audience, due_private
from app.notices.composing import occasion_of
from app.notices.figures import figures_at, standings_in
from app.notices.outgoing import insert_notices
from app.notices.planner import claimed, opened_since, scenes_of
from app.notices.rules import Reason, slot_on
from app.notices.slots.queries import hold_in_force
from app.participation.queries import roll_up
from app.participation.service import answers_open

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.notices.rules import Slot
    from app.notices.scene import Draft, Made, Scene


async def plan_own_slots(session: AsyncSession, contest: Contest, *, now: dt.datetime) -> list[Made]:
    """Insert the forecasts and nudges of a contest that are due at `now`, and return the new notices.

    Safe to repeat and from several processes at once, as `plan` is. A bureau without any private channel has none.
    """
    day = local_day(now)
    if not contest.starts_on <= day <= contest.ends_on or not await claimed(session, contest):
        return []
    rules = await rules_on(session, contest.id, day)
    slot = due_private(day, rules, now=now)
    if slot is None or not (await calendar_of(session, contest)).counts(day) or await answers_open(session, slot.at):
        return []
    made: list[Made] = []
    for scene in await scenes_of(session, contest):
        if not scene.is_province and opened_since(scene) <= slot.at and not await private.settled(session, scene, slot):
            drafts = await _drafts(session, scene, slot, now=now)
            made += await insert_notices(session, scene, slot, drafts, now=now, until=slot.at)
    return made


async def _drafts(session: AsyncSession, scene: Scene, slot: Slot, *, now: dt.datetime) -> list[Draft]:
    channels = await private.private_channels(session, scene)
    if not channels:
        return []
    kind = Audience.FORECAST if slot.name in FORECASTS else Audience.NUDGE
    if scene.contest.state == ContestState.PAUSED:
        return private.nothing(scene, kind, Reason.PAUSED)
    occasion = occasion_of(scene, slot, now=now, until=slot.at)
    if kind is Audience.FORECAST:
        coming = slot_on(slot.day, FORECASTS[slot.name])
        if await hold_in_force(session, scene.contest.id, scene.bureau.id, coming.at):
            return private.nothing(scene, kind, Reason.SLOT_HELD)  # who knows whether it will be sent
    if kind is Audience.NUDGE:
        return await private.nudge_drafts(session, scene, occasion, channels)
    figures = roll_up(scene.units, await figures_at(session, scene, slot.day, slot.at))
    return await private.forecast_drafts(
        session, scene, occasion, standings_in(scene.ranked, figures, occasion.weights)
    )
