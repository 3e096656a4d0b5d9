"""HTTP: the templates of a bureau's or province's notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from app.core.errors import Forbidden
from app.core.http import UNCHANGED, dumps, polled, problems
from app.core.wiring import Wired
from app.notices.layouts import PLACES
from app.notices.queries import READERS
from app.notices.templates import service
from app.notices.templates.schemas import (
    TemplateDetail,
    TemplateIn,
    TemplateKind,
    TemplateList,
    TemplateSlot,
    TemplateTrial,
    TrialOut,
    detail_view,
    template_view,
    trial_view,
)
from app.roster.access import Caller, bureau_of
from app.roster.models import Officer, Role, Unit, UnitKind
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter(tags=["Notices"])


async def _writer(caller: Annotated[Caller, holding(Role.ADMIN)]) -> Caller:
    if caller.unit_kind not in {UnitKind.BUREAU, UnitKind.PROVINCE}:
        raise Forbidden("通报模板由市局或省厅的管理员设置，请联系上级管理员。")
    return caller


Reader = Annotated[Caller, holding(*READERS)]
Administrator = Annotated[Caller, holding(Role.ADMIN)]
Writer = Annotated[Caller, Depends(_writer)]


def _json(body: object) -> Response:
    return Response(dumps(body), media_type="application/json")


@router.get(
    "/notice-templates",
    operation_id="notice_templates_list",
    summary="各时段现行的通报模板",
    response_model=TemplateList,
    responses={**UNCHANGED, **problems(401, 403)},
)
async def list_templates(request: Request, caller: Reader, wired: Wired) -> Response:
    """Return what writes the notices of the caller's bureau: its own template, the province's, or the built-in text."""
    async with wired.database.reads() as session:
        unit = await bureau_of(session, caller.unit_path)
        held = (await service.wording_for(session, unit.path)).held
        owners = await _owners(session, unit)
    items = []
    for place in PLACES:
        template = held.get(place)
        items.append(template_view(place, template, owners[template.unit_id] if template else None))
    return polled(request, {"items": items})


async def _owners(session: AsyncSession, unit: Unit) -> dict[Any, Unit]:
    return {one.id: one for one in await session.scalars(select(Unit).where(Unit.id.in_(unit.path)))}


@router.get(
    "/notice-templates/{slot}/{audience}",
    operation_id="notice_template_get",
    summary="一个时段、一种受众的通报模板",
    response_model=TemplateDetail,
    responses={**UNCHANGED, **problems(401, 403, 422)},
)
async def get_template(
    request: Request, slot: TemplateSlot, audience: TemplateKind, caller: Reader, wired: Wired
) -> Response:
    """Return the template in force with the names that it may use, the built-in text, and every version of the bureau's."""
    place = service.place_of(slot, audience)
    async with wired.database.reads() as session:
        unit = await bureau_of(session, caller.unit_path)
        body = await _detail(session, unit, place)
    return polled(request, body)


async def _detail(session: AsyncSession, unit: Unit, place: service.Place) -> dict[str, Any]:
    template = (await service.wording_for(session, unit.path)).held.get(place)
    owners = await _owners(session, unit)
    versions = await service.versions_of(session, unit.id, place)
    people = await session.scalars(select(Officer).where(Officer.id.in_({one.created_by for one in versions})))
    names = {one.id: one.name for one in people}
    listed = [(one, names[one.created_by]) for one in versions]
    return detail_view(place, template, owners[template.unit_id] if template else None, listed)


@router.put(
    "/notice-templates/{slot}/{audience}",
    operation_id="notice_template_save",
    summary="保存通报模板的新版本",
    response_model=TemplateDetail,
    responses=problems(401, 403, 422),
)
async def save_template(
    slot: TemplateSlot, audience: TemplateKind, caller: Writer, body: TemplateIn, wired: Wired
) -> Response:
    """Save a new version, in force from the next notice on; every version is kept.

    It is tried on the examples first: 422 names the line of title or body, and what to do.
    """
    place = service.place_of(slot, audience)
    service.tried(place, body.title, body.body)
    return await _save(caller, wired, place, (body.title, body.body))


@router.delete(
    "/notice-templates/{slot}/{audience}",
    operation_id="notice_template_delete",
    summary="恢复默认的通报文字",
    response_model=TemplateDetail,
    responses=problems(401, 403, 422),
)
async def delete_template(slot: TemplateSlot, audience: TemplateKind, caller: Writer, wired: Wired) -> Response:
    """Have no template of one's own again: the province's is in force where there is one, else the built-in text."""
    return await _save(caller, wired, service.place_of(slot, audience), None)


async def _save(caller: Caller, wired: Wired, place: service.Place, text: tuple[str, str] | None) -> Response:
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        unit = await session.get_one(Unit, caller.unit_id)
        await service.save(session, unit, place, text, now=now, actor_id=caller.officer_id)
        detail = await _detail(session, unit, place)
    return _json(detail)


@router.post(
    "/notice-templates/preview",
    operation_id="notice_template_preview",
    summary="试写通报模板",
    response_model=TrialOut,
    responses=problems(401, 403, 422),
)
async def preview_template(body: TemplateTrial, _caller: Administrator) -> Response:
    """Return what a template writes on the examples; nothing is saved or sent."""
    place = service.place_of(body.slot, body.audience)
    return _json(trial_view(service.tried(place, body.title, body.body)))
