"""Channel kinds: one adapter file each, found by kind in one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.notices.channels import manual
from app.notices.channels.wecom_robot import WecomRobot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.notices.channels.base import Robot

ROBOTS: Mapping[str, Robot] = {robot.kind: robot for robot in (WecomRobot(),)}
"""Kinds that the machine posts to; every other kind waits for a person."""

KINDS = (*ROBOTS, manual.KIND)


def parts(kind: str, title: str, body: str) -> list[str]:
    """Return the texts, in order, as which a channel of this kind carries a notice."""
    robot = ROBOTS.get(kind)
    return robot.parts(title, body) if robot else manual.parts(title, body)
