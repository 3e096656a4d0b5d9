"""HTTP: the slots of a day, and holding one back."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from app.contests.models import Contest
from app.contests.queries import contest_of_unit
from app.core.clock import local_day
from app.core.errors import FieldProblem, Invalid
from app.core.http import UNCHANGED, dumps, polled, problems
from app.core.wiring import Wired
from app.notices.models import SlotHold
from app.notices.organisers import preview_of
from app.notices.queries import deliveries_of
from app.notices.rules import slot_on
from app.notices.slots import queries, service
from app.notices.slots.schemas import HoldOut, HoldRequest, SlotList, hold_view, slot_view
from app.papers.rules import NoContest
from app.roster.access import Caller, bureau_of, unit_below
from app.roster.models import Officer, Role, Unit, UnitKind
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.slots.queries import DaysSlot

router = APIRouter(tags=["Notices"])


Organiser = Annotated[Caller, holding(Role.BUREAU, Role.PROVINCE, Role.ADMIN)]
Holder = Annotated[Caller, holding(Role.BUREAU, Role.ADMIN)]


async def _unit(session: AsyncSession, caller: Caller, unit_id: str | None, pointer: str) -> Unit:
    """Return the bureau (or province) whose slots are meant: the caller's own, or one below."""
    if unit_id is None:
        return await unit_below(session, caller, (await bureau_of(session, caller.unit_path)).id)
    unit = await unit_below(session, caller, unit_id)
    if unit.kind not in {UnitKind.BUREAU, UnitKind.PROVINCE}:
        problem = "暂缓以市局（省厅）为单位，请填市局或省厅的编号，或去掉此项。"
        raise Invalid(problem, errors=[FieldProblem(pointer, problem)])
    return unit


@router.get(
    "/slots",
    operation_id="slots_list",
    summary="某日的通报时段",
    response_model=SlotList,
    responses={**UNCHANGED, **problems(401, 403, 404, 422)},
)
async def list_slots(
    request: Request,
    caller: Organiser,
    wired: Wired,
    day: Annotated[dt.date | None, Query(description="发送当日；不填为今天", examples=["2026-11-23"])] = None,
    unit_id: Annotated[str | None, Query(description="市局或省厅；不填为本人所在的市局或省厅")] = None,
) -> Response:
    """Return the slots of a day, past and to come, with holds and what became of their notices."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        unit = await _unit(session, caller, unit_id, "/query/unit_id")
        slots = await queries.slots_of_day(session, unit, day or local_day(now))
        items = [await _shown(session, unit, one, now) for one in slots]
    return polled(request, {"items": items})


async def _shown(session: AsyncSession, unit: Unit, one: DaysSlot, now: dt.datetime) -> dict[str, Any]:
    hold = await queries.hold_in_force(session, one.contest.id, unit.id, one.slot.at)
    notices = await queries.notices_of_slot(session, one.contest.id, unit, one.slot.at)
    preview = await preview_of(session, one.contest, unit, one.slot)
    return slot_view(
        one,
        unit,
        hold=(hold, await _name(session, hold)) if hold else None,
        notices=notices,
        sent=await deliveries_of(session, [notice.id for notice, _ in notices]),
        organisers=preview.id if preview else None,
        now=now,
    )


async def _name(session: AsyncSession, hold: SlotHold) -> str:
    return (await session.get_one(Officer, hold.held_by)).name


@router.post(
    "/slots/hold",
    operation_id="slot_hold",
    summary="暂缓本时段",
    status_code=201,
    response_model=HoldOut,
    responses={200: {"model": HoldOut, "description": "Held already"}, **problems(401, 403, 404, 409, 422)},
)
async def hold_slot(body: HoldRequest, caller: Holder, wired: Wired) -> Response:
    """Hold a slot's notices back: their figures are frozen at its time, and nothing goes out until it is released.

    200 with the hold of whoever was first. 409: `slot-already-out`, `slot-over`, `slot-dropped`, `slot-not-asked`.
    """
    slot = slot_on(body.day, body.slot)
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        unit = await _unit(session, caller, body.unit_id, "/unit_id")
        running = await contest_of_unit(session, unit.path, slot.day)
        if running is None:
            raise NoContest(f"{slot.day}没有覆盖该单位的竞赛，该时段没有通报。")
        done = await service.hold_slot(
            session, running.contest, unit, slot, reason=body.reason, now=now, actor_id=caller.officer_id
        )
        view = hold_view(done.hold, await _name(session, done.hold))
    return Response(dumps(view), 201 if done.new else 200, media_type="application/json")


@router.post(
    "/slots/{hold_id}/release",
    operation_id="slot_release",
    summary="恢复发送暂缓的时段",
    response_model=HoldOut,
    responses=problems(401, 403, 404, 409),
)
async def release_slot(hold_id: str, caller: Holder, wired: Wired) -> Response:
    """Let a held slot go out with the figures of its time; late, the text says 「补发」.

    A repeat answers the same. 409: `slot-over` (it can only be dropped), `slot-dropped`.
    """
    link = wired.settings.public_url

    async def act(session: AsyncSession, where: _Where, now: dt.datetime) -> SlotHold:
        return await service.release_slot(session, *where, now=now, actor_id=caller.officer_id, link=link)

    return await _decide(act, hold_id, caller, wired)


@router.post(
    "/slots/{hold_id}/drop",
    operation_id="slot_drop",
    summary="取消暂缓的时段",
    response_model=HoldOut,
    responses=problems(401, 403, 404, 409),
)
async def drop_slot(hold_id: str, caller: Holder, wired: Wired) -> Response:
    """Drop a held slot for good: nothing of it goes out. A repeat answers the same. 409: `slot-released`."""

    async def act(session: AsyncSession, where: _Where, now: dt.datetime) -> SlotHold:
        return await service.drop_slot(session, *where, now=now, actor_id=caller.officer_id)

    return await _decide(act, hold_id, caller, wired)


class _Where(NamedTuple):
    contest: Contest
    unit: Unit
    hold: SlotHold


async def _decide(
    act: Callable[[AsyncSession, _Where, dt.datetime], Awaitable[SlotHold]], hold_id: str, caller: Caller, wired: Wired
) -> Response:
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        hold, unit = await queries.hold_below(session, caller, hold_id)
        contest = await session.get_one(Contest, hold.contest_id)
        await act(session, _Where(contest, unit, hold), now)
        view = hold_view(hold, await _name(session, hold))
    return Response(dumps(view), media_type="application/json")
