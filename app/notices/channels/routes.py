"""HTTP: the channels that carry notices; only administrators touch them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.errors import FieldProblem, Invalid, Malformed
from app.core.http import decode_cursor, dumps, encode_cursor, next_link, problems
from app.core.ids import new_id, parse_id
from app.core.wiring import Wired
from app.notices import queries
from app.notices.channels import PRIVATE, ROBOTS, service
from app.notices.channels.posting import send_once
from app.notices.channels.schemas import (
    ChannelAudienceRef,
    ChannelChanges,
    ChannelOut,
    ChannelPage,
    NewChannel,
    TestOut,
    channel_view,
)
from app.notices.channels.sealing import way_of
from app.notices.channels.targets import allowed
from app.notices.models import Channel
from app.notices.rules import LOOK, Outcome, State
from app.roster.access import Caller, unit_below
from app.roster.models import Officer, Role, Unit, UnitKind
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter(tags=["Notices"])

_GROUPS = {UnitKind.PROVINCE: "province", UnitKind.BUREAU: "bureau", UnitKind.BRANCH: "branch"}
_TITLE = "【测试消息】"
_TEXT = "这是练兵系统发给“{unit}”的通道测试。收到即说明通道可用，请勿回复，也不必处理。"
Cursor = Annotated[str | None, Query(description="上一页的 next")]
Limit = Annotated[int, Query(ge=1, le=200)]


Administrator = Annotated[Caller, holding(Role.ADMIN)]


async def _administered(channel_id: str, caller: Administrator, wired: Wired) -> Channel:
    # Refused before the body is judged.
    async with wired.database.reads() as session:
        return (await queries.channel_below(session, caller, channel_id))[0]


def _json(body: object, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")


async def _audience(session: AsyncSession, caller: Caller, wanted: ChannelAudienceRef) -> Unit:
    unit = await unit_below(session, caller, wanted.id)
    own = _GROUPS.get(UnitKind(unit.kind))
    if own is None or wanted.kind not in {own, "officers"}:
        problem = (
            "受众类别与单位不符：省厅用 province，市局用 bureau，分局用 branch，发给个人用 officers；其他单位没有通道。"
        )
        raise Invalid(problem, errors=[FieldProblem("/audience/kind", problem)])
    return unit


@router.get(
    "/channels",
    operation_id="channels_list",
    summary="通道列表",
    response_model=ChannelPage,
    responses=problems(400, 401, 403, 422),
)
async def list_channels(
    request: Request, caller: Administrator, wired: Wired, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """Return the channels of the administrator's subtree; of an address only the host is shown."""
    values = decode_cursor(cursor, 1)
    after = parse_id(str(values[0])) if values else None
    if values and after is None:
        raise Malformed("分页标记无效，请从第一页重新读取。")
    async with wired.database.reads() as session:
        found = await queries.channels_below(session, caller, after=after, limit=limit + 1)
    page = found[:limit]
    following = encode_cursor(page[-1][0].id) if len(found) > limit else None
    response = _json({"items": [channel_view(channel, unit) for channel, unit in page], "next": following})
    next_link(request, response, following)
    return response


