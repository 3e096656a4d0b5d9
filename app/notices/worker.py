"""The worker: claims deliveries under a lease, commits `posting` before each POST, records what became of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import structlog
from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import aliased

from app.core import metrics
from app.notices.channels import ROBOTS
from app.notices.channels.posting import outbound, send, target_of
from app.notices.channels.targets import allowed
from app.notices.models import Channel, Delivery, DeliveryAttempt
from app.notices.rules import (
    CLAIM,
    DOUBT,
    EXPIRE,
    HAND_OVER,
    LEASE,
    POST,
    POST_LIMIT,
    RECORDED_FROM,
    RELEASE,
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
    from app.notices.channels.base import Robot
    from app.notices.rules import Step

log = structlog.get_logger(__name__)

_AT_ONCE = 8  # posts in flight of one process
_BUDGET = 120.0  # seconds of claiming at a stretch: planning must not wait long for robots that hang
_HELD_BACK = dt.timedelta(seconds=60)


class Claimed(NamedTuple):
    """A delivery that this worker holds, and what it needs to post it."""

    id: uuid.UUID
    token: uuid.UUID
    payload: str
    channel_id: uuid.UUID
    kind: str
    url: str
    secret: str | None


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
            doubt = "发送进程中断，对方可能已收到；请到群内查看后再确认或重发。"
            for delivery_id, number in await _advance(session, DOUBT, over, last_error=doubt):
                await session.execute(
                    update(DeliveryAttempt)
                    .where(DeliveryAttempt.delivery_id == delivery_id, DeliveryAttempt.number == number)
                    .values(outcome=State.UNCERTAIN, detail=doubt)
                )
                log.warning("delivery in doubt", delivery=str(delivery_id))
            expired = await _advance(session, EXPIRE, Delivery.deadline <= now)
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
                .where(
                    Delivery.state.in_(CLAIM.sources),
                    Delivery.next_at <= now,
                    Delivery.deadline > now,
                    Channel.enabled,
                    or_(Channel.blocked_until.is_(None), Channel.blocked_until <= now),
                    ~exists().where(
                        earlier.notice_id == Delivery.notice_id,
                        earlier.channel_id == Delivery.channel_id,
                        earlier.part < Delivery.part,
                        earlier.state != State.SENT,
                    ),
                )
                .order_by(Delivery.next_at, Delivery.id)
                .limit(_AT_ONCE)
                .with_for_update(of=Delivery, skip_locked=True)
                .add_columns(Channel)
            )
            claims = []
            for delivery, channel in await session.execute(due):
                delivery.state, delivery.lease_token = CLAIM.target, uuid.uuid4()
                delivery.lease_until = now + LEASE
                claims.append(
                    Claimed(
                        delivery.id,
                        delivery.lease_token,
                        delivery.payload,
                        channel.id,
                        channel.kind,
                        channel.url,
                        channel.secret,
                    )
                )
        return claims

    async def _deliver(self, client: httpx.AsyncClient, claim: Claimed) -> None:
        robot = ROBOTS[claim.kind]
        target = await target_of(robot, claim.url, self._allow)
        if isinstance(target, Outcome):
            await self._finish(claim, target, posted=False)
        elif await self._fence(robot, claim):
            post = robot.post(claim.url, claim.secret, claim.payload)
            outcome = await send(client, robot, post, target, limit=self._limit)
            await self._finish(claim, outcome, posted=True)

    async def _fence(self, robot: Robot, claim: Claimed) -> bool:
        """Commit `posting` and the attempt, if the lease still holds and the robot's rate has room."""
        async with self._database.sessions.begin() as session:
            channel = await _locked(session, claim.channel_id)
            now = await self._clock.now(session)  # after the lock: waiting for it may have cost the lease
            delivery = await _held(session, claim, POST, Delivery.lease_until > now)
            if delivery is None:
                return False
            free_at = max(channel.blocked_until or now, now)
            if channel.url != claim.url or not channel.enabled:  # changed since it was claimed
                free_at = now + _HELD_BACK
            room = reserve(channel.posted_at, now=now, per_minute=robot.per_minute)
            if free_at > now or room.posts is None:
                delivery.state, delivery.next_at = RELEASE.target, max(free_at, room.free_at)
                return False
            channel.posted_at = room.posts
            delivery.state, delivery.lease_until = POST.target, now + LEASE
            delivery.attempts += 1
            session.add(DeliveryAttempt(delivery_id=delivery.id, number=delivery.attempts, started_at=now))
        return True

    async def _finish(self, claim: Claimed, outcome: Outcome, *, posted: bool) -> None:
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
            state, next_at = settle(outcome, now=now, attempts=delivery.attempts, allowed=delivery.attempts_allowed)
            if channel.deleted_at is not None and state in HAND_OVER.sources:
                state = HAND_OVER.target
            delivery.state, delivery.next_at, delivery.last_error = state, next_at, outcome.detail or None
            delivery.sent_at = now if state is State.SENT else None
            channel.last_error = outcome.detail or None
            if outcome.block:
                channel.blocked_until = now + dt.timedelta(seconds=outcome.block)
        self.outcomes[state] += 1
        metrics.DELIVERIES.labels(claim.kind, state).inc()
        if state is State.DEAD:
            log.error("notice not delivered", delivery=str(claim.id), channel=str(claim.channel_id), why=outcome.detail)


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
