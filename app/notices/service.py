"""Use cases: one round of planner and worker, a person settling a delivery, and the channels."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.core import audit, metrics
from app.core.clock import Clock, local, wire
from app.core.errors import Conflict, FieldProblem, Invalid, RateLimited
from app.notices import channels
from app.notices.channels.posting import target_of
from app.notices.channels.targets import allowed, host_of
from app.notices.models import Channel, Delivery
from app.notices.planner import contests_at, plan
from app.notices.rules import ATTEMPTS, CONFIRM, HAND_OVER, RESEND, RESEND_WITHIN, UNDER_WAY, Outcome, State, reserve
from app.notices.worker import Worker
from app.participation.service import freeze_finished_days

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    import httpx
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.core.settings import Settings
    from app.core.wiring import Services
    from app.notices.planner import Made

log = structlog.get_logger(__name__)


class TimeTravelRefused(Conflict):
    """A round for another instant than now would send real messages with a false date."""

    code = "time-travel-refused"
    title = "不能在其他时刻发送"


class DeliveryNotResendable(Conflict):
    """Only a delivery that failed or is in doubt is sent again by a person's word; facts: state."""

    code = "delivery-not-resendable"
    title = "这条消息不能重发"


class DeliveryNotConfirmable(Conflict):
    """Only a delivery in doubt, or one to be forwarded by hand, is confirmed by a person; facts: state."""

    code = "delivery-not-confirmable"
    title = "这条消息不能标记为已发送"


class ChannelUnavailable(Conflict):
    """The delivery's channel is disabled or deleted."""

    code = "channel-unavailable"
    title = "通道已停用或删除"


class ChannelExists(Conflict):
    """The unit has a channel with this address: its group would get everything twice."""

    code = "channel-exists"
    title = "该单位已有相同地址的通道"


class ChannelNotTestable(Conflict):
    """A person forwards by hand: there is nothing to test."""

    code = "channel-not-testable"
    title = "人工转发的通道不需要测试"


