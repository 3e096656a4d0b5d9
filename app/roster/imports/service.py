"""Use cases of the roster file: import all or nothing, and hand out generated passwords."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, text, update

from app.core import audit
from app.core.clock import local_day
from app.core.database import copy_rows
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id, parse_id
from app.core.security import new_password
from app.roster import access
from app.roster.imports import queries, spreadsheet
from app.roster.imports.changes import Importing, Report, changes_of, report_of
from app.roster.imports.rules import read_roster
from app.roster.models import Assignment, Officer, Role, RosterImport, Unit, UnitKind
from app.roster.rules import Stretch, refused_over
from app.roster.service import lock_roster, own_unit
from app.roster.sign_in.service import end_sign_ins

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.security import Passwords
    from app.core.wiring import Services
    from app.roster.access import Caller
    from app.roster.imports.changes import ChangedOfficer, Changes, NewOfficer, NewUnit, Roster
    from app.roster.imports.rules import RosterFile

    OwnUnit = Callable[[AsyncSession, dt.datetime], Awaitable[Unit]]


class RosterRefused(Invalid):
    """The roster file has bad rows: nothing was written; `report` lists every one with what to do."""

    title = "名册有误，什么也没有写入"
    report: Report


def report_body(report: Report) -> dict[str, Any]:
    """Return a report as JSON values: what the API answers and what is kept of an import."""
    return {
        "id": str(report.id) if report.id else None,
        "dry_run": report.dry_run,
        "rows": report.rows,
        "created": report.created,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "missing": report.missing,
        "missing_officers": [{"employee_no": number, "name": name} for number, name in report.missing_officers],
        "created_units": report.created_units,
        "errors": [{"row": e.row, "column": e.column, "detail": e.detail} for e in report.errors],
    }


def _refused(report: Report) -> RosterRefused:
    error = RosterRefused(f"共{len(report.errors)}处有误，请按所列逐行改正后重新导入。", report=report_body(report))
    error.report = report
    return error


async def import_roster(
    services: Services,
    *,
    content: bytes,
    file_name: str,
    own: OwnUnit,
    caller: Caller | None,
    create_units: bool,
    dry_run: bool = False,
    now: dt.datetime | None = None,
) -> Report:
    """Import a roster file into a unit, all or nothing; by 工号, so again and again without harm.

    It is held against the roster twice: once in a transaction that is rolled back, so that problems show before
    chosen passwords are hashed (30 ms each, with no transaction open), and once under the roster's lock.
    Raises UnsupportedMedia, RosterRefused.
    """
    kind = spreadsheet.kind_of(file_name)
    file = await asyncio.to_thread(lambda: read_roster(spreadsheet.read_rows(content, kind)))
    async with services.database.sessions() as session:
        at = now or await services.clock.now(session)
        importing = await _importing(session, caller, at, create_units=create_units)
        # Never committed: closing the session takes the rehearsal back.
        roster, changes = await _rehearsed(session, await own(session, at), file, importing)
    if changes.problems or dry_run:
        report = report_of(file, roster, changes, dry_run=dry_run)
        if report.errors:
            raise _refused(report)
        return report
    hashes = await _hashes(services.passwords, changes)
    del roster, changes  # 100,000 rows weigh 100 MB: not twice
    async with services.database.sessions.begin() as session:
        at = now or await services.clock.now(session)
        await lock_roster(session)
        importing = await _importing(session, caller, at, create_units=create_units)
        unit = await own(session, at)
        roster, changes = await _rehearsed(session, unit, file, importing)
        if changes.problems:
            raise _refused(report_of(file, roster, changes, dry_run=False))
        await _land(session, changes, hashes, now=at)
        report = report_of(file, roster, changes, dry_run=False, import_id=new_id())
        await _keep(session, report, changes, unit=unit, file_name=file_name, caller=caller, now=at)
    return report


async def _importing(
    session: AsyncSession, caller: Caller | None, now: dt.datetime, *, create_units: bool
) -> Importing:
    today = local_day(now)
    if caller is None:
        return Importing(None, None, today, create_units, new_id)
    return Importing(caller.employee_no, await access.actor(session, caller, today), today, create_units, new_id)


async def _rehearsed(
    session: AsyncSession, own: Unit, file: RosterFile, importing: Importing
) -> tuple[Roster, Changes]:
    roster = await queries.roster_for(session, own, file.rows, today=importing.today)
    return roster, await asyncio.to_thread(changes_of, file, roster, importing)


async def _hashes(passwords: Passwords, changes: Changes) -> dict[str, str]:
    """Return the hashes of the chosen passwords of new officers; one that many were given is hashed once."""
    hashed: dict[str, str] = {}
    for new in changes.created:
        if new.row.password and new.row.password not in hashed:
            hashed[new.row.password] = await passwords.hash(new.row.password)
    return hashed


async def _land(session: AsyncSession, changes: Changes, hashes: dict[str, str], *, now: dt.datetime) -> None:
    """Write the changes: new rows first; rows that others may be waiting for are locked last and shortly."""
    places = await queries.places_below(session, {new.parent_id for new in changes.units})
    units = (_unit_record(new, places[new.parent_id], number, now) for number, new in enumerate(changes.units))
    await copy_rows(session, "unit", _UNIT, units)
    today = local_day(now)
    await copy_rows(session, "officer", _OFFICER, (_officer_record(new, hashes, now) for new in changes.created))
    first = (_assignment_record(new.id, Stretch(today, None, new.placement), now) for new in changes.created)
    await copy_rows(session, "assignment", _ASSIGNMENT, first)
    await _move(session, changes.changed, now=now)
    await _change(session, changes.changed)


_UNIT = ("id", "parent_id", "kind", "name", "path", "position", "created_at")
_OFFICER = (
    "id",
    "employee_no",
    "phone",
    "name",
    "section",
    "position",
    "roles",
    "wecom_userid",
    "password_hash",
    "must_change_password",
    "created_at",
)
_ASSIGNMENT = ("id", "officer_id", "unit_id", "takes_part", "from_day", "until_day", "created_at")


def _unit_record(new: NewUnit, place: queries.Place, number: int, now: dt.datetime) -> tuple[Any, ...]:
    return new.id, new.parent_id, UnitKind.BRANCH, new.name, [*place.path, new.id], place.position + number, now


def _officer_record(new: NewOfficer, hashes: dict[str, str], now: dt.datetime) -> tuple[Any, ...]:
    row = new.row
    chosen = hashes.get(row.password) if row.password else None
    return (
        new.id,
        row.employee_no,
        row.phone,
        row.name,
        row.section,
        row.position,
        list(row.roles),
        row.wecom_userid,
        chosen,
        True,
        now,
    )


def _assignment_record(officer_id: uuid.UUID, stretch: Stretch, now: dt.datetime) -> tuple[Any, ...]:
    unit_id, takes_part = stretch.placement
    return new_id(), officer_id, unit_id, takes_part, stretch.from_day, stretch.until_day, now


async def _move(session: AsyncSession, changed: Sequence[ChangedOfficer], *, now: dt.datetime) -> None:
    """Change assignments in the order that keeps one open row an officer at a time."""
    moved = [(change.before.id, change.stretches) for change in changed if change.stretches]
    gone = [key for _, moves in moved for key in moves.delete]
    ends = [{"key": key, "until": until} for _, moves in moved for key, until in moves.until]
    if gone:
        await session.execute(delete(Assignment).where(Assignment.id.in_(gone)))
    if ends:
        await session.execute(text("UPDATE assignment SET until_day = :until WHERE id = :key"), ends)
    fresh = (_assignment_record(officer, stretch, now) for officer, moves in moved for stretch in moves.insert)
    await copy_rows(session, "assignment", _ASSIGNMENT, fresh)


async def _change(session: AsyncSession, changed: Sequence[ChangedOfficer]) -> None:
    """Change officers' own columns; phones that change are let go first, so that two may swap theirs."""
    officers = [change.after for change in changed if change.after != change.before]
    freed = [change.before.id for change in changed if change.after.phone != change.before.phone]
    if freed:
        await session.execute(update(Officer).where(Officer.id.in_(freed)).values(phone=None))
    if officers:
        values = [
            {
                "id": officer.id,
                "name": officer.name,
                "phone": officer.phone,
                "section": officer.section,
                "position": officer.position,
                "roles": list(officer.roles),
                "wecom_userid": officer.wecom_userid,
            }
            for officer in officers
        ]
        await session.execute(update(Officer), values)
    await _renew_promoted(session, changed)


