"""The figures of a contest as this process holds them: read at most once a second, however many ask.

A poll is a look into memory, for 354 officers as for 100,000: sums, ranks and the bytes of a ranking are made once for
each reading, off the event loop.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from app.contests.models import Contest, ContestState
from app.contests.queries import (
    Placed,
    calendar_of,
    contest_seen_by,
    contests_seen_by,
    latest_contest_of_unit,
    rules_among,
    rules_versions,
)
from app.contests.rules import closes_at, last_counted_day
from app.core.clock import at, local_day
from app.core.http import dumps, etag_of
from app.papers.rules import NoContest
from app.participation import queries
from app.participation.rules import (
    SETTLED_AFTER,
    Figures,
    Span,
    compared_span,
    rank,
    rank_changes,
    score,
    the_one,
    weights_of,
)
from app.participation.schemas import contest_ref, formula_view, standing_view, unit_ref
from app.roster.access import bureau_of
from app.roster.queries import subtree

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import ContestRules
    from app.contests.rules import Calendar, PlayRules
    from app.core.wiring import Services
    from app.roster.access import Caller
    from app.roster.models import Unit, UnitKind

ByUnit = dict[uuid.UUID, Figures]
_DAY = dt.timedelta(days=1)
_MOST_BELOW = 200  # contests among which those of the units below are looked for, the newest first


class Ranking(NamedTuple):
    """A ranking as it is answered: its rows, and the body as bytes with the ETag of all but `as_of`."""

    as_of: dt.datetime
    scope: Unit
    span: Span
    rows: list[dict[str, Any]]
    body: bytes
    etag: str


@dataclass(frozen=True)
class Board:
    """All figures of one contest as they stood at `now`, by day and directly assigned unit.

    `frozen` tells when a day's figures were made final; `settled` days are over, recounted, and not frozen yet. A day
    that the calendar does not count is there without figures: in no sum, rate or rank.
    """

    now: dt.datetime
    contest: Contest
    versions: Sequence[ContestRules]
    units: dict[uuid.UUID, Unit]
    days: dict[dt.date, ByUnit]
    frozen: dict[dt.date, dt.datetime]
    settled: frozenset[dt.date]
    calendar: Calendar
    sums: dict[Span, ByUnit] = field(default_factory=dict, repr=False)
    making: dict[Hashable, asyncio.Task[Any]] = field(default_factory=dict, repr=False)

    @property
    def counted(self) -> Span:
        """The contest's days so far, today included, and those that do not count."""
        return Span(min(self.days), max(self.days))

    def uncounted(self, span: Span) -> list[dt.date]:
        """Return the days of the span that do not count."""
        return [day for day in span.days if not self.calendar.counts(day)]

    def rules(self, day: dt.date) -> PlayRules:
        """Return the rules in force on a day."""
        return rules_among(self.versions, day)

    def as_of(self, span: Span) -> dt.datetime:
        """Return the instant of a span's figures: now, or the closing of its last day once that is past."""
        return min(self.now, closes_at(self.rules(span.last), span.last))

    async def figures(self, span: Span) -> ByUnit:
        """Return every unit's figures, each with its subtree, summed over the days of the span."""
        return await self._once(span, lambda: asyncio.to_thread(self._sum, span))

    async def ranking(self, scope: Unit, kind: UnitKind, span: Span) -> Ranking:
        """Return the ranking of the units of `kind` below `scope`, by the formula in force on the span's last day."""
        return await self._once((scope.id, kind, span), lambda: self._rank(scope, kind, span))

    async def _once(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, _Made]]) -> _Made:
        task = self.making.get(key)
        if task is None:
            task = self.making[key] = asyncio.create_task(make())
        made: _Made = await asyncio.shield(task)  # one waiter that goes away does not stop it for the others
        return made

    def _sum(self, span: Span) -> ByUnit:
        held = self.sums.get(span)
        if held is None:
            if span.first < span.last and span.last not in self.frozen:
                # Everything before the moving day stays as it is from reading to reading.
                held = _added(self._sum(Span(span.first, span.last - _DAY)), self._sum(Span(span.last, span.last)))
            else:
                direct: ByUnit = {}
                for day in span.days:
                    direct = _added(direct, self.days[day])
                held = queries.roll_up(self.units.values(), direct)
            self.sums[span] = held
        return held

    async def _rank(self, scope: Unit, kind: UnitKind, span: Span) -> Ranking:
        compared = compared_span(self.counted, span, self.calendar.uncounted)
        now = await self.figures(span)
        before = await self.figures(compared) if compared else None
        return await asyncio.to_thread(self._render, scope, kind, span, now, compared, before)

    def _render(
        self,
        scope: Unit,
        kind: UnitKind,
        span: Span,
        now: ByUnit,
        compared: Span | None,
        before: ByUnit | None,
    ) -> Ranking:
        units = {unit.id: unit for unit in self.units.values() if unit.kind == kind and scope.id in unit.path}
        groups = queries.ranking_groups(units.values())
        weights = weights_of(self.rules(span.last).index)
        scores = {key: score(now[key], weights) for key in units}
        ranks = rank(scores, groups)
        earlier: dict[uuid.UUID, int | None] = {}
        if compared is not None and before is not None:
            weights_before = weights_of(self.rules(compared.last).index)
            earlier = rank({key: score(before[key], weights_before) for key in units}, groups)
        changes = rank_changes(earlier, ranks)
        listed = sorted(units.values(), key=lambda unit: (ranks[unit.id] or len(units) + 1, unit.position, unit.name))
        rows = [
            {
                **standing_view(unit, now[unit.id], scores[unit.id]),
                "rank": ranks[unit.id],
                "rank_change": changes[unit.id],
            }
            for unit in listed
        ]
        lasting = dumps(
            {
                "scope": unit_ref(scope),
                "contest": contest_ref(self.contest),
                "from": span.first,
                "to": span.last,
                "uncounted_days": self.uncounted(span),
                "formula": formula_view(weights),
                "rows": rows,
            }
        )
        as_of = self.as_of(span)
        body = b'{"as_of":' + dumps(as_of) + b"," + lasting[1:]
        return Ranking(as_of, scope, span, rows, body, etag_of(lasting))


