"""Ways: through which private channels a text reaches the people of a unit, as lots of recipients (pure)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.notices import channels
from app.notices.audiences import Audience, nearest
from app.notices.rules import Reason
from app.notices.text import Text
from app.roster.models import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.notices.models import Channel

_HOLDS = {Audience.LIAISON: Role.LIAISON, Audience.FORECAST: Role.LIAISON, Audience.LEADER: Role.LEADER}

Accounts = dict[tuple[uuid.UUID, str], list[str]]
"""Accounts (企业微信账号) of those who hold a role in a unit itself; an empty list where none of them has one."""


class Lot(NamedTuple):
    """People who get the same text through one private channel, by their accounts there."""

    channel: Channel
    text: Text
    recipients: list[str]


@dataclass(frozen=True)
class Ways:
    """How the private notices of some units reach their people: paths, accounts by unit and role, channels by unit."""

    paths: dict[uuid.UUID, list[uuid.UUID]]
    accounts: Accounts
    channels: dict[uuid.UUID, list[Channel]]

    def problem(self, unit_id: uuid.UUID, kind: Audience) -> Reason | None:
        """Return why a private notice to a unit's people cannot be sent, or None."""
        accounts = self.accounts.get((unit_id, _HOLDS[kind]))
        if accounts is None:
            return Reason.NO_PERSON
        if nearest(self.paths[unit_id], self.channels) is None:
            return Reason.NO_CHANNEL
        return None if self.lots(unit_id, kind, Text("", "")) else Reason.NO_ACCOUNT

    def lots(self, unit_id: uuid.UUID, kind: Audience, text: Text) -> list[Lot]:
        """Return one text to a unit's liaison officers or leaders, channel by channel."""
        accounts = self.accounts.get((unit_id, _HOLDS[kind]), [])
        return lots_of(nearest(self.paths[unit_id], self.channels) or (), text, accounts)


def lots_of(ways: Iterable[Channel], text: Text, accounts: Sequence[str]) -> list[Lot]:
    """Return one text to many people, as many at once as each channel takes; nobody twice in a channel."""
    return [
        Lot(way, text, people)
        for way in ways
        for people in channels.lots(way.kind, way.settings, accounts)
        if people is not None
    ]


def first_lots_of(ways: Iterable[Channel], text: Text, accounts: Sequence[str]) -> list[Lot]:
    """Return one text to many people, to each through the first channel that can address him or her only."""
    lots: list[Lot] = []
    for way in ways:
        reached = channels.addressed(way.kind, way.settings, accounts)
        lots += lots_of([way], text, reached)
        accounts = [account for account in accounts if account not in set(reached)]
    return lots
