"""Use cases of the roster: exemptions, transfers, units, and the administrators that commands set up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.core import audit
from app.core.clock import local_day
from app.core.errors import Conflict, FieldProblem, Invalid, NotFound
from app.core.ids import new_id, parse_id
from app.roster import access, rules
from app.roster.models import Assignment, Exemption, ExemptionDay, Officer, Role, Unit, UnitKind
from app.roster.queries import stretches_from
from app.roster.sign_in.service import renew_password

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.roster.access import Caller

_ROSTER_LOCK = 0x726F7374  # advisory lock number: whoever changes units, 工号, phones or assignments holds it


class MovedFromAbove(Conflict):
    """A unit above has already planned that the officer leaves."""

    code = "moved-from-above"
    title = "上级单位已安排该人员调出"


async def lock_roster(session: AsyncSession) -> None:
    """Hold the roster until the end of the transaction: its changes come one after the other."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ROSTER_LOCK})


async def add_exemption(
    session: AsyncSession,
    caller: Caller,
    officer_id: str,
    *,
    first: dt.date,
    last: dt.date,
    reason: str,
    now: dt.datetime,
) -> tuple[Exemption, Officer]:
    """Exempt an officer (经批准免参赛) from `first` to `last`, today at the earliest.

    Raises NotFound, Invalid, ExemptionOverlaps.
    """
    today = local_day(now)
    officer, _unit = await access.officer_below(session, caller, officer_id, today)
    rules.check_exemption(first=first, last=last, reason=reason, today=today)
    exemption = Exemption(
        id=new_id(),
        officer_id=officer.id,
        from_day=first,
        to_day=last,
        reason=reason.strip(),
        created_by=caller.officer_id,
        created_at=now,
        ended_at=None,
    )
    session.add(exemption)
    await session.flush()
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    added = await session.execute(
        insert(ExemptionDay)
        .values([{"officer_id": officer.id, "day": day, "exemption_id": exemption.id} for day in days])
        .on_conflict_do_nothing()
        .returning(ExemptionDay.day)
    )
    taken = sorted(set(days) - set(added.scalars()))
    if taken:
        raise rules.ExemptionOverlaps(
            f"{officer.name}在{taken[0]}等{len(taken)}天已经登记为免参赛，请避开这些日期。",
            days=[day.isoformat() for day in taken],
        )
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="exemption.created",
        subject=("exemption", exemption.id),
        after={"officer_id": str(officer.id), "from": first.isoformat(), "to": last.isoformat()},
        reason=exemption.reason,
    )
    return exemption, officer


async def end_exemption(session: AsyncSession, caller: Caller, exemption_id: str, *, now: dt.datetime) -> None:
    """End an exemption: its days from today on are taken back, past ones stay. Raises NotFound, ExemptionOver."""
    today = local_day(now)
    wanted = parse_id(exemption_id)
    exemption = await session.get(Exemption, wanted, with_for_update=True) if wanted else None
    if exemption is None or exemption.ended_at is not None:
        raise NotFound("没有找到该免参赛登记，可能已被取消。")
    await access.officer_below(session, caller, exemption.officer_id, today)
    if exemption.to_day < today:
        raise rules.ExemptionOver
    exemption.ended_at = now
    gone = await session.execute(
        delete(ExemptionDay)
        .where(ExemptionDay.exemption_id == exemption.id, ExemptionDay.day >= today)
        .returning(ExemptionDay.day)
    )
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="exemption.ended",
        subject=("exemption", exemption.id),
        before={"officer_id": str(exemption.officer_id), "to": exemption.to_day.isoformat()},
        after={"days_taken_back": len(gone.all())},
    )


async def transfer(
    session: AsyncSession, caller: Caller, officer_id: str, unit_id: str, *, from_day: dt.date, now: dt.datetime
) -> tuple[Officer, Unit, Assignment]:
    """Let an officer belong to another unit from a day on, tomorrow at the earliest.

    What was planned from that day on is replaced; a transfer to the unit that holds until then withdraws it.
    Raises NotFound, Forbidden, Invalid, MovedFromAbove.
    """
    today = local_day(now)
    officer, present = await access.officer_below(session, caller, officer_id, today)
    unit = await access.unit_below(session, caller, unit_id)
    await access.require_over(session, caller, officer, present, day=today, peers=True)
    rules.check_transfer(from_day=from_day, today=today)
    await lock_roster(session)
    held = (await stretches_from(session, [officer.id], today))[officer.id]
    await _none_outside(session, caller, [stretch for _, stretch in held])
    stretches = [stretch for _, stretch in held]
    before = rules.placed_on(stretches, from_day) or stretches[-1].placement
    wanted = rules.replanned(stretches, before._replace(unit_id=unit.id), from_day)
    await _change_stretches(session, officer.id, rules.stretch_changes(held, wanted), now=now)
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="officer.transferred",
        subject=("officer", officer.id),
        before={"unit_id": str(before.unit_id)},
        after={"unit_id": str(unit.id), "from": from_day.isoformat()},
    )
    found = await session.scalars(
        select(Assignment).where(Assignment.officer_id == officer.id, Assignment.until_day.is_(None))
    )
    return officer, unit, found.one()


