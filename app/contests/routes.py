"""HTTP: contests and their rules."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.contests import calendar, service
from app.contests.models import Contest, ContestDay, ContestRules
from app.contests.queries import (
    Placed,
    contest_seen_by,
    contests_seen_by,
    rules_among,
    rules_versions,
)
from app.contests.rules import Calendar, contest_phase
from app.contests.schemas import (
    CalendarChanges,
    CalendarDay,
    CalendarOut,
    ContestChanges,
    ContestOut,
    ContestPage,
    DayChange,
    FilledOut,
    NewContest,
    NextRules,
    UnitOut,
)
from app.core.clock import local_day
from app.core.errors import Malformed
from app.core.http import decode_cursor, encode_cursor, next_link, problems
from app.core.ids import parse_id
from app.core.wiring import Wired
from app.roster.access import Caller, unit_below
from app.roster.models import Role, Unit
from app.roster.signed_in import SignedIn, holding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter(tags=["Contests"])

Administrator = Annotated[Caller, holding(Role.ADMIN)]


async def administered(contest_id: str, caller: Administrator, wired: Wired) -> uuid.UUID:
    """Return the id of a contest that the caller administers; refused before the body is judged."""
    async with wired.database.reads() as session:
        return (await contest_seen_by(session, caller, contest_id, to_change=True)).contest.id


Administered = Annotated[uuid.UUID, Depends(administered)]


@router.get("/contests", operation_id="list_contests", responses=problems(400, 401, 403, 422))
async def list_contests(
    request: Request,
    response: Response,
    caller: SignedIn,
    wired: Wired,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ContestPage:
    """List the contests that cover the caller's unit or lie in the caller's charge, the latest first."""
    after = _place(cursor)
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        found = await contests_seen_by(session, caller, after=after, limit=limit + 1)
        versions = await rules_versions(session, [placed.contest.id for placed in found])
    page = found[:limit]
    last = page[-1].contest if len(found) > limit else None
    following = encode_cursor(last.starts_on, last.id) if last else None
    next_link(request, response, following)
    return ContestPage(items=[_shown(one, versions[one.contest.id], now) for one in page], next=following)


@router.post("/contests", operation_id="create_contest", status_code=201, responses=problems(401, 403, 404, 422))
async def create_contest(body: NewContest, caller: Administrator, wired: Wired) -> ContestOut:
    """Draft a contest over a bureau's or province's subtree; nobody takes part before it is opened."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        unit = await unit_below(session, caller, body.unit_id)
        given = body.model_dump(exclude={"unit_id"})
        contest = await service.create_contest(session, unit_id=unit.id, now=now, actor_id=caller.officer_id, **given)
        placed, versions = await _loaded(session, contest)
    return _shown(placed, versions, now)


@router.get("/contests/{contest_id}", operation_id="get_contest", responses=problems(401, 403, 404))
async def get_contest(contest_id: str, caller: SignedIn, wired: Wired) -> ContestOut:
    """Return one contest with its rules, and those that follow them."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        placed = await contest_seen_by(session, caller, contest_id)
        versions = await rules_versions(session, [placed.contest.id])
    return _shown(placed, versions[placed.contest.id], now)


@router.patch(
    "/contests/{contest_id}",
    operation_id="change_contest",
    responses=problems(401, 403, 404, 409, 422),
)
async def change_contest(
    contest_id: Administered, body: ContestChanges, caller: Administrator, wired: Wired
) -> ContestOut:
    """Change a draft in everything; an opened contest in its names, its end, and its rules from tomorrow on.

    409: `contest-already-opened`, `contest-over`, `contest-overlaps`, `bank-too-small`.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        changes = body.model_dump(exclude_unset=True)
        if "unit_id" in changes:
            changes["unit_id"] = (await unit_below(session, caller, changes["unit_id"])).id
        contest = await session.get_one(Contest, contest_id)
        await service.change_contest(session, contest, changes, now=now, actor_id=caller.officer_id)
        placed, versions = await _loaded(session, contest)
    return _shown(placed, versions, now)


@router.post(
    "/contests/{contest_id}/open",
    operation_id="open_contest",
    responses=problems(401, 403, 404, 409),
)
async def open_contest(contest_id: Administered, caller: Administrator, wired: Wired) -> ContestOut:
    """Open a draft; a repeat answers the same.

    409: `contest-not-draft`, `contest-over`, `contest-starts-in-past`, `contest-overlaps`, `bank-too-small`.
    """
    return await _act(service.open_contest, contest_id, caller, wired)


@router.post(
    "/contests/{contest_id}/pause",
    operation_id="pause_contest",
    responses=problems(401, 403, 404, 409),
)
async def pause_contest(contest_id: Administered, caller: Administrator, wired: Wired) -> ContestOut:
    """Pause an open contest; a repeat answers the same. 409: `contest-not-open`."""
    return await _act(service.pause_contest, contest_id, caller, wired)


@router.post(
    "/contests/{contest_id}/resume",
    operation_id="resume_contest",
    responses=problems(401, 403, 404, 409),
)
async def resume_contest(contest_id: Administered, caller: Administrator, wired: Wired) -> ContestOut:
    """Resume a paused contest; a repeat answers the same. 409: `contest-not-paused`."""
    return await _act(service.resume_contest, contest_id, caller, wired)


