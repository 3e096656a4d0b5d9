"""HTTP: notices and their deliveries, and the channels that carry them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Annotated, get_args

from fastapi import APIRouter, Query, Request, Response

from app.contests.queries import contest_of_unit
from app.core.errors import FieldProblem, Invalid, Malformed
from app.core.http import UNCHANGED, decode_cursor, dumps, encode_cursor, next_link, polled, problems
from app.core.ids import parse_id
from app.core.wiring import Wired
from app.notices import queries, service
from app.notices.audiences import PRIVATE
from app.notices.clock import clockwork
from app.notices.models import Channel
from app.notices.planner import preview
from app.notices.rules import slot_on
from app.notices.schemas import (
    AudienceKind,
    AudienceRef,
    DeliveryOut,
    NoticeOut,
    NoticePage,
    PreviewOut,
    PreviewRequest,
    delivery_view,
    frozen_view,
    notice_view,
    preview_view,
)
from app.papers.rules import NoContest
from app.roster.access import WATCHES, Caller, require, unit_below
from app.roster.models import Officer, Unit, UnitKind
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.models import Delivery

__all__ = ["clockwork", "router"]

router = APIRouter(tags=["Notices"])

_AUDIENCES = {
    UnitKind.PROVINCE: {"province"},
    UnitKind.BUREAU: {"bureau"},
    UnitKind.BRANCH: {"branch", "liaison", "leader"},
}
Cursor = Annotated[str | None, Query(description="上一页的 next")]
Limit = Annotated[int, Query(ge=1, le=200)]


Reader = Annotated[Caller, holding(*queries.READERS)]
Settler = Annotated[Caller, holding(*queries.SETTLERS)]


def _json(body: object, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")


def _bad_cursor() -> Malformed:
    return Malformed("分页标记无效，请从第一页重新读取。")


@router.get(
    "/notices",
    operation_id="notices_list",
    summary="通报列表",
    response_model=NoticePage,
    responses={**UNCHANGED, **problems(400, 401, 403, 422)},
)
async def list_notices(
    request: Request,
    caller: Reader,
    wired: Wired,
    day: Annotated[dt.date | None, Query(description="发送当日；不填为全部，最新的在前")] = None,
    kind: Annotated[
        AudienceKind | None, Query(description="受众类别；不填为各群的通报，及发给本单位联络员、负责人的")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Return the notices of the caller's subtree, with what became of each delivery.

    Those to groups, and (for liaison officers and leaders) the private ones to people of their own unit; with `kind`
    those of one kind.
    """
    after = _place(cursor)
    async with wired.database.reads() as session:
        found = await queries.notices_seen_by(session, caller, day=day, kind=kind, after=after, limit=limit + 1)
        page = found[:limit]
        sent = await queries.deliveries_of(session, [notice.id for notice, _ in page])
    last = page[-1].item if len(found) > limit else None
    following = encode_cursor(last.slot_at, last.audience_kind, last.id) if last else None
    items = [notice_view(notice, unit, sent[notice.id]) for notice, unit in page]
    response = polled(request, {"items": items, "next": following})
    next_link(request, response, following)
    return response


def _place(cursor: str | None) -> tuple[dt.datetime, str, uuid.UUID] | None:
    values = decode_cursor(cursor, 3)
    if values is None:
        return None
    try:
        slot_at, kind, notice_id = dt.datetime.fromisoformat(values[0]), values[1], parse_id(values[2])
    except (TypeError, ValueError, AttributeError) as error:
        raise _bad_cursor() from error
    if notice_id is None or slot_at.tzinfo is None or kind not in get_args(AudienceKind):
        raise _bad_cursor()
    return slot_at, kind, notice_id


@router.get(
    "/notices/{notice_id}",
    operation_id="notice_get",
    summary="一份通报",
    response_model=NoticeOut,
    responses={**UNCHANGED, **problems(401, 403, 404)},
)
async def get_notice(request: Request, notice_id: str, caller: Reader, wired: Wired) -> Response:
    """Return one notice with its frozen figures and its deliveries."""
    async with wired.database.reads() as session:
        notice, unit = await queries.notice_seen_by(session, caller, notice_id)
        sent = await queries.deliveries_of(session, [notice.id])
    return polled(request, notice_view(notice, unit, sent[notice.id]))


@router.post(
    "/notices/preview",
    operation_id="notice_preview",
    summary="预览通报",
    response_model=PreviewOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def preview_notice(body: PreviewRequest, caller: Reader, wired: Wired) -> Response:
    """Return what a slot said (`frozen`), or would say with the figures of now; nothing is written or sent."""
    slot = slot_on(body.day, body.slot)
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        unit = await _audience(session, caller, body.audience)
        running = await contest_of_unit(session, unit.path, slot.day)
        if running is None:
            raise NoContest(f"{slot.day}没有覆盖该单位的竞赛，该时段没有通报。")
        if notice := await queries.notice_at(session, running.contest.id, unit.id, body.audience.kind, slot.at):
            sent = await queries.deliveries_of(session, [notice.id])
            return _json(frozen_view(notice, unit, sent[notice.id]))
        drafted = await preview(
            session, running.contest, unit, body.audience.kind, slot, now=now, link=wired.settings.public_url
        )
    return _json(preview_view(slot, drafted))


async def _audience(session: AsyncSession, caller: Caller, wanted: AudienceRef) -> Unit:
    if wanted.kind in PRIVATE:
        require(caller, *WATCHES)  # single officers are named
    unit = await unit_below(session, caller, wanted.id)
    if wanted.kind not in _AUDIENCES.get(UnitKind(unit.kind), ()):
        problem = (
            "受众类别与单位不符：省厅用 province，市局用 bureau，分局用 branch、liaison 或 leader，其他单位没有通报。"
        )
        raise Invalid(problem, errors=[FieldProblem("/audience/kind", problem)])
    return unit


@router.post(
    "/deliveries/{delivery_id}/resend",
    operation_id="delivery_resend",
    summary="重发一条消息",
    response_model=DeliveryOut,
    responses=problems(401, 403, 404, 409),
)
async def resend_delivery(delivery_id: str, caller: Settler, wired: Wired) -> Response:
    """Send a dead or uncertain delivery once more; one already on its way stays as it is."""
    return await _settle(service.resend, delivery_id, caller, wired)


@router.post(
    "/deliveries/{delivery_id}/confirm",
    operation_id="delivery_confirm",
    summary="标记为已发送（已转发）",
    response_model=DeliveryOut,
    responses=problems(401, 403, 404, 409),
)
async def confirm_delivery(delivery_id: str, caller: Settler, wired: Wired) -> Response:
    """Note that a person saw an uncertain message in the group, or forwarded one by hand; repeats are harmless."""
    return await _settle(service.confirm, delivery_id, caller, wired)


async def _settle(act: Callable[..., Awaitable[Delivery]], delivery_id: str, caller: Caller, wired: Wired) -> Response:
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        delivery = await queries.delivery_below(session, caller, delivery_id)
        channel = await session.get(Channel, delivery.channel_id) if delivery.channel_id else None
        history = (await queries.attempts_of(session, [delivery.id])).get(delivery.id, ())
        await act(session, delivery, now=now, actor_id=caller.officer_id)
        by = await session.get(Officer, delivery.settled_by) if delivery.settled_by else None
    return _json(delivery_view(queries.Sent(delivery, channel, history, by.name if by else None)))
