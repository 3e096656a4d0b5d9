"""Alerts to administrators: each delivery that ended dead or in doubt is told once, by message or in the log."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import structlog
from sqlalchemy import func, select

from app.core import metrics
from app.core.clock import local, local_day
from app.notices import channels
from app.notices.audiences import CALLED, nearest
from app.notices.models import Channel, Delivery, Notice
from app.notices.recipients import officers_channels
from app.notices.rules import ATTEMPTS, State, before_night, by_day
from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, Role, Unit, UnitKind

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger(__name__)

_WITHIN = dt.timedelta(hours=2)
_AT_ONCE = 100
_SAID = {State.DEAD: "发送失败", State.UNCERTAIN: "不能确定是否送达"}
_LISTED = 300  # characters of the last error


class Trouble(NamedTuple):
    """A delivery that went wrong, with what is said of it."""

    delivery: Delivery
    notice: Notice
    audience: Unit
    channel: Channel | None


async def raise_alerts(session: AsyncSession, *, now: dt.datetime) -> int:
    """Tell the administrators of each new dead or doubtful delivery, and return how many messages that makes.

    The message goes through the bureau's `officers` channel (or the nearest above) to its administrators, at night in
    the morning; without one, and where an alert itself went wrong, the log and a metric say it. Several processes share the rows, each takes its own.
    """
    found = await session.execute(
        select(Delivery, Notice, Unit, Channel)
        .join(Notice, Notice.id == Delivery.notice_id)
        .join(Unit, Unit.id == Notice.audience_id)
        .outerjoin(Channel, Channel.id == Delivery.channel_id)
        .where(Delivery.state.in_([State.DEAD, State.UNCERTAIN]), Delivery.alerted_at.is_(None))
        .order_by(Delivery.id)
        .limit(_AT_ONCE)
        .with_for_update(of=Delivery, skip_locked=True)
    )
    made = 0
    ways: dict[uuid.UUID, list[tuple[Channel, list[str]]]] = {}
    for row in found:
        trouble = Trouble(*row)
        trouble.delivery.alerted_at = now
        path = tuple(trouble.audience.path)
        if path[-1] not in ways:
            ways[path[-1]] = await ways_to_administrators(session, path, now=now)
        own = [] if trouble.delivery.kind == "alert" else ways[path[-1]]
        for channel, people in own:
            await _add(session, trouble, channel, people, now=now)
            made += 1
        metrics.ALERTS.labels("message" if own else "log").inc()
        if not own:
            log.error(
                "delivery needs a person",
                delivery=str(trouble.delivery.id),
                state=trouble.delivery.state,
                audience=trouble.audience.name,
                why=trouble.delivery.last_error,
            )
    return made


async def ways_to_administrators(
    session: AsyncSession, path: Sequence[uuid.UUID], *, now: dt.datetime
) -> list[tuple[Channel, list[str]]]:
    """Return how the administrators of a unit's bureau (a province's notice: of the province) are reached, by lots.

    Through the bureau's own private channels, or the nearest above it.
    """
    units = await session.scalars(
        select(Unit)
        .where(Unit.id.in_(path), Unit.kind.in_([UnitKind.BUREAU, UnitKind.PROVINCE]))
        .order_by(func.cardinality(Unit.path).desc())
        .limit(1)
    )
    bureau = units.one()
    accounts = await session.scalars(
        select(Officer.wecom_userid)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .where(
            Assignment.unit_id == bureau.id,
            assigned_on(local_day(now)),
            Officer.roles.contains([Role.ADMIN]),
            Officer.wecom_userid.is_not(None),
        )
        .order_by(Officer.employee_no)
    )
    people = [account for account in accounts if account]
    private = nearest(bureau.path, await officers_channels(session, bureau.path)) or []
    return [
        (channel, lot) for channel in private for lot in channels.lots(channel.kind, channel.settings, people) if lot
    ]


async def _add(
    session: AsyncSession, trouble: Trouble, channel: Channel, people: list[str], *, now: dt.datetime
) -> None:
    """Add the alert as a delivery of the same notice, in a lot of its own; the notice's own deliveries come first."""
    notice, delivery = trouble.notice, trouble.delivery
    # The notice's row is locked, so that two processes do not take the same number.
    await session.execute(select(Notice.id).where(Notice.id == notice.id).with_for_update(key_share=True))
    taken = await session.scalar(
        select(func.coalesce(func.max(Delivery.lot), 0)).where(
            Delivery.notice_id == notice.id, Delivery.channel_id == channel.id
        )
    )
    where = f"“{trouble.channel.name}”" if trouble.channel else "人工转发"
    what = (
        f"{trouble.audience.name}{local(notice.slot_at):%m月%d日%H:%M}的{CALLED.get(notice.audience_kind, '通报')}经{where}"
        f"{_SAID[State(delivery.state)]}。{(delivery.last_error or '')[:_LISTED]}"
        f"已尝试{delivery.attempts}次，请到“通报”页面查看，核实后确认或重发。"  # twice the same words WeCom would drop
    )
    goes_out_at = by_day(now)
    for part, text in enumerate(channels.parts(channel.kind, "通报未能送达", what, channel.settings), 1):
        session.add(
            Delivery(
                notice_id=notice.id,
                channel_id=channel.id,
                lot=int(taken or 0) + 1,
                part=part,
                kind="alert",
                recipients=people,
                state=State.PENDING,
                payload=text,
                attempts_allowed=ATTEMPTS,
                next_at=goes_out_at,
                deadline=before_night(goes_out_at, _WITHIN),
            )
        )
    await session.flush()