async def _none_outside(session: AsyncSession, caller: Caller, stretches: Sequence[rules.Stretch]) -> None:
    unit_ids = {stretch.placement.unit_id for stretch in stretches}
    outside = select(Unit.id).where(Unit.id.in_(unit_ids), ~access.in_subtree(caller)).limit(1)
    if await session.scalar(outside):
        raise MovedFromAbove("该人员将调往其他单位；如需更改，请联系安排调动的上级单位。")


async def _change_stretches(
    session: AsyncSession, officer_id: uuid.UUID, changes: rules.StretchChanges[uuid.UUID], *, now: dt.datetime
) -> None:
    """Write the changes of one officer's assignments in the order that keeps one open row at a time."""
    await session.execute(delete(Assignment).where(Assignment.id.in_(changes.delete)))
    for key, until_day in changes.until:
        await session.execute(update(Assignment).where(Assignment.id == key).values(until_day=until_day))
    for stretch in changes.insert:
        session.add(assignment_of(officer_id, stretch, now=now))
        await session.flush()


def assignment_of(officer_id: uuid.UUID, stretch: rules.Stretch, *, now: dt.datetime) -> Assignment:
    """Return the row of a stretch."""
    return Assignment(
        id=new_id(),
        officer_id=officer_id,
        unit_id=stretch.placement.unit_id,
        takes_part=stretch.placement.takes_part,
        from_day=stretch.from_day,
        until_day=stretch.until_day,
        created_at=now,
    )


async def new_unit(
    session: AsyncSession,
    parent: Unit | None,
    *,
    name: str,
    kind: UnitKind,
    now: dt.datetime,
    ranking_group: str | None = None,
) -> Unit | None:
    """Add a unit as the last below its parent; None where one of that name is there already."""
    key = new_id()
    siblings = Unit.parent_id == parent.id if parent else Unit.parent_id.is_(None)
    last = await session.scalar(select(func.max(Unit.position)).where(siblings))
    added = await session.scalars(
        insert(Unit)
        .values(
            id=key,
            parent_id=parent.id if parent else None,
            kind=kind,
            name=name,
            ranking_group=ranking_group,
            path=[*(parent.path if parent else []), key],
            position=(last or 0) + 1,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Unit)
    )
    return added.one_or_none()


async def add_unit(
    session: AsyncSession,
    caller: Caller,
    *,
    name: str,
    kind: UnitKind,
    parent_id: str,
    ranking_group: str | None,
    now: dt.datetime,
) -> Unit:
    """Add a unit below one of the caller's subtree; raises NotFound, Invalid, UnitExists."""
    parent = await access.unit_below(session, caller, parent_id)
    name = rules.normal_name(name)
    rules.check_unit(name=name, kind=kind, parent_kind=parent.kind)
    await lock_roster(session)
    unit = await new_unit(session, parent, name=name, kind=kind, now=now, ranking_group=ranking_group)
    if unit is None:
        raise rules.UnitExists(f"{parent.name}下已有“{name}”。")
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="unit.created",
        subject=("unit", unit.id),
        after={"name": name, "kind": kind, "parent_id": str(parent.id), "ranking_group": ranking_group},
    )
    return unit


async def own_unit(session: AsyncSession, *, name: str, province: str | None, create: bool, now: dt.datetime) -> Unit:
    """Return the bureau (or province) of this name, which commands name as a whole; with `create`, add what is missing.

    Raises NotFound where it is missing, Conflict where the name is ambiguous or stands below another province.
    """
    name, province = rules.normal_name(name), rules.normal_name(province) if province else None
    tops = [UnitKind.BUREAU, UnitKind.PROVINCE]
    found = (await session.scalars(select(Unit).where(Unit.name == name, Unit.kind.in_(tops)))).all()
    above = None
    if province and province != name:
        above = await session.scalar(select(Unit).where(Unit.name == province, Unit.kind == UnitKind.PROVINCE))
        if found and not any(above and unit.parent_id == above.id for unit in found):
            raise Conflict(f"“{name}”已经存在，但不属于“{province}”；请核对名称，或不写省厅。")
        found = [unit for unit in found if above and unit.parent_id == above.id]
    if len(found) > 1:
        raise Conflict(f"有{len(found)}个单位叫“{name}”，请同时写明省厅。")
    if found:
        return found[0]
    if not create:
        raise NotFound(f"没有找到市局或省厅“{name}”；请核对名称，或加 --create-units 新建。")
    if province and above is None and province != name:
        above = await _added(session, None, province, UnitKind.PROVINCE, now=now)
    return await _added(session, above, name, UnitKind.PROVINCE if province == name else UnitKind.BUREAU, now=now)


