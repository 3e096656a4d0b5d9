"""Reads that count: a day's figures live, as of an instant or frozen; officers of a unit; one's own part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Numeric, Select, and_, case, cast, desc, false, func, select, true, tuple_
from sqlalchemy.orm import aliased

from app.contests.models import ContestDay
from app.matches.models import MatchRun
from app.papers.models import Answer, OfficerDay, Paper
from app.participation.models import FrozenDay, Reminder, UnitDay
from app.participation.rules import COUNTED, Figures, OfficerStatus, Span
from app.roster.access import assigned_on
from app.roster.models import Assignment, Exemption, ExemptionDay, Officer, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import FromClause
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.contests.rules import PlayRules

    _AnySelect = Select[*tuple[Any, ...]]

_DONE = OfficerDay.done_at.is_not(None)


async def live_figures(session: AsyncSession, contest: Contest, day: dt.date) -> dict[uuid.UUID, Figures]:
    """Return the figures of a contest day now, by the unit that the officers are assigned to itself."""
    state = (
        select(
            OfficerDay.officer_id,
            OfficerDay.first_answer_at.is_not(None).label("participated"),
            OfficerDay.quiz_finished_at.is_not(None).label("quiz_finished"),
            _DONE.label("done"),
            OfficerDay.quiz_answered.label("answered"),
            OfficerDay.quiz_correct.label("correct"),
        )
        .where(OfficerDay.contest_id == contest.id, OfficerDay.day == day)
        .subquery("state")
    )
    return await _by_unit(session, contest, day, state)


async def figures_as_of(
    session: AsyncSession, contest: Contest, rules_day: PlayRules, day: dt.date, cutoff: dt.datetime
) -> dict[uuid.UUID, Figures]:
    """Return the figures of a contest day as they stood at `cutoff`, by directly assigned unit.

    They come from the answers given and the papers opened before `cutoff`, never from counters; `rules_day` are the
    rules in force on the day. Units without an enrolled officer are absent.
    """
    return await _by_unit(session, contest, day, state_as_of(contest, rules_day, day, cutoff))


def state_as_of(contest: Contest, rules_day: PlayRules, day: dt.date, cutoff: dt.datetime) -> FromClause:
    """Select how far each officer who opened a paper of a contest day had come at `cutoff`.

    Columns: officer_id, participated, quiz_finished, done, matches (counted ones), answered and correct (of the quiz).
    """
    opened = (
        select(
            Paper.id,
            Paper.officer_id,
            (Paper.kind == "quiz").label("quiz"),
            func.cardinality(Paper.revision_ids).label("questions"),
        )
        .where(Paper.contest_id == contest.id, Paper.day == day, Paper.opened_at < cutoff)
        .cte("opened")
        .prefix_with("MATERIALIZED")
    )
    # Ids are ordered by time: a day's answers lie together in the key, and those of other days are not read.
    first, last = (
        select(opened.c.id).order_by(by).limit(1).scalar_subquery() for by in (opened.c.id, desc(opened.c.id))
    )
    sheet = (
        select(Answer.paper_id, func.count().label("answered"), func.count().filter(Answer.correct).label("correct"))
        .where(Answer.paper_id.between(first, last), Answer.answered_at < cutoff)
        .group_by(Answer.paper_id)
        .subquery("sheet")
    )
    quiz = opened.c.quiz
    # An officer has one quiz a day, so that `max` picks its figures.
    answered = func.coalesce(func.max(sheet.c.answered).filter(quiz), 0)
    finished = func.coalesce(answered >= func.max(opened.c.questions).filter(quiz), false())
    # A seat counts from its first answer, the first so many of a day.
    seats = func.count(sheet.c.paper_id).filter(~quiz)
    counted = func.least(seats, rules_day.matches.counted_per_day)
    return (
        select(
            opened.c.officer_id,
            ((answered > 0) | (counted > 0)).label("participated"),
            finished.label("quiz_finished"),
            (finished & (counted >= rules_day.matches.required_per_day)).label("done"),
            counted.label("matches"),
            answered.label("answered"),
            func.coalesce(func.max(sheet.c.correct).filter(quiz), 0).label("correct"),
        )
        .outerjoin(sheet, sheet.c.paper_id == opened.c.id)
        .group_by(opened.c.officer_id)
        .cte("state")
        .prefix_with("MATERIALIZED")
    )


async def _by_unit(
    session: AsyncSession, contest: Contest, day: dt.date, state: FromClause
) -> dict[uuid.UUID, Figures]:
    expected, played = ExemptionDay.officer_id.is_(None), state.c

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(expected, condition)

    def add(amount: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(func.sum(amount).filter(expected), 0)

    statement = select(
        Assignment.unit_id,
        func.count().label("enrolled"),
        func.count(ExemptionDay.officer_id).label("exempt"),
        count(played.participated).label("participated"),
        count(played.quiz_finished).label("quiz_finished"),
        count(played.done).label("done"),
        count(~played.done).label("in_progress"),
        add(played.answered).label("answered"),
        add(played.correct).label("correct"),
    )
    rows = await session.execute(
        enrolled_on(statement, contest.unit_id, day)
        .outerjoin(state, played.officer_id == Assignment.officer_id)
        .group_by(Assignment.unit_id)
    )
    return {row["unit_id"]: _figures(row) for row in rows.mappings()}


def enrolled_on(statement: _AnySelect, root: uuid.UUID, day: dt.date) -> _AnySelect:
    """Select from who takes part that day below `root`, with the day's unit and, where exempt, the exemption's day."""
    return (
        statement.select_from(Assignment)
        .join(Unit, Unit.id == Assignment.unit_id)
        .outerjoin(ExemptionDay, and_(ExemptionDay.officer_id == Assignment.officer_id, ExemptionDay.day == day))
        .where(Assignment.takes_part, assigned_on(day), Unit.path.contains([root]))
    )


def _figures(row: Mapping[Any, Any]) -> Figures:
    return Figures(**{name: int(row[name]) for name in COUNTED})


async def frozen_days(session: AsyncSession, contest_id: uuid.UUID) -> dict[dt.date, dt.datetime]:
    """Return the days whose figures are final, each with the instant at which they were written."""
    rows = await session.execute(select(FrozenDay.day, FrozenDay.frozen_at).where(FrozenDay.contest_id == contest_id))
    return {row.day: row.frozen_at for row in rows}


async def frozen_figures(
    session: AsyncSession, contest_id: uuid.UUID, days: Collection[dt.date]
) -> dict[dt.date, dict[uuid.UUID, Figures]]:
    """Return the final figures of these days, by day and directly assigned unit; a day not frozen is empty."""
    found: dict[dt.date, dict[uuid.UUID, Figures]] = {day: {} for day in days}
    if found:
        rows = await session.execute(
            select(UnitDay.__table__).where(UnitDay.contest_id == contest_id, UnitDay.day.in_(found))
        )
        for row in rows.mappings():
            found[row["day"]][row["unit_id"]] = _figures(row)
    return found


async def figures_frozen(session: AsyncSession, contest_id: uuid.UUID, day: dt.date) -> dict[uuid.UUID, Figures]:
    """Return the final figures of one day by directly assigned unit."""
    return (await frozen_figures(session, contest_id, [day]))[day]


def roll_up(units: Iterable[Unit], direct: Mapping[uuid.UUID, Figures]) -> dict[uuid.UUID, Figures]:
    """Return the figures of each unit with all units below it, given those of the units themselves."""
    units = list(units)
    summed = {unit.id: Figures() for unit in units}
    for unit in units:
        if unit.id in direct:
            for above in summed.keys() & unit.path:
                summed[above] += direct[unit.id]
    return summed


def ranking_groups(units: Iterable[Unit]) -> dict[uuid.UUID, str]:
    """Return with whom each unit is ranked: its ranking group, by default its kind."""
    return {unit.id: unit.ranking_group or unit.kind for unit in units}


def _uncounted(contest_id: uuid.UUID) -> Select[dt.date]:
    """Select the days of a contest that its calendar does not count."""
    return select(ContestDay.day).where(ContestDay.contest_id == contest_id, ContestDay.counts.is_(False))


def _undecided(contest_id: uuid.UUID, span: Span, now: dt.datetime, *also: ColumnElement[bool]) -> FromClause:
    """Select officers with the counted points of a match that goes on: shown, they would tell its players of answers."""
    return (
        select(Paper.officer_id, func.sum(Answer.points).label("points"))
        .join(MatchRun, MatchRun.id == Paper.run_id)
        .join(Answer, Answer.paper_id == Paper.id)
        .where(MatchRun.settled_at.is_(None), MatchRun.ends_at > now, MatchRun.counted[Paper.seat])
        .where(Paper.contest_id == contest_id, Paper.day.between(span.first, span.last), *also)
        .group_by(Paper.officer_id)
        .subquery("undecided")
    )


class OfficerRow(NamedTuple):
    """One enrolled officer of a day: unit of that day, status, what was played, exemption, last reminder.

    `undecided`: points of a counted match that goes on.
    """

    officer: Officer
    unit: Unit
    status: OfficerStatus
    played: OfficerDay | None
    exemption: Exemption | None
    reminder: Reminder | None
    reminded_by: str | None
    undecided: int

    @property
    def cursor(self) -> tuple[int, int, str, str]:
        """What the list is sorted by."""
        return _ORDER.index(self.status), self.unit.position, self.unit.name, self.officer.employee_no


_ORDER = (OfficerStatus.IN_PROGRESS, OfficerStatus.NOT_STARTED, OfficerStatus.DONE, OfficerStatus.EXEMPT)
_STATUS = case(
    (ExemptionDay.officer_id.is_not(None), _ORDER.index(OfficerStatus.EXEMPT)),
    (_DONE, _ORDER.index(OfficerStatus.DONE)),
    (OfficerDay.officer_id.is_not(None), _ORDER.index(OfficerStatus.IN_PROGRESS)),
    else_=_ORDER.index(OfficerStatus.NOT_STARTED),
)


async def officers_of(
    session: AsyncSession,
    contest_id: uuid.UUID,
    root: uuid.UUID,
    day: dt.date,
    *,
    now: dt.datetime,
    statuses: Collection[OfficerStatus] = _ORDER,
    after: tuple[int, int, str, str] | None = None,
    limit: int | None = None,
) -> list[OfficerRow]:
    """Return the officers enrolled below `root` on a contest day: in progress, not started, done, exempt.

    Within a status in roster order; `after` is the `cursor` of the last row of the page before.
    """
    reminder = aliased(
        Reminder,
        select(Reminder)
        .where(Reminder.contest_id == contest_id, Reminder.day == day, Reminder.officer_id == Assignment.officer_id)
        .order_by(Reminder.at.desc(), Reminder.id.desc())
        .limit(1)
        .lateral("reminder"),
    )
    by, undecided = aliased(Officer), _undecided(contest_id, Span(day, day), now)
    points = func.coalesce(undecided.c.points, 0)
    order = (_STATUS, Unit.position, Unit.name, Officer.employee_no)
    statement = (
        enrolled_on(select(Officer, Unit, _STATUS, OfficerDay, Exemption, reminder, by.name, points), root, day)
        .join(Officer, Officer.id == Assignment.officer_id)
        .outerjoin(
            OfficerDay,
            and_(
                OfficerDay.contest_id == contest_id,
                OfficerDay.day == day,
                OfficerDay.officer_id == Assignment.officer_id,
            ),
        )
        .outerjoin(Exemption, Exemption.id == ExemptionDay.exemption_id)
        .outerjoin(reminder, true())
        .outerjoin(by, by.id == reminder.by_officer_id)
        .outerjoin(undecided, undecided.c.officer_id == Assignment.officer_id)
        .where(_STATUS.in_([_ORDER.index(status) for status in statuses]))
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(*order) > after)
    rows = await session.execute(statement)
    return [OfficerRow(officer, unit, _ORDER[status], *rest) for officer, unit, status, *rest in rows]


class Totals(NamedTuple):
    """What one officer did over days: days done, points (of quizzes and counted matches), quiz questions answered and right."""

    days_done: int
    points: int
    answered: int
    correct: int


_TOTALS = (
    func.count().filter(_DONE).label("days_done"),
    func.coalesce(func.sum(OfficerDay.quiz_points + OfficerDay.match_points), 0).label("points"),
    func.coalesce(func.sum(OfficerDay.quiz_answered), 0).label("answered"),
    func.coalesce(func.sum(OfficerDay.quiz_correct), 0).label("correct"),
)


async def is_enrolled(session: AsyncSession, root: uuid.UUID, officer_id: uuid.UUID, day: dt.date) -> bool:
    """Return whether an officer takes part on `day` in a unit of the subtree of `root`, a contest's unit."""
    found = await session.execute(enrolled_on(select(true()), root, day).where(Assignment.officer_id == officer_id))
    return found.first() is not None