async def _renew_promoted(session: AsyncSession, changed: Sequence[ChangedOfficer]) -> None:
    """Let new administrators sign in afresh: others may hold a link, a device or the initial password of theirs."""
    promoted = [
        change.before.id
        for change in changed
        if Role.ADMIN in change.after.roles and Role.ADMIN not in change.before.roles
    ]
    if promoted:
        await end_sign_ins(session, promoted)
        unsigned = Officer.id.in_(promoted) & Officer.first_signed_in_at.is_(None)
        await session.execute(update(Officer).where(unsigned).values(password_hash=None))


async def _keep(
    session: AsyncSession,
    report: Report,
    changes: Changes,
    *,
    unit: Unit,
    file_name: str,
    caller: Caller | None,
    now: dt.datetime,
) -> None:
    body = report_body(report)
    officer_ids = [
        *(new.id for new in changes.created),
        *(change.before.id for change in changes.changed),
        *changes.unchanged,
    ]
    session.add(
        RosterImport(
            id=report.id,
            unit_id=unit.id,
            created_by=caller.officer_id if caller else None,
            created_at=now,
            file_name=file_name,
            report=body,
            officer_ids=officer_ids,
        )
    )
    counts = ("rows", "created", "changed", "unchanged", "missing", "created_units")
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id if caller else None,
        action="roster.imported",
        subject=("import", report.id),
        after={"unit_id": str(unit.id), "file_name": file_name, **{name: body[name] for name in counts}},
    )


