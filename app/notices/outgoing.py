"""New notices as rows, and the deliveries that carry them to groups and to single people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core.ids import new_id
from app.notices import channels
from app.notices.audiences import GROUPS, Audience
from app.notices.models import Channel, Delivery, Notice
from app.notices.picture import has_ranking
from app.notices.reasons import BY_HAND
from app.notices.recipients import ways_below
from app.notices.rules import ATTEMPTS, Slot, State
from app.notices.scene import Made
from app.notices.text import TEMPLATE_VERSION, Text

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Draft, Lot, Scene


async def insert_notices(
    session: AsyncSession,
    scene: Scene,
    slot: Slot,
    drafts: Sequence[Draft],
    *,
    now: dt.datetime,
    until: dt.datetime,
    held: bool = False,
) -> list[Made]:
    """Insert the drafts that are not there yet, with their deliveries, and return the new notices.

    `held`: somebody holds the slot back; what it says is frozen all the same, and delivered once it is released.
    """
    rows = [
        {
            "id": new_id(),
            "contest_id": scene.contest.id,
            "slot_at": slot.at,
            "audience_kind": draft.audience_kind,
            "audience_id": draft.audience.id,
            "day": slot.day,
            "state": "held" if held and draft.state == "planned" else draft.state,
            "reason": draft.reason,
            "late": draft.text is not None and slot.late(now),
            "title": draft.text.title if draft.text else None,
            "body": draft.text.body if draft.text else None,
            "stats": draft.stats,
            "cutoff_at": until,
            "template_version": draft.source.version,
            "template_id": draft.source.id,
            "text_version": TEMPLATE_VERSION,
            "warning": draft.source.warning,
            "created_at": now,
        }
        for draft in drafts
    ]
    if not rows:
        return []
    made = list(await session.scalars(insert(Notice).on_conflict_do_nothing().returning(Notice), rows))
    planned = [notice for notice in made if notice.state == "planned"]
    await add_deliveries(session, planned, slot, now=now)
    lots = {(draft.audience_kind, draft.audience.id): draft.lots for draft in drafts if draft.lots}
    for notice in planned:
        add_lots(session, notice, lots.get((notice.audience_kind, notice.audience_id), ()), slot, now=now)
    await session.flush()
    names = {draft.audience.id: draft.audience.name for draft in drafts}
    return [Made(notice, names[notice.audience_id]) for notice in made]


async def add_deliveries(session: AsyncSession, notices: Sequence[Notice], slot: Slot, *, now: dt.datetime) -> None:
    """Add the deliveries of planned notices: to groups, and to the people of today for whom a private one is meant.

    The lots of nudges are not among them: who gets which text is known only when their figures are read.
    """
    await _to_groups(session, [notice for notice in notices if notice.audience_kind in GROUPS], slot, now=now)
    private = [notice for notice in notices if notice.audience_kind not in {*GROUPS, Audience.NUDGE}]
    if private:
        ways = await ways_below(session, [notice.audience_id for notice in private], slot.at)
        for notice in private:
            lots = ways.lots(notice.audience_id, Audience(notice.audience_kind), _text(notice))
            add_lots(session, notice, lots, slot, now=now)
    await session.flush()


async def _to_groups(session: AsyncSession, notices: Sequence[Notice], slot: Slot, *, now: dt.datetime) -> None:
    found = await session.scalars(
        select(Channel)
        .where(
            Channel.unit_id.in_([notice.audience_id for notice in notices]),
            Channel.audience == "group",
            Channel.enabled,
            Channel.deleted_at.is_(None),
        )
        .order_by(Channel.id)
    )
    by_unit: dict[uuid.UUID, list[Channel]] = {}
    for channel in found:
        by_unit.setdefault(channel.unit_id, []).append(channel)
    for notice in notices:
        for way in by_unit.get(notice.audience_id, [None]):
            lots = channels.lots(way.kind, way.settings) if way else [None]
            for number, recipients in enumerate(lots, 1):
                session.add_all(_deliveries(notice, way, _text(notice), slot, number, recipients, now=now))


def add_lots(session: AsyncSession, notice: Notice, lots: Sequence[Lot], slot: Slot, *, now: dt.datetime) -> None:
    """Add the deliveries of a private notice: one text to each lot of people of a channel."""
    for number, (channel, text, recipients) in enumerate(lots, 1):
        session.add_all(_deliveries(notice, channel, text, slot, number, recipients, now=now))


def _text(notice: Notice) -> Text:
    return Text(notice.title or "", notice.body or "")


def _deliveries(
    notice: Notice,
    channel: Channel | None,
    text: Text,
    slot: Slot,
    lot: int,
    recipients: list[str] | None,
    *,
    now: dt.datetime,
) -> list[Delivery]:
    kind = channel.kind if channel else channels.manual.KIND
    texts = channels.parts(kind, text.title, text.body, channel.settings if channel else None)
    if channel and has_ranking(notice.stats) and channels.wants_picture(kind, channel.settings):
        texts.append(f"{text.title}（排名图）")
        pictures = len(texts)
    else:
        pictures = 0
    return [
        Delivery(
            notice_id=notice.id,
            channel_id=channel.id if channel else None,
            lot=lot,
            part=part,
            kind="image" if part == pictures else "text",
            recipients=recipients,
            state=State.PENDING if kind in channels.ROBOTS else State.TO_FORWARD,
            payload=payload,
            last_error=None if kind in channels.ROBOTS else BY_HAND,
            attempts_allowed=ATTEMPTS,
            next_at=now,
            deadline=slot.deadline,
        )
        for part, payload in enumerate(texts, 1)
    ]
