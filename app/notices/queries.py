"""Reads: the notices, deliveries and channels that a caller may see; the only way from a request to them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select, true, tuple_

from app.core.clock import at
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.notices.audiences import PRIVATE
from app.notices.models import Channel, Delivery, DeliveryAttempt, Notice
from app.roster.access import WATCHES, Caller, in_subtree
from app.roster.models import Officer, Role, Unit

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

READERS = (Role.LIAISON, Role.LEADER, Role.BUREAU, Role.ADMIN, Role.PROVINCE)
"""Roles that read the notices of their unit's subtree."""

SETTLERS = (Role.LIAISON, Role.LEADER, Role.BUREAU, Role.ADMIN)
"""Roles that settle deliveries there."""


class Addressed(NamedTuple):
    """A notice or channel with the unit that it is for."""

    item: Notice
    audience: Unit


class Sent(NamedTuple):
    """A delivery with its channel (None: a person forwards it), its attempts, and who settled it by name."""

    delivery: Delivery
    channel: Channel | None
    history: Sequence[DeliveryAttempt] = ()
    settled_by: str | None = None


async def notices_seen_by(
    session: AsyncSession,
    caller: Caller,
    *,
    day: dt.date | None,
    kind: str | None = None,
    after: tuple[dt.datetime, str, uuid.UUID] | None,
    limit: int,
) -> list[Addressed]:
    """Return up to `limit` notices of the caller's subtree, newest slot first, in it the bureau's before the branches'.

    Those to groups and, where the caller is a liaison officer or leader, to single people of the own unit; or those of
    one `kind`. `day` is the slots' calendar day; `after` is slot, kind of audience and id of the last one of the page before.
    """
    order = (Notice.slot_at, Notice.audience_kind, Notice.id)
    wanted = (
        select(Notice, Unit)
        .join(Unit, Unit.id == Notice.audience_id)
        .where(in_subtree(caller), _readable(caller), _listed(caller, kind))
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if day is not None:
        wanted = wanted.where(
            Notice.slot_at >= at(day, dt.time()), Notice.slot_at < at(day, dt.time()) + dt.timedelta(days=1)
        )
    if after is not None:
        wanted = wanted.where(tuple_(*order) < after)
    return [Addressed(*row) for row in await session.execute(wanted)]


def _readable(caller: Caller) -> ColumnElement[bool]:
    """Condition on Notice: what is told to single people, by name, is for those who may see single officers."""
    return true() if caller.has(*WATCHES) else Notice.audience_kind.not_in(PRIVATE)


def _listed(caller: Caller, kind: str | None) -> ColumnElement[bool]:
    if kind is not None:
        return Notice.audience_kind == kind
    to_groups = Notice.audience_kind.not_in(PRIVATE)
    own = caller.has(Role.LIAISON, Role.LEADER)
    return or_(to_groups, Notice.audience_id == caller.unit_id) if own else to_groups


async def notice_seen_by(session: AsyncSession, caller: Caller, notice_id: str) -> Addressed:
    """Return a notice to a unit of the caller's subtree; raises NotFound for any other."""
    found = await session.execute(
        select(Notice, Unit)
        .join(Unit, Unit.id == Notice.audience_id)
        .where(Notice.id == parse_id(notice_id), in_subtree(caller), _readable(caller))
    )
    row = found.first()
    if row is None:
        raise NotFound("没有找到该通报。")
    return Addressed(*row)


async def notice_at(
    session: AsyncSession, contest_id: uuid.UUID, audience_id: uuid.UUID, kind: str, slot_at: dt.datetime
) -> Notice | None:
    """Return the notice of a slot to an audience of a unit, None where it was not made (yet); the unit has come through `access`."""
    found: Notice | None = await session.scalar(
        select(Notice).where(
            Notice.contest_id == contest_id,
            Notice.audience_id == audience_id,
            Notice.audience_kind == kind,
            Notice.slot_at == slot_at,
        )
    )
    return found


async def deliveries_of(session: AsyncSession, notice_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Sent]]:
    """Return the deliveries of these notices, by notice, channel by channel, parts in order."""
    ids = list(notice_ids)
    found = await session.execute(
        select(Delivery, Channel, Officer.name)
        .outerjoin(Channel, Channel.id == Delivery.channel_id)
        .outerjoin(Officer, Officer.id == Delivery.settled_by)
        .where(Delivery.notice_id.in_(ids))
        .order_by(Delivery.channel_id, Delivery.lot, Delivery.part)
    )
    rows = found.all()
    history = await attempts_of(session, [row[0].id for row in rows])
    by_notice: dict[uuid.UUID, list[Sent]] = {notice_id: [] for notice_id in ids}
    for delivery, channel, settled_by in rows:
        by_notice[delivery.notice_id].append(Sent(delivery, channel, history.get(delivery.id, ()), settled_by))
    return by_notice


async def attempts_of(
    session: AsyncSession, delivery_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[DeliveryAttempt]]:
    """Return the attempts of these deliveries that are still kept, first to last."""
    found = await session.scalars(
        select(DeliveryAttempt)
        .where(DeliveryAttempt.delivery_id.in_(list(delivery_ids)))
        .order_by(DeliveryAttempt.delivery_id, DeliveryAttempt.number)
    )
    by_delivery: dict[uuid.UUID, list[DeliveryAttempt]] = {}
    for attempt in found:
        by_delivery.setdefault(attempt.delivery_id, []).append(attempt)
    return by_delivery


async def delivery_below(session: AsyncSession, caller: Caller, delivery_id: str) -> Delivery:
    """Return a delivery to a unit of the caller's subtree, locked; raises NotFound for any other."""
    found: Delivery | None = await session.scalar(
        select(Delivery)
        .join(Notice, Notice.id == Delivery.notice_id)
        .join(Unit, Unit.id == Notice.audience_id)
        .where(Delivery.id == parse_id(delivery_id), in_subtree(caller), _settled_by(caller))
        .with_for_update(of=Delivery)
    )
    if found is None:
        raise NotFound("没有找到这条消息。")
    return found


def _settled_by(caller: Caller) -> ColumnElement[bool]:
    """Condition on Delivery: an alert hangs on the notice that went wrong, but is the administrators' own."""
    return true() if caller.has(Role.BUREAU, Role.ADMIN) else Delivery.kind != "alert"


async def channels_below(
    session: AsyncSession, caller: Caller, *, after: uuid.UUID | None, limit: int
) -> list[tuple[Channel, Unit]]:
    """Return up to `limit` channels of the caller's subtree, oldest first; `after` is the last one's id."""
    wanted = (
        select(Channel, Unit)
        .join(Unit, Unit.id == Channel.unit_id)
        .where(in_subtree(caller), Channel.deleted_at.is_(None))
        .order_by(Channel.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Channel.id > after)
    return [(channel, unit) for channel, unit in await session.execute(wanted)]


async def channel_below(
    session: AsyncSession, caller: Caller, channel_id: str, *, to_change: bool = False
) -> tuple[Channel, Unit]:
    """Return a channel of the caller's subtree (`to_change`: locked); raises NotFound for any other."""
    wanted = (
        select(Channel, Unit)
        .join(Unit, Unit.id == Channel.unit_id)
        .where(Channel.id == parse_id(channel_id), in_subtree(caller), Channel.deleted_at.is_(None))
    )
    if to_change:
        wanted = wanted.with_for_update(of=Channel, key_share=True)
    row = (await session.execute(wanted)).first()
    if row is None:
        raise NotFound("没有找到该通道。")
    return row[0], row[1]
