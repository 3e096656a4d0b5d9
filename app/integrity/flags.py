"""Flags: looking at matches that are over, what an administrator may see of it, and his decision."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import structlog
from sqlalchemy import exists, select, text

from app.contests.models import Contest
from app.core import audit
from app.core.clock import Clock
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.integrity.models import Flag
from app.integrity.rules import FlagState, History, Kind, Met, check_decision, evidence_of, findings
from app.roster.access import Caller, assigned_on, in_subtree
from app.roster.models import Assignment, Officer, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.wiring import Services
    from app.integrity.rules import Finding

log = structlog.get_logger(__name__)

_FLAGS_LOCK = 0x666C6167  # advisory lock number: flags are raised and decided one at a time, each on the newest rows

# A claim: what another process is examining right now is passed over. Two who met both have a paper of the match: of a
# live one from its start, of a challenge once it was taken up; a run against a recording is no meeting.
CLAIM = text("""
WITH claimed AS MATERIALIZED (
    SELECT id, match_id FROM match_run
    WHERE settled_at IS NOT NULL AND examined_at IS NULL
    ORDER BY settled_at, id LIMIT :most FOR UPDATE SKIP LOCKED
),
examined AS (UPDATE match_run r SET examined_at = :now FROM claimed WHERE r.id = claimed.id)
SELECT one.contest_id, least(one.officer_id, other.officer_id) AS first_id,
       greatest(one.officer_id, other.officer_id) AS second_id
FROM claimed
LEFT JOIN paper one ON one.match_id = claimed.match_id AND one.seat = 1
LEFT JOIN paper other ON other.match_id = claimed.match_id AND other.seat = 2
""")

# Matches that two played against each other, over for both. Instants and points by position, in the order of the pair.
MET = text("""
SELECT pair.contest_id, pair.first_id, pair.second_id, mine.match_id,
       greatest(mine.started_at, theirs.started_at) AS started_at, greatest(mine.ends_at, theirs.ends_at) AS ends_at,
       CASE coalesce(mine.forfeited_by, theirs.forfeited_by) WHEN one.seat THEN 1 WHEN other.seat THEN 2 END
           AS forfeited_by,
       ones.answered_at AS first_answered, ones.points AS first_points,
       others.answered_at AS second_answered, others.points AS second_points
FROM unnest(CAST(:contests AS uuid[]), CAST(:firsts AS uuid[]), CAST(:seconds AS uuid[]))
     AS pair(contest_id, first_id, second_id)
