"""Reads: the final figures of a contest's days for one scope, and officers' days, as documents need them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Date, Numeric, and_, cast, column, func, or_, select, values
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.contests.queries import calendar_of, contest_seen_by, rules_on
from app.notices.commendation import Collective, Person
from app.notices.stats import RankedUnit, standings_of
from app.papers.models import OfficerDay
from app.participation.queries import frozen_days, frozen_figures, roll_up
from app.participation.rules import Figures, total, weights_of
from app.roster.access import bureau_of
from app.roster.models import Assignment, ExemptionDay, Officer, Unit, UnitKind
from app.roster.queries import subtree

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.contests.rules import Calendar
    from app.notices.stats import Standing
    from app.participation.rules import Span, Weights
    from app.roster.access import Caller

_AT_MOST = 500


@dataclass(frozen=True)
class Scope:
    """A contest as a document tells of it: of the unit where the contest's and the caller's realms meet."""

    contest: Contest
    unit: Unit
    calendar: Calendar

    @property
    def issuer(self) -> str:
        """Who signs."""
        return self.contest.issuer or self.unit.name

    @property
    def name(self) -> str:
        """The contest's name as people say it."""
        return self.contest.short_name or self.contest.name


@dataclass(frozen=True)
class Summary:
    """Final figures over days: of each day, of all, and of each ranked unit, with ranks of the days before them."""

    scope: Scope
    span: Span
    days: tuple[tuple[dt.date, Figures], ...]
    total: Figures
    standings: tuple[Standing, ...]
    complete_days: dict[uuid.UUID, int]
    weights: Weights
    earlier_ranks: dict[uuid.UUID, int | None]

    @property
    def ranked(self) -> list[Standing]:
        """The units with a rank, best first."""
        return sorted((one for one in self.standings if one.rank is not None), key=lambda one: one.rank or 0)

    @property
    def collectives(self) -> list[Collective]:
        """The units as candidates."""
        return [
            Collective(one.unit_id, one.name, one.figures, one.score, self.complete_days[one.unit_id])
            for one in self.standings
        ]


async def scope_of(session: AsyncSession, caller: Caller, contest_id: str) -> Scope:
    """Return a contest that the caller may see, over the contest's unit or the caller's bureau, whichever is lower.

    Raises NotFound for any other contest.
    """
    contest, unit = await contest_seen_by(session, caller, contest_id)
    own = await bureau_of(session, caller.unit_path)
    below = own if unit.id in own.path else unit
    return Scope(contest, below, await calendar_of(session, contest))


async def final_days(session: AsyncSession, scope: Scope, span: Span) -> tuple[list[dt.date], bool]:
    """Return the counted days of a span whose figures are final, and whether these are all of them."""
    held = await frozen_days(session, scope.contest.id)
    counted = [day for day in span.days if scope.calendar.counts(day)]
    return [day for day in counted if day in held], all(day in held for day in counted)


async def summary_of(
    session: AsyncSession, scope: Scope, span: Span, days: Sequence[dt.date], *, before: Sequence[dt.date] = ()
) -> Summary:
    """Return the final figures of these days (at least one), with the ranks over the days `before` to compare with."""
    units = await subtree(session, scope.unit.id)
    kind = UnitKind.BUREAU if scope.unit.kind == UnitKind.PROVINCE else UnitKind.BRANCH
    ranked = [unit for unit in units if unit.kind == kind]
    frozen = await frozen_figures(session, scope.contest.id, [*days, *before])
    rolled = {day: roll_up(units, direct) for day, direct in frozen.items()}
    weights = weights_of((await rules_on(session, scope.contest.id, days[-1])).index)
    named = [
        RankedUnit(unit.id, unit.name, None if unit.ranking_group == kind else unit.ranking_group) for unit in ranked
    ]
    sums = {unit.id: total(rolled[day][unit.id] for day in days) for unit in ranked}
    earlier = {unit.id: total(rolled[day][unit.id] for day in before) for unit in ranked}
    compared = standings_of(named, earlier, weights) if before else ()
    by_day = tuple((day, rolled[day][scope.unit.id]) for day in days)
    return Summary(
        scope,
        span,
        by_day,
        total(figures for _, figures in by_day),
        standings_of(named, sums, weights),
        {unit.id: sum(_complete(rolled[day][unit.id]) for day in days) for unit in ranked},
        weights,
        {one.unit_id: one.rank for one in compared},
    )


