"""HTTP: a bureau's place in its province, told by hand."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from app.contests.queries import Placed, contest_seen_by
from app.core.http import UNCHANGED, dumps, polled, problems
from app.core.wiring import Wired
from app.notices.places import queries, service
from app.notices.places.schemas import PlaceList, PlaceOut, PlaceRequest, place_view
from app.roster.access import Caller
from app.roster.models import Officer, Role
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.places.models import ProvincePlace

router = APIRouter(tags=["Notices"])


Organiser = Annotated[Caller, holding(Role.BUREAU, Role.ADMIN)]


async def _contest(session: AsyncSession, caller: Caller, contest_id: str) -> Placed:
    return await contest_seen_by(session, caller, contest_id, to_change=True)


@router.get(
    "/contests/{contest_id}/province-places",
    operation_id="province_places_list",
    summary="已填写的全省位次",
    response_model=PlaceList,
    responses={**UNCHANGED, **problems(401, 403, 404)},
)
async def list_places(contest_id: str, request: Request, caller: Organiser, wired: Wired) -> Response:
    """Return what was told of the contest's days."""
    async with wired.database.reads() as session:
        contest = (await _contest(session, caller, contest_id)).contest
        told = await queries.places_told(session, contest.id)
        items = [place_view(one, by, in_time=await _in_time(session, one)) for one, by in told]
    return polled(request, {"items": items})


@router.put(
    "/contests/{contest_id}/province-places/{day}",
    operation_id="province_place_tell",
    summary="填写本市在全省的位次",
    response_model=PlaceOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def tell_place(contest_id: str, day: dt.date, body: PlaceRequest, caller: Organiser, wired: Wired) -> Response:
    """Record the place that the province told of a contest day; the next morning's 通报 says it.

    A repeat answers the same; another place replaces it. 409: `place-is-computed` in a province's contest.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        contest, unit = await _contest(session, caller, contest_id)
        told = await service.tell_place(
            session, contest, unit, day, place=body.place, as_of=body.as_of, now=now, actor_id=caller.officer_id
        )
        by = await session.get_one(Officer, told.told_by)
        view = place_view(told, by.name, in_time=await _in_time(session, told))
    return Response(dumps(view), media_type="application/json")


@router.delete(
    "/contests/{contest_id}/province-places/{day}",
    operation_id="province_place_withdraw",
    summary="撤回全省位次",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 409, 422),
)
async def withdraw_place(contest_id: str, day: dt.date, caller: Organiser, wired: Wired) -> None:
    """Take the place of a day back; a repeat answers the same."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        contest, unit = await _contest(session, caller, contest_id)
        await service.withdraw_place(session, contest, unit, day, now=now, actor_id=caller.officer_id)


async def _in_time(session: AsyncSession, told: ProvincePlace) -> bool:
    written = await queries.final_written_at(session, told.contest_id, told.day)
    return written is None or told.told_at < written
