"""What the calls on drafts take and give."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.notices.drafts.rules import DraftState, Kind

if TYPE_CHECKING:
    from app.notices.drafts.queries import Shown


class DraftUnit(BaseModel):
    """拟稿所涉单位."""

    id: str
    name: str


class Approval(BaseModel):
    """一次核准：谁、何时."""

    officer_id: str
    name: str
    at: dt.datetime


class Rejection(Approval):
    """退回：谁、何时、为何."""

    reason: str


class DraftOut(BaseModel):
    """一份表扬或工作通报的拟稿；须由两人核准才会发出."""

    id: str
    contest_id: str
    unit: DraftUnit
    kind: Kind = Field(description="praise：表扬；criticism：工作通报")
    day: dt.date = Field(description="所依据的最后一个竞赛日")
    state: DraftState = Field(description="proposed：待核准；sent：两人核准，已转为通报；rejected：已退回")
    title: str
    body: str
    revision: int = Field(description="文字的第几稿；每修改一次加1，此前的核准作废")
    edited: Approval | None = Field(description="最近一次修改：谁、何时；没有修改过的为 null")
    evidence: dict[str, Any] = Field(description="所依据的各日最终成绩")
    approvals: list[Approval]
    rejection: Rejection | None
    notice_id: str | None = Field(description="核准后生成的通报，可用 GET /notices/{id} 查看投递情况")
    created_at: dt.datetime


class DraftPage(BaseModel):
    """拟稿列表，最新的在前."""

    items: list[DraftOut]
    next: str | None


class EditDraft(BaseModel):
    """修改后的文字；此前的核准作废，须重新由两人核准."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"title": "关于表扬丰顺分局的通报", "body": "丰顺分局连续3日全员完成……", "revision": 1}]
        },
    )

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    revision: int = Field(strict=True, ge=1, description="修改前读到的是第几稿")


class ApproveDraft(BaseModel):
    """核准时看到的是第几稿；不填则核准现有的文字."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"revision": 1}]})

    revision: int | None = Field(None, strict=True, ge=1)


class RejectDraft(BaseModel):
    """退回的理由."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "该分局当日集中执法，情况特殊。"}]}
    )

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def draft_view(shown: Shown) -> dict[str, Any]:
    """Return a draft as the API writes it."""
    draft, unit, *_ = shown
    approvals = [
        {"officer_id": str(by), "name": name, "at": when}
        for by, name, when in (
            (draft.first_approved_by, shown.first, draft.first_approved_at),
            (draft.second_approved_by, shown.second, draft.second_approved_at),
        )
        if by is not None
    ]
    rejection = {
        "officer_id": str(draft.rejected_by),
        "name": shown.rejected,
        "at": draft.rejected_at,
        "reason": draft.reject_reason,
    }
    return {
        "id": str(draft.id),
        "contest_id": str(draft.contest_id),
        "unit": {"id": str(unit.id), "name": unit.name},
        "kind": draft.kind,
        "day": draft.day,
        "state": draft.state,
        "title": draft.title,
        "body": draft.body,
        "revision": draft.revision,
        "edited": {"officer_id": str(draft.edited_by), "name": shown.editor, "at": draft.edited_at}
        if draft.edited_by
        else None,
        "evidence": draft.evidence,
        "approvals": approvals,
        "rejection": rejection if draft.rejected_by else None,
        "notice_id": str(draft.notice_id) if draft.notice_id else None,
        "created_at": draft.created_at,
    }