JOIN paper one ON one.officer_id = pair.first_id AND one.contest_id = pair.contest_id
JOIN paper other ON other.match_id = one.match_id AND other.officer_id = pair.second_id
JOIN match_run mine ON mine.id = one.run_id AND mine.settled_at IS NOT NULL
JOIN match_run theirs ON theirs.id = other.run_id AND theirs.settled_at IS NOT NULL
CROSS JOIN LATERAL (
    SELECT array_agg(a.answered_at ORDER BY asked.position) AS answered_at, coalesce(sum(a.points), 0)::int AS points
    FROM generate_series(1, mine.questions::int) AS asked(position)
    LEFT JOIN answer a ON a.paper_id = one.id AND a.position = asked.position
) ones
CROSS JOIN LATERAL (
    SELECT array_agg(a.answered_at ORDER BY asked.position) AS answered_at, coalesce(sum(a.points), 0)::int AS points
    FROM generate_series(1, mine.questions::int) AS asked(position)
    LEFT JOIN answer a ON a.paper_id = other.id AND a.position = asked.position
) others
ORDER BY started_at, mine.match_id
""")

BEGUN = text("""
SELECT p.contest_id, p.officer_id, greatest(mine.started_at, theirs.started_at) AS started_at
FROM paper p
JOIN paper other ON other.match_id = p.match_id AND other.id <> p.id
JOIN match_run mine ON mine.id = p.run_id AND mine.settled_at IS NOT NULL
JOIN match_run theirs ON theirs.id = other.run_id AND theirs.settled_at IS NOT NULL
WHERE p.contest_id = ANY(:contests) AND p.officer_id = ANY(:officers)
ORDER BY started_at
""")


class Pair(NamedTuple):
    """Two officers of a contest, ordered by id."""

    contest_id: uuid.UUID
    first_id: uuid.UUID
    second_id: uuid.UUID


class Watched(NamedTuple):
    """What one round did: runs looked at, flags raised or given new evidence."""

    matches: int
    flags: int


async def watch(
    services: Services,
    *,
    now: dt.datetime | None = None,
    stopping: Callable[[], bool] = lambda: False,
    at_a_time: int = 50,
) -> Watched:
    """Look once at every settled run, with all matches of the same two, and raise flags (异常提示).

    Any number of processes may do it; nothing else follows from a flag. `now` None is the database's clock; `stopping`
    is asked before anything new is begun; `at_a_time` matches are held in one transaction.
    """
    clock = services.clock if now is None else Clock(lambda: now)
    matches = flags = 0
    while not stopping():
        async with services.database.sessions.begin() as session:
            seen = await _look(session, most=at_a_time, now=await clock.now(session))
        matches, flags = matches + seen.matches, flags + seen.flags
        if seen.matches < at_a_time:
            break
    return Watched(matches, flags)


async def _look(session: AsyncSession, *, most: int, now: dt.datetime) -> Watched:
    claimed = (await session.execute(CLAIM, {"most": most, "now": now})).all()
    histories = await _histories(session, {Pair(*row) for row in claimed if row.first_id != row.second_id})
    noticed = {pair for pair, history in histories.items() if findings(history, {})}
    flags = 0
    if noticed:
        await _one_at_a_time(session)
        # Read again behind the lock: another process may have examined a later match of the same two meanwhile.
        for pair, history in (await _histories(session, noticed)).items():
            flags += await _raise_flags(session, pair, history, now=now)
    return Watched(len(claimed), flags)


async def _one_at_a_time(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _FLAGS_LOCK})


async def _histories(session: AsyncSession, pairs: Iterable[Pair]) -> dict[Pair, History]:
    ordered = sorted(pairs)
    if not ordered:
        return {}
    contests, firsts, seconds = (list(column) for column in zip(*ordered, strict=True))
    met: dict[Pair, list[Met]] = {pair: [] for pair in ordered}
    for row in await session.execute(MET, {"contests": contests, "firsts": firsts, "seconds": seconds}):
        met[Pair(row.contest_id, row.first_id, row.second_id)].append(
            Met(
                match_id=row.match_id,
                started_at=row.started_at,
                ended_at=row.ends_at,
                points=(row.first_points, row.second_points),
                answered_at=(row.first_answered, row.second_answered),
                forfeited_by=row.forfeited_by,
            )
        )
    begun: dict[tuple[uuid.UUID, uuid.UUID], list[dt.datetime]] = defaultdict(list)
    for row in await session.execute(BEGUN, {"contests": contests, "officers": [*firsts, *seconds]}):
        begun[row.contest_id, row.officer_id].append(row.started_at)
    return {
        pair: History(met[pair], (begun[pair.contest_id, pair.first_id], begun[pair.contest_id, pair.second_id]))
        for pair in ordered
    }


async def _raise_flags(session: AsyncSession, pair: Pair, history: History, *, now: dt.datetime) -> int:
    """Raise what is new about a pair, and bring what is open up to date; return how many flags changed."""
    held = (
        await session.scalars(
            select(Flag).where(
                Flag.contest_id == pair.contest_id,
                Flag.first_officer_id == pair.first_id,
                Flag.second_officer_id == pair.second_id,
            )
        )
    ).all()
    decided: dict[Kind, dt.datetime] = {}
    for flag in held:
        if flag.state != FlagState.OPEN:
            kind = Kind(flag.kind)
            decided[kind] = max(flag.last_match_at, decided.get(kind, flag.last_match_at))
    still_open = {flag.kind: flag for flag in held if flag.state == FlagState.OPEN}
    changed = 0
    for finding in findings(history, decided):
        changed += _note(session, pair, finding, still_open.get(finding.kind), now=now)
    return changed


def _note(session: AsyncSession, pair: Pair, finding: Finding, flag: Flag | None, *, now: dt.datetime) -> bool:
    evidence, last_match_at = evidence_of(finding), finding.met[-1].started_at
    if flag is None:
        flag = Flag(
            contest_id=pair.contest_id,
            kind=finding.kind,
            first_officer_id=pair.first_id,
            second_officer_id=pair.second_id,
            evidence=evidence,
            last_match_at=last_match_at,
            raised_at=now,
            updated_at=now,
            state=FlagState.OPEN,
        )
        session.add(flag)
        log.info("flag raised", kind=str(finding.kind), contest=str(pair.contest_id))
        return True
    if flag.evidence == evidence:
        return False
    flag.evidence, flag.last_match_at, flag.updated_at = evidence, last_match_at, now
    return True


async def decide(
    session: AsyncSession, flag: Flag, *, decision: FlagState, note: str, now: dt.datetime, actor_id: uuid.UUID
) -> Flag:
    """Record an administrator's decision on a flag, with the reason (核查结论); the same again changes nothing.

    `flag` was read `to_decide`. It is a record and no more: no figure follows from it. Raises OwnFlag
    or FlagDecided.
    """
    if not check_decision(FlagState(flag.state), decision, own=actor_id in flag.officer_ids):
        return flag
    flag.state, flag.decided_by, flag.decided_at, flag.note = decision, actor_id, now, note
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action="flag.decide",
        subject=("flag", flag.id),
        before={"state": str(FlagState.OPEN)},
        after={"state": str(decision)},
        reason=note,
    )
    return flag


# --- reads ------------------------------------------------------------------------------------------------------------


class Person(NamedTuple):
    """An officer with today's unit."""

    officer: Officer
    unit: Unit


