"""Use cases: one round of planner and worker, a person settling a delivery, and the channels."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.orm import object_session

from app.core import audit, metrics
from app.core.clock import Clock, local, local_day, wire
from app.core.errors import Conflict
from app.notices.alerts import raise_alerts
from app.notices.audiences import CALLED, GROUPS, Audience
from app.notices.bases import warn_of_ends
from app.notices.drafts.service import propose
from app.notices.models import Channel, Delivery, DeliveryAttempt, Notice
from app.notices.organisers import plan_previews
from app.notices.own_slots import plan_own_slots
from app.notices.planner import contests_at, plan
from app.notices.rules import (
    ATTEMPTS,
    ATTEMPTS_KEPT,
    CONFIRM,
    RESEND,
    RESEND_WITHIN,
    REVIVE,
    UNDER_WAY,
    State,
)
from app.notices.worker import Worker
from app.participation.service import freeze_finished_days

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import AsyncIterator, Callable

    import httpx
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.core.wiring import Services
    from app.notices.scene import Made

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


_LOCK_LIMIT = "5s"
_OF_THE_DAY = (Audience.FORECAST, Audience.NUDGE, Audience.ORGANISERS)


@dataclass
class TickReport:
    """What one round did: days made final, notices made, posts by outcome, contests that could not be planned.

    `private`: notices to single people, of which a report gives only the number.
    """

    at: dt.datetime
    dry_run: bool
    frozen: list[dt.date] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    private: list[Made] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def _private_by_kind(self) -> Counter[str]:
        return Counter(one.notice.audience_kind for one in self.private if one.notice.state == "planned")

    def render(self) -> str:
        """Return the report for a person at a terminal; a dry run shows the texts."""
        lines = [f"时刻 {wire(self.at)}" + ("（试运行，未写入也未发送）" if self.dry_run else "")]
        lines += [f"成绩固定：{day}" for day in self.frozen]
        for notice, audience in self.made:
            lines.append(f"{local(notice.slot_at):%m-%d %H:%M}  {audience}：{notice.title or notice.reason}")
            lines += [f"    {line}" for line in (notice.body or "").split("\n") if self.dry_run and line]
        lines += [f"{CALLED[kind]}：{count}份" for kind, count in sorted(self._private_by_kind().items())]
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
    if dry_run:
        await _warn(services, report)
    else:
        worker = Worker(
            services.database, clock=clock, settings=services.settings, transport=transport, stopping=stopping
        )
        report.outcomes = await worker.run()
        # Only now: what a slot says does not wait for it.
        if await _warn(services, report) + await _look_after(services, now=report.at):
            await worker.run()
    metrics.TICKS.labels("failed" if report.failed else "done").inc()
    return report


async def _warn(services: Services, report: TickReport) -> int:
    """Plan what administrators are told of the bank, and return how many notices; its trouble stops nothing else."""
    try:
        async with _transaction(services, dry_run=report.dry_run) as session:
            made = await warn_of_ends(session, now=report.at, link=services.settings.public_url)
            for notice, _ in made:
                _let_go(notice)
    except Exception:
        log.exception("ends of legal bases not told")
        report.failed.append(CALLED[Audience.ADMINISTRATORS])
        return 0
    report.private += made
    return len(made)


async def _look_after(services: Services, *, now: dt.datetime) -> int:
    """Alert administrators to what went wrong, let old attempts go, and return how many alerts are to be sent."""
    async with services.database.sessions.begin() as session:
        alerts = await raise_alerts(session, now=now)
        await session.execute(delete(DeliveryAttempt).where(DeliveryAttempt.started_at < now - ATTEMPTS_KEPT))
    return alerts


async def _plan(services: Services, contest: Contest, report: TickReport) -> None:
    async with _transaction(services, dry_run=report.dry_run) as session:
        frozen = await freeze_finished_days(session, contest, now=report.at)
    report.frozen += frozen
    async with (
        _transaction(services, dry_run=report.dry_run) as session,
        _transaction(services, dry_run=report.dry_run) as helper,
    ):
        made = await plan_round(session, helper, contest, now=report.at, link=services.settings.public_url)
        for notice, _ in made:
            _let_go(notice)
    report.made += [one for one in made if one.notice.audience_kind in GROUPS]
    report.private += [one for one in made if one.notice.audience_kind not in GROUPS]
    for notice, _ in made:
        log.info("notice", slot_at=wire(notice.slot_at), audience=str(notice.audience_id), state=notice.state)


async def plan_round(
    session: AsyncSession, helper: AsyncSession, contest: Contest, *, now: dt.datetime, link: str
) -> list[Made]:
    """Plan everything of a contest that is due at `now` in two transactions, and return the new notices.

    Each transaction is whole in itself: what it planned, and the drafts that its finals propose. Neither waits long for
    a lock: one may wait for somebody who waits for the other, which the database cannot see; the next round repeats it.
    """
    for own in (session, helper):
        await own.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_LIMIT}'"))
    shares = await plan(session, contest, now=now, link=link, helpers=[helper])
    for own, share in zip((session, helper), shares, strict=True):
        await propose(own, contest, [one.notice for one in share], now=now)
    made = [one for share in shares for one in share]
    made += await plan_own_slots(session, contest, now=now)
    return made + await plan_previews(session, contest, now=now, link=link)


def _let_go(notice: Notice) -> None:
    """Take a notice out of its session: the report outlives a dry run's rollback."""
    if (held := object_session(notice)) is not None:
        held.expunge(notice)


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
    await _refuse_outdated(session, delivery, now)
    if delivery.state not in RESEND.sources:
        raise DeliveryNotResendable("只有发送失败或不能确定是否送达的消息可以重发。", state=delivery.state)
    channel = await session.get_one(Channel, delivery.channel_id)
    if not channel.enabled:
        raise ChannelUnavailable("请先启用该通道再重发；或复制全文，由人工转发到群内。", channel_id=str(channel.id))
    before = delivery.state
    delivery.state, delivery.next_at, delivery.settled_by = RESEND.target, now, actor_id
    delivery.deadline = max(delivery.deadline, now + RESEND_WITHIN)
    delivery.attempts_allowed = delivery.attempts + ATTEMPTS
    delivery.doubt_at = delivery.alerted_at = None  # whoever asks has looked; what goes wrong now is news
    await _revive(session, delivery, now=now)
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
    delivery.last_error = None  # of a sent one it would tell who was left out
    await _revive(session, delivery, now=now)
    await _audit(session, "delivery.confirm", delivery, before, now=now, actor_id=actor_id)
    return delivery


async def _refuse_outdated(session: AsyncSession, delivery: Delivery, now: dt.datetime) -> None:
    notice = await session.get_one(Notice, delivery.notice_id)
    if notice.audience_kind in _OF_THE_DAY and local_day(notice.slot_at) != local_day(now):
        raise DeliveryNotResendable("这是当日的预告、提示或预览，已经过时，不再重发。", state=delivery.state)


async def _revive(session: AsyncSession, delivery: Delivery, *, now: dt.datetime) -> None:
    """Let the later parts follow (the picture, too) that waited for a settled one, though their time had run out."""
    later = await session.scalars(
        select(Delivery)
        .where(
            Delivery.notice_id == delivery.notice_id,
            Delivery.channel_id == delivery.channel_id,
            Delivery.lot == delivery.lot,
            Delivery.part > delivery.part,
            Delivery.state.in_(REVIVE.sources),
        )
        .order_by(Delivery.part)
        .with_for_update()
    )
    for part in later:
        part.state, part.next_at, part.last_error = REVIVE.target, now, None
        part.deadline = max(part.deadline, now + RESEND_WITHIN)
        part.attempts_allowed = max(part.attempts_allowed, part.attempts + ATTEMPTS)


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