def _added(some: ByUnit, more: ByUnit) -> ByUnit:
    result = dict(some)
    for unit_id, figures in more.items():
        result[unit_id] = result[unit_id] + figures if unit_id in result else figures
    return result


async def read_board(session: AsyncSession, contest_id: uuid.UUID, *, now: dt.datetime, held: Board | None) -> Board:
    """Return a contest's board at `now`; of `held`, the one before, what cannot have changed is taken over."""
    contest = await session.get_one(Contest, contest_id)
    versions = (await rules_versions(session, [contest_id]))[contest_id]
    units = {unit.id: unit for unit in await subtree(session, contest.unit_id)}
    calendar = await calendar_of(session, contest)
    frozen = await queries.frozen_days(session, contest_id)
    kept = _unchanged(held, frozen) if held else {}
    days = kept | await queries.frozen_figures(session, contest_id, frozen.keys() - kept.keys())
    settled = set(kept) - frozen.keys()
    last = last_counted_day(contest.starts_on, contest.ends_on, now) or contest.starts_on
    span = Span(contest.starts_on, last)
    away = {day: ByUnit() for day in span.days if not calendar.counts(day)}
    kept |= away
    days |= away
    for day in span.days:
        if day in days:
            continue
        if day == local_day(now):
            days[day] = await queries.live_figures(session, contest, day)
            continue
        rules = rules_among(versions, day)
        closing = closes_at(rules, day)
        days[day] = await queries.figures_as_of(session, contest, rules, day, closing)
        if now >= closing + SETTLED_AFTER:
            settled.add(day)
    days = {day: days[day] for day in span.days}
    board = Board(now, contest, versions, units, days, frozen, frozenset(settled), calendar)
    if held and held.units.keys() == units.keys() and held.frozen == frozen:
        board.sums.update((key, sums) for key, sums in held.sums.items() if kept.keys() >= set(key.days))
    return board


def _unchanged(held: Board, frozen: dict[dt.date, dt.datetime]) -> dict[dt.date, ByUnit]:
    # Frozen figures hold until they are written anew, recounted ones until they are frozen.
    return {
        day: figures
        for day, figures in held.days.items()
        if (held.frozen.get(day) == frozen[day] if day in frozen else day in held.settled)
    }


class Place(NamedTuple):
    """Where somebody stands at `now`: the newest contest over the unit, and whose units are ranked for them in it.

    That is the unit's bureau (or province), or the bureau of the only contest below. `choices`: where no contest
    covers the unit, those below it.
    """

    now: dt.datetime
    contest_id: uuid.UUID | None
    scope: Unit
    choices: Sequence[Placed] = ()


class Home(NamedTuple):
    """A contest as this process holds it, and whose units are ranked in it for the caller."""

    board: Board
    scope: Unit


def _begun(contest: Contest, today: dt.date) -> bool:
    return contest.state != ContestState.DRAFT and contest.starts_on <= today


async def _place_of_unit(session: AsyncSession, path: Sequence[uuid.UUID], now: dt.datetime) -> Place:
    running = await latest_contest_of_unit(session, path, local_day(now))
    return Place(now, running.contest.id if running else None, await bureau_of(session, path))


async def _place_of_caller(session: AsyncSession, caller: Caller, now: dt.datetime) -> Place:
    place = await _place_of_unit(session, caller.unit_path, now)
    if place.contest_id is not None:
        return place
    today = local_day(now)
    seen = await contests_seen_by(session, caller, after=None, limit=_MOST_BELOW)
    newest: dict[uuid.UUID, Placed] = {}  # of each unit, the newest that has begun
    for one in seen:
        if _begun(one.contest, today):
            newest.setdefault(one.unit.id, one)
    meant = the_one({unit_id: one.contest.ends_on for unit_id, one in newest.items()}, today)
    if meant is None:
        return place._replace(choices=tuple(newest.values()))
    return place._replace(contest_id=newest[meant].contest.id, scope=newest[meant].unit)


