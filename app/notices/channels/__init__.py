"""Channel kinds: one adapter file each, found by kind in one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app.notices.channels import manual
from app.notices.channels.dingtalk import DingTalk
from app.notices.channels.feishu import Feishu
from app.notices.channels.mail import Email
from app.notices.channels.webhook import Webhook
from app.notices.channels.wecom_app import WecomApp
from app.notices.channels.wecom_robot import WecomRobot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.notices.channels.base import Adapter

ROBOTS: Mapping[str, Adapter] = {
    adapter.kind: adapter for adapter in (WecomRobot(), WecomApp(), DingTalk(), Feishu(), Webhook(), Email())
}
"""Kinds that the machine posts to; every other kind waits for a person."""

KINDS = (*ROBOTS, manual.KIND)

PRIVATE = frozenset(kind for kind, adapter in ROBOTS.items() if adapter.recipients_at_once)
"""Kinds that address single people, and so can serve officers."""

REPEATED = frozenset(kind for kind, adapter in ROBOTS.items() if adapter.repeats_for)
"""Kinds whose receiver drops a second copy, so that a doubt is repeated."""


def parts(kind: str, title: str, body: str, settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return the texts, in order, as which a channel of this kind and these settings carries a notice."""
    adapter = ROBOTS.get(kind)
    if adapter is None:
        return manual.parts(title, body)
    return adapter.parts(title, body, _options(adapter, settings))


def wants_picture(kind: str, settings: Mapping[str, Any] | None) -> bool:
    """Whether a channel of this kind can carry the ranking picture, and its settings ask for it."""
    adapter = ROBOTS.get(kind)
    options = _options(adapter, settings) if adapter and adapter.picture_limit else None
    return bool(options and options.picture)


def lots(
    kind: str, settings: Mapping[str, Any] | None, accounts: Iterable[str] | None = None
) -> list[list[str] | None]:
    """Return the sets of recipients to which a channel sends a notice, one message each; [None]: to its group.

    `accounts`: the 企业微信账号 of officers, for a channel that serves them (who cannot be addressed is left out);
    without them the recipients are those of the channel's settings. Nobody is in it twice.
    """
    adapter = ROBOTS.get(kind)
    if adapter is None or not adapter.recipients_at_once:
        return [None]
    options = _options(adapter, settings)
    if options is None:
        return [[]]  # a delivery that says what is wrong
    given = options.recipients if accounts is None else accounts
    addressed = [adapter.recipient(account, options) if accounts is not None else account for account in given]
    people = list(dict.fromkeys(person for person in addressed if person))
    most = adapter.recipients_at_once
    return [people[first : first + most] for first in range(0, len(people), most)]


def addressed(kind: str, settings: Mapping[str, Any] | None, accounts: Iterable[str]) -> list[str]:
    """Return those of these accounts that a channel for officers can address."""
    adapter = ROBOTS.get(kind)
    options = _options(adapter, settings) if adapter and adapter.recipients_at_once else None
    if adapter is None or options is None:
        return []
    return [account for account in accounts if adapter.recipient(account, options)]


def _options(adapter: Adapter, settings: Mapping[str, Any] | None) -> Any:
    # Settings are judged when they are stored; a row that was spoilt since must not stop a contest's planning.
    try:
        return adapter.options.model_validate(dict(settings or {}))
    except ValidationError:
        return None
