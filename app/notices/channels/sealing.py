"""Channels' secrets: sealed when they are written, opened only to send, and rows of before sealed in passing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import or_, select

from app.core.security import Sealer, WrongKey, is_sealed, sealer
from app.notices.channels import ROBOTS
from app.notices.channels.base import Way
from app.notices.channels.targets import host_of
from app.notices.models import Channel
from app.notices.rules import Outcome, State

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.settings import Settings

_WRONG_KEY = Outcome(
    State.DEAD,
    "通道的地址或密钥无法解密：LIANBING_SECRET_KEY（或数据目录中的 secret.key）与保存时不同。"
    "请由运维恢复原密钥，或由管理员重新填写该通道的地址和密钥，再重发。",
)
_WRONG_SETTINGS = Outcome(State.DEAD, "通道的设置项不完整或有误；请由管理员重新填写该通道的设置，再重发。")


def sealer_of(settings: Settings) -> Sealer:
    """Return the sealer of this installation."""
    return sealer(settings.secret_key, settings.data_dir)


def sealed(keys: Sealer, text: str | None, *, member: str, unit_id: uuid.UUID) -> str | None:
    """Return the sealed form of a channel's `url` or `secret`; it opens only in this member of this unit's channels."""
    return None if text is None else keys.seal(text, context=f"channel.{member}:{unit_id}")


def opened(keys: Sealer, held: str | None, *, member: str, unit_id: uuid.UUID) -> str | None:
    """Return what a channel's `url` or `secret` was before it was sealed; raises WrongKey."""
    return None if held is None else keys.open(held, context=f"channel.{member}:{unit_id}")


def way_of(
    installation: Settings,
    *,
    kind: str,
    unit_id: uuid.UUID,
    url: str | None,
    secret: str | None,
    settings: Mapping[str, Any],
) -> Way | Outcome:
    """Return where a stored channel leads, unsealed, or what a row that cannot be read means."""
    adapter = ROBOTS[kind]
    keys = sealer_of(installation)
    try:
        options = adapter.options.model_validate(settings)
        plain_url = opened(keys, url, member="url", unit_id=unit_id)
        plain_secret = opened(keys, secret, member="secret", unit_id=unit_id)
    except WrongKey:
        return _WRONG_KEY
    except ValidationError:
        return _WRONG_SETTINGS
    return Way(adapter.address(plain_url, options, installation.wecom_url), plain_secret, options)


def shown_target(channel: Channel) -> str | None:
    """Return the host of a channel's address: all of it that may be shown."""
    return channel.target or (None if is_sealed(channel.url) else host_of(channel.url))


async def seal_plain(session: AsyncSession, installation: Settings) -> int:
    """Seal the secrets of channels written before they were sealed, and return how many; safe to repeat."""
    plain = [column.is_not(None) & ~column.startswith("sealed:1:") for column in (Channel.url, Channel.secret)]
    found = await session.scalars(select(Channel).where(or_(*plain)).order_by(Channel.id).with_for_update())
    channels = list(found.all())
    for channel in channels:  # without one the key is not even asked for
        keys = sealer_of(installation)
        channel.target = shown_target(channel)
        for member in ("url", "secret"):
            held = getattr(channel, member)
            if not is_sealed(held):
                setattr(channel, member, sealed(keys, held, member=member, unit_id=channel.unit_id))
    return len(channels)