async def import_roster_file(
    services: Services,
    *,
    content: bytes,
    file_name: str,
    bureau_name: str,
    create_units: bool,
    now: dt.datetime | None = None,
) -> Report:
    """Import a roster file for the bureau (or province) of this name: the command `lianbing import-roster`.

    With `create_units` a missing bureau is added too. `now` is set by demo and simulation. A file with bad rows
    gives a report with `errors`, and nothing is written. Raises NotFound, Conflict (the name), UnsupportedMedia.
    """

    async def own(session: AsyncSession, at: dt.datetime) -> Unit:
        return await own_unit(session, name=bureau_name, province=None, create=create_units, now=at)

    try:
        return await import_roster(
            services,
            content=content,
            file_name=file_name,
            own=own,
            caller=None,
            create_units=create_units,
            now=now,
        )
    except RosterRefused as refused:
        return refused.report


async def hand_out_passwords(
    session: AsyncSession, caller: Caller, import_id: str, passwords: Passwords, *, now: dt.datetime
) -> list[tuple[str, str, str, str]]:
    """Give those of an import who never signed in a new generated password; return (工号, 姓名, 单位, password).

    Whoever has signed in, has a password of the file's, has left the caller's subtree, or is not the caller's to
    touch (管理员, for one who takes part) is left out. Raises NotFound.
    """
    held = await queries.import_for(session, caller, parse_id(import_id))
    if held is None:
        raise NotFound("没有找到这次导入。")
    await lock_roster(session)
    today = local_day(now)
    actor = await access.actor(session, caller, today)
    officers = [
        officer
        for officer in await queries.unsigned_of(session, caller, held.officer_ids, today=today)
        if not refused_over(actor, officer.roles, officer.unit_id, peers=True)
    ]
    made = await asyncio.to_thread(lambda: [(password := new_password(), passwords.keyed(password)) for _ in officers])
    changed = await session.execute(
        _GIVE, {"ids": [officer.id for officer in officers], "hashes": [hashed for _, hashed in made]}
    )
    given = set(changed.scalars())  # without those who signed in meanwhile
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="roster.passwords_handed_out",
        subject=("import", held.id),
        after={"officers": len(given)},
    )
    return [
        (officer.employee_no, officer.name, officer.unit, password)
        for officer, (password, _) in zip(officers, made, strict=True)
        if officer.id in given
    ]


_GIVE = text(
    """
    UPDATE officer SET password_hash = given.hash, must_change_password = true
    FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[])) AS given (id, hash)
    WHERE officer.id = given.id AND officer.first_signed_in_at IS NULL
    RETURNING officer.id
    """
)