async def _added(session: AsyncSession, parent: Unit | None, name: str, kind: UnitKind, *, now: dt.datetime) -> Unit:
    unit = await new_unit(session, parent, name=name, kind=kind, now=now)
    if unit is None:
        raise Conflict(f"已有名为“{name}”的单位，但不是所需的一类；请核对名称。")
    return unit


async def create_admin(
    session: AsyncSession,
    *,
    employee_no: str,
    name: str,
    bureau: str,
    province: str | None,
    password_hash: str,
    now: dt.datetime,
) -> Officer:
    """Create an administrator (管理员, not taking part) of a bureau, adding bureau and province where missing.

    With `province` equal to `bureau` the administrator is the province's. Raises EmployeeNoTaken, Invalid, Conflict.
    """
    number = _checked_number(employee_no, name)
    await lock_roster(session)
    held = select(Officer.id).where((Officer.employee_no == number) | (Officer.phone == number)).limit(1)
    if await session.scalar(held):
        raise rules.EmployeeNoTaken(f"工号“{number}”已被使用；该人员如需管理员角色，请由管理员在名册中设置。")
    unit = await own_unit(session, name=bureau, province=province, create=True, now=now)
    officer = Officer(
        id=new_id(),
        employee_no=number,
        name=rules.normal_name(name),
        roles=[Role.ADMIN],
        password_hash=password_hash,
        must_change_password=False,
        created_at=now,
    )
    session.add(officer)
    await session.flush()
    placed = rules.Stretch(local_day(now), None, rules.Placement(unit.id, takes_part=False))
    session.add(assignment_of(officer.id, placed, now=now))
    await audit.append(
        session,
        now=now,
        actor_id=None,
        action="admin.created",
        subject=("officer", officer.id),
        after={"employee_no": number, "unit_id": str(unit.id)},
    )
    return officer


def _checked_number(employee_no: str, name: str) -> str:
    number = rules.normal_employee_no(employee_no)
    if not rules.is_employee_no(number) or not rules.normal_name(name):
        detail = f"工号只能由字母（含中文）、数字和连字符组成，不超过{rules.EMPLOYEE_NO_LENGTH}位；姓名不能为空。"
        raise Invalid(detail, errors=[FieldProblem("/employee_no", detail)])
    return number


async def renew_admin(
    session: AsyncSession,
    *,
    employee_no: str,
    name: str,
    bureau: str,
    province: str | None,
    password_hash: str,
    now: dt.datetime,
) -> bool:
    """Set a new password for the administrator of this 工号 in this bureau (or province); end all sign-ins.

    False where nobody has the 工号. Raises EmployeeNoTaken where it is anybody else's, Conflict (the bureau's name).
    """
    await lock_roster(session)
    number = rules.normal_employee_no(employee_no)
    found = await session.execute(
        select(Officer, Assignment.unit_id)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .where(Officer.employee_no == number, access.assigned_on(local_day(now)))
    )
    row = found.first()
    if row is None:
        return False
    officer, unit_id = row
    try:
        unit = await own_unit(session, name=bureau, province=province, create=False, now=now)
    except NotFound:
        unit = None
    if unit is None or unit.id != unit_id or Role.ADMIN not in officer.roles:
        raise rules.EmployeeNoTaken(
            f"工号“{number}”已被使用，但不是“{bureau}”的管理员；请核对工号和单位名称。"
            "该人员如需管理员角色，请由管理员在名册中设置。"
        )
    if officer.name != rules.normal_name(name):
        raise rules.EmployeeNoTaken(f"工号“{number}”是“{officer.name}”的，不是“{name}”的；请核对工号和姓名。")
    await renew_password(session, officer.id, password_hash, must_change_password=False)
    await audit.append(
        session,
        now=now,
        actor_id=None,
        action="admin.password_set",
        subject=("officer", officer.id),
        after={"employee_no": number, "unit_id": str(unit.id)},
    )
    return True