async def own_part(
    session: AsyncSession, contest_id: uuid.UUID, officer_id: uuid.UUID, day: dt.date
) -> tuple[OfficerDay | None, Totals]:
    """Return one officer's contest day (None before the first paper) and totals over the contest's counted days."""
    own = (OfficerDay.contest_id == contest_id, OfficerDay.officer_id == officer_id)
    played = await session.scalar(select(OfficerDay).where(*own, OfficerDay.day == day))
    counted = OfficerDay.day.not_in(_uncounted(contest_id))
    totals = (await session.execute(select(*_TOTALS).where(*own, counted))).one()
    return played, Totals(*totals)


class RankedOfficer(NamedTuple):
    """One officer's place among the officers of a unit, with what it rests on."""

    rank: int
    officer_id: uuid.UUID
    name: str
    employee_no: str
    unit_id: uuid.UUID
    totals: Totals


async def ranked_officers(
    session: AsyncSession,
    contest_id: uuid.UUID,
    root: uuid.UUID,
    span: Span,
    *,
    now: dt.datetime,
    after: tuple[int, str] | None = None,
    limit: int,
) -> list[RankedOfficer]:
    """Return the officers enrolled below `root` on the span's last day by days done, points, accuracy (none counts as 0).

    Points of a match that goes on, and whatever was done on an uncounted day, are left out. Equal in all three share a rank; then by 工号. `after` is (rank, 工号)
    of the last row of the page before.
    """
    # 12 decimals tell any two accuracies of fewer than a million answers apart, and equal ones stay equal.
    accuracy = func.round(
        cast(func.coalesce(func.sum(OfficerDay.quiz_correct), 0), Numeric)
        / func.greatest(func.coalesce(func.sum(OfficerDay.quiz_answered), 0), 1),
        12,
    )
    undecided = _undecided(contest_id, span, now, Paper.day.not_in(_uncounted(contest_id)))
    days_done, all_points, *rest = _TOTALS
    points = (all_points.element - func.coalesce(func.max(undecided.c.points), 0)).label("points")
    place = func.rank().over(order_by=[days_done.desc(), points.desc(), accuracy.desc()]).label("place")
    shown = (place, Officer.id, Officer.name, Officer.employee_no, Assignment.unit_id, days_done, points, *rest)
    ranked = (
        enrolled_on(select(*shown), root, span.last)
        .join(Officer, Officer.id == Assignment.officer_id)
        .outerjoin(
            OfficerDay,
            and_(
                OfficerDay.contest_id == contest_id,
                OfficerDay.day.between(span.first, span.last),
                OfficerDay.day.not_in(_uncounted(contest_id)),
                OfficerDay.officer_id == Assignment.officer_id,
            ),
        )
        .outerjoin(undecided, undecided.c.officer_id == Assignment.officer_id)
        .group_by(Officer.id, Assignment.unit_id)
        .subquery("ranked")
    )
    order = (ranked.c.place, ranked.c.employee_no)
    statement = select(ranked).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > after)
    return [
        RankedOfficer(
            rank=row.place,
            officer_id=row.id,
            name=row.name,
            employee_no=row.employee_no,
            unit_id=row.unit_id,
            totals=Totals(row.days_done, row.points, row.answered, row.correct),
        )
        for row in await session.execute(statement)
    ]
