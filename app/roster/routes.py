"""HTTP: units, officers, exemptions, transfers, and the audit log."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.core.audit import AuditEntry
from app.core.clock import local_day
from app.core.http import encode_cursor, next_link, problems, read_cursor
from app.core.wiring import Wired
from app.roster import access, queries, service
from app.roster.access import Caller
from app.roster.models import Exemption, Officer, Role, Unit
from app.roster.schemas import (
    AuditItem,
    AuditList,
    AuditSubject,
    ExemptionItem,
    ExemptionList,
    NewExemption,
    NewTransfer,
    NewUnit,
    OfficerItem,
    OfficerList,
    OfficerName,
    Transfer,
    UnitItem,
    UnitList,
    UnitName,
)
from app.roster.signed_in import SignedIn, holding

router = APIRouter(tags=["Roster"])

Administrator = Annotated[Caller, holding(Role.ADMIN)]
BureauStaff = Annotated[Caller, holding(Role.BUREAU, Role.ADMIN)]
Watcher = Annotated[Caller, holding(*access.WATCHES)]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=500)]
Words = Annotated[str | None, Query(max_length=50, pattern=r"^[^\x00]*$")]


def _unit(unit: Unit) -> UnitName:
    return UnitName(id=unit.id, name=unit.name, kind=unit.kind)


def _officer(officer: Officer) -> OfficerName:
    return OfficerName(id=officer.id, employee_no=officer.employee_no, name=officer.name)


def _unit_item(unit: Unit) -> UnitItem:
    return UnitItem(**_unit(unit).model_dump(), parent_id=unit.parent_id, ranking_group=unit.ranking_group)


def _exemption(exemption: Exemption, officer: Officer) -> ExemptionItem:
    return ExemptionItem(
        id=exemption.id,
        officer=_officer(officer),
        from_day=exemption.from_day,
        to_day=exemption.to_day,
        reason=exemption.reason,
        created_at=exemption.created_at,
        ended_at=exemption.ended_at,
    )


def _act(entry: AuditEntry, actor: Officer | None) -> AuditItem:
    return AuditItem(
        seq=entry.seq,
        at=entry.at,
        actor=_officer(actor) if actor else None,
        action=entry.action,
        subject=AuditSubject(kind=entry.subject_kind, id=entry.subject_id),
        before=entry.before,
        after=entry.after,
        reason=entry.reason,
        hash=entry.hash.hex(),
    )


@router.get("/units", operation_id="list_units", responses=problems(400, 401, 403, 422))
async def list_units(
    request: Request, response: Response, caller: SignedIn, wired: Wired, cursor: Cursor = None, limit: Limit = 500
) -> UnitList:
    """List the units of the caller's bureau and of all below the caller's unit, parents first."""
    after = read_cursor(cursor, int, int, int, str, uuid.UUID)
    async with wired.database.reads() as session:
        found = await queries.units_page(session, caller, after=after, limit=limit + 1)
    page, last = found[:limit], found[limit - 1] if len(found) > limit else None
    following = encode_cursor(*queries.unit_place(caller, last)) if last else None
    next_link(request, response, following)
    return UnitList(items=[_unit_item(unit) for unit in page], next=following)


@router.post("/units", operation_id="add_unit", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def add_unit(body: NewUnit, caller: Administrator, wired: Wired) -> UnitItem:
    """Add a unit (单位) below one's own: a bureau below the province, a branch below the bureau, and so on."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        unit = await service.add_unit(
            session,
            caller,
            name=body.name,
            kind=body.kind,
            parent_id=body.parent_id,
            ranking_group=body.ranking_group,
            now=now,
        )
    return _unit_item(unit)


