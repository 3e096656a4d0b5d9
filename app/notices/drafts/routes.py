"""HTTP: drafts of praise and criticism, approved by two people or rejected."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.core.http import UNCHANGED, dumps, encode_cursor, next_link, polled, problems, read_cursor
from app.core.wiring import Wired
from app.notices.drafts import queries, service
from app.notices.drafts.rules import DraftState
from app.notices.drafts.schemas import ApproveDraft, DraftOut, DraftPage, EditDraft, RejectDraft, draft_view
from app.roster.access import Caller
from app.roster.models import Role
from app.roster.signed_in import holding

router = APIRouter(tags=["Drafts"])


Approver = Annotated[Caller, holding(Role.BUREAU, Role.ADMIN)]


@router.get(
    "/drafts",
    operation_id="drafts_list",
    summary="表扬和工作通报拟稿列表",
    response_model=DraftPage,
    responses={**UNCHANGED, **problems(400, 401, 403, 422)},
)
async def list_drafts(
    request: Request,
    caller: Approver,
    wired: Wired,
    state: Annotated[DraftState | None, Query(description="只列某种状态；不填为全部")] = None,
    cursor: Annotated[str | None, Query(description="上一页的 next")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Return the drafts of the caller's bureaus with their evidence and approvals, newest first."""
    place = read_cursor(cursor, uuid.UUID)
    async with wired.database.reads() as session:
        found = await queries.drafts_below(
            session, caller, state=state, after=place[0] if place else None, limit=limit + 1
        )
    page = found[:limit]
    following = encode_cursor(page[-1].draft.id) if len(found) > limit else None
    response = polled(request, {"items": [draft_view(shown) for shown in page], "next": following})
    next_link(request, response, following)
    return response


@router.patch(
    "/drafts/{draft_id}",
    operation_id="draft_edit",
    summary="修改一份拟稿的文字",
    response_model=DraftOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def edit_draft(draft_id: str, body: EditDraft, caller: Approver, wired: Wired) -> Response:
    """Write a draft's text anew before it is sent; both approvals are then of the new text.

    409: `draft-decided`, `draft-changed` where somebody else wrote it anew meanwhile.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        draft = await queries.draft_below(session, caller, draft_id)
        await service.edit(session, draft, **body.model_dump(), now=now, actor_id=caller.officer_id)
        shown = await queries.draft_shown(session, caller, draft.id)
    return _json(shown)


@router.post(
    "/drafts/{draft_id}/approve",
    operation_id="draft_approve",
    summary="核准一份拟稿（须两人）",
    response_model=DraftOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def approve_draft(draft_id: str, caller: Approver, wired: Wired, body: ApproveDraft | None = None) -> Response:
    """Approve a draft; the approval of a second, different person sends it to the bureau's group.

    409: `second-person-needed`, `draft-decided`, `draft-changed` where it is not the text (`revision`) that was read.
    """
    read = body.revision if body else None
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        draft = await queries.draft_below(session, caller, draft_id)
        await service.approve(session, draft, revision=read, now=now, actor_id=caller.officer_id)
        shown = await queries.draft_shown(session, caller, draft.id)
    return _json(shown)


@router.post(
    "/drafts/{draft_id}/reject",
    operation_id="draft_reject",
    summary="退回一份拟稿",
    response_model=DraftOut,
    responses=problems(401, 403, 404, 409, 422),
)
async def reject_draft(draft_id: str, body: RejectDraft, caller: Approver, wired: Wired) -> Response:
    """Reject a draft with a reason; nothing of it goes out."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        draft = await queries.draft_below(session, caller, draft_id)
        await service.reject(session, draft, reason=body.reason, now=now, actor_id=caller.officer_id)
        shown = await queries.draft_shown(session, caller, draft.id)
    return _json(shown)


def _json(shown: queries.Shown) -> Response:
    return Response(dumps(draft_view(shown)), media_type="application/json")