@dataclass
class TickReport:
    """What one round did: days made final, notices made, posts by outcome, contests that could not be planned."""

    at: dt.datetime
    dry_run: bool
    frozen: list[dt.date] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the report for a person at a terminal; a dry run shows the texts."""
        lines = [f"时刻 {wire(self.at)}" + ("（试运行，未写入也未发送）" if self.dry_run else "")]
        lines += [f"成绩固定：{day}" for day in self.frozen]
        for notice, audience in self.made:
            lines.append(f"{local(notice.slot_at):%m-%d %H:%M}  {audience}：{notice.title or notice.reason}")
            lines += [f"    {line}" for line in (notice.body or "").split("\n") if self.dry_run and line]
        lines += [f"投递 {outcome}：{count}条" for outcome, count in sorted(self.outcomes.items())]
        lines += [f"未能生成通报：{name}，详见日志。" for name in self.failed]
        return "\n".join(lines if len(lines) > 1 else [*lines, "没有到时的通报和待投递的消息。"])


async def tick(
    services: Services,
    *,
    now: dt.datetime | None = None,
    dry_run: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> TickReport:
    """Do one round: freeze finished days, plan what is due, deliver until nothing is due.

    `now` None is the database's clock; another instant needs `dry_run` (which writes and sends nothing) or
    `LIANBING_ALLOW_TIME_TRAVEL`, else TimeTravelRefused. Idempotent; any number of processes may call it.
    `stopping` is asked before anything new is begun.
    """
    if now is not None and not dry_run and not services.settings.allow_time_travel:
        raise TimeTravelRefused("只有加 --dry-run，或设置 LIANBING_ALLOW_TIME_TRAVEL=1，才能指定其他时刻。")
    clock = services.clock if now is None else Clock(lambda: now)
    async with services.database.reads() as session:
        at = await clock.now(session)
        contests = await contests_at(session, at)
    report = TickReport(at, dry_run)
    for contest in contests:
        if stopping():
            break
        try:
            await _plan(services, contest, report)
        except Exception:  # one contest's trouble must not silence the others
            log.exception("notices not planned", contest=str(contest.id))
            report.failed.append(contest.name)
    if not dry_run:
        worker = Worker(
            services.database, clock=clock, settings=services.settings, transport=transport, stopping=stopping
        )
        report.outcomes = await worker.run()
    metrics.TICKS.labels("failed" if report.failed else "done").inc()
    return report


async def _plan(services: Services, contest: Contest, report: TickReport) -> None:
    async with _transaction(services, dry_run=report.dry_run) as session:
        frozen = await freeze_finished_days(session, contest, now=report.at)
    report.frozen += frozen
    async with _transaction(services, dry_run=report.dry_run) as session:
        made = await plan(session, contest, now=report.at)
        for notice, _ in made:
            session.expunge(notice)  # the report outlives a dry run's rollback
    report.made += made
    for notice, _ in made:
        log.info("notice", slot_at=wire(notice.slot_at), audience=str(notice.audience_id), state=notice.state)


@asynccontextmanager
async def _transaction(services: Services, *, dry_run: bool) -> AsyncIterator[AsyncSession]:
    if dry_run:
        async with services.database.sessions() as session:  # closing it takes everything back
            yield session
        return
    async with services.database.sessions.begin() as session:
        yield session


async def resend(session: AsyncSession, delivery: Delivery, *, now: dt.datetime, actor_id: uuid.UUID) -> Delivery:
    """Have a delivery that failed or is in doubt sent once more (重发); `delivery` is locked by the caller.

    One that is already on its way stays as it is: pressing twice sends once. Raises DeliveryNotResendable for any
    other state, ChannelUnavailable.
    """
    if delivery.state in UNDER_WAY:
        return delivery
    if delivery.state not in RESEND.sources:
        raise DeliveryNotResendable("只有发送失败或不能确定是否送达的消息可以重发。", state=delivery.state)
    channel = await session.get_one(Channel, delivery.channel_id)
    if not channel.enabled:
        raise ChannelUnavailable("请先启用该通道再重发；或复制全文，由人工转发到群内。", channel_id=str(channel.id))
    before = delivery.state
    delivery.state, delivery.next_at, delivery.settled_by = RESEND.target, now, actor_id
    delivery.deadline = max(delivery.deadline, now + RESEND_WITHIN)
    delivery.attempts_allowed = delivery.attempts + ATTEMPTS
    await _audit(session, "delivery.resend", delivery, before, now=now, actor_id=actor_id)
    return delivery


async def confirm(session: AsyncSession, delivery: Delivery, *, now: dt.datetime, actor_id: uuid.UUID) -> Delivery:
    """Note that a person saw or forwarded a message (已转发); `delivery` is locked by the caller. Repeats are harmless.

    Raises DeliveryNotConfirmable for one that is neither in doubt nor to be forwarded.
    """
    if delivery.state == State.SENT:
        return delivery
    if delivery.state not in CONFIRM.sources:
        raise DeliveryNotConfirmable("只有待人工转发或不能确定是否送达的消息可以标记为已发送。", state=delivery.state)
    before = delivery.state
    delivery.state, delivery.sent_at, delivery.settled_by = CONFIRM.target, now, actor_id
    await _audit(session, "delivery.confirm", delivery, before, now=now, actor_id=actor_id)
    return delivery


async def _audit(
    session: AsyncSession, action: str, delivery: Delivery, before: str, *, now: dt.datetime, actor_id: uuid.UUID
) -> None:
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("delivery", delivery.id),
        before={"state": before},
        after={"state": str(delivery.state)},
    )


async def check_address(settings: Settings, kind: str, url: str | None) -> None:
    """Raise Invalid for an address that a channel of this kind must not have; resolves names, so outside transactions."""
    robot = channels.ROBOTS.get(kind)
    problem = None
    if robot is None:
        problem = "人工转发的通道没有地址，请去掉此项。" if url else None
    elif not url:
        problem = "请填写群机器人的完整地址。"
    else:
        target = await target_of(robot, url, allowed(settings.outbound_allow))
        if isinstance(target, Outcome) and target.state is State.DEAD:
            problem = target.detail
    if problem:
        raise Invalid(problem, errors=[FieldProblem("/url", problem)])


async def create_channel(
    session: AsyncSession,
    *,
    unit_id: uuid.UUID,
    name: str,
    kind: str,
    url: str | None,
    secret: str | None,
    enabled: bool,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> Channel:
    """Add a channel (通道) to a unit; its address was checked by `check_address`. Raises ChannelExists."""
    channel = Channel(
        unit_id=unit_id, name=name, kind=kind, url=url, secret=secret, enabled=enabled, created_at=now, posted_at=[]
    )
    session.add(channel)
    await _flush_unique(session)
    await _audit_channel(session, "channel.create", channel, None, now=now, actor_id=actor_id)
    return channel


async def change_channel(
    session: AsyncSession, channel: Channel, changes: Mapping[str, Any], *, now: dt.datetime, actor_id: uuid.UUID
) -> Channel:
    """Change name, address, secret or whether it is enabled; a new address starts with a clean slate.

    Raises ChannelExists.
    """
    before = _facts(channel)
    if changes.get("url", channel.url) != channel.url:
        channel.blocked_until, channel.last_error, channel.posted_at = None, None, []
    for member, value in changes.items():
        setattr(channel, member, value)
    await _flush_unique(session)
    secrets = sorted({"url", "secret"} & changes.keys())
    await _audit_channel(session, "channel.change", channel, before, now=now, actor_id=actor_id, secrets=secrets)
    return channel


async def delete_channel(session: AsyncSession, channel: Channel, *, now: dt.datetime, actor_id: uuid.UUID) -> None:
    """Delete a channel and its secrets; its history stays, and what was not yet sent waits to be forwarded by hand."""
    before = _facts(channel)
    channel.deleted_at, channel.enabled, channel.url, channel.secret = now, False, None, None
    await session.execute(
        update(Delivery)
        .where(Delivery.channel_id == channel.id, Delivery.state.in_(HAND_OVER.sources))
        .values(state=HAND_OVER.target, last_error="通道已删除，请复制全文转发到群内。")
    )
    await _audit_channel(session, "channel.delete", channel, before, now=now, actor_id=actor_id)


async def begin_test(session: AsyncSession, channel: Channel, *, now: dt.datetime, actor_id: uuid.UUID) -> None:
    """Reserve the post of one test message. Raises ChannelNotTestable, or RateLimited while the robot must rest."""
    robot = channels.ROBOTS.get(channel.kind)
    if robot is None:
        raise ChannelNotTestable("此通道由人工转发，没有可测试的机器人。")
    room = reserve(channel.posted_at, now=now, per_minute=robot.per_minute)
    free_at = max(channel.blocked_until or now, room.free_at)
    if free_at > now or room.posts is None:
        error = RateLimited("该机器人发送过于频繁，请稍后再测试。")
        error.retry_after = math.ceil((free_at - now).total_seconds())
        raise error
    channel.posted_at = room.posts
    await _audit_channel(session, "channel.test", channel, None, now=now, actor_id=actor_id)


def end_test(channel: Channel, outcome: Outcome, *, now: dt.datetime) -> None:
    """Note on the channel what became of a test message."""
    channel.last_error = outcome.detail or None
    if outcome.block:
        channel.blocked_until = now + dt.timedelta(seconds=outcome.block)


async def _flush_unique(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise ChannelExists("该单位已有相同地址的通道，重复添加会使群内收到两遍通报。") from error


def _facts(channel: Channel) -> dict[str, Any]:
    # Never the address: whoever has it may write into the group.
    return {"name": channel.name, "kind": channel.kind, "target": host_of(channel.url), "enabled": channel.enabled}


async def _audit_channel(
    session: AsyncSession,
    action: str,
    channel: Channel,
    before: dict[str, Any] | None,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
    secrets: Sequence[str] = (),
) -> None:
    after = {**_facts(channel), "unit_id": str(channel.unit_id), "deleted": channel.deleted_at is not None}
    if secrets:
        after["replaced"] = list(secrets)
    await audit.append(
        session, now=now, actor_id=actor_id, action=action, subject=("channel", channel.id), before=before, after=after
    )
