"""HTTP: Roster import."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Annotated

from fastapi import APIRouter, File, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.http import problems
from app.core.wiring import Wired
from app.roster.access import Caller
from app.roster.imports import service
from app.roster.imports.schemas import RosterReport
from app.roster.imports.spreadsheet import password_book
from app.roster.models import Role, Unit
from app.roster.signed_in import holding

router = APIRouter(tags=["Roster import"])
Administrator = Annotated[Caller, holding(Role.ADMIN)]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.post("/imports/roster", operation_id="import_roster", responses=problems(401, 403, 413, 415, 422))
async def import_roster(
    file: Annotated[UploadFile, File(description=".xlsx, .xls or .csv")],
    caller: Administrator,
    wired: Wired,
    dry_run: bool = False,
    create_units: bool = False,
) -> RosterReport:
    """Import a roster (名册) into one's own unit, all or nothing: any bad row is 422, with all of them as `report`.

    Columns in any order: 工号, 姓名, 手机号, 单位; 股室, 职务, 角色, 初始密码, 企业微信账号, 参赛 may be left out.
    Whoever takes part may not add or change a 管理员, not even in the own row.
    """

    async def own(session: AsyncSession, _now: dt.datetime) -> Unit:
        return await session.get_one(Unit, caller.unit_id)

    report = await service.import_roster(
        wired,
        content=await file.read(),
        file_name=file.filename or "",
        own=own,
        caller=caller,
        create_units=create_units,
        dry_run=dry_run,
    )
    return RosterReport.model_validate(service.report_body(report))


@router.get(
    "/imports/{import_id}/credentials.xlsx",
    operation_id="hand_out_passwords",
    response_class=Response,
    responses={200: {"content": {_XLSX: {}}, "description": "工号, 姓名, 单位, 初始密码"}, **problems(401, 403, 404)},
)
async def hand_out_passwords(import_id: str, caller: Administrator, wired: Wired) -> Response:
    """Generate passwords for those of an import who never signed in; asking again makes new ones, the old end.

    For one who takes part, those of 管理员 are left out.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        rows = await service.hand_out_passwords(session, caller, import_id, wired.passwords, now=now)
    book = await asyncio.to_thread(password_book, rows)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="credentials-{now:%Y%m%d}.xlsx"',
    }
    return Response(book, headers=headers, media_type=_XLSX)