@router.post(
    "/channels",
    operation_id="channel_create",
    summary="添加通道",
    status_code=201,
    response_model=ChannelOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def create_channel(body: NewChannel, caller: Administrator, wired: Wired) -> Response:
    """Add a channel to a province, bureau or branch; its address must be the vendor's, or be allowed by the operator."""
    async with wired.database.reads() as session:
        await _audience(session, caller, body.audience)
    given = service.Wanted(
        body.kind,
        body.audience.kind,
        url=body.url,
        secret=body.secret,
        settings=service.with_defaults(body.kind, body.audience.kind, body.settings),
    )
    wanted = replace(given, settings=await service.checked(wired.settings, given))
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        unit = await _audience(session, caller, body.audience)
        channel = await service.create_channel(
            session,
            wired.settings,
            wanted,
            unit_id=unit.id,
            name=body.name,
            enabled=body.enabled,
            now=now,
            actor_id=caller.officer_id,
        )
    return _json(channel_view(channel, unit), 201)


@router.patch(
    "/channels/{channel_id}",
    operation_id="channel_change",
    summary="更改通道",
    response_model=ChannelOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def change_channel(
    channel_id: str,
    body: ChannelChanges,
    caller: Administrator,
    wired: Wired,
    held: Annotated[Channel, Depends(_administered)],
) -> Response:
    """Change a channel's name, address, secret or settings, or switch it off or on."""
    changes = body.model_dump(exclude_unset=True)
    if {"url", "secret", "settings"} & changes.keys():
        settings = await _rechecked(held, changes, wired)
        changes |= {"settings": settings} if "settings" in changes else {}
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        channel, unit = await queries.channel_below(session, caller, channel_id, to_change=True)
        await service.change_channel(session, wired.settings, channel, changes, now=now, actor_id=caller.officer_id)
    return _json(channel_view(channel, unit))


async def _rechecked(held: Channel, changes: dict[str, Any], wired: Wired) -> dict[str, Any]:
    """Return the settings to store of a changed channel; an address that stays is not opened to be checked again."""
    stays = "url" not in changes and held.url is not None
    wanted = service.Wanted(
        held.kind,
        held.audience,
        url=changes.get("url"),
        secret=changes.get("secret"),
        has_secret=held.secret is not None and "secret" not in changes,
        settings=changes.get("settings", held.settings or {}),
    )
    return await service.checked(wired.settings, wanted, url_stays=stays)


@router.delete(
    "/channels/{channel_id}",
    operation_id="channel_delete",
    summary="删除通道",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
)
async def delete_channel(channel_id: str, caller: Administrator, wired: Wired) -> Response:
    """Delete a channel; what it sent stays on record, what it had yet to send is left to be forwarded by hand."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        channel, _ = await queries.channel_below(session, caller, channel_id, to_change=True)
        await service.delete_channel(session, channel, now=now, actor_id=caller.officer_id)
    return Response(status_code=204)


@router.post(
    "/channels/{channel_id}/test",
    operation_id="channel_test",
    summary="发送一条测试消息",
    response_model=TestOut,
    responses=problems(401, 403, 404, 409, 429),
)
async def test_channel(channel_id: str, caller: Administrator, wired: Wired) -> Response:
    """Send one plainly labelled test message (an officers' channel: to the caller) and tell what became of it."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        channel, unit = await queries.channel_below(session, caller, channel_id, to_change=True)
        own = (await session.get_one(Officer, caller.officer_id)).wecom_userid
        recipients = await service.begin_test(session, channel, own, now=now, actor_id=caller.officer_id)
    way = way_of(
        wired.settings,
        kind=channel.kind,
        unit_id=channel.unit_id,
        url=channel.url,
        secret=channel.secret,
        settings=channel.settings,
    )
    if isinstance(way, Outcome):
        outcome = way
    else:
        outcome = await send_once(
            ROBOTS[channel.kind],
            way,
            key=str(new_id()),
            title=_TITLE,
            body=_TEXT.format(unit=unit.name),
            at=now,
            allow=allowed(wired.settings.outbound_allow),
            recipients=recipients,
        )
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        tested = await session.get_one(Channel, channel.id, with_for_update={"key_share": True})
        service.end_test(tested, outcome, now=now)
    return _json({"outcome": outcome.state, "detail": _told(outcome, channel)})


def _told(outcome: Outcome, channel: Channel) -> str:
    look = "请到群内查看"
    if channel.audience == "officers":
        look = "请在本人的企业微信或邮箱中查看"
    elif channel.kind in PRIVATE:
        look = "请向收件人核实"
    if outcome.state is State.SENT:
        return f"测试消息已发出，{look}。{outcome.detail}"
    told = outcome.detail.replace("，稍后自动重试", "，请稍后再测试").replace(LOOK, f"{look}，没有收到的再测试一次。")
    for rest in ("一分钟", "10分钟"):
        told = told.replace(f"{rest}后自动重试", f"请{rest}后再测试")
    return told