@router.get("/officers", operation_id="list_officers", responses=problems(400, 401, 403, 404, 422))
async def list_officers(
    request: Request,
    response: Response,
    caller: Watcher,
    wired: Wired,
    unit_id: str | None = None,
    q: Words = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> OfficerList:
    """List officers of the caller's subtree (or of one unit in it) by 工号; `q` looks into 工号 and name."""
    after = read_cursor(cursor, str)
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        root = (await access.watched_unit(session, caller, unit_id)).id if unit_id else caller.unit_id
        found = await queries.officers_page(
            session, caller, day=day, root=root, words=q, after=after[0] if after else None, limit=limit + 1
        )
    following = encode_cursor(found[limit - 1].officer.employee_no) if len(found) > limit else None
    next_link(request, response, following)
    items = [
        OfficerItem(
            **_officer(officer).model_dump(),
            phone=officer.phone if access.sees_phone(caller, officer) else None,
            unit=_unit(unit),
            section=officer.section,
            position=officer.position,
            roles=list(officer.roles),
            takes_part=takes_part,
            signed_in=officer.first_signed_in_at is not None,
        )
        for officer, unit, takes_part in found[:limit]
    ]
    return OfficerList(items=items, next=following)


@router.get("/exemptions", operation_id="list_exemptions", responses=problems(400, 401, 403, 422))
async def list_exemptions(
    request: Request,
    response: Response,
    caller: BureauStaff,
    wired: Wired,
    officer_id: uuid.UUID | None = None,
    day: dt.date | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> ExemptionList:
    """List exemptions (经批准免参赛), newest first; `day`: only those under which somebody is exempt that day."""
    before = read_cursor(cursor, uuid.UUID)
    async with wired.database.reads() as session:
        today = local_day(await wired.clock.now(session))
        found = await queries.exemptions_page(
            session,
            caller,
            today=today,
            officer_id=officer_id,
            day=day,
            before=before[0] if before else None,
            limit=limit + 1,
        )
    following = encode_cursor(found[limit - 1][0].id) if len(found) > limit else None
    next_link(request, response, following)
    return ExemptionList(items=[_exemption(*row) for row in found[:limit]], next=following)


@router.post("/exemptions", operation_id="add_exemption", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def add_exemption(body: NewExemption, caller: BureauStaff, wired: Wired) -> ExemptionItem:
    """Register an approved exemption from today on; past days are never changed."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        exemption, officer = await service.add_exemption(
            session, caller, body.officer_id, first=body.from_day, last=body.to_day, reason=body.reason, now=now
        )
    return _exemption(exemption, officer)


@router.delete(
    "/exemptions/{exemption_id}",
    operation_id="end_exemption",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 409),
)
async def end_exemption(exemption_id: str, caller: BureauStaff, wired: Wired) -> None:
    """End an exemption: today and later days count again; past days stay exempt."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        await service.end_exemption(session, caller, exemption_id, now=now)


@router.post("/transfers", operation_id="transfer", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def transfer(body: NewTransfer, caller: BureauStaff, wired: Wired) -> Transfer:
    """Let an officer belong to another unit from a day on (tomorrow at the earliest).

    What was planned from that day on is replaced; a transfer to the unit of the day before withdraws it.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        officer, unit, assignment = await service.transfer(
            session, caller, body.officer_id, body.unit_id, from_day=body.from_day, now=now
        )
    return Transfer(
        officer=_officer(officer), unit=_unit(unit), from_day=assignment.from_day, takes_part=assignment.takes_part
    )


@router.get("/audit", operation_id="list_audit", responses=problems(400, 401, 403, 422))
async def list_audit(
    request: Request,
    response: Response,
    caller: Administrator,
    wired: Wired,
    action: Words = None,
    subject_id: Words = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AuditList:
    """List administrative acts of people of one's own subtree, newest first; each hash covers the one before.

    `actor` is null for a command of the server's operator; who administers the unit that it named sees it.
    Who takes part, now or later, sees no acts on questions and instruments: their reasons may tell an answer.
    """
    before = read_cursor(cursor, int)
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        found = await queries.audit_page(
            session,
            caller,
            of_questions=not await access.ever_takes_part(session, caller, day),
            action=action,
            subject_id=subject_id,
            before=before[0] if before else None,
            limit=limit + 1,
        )
    following = encode_cursor(found[limit - 1][0].seq) if len(found) > limit else None
    next_link(request, response, following)
    return AuditList(items=[_act(*row) for row in found[:limit]], next=following)
