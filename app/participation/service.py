"""Use cases: making finished days final, and noting a reminder."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from app.contests.models import Contest, ContestState
from app.contests.queries import calendar_of, contest_of_unit, rules_among, rules_versions
from app.contests.rules import closes_at, last_counted_day
from app.core.clock import at, local_day
from app.core.database import ANSWERS
from app.core.errors import NotFound
from app.papers.rules import NoContest
from app.participation.models import FrozenDay, Reminder, UnitDay
from app.participation.queries import figures_as_of, frozen_days
from app.participation.rules import SETTLED_AFTER, Span
from app.roster.access import Caller, officer_below

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.participation.schemas import NewReminder
    from app.roster.models import Unit

_DAY = dt.timedelta(days=1)


async def freeze_finished_days(session: AsyncSession, contest: Contest, *, now: dt.datetime) -> list[dt.date]:
    """Write the final figures of every counted day that is over, and return the days that this call made final.

    A day is over 10 s after its closing, not before 10 s into the next day (until midnight the roster and exemptions
    may still change it), and while no answer transaction begun before the closing is open. Safe to repeat and safe
    from several processes at once: the row of `frozen_day` decides who writes.
    """
    last = last_counted_day(contest.starts_on, contest.ends_on, now)
    if contest.state == ContestState.DRAFT or last is None:
        return []
    held = await frozen_days(session, contest.id)
    calendar = await calendar_of(session, contest)
    days = [day for day in Span(contest.starts_on, last).days if calendar.counts(day)]
    due = [day for day in days if day not in held and _over(day, now)]
    if not due:
        return []
    versions = (await rules_versions(session, [contest.id]))[contest.id]
    frozen = []
    for day in due:
        rules = rules_among(versions, day)
        cutoff = closes_at(rules, day)
        if await answers_open(session, cutoff):
            break
        claimed = await session.scalar(
            insert(FrozenDay)
            .values(contest_id=contest.id, day=day, cutoff_at=cutoff, frozen_at=now)
            .on_conflict_do_nothing()
            .returning(FrozenDay.day)
        )
        if claimed is None:
            continue
        figures = await figures_as_of(session, contest, rules, day, cutoff)
        session.add_all(
            UnitDay(contest_id=contest.id, day=day, unit_id=unit_id, **asdict(counts))
            for unit_id, counts in figures.items()
        )
        await session.flush()
        frozen.append(day)
    return frozen


def _over(day: dt.date, now: dt.datetime) -> bool:
    # Closing is at midnight at the latest, so the end of the calendar day covers both conditions.
    return now >= at(day + _DAY, dt.time()) + SETTLED_AFTER


async def answers_open(session: AsyncSession, cutoff: dt.datetime) -> bool:
    """Whether an answer transaction begun before `cutoff` is still open: figures as of then may still change."""
    # The activity view is kept for a transaction once read; a new look must be a look at this moment.
    await session.execute(text("SELECT pg_stat_clear_snapshot()"))
    open_one = await session.scalar(
        text(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = :name AND xact_start < :cutoff"
            " AND datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
        ),
        {"name": ANSWERS, "cutoff": cutoff},
    )
    return open_one is not None


async def log_reminder(
    session: AsyncSession, caller: Caller, unit: Unit, reminder: NewReminder, *, now: dt.datetime
) -> Reminder:
    """Note a reminder (电话提醒) to an officer who belongs to the unit's subtree today, whatever it led to.

    `unit` is one that the caller watches. Raises NotFound for any other officer, NoContest on a day without contest.
    """
    day = local_day(now)
    officer, belongs_to = await officer_below(session, caller, reminder.officer_id, day)
    if unit.id not in belongs_to.path:
        raise NotFound("没有找到该人员。")
    running = await contest_of_unit(session, belongs_to.path, day)
    if running is None:
        raise NoContest("今天没有进行中的竞赛，不需要提醒。")
    logged = Reminder(
        contest_id=running.contest.id,
        day=day,
        unit_id=belongs_to.id,
        officer_id=officer.id,
        by_officer_id=caller.officer_id,
        channel=reminder.channel,
        outcome=reminder.outcome,
        note=reminder.note or None,
        at=now,
    )
    session.add(logged)
    await session.flush()
    return logged