@dataclass(frozen=True)
class FlagRead:
    """A flag with its contest, the two officers in the pair's order, and who decided."""

    flag: Flag
    contest: Contest
    officers: tuple[Person, Person]
    decided_by: Officer | None


def _concerns(caller: Caller, day: dt.date) -> ColumnElement[bool]:
    """Condition on Flag: one of the two belongs to the caller's subtree on `day`."""
    return exists(
        select(Assignment.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            Assignment.officer_id.in_([Flag.first_officer_id, Flag.second_officer_id]),
            assigned_on(day),
            in_subtree(caller),
        )
        .correlate(Flag)
    )


async def flags_page(
    session: AsyncSession,
    caller: Caller,
    *,
    day: dt.date,
    state: FlagState | None,
    before: uuid.UUID | None,
    limit: int,
) -> list[Flag]:
    """Return up to `limit` flags about officers of the caller's subtree, newest first; `before`: the last one's id."""
    query = select(Flag).where(_concerns(caller, day)).order_by(Flag.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Flag.state == state)
    if before is not None:
        query = query.where(Flag.id < before)
    return list(await session.scalars(query))


async def flag_below(
    session: AsyncSession, caller: Caller, flag_id: str, *, day: dt.date, to_decide: bool = False
) -> Flag:
    """Return a flag about an officer of the caller's subtree; raises NotFound for any other.

    `to_decide`: no other transaction raises, changes or decides a flag until the end of this one.
    """
    if to_decide:
        await _one_at_a_time(session)
    found: Flag | None = await session.scalar(select(Flag).where(Flag.id == parse_id(flag_id), _concerns(caller, day)))
    if found is None:
        raise NotFound("没有找到这条异常提示。")
    return found


async def read_flags(session: AsyncSession, flags: Sequence[Flag], *, day: dt.date) -> list[FlagRead]:
    """Return these flags with the names that they need, officers with their units of `day`."""
    people = {
        officer.id: Person(officer, unit)
        for officer, unit in await session.execute(
            select(Officer, Unit)
            .join(Assignment, Assignment.officer_id == Officer.id)
            .join(Unit, Unit.id == Assignment.unit_id)
            .where(Officer.id.in_({key for flag in flags for key in flag.officer_ids}), assigned_on(day))
        )
    }
    deciders = await session.scalars(select(Officer).where(Officer.id.in_({flag.decided_by for flag in flags})))
    by_id = {officer.id: officer for officer in deciders}
    contests = await session.scalars(select(Contest).where(Contest.id.in_({flag.contest_id for flag in flags})))
    of_id = {contest.id: contest for contest in contests}
    return [
        FlagRead(
            flag,
            of_id[flag.contest_id],
            (people[flag.first_officer_id], people[flag.second_officer_id]),
            by_id[flag.decided_by] if flag.decided_by else None,
        )
        for flag in flags
    ]
