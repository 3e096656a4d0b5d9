"""The planner: which notices are due, their frozen figures and texts, and the deliveries that carry them."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, func, or_, select

from app.contests.models import Contest, ContestState
from app.contests.queries import calendar_of, rules_versions
from app.core.clock import ZONE, local_day
from app.core.errors import NotFound
from app.notices.audiences import Audience
from app.notices.comparisons import done_yesterday, earlier_ranks, thanked_before
from app.notices.composing import compose
from app.notices.figures import figures_at
from app.notices.models import Notice
from app.notices.outgoing import insert_notices
from app.notices.private import left_at, private_drafts
from app.notices.recipients import groups_of, ways_of
from app.notices.rules import (
    Reason,
    Slot,
    cutoff,
    due_slots,
)
from app.notices.scene import Direct, Draft, Made, Once, Preview, Scene
from app.notices.slots.queries import holds_in_force, let_lapse
from app.notices.templates.service import wordings_for
from app.participation.service import answers_open
from app.roster.models import Unit, UnitKind
from app.roster.queries import subtree

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.models import SlotHold
    from app.notices.unfinished import UnitLeft

_DAY = dt.timedelta(days=1)
_LOOK_BACK = dt.timedelta(days=30)


async def contests_at(session: AsyncSession, now: dt.datetime) -> list[Contest]:
    """Return the contests that may have notices due: open or paused, begun, or ended yesterday.

    One that ended earlier is among them while its last final was not written: nothing ran on the day after its end, and
    its last day is still to be made final, its 8:00 to be shown as missed.
    """
    today = local_day(now)
    of_slots = Notice.audience_kind != Audience.ADMINISTRATORS  # these are told of the bank, on any day
    finals = select(Notice.id).where(
        Notice.contest_id == Contest.id, of_slots, func.timezone(ZONE.key, Notice.slot_at) >= Contest.ends_on + 1
    )
    found = await session.scalars(
        select(Contest)
        .where(
            Contest.state != ContestState.DRAFT,
            Contest.starts_on <= today,
            or_(Contest.ends_on >= today - _DAY, and_(Contest.ends_on >= today - _LOOK_BACK, ~finals.exists())),
        )
        .order_by(Contest.id)
    )
    return list(found.all())


class Task(NamedTuple):
    """A slot to plan for one bureau (or the province): what is due, and whether it may still be sent."""

    scene: Scene
    slot: Slot
    send: bool


async def plan(
    session: AsyncSession,
    contest: Contest,
    *,
    now: dt.datetime,
    link: str = "",
    helpers: Sequence[AsyncSession] = (),
) -> list[list[Made]]:
    """Insert the notices of a contest that are due at `now`, with their deliveries, and return the new ones.

    Safe to repeat and safe from several processes at once: the unique slot and audience decide, and while one process
    plans a contest the others leave it to that one. `link`: the address of the pages, for private notices. `helpers`:
    more transactions among which the bureaus are shared out, so that one bureau's texts are written while the database
    takes up another's; returned are the notices of `session` and of each helper.
    """
    sessions = (session, *helpers)
    if not await claimed(session, contest):
        return [[] for _ in sessions]
    await let_lapse(session, contest.id, now=now)
    known = await _known(session, contest)
    turns = deque(
        [
            Task(scene, slot, send)
            for slot, send in due_slots(
                contest.starts_on,
                contest.ends_on,
                since=opened_since(scene),
                now=now,
                known=known.get(scene.bureau.id, set()),
                names_on=lambda day, scene=scene: scene.rules(day).notices.active_slots,  # type: ignore[misc]
            )
        ]
        for scene in await scenes_of(session, contest, link)
    )
    still_open: dict[dt.datetime, bool] = {}

    async def work(own: AsyncSession) -> list[Made]:
        done: list[Made] = []
        while turns:
            # All slots of a bureau are one transaction's, in their order: drafts and later slots build on earlier ones.
            for task in turns.popleft():
                done += await _plan_one(own, task, still_open, now=now)
        return done

    with _uncollected():
        if helpers:
            await _read_ahead(session, helpers[0], turns, still_open, now=now)
        async with asyncio.TaskGroup() as group:
            shares = [group.create_task(work(own)) for own in sessions]
    return [share.result() for share in shares]


async def _read_ahead(
    session: AsyncSession,
    helper: AsyncSession,
    turns: Iterable[Sequence[Task]],
    still_open: dict[dt.datetime, bool],
    *,
    now: dt.datetime,
) -> None:
    """Read what all bureaus need: over one connection who had not finished, over another the rest meanwhile."""
    task = next((task for turn in turns for task in turn if task.send), None)
    if task is None:
        return
    scene, slot, _ = task
    if scene.contest.state == ContestState.PAUSED or not scene.calendar.counts(slot.day):
        return
    until = cutoff(slot, scene.rules(slot.day))
    if await _still_open(session, until, still_open):
        return
    if slot.final:
        await figures_at(session, scene, slot.day, until)  # the frozen ones, before those that come with the names
    async with asyncio.TaskGroup() as group:
        group.create_task(left_at(helper, scene, slot.day, until))
        await _read_comparisons(session, scene, slot, until)
        if slot.final:  # its figures are frozen: its texts can be written while the names are still being read
            await _compose_ahead(session, (one for turn in turns for one in turn if one.slot == slot and one.send), now)


async def _compose_ahead(session: AsyncSession, tasks: Iterable[Task], now: dt.datetime) -> None:
    for scene, slot, _ in tasks:
        until = cutoff(slot, scene.rules(slot.day))
        scene.once.composed[slot.at, scene.bureau.id] = await compose(session, scene, slot, now=now, until=until)
        await asyncio.sleep(0)


async def _read_comparisons(session: AsyncSession, scene: Scene, slot: Slot, until: dt.datetime) -> None:
    """Read, for all bureaus, what `compose` asks for besides the figures of the slot itself."""
    await ways_of(session, scene, slot.at)
    await groups_of(session, scene)
    await thanked_before(session, scene, slot)
    await earlier_ranks(session, scene, slot)
    await done_yesterday(session, scene, slot, until=until)


async def _still_open(session: AsyncSession, until: dt.datetime, known: dict[dt.datetime, bool]) -> bool:
    """Return whether answers of before `until` are still being written; asked once, before the figures of then are read."""
    if until not in known:
        known[until] = await answers_open(session, until)
    return known[until]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector from walking over thousands of notices again and again: they are no garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


async def _plan_one(
    session: AsyncSession, task: Task, still_open: dict[dt.datetime, bool], *, now: dt.datetime
) -> list[Made]:
    scene, slot, send = task
    until = cutoff(slot, scene.rules(slot.day))
    waits = send and await _still_open(session, until, still_open)
    hold = (await _holds(session, scene, slot)).get(scene.bureau.id)
    if hold and hold.dropped_at:
        drafts = [Draft(unit, Reason.DROPPED, None, None) for unit in scene.groups]
    elif not send:
        missed = Reason.MISSED if scene.calendar.counts(slot.day) else Reason.NOT_COUNTED
        drafts = [Draft(unit, missed, None, None) for unit in scene.groups]
    elif waits:
        return []  # the next round finds it due again
    else:
        drafts = await _all_drafts(session, scene, slot, now=now, until=until)
    return await insert_notices(session, scene, slot, drafts, now=now, until=until, held=hold is not None)


async def _known(session: AsyncSession, contest: Contest) -> dict[uuid.UUID, set[dt.datetime]]:
    """Return the slots of which each bureau (or the province) has a notice already, with whatever result."""
    rows = await session.execute(
        select(Notice.audience_id, Notice.slot_at).where(
            Notice.contest_id == contest.id, Notice.audience_kind.in_([Audience.BUREAU, Audience.PROVINCE])
        )
    )
    known: dict[uuid.UUID, set[dt.datetime]] = {}
    for audience_id, slot_at in rows:
        known.setdefault(audience_id, set()).add(slot_at)
    return known


async def _holds(session: AsyncSession, scene: Scene, slot: Slot) -> dict[uuid.UUID, SlotHold]:
    if slot.at not in scene.once.holds:
        scene.once.holds[slot.at] = await holds_in_force(session, scene.contest.id, slot.at)
    return scene.once.holds[slot.at]


async def claimed(session: AsyncSession, contest: Contest) -> bool:
    """Return whether this transaction plans the contest: no other does until it ends."""
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(str(contest.id), 0))
    return bool(await session.scalar(select(lock)))


def opened_since(scene: Scene) -> dt.datetime:
    """Return since when a bureau has notices of the contest."""
    return max(scene.contest.opened_at or scene.contest.created_at, scene.bureau.created_at)


async def scenes_of(session: AsyncSession, contest: Contest, link: str = "") -> list[Scene]:
    """Return the contest as each bureau sees it, and, where it is a province's, as the province does."""
    versions = (await rules_versions(session, [contest.id]))[contest.id]
    calendar = await calendar_of(session, contest)
    whole = await subtree(session, contest.unit_id)
    tops = [unit for unit in whole if unit.kind == UnitKind.BUREAU]
    tops += [unit for unit in whole if unit.id == contest.unit_id and unit.kind == UnitKind.PROVINCE]
    held: dict[tuple[dt.date, dt.datetime], Direct] = {}
    left: dict[tuple[dt.date, dt.datetime], dict[uuid.UUID, UnitLeft]] = {}
    below: dict[uuid.UUID, list[Unit]] = {top.id: [] for top in tops}
    for unit in whole:
        for top_id in below.keys() & set(unit.path):
            below[top_id].append(unit)
    places: dict[dt.date, dict[uuid.UUID, int | None]] = {}
    wordings = await wordings_for(session, [top.path for top in tops])
    once = Once()
    return [
        Scene(
            contest,
            versions,
            top,
            below[top.id],
            held,
            left,
            calendar,
            wording,
            link,
            whole,
            places,
            once,
        )
        for top, wording in zip(tops, wordings, strict=True)
    ]


