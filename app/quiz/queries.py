"""Reads for the daily quiz: today's situation and one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app.contests.rules import closes_at, opens_at
from app.core.clock import wire
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.papers.asking import rules_of
from app.papers.queries import own_paper
from app.papers.rules import PaperStatus, Situation, next_opening, refusal
from app.papers.views import paper_view
from app.quiz.statements import TODAY

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.cache import BankCache
    from app.roster.access import Caller


async def attempt(
    session: AsyncSession, cache: BankCache, caller: Caller, attempt_id: str, *, now: dt.datetime
) -> dict[str, Any]:
    """Return the caller's own Attempt; raises NotFound for any other id."""
    wanted = parse_id(attempt_id)
    found = await _own_attempt(session, cache, caller, wanted, now) if wanted else None
    if found is None:
        raise NotFound("没有找到这份试卷。")
    return found


async def today(
    session: AsyncSession, cache: BankCache, caller: Caller, *, day: dt.date, now: dt.datetime
) -> dict[str, Any]:
    """Return today's quiz as the caller finds it: hours, status, why it is closed, the attempt."""
    row = (
        await session.execute(text(TODAY), {"officer": caller.officer_id, "path": list(caller.unit_path), "day": day})
    ).first()
    if row is None:
        situation, paper_id = Situation(day, caller.takes_part), None
    else:
        rules = rules_of(row.rules if isinstance(row.rules, str) else orjson.dumps(row.rules).decode())
        situation = Situation(day, caller.takes_part, row.state, row.starts_on, row.ends_on, rules)
        paper_id = row.paper_id
    held = await _own_attempt(session, cache, caller, paper_id, now) if paper_id else None
    reason = refusal(situation, now)
    following = next_opening(situation, now)
    rules_today = situation.rules if situation.starts_on <= day <= situation.ends_on else None
    body: dict[str, Any] = {
        "day": day.isoformat(),
        "server_time": wire(now),
        "opens_at": wire(opens_at(rules_today, day)) if rules_today else None,
        "closes_at": wire(closes_at(rules_today, day)) if rules_today else None,
        "counts": bool(rules_today and row and row.counts),
        "status": "not_started",
        "attempt": held,
    }
    if held is not None:
        body["status"] = held["status"]
    if reason is not None and body["status"] != PaperStatus.FINISHED.value:
        body["status"] = "closed"
        body["reason"] = reason.code
        body["detail"] = str(reason)
    if following is not None:
        body["next_opens_at"] = wire(following)
    return body


async def _own_attempt(
    session: AsyncSession, cache: BankCache, caller: Caller, paper_id: uuid.UUID, now: dt.datetime
) -> dict[str, Any] | None:
    found = await own_paper(session, caller.officer_id, paper_id, "quiz")
    if found is None:
        return None
    paper, answers = found
    revisions = {view.id: view for view in await cache.revisions(session, paper["revision_ids"])}
    return paper_view(paper, answers, revisions, now=now)
