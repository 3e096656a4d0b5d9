"""New notices as rows, and the deliveries that carry them to groups and to single people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm.attributes import instance_dict

from app.core.database import copy_rows
from app.core.ids import new_id
from app.notices import channels
from app.notices.audiences import GROUPS, Audience
from app.notices.models import Channel, Delivery, Notice
from app.notices.picture import has_ranking
from app.notices.reasons import BY_HAND
from app.notices.recipients import groups_channels, groups_of, ways_below, ways_of
from app.notices.rules import ATTEMPTS, Slot, State
from app.notices.scene import Made
from app.notices.text import TEMPLATE_VERSION, Text

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Draft, Scene
    from app.notices.ways import Lot


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
    new = insert(Notice).on_conflict_do_nothing().returning(Notice.id)
    added = set((await (await session.connection()).execute(new, rows)).scalars())  # as plain rows: there are thousands
    made = [_as_stored(row) for row in rows if row["id"] in added]
    planned = [notice for notice in made if notice.state == "planned"]
    lots = {(draft.audience_kind, draft.audience.id): draft.lots for draft in drafts if draft.lots}
    await add_deliveries(session, planned, slot, now=now, scene=scene, lots=lots)
    names = {draft.audience.id: draft.audience.name for draft in drafts}
    return [Made(notice, names[notice.audience_id]) for notice in made]


def _as_stored(row: dict[str, Any]) -> Notice:
    """Return a row as an object of no session: it is read, never changed."""
    notice = Notice()
    instance_dict(notice).update(row)
    return notice


async def add_deliveries(
    session: AsyncSession,
    notices: Sequence[Notice],
    slot: Slot,
    *,
    now: dt.datetime,
    scene: Scene | None = None,
    lots: Mapping[tuple[str, uuid.UUID], Sequence[Lot]] | None = None,
) -> None:
    """Add the deliveries of planned notices: to groups, and to the people of today for whom a private one is meant.

    The `lots` of nudges, by kind and unit, are given: who gets which text is known only when their figures are read.
    `scene`: where the contest is planned, for what was read for all its bureaus.
    """
    to_groups = [notice for notice in notices if notice.audience_kind in GROUPS]
    private = [notice for notice in notices if notice.audience_kind not in {*GROUPS, Audience.NUDGE}]
    meant = [(one, (lots or {}).get((one.audience_kind, one.audience_id), ())) for one in notices]
    if private:
        units = [notice.audience_id for notice in private]
        ways = await (ways_of(session, scene, slot.at) if scene else ways_below(session, units, slot.at))
        meant += [(one, ways.lots(one.audience_id, Audience(one.audience_kind), _text(one))) for one in private]
    rows = await _to_groups(session, to_groups, slot, now, scene) if to_groups else []
    await _insert(session, rows + _to_lots(meant, slot, now))


async def _to_groups(
    session: AsyncSession, notices: Sequence[Notice], slot: Slot, now: dt.datetime, scene: Scene | None
) -> list[dict[str, Any]]:
    units = [notice.audience_id for notice in notices]
    by_unit = await (groups_of(session, scene) if scene else groups_channels(session, units))
    rows: list[dict[str, Any]] = []
    for notice in notices:
        for way in by_unit.get(notice.audience_id, [None]):
            lots = channels.lots(way.kind, way.settings) if way else [None]
            for number, recipients in enumerate(lots, 1):
                rows += _deliveries(notice, way, _text(notice), slot, number, recipients, now=now)
    return rows


async def add_lots(session: AsyncSession, notice: Notice, lots: Sequence[Lot], slot: Slot, *, now: dt.datetime) -> None:
    """Add the deliveries of a private notice: one text to each lot of people of a channel."""
    await _insert(session, _to_lots([(notice, lots)], slot, now))


def _to_lots(meant: Iterable[tuple[Notice, Sequence[Lot]]], slot: Slot, now: dt.datetime) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for notice, lots in meant:
        for number, (channel, text, recipients) in enumerate(lots, 1):
            rows += _deliveries(notice, channel, text, slot, number, recipients, now=now)
    return rows


async def _insert(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await copy_rows(session, Delivery.__tablename__, tuple(rows[0]), (tuple(row.values()) for row in rows))


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
) -> list[dict[str, Any]]:
    kind = channel.kind if channel else channels.manual.KIND
    texts = channels.parts(kind, text.title, text.body, channel.settings if channel else None)
    if channel and has_ranking(notice.stats) and channels.wants_picture(kind, channel.settings):
        texts.append(f"{text.title}（排名图）")
        pictures = len(texts)
    else:
        pictures = 0
    return [
        {
            "id": new_id(),
            "notice_id": notice.id,
            "channel_id": channel.id if channel else None,
            "lot": lot,
            "part": part,
            "kind": "image" if part == pictures else "text",
            "recipients": recipients,
            "state": State.PENDING if kind in channels.ROBOTS else State.TO_FORWARD,
            "payload": payload,
            "last_error": None if kind in channels.ROBOTS else BY_HAND,
            "attempts_allowed": ATTEMPTS,
            "next_at": now,
            "deadline": slot.deadline,
        }
        for part, payload in enumerate(texts, 1)
    ]
