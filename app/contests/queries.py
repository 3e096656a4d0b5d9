"""Reads: which contest an officer is in on a day, the rules in force, who sees which contest, and what clashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, or_, select, text, tuple_

from app.contests.models import Contest, ContestDay, ContestRules, ContestState
from app.contests.rules import Calendar, PlayRules
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.roster.access import in_subtree
from app.roster.models import Role, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.roster.access import Caller


class RunningContest(NamedTuple):
    """A contest with the rules in force on the day asked for."""

    contest: Contest
    rules: PlayRules


async def rules_on(session: AsyncSession, contest_id: uuid.UUID, day: dt.date) -> PlayRules:
    """Return the newest version of the contest's rules in force on `day` (the first version before that)."""
    rows = await session.scalars(
        select(ContestRules).where(ContestRules.contest_id == contest_id).order_by(ContestRules.from_day)
    )
    return rules_among(rows.all(), day)


def rules_among(versions: Sequence[ContestRules], day: dt.date) -> PlayRules:
    """Return the version in force on `day` among all versions of one contest, ordered by their first day."""
    chosen = [version for version in versions if version.from_day <= day][-1:] or versions[:1]
    return PlayRules.model_validate(chosen[0].rules)


async def calendar_of(session: AsyncSession, contest: Contest) -> Calendar:
    """Return which days of a contest count (竞赛日历)."""
    rows = await session.scalars(
        select(ContestDay.day).where(ContestDay.contest_id == contest.id, ContestDay.counts.is_(False))
    )
    return Calendar(contest.starts_on, contest.ends_on, frozenset(rows.all()))


async def contest_of_unit(session: AsyncSession, path: Sequence[uuid.UUID], day: dt.date) -> RunningContest | None:
    """Return the open or paused contest that covers a unit (given by its path) on `day`, with its rules.

    Opening a contest refuses a second one over the same officers and days, so there is at most one.
    """
    found = await session.scalars(
        select(Contest).where(
            Contest.state != ContestState.DRAFT,
            Contest.unit_id.in_(path),
            Contest.starts_on <= day,
            Contest.ends_on >= day,
        )
    )
    contest = found.first()
    return RunningContest(contest, await rules_on(session, contest.id, day)) if contest else None


async def latest_contest_of_unit(
    session: AsyncSession, path: Sequence[uuid.UUID], day: dt.date
) -> RunningContest | None:
    """Return the newest open or paused contest that covers the unit and began by `day`, finished ones included."""
    found = await session.scalars(
        select(Contest)
        .where(Contest.state != ContestState.DRAFT, Contest.unit_id.in_(path), Contest.starts_on <= day)
        .order_by(Contest.starts_on.desc(), Contest.id.desc())
        .limit(1)
    )
    contest = found.first()
    return RunningContest(contest, await rules_on(session, contest.id, day)) if contest else None


class Placed(NamedTuple):
    """A contest with its unit."""

    contest: Contest
    unit: Unit


def _seen_by(caller: Caller) -> ColumnElement[bool]:
    """Condition on Contest and Unit: it covers the caller's unit, or the caller watches over its unit.

    A draft is for its own administrators only.
    """
    opened = Contest.state != ContestState.DRAFT
    seen: list[ColumnElement[bool]] = [opened & Contest.unit_id.in_(caller.unit_path)]
    if caller.has(Role.BUREAU, Role.PROVINCE):
        seen.append(opened & in_subtree(caller))
    if caller.has(Role.ADMIN):
        seen.append(in_subtree(caller))
    return or_(*seen)


async def contests_seen_by(
    session: AsyncSession, caller: Caller, *, after: tuple[dt.date, uuid.UUID] | None, limit: int
) -> list[Placed]:
    """Return up to `limit` contests that the caller may see, the latest first; `after` is the last one's place."""
    wanted = (
        select(Contest, Unit)
        .join(Unit, Unit.id == Contest.unit_id)
        .where(_seen_by(caller))
        .order_by(Contest.starts_on.desc(), Contest.id.desc())
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(tuple_(Contest.starts_on, Contest.id) < after)
    found = await session.execute(wanted)
    return [Placed(contest, unit) for contest, unit in found]


async def contest_seen_by(
    session: AsyncSession, caller: Caller, contest_id: str | uuid.UUID, *, to_change: bool = False
) -> Placed:
    """Return a contest that the caller may see, or (`to_change`) administers; raises NotFound for any other."""
    wanted = parse_id(contest_id) if isinstance(contest_id, str) else contest_id
    found = await session.execute(
        select(Contest, Unit)
        .join(Unit, Unit.id == Contest.unit_id)
        .where(Contest.id == wanted, in_subtree(caller) if to_change else _seen_by(caller))
    )
    row = found.first()
    if row is None:
        raise NotFound("没有找到该竞赛。")
    return Placed(row[0], row[1])


async def rules_versions(
    session: AsyncSession, contest_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[ContestRules]]:
    """Return every version of the rules of these contests, by contest, ordered by first day."""
    wanted = list(contest_ids)
    rows = await session.scalars(
        select(ContestRules).where(ContestRules.contest_id.in_(wanted)).order_by(ContestRules.from_day)
    )
    versions: dict[uuid.UUID, list[ContestRules]] = {contest_id: [] for contest_id in wanted}
    for row in rows:
        versions[row.contest_id].append(row)
    return versions


async def clashing_contest(session: AsyncSession, contest: Contest, ends_on: dt.date) -> Contest | None:
    """Return another open or paused contest that shares an officer and a day with this one until `ends_on`."""
    unit = await session.get_one(Unit, contest.unit_id)
    found = await session.scalars(
        select(Contest)
        .join(Unit, Unit.id == Contest.unit_id)
        .where(
            Contest.id != contest.id,
            Contest.state != ContestState.DRAFT,
            Contest.starts_on <= ends_on,
            Contest.ends_on >= contest.starts_on,
            or_(Contest.unit_id.in_(unit.path), Unit.path.contains([unit.id])),
        )
        .order_by(Contest.starts_on)
    )
    return found.first()


# The bank's tables belong to a package above this one, hence plain SQL; `bank.queries.load_pool` reads by the same
# condition, and a test holds the two together.
_DRAWABLE = text("""
    SELECT revision.kind, count(*)
    FROM question JOIN question_revision AS revision ON revision.id = question.current_revision_id
    WHERE question.state = 'in_use'
      AND (question.unit_id IS NULL OR question.unit_id = ANY(CAST(:owners AS uuid[])))
      AND NOT EXISTS (
          SELECT FROM question_basis AS basis JOIN instrument ON instrument.name = basis.instrument
          WHERE basis.revision_id = revision.id
            AND (instrument.in_force_from > :day OR instrument.in_force_to < :day))
    GROUP BY revision.kind
""").bindparams(bindparam("owners"), bindparam("day"))


async def drawable_counts(session: AsyncSession, owners: Sequence[uuid.UUID], day: dt.date) -> dict[str, int]:
    """Return how many questions of each kind may be drawn on `day` for a unit, given by its path."""
    rows = await session.execute(_DRAWABLE, {"owners": list(owners), "day": day})
    return {kind: count for kind, count in rows}  # noqa: C416 - a Row is no key-value pair to dict()
