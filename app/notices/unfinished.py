"""Reads: who had not finished at an instant, by unit and by what was missing; always from answers, never counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Text, false, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.notices.audiences import MOST_NAMES, Left, Missing
from app.participation.models import Reminder
from app.participation.queries import enrolled_on, state_as_of
from app.participation.rules import Figures
from app.roster.models import Assignment, ExemptionDay, Officer

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause, Row
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
) -> tuple[dict[uuid.UUID, UnitLeft], dict[uuid.UUID, Figures]]:
    """Return the unfinished officers of a contest day as of `cutoff`, by directly assigned unit, and all units' figures.

    One statement for the whole contest, which reads the answers once for both (the figures are those of
    `figures_as_of`); it returns at most `MOST_NAMES` names a unit and kind of what is missing. Units where all are done
    and nobody was reminded have nobody left.
    """
    rows = await session.execute(_kinds(contest, rules, day, cutoff))
    left: dict[uuid.UUID, UnitLeft] = {}
    figures: dict[uuid.UUID, Figures] = {}
    for row in rows:
        figures[row.unit_id] = figures.get(row.unit_id, Figures()) + _figures(row)
        unit = left.setdefault(row.unit_id, UnitLeft())
        if row.exempt:
            continue
        unit.reminded += row.reminded
        if row.done:
            unit.reminded_done += row.reminded
        else:
            unit.left.append(Left(Missing(row.started, row.quiz, row.matches), row.people, tuple(row.names)))
    return left, figures


def _kinds(contest: Contest, rules: PlayRules, day: dt.date, cutoff: dt.datetime) -> Select[*tuple[Any, ...]]:
    """Select each unit's officers by what they did and lack: how many, their answers, reminders and first names."""
    reminded = (
        select(Reminder.officer_id)
        .where(Reminder.contest_id == contest.id, Reminder.day == day, Reminder.at < cutoff)
        .distinct()
        .subquery("reminded")
    )
    state = state_as_of(contest, rules, day, cutoff)
    one = (
        _enrolled(contest, rules, day, state, Officer.name, reminded.c.officer_id.label("reminded"), *_played(state))
        .outerjoin(reminded, reminded.c.officer_id == Assignment.officer_id)
        .subquery("one")
    )
    kinds = (one.c.unit_id, one.c.exempt, one.c.done, one.c.started, one.c.quiz, one.c.matches)
    listed = func.array_agg(aggregate_order_by(one.c.name, one.c.employee_no)).filter(~one.c.exempt, ~one.c.done)
    names = type_coerce(listed, ARRAY(Text))
    return select(
        *kinds,
        func.count().label("people"),
        func.count(one.c.reminded).label("reminded"),
        func.count().filter(one.c.participated).label("participated"),
        func.coalesce(func.sum(one.c.answered), 0).label("answered"),
        func.coalesce(func.sum(one.c.correct), 0).label("correct"),
        names[1:MOST_NAMES].label("names"),
    ).group_by(*kinds)


def _played(state: FromClause) -> Sequence[_Column]:
    return state.c.participated, state.c.answered, state.c.correct


def _figures(row: Row[Any]) -> Figures:
    people = row.people
    if row.exempt:
        return Figures(enrolled=people, exempt=people)
    return Figures(
        enrolled=people,
        participated=row.participated,
        quiz_finished=0 if row.quiz else people,
        done=people if row.done else 0,
        in_progress=people if row.started and not row.done else 0,
        answered=int(row.answered),
        correct=int(row.correct),
    )


async def accounts_to_nudge(
    session: AsyncSession,
    contest: Contest,
    rules: PlayRules,
    day: dt.date,
    cutoff: dt.datetime,
) -> dict[uuid.UUID, list[tuple[Missing, list[str]]]]:
    """Return the accounts of the contest's unfinished officers as of `cutoff`, by unit and by what is missing.

    One statement for the whole contest, units in the order of their ids. Not of those who are exempt, want no nudges
    (不接收提示) or have no account (企业微信账号).
    """
    state = state_as_of(contest, rules, day, cutoff)
    one = (
        _enrolled(contest, rules, day, state, Officer.wecom_userid)
        .where(ExemptionDay.officer_id.is_(None), Officer.nudges, Officer.wecom_userid != "")
        .subquery("one")
    )
    kinds = (one.c.unit_id, one.c.started, one.c.quiz, one.c.matches)
    accounts = func.array_agg(aggregate_order_by(one.c.wecom_userid, one.c.employee_no))
    rows = await session.execute(
        select(*kinds, accounts.label("accounts")).where(~one.c.done).group_by(*kinds).order_by(*kinds)
    )
    found: dict[uuid.UUID, list[tuple[Missing, list[str]]]] = {}
    for row in rows:
        found.setdefault(row.unit_id, []).append((Missing(row.started, row.quiz, row.matches), list(row.accounts)))
    return found


def _enrolled(
    contest: Contest, rules: PlayRules, day: dt.date, state: FromClause, *more: _Column
) -> Select[*tuple[Any, ...]]:
    """Select everybody enrolled that day, with unit, 工号, what is missing by `state`, and `more`."""
    matches = func.greatest(rules.matches.required_per_day - func.coalesce(state.c.matches, 0), 0)
    columns = select(
        Assignment.unit_id,
        Officer.employee_no,
        ExemptionDay.officer_id.is_not(None).label("exempt"),
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
    )