class _Dated(Protocol):
    @property
    def now(self) -> dt.datetime: ...


_Made = TypeVar("_Made")
_Held = TypeVar("_Held", bound=_Dated)


class _Cell(Generic[_Held]):
    """One value, until when it is good (monotonic seconds), and the reading under way."""

    def __init__(self) -> None:
        self.held: _Held | None = None
        self.good_until = 0.0
        self.reading: asyncio.Task[_Held] | None = None


class Snapshots:
    """The boards of one process; each is read again when asked for after `max_age` seconds, by one task for all.

    After a slow reading it rests `rest` times as long as that took. With both 0 nothing is kept: for a clock set by
    hand, which tells no age.
    """

    def __init__(self, *, max_age: float = 1.0, rest: float = 3.0) -> None:
        self._max_age = max_age
        self._rest = rest
        self._places: dict[Hashable, _Cell[Place]] = {}
        self._boards: dict[uuid.UUID, _Cell[Board]] = {}

    async def of_unit(self, wired: Services, path: Sequence[uuid.UUID]) -> Home:
        """Return the newest contest over a unit (given by its path), with the unit's bureau.

        Raises NoContest where none covers it.
        """

        async def read(session: AsyncSession, now: dt.datetime, _held: Place | None) -> Place:
            return await _place_of_unit(session, path, now)

        place = await self._get(wired, self._places.setdefault(path[-1], _Cell()), read)
        if place.contest_id is None:
            raise NoContest("本单位还没有开始过的竞赛，竞赛开始后即可查看。")
        return Home(await self._board(wired, place.contest_id), place.scope)

    async def of_caller(self, wired: Services, caller: Caller, contest_id: str | None) -> Home:
        """Return the contest asked for, else the newest over the caller's unit, else the only one below it.

        The ranking is of the caller's bureau where that takes part, else of the contest's unit. Raises NotFound for a
        contest that the caller does not see, NoContest where none has begun or (fact `contests`) several could be meant.
        """
        if contest_id is not None:
            return await self._of_contest(wired, caller, contest_id)

        async def read(session: AsyncSession, now: dt.datetime, _held: Place | None) -> Place:
            return await _place_of_caller(session, caller, now)

        # Two callers of one unit with the same roles see the same contests.
        cell = self._places.setdefault((caller.unit_id, caller.roles), _Cell())
        place = await self._get(wired, cell, read)
        if place.contest_id is not None:
            return Home(await self._board(wired, place.contest_id), place.scope)
        if place.choices:
            contests = [{**contest_ref(one.contest), "unit": unit_ref(one.unit)} for one in place.choices]
            raise NoContest("下级单位有多场竞赛，请用 contest_id 指定其中一场。", contests=contests)
        raise NoContest("本单位还没有开始过的竞赛，竞赛开始后即可查看。")

    async def _of_contest(self, wired: Services, caller: Caller, contest_id: str) -> Home:
        async with wired.database.reads() as session:
            now = await wired.clock.now(session)
            contest, unit = await contest_seen_by(session, caller, contest_id)
            bureau = await bureau_of(session, caller.unit_path)
        if not _begun(contest, local_day(now)):
            raise NoContest("该竞赛还没有开始，开始后即可查看。")
        return Home(await self._board(wired, contest.id), bureau if unit.id in bureau.path else unit)

    async def _board(self, wired: Services, contest_id: uuid.UUID) -> Board:
        async def read(session: AsyncSession, now: dt.datetime, held: Board | None) -> Board:
            return await read_board(session, contest_id, now=now, held=held)

        return await self._get(wired, self._boards.setdefault(contest_id, _Cell()), read)

    async def _get(
        self,
        wired: Services,
        cell: _Cell[_Held],
        read: Callable[[AsyncSession, dt.datetime, _Held | None], Coroutine[Any, Any, _Held]],
    ) -> _Held:
        if cell.held is not None and time.monotonic() < cell.good_until:
            return cell.held
        if cell.reading is None:
            cell.reading = asyncio.create_task(self._read(wired, cell, read))
        return await asyncio.shield(cell.reading)

    async def _read(
        self,
        wired: Services,
        cell: _Cell[_Held],
        read: Callable[[AsyncSession, dt.datetime, _Held | None], Coroutine[Any, Any, _Held]],
    ) -> _Held:
        began = time.monotonic()
        try:
            async with wired.database.reads() as session:
                now = await wired.clock.now(session)
                value = await read(session, now, cell.held if self._max_age else None)
        finally:
            cell.reading = None
        ended = time.monotonic()
        midnight = (at(local_day(now) + _DAY, dt.time()) - now).total_seconds()  # the next day is another board
        cell.held = value
        cell.good_until = min(max(began + self._max_age, ended + self._rest * (ended - began)), began + midnight)
        return value
