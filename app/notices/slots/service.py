"""Holding a slot back (暂缓本时段), releasing it, dropping it: one decision at a time, whoever presses how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from app.contests.queries import rules_on
from app.core import audit
from app.core.clock import local_day, wire
from app.core.errors import Conflict
from app.notices.audiences import Audience
from app.notices.composing import compose
from app.notices.models import SlotHold
from app.notices.outgoing import add_deliveries
from app.notices.planner import scenes_of
from app.notices.private import private_drafts
from app.notices.rules import NoticeState, Reason, Slot, in_contest
from app.notices.slots.queries import hold_in_force, notices_of_slot
from app.notices.text import TEMPLATE_VERSION

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.notices.models import Notice
    from app.notices.scene import Draft
    from app.roster.models import Unit


class SlotNotAsked(Conflict):
    """The contest's rules ask for no notice at this slot; facts: slots."""

    code = "slot-not-asked"
    title = "该日没有这个时段的通报"


class SlotAlreadyOut(Conflict):
    """What a slot says has been planned without a hold: it is on its way; facts: slot_at."""

    code = "slot-already-out"
    title = "本时段的通报已经生成"


class SlotOver(Conflict):
    """The time within which a slot's notices may go out is over; facts: slot_at, deadline."""

    code = "slot-over"
    title = "本时段已过发送时限"


class SlotDropped(Conflict):
    """A dropped slot stays dropped; facts: slot_at, dropped_at."""

    code = "slot-dropped"
    title = "本时段已经取消"


class SlotReleased(Conflict):
    """A released slot's notices are on their way; facts: slot_at, released_at."""

    code = "slot-released"
    title = "本时段已经恢复发送"


class Held(NamedTuple):
    """A hold, and whether this call made it."""

    hold: SlotHold
    new: bool


