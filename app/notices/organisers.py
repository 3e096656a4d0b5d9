"""The organisers' preview: fifteen minutes before a slot, privately, what it will say and how to hold it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.contests.models import Contest, ContestState
from app.contests.queries import rules_on
from app.core.clock import local_day
from app.core.ids import new_id
from app.notices.audiences import Audience, nearest
from app.notices.composing import compose
from app.notices.models import Notice
from app.notices.outgoing import add_lots
from app.notices.planner import claimed, opened_since, scenes_of
from app.notices.recipients import officers_channels
from app.notices.rules import PREVIEW_LEAD, Slot, cutoff, in_contest, slot_on
from app.notices.scene import Draft, Made, Scene
from app.notices.slots.queries import hold_in_force
from app.notices.text import TEMPLATE_VERSION, Text
from app.notices.ways import lots_of
from app.notices.wording import clock
from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, Role, Unit

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.models import SlotHold


async def plan_previews(session: AsyncSession, contest: Contest, *, now: dt.datetime, link: str = "") -> list[Made]:
    """Insert the previews of the slot that comes within 15 minutes, with their deliveries, and return the new ones.

    Safe to repeat and from several processes at once, as `plan` is. Only where the bureau (or the province) has people
    with an account who can be reached, and only of a slot that will say something.
    """
    slot = await _next_slot(session, contest, now)
    if slot is None or contest.state == ContestState.PAUSED or not await claimed(session, contest):
        return []
    made = []
    for scene in await scenes_of(session, contest, link):
        if opened_since(scene) <= slot.at and not await preview_of(session, contest, scene.bureau, slot):
            made += await _plan_one(session, scene, slot, now=now)
    return made


async def _next_slot(session: AsyncSession, contest: Contest, now: dt.datetime) -> Slot | None:
    day = local_day(now)
    slots = (slot_on(day, name) for name in (await rules_on(session, contest.id, day)).notices.active_slots)
    near = (slot for slot in slots if slot.at - PREVIEW_LEAD <= now < slot.at)
    return next((slot for slot in near if in_contest(slot, contest.starts_on, contest.ends_on)), None)


async def preview_of(session: AsyncSession, contest: Contest, unit: Unit, slot: Slot) -> Notice | None:
    """Return the preview of a slot that a unit's organisers were sent, None where there is none."""
    found: Notice | None = await session.scalar(
        select(Notice).where(
            Notice.contest_id == contest.id,
            Notice.audience_kind == Audience.ORGANISERS,
            Notice.audience_id == unit.id,
            Notice.slot_at == slot.at - PREVIEW_LEAD,
        )
    )
    return found


async def _plan_one(session: AsyncSession, scene: Scene, slot: Slot, *, now: dt.datetime) -> list[Made]:
    ways = nearest(scene.bureau.path, await officers_channels(session, scene.bureau.path))
    accounts = await _accounts(session, scene.bureau, local_day(now)) if ways else []
    if not ways or not accounts:
        return []
    until = min(cutoff(slot, scene.rules(slot.day)), now)
    group = (await compose(session, scene, slot, now=now, until=until))[0]
    if group.text is None:
        return []
    hold = await hold_in_force(session, scene.contest.id, scene.bureau.id, slot.at)
    text = announced(group.text, slot, hold, scene.link)
    own = Slot(slot.at - PREVIEW_LEAD)
    notice = await session.scalar(
        insert(Notice)
        .values(_row(scene, slot, own, group, text) | {"cutoff_at": until, "created_at": now})
        .on_conflict_do_nothing()
        .returning(Notice)
    )
    if notice is None:
        return []
    await add_lots(session, notice, lots_of(ways, text, accounts), own, now=now)
    return [Made(notice, scene.bureau.name)]


def _row(scene: Scene, slot: Slot, own: Slot, group: Draft, text: Text) -> dict[str, object]:
    return {
        "id": new_id(),
        "contest_id": scene.contest.id,
        "slot_at": own.at,
        "audience_kind": Audience.ORGANISERS,
        "audience_id": scene.bureau.id,
        "day": slot.day,
        "state": "planned",
        "late": False,
        "title": text.title,
        "body": text.body,
        "template_version": group.source.version,
        "template_id": group.source.id,
        "text_version": TEMPLATE_VERSION,
        "warning": group.source.warning,
    }


def announced(text: Text, slot: Slot, hold: SlotHold | None, link: str = "") -> Text:
    """Return the organisers' preview of a text: marked as one, with how to hold the slot back (or that it is held)."""
    at = clock(slot.at)
    if hold is not None and hold.dropped_at is not None:
        told = f"本时段已取消（{hold.reason}），到时不会发出。"
    elif hold is not None:
        told = f"本时段已暂缓（{hold.reason}），到时不会自动发出；需要发出的，请在“通报时段”中点“恢复”。"
    else:
        figures = "该日的最终数据" if slot.final else f"{at}的数据"
        told = f"将于{at}自动发出，发出时以{figures}为准。需要暂缓的，请在{at}前打开“通报时段”，点“暂缓本时段”。"
    where = f"\n{link}" if link else ""
    return Text(f"【预览】{text.title}", f"{told}{where}\n以下为按现有数据试写的内容：\n{text.body}")


async def _accounts(session: AsyncSession, unit: Unit, day: dt.date) -> list[str]:
    """Return the accounts (企业微信账号) of the unit's own staff who look after the notices."""
    found = await session.scalars(
        select(Officer.wecom_userid)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .where(
            Assignment.unit_id == unit.id,
            assigned_on(day),
            Officer.roles.overlap([Role.BUREAU, Role.PROVINCE, Role.ADMIN]),
            Officer.wecom_userid.is_not(None),
        )
        .order_by(Officer.employee_no)
    )
    return [account for account in found if account]