def _complete(figures: Figures) -> bool:
    return figures.expected > 0 and figures.unfinished == 0


async def figures_digest(session: AsyncSession, contest_id: uuid.UUID, day: dt.date) -> str | None:
    """Return the SHA-256 (hex) over a final day's figures of all units, sorted by unit; None while the day is not final.

    Canonical JSON of [contest, day, [[unit, {count: number}], …]]: whoever holds the figures can check it.
    """
    if day not in await frozen_days(session, contest_id):
        return None
    figures = (await frozen_figures(session, contest_id, [day]))[day]
    units = [[str(unit), asdict(figures[unit])] for unit in sorted(figures)]
    content = json.dumps([str(contest_id), day.isoformat(), units], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


async def people_of(session: AsyncSession, scope: Scope, days: Sequence[dt.date], *, branch: bool) -> list[Person]:
    """Return the officers with the best days among these, of branches, or else of the scope's other units.

    The best 500: enough for a quota of a hundred, its reserves, and whoever is equal; `commendation.people` decides.
    Each counts where he or she belonged on the last of the days.
    """
    units = await subtree(session, scope.unit.id)
    branches = {unit.id for unit in units if unit.kind == UnitKind.BRANCH}
    names = {unit.id: unit.name for unit in units if bool(branches & set(unit.path)) is branch}
    asked = values(column("day", Date), name="asked").data([(day,) for day in days])
    unit_id = func.array_agg(aggregate_order_by(Assignment.unit_id, asked.c.day.desc()))[1].label("unit_id")
    done = func.count(OfficerDay.done_at)
    answered = func.coalesce(func.sum(OfficerDay.quiz_answered), 0)
    correct = func.coalesce(func.sum(OfficerDay.quiz_correct), 0)
    summed = (
        select(
            Assignment.officer_id,
            unit_id,
            func.count().label("expected"),
            done.label("done"),
            answered.label("answered"),
            correct.label("correct"),
        )
        .select_from(asked)
        .join(
            Assignment,
            and_(
                Assignment.takes_part,
                Assignment.from_day <= asked.c.day,
                or_(Assignment.until_day.is_(None), Assignment.until_day > asked.c.day),
            ),
        )
        .join(Unit, Unit.id == Assignment.unit_id)
        .outerjoin(
            ExemptionDay, and_(ExemptionDay.officer_id == Assignment.officer_id, ExemptionDay.day == asked.c.day)
        )
        .outerjoin(
            OfficerDay,
            and_(
                OfficerDay.contest_id == scope.contest.id,
                OfficerDay.officer_id == Assignment.officer_id,
                OfficerDay.day == asked.c.day,
            ),
        )
        .where(Unit.path.contains([scope.unit.id]), ExemptionDay.officer_id.is_(None))
        .group_by(Assignment.officer_id)
        .having(done > 0, 2 * func.count() >= len(days))
        .subquery("summed")
    )
    rate = cast(summed.c.done, Numeric) / summed.c.expected
    accuracy = cast(summed.c.correct, Numeric) / func.greatest(summed.c.answered, 1)
    rows = await session.execute(
        select(Officer.id, Officer.name, Officer.employee_no, summed)
        .join(summed, summed.c.officer_id == Officer.id)
        .where(summed.c.unit_id.in_(names))
        .order_by(rate.desc(), summed.c.done.desc(), accuracy.desc(), Officer.employee_no)
        .limit(_AT_MOST)
    )
    return [
        Person(row.id, row.name, row.employee_no, names[row.unit_id], row.expected, row.done, row.answered, row.correct)
        for row in rows
    ]
