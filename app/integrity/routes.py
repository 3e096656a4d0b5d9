"""HTTP: flags, which an administrator looks at and decides on."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import local_day
from app.core.http import dumps, encode_cursor, next_link, problems, read_cursor
from app.core.wiring import Wired
from app.integrity import flags
from app.integrity.models import Flag
from app.integrity.rules import FlagState
from app.integrity.schemas import Decision, FlagOut, FlagPage, flag_view
from app.roster.access import Caller
from app.roster.models import Role
from app.roster.signed_in import holding

router = APIRouter(tags=["Integrity"])

Administrator = Annotated[Caller, holding(Role.ADMIN)]


async def _administered(flag_id: str, caller: Administrator, wired: Wired) -> Flag:
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        return await flags.flag_below(session, caller, flag_id, day=day)


@router.get(
    "/flags",
    operation_id="flags_list",
    summary="异常提示列表",
    response_model=FlagPage,
    responses=problems(400, 401, 403, 422),
)
async def list_flags(
    request: Request,
    caller: Administrator,
    wired: Wired,
    state: Annotated[FlagState | None, Query(description="不填为全部，最新的在前")] = None,
    cursor: Annotated[str | None, Query(max_length=400, description="上一页的 next")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Return what was noticed about officers of the administrator's subtree, with the evidence; nothing follows from it."""
    before = read_cursor(cursor, uuid.UUID)
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        found = await flags.flags_page(
            session, caller, day=day, state=state, before=before[0] if before else None, limit=limit + 1
        )
        page = await flags.read_flags(session, found[:limit], day=day)
    following = encode_cursor(page[-1].flag.id) if len(found) > limit else None
    response = Response(
        dumps({"items": [flag_view(read) for read in page], "next": following}), media_type="application/json"
    )
    next_link(request, response, following)
    return response


@router.post(
    "/flags/{flag_id}/decide",
    operation_id="flag_decide",
    summary="核查一条异常提示",
    response_model=FlagOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def decide_flag(
    flag_id: str,
    body: Decision,
    caller: Administrator,
    wired: Wired,
    held: Annotated[Flag, Depends(_administered)],  # noqa: ARG001 - refused before the body is judged
) -> Response:
    """Record what a person found; the same decision again is as well, another one is 409, one's own is 403."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        flag = await flags.flag_below(session, caller, flag_id, day=local_day(now), to_decide=True)
        await flags.decide(session, flag, decision=body.decision, note=body.note, now=now, actor_id=caller.officer_id)
    async with wired.database.reads() as session:
        [read] = await flags.read_flags(session, [flag], day=local_day(now))
    return Response(dumps(flag_view(read)), media_type="application/json")
