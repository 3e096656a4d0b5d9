"""Reads: who had not finished at an instant, by unit and by what was missing; always from answers, never counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Text, false, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.notices.audiences import MOST_NAMES, Left, Missing
from app.participation.models import Reminder
from app.participation.queries import enrolled_on, state_as_of
from app.roster.models import Assignment, ExemptionDay, Officer

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

    from app.contests.models import Contest
    from app.contests.rules import PlayRules

    _Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass
class UnitLeft:
    """Of one unit's expected officers: who had not finished, and how many of those reminded that day had."""

    left: list[Left] = field(default_factory=list)
    reminded: int = 0
    reminded_done: int = 0


async def unfinished_by_unit(
    session: AsyncSession, contest: Contest, rules: PlayRules, day: dt.date, cutoff: dt.datetime
) -> dict[uuid.UUID, UnitLeft]:
    """Return the unfinished officers of a contest day as of `cutoff`, by directly assigned unit.

    One statement for the whole contest; it returns at most `MOST_NAMES` names a unit and kind of what is missing.
    Units where all are done and nobody was reminded are absent.
    """
    reminded = (
        select(Reminder.officer_id)
        .where(Reminder.contest_id == contest.id, Reminder.day == day, Reminder.at < cutoff)
        .distinct()
        .subquery("reminded")
    )
    one = (
        _expected(contest, rules, day, cutoff, Officer.name, reminded.c.officer_id.label("reminded"))
        .outerjoin(reminded, reminded.c.officer_id == Assignment.officer_id)
        .subquery("one")
    )
    kinds = (one.c.unit_id, one.c.done, one.c.started, one.c.quiz, one.c.matches)
    names = type_coerce(func.array_agg(aggregate_order_by(one.c.name, one.c.employee_no)), ARRAY(Text))
    statement = (
        select(
            *kinds,
            func.count().label("people"),
            func.count(one.c.reminded).label("reminded"),
            names[1:MOST_NAMES].label("names"),
        )
        .where(~one.c.done | one.c.reminded.is_not(None))
        .group_by(*kinds)
    )
    found: dict[uuid.UUID, UnitLeft] = {}
    for row in await session.execute(statement):
        unit = found.setdefault(row.unit_id, UnitLeft())
        unit.reminded += row.reminded
        if row.done:
            unit.reminded_done += row.reminded
        else:
            unit.left.append(Left(Missing(row.started, row.quiz, row.matches), row.people, tuple(row.names)))
    return found


async def accounts_to_nudge(
    session: AsyncSession,
    contest: Contest,
    rules: PlayRules,
    day: dt.date,
    cutoff: dt.datetime,
    *,
    unit_ids: Iterable[uuid.UUID],
) -> list[tuple[uuid.UUID, Missing, list[str]]]:
    """Return the accounts of the units' unfinished officers as of `cutoff`, by unit and by what is missing.

    Not of those who are exempt, want no nudges (不接收提示) or have no account (企业微信账号).
    """
    one = (
        _expected(contest, rules, day, cutoff, Officer.wecom_userid)
        .where(Assignment.unit_id == func.any(list(unit_ids)), Officer.nudges, Officer.wecom_userid != "")
        .subquery("one")
    )
    kinds = (one.c.unit_id, one.c.started, one.c.quiz, one.c.matches)
    accounts = func.array_agg(aggregate_order_by(one.c.wecom_userid, one.c.employee_no))
    rows = await session.execute(
        select(*kinds, accounts.label("accounts")).where(~one.c.done).group_by(*kinds).order_by(*kinds)
    )
    return [(row.unit_id, Missing(row.started, row.quiz, row.matches), list(row.accounts)) for row in rows]


def _expected(
    contest: Contest, rules: PlayRules, day: dt.date, cutoff: dt.datetime, *more: _Column
) -> Select[*tuple[Any, ...]]:
    """Select everybody expected that day, with unit, 工号, what is missing as of `cutoff`, and `more`."""
    state = state_as_of(contest, rules, day, cutoff)
    matches = func.greatest(rules.matches.required_per_day - func.coalesce(state.c.matches, 0), 0)
    columns = select(
        Assignment.unit_id,
        Officer.employee_no,
        func.coalesce(state.c.done, false()).label("done"),
        state.c.officer_id.is_not(None).label("started"),
        (~func.coalesce(state.c.quiz_finished, false())).label("quiz"),
        matches.label("matches"),
        *more,
    )
    return (
        enrolled_on(columns, contest.unit_id, day)
        .join(Officer, Officer.id == Assignment.officer_id)
        .outerjoin(state, state.c.officer_id == Assignment.officer_id)
        .where(ExemptionDay.officer_id.is_(None))
    )
