"""Proving the numbers: everything that was counted is counted again from the answers themselves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app.contests.models import Contest
from app.contests.queries import rules_on
from app.core.audit import GENESIS, AuditEntry, entry_hash
from app.integrity.queries import (
    ANSWERS,
    ANSWERS_WITHOUT_PAPER,
    DAYS_WITHOUT_PAPER,
    OFFICER_DAYS,
    PAPERS_WITHOUT_DAY,
    RUNS,
    SEATS,
    TOTALS,
)
from app.matches.rules import GAP, LEAD, Clock, windows
from app.participation.models import FrozenDay
from app.participation.queries import figures_as_of, figures_frozen

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_SHOWN = 20


@dataclass
class Verification:
    """How much was looked at, and every discrepancy found (the first 20 of each kind)."""

    officer_days: int = 0
    answers: int = 0
    matches: int = 0
    frozen_days: int = 0
    audit_entries: int = 0
    discrepancies: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether everything adds up."""
        return not self.discrepancies


async def verify(session: AsyncSession, *, day: dt.date | None = None) -> Verification:
    """Recompute officer_day, grades, frozen days and the audit chain; `day` limits the first three.

    The session must read one snapshot (REPEATABLE READ), or answers given meanwhile look like discrepancies.
    """
    found = Verification()
    await _answers(session, found, day)
    await _runs(session, found, day)
    await _frozen(session, found, day)
    await _audit(session, found)
    return found


async def _answers(session: AsyncSession, found: Verification, day: dt.date | None) -> None:
    totals = (await session.execute(text(TOTALS), {"day": day})).one()
    found.officer_days, found.answers = totals.officer_days, totals.answers
    checks = {
        "答题日统计与答案不符": OFFICER_DAYS,
        "答题日统计没有试卷": DAYS_WITHOUT_PAPER,
        "试卷没有答题日统计": PAPERS_WITHOUT_DAY,
        "对战计入情况与答案不符": SEATS,
        "答案的判分、题号或时间不符": ANSWERS,
        "答案没有对应的试卷或试题": ANSWERS_WITHOUT_PAPER,
    }
    for label, statement in checks.items():
        rows = (await session.execute(text(statement), {"day": day} if ":day" in statement else {})).all()
        found.discrepancies += [f"{label}：{' '.join(map(str, row))}" for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            found.discrepancies.append(f"{label}：共{len(rows)}处，其余不再列出")


async def _runs(session: AsyncSession, found: Verification, day: dt.date | None) -> None:
    stream = await session.stream(text(RUNS), {"day": day}, execution_options={"yield_per": 1000})
    async for row in stream:
        found.matches += 1
        if not _run_adds_up(row):
            found.discrepancies.append(f"对战的计时与答案不符：{row.match_id}")


def _run_adds_up(row: Any) -> bool:
    """Whether a run's bits and windows are those that follow from its answers."""
    given = {
        (seat, position): (dt.datetime.fromisoformat(at), correct)
        for seat, answers in zip(row.seats, row.answers, strict=True)
        for position, at, correct in answers
    }
    masks, rights = [0, 0], [0, 0]
    for (seat, position), (_, correct) in given.items():
        masks[seat - 1] |= 1 << position
        rights[seat - 1] |= correct << position
    clock = Clock(row.started_at, row.questions, row.seconds, row.players, row.pace, None)
    times = windows(clock, {key: at for key, (at, _) in given.items()})
    opens_at = [*(window.opens_at for window in times), times[-1].over_at + GAP]
    in_time = all(
        times[position - 1].opens_at <= at < times[position - 1].opens_at + clock.window
        for (_, position), (at, _) in given.items()
    )
    ended_well = row.ends_at == times[-1].over_at
    newest = max((at for at, _ in given.values()), default=None)
    if row.forfeited_by is not None:  # who gave up ended it sooner, and after every answer
        ended_well = row.forfeited_by in row.seats and (newest or row.opened_at) <= row.ends_at < times[-1].over_at
    return (
        (list(row.masks), list(row.rights)) == (masks, rights)
        and row.answered_at == newest
        and row.as_made
        and row.started_at == row.opened_at + LEAD
        and opens_at[row.cursor - 1] == row.cursor_opens_at
        and ended_well
        and in_time
    )


async def _frozen(session: AsyncSession, found: Verification, day: dt.date | None) -> None:
    query = select(FrozenDay, Contest).join(Contest, Contest.id == FrozenDay.contest_id).order_by(FrozenDay.day)
    if day is not None:
        query = query.where(FrozenDay.day == day)
    for frozen, contest in (await session.execute(query)).all():
        found.frozen_days += 1
        rules = await rules_on(session, contest.id, frozen.day)
        counted = await figures_as_of(session, contest, rules, frozen.day, frozen.cutoff_at)
        held = await figures_frozen(session, contest.id, frozen.day)
        for unit_id in counted.keys() | held.keys():
            if counted.get(unit_id) != held.get(unit_id):
                found.discrepancies.append(f"已固定的日统计与重新计算不符：{contest.name} {frozen.day} 单位{unit_id}")


async def _audit(session: AsyncSession, found: Verification) -> None:
    previous = GENESIS
    stream = await session.stream_scalars(select(AuditEntry).order_by(AuditEntry.seq).execution_options(yield_per=1000))
    async for entry in stream:
        found.audit_entries += 1
        if entry.previous != previous or entry_hash(entry) != entry.hash:
            found.discrepancies.append(f"审计日志的链条在第{entry.seq}条处断开")
            break
        previous = entry.hash
