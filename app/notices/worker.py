"""The worker: claims deliveries under a lease, commits `posting` before each POST, records what became of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import aliased

from app.core import audit, metrics
from app.core.errors import Busy
from app.notices import reasons
from app.notices.channels import REPEATED, ROBOTS
from app.notices.channels.base import Message
from app.notices.channels.posting import outbound, send, target_of
from app.notices.channels.sealing import way_of
from app.notices.channels.targets import allowed
from app.notices.drawing import ranking_png
from app.notices.models import Channel, Delivery, DeliveryAttempt, Notice
from app.notices.rules import (
    CLAIM,
    DOUBT,
    EXPIRE,
    GIVE_UP,
    HAND_OVER,
    LEASE,
    POST,
    POST_LIMIT,
    RECORDED_FROM,
    RELEASE,
    REPEAT,
    WITHDRAW,
    Outcome,
    State,
    reserve,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.clock import Clock
    from app.core.database import Database
    from app.core.settings import Settings
    from app.notices.channels.base import Adapter, Way
    from app.notices.channels.targets import Target
    from app.notices.rules import Step

log = structlog.get_logger(__name__)

_AT_ONCE = 8  # posts in flight of one process
_BUDGET = 120.0  # seconds of claiming at a stretch: planning must not wait long for robots that hang
_HELD_BACK = dt.timedelta(seconds=60)


class Claimed(NamedTuple):
    """A delivery that this worker holds, and what it needs to post it; address and secret are sealed."""

    id: uuid.UUID
    token: uuid.UUID
    channel_id: uuid.UUID
    kind: str
    unit_id: uuid.UUID
    url: str | None
    secret: str | None
    settings: dict[str, Any]
    title: str
    payload: str
    recipients: tuple[str, ...]
    about: dt.datetime
    stats: dict[str, Any] | None
    """Of a picture: the figures to draw."""


class Ready(NamedTuple):
    """What a claim needs besides, got without a transaction."""

    way: Way
    target: Target
    picture: bytes | None


class Worker:
    """Delivers what is due; any number of workers in any number of processes may run at once."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        stopping: Callable[[], bool] = lambda: False,
        limit: float = POST_LIMIT,
    ) -> None:
        """`limit`: seconds for one POST; `stopping` is asked before each claim."""
        self._database = database
        self._clock = clock
        self._settings = settings
        self._allow = allowed(settings.outbound_allow)
        self._transport = transport
        self._stopping = stopping
        self._limit = limit
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        """Deliver until nothing is due (or stopping), and return how many posts had which outcome."""
        await self._sweep()
        began = time.monotonic()
        while not self._stopping() and time.monotonic() - began < _BUDGET and (claims := await self._claim()):
            async with outbound(self._transport) as client:
                done = await asyncio.gather(*(self._deliver(client, claim) for claim in claims), return_exceptions=True)
            for claim, error in zip(claims, done, strict=True):
                if isinstance(error, BaseException):  # its lease runs out, and the next sweep decides
                    log.error("delivery broken off", delivery=str(claim.id), error=repr(error))
        return self.outcomes

    async def _sweep(self) -> None:
        """Settle what others left behind: lost leases, and deliveries past their deadline."""
        async with self._database.sessions.begin() as session:
            now = await self._clock.now(session)
            over = Delivery.lease_until <= now
            await _advance(session, RELEASE, over, next_at=now)
            repeated = Delivery.channel_id.in_(select(Channel.id).where(Channel.kind.in_(REPEATED)))
            broken = await _advance(
                session,
                REPEAT,
                over & repeated & (Delivery.attempts < Delivery.attempts_allowed),
                next_at=now,
                last_error=reasons.REPEATED,
                doubt_at=func.coalesce(Delivery.doubt_at, Delivery.lease_until - LEASE),
            )
            broken += await _advance(session, DOUBT, over, last_error=reasons.BROKEN_OFF)
            for delivery_id, number in broken:
                await session.execute(
                    update(DeliveryAttempt)
                    .where(DeliveryAttempt.delivery_id == delivery_id, DeliveryAttempt.number == number)
                    .values(outcome=State.UNCERTAIN, detail=reasons.BROKEN_OFF)
                )
                log.warning("delivery in doubt", delivery=str(delivery_id))
            late = Delivery.deadline <= now
            await _advance(session, GIVE_UP, late & Delivery.doubt_at.is_not(None), last_error=reasons.NOT_REPEATED)
            why = func.coalesce(Delivery.last_error + reasons.TOO_LATE, reasons.OVERDUE)
            expired = await _advance(session, EXPIRE, late, last_error=why)
        for delivery_id, _ in expired:
            log.warning("delivery expired", delivery=str(delivery_id))

    async def _claim(self) -> list[Claimed]:
        """Take up to eight due deliveries under a lease; part n only after part n-1 was sent."""
        earlier = aliased(Delivery)
        async with self._database.sessions.begin() as session:
            now = await self._clock.now(session)
            due = (
                select(Delivery)
                .join(Channel, Channel.id == Delivery.channel_id)
                .join(Notice, Notice.id == Delivery.notice_id)
                .where(
                    Delivery.state.in_(CLAIM.sources),
                    Delivery.next_at <= now,
                    Delivery.deadline > now,
                    Channel.enabled,
                    or_(Channel.blocked_until.is_(None), Channel.blocked_until <= now),
                    ~exists().where(
                        earlier.notice_id == Delivery.notice_id,
                        earlier.channel_id == Delivery.channel_id,
                        earlier.lot == Delivery.lot,
                        earlier.part < Delivery.part,
                        earlier.state != State.SENT,
                    ),
                )
                .order_by(Delivery.next_at, Delivery.id)
                .limit(_AT_ONCE)
                .with_for_update(of=Delivery, skip_locked=True)
                .add_columns(Channel, Notice)
            )
            claims = []
            for delivery, channel, notice in await session.execute(due):
                delivery.state, delivery.lease_token = CLAIM.target, uuid.uuid4()
                delivery.lease_until = now + LEASE
                claims.append(_claimed(delivery, channel, notice))
        return claims

    async def _deliver(self, client: httpx.AsyncClient, claim: Claimed) -> None:
        adapter = ROBOTS[claim.kind]
        ready = await self._ready(adapter, claim)
        if isinstance(ready, Outcome):
            await self._finish(adapter, claim, ready, posted=False)
        elif at := await self._fence(adapter, claim):
            message = Message(
                key=str(claim.id),
                title=claim.title,
                text=claim.payload,
                at=at,
                about=claim.about,
                recipients=claim.recipients,
                picture=ready.picture,
            )
            outcome = await send(client, adapter, ready.way, message, ready.target, limit=self._limit)
            await self._finish(adapter, claim, outcome, posted=True)

    async def _ready(self, adapter: Adapter, claim: Claimed) -> Ready | Outcome:
        way = way_of(
            self._settings,
            kind=claim.kind,
            unit_id=claim.unit_id,
            url=claim.url,
            secret=claim.secret,
            settings=claim.settings,
        )
        if isinstance(way, Outcome):
            return way
        target = await target_of(adapter, way.url, self._allow)
        if isinstance(target, Outcome) or claim.stats is None:
            return target if isinstance(target, Outcome) else Ready(way, target, None)
        try:
            picture = await ranking_png(claim.stats)
        except Busy as busy:
            return Outcome(State.RETRY, busy.detail)
        if len(picture) > adapter.picture_limit:
            return Outcome(State.DEAD, "此类通道不能发送这张排名图；请在页面上保存后转发到群内。")
        return Ready(way, target, picture)

    async def _fence(self, adapter: Adapter, claim: Claimed) -> dt.datetime | None:
        """Commit `posting` and the attempt, if the lease still holds and the robot's rate has room; return its instant."""
        async with self._database.sessions.begin() as session:
            channel = await _locked(session, claim.channel_id)
            now = await self._clock.now(session)  # after the lock: waiting for it may have cost the lease
            delivery = await _held(session, claim, POST, Delivery.lease_until > now)
            if delivery is None:
                return None
            if delivery.doubt_at and adapter.repeats_for and now >= delivery.doubt_at + adapter.repeats_for:
                # A second copy would no longer be dropped.
                delivery.state, delivery.last_error = DOUBT.target, reasons.NOT_REPEATED
                return None
            free_at = max(channel.blocked_until or now, now)
            held = (channel.url, channel.secret, channel.settings)
            if held != (claim.url, claim.secret, claim.settings) or not channel.enabled:  # changed since it was claimed
                free_at = now + _HELD_BACK
            room = reserve(channel.posted_at, now=now, per_minute=adapter.per_minute, per_second=adapter.per_second)
            if free_at > now or room.posts is None:
                delivery.state, delivery.next_at = RELEASE.target, max(free_at, room.free_at)
                return None
            channel.posted_at = room.posts
            delivery.state, delivery.lease_until = POST.target, now + LEASE
            delivery.attempts += 1
            session.add(DeliveryAttempt(delivery_id=delivery.id, number=delivery.attempts, started_at=now))
        return now

    async def _finish(self, adapter: Adapter, claim: Claimed, outcome: Outcome, *, posted: bool) -> None:
        """Record an outcome; what was not even posted counts as an attempt, too."""
        async with self._database.sessions.begin() as session:
            channel = await _locked(session, claim.channel_id)
            now = await self._clock.now(session)
            delivery = await _held(session, claim, None if posted else POST)
            if delivery is None:
                log.warning("outcome comes too late", delivery=str(claim.id), outcome=outcome.state)
                return
            if not posted:
                delivery.attempts += 1
                session.add(DeliveryAttempt(delivery_id=delivery.id, number=delivery.attempts, started_at=now))
                await session.flush()
            attempt = await session.get_one(DeliveryAttempt, (delivery.id, delivery.attempts))
            attempt.finished_at, attempt.outcome, attempt.detail = now, outcome.state, outcome.detail or None
            state = _record(adapter, channel, delivery, outcome, began=attempt.started_at, now=now)
            channel.last_error = delivery.last_error
            if outcome.block:
                channel.blocked_until = now + dt.timedelta(seconds=outcome.block)
            if outcome.close and channel.enabled:
                await _close(session, channel, now=now)
        self.outcomes[state] += 1
        partial = state is State.SENT and outcome.detail
        metrics.DELIVERIES.labels(claim.kind, "partial" if partial else state).inc()
        if state is State.DEAD:
            log.error("notice not delivered", delivery=str(claim.id), channel=str(claim.channel_id), why=outcome.detail)


