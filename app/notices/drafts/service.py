"""Use cases: proposing drafts at the 8:00 final, approving them by two people, rejecting them."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.contests.queries import calendar_of
from app.core import audit
from app.core.errors import FieldProblem, Invalid
from app.core.ids import new_id
from app.notices.drafts.models import Draft
from app.notices.drafts.rules import (
    LOOK_BACK,
    NEEDED,
    Approved,
    DraftChanged,
    DraftDecided,
    DraftState,
    Kind,
    next_approval,
    proposed,
)
from app.notices.drafts.wording import DayOf, write_draft
from app.notices.models import Notice
from app.notices.outgoing import add_deliveries
from app.notices.rules import NoticeState, Slot
from app.notices.templates.sandbox import unsaid
from app.notices.text import TEMPLATE_VERSION
from app.participation.queries import frozen_days, frozen_figures, roll_up
from app.roster.models import Unit, UnitKind
from app.roster.queries import subtree

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.participation.rules import Figures

_TICK = dt.timedelta(microseconds=1)


async def propose(session: AsyncSession, contest: Contest, made: Sequence[Notice], *, now: dt.datetime) -> int:
    """Propose drafts for the branches of every bureau whose 8:00 final is among the notices just made; return how many.

    It rests on final days only. Safe to repeat: the unique branch, kind and day decide. A slot that is not sent for a
    reason (paused, not a counted day) proposes nothing; one that was missed does.
    """
    finals = [
        notice
        for notice in made
        if notice.audience_kind == "bureau" and Slot(notice.slot_at).final and notice.state != NoticeState.SKIPPED
    ]
    if not finals:
        return 0
    day = max(notice.day for notice in finals)
    calendar = await calendar_of(session, contest)
    held = [one for one in sorted(await frozen_days(session, contest.id)) if one <= day and calendar.counts(one)]
    days = held[-LOOK_BACK:]
    if day not in days:
        return 0
    frozen = await frozen_figures(session, contest.id, days)
    rows: list[dict[str, Any]] = []
    for notice in finals:
        units = await subtree(session, notice.audience_id)
        rolled = {one: roll_up(units, frozen[one]) for one in days}
        earlier = await _earlier(session, contest.id, notice.audience_id, since=days[0])
        for unit in (unit for unit in units if unit.kind == UnitKind.BRANCH):
            figures = {one: rolled[one][unit.id] for one in days}
            for kind in proposed(figures, earlier.get(unit.id, {})):
                run = [DayOf(calendar.number(one), one, figures[one]) for one in days[-NEEDED[kind] :]]
                rows.append(_row(contest, notice.audience_id, unit, kind, run, units[0].name, now=now))
    if rows:
        await session.execute(insert(Draft).on_conflict_do_nothing(), rows)
    return len(rows)


async def _earlier(
    session: AsyncSession, contest_id: uuid.UUID, bureau_id: uuid.UUID, *, since: dt.date
) -> dict[uuid.UUID, dict[Kind, list[dt.date]]]:
    found = await session.execute(
        select(Draft.unit_id, Draft.kind, Draft.day).where(
            Draft.contest_id == contest_id, Draft.bureau_id == bureau_id, Draft.day >= since
        )
    )
    held: dict[uuid.UUID, dict[Kind, list[dt.date]]] = {}
    for unit_id, kind, day in found:
        held.setdefault(unit_id, {}).setdefault(Kind(kind), []).append(day)
    return held


def _row(
    contest: Contest,
    bureau_id: uuid.UUID,
    unit: Unit,
    kind: Kind,
    run: Sequence[DayOf],
    bureau_name: str,
    *,
    now: dt.datetime,
) -> dict[str, Any]:
    text = write_draft(
        kind,
        contest=contest.short_name or contest.name,
        issuer=contest.issuer or bureau_name,
        unit=unit.name,
        days=run,
    )
    return {
        "id": new_id(),
        "contest_id": contest.id,
        "bureau_id": bureau_id,
        "unit_id": unit.id,
        "kind": kind,
        "day": run[-1].day,
        "state": DraftState.PROPOSED,
        "title": text.title,
        "body": text.body,
        "evidence": {"days": [_evidence(one) for one in run]},
        "created_at": now,
        "revision": 1,
    }


def _evidence(one: DayOf) -> dict[str, Any]:
    figures: Figures = one.figures
    return {
        "day": one.day.isoformat(),
        "day_number": one.number,
        **asdict(figures),
        "expected": figures.expected,
        "completion_rate": figures.done / figures.expected,
    }


async def edit(
    session: AsyncSession,
    draft: Draft,
    *,
    title: str,
    body: str,
    revision: int,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> Draft:
    """Write a proposed draft anew (修改), which the caller has locked; an approval of the former text is void.

    `revision` is the text that the editor read. The same text again changes nothing. Raises Invalid for words that
    are not said, DraftDecided, DraftChanged.
    """
    if draft.state != DraftState.PROPOSED:
        raise DraftDecided("这份拟稿已经发出或已被退回，不能再修改。", state=draft.state)
    problems = [
        FieldProblem(pointer, told) for pointer, text in (("/title", title), ("/body", body)) if (told := unsaid(text))
    ]
    if problems:
        raise Invalid(problems[0].detail, errors=problems)
    if (draft.title, draft.body) == (title, body):
        return draft
    _refuse_unread(draft, revision)
    before = {"title": draft.title, "body": draft.body, "approved_by": str(draft.first_approved_by or "") or None}
    draft.title, draft.body, draft.revision = title, body, draft.revision + 1
    draft.edited_by, draft.edited_at = actor_id, now
    draft.first_approved_by = draft.first_approved_at = None
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action="draft.edit",
        subject=("draft", draft.id),
        before=before,
        after={"title": title, "body": body, "revision": draft.revision},
    )
    return draft


def _refuse_unread(draft: Draft, revision: int | None) -> None:
    if revision is not None and revision != draft.revision:
        raise DraftChanged("这份拟稿的文字刚被修改过，请重新读取、看过新的文字后再办理。", revision=draft.revision)


async def approve(
    session: AsyncSession, draft: Draft, *, revision: int | None = None, now: dt.datetime, actor_id: uuid.UUID
) -> Draft:
    """Approve a draft (核准), which the caller has locked; the second person's approval sends it to the bureau's group.

    `revision`: the text that was read, where the caller says it. The same person's tap after the draft was sent
    changes nothing. Raises DraftDecided, SecondPersonNeeded, DraftChanged.
    """
    if draft.state == DraftState.PROPOSED:
        _refuse_unread(draft, revision)
    if not next_approval(draft.first_approved_by, draft.second_approved_by, draft.state, actor_id):
        return draft
    if draft.first_approved_by is None:
        draft.first_approved_by, draft.first_approved_at = actor_id, now
        await _audit(session, "draft.approve", draft, now=now, actor_id=actor_id)
        return draft
    notice = await _send(session, draft, now=now)
    draft.second_approved_by, draft.second_approved_at = actor_id, now
    draft.state, draft.notice_id = DraftState.SENT, notice.id
    await _audit(session, "draft.send", draft, now=now, actor_id=actor_id)
    return draft


async def _send(session: AsyncSession, draft: Draft, *, now: dt.datetime) -> Notice:
    """Make the notice of an approved draft and its deliveries."""
    # Never on a slot's own instant, where the planner would take it for that slot's notice.
    slot_at = now if now.microsecond else now + _TICK
    while True:
        found = await session.scalars(
            insert(Notice)
            .values(
                id=new_id(),
                contest_id=draft.contest_id,
                slot_at=slot_at,
                audience_kind="bureau",
                audience_id=draft.bureau_id,
                day=draft.day,
                state=NoticeState.PLANNED,
                title=draft.title,
                body=draft.body,
                stats={"draft": {"id": str(draft.id), "kind": draft.kind, "evidence": draft.evidence}},
                cutoff_at=draft.created_at,
                text_version=TEMPLATE_VERSION,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(Notice)
        )
        notice = found.one_or_none()
        if notice is not None:
            break
        slot_at += _TICK  # another draft of the bureau was approved at the same instant
    slot = Approved(slot_at)
    await add_deliveries(session, [notice], slot, now=slot.goes_out_at)
    return notice


async def reject(session: AsyncSession, draft: Draft, *, reason: str, now: dt.datetime, actor_id: uuid.UUID) -> Draft:
    """Reject a draft (退回), which the caller has locked; the same person's second tap changes nothing.

    Raises DraftDecided for one that was sent, or rejected by somebody else.
    """
    if draft.state == DraftState.REJECTED and draft.rejected_by == actor_id:
        return draft
    if draft.state != DraftState.PROPOSED:
        raise DraftDecided("这份拟稿已经发出或已被退回，不能再处理。", state=draft.state)
    draft.state, draft.rejected_by, draft.rejected_at, draft.reject_reason = DraftState.REJECTED, actor_id, now, reason
    await _audit(session, "draft.reject", draft, now=now, actor_id=actor_id, reason=reason)
    return draft


async def _audit(
    session: AsyncSession,
    action: str,
    draft: Draft,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
    reason: str | None = None,
) -> None:
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("draft", draft.id),
        before={"state": DraftState.PROPOSED},
        after={"state": str(draft.state), "kind": draft.kind, "unit_id": str(draft.unit_id), "title": draft.title},
        reason=reason,
    )
