"""Reads: the places that were told, and what the 8:00 通报 says of a bureau's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.notices.audiences import Audience
from app.notices.figures import figures_at, standings_in
from app.notices.models import Notice
from app.notices.places.models import ProvincePlace
from app.notices.rules import compared_with, cutoff, final_of
from app.notices.stats import Provincial
from app.participation.queries import roll_up
from app.participation.rules import weights_of
from app.roster.models import Officer, UnitKind

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.rules import Slot
    from app.notices.scene import Scene


async def provincial_place(session: AsyncSession, scene: Scene, slot: Slot) -> Provincial | None:
    """Return a bureau's place in its province on the finished day that a slot reports; None where it is not known.

    In a province's contest it is the bureau's rank there; in a bureau's own contest what was told by hand.
    """
    if not slot.final or scene.is_province:
        return None
    previous = scene.calendar.previous(slot.day)
    earlier = compared_with(slot.day, previous) if previous else None
    if scene.contest.unit_id == scene.bureau.id:
        told = await _told(session, scene.contest.id, slot.day)
        before = await _told(session, scene.contest.id, previous) if told and previous else None
        if told is None:
            return None
        return Provincial(told.place, False, earlier, before.place if before else None, told.as_of)
    places = await _ranks(session, scene, slot.day)
    place = places.get(scene.bureau.id)
    if place is None:
        return None
    before_then = await _ranks(session, scene, previous) if previous else {}
    shared = list(places.values()).count(place) > 1
    return Provincial(place, shared, earlier, before_then.get(scene.bureau.id))


async def _told(session: AsyncSession, contest_id: uuid.UUID, day: dt.date) -> ProvincePlace | None:
    return await session.get(ProvincePlace, (contest_id, day))


async def _ranks(session: AsyncSession, scene: Scene, day: dt.date) -> dict[uuid.UUID, int | None]:
    """Return the ranks of a province's bureaus on a finished day; empty where nobody had a score."""
    if day not in scene.places:
        rules = scene.rules(day)
        until = cutoff(final_of(day), rules)
        figures = roll_up(scene.whole, await figures_at(session, scene, day, until))
        bureaus = [unit for unit in scene.whole if unit.kind == UnitKind.BUREAU]
        standings = standings_in(bureaus, figures, weights_of(rules.index))
        scored = any(standing.score.index for standing in standings)
        scene.places[day] = {one.unit_id: one.rank for one in standings} if scored and len(bureaus) > 1 else {}
    return scene.places[day]


async def places_told(session: AsyncSession, contest_id: uuid.UUID) -> list[tuple[ProvincePlace, str]]:
    """Return the places told of a contest with the names of who told them, oldest day first."""
    found = await session.execute(
        select(ProvincePlace, Officer.name)
        .join(Officer, Officer.id == ProvincePlace.told_by)
        .where(ProvincePlace.contest_id == contest_id)
        .order_by(ProvincePlace.day)
    )
    return [(place, name) for place, name in found]


async def final_written_at(session: AsyncSession, contest_id: uuid.UUID, day: dt.date) -> dt.datetime | None:
    """Return when the 通报 of a contest day was written: a place told after that does not stand in it."""
    found: dt.datetime | None = await session.scalar(
        select(Notice.created_at).where(
            Notice.contest_id == contest_id,
            Notice.audience_kind == Audience.BUREAU,
            Notice.slot_at == final_of(day).at,
        )
    )
    return found
