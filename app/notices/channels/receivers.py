"""Who gets a channel's messages, kept unique in a unit and audience: a second channel would tell everything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from app.core.errors import Conflict
from app.core.security import WrongKey
from app.notices.channels import ROBOTS
from app.notices.channels.sealing import opened, sealed, sealer_of
from app.notices.models import Channel, ChannelIdentity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.settings import Settings

_LISTED = 10


class ChannelExists(Conflict):
    """The unit has a channel to this group or recipient, who would get everything twice."""

    code = "channel-exists"
    title = "该单位已有相同地址的通道"


def receivers(kind: str, url: str | None, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return who gets the messages of a channel of this address and these settings, each with a name or without.

    Nobody where a person forwards, or where the settings are spoilt: such a channel sends nothing.
    """
    adapter = ROBOTS.get(kind)
    if adapter is None:
        return {}
    try:
        found = adapter.identities(url, adapter.options.model_validate(dict(settings)))
    except (ValidationError, httpx.InvalidURL):
        return {}
    return {f"{kind}:{identity}": name for identity, name in found.items()}


async def claim(session: AsyncSession, installation: Settings, channel: Channel, url: str | None) -> None:
    """Let a stored channel of this plain address have its receivers, and no others; raises ChannelExists for taken ones."""
    others = await session.scalars(
        select(Channel)
        .where(
            Channel.unit_id == channel.unit_id,
            Channel.audience == channel.audience,
            Channel.id != channel.id,
            Channel.deleted_at.is_(None),
        )
        .order_by(Channel.id)
    )
    await give_up(session, channel)
    for other in others:  # those of before have none yet
        await _insert(session, installation, other, receivers_of(installation, other))
    wanted = receivers(channel.kind, url, channel.settings)
    if taken := await _insert(session, installation, channel, wanted):
        named = "、".join(sorted(filter(None, taken))[:_LISTED])
        if named:
            raise ChannelExists(f"该单位已有通道发给{named}，重复添加会使其收到两遍通报；请先从原通道中去掉。")
        raise ChannelExists("该单位已有相同地址的通道，重复添加会使群内收到两遍通报。")


async def give_up(session: AsyncSession, channel: Channel) -> None:
    """Free a channel's receivers for others."""
    await session.execute(delete(ChannelIdentity).where(ChannelIdentity.channel_id == channel.id))


async def fill(session: AsyncSession, installation: Settings) -> None:
    """Note the receivers of channels of before; where two have the same, the older has it. Safe to repeat.

    Without a key nothing is noted: `claim` makes up for it, unit by unit.
    """
    known = exists().where(ChannelIdentity.channel_id == Channel.id)
    missing = select(Channel).where(Channel.deleted_at.is_(None), Channel.kind.in_(ROBOTS), ~known)
    for channel in (await session.scalars(missing.order_by(Channel.id))).all():
        try:
            sealer_of(installation)
        except ValueError:
            return
        await _insert(session, installation, channel, receivers_of(installation, channel))


def plain_url(installation: Settings, channel: Channel) -> str | None:
    """Return a stored channel's address; None where it has none, or the key is not the one that sealed it."""
    try:
        return opened(sealer_of(installation), channel.url, member="url", unit_id=channel.unit_id)
    except WrongKey:
        return None


def receivers_of(installation: Settings, channel: Channel) -> dict[str, str]:
    """Return the receivers of a stored channel; none where its address cannot be opened."""
    return receivers(channel.kind, plain_url(installation, channel), channel.settings)


async def _insert(
    session: AsyncSession, installation: Settings, channel: Channel, wanted: Mapping[str, str]
) -> Collection[str]:
    """Add receivers to a channel, and return the names of those that another has."""
    if not wanted:
        return []
    keys = sealer_of(installation)
    rows = {sealed(keys, one, member="identity", unit_id=channel.unit_id): name for one, name in wanted.items()}
    own = {"unit_id": channel.unit_id, "audience": channel.audience, "channel_id": channel.id}
    new = insert(ChannelIdentity).on_conflict_do_nothing().returning(ChannelIdentity.identity)
    # In one order, so that two who claim the same wait for each other in turn.
    made = set(await session.scalars(new, [{**own, "identity": one} for one in sorted(filter(None, rows))]))
    return [name for identity, name in rows.items() if identity not in made]