async def preview(
    session: AsyncSession, contest: Contest, audience: Unit, kind: str, slot: Slot, *, now: dt.datetime, link: str = ""
) -> Preview:
    """Return what a slot would tell a unit's group, liaison officers or leader with the figures of now; writes nothing.

    Of a slot that is past, the figures are those of the slot. Raises NotFound for a unit without such a notice.
    """
    for scene in await scenes_of(session, contest, link):
        if audience.id in {unit.id for unit in scene.groups}:
            until = min(cutoff(slot, scene.rules(slot.day)), now)
            drafts = await _all_drafts(session, scene, slot, now=now, until=until)
            for draft in drafts:
                if (draft.audience.id, draft.audience_kind) == (audience.id, kind):
                    return Preview(draft, until, slot.late(now))
    raise NotFound("该时段没有发给此受众的通报。")


async def _all_drafts(
    session: AsyncSession, scene: Scene, slot: Slot, *, now: dt.datetime, until: dt.datetime
) -> list[Draft]:
    """Return what a slot tells a bureau's groups and those who are told privately."""
    paused = scene.contest.state == ContestState.PAUSED
    if scene.branches and not slot.final and not paused and scene.calendar.counts(slot.day):
        await left_at(session, scene, slot.day, until)  # with the figures, in one reading of the answers
    drafts = scene.once.composed.pop((slot.at, scene.bureau.id), None)
    if drafts is None:
        drafts = await compose(session, scene, slot, now=now, until=until)
    return drafts + await private_drafts(session, scene, slot, drafts, until=until)