def _claimed(delivery: Delivery, channel: Channel, notice: Notice) -> Claimed:
    return Claimed(
        id=delivery.id,
        token=delivery.lease_token or uuid.uuid4(),
        channel_id=channel.id,
        kind=channel.kind,
        unit_id=channel.unit_id,
        url=channel.url,
        secret=channel.secret,
        settings=channel.settings,
        title="通报未能送达" if delivery.kind == "alert" else notice.title or "",
        payload=delivery.payload,
        recipients=tuple(delivery.recipients or ()),
        about=notice.slot_at,
        stats=notice.stats if delivery.kind == "image" else None,
    )


def _record(
    adapter: Adapter, channel: Channel, delivery: Delivery, outcome: Outcome, *, began: dt.datetime, now: dt.datetime
) -> State:
    """Write what an outcome makes of a delivery, and return its state."""
    if adapter.repeats_for and outcome.state is State.UNCERTAIN:
        delivery.doubt_at = delivery.doubt_at or began
    state, next_at = settle(
        outcome,
        now=now,
        attempts=delivery.attempts,
        allowed=delivery.attempts_allowed,
        in_doubt=delivery.doubt_at is not None,
        repeat_until=(delivery.doubt_at or began) + adapter.repeats_for if adapter.repeats_for else None,
    )
    if channel.deleted_at is not None and state in HAND_OVER.sources:
        private = channel.audience == "officers"  # what it holds is not for a group
        state = HAND_OVER.target if not private else GIVE_UP.target if delivery.doubt_at else WITHDRAW.target
    delivery.state, delivery.next_at = state, next_at
    delivery.last_error = reasons.reason(outcome, state, in_doubt=delivery.doubt_at is not None)
    delivery.sent_at = now if state is State.SENT else None
    return state