async def hold_slot(
    session: AsyncSession,
    contest: Contest,
    unit: Unit,
    slot: Slot,
    *,
    reason: str,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> Held:
    """Hold a slot of a bureau (or of the province's group) back; where it is held already, that hold is returned.

    Raises SlotNotAsked, SlotDropped, SlotAlreadyOut, SlotOver.
    """
    await _exclusively(session, contest.id)
    slots = (await rules_on(session, contest.id, local_day(slot.at))).notices.active_slots
    if slot.name not in slots or not in_contest(slot, contest.starts_on, contest.ends_on):
        raise SlotNotAsked("该日没有这个时段的通报，请核对日期和时段。", slots=list(slots))
    held = await hold_in_force(session, contest.id, unit.id, slot.at)
    if held is not None:
        _refuse_dropped(held)
        return Held(held, new=False)
    if await notices_of_slot(session, contest.id, unit, slot.at):
        raise SlotAlreadyOut(
            "本时段的通报已经生成，不能再暂缓；需要说明的，请在工作群内另行说明。", slot_at=wire(slot.at)
        )
    _refuse_over(slot, now, "本时段已过发送时限，不会再发出，不需要暂缓。")
    hold = SlotHold(
        contest_id=contest.id, unit_id=unit.id, slot_at=slot.at, reason=reason, held_by=actor_id, held_at=now
    )
    session.add(hold)
    await _audit(session, "slot.hold", hold, now=now, actor_id=actor_id, reason=reason)
    return Held(hold, new=True)


async def release_slot(
    session: AsyncSession,
    contest: Contest,
    unit: Unit,
    hold: SlotHold,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
    link: str = "",
) -> SlotHold:
    """Let a held slot go out (恢复): at its time where that is still to come, else now; again is harmless.

    A text that comes late says so, and is written anew as of the slot's instant: what was entered meanwhile for that
    day, such as an exemption, is in it. Raises SlotDropped, SlotOver.
    """
    await _exclusively(session, contest.id)
    await session.refresh(hold)
    if hold.released_at is not None:
        return hold
    _refuse_dropped(hold)
    slot = Slot(hold.slot_at)
    _refuse_over(slot, now, "本时段已过发送时限，不能再发出；请取消本时段，内容由下一时段的通报覆盖。")
    hold.released_at, hold.released_by = now, actor_id
    found = await notices_of_slot(session, contest.id, unit, slot.at)
    notices = [notice for notice, _ in found if notice.state == NoticeState.HELD]
    if notices:
        drafts = await _drafts_of(session, contest, unit, slot, now=now, until=notices[0].cutoff_at, link=link)
        for notice in notices:
            _let_go(notice, drafts, late=slot.late(now))
        planned = [notice for notice in notices if notice.state == NoticeState.PLANNED]
        await session.flush()
        await add_deliveries(session, planned, slot, now=now)
    await _audit(session, "slot.release", hold, now=now, actor_id=actor_id)
    return hold


def _let_go(notice: Notice, drafts: dict[tuple[uuid.UUID, str], Draft], *, late: bool) -> None:
    notice.state = NoticeState.PLANNED
    draft = drafts.get((notice.audience_id, notice.audience_kind))
    if draft is None:  # to single people, of a branch whose group is told nothing any more, or whose people have left
        group = drafts.get((notice.audience_id, Audience.BRANCH))
        notice.state = NoticeState.SKIPPED
        notice.reason = (group and group.reason) or Reason.NO_PERSON
    elif draft.reason is not None:  # the contest was paused meanwhile, or nobody can be reached any more
        notice.state, notice.reason = NoticeState.SKIPPED, draft.reason
    elif late and draft.text is not None:
        # A late text says 「补发」 and leaves out what was true at the slot only, such as the hours left.
        notice.late, notice.title, notice.body, notice.stats = True, *draft.text, draft.stats
        notice.template_id, notice.template_version, notice.warning = draft.source
        notice.text_version = TEMPLATE_VERSION


async def drop_slot(
    session: AsyncSession, contest: Contest, unit: Unit, hold: SlotHold, *, now: dt.datetime, actor_id: uuid.UUID
) -> SlotHold:
    """Drop a held slot for good (取消): nothing of it goes out; again is harmless. Raises SlotReleased."""
    await _exclusively(session, contest.id)
    await session.refresh(hold)
    if hold.dropped_at is not None:
        return hold
    if hold.released_at is not None:
        raise SlotReleased("本时段已经恢复发送，不能再取消。", slot_at=wire(hold.slot_at))
    hold.dropped_at, hold.dropped_by = now, actor_id
    for notice, _ in await notices_of_slot(session, contest.id, unit, hold.slot_at):
        if notice.state == NoticeState.HELD or notice.reason == Reason.HELD_TOO_LONG:
            notice.state, notice.reason = NoticeState.SKIPPED, Reason.DROPPED
    await _audit(session, "slot.drop", hold, now=now, actor_id=actor_id)
    return hold


async def _exclusively(session: AsyncSession, contest_id: uuid.UUID) -> None:
    # The planner's lock: either it sees the hold, or the hold sees its notices.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(contest_id), 0))))


async def _drafts_of(
    session: AsyncSession,
    contest: Contest,
    unit: Unit,
    slot: Slot,
    *,
    now: dt.datetime,
    until: dt.datetime,
    link: str,
) -> dict[tuple[uuid.UUID, str], Draft]:
    scene = next(scene for scene in await scenes_of(session, contest, link) if scene.bureau.id == unit.id)
    drafts = await compose(session, scene, slot, now=now, until=until)
    drafts += await private_drafts(session, scene, slot, drafts, until=until)
    return {(draft.audience.id, draft.audience_kind): draft for draft in drafts}


async def _audit(
    session: AsyncSession,
    action: str,
    hold: SlotHold,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
    reason: str | None = None,
) -> None:
    await session.flush()
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("slot_hold", hold.id),
        after={"contest_id": str(hold.contest_id), "unit_id": str(hold.unit_id), "slot_at": wire(hold.slot_at)},
        reason=reason,
    )


def _refuse_dropped(hold: SlotHold) -> None:
    if hold.dropped_at is not None:
        raise SlotDropped("本时段已经取消，不会再发出。", slot_at=wire(hold.slot_at), dropped_at=wire(hold.dropped_at))


def _refuse_over(slot: Slot, now: dt.datetime, told: str) -> None:
    if now >= slot.deadline:
        raise SlotOver(told, slot_at=wire(slot.at), deadline=wire(slot.deadline))
