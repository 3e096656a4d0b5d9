"""Loopback vendors by kind, and channels of every kind to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.ids import new_id
from app.notices.models import Channel
from tests.notices.helpers import Groups
from tests.notices.robot import Robot
from tests.notices.vendors import (
    SECRET,
    WEBHOOK_SECRET,
    DingTalkServer,
    FeishuServer,
    WebhookServer,
    WecomServer,
)
from tests.people import LONG_AGO
from tests.times import instant

APP = {"corp_id": "ww01", "agent_id": 1000002}


@dataclass(frozen=True)
class Kind:
    """How a channel of a kind is made, and where its vendor counts faults."""

    name: str
    server: type[Robot]
    secret: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    key: str = "丰顺"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("wecom_robot", Robot, None),
        Kind("dingtalk", DingTalkServer, SECRET),
        Kind("feishu", FeishuServer, SECRET, key="fengshun"),
        Kind("webhook", WebhookServer, WEBHOOK_SECRET, key="fengshun"),
        Kind("wecom_app", WecomServer, "corp-secret", {**APP, "recipients": ["zhang", "li"]}, key="app"),
    )
}


@dataclass
class Shop:
    """A vendor, and 丰顺's only channel to it; the other units' channels are off."""

    groups: Groups
    kind: Kind
    server: Any

    @property
    def texts(self) -> list[str]:
        texts: list[str] = self.server.texts(self.kind.key)
        return texts

    def fault(self, *faults: int | str) -> None:
        self.server.faults[self.kind.key].extend(faults)

    async def state(self) -> str:
        (delivery,) = await self.groups.deliveries("丰顺")
        return delivery.state


async def add(groups: Groups, unit: str, kind: str, **values: Any) -> None:
    """Give a unit a channel as it lies in the table; plain secrets, as an older version wrote them."""
    groups.channels[unit] = new_id()
    async with groups.town.services.database.sessions.begin() as session:
        row = {
            "id": groups.channels[unit],
            "unit_id": groups.town.units[unit],
            "name": f"{unit}群",
            "kind": kind,
            "enabled": True,
            "posted_at": [],
            "created_at": instant("00:00", LONG_AGO),
            **values,
        }
        session.add(Channel(**row))


def with_settings(groups: Groups, **changed: Any) -> None:
    """Change settings of the installation."""
    services = groups.town.services
    groups.town.app.state.services = replace(services, settings=services.settings.model_copy(update=changed))


@contextmanager
def serving(kind: str) -> Iterator[Any]:
    """A kind's vendor on 127.0.0.1."""
    with KINDS[kind].server() as server:
        yield server


async def opened(groups: Groups, kind: str, server: Any) -> Shop:
    """丰顺's channel of this kind, in place of the robots."""
    for unit in ("市局", "梅江", "丰顺"):
        await groups.set_channel(unit, enabled=False)
    one = KINDS[kind]
    url = None if kind == "wecom_app" else server.url(one.key)
    if kind == "wecom_app":
        with_settings(groups, wecom_url=server.base)
    await add(groups, "丰顺", kind, url=url, secret=one.secret, settings=one.settings)
    return Shop(groups, one, server)
