"""Use cases of channels: what one must hold to be stored, adding, changing, deleting and testing it."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import ValidationError
from sqlalchemy import case, update
from sqlalchemy.exc import IntegrityError

from app.core import audit
from app.core.errors import Conflict, FieldProblem, Invalid, RateLimited
from app.core.wording import explain
from app.notices import reasons
from app.notices.channels import PRIVATE, ROBOTS
from app.notices.channels.receivers import ChannelExists, claim, give_up, plain_url, receivers
from app.notices.channels.sealing import sealed, sealer_of, shown_target
from app.notices.channels.targets import TargetRefused, TargetUnknown, allowed, check_target, host_of
from app.notices.models import Channel, Delivery
from app.notices.rules import GIVE_UP, HAND_OVER, WITHDRAW, Outcome, reserve

if TYPE_CHECKING:
    import uuid
    from collections.abc import Hashable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.settings import Settings
    from app.notices.channels.base import Adapter

_ANEW = (
    "地址、服务器或登录账号变了，原来的密钥（密码）不能转用："
    "请在同一次修改中重新填写 secret；新的地址不需要密钥的，填 null。"
)
_SECRETS = ("url", "secret")
_MEMBERS = ("url", "secret", "settings")


class ChannelNotTestable(Conflict):
    """A person forwards by hand, or nobody is known to whom a test could go."""

    code = "channel-not-testable"
    title = "此通道现在不能测试"


@dataclass(frozen=True)
class Wanted:
    """A channel as somebody wants it; `has_secret` where its secret stays as stored."""

    kind: str
    audience: str
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    has_secret: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


def with_defaults(kind: str, audience: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new channel's settings: a group that can be sent the ranking picture gets it unless told otherwise."""
    adapter = ROBOTS.get(kind)
    asked = {"picture": True} if adapter and adapter.picture_limit and audience != "officers" else {}
    return {**asked, **settings}


async def checked(installation: Settings, wanted: Wanted, *, url_stays: bool = False) -> dict[str, Any]:
    """Return the settings to store of a channel that may be so; raises Invalid naming each member that may not.

    Names are resolved, so outside transactions. An address that does not resolve now is kept; one that stays as it
    is stored is not judged again.
    """
    adapter = ROBOTS.get(wanted.kind)
    problems = [*_audience_problems(wanted), *_secret_problems(adapter, wanted)]
    options, wrong = _options(adapter, wanted)
    problems += wrong or _recipient_problems(wanted, options)
    url = wanted.url
    if adapter is None:
        problems += [FieldProblem("/url", "人工转发的通道没有地址，请去掉此项。")] if url else []
    elif url_stays:
        pass
    elif adapter.takes_url and not url:
        problems.append(FieldProblem("/url", "请填写群机器人的完整地址。"))
    elif url and not adapter.takes_url:
        problems.append(FieldProblem("/url", "此类通道的地址由系统设置，请去掉此项。"))
    elif not wrong:
        where = adapter.address(url, options, installation.wecom_url)
        if refused := await _refused(adapter, where, installation):
            problems.append(FieldProblem("/url" if url else "/settings", refused))
    if problems:
        raise Invalid(problems[0].detail, errors=problems)
    return options.model_dump(mode="json") if options else {}


async def _refused(adapter: Adapter, where: str, installation: Settings) -> str:
    try:
        await check_target(
            where, known=adapter.hosts, allow=allowed(installation.outbound_allow), schemes=adapter.schemes
        )
    except TargetRefused as refused:
        return str(refused)
    except TargetUnknown as unknown:
        return unknown.unlisted
    return ""


def _audience_problems(wanted: Wanted) -> list[FieldProblem]:
    if wanted.audience == "officers" and wanted.kind not in PRIVATE:
        problem = "发给个人的通道只能用 wecom_app（企业微信应用）或 email（邮件）；群机器人发不到个人。"
        return [FieldProblem("/kind", problem)]
    return []


def _secret_problems(adapter: Adapter | None, wanted: Wanted) -> list[FieldProblem]:
    if adapter and adapter.keyed == "must" and not (wanted.secret or wanted.has_secret):
        return [FieldProblem("/secret", "请填写密钥（企业微信应用为 corpsecret，webhook 以 whsec_ 开头）。")]
    if adapter and wanted.secret and (problem := adapter.secret_problem(wanted.secret)):
        return [FieldProblem("/secret", problem)]
    return []