async def _close(session: AsyncSession, channel: Channel, *, now: dt.datetime) -> None:
    """Switch off a channel whose receiver says that it is gone for good."""
    channel.enabled = False
    await audit.append(
        session,
        now=now,
        actor_id=None,
        action="channel.close",
        subject=("channel", channel.id),
        before={"enabled": True},
        after={"enabled": False, "unit_id": str(channel.unit_id)},
        reason="接收方表示此地址永久停用",
    )


async def _advance(
    session: AsyncSession, step: Step, condition: ColumnElement[bool], **values: object
) -> list[tuple[uuid.UUID, int]]:
    """Take every delivery that fits the step and the condition; rows that another process holds are left to it."""
    rows = select(Delivery.id).where(Delivery.state.in_(step.sources), condition).with_for_update(skip_locked=True)
    found = await session.execute(
        update(Delivery)
        .where(Delivery.id.in_(rows.scalar_subquery()))
        .values(state=step.target, **values)
        .returning(Delivery.id, Delivery.attempts)
    )
    return [(row.id, row.attempts) for row in found]


async def _locked(session: AsyncSession, channel_id: uuid.UUID) -> Channel:
    # Locks are taken in one order everywhere: the channel, then its delivery.
    return await session.get_one(Channel, channel_id, with_for_update={"key_share": True})


async def _held(
    session: AsyncSession, claim: Claimed, step: Step | None, *conditions: ColumnElement[bool]
) -> Delivery | None:
    """Return the delivery, locked, if this claim still holds it in a state that the step starts from."""
    sources = step.sources if step else RECORDED_FROM
    held: Delivery | None = await session.scalar(
        select(Delivery)
        .where(Delivery.id == claim.id, Delivery.lease_token == claim.token, Delivery.state.in_(sources), *conditions)
        .with_for_update()
    )
    return held
