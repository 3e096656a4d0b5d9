"""Reads of held slots, and what becomes of notices whose time runs out while they are held."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from app.contests.queries import calendar_of, contest_of_unit, rules_on
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.notices.audiences import Audience
from app.notices.models import Notice, SlotHold
from app.notices.rules import NoticeState, Reason, Slot, slot_on
from app.roster.access import in_subtree
from app.roster.models import Unit, UnitKind

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.roster.access import Caller


async def hold_in_force(
    session: AsyncSession, contest_id: uuid.UUID, unit_id: uuid.UUID, slot_at: dt.datetime
) -> SlotHold | None:
    """Return the hold of a slot that was not released, dropped ones included; there is at most one."""
    found: SlotHold | None = await session.scalar(
        select(SlotHold).where(
            SlotHold.contest_id == contest_id,
            SlotHold.unit_id == unit_id,
            SlotHold.slot_at == slot_at,
            SlotHold.released_at.is_(None),
        )
    )
    return found


async def holds_in_force(
    session: AsyncSession, contest_id: uuid.UUID, slot_at: dt.datetime
) -> dict[uuid.UUID, SlotHold]:
    """Return the same of all bureaus (and the province) of a contest, by unit."""
    found = await session.scalars(
        select(SlotHold).where(
            SlotHold.contest_id == contest_id, SlotHold.slot_at == slot_at, SlotHold.released_at.is_(None)
        )
    )
    return {hold.unit_id: hold for hold in found}


async def notices_of_slot(
    session: AsyncSession, contest_id: uuid.UUID, unit: Unit, slot_at: dt.datetime
) -> list[tuple[Notice, Unit]]:
    """Return what a slot tells a bureau's audiences (of the province: its own group), each with its unit."""
    wanted = (
        select(Notice, Unit)
        .join(Unit, Unit.id == Notice.audience_id)
        .where(Notice.contest_id == contest_id, Notice.slot_at == slot_at)
        .order_by(Unit.kind != UnitKind.BUREAU, Unit.position, Unit.name, Notice.audience_kind)
    )
    if unit.kind == UnitKind.PROVINCE:
        wanted = wanted.where(Notice.audience_kind == Audience.PROVINCE)
    else:
        wanted = wanted.where(Unit.path.contains([unit.id]))
    return [(notice, audience) for notice, audience in await session.execute(wanted)]


class DaysSlot(NamedTuple):
    """One slot of a calendar day, with the contest that asks for it and whether the day reported counts."""

    slot: Slot
    contest: Contest
    counts: bool


async def slots_of_day(session: AsyncSession, unit: Unit, day: dt.date) -> list[DaysSlot]:
    """Return the slots at which a bureau (or province) is told something on a calendar day, in order."""
    found = []
    for reported in (day - dt.timedelta(days=1), day):
        running = await contest_of_unit(session, unit.path, reported)
        if running is None or (unit.kind == UnitKind.PROVINCE and running.contest.unit_id != unit.id):
            continue
        calendar = await calendar_of(session, running.contest)
        names = (await rules_on(session, running.contest.id, day)).notices.active_slots
        slots = [slot for slot in (slot_on(day, name) for name in names) if slot.day == reported]
        found += [DaysSlot(slot, running.contest, calendar.counts(reported)) for slot in slots]
    return found


async def hold_below(session: AsyncSession, caller: Caller, hold_id: str) -> tuple[SlotHold, Unit]:
    """Return a hold of a unit of the caller's subtree with that unit; raises NotFound for any other."""
    found = await session.execute(
        select(SlotHold, Unit)
        .join(Unit, Unit.id == SlotHold.unit_id)
        .where(SlotHold.id == parse_id(hold_id), in_subtree(caller))
    )
    row = found.first()
    if row is None:
        raise NotFound("没有找到这次暂缓。")
    return row[0], row[1]


async def let_lapse(session: AsyncSession, contest_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Mark the notices that are held beyond their slot's window: they can no longer be released, only dropped."""
    held = await session.scalars(
        select(Notice).where(Notice.contest_id == contest_id, Notice.state == NoticeState.HELD)
    )
    for notice in held:
        if now >= Slot(notice.slot_at).deadline:
            notice.state, notice.reason = NoticeState.SUPERSEDED, Reason.HELD_TOO_LONG
    await session.flush()
