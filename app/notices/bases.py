"""Warnings of the bank: a legal basis ends within thirty days, told once to each bureau's administrators, by day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from app.bank.life.queries import ends_ahead
from app.bank.life.rules import basis_notice
from app.contests.models import Contest
from app.core.clock import local_day
from app.notices import channels
from app.notices.alerts import ways_to_administrators
from app.notices.audiences import Audience, nearest
from app.notices.models import BasisTold, Delivery, Notice
from app.notices.recipients import officers_channels
from app.notices.rules import State, before_night, by_day
from app.notices.scene import Made
from app.notices.text import TEMPLATE_VERSION
from app.notices.text_bank import write_ends
from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, Role, Unit, UnitKind

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.life.queries import EndAhead
    from app.notices.models import Channel
    from app.notices.text import Text

_WITHIN = dt.timedelta(hours=15)  # until 23:00; what was not sent by then is told anew in the morning
_ATTEMPTS = 100  # a quarter of an hour apart at most: more than fit into that, so that no outage ends them earlier


async def warn_of_ends(session: AsyncSession, *, now: dt.datetime, link: str = "") -> list[Made]:
    """Insert what the administrators of each bureau and province are to be told of ends of bases; return the new notices.

    Those whom alerts reach, through the same channels; each is told once of an instrument's last day, and again where
    that is put off and comes near again. A bureau that cannot be reached, or is in no contest, is told as soon as it
    can be. Nothing at night. Safe to repeat and from several processes at once.
    """
    day = local_day(now)
    ends = await ends_ahead(session, day) if by_day(now) == now else []
    if not ends:
        return []
    await _forget_unsent(session, day)
    units = list(
        await session.scalars(
            select(Unit).where(Unit.kind.in_([UnitKind.BUREAU, UnitKind.PROVINCE])).order_by(Unit.path)
        )
    )
    private = await officers_channels(session, {above for unit in units for above in unit.path})
    administered = await _administered(session, day)
    reached = [unit for unit in units if unit.id in administered and nearest(unit.path, private) is not None]
    told = await _told(session, reached, ends)
    made = []
    for unit in reached:
        due = [one for one in ends if (unit.id, one.instrument, one.ends_on) not in told and _codes(one, unit)]
        if due and (notice := await _tell(session, unit, due, now=now, link=link)):
            made.append(Made(notice, unit.name))
    return made


def _codes(end: EndAhead, unit: Unit) -> list[str]:
    """Return the questions that a unit's contests draw or its administrators look after."""
    return [code for code, owner in end.questions if owner is None or owner[-1] in unit.path or unit.id in owner]


async def _administered(session: AsyncSession, day: dt.date) -> set[uuid.UUID]:
    """Return the units that have an administrator with an account, so that no other is looked into at every round."""
    found = await session.scalars(
        select(Assignment.unit_id)
        .join(Officer, Officer.id == Assignment.officer_id)
        .where(assigned_on(day), Officer.roles.contains([Role.ADMIN]), Officer.wecom_userid.is_not(None))
        .distinct()
    )
    return set(found)


async def _forget_unsent(session: AsyncSession, day: dt.date) -> None:
    """Let what was to be told on an earlier day be told anew where none of it was sent, nor may have been."""
    sent = exists().where(Delivery.notice_id == BasisTold.notice_id, Delivery.state != State.EXPIRED)
    unsent = (
        select(Notice.id).where(Notice.audience_kind == Audience.ADMINISTRATORS, Notice.day < day).scalar_subquery()
    )
    await session.execute(
        delete(BasisTold).where(BasisTold.ends_on >= day, BasisTold.notice_id.in_(unsent), ~sent),
        execution_options={"synchronize_session": False},
    )


async def _told(session: AsyncSession, units: list[Unit], ends: list[EndAhead]) -> set[tuple[uuid.UUID, str, dt.date]]:
    rows = await session.execute(
        select(BasisTold.unit_id, BasisTold.instrument, BasisTold.ends_on).where(
            BasisTold.unit_id.in_([unit.id for unit in units]),
            BasisTold.instrument.in_([one.instrument for one in ends]),
        )
    )
    return {(row.unit_id, row.instrument, row.ends_on) for row in rows}


async def _tell(
    session: AsyncSession, unit: Unit, due: list[EndAhead], *, now: dt.datetime, link: str
) -> Notice | None:
    ways = await ways_to_administrators(session, unit.path, now=now)
    contest_id = await _contest_of(session, unit)
    if not ways or contest_id is None:
        return None
    # The key decides among processes: the second waits here for the first, and finds nothing left.
    mine = {
        (instrument, ends_on)
        for instrument, ends_on in await session.execute(
            insert(BasisTold)
            .values([{"unit_id": unit.id, "instrument": one.instrument, "ends_on": one.ends_on} for one in due])
            .on_conflict_do_nothing()
            .returning(BasisTold.instrument, BasisTold.ends_on)
        )
    }
    due = [one for one in due if (one.instrument, one.ends_on) in mine]
    if not due:
        return None
    day = local_day(now)
    text = write_ends([basis_notice(one.full_name, one.ends_on, _codes(one, unit), day=day) for one in due], link)
    notice = _notice(contest_id, unit, text, now)
    session.add(notice)
    await session.flush()
    await session.execute(
        update(BasisTold)
        .where(BasisTold.unit_id == unit.id, tuple_(BasisTold.instrument, BasisTold.ends_on).in_(mine))
        .values(notice_id=notice.id)
    )
    _add(session, notice, ways, text, now)
    await session.flush()
    return notice


async def _contest_of(session: AsyncSession, unit: Unit) -> uuid.UUID | None:
    """Return the contest to whose notices it is added, whatever its state: the one that ends last of those around."""
    found: uuid.UUID | None = await session.scalar(
        select(Contest.id)
        .join(Unit, Unit.id == Contest.unit_id)
        .where(or_(Unit.id.in_(unit.path), Unit.path.contains([unit.id])))
        .order_by(Contest.ends_on.desc(), Contest.id.desc())
        .limit(1)
    )
    return found


def _notice(contest_id: uuid.UUID, unit: Unit, text: Text, now: dt.datetime) -> Notice:
    return Notice(
        contest_id=contest_id,
        slot_at=now,
        audience_kind=Audience.ADMINISTRATORS,
        audience_id=unit.id,
        day=local_day(now),
        state="planned",
        title=text.title,
        body=text.body,
        cutoff_at=now,
        text_version=TEMPLATE_VERSION,
        created_at=now,
    )


def _add(
    session: AsyncSession, notice: Notice, ways: list[tuple[Channel, list[str]]], text: Text, now: dt.datetime
) -> None:
    for lot, (channel, people) in enumerate(ways, 1):
        for part, payload in enumerate(channels.parts(channel.kind, text.title, text.body, channel.settings), 1):
            session.add(
                Delivery(
                    notice_id=notice.id,
                    channel_id=channel.id,
                    lot=lot,
                    part=part,
                    recipients=people,
                    state=State.PENDING,
                    payload=payload,
                    attempts_allowed=_ATTEMPTS,
                    next_at=now,
                    deadline=before_night(now, _WITHIN),
                )
            )