def _options(adapter: Adapter | None, wanted: Wanted) -> tuple[Any, list[FieldProblem]]:
    if adapter is None:
        problem = FieldProblem("/settings", "人工转发的通道没有设置项，请去掉此项。")
        return None, [problem] if wanted.settings else []
    try:
        return adapter.options.model_validate(dict(wanted.settings)), []
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        return None, [
            FieldProblem("/".join(["/settings", *map(str, problem["loc"])]), explain(problem)) for problem in wrong
        ]


def _recipient_problems(wanted: Wanted, options: Any) -> list[FieldProblem]:
    if wanted.kind not in PRIVATE:
        return []
    if wanted.audience == "officers":
        problem = "发给个人的通道按名册确定收件人，请去掉 recipients。"
        problems = [FieldProblem("/settings/recipients", problem)] if options.recipients else []
    else:
        problem = "请在 recipients 中列出收件人。"
        problems = [] if options.recipients else [FieldProblem("/settings/recipients", problem)]
    if getattr(options, "security", "") == "none" and (wanted.secret or wanted.has_secret):
        problem = "不加密的连接不能带密码：请改用 tls 或 starttls，或去掉密码。"
        problems.append(FieldProblem("/settings/security", problem))
    return problems


async def create_channel(
    session: AsyncSession,
    installation: Settings,
    wanted: Wanted,
    *,
    unit_id: uuid.UUID,
    name: str,
    enabled: bool,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> Channel:
    """Add a channel (通道) to a unit; `wanted.settings` are those that `checked` returned. Raises ChannelExists."""
    keys = sealer_of(installation)
    channel = Channel(
        unit_id=unit_id,
        name=name,
        kind=wanted.kind,
        audience="officers" if wanted.audience == "officers" else "group",
        url=sealed(keys, wanted.url, member="url", unit_id=unit_id),
        secret=sealed(keys, wanted.secret, member="secret", unit_id=unit_id),
        target=_target(wanted, installation),
        settings=dict(wanted.settings),
        enabled=enabled,
        created_at=now,
        posted_at=[],
    )
    session.add(channel)
    await _flush_unique(session)
    await claim(session, installation, channel, wanted.url)
    await _audit_channel(session, "channel.create", channel, None, now=now, actor_id=actor_id)
    return channel


def _target(wanted: Wanted, installation: Settings) -> str | None:
    adapter = ROBOTS.get(wanted.kind)
    if adapter is None:
        return None
    options = adapter.options.model_validate(dict(wanted.settings))
    return host_of(adapter.address(wanted.url, options, installation.wecom_url))


async def change_channel(
    session: AsyncSession,
    installation: Settings,
    channel: Channel,
    changes: Mapping[str, Any],
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> Channel:
    """Change name, address, secret, settings or whether it is enabled; a new address starts with a clean slate.

    Address and settings were checked. Raises ChannelExists, or Invalid where the secret would come along to a place for
    which it was not given.
    """
    before, held_url = _facts(channel), plain_url(installation, channel)
    _refuse_secret_elsewhere(channel, held_url, changes)
    reached = receivers(channel.kind, held_url, channel.settings)
    stored = dict(changes)
    for member in _SECRETS:
        if member in stored:
            keys = sealer_of(installation)
            stored[member] = sealed(keys, stored[member], member=member, unit_id=channel.unit_id)
    if any(stored.get(member, held) != held for member, held in ((m, getattr(channel, m)) for m in _MEMBERS)):
        channel.last_error = None
    if stored.get("url", channel.url) != channel.url:
        channel.blocked_until, channel.posted_at = None, []
    for member, value in stored.items():
        setattr(channel, member, value)
    adapter = ROBOTS.get(channel.kind)
    if adapter and (changes.get("url") or ("settings" in changes and not adapter.takes_url)):
        whole = Wanted(channel.kind, channel.audience, url=changes.get("url"), settings=channel.settings)
        channel.target = _target(whole, installation)
    await _flush_unique(session)
    url = changes.get("url", held_url)
    if receivers(channel.kind, url, channel.settings) != reached:
        await claim(session, installation, channel, url)
    secrets = sorted(set(_SECRETS) & changes.keys())
    await _audit_channel(session, "channel.change", channel, before, now=now, actor_id=actor_id, secrets=secrets)
    return channel


def _refuse_secret_elsewhere(channel: Channel, held_url: str | None, changes: Mapping[str, Any]) -> None:
    # A secret is never read back, neither by having it sent to another server. Judged on the locked row: two changes
    # at once must not bring together what neither would be allowed alone.
    adapter = ROBOTS.get(channel.kind)
    moves = {"url", "settings"} & changes.keys()
    if adapter is None or adapter.keyed == "no" or channel.secret is None or "secret" in changes or not moves:
        return
    was = _secret_for(adapter, held_url, channel.settings)
    if was is None or was != _secret_for(
        adapter, changes.get("url", held_url), changes.get("settings", channel.settings)
    ):
        raise Invalid(_ANEW, errors=[FieldProblem("/secret", _ANEW)])


def _secret_for(adapter: Adapter, url: str | None, settings: Mapping[str, Any]) -> Hashable:
    try:
        return adapter.secret_for(url, adapter.options.model_validate(dict(settings)))
    except (ValidationError, httpx.InvalidURL):
        return None


async def delete_channel(session: AsyncSession, channel: Channel, *, now: dt.datetime, actor_id: uuid.UUID) -> None:
    """Delete a channel and its secrets; its history stays, and what was not yet sent waits to be forwarded by hand.

    Private messages, which hold names, are not forwarded into a group: they expire, or stay in doubt.
    """
    before = _facts(channel)
    await give_up(session, channel)
    channel.deleted_at, channel.enabled, channel.url, channel.secret = now, False, None, None
    waiting = update(Delivery).where(Delivery.channel_id == channel.id, Delivery.state.in_(HAND_OVER.sources))
    certain = Delivery.doubt_at.is_(None)
    if channel.audience == "officers":
        state = case((certain, WITHDRAW.target), else_=GIVE_UP.target)
        why = case((certain, reasons.WITHDRAWN), else_=reasons.WITHDRAWN_IN_DOUBT)
        await session.execute(waiting.values(state=state, last_error=why))
    else:
        why = case((certain, reasons.DELETED), else_=reasons.DELETED_IN_DOUBT)
        await session.execute(waiting.values(state=HAND_OVER.target, last_error=why))
    await _audit_channel(session, "channel.delete", channel, before, now=now, actor_id=actor_id)


async def begin_test(
    session: AsyncSession, channel: Channel, account: str | None, *, now: dt.datetime, actor_id: uuid.UUID
) -> tuple[str, ...]:
    """Reserve the post of one test message and return whom it goes to (nobody: to the group).

    `account`: the tester's own 企业微信账号, to which an officers' channel sends. Raises ChannelNotTestable, or
    RateLimited while the robot must rest.
    """
    adapter = ROBOTS.get(channel.kind)
    if adapter is None:
        raise ChannelNotTestable("此通道由人工转发，没有可测试的机器人。")
    recipients = tuple(_testers(adapter, channel, account))
    room = reserve(channel.posted_at, now=now, per_minute=adapter.per_minute, per_second=adapter.per_second)
    free_at = max(channel.blocked_until or now, room.free_at)
    if free_at > now or room.posts is None:
        error = RateLimited("该机器人发送过于频繁，请稍后再测试。")
        error.retry_after = math.ceil((free_at - now).total_seconds())
        raise error
    channel.posted_at = room.posts
    await _audit_channel(session, "channel.test", channel, None, now=now, actor_id=actor_id)
    return recipients


def _testers(adapter: Adapter, channel: Channel, account: str | None) -> Sequence[str]:
    if not adapter.recipients_at_once:
        return ()
    try:
        options = adapter.options.model_validate(channel.settings)
    except ValidationError as error:
        raise ChannelNotTestable("通道的设置项不完整或有误；请重新填写该通道的设置，再测试。") from error
    if channel.audience != "officers":
        return list(getattr(options, "recipients", ()))[:1000]
    own = adapter.recipient(account, options) if account else None
    if own is None:
        raise ChannelNotTestable("测试消息发给您本人，但名册中没有您可用的企业微信账号；请补充名册后再测试。")
    return (own,)


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
    return {
        "name": channel.name,
        "kind": channel.kind,
        "audience": channel.audience,
        "target": shown_target(channel),
        "settings": {name: held for name, held in (channel.settings or {}).items() if name != "recipients"},
        "enabled": channel.enabled,
    }


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