@router.get("/contests/{contest_id}/calendar", operation_id="get_calendar", responses=problems(401, 403, 404))
async def get_calendar(contest_id: str, caller: SignedIn, wired: Wired) -> CalendarOut:
    """Return every day of a contest and whether it counts; days that nobody spoke of do."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        contest = (await contest_seen_by(session, caller, contest_id)).contest
        rows = await calendar.days_of(session, contest)
    return _calendar(contest, rows, now)


@router.put(
    "/contests/{contest_id}/calendar", operation_id="change_calendar", responses=problems(401, 403, 404, 409, 422)
)
async def change_calendar(
    contest_id: Administered, body: CalendarChanges, caller: Administrator, wired: Wired
) -> CalendarOut:
    """Say of the listed days whether they count, until the day before each; 409 `contest-day-fixed` later.

    On a day that does not count officers may play; it is in no ranking, rate or sum, and its notices are skipped.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        contest = await session.get_one(Contest, contest_id)
        wishes = [calendar.DayWish(one.day, one.counts, one.note, "manual") for one in body.days]
        rows = await calendar.set_days(session, contest, wishes, now=now, actor_id=caller.officer_id)
    return _calendar(contest, rows, now)


@router.post(
    "/contests/{contest_id}/calendar/fill", operation_id="fill_calendar", responses=problems(401, 403, 404, 422)
)
async def fill_calendar(
    contest_id: Administered, caller: Administrator, wired: Wired, dry_run: bool = False
) -> FilledOut:
    """Take weekends and public holidays out of the contest; days set by hand, and days that have begun, stay.

    `dry_run=true` only proposes. A year whose holidays are not known is left as it is, and `warnings` says so.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        contest = await session.get_one(Contest, contest_id)
        found, rows = await calendar.fill(session, contest, now=now, actor_id=caller.officer_id, dry_run=dry_run)
    filled = [DayChange(day=wish.day, counts=wish.counts, note=wish.note) for wish in found.days]
    return FilledOut(**_calendar(contest, rows, now).model_dump(), dry_run=dry_run, filled=filled)


def _calendar(contest: Contest, rows: Mapping[dt.date, ContestDay], now: dt.datetime) -> CalendarOut:
    away = frozenset(day for day, row in rows.items() if not row.counts)
    held = Calendar(contest.starts_on, contest.ends_on, away)
    unknown = calendar.proposed(contest.starts_on, contest.ends_on).unknown
    days = []
    for offset in range((contest.ends_on - contest.starts_on).days + 1):
        day = contest.starts_on + dt.timedelta(days=offset)
        row = rows.get(day)
        days.append(
            CalendarDay(
                day=day,
                counts=held.counts(day),
                number=held.number(day) if held.counts(day) else None,
                note=row.note if row else None,
                source=row.source if row else None,
                fixed=calendar.fixed(contest, day, now),
            )
        )
    return CalendarOut(
        contest_id=contest.id,
        counted_days=held.number(contest.ends_on),
        days=days,
        warnings=[calendar.warning_of(year) for year in unknown],
    )


async def _act(
    act: Callable[..., Awaitable[Contest]], contest_id: uuid.UUID, caller: Caller, wired: Wired
) -> ContestOut:
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        contest = await session.get_one(Contest, contest_id)
        await act(session, contest, now=now, actor_id=caller.officer_id)
        placed, versions = await _loaded(session, contest)
    return _shown(placed, versions, now)


async def _loaded(session: AsyncSession, contest: Contest) -> tuple[Placed, Sequence[ContestRules]]:
    unit = await session.get_one(Unit, contest.unit_id)
    return Placed(contest, unit), (await rules_versions(session, [contest.id]))[contest.id]


def _shown(placed: Placed, versions: Sequence[ContestRules], now: dt.datetime) -> ContestOut:
    contest, unit = placed
    today = max(local_day(now), contest.starts_on)
    rules = rules_among(versions, today)
    following = next((version for version in versions if version.from_day > today), None)
    last_rules = rules_among(versions, contest.ends_on)
    return ContestOut.model_validate(
        {
            "id": contest.id,
            "name": contest.name,
            "short_name": contest.short_name,
            "unit": UnitOut(id=unit.id, name=unit.name, kind=unit.kind),
            "starts_on": contest.starts_on,
            "ends_on": contest.ends_on,
            "issuer": contest.issuer,
            "office_phone": contest.office_phone,
            "state": contest.state,
            "phase": contest_phase(contest.state, (contest.starts_on, contest.ends_on), last_rules, now),
            "rules": rules,
            "next_rules": NextRules.model_validate({"from": following.from_day, "rules": following.rules})
            if following
            else None,
        }
    )


def _place(cursor: str | None) -> tuple[dt.date, uuid.UUID] | None:
    values = decode_cursor(cursor, 2)
    if values is None:
        return None
    try:
        day, contest_id = dt.date.fromisoformat(values[0]), parse_id(values[1])
    except (TypeError, ValueError, AttributeError) as error:
        raise Malformed("分页标记无效，请从第一页重新读取。") from error
    if contest_id is None:
        raise Malformed("分页标记无效，请从第一页重新读取。")
    return day, contest_id
