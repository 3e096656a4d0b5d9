"""Use cases of a contest's calendar: which days count, changed by hand or filled from the official holidays; audited."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import chinese_calendar
from sqlalchemy import select

from app.contests.models import ContestDay, ContestState
from app.contests.rules import Calendar
from app.core import audit
from app.core.clock import local_day
from app.core.errors import Conflict, FieldProblem, Invalid

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest

_SATURDAY = 5
_DAY = dt.timedelta(days=1)


class ContestDayFixed(Conflict):
    """Whether a day counts is settled once the day has begun; facts: day, first_changeable."""

    code = "contest-day-fixed"
    title = "该日已经开始，不能再改是否计入"


class NothingCounts(Invalid):
    """A contest of which no day counts has no result."""

    title = "至少要有一天计入竞赛"


class DayWish(NamedTuple):
    """What one day of a contest should be, why (shown on pages), and where that comes from."""

    day: dt.date
    counts: bool
    note: str | None
    source: str


class Proposal(NamedTuple):
    """Weekends, holidays and moved workdays among the days of a contest; of the `unknown` years nothing is said."""

    days: list[DayWish]
    unknown: list[int]


def proposed(starts_on: dt.date, ends_on: dt.date) -> Proposal:
    """Return which days the official calendar takes out of a contest, and the years that it does not know.

    A year's moved workdays (调休) are published the autumn before, so not even weekends are guessed for an unknown one.
    """
    days, unknown = [], set()
    for number in range((ends_on - starts_on).days + 1):
        day = starts_on + number * _DAY
        try:
            away, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            unknown.add(day.year)
            continue
        if away and name is None:
            days.append(DayWish(day, counts=False, note="周末", source="weekend"))
        elif away:
            days.append(DayWish(day, counts=False, note=_chinese(str(name)), source="holiday"))
        elif day.weekday() >= _SATURDAY:
            days.append(DayWish(day, counts=True, note="调休上班", source="workday"))
    return Proposal(days, sorted(unknown))


def _chinese(name: str) -> str:
    return next((one.chinese for one in chinese_calendar.Holiday if one.value == name), "节假日")


def warning_of(year: int) -> str:
    """Return what is told of a year whose holidays are not known."""
    return f"{year}年的节假日和调休安排尚未收录，该年各日保持原样；请对照国务院办公厅的放假通知，逐日核对后设置。"


async def days_of(session: AsyncSession, contest: Contest) -> dict[dt.date, ContestDay]:
    """Return what was said of the contest's days, by day; those without a row count."""
    rows = await session.scalars(
        select(ContestDay).where(
            ContestDay.contest_id == contest.id, ContestDay.day.between(contest.starts_on, contest.ends_on)
        )
    )
    return {row.day: row for row in rows}


def fixed(contest: Contest, day: dt.date, now: dt.datetime) -> bool:
    """Whether it is settled if `day` counts: in an opened contest from the day's beginning on."""
    return contest.state != ContestState.DRAFT and day <= local_day(now)


async def set_days(
    session: AsyncSession, contest: Contest, wishes: Sequence[DayWish], *, now: dt.datetime, actor_id: uuid.UUID
) -> dict[dt.date, ContestDay]:
    """Say of the given days whether they count (竞赛日历); the other days stay as they are. Returns all rows.

    What is already so may be said again of any day. Raises Invalid for a day outside of the contest or given twice,
    ContestDayFixed for a change of a day that has begun, NothingCounts.
    """
    _check_days(contest, [wish.day for wish in wishes])
    held = await _locked(session, contest)
    for wish in wishes:
        row = held.get(wish.day)
        if fixed(contest, wish.day, now) and wish.counts != (row is None or row.counts):
            first = local_day(now) + _DAY
            raise ContestDayFixed(
                f"{wish.day}已经开始，是否计入不能再改；只能更改{first}及以后的日期。",
                day=wish.day.isoformat(),
                first_changeable=first.isoformat(),
            )
    changeable = [wish for wish in wishes if not fixed(contest, wish.day, now)]
    return await _write(session, contest, held, changeable, "contest.calendar", now=now, actor_id=actor_id)


async def fill(
    session: AsyncSession, contest: Contest, *, now: dt.datetime, actor_id: uuid.UUID, dry_run: bool = False
) -> tuple[Proposal, dict[dt.date, ContestDay]]:
    """Take weekends and holidays out of the contest, from the next changeable day on; days set by hand stay.

    Returns what was taken over with the unknown years, and all rows. `dry_run` writes nothing. Raises NothingCounts.
    """
    found = proposed(contest.starts_on, contest.ends_on)
    held = await days_of(session, contest) if dry_run else await _locked(session, contest)
    wishes = [
        wish
        for wish in found.days
        if not fixed(contest, wish.day, now) and (wish.day not in held or held[wish.day].source != "manual")
    ]
    if not dry_run:
        held = await _write(session, contest, held, wishes, "contest.calendar.fill", now=now, actor_id=actor_id)
    return Proposal(wishes, found.unknown), held


async def _locked(session: AsyncSession, contest: Contest) -> dict[dt.date, ContestDay]:
    # The contest's row is the lock: of two people at once the second judges what the first has written.
    await session.refresh(contest, with_for_update=True)
    return await days_of(session, contest)


def _check_days(contest: Contest, days: Sequence[dt.date]) -> None:
    problems = []
    for number, day in enumerate(days):
        if not contest.starts_on <= day <= contest.ends_on:
            told = f"竞赛从{contest.starts_on}到{contest.ends_on}，{day}不在其中，请去掉。"
            problems.append(FieldProblem(f"/days/{number}/day", told))
        elif day in days[:number]:
            problems.append(FieldProblem(f"/days/{number}/day", f"{day}列了两次，请只留一次。"))
    if problems:
        raise Invalid("竞赛日历有误，请改正后重试。", errors=problems)


async def _write(
    session: AsyncSession,
    contest: Contest,
    held: Mapping[dt.date, ContestDay],
    wishes: Iterable[DayWish],
    action: str,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> dict[dt.date, ContestDay]:
    rows, before, after = dict(held), {}, {}
    for wish in wishes:
        row = rows.get(wish.day)
        was = {"counts": row.counts, "note": row.note, "source": row.source} if row else None
        became = {"counts": wish.counts, "note": wish.note, "source": wish.source}
        if was == became:
            continue
        if row is None:
            row = rows[wish.day] = ContestDay(contest_id=contest.id, day=wish.day)
            session.add(row)
        row.counts, row.note, row.source = wish.counts, wish.note, wish.source
        before[wish.day.isoformat()], after[wish.day.isoformat()] = was, became
    away = frozenset(day for day, row in rows.items() if not row.counts)
    if Calendar(contest.starts_on, contest.ends_on, away).number(contest.ends_on) == 0:
        problem = "竞赛的每一天都不计入，就没有成绩可言；请至少保留一天计入。"
        raise NothingCounts(problem, errors=[FieldProblem("/days", problem)])
    if after:
        facts: dict[str, Any] = {"before": before, "after": after}
        await audit.append(session, now=now, actor_id=actor_id, action=action, subject=("contest", contest.id), **facts)
    return rows
