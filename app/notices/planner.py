"""The planner: which notices are due, their frozen figures and texts, and the deliveries that carry them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from app.contests.models import Contest, ContestState
from app.contests.queries import rules_among, rules_versions
from app.contests.rules import closes_at, day_number, opens_at
from app.core.clock import local_day
from app.core.errors import NotFound
from app.core.ids import new_id
from app.notices import channels
from app.notices.models import Channel, Delivery, Notice
from app.notices.rules import (
    ATTEMPTS,
    FINAL,
    Reason,
    Slot,
    State,
    cutoff,
    due_slots,
    reason_to_skip_all,
    reason_to_skip_branch,
    slot_on,
)
from app.notices.stats import (
    BranchStats,
    BureauStats,
    Occasion,
    RankedUnit,
    Standing,
    as_json,
    standings_of,
)
from app.notices.text import TEMPLATE_VERSION, Text, write
from app.participation.queries import figures_as_of, figures_frozen, frozen_days, roll_up
from app.participation.rules import Figures, total, weights_of
from app.participation.service import answers_open
from app.roster.models import Unit, UnitKind
from app.roster.queries import subtree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import ContestRules
    from app.contests.rules import PlayRules
    from app.participation.rules import Weights

_DAY = dt.timedelta(days=1)
_NIGHT = "22:00"
_COMPARED_WITH_YESTERDAY = ("12:00", "18:00")


Direct = dict[uuid.UUID, Figures]
"""Figures by the unit that the officers are assigned to itself."""


@dataclass(frozen=True)
class Scene:
    """A contest as one bureau's audiences see it: the rules' versions, its units, and figures already read.

    `held` is shared by the bureaus of a province's contest: figures are read for the whole contest at once.
    """

    contest: Contest
    versions: Sequence[ContestRules]
    bureau: Unit
    units: Sequence[Unit]
    held: dict[tuple[dt.date, dt.datetime], Direct]

    @property
    def branches(self) -> list[Unit]:
        """The branches, which are ranked and have groups of their own."""
        return [unit for unit in self.units if unit.kind == UnitKind.BRANCH]

    def rules(self, day: dt.date) -> PlayRules:
        """Return the rules in force on a day."""
        return rules_among(self.versions, day)


class Draft(NamedTuple):
    """What one audience would be told, or why nothing."""

    audience: Unit
    reason: Reason | None
    text: Text | None
    stats: dict[str, Any] | None

    @property
    def audience_kind(self) -> str:
        """`branch` for a branch's group, else `bureau`."""
        return "branch" if self.audience.kind == UnitKind.BRANCH else "bureau"

    @property
    def state(self) -> str:
        """The notice's state."""
        if self.text:
            return "planned"
        return "superseded" if self.reason is Reason.MISSED else "skipped"


class Made(NamedTuple):
    """A new notice and the name of its audience."""

    notice: Notice
    audience: str


class Preview(NamedTuple):
    """What an audience would be told, as of which instant, and whether it would say that it comes late."""

    draft: Draft
    cutoff_at: dt.datetime
    late: bool


async def contests_at(session: AsyncSession, now: dt.datetime) -> list[Contest]:
    """Return the contests that may have notices due: open or paused, begun, or ended yesterday."""
    today = local_day(now)
    found = await session.scalars(
        select(Contest)
        .where(Contest.state != ContestState.DRAFT, Contest.starts_on <= today, Contest.ends_on >= today - _DAY)
        .order_by(Contest.id)
    )
    return list(found.all())


async def plan(session: AsyncSession, contest: Contest, *, now: dt.datetime) -> list[Made]:
    """Insert the notices of a contest that are due at `now`, with their deliveries, and return the new ones.

    Safe to repeat and safe from several processes at once: the unique slot and audience decide, and while one process
    plans a contest the others leave it to that one.
    """
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(str(contest.id), 0)))):
        return []
    made: list[Made] = []
    for scene in await _scenes(session, contest):
        known = await session.scalars(
            select(Notice.slot_at).where(
                Notice.contest_id == contest.id,
                Notice.audience_kind == "bureau",
                Notice.audience_id == scene.bureau.id,
            )
        )
        due = due_slots(
            contest.starts_on,
            contest.ends_on,
            since=max(contest.opened_at or contest.created_at, scene.bureau.created_at),
            now=now,
            known=set(known.all()),
            names_on=lambda day, scene=scene: scene.rules(day).notices.slots,  # type: ignore[misc]
        )
        for slot, send in due:
            until = cutoff(slot, scene.rules(slot.day))
            if not send:
                drafts = [Draft(unit, Reason.MISSED, None, None) for unit in (scene.bureau, *scene.branches)]
            elif await answers_open(session, until):
                continue  # the next round finds it due again
            else:
                drafts = await compose(session, scene, slot, now=now, until=until)
            made += await _insert(session, scene, slot, drafts, now=now, until=until)
    return made


async def _scenes(session: AsyncSession, contest: Contest) -> list[Scene]:
    versions = (await rules_versions(session, [contest.id]))[contest.id]
    bureaus = [unit for unit in await subtree(session, contest.unit_id) if unit.kind == UnitKind.BUREAU]
    held: dict[tuple[dt.date, dt.datetime], Direct] = {}
    return [Scene(contest, versions, bureau, await subtree(session, bureau.id), held) for bureau in bureaus]


async def preview(session: AsyncSession, contest: Contest, audience: Unit, slot: Slot, *, now: dt.datetime) -> Preview:
    """Return what a slot would tell a bureau or branch of the contest with the figures of now; writes nothing.

    Of a slot that is past, the figures are those of the slot. Raises NotFound for a unit without notices.
    """
    for scene in await _scenes(session, contest):
        if audience.id in {unit.id for unit in (scene.bureau, *scene.branches)}:
            until = min(cutoff(slot, scene.rules(slot.day)), now)
            drafts = await compose(session, scene, slot, now=now, until=until)
            return Preview(next(draft for draft in drafts if draft.audience.id == audience.id), until, slot.late(now))
    raise NotFound("该单位没有通报；通报只发给市局和分局。")


async def compose(
    session: AsyncSession, scene: Scene, slot: Slot, *, now: dt.datetime, until: dt.datetime
) -> list[Draft]:
    """Return what a slot tells the bureau and each of its branches, with the figures as of `until`."""
    direct = await _figures(session, scene, slot.day, until)
    figures = roll_up(scene.units, direct)
    rules = scene.rules(slot.day)
    paused = scene.contest.state == ContestState.PAUSED
    everyone = figures[scene.bureau.id]
    nothing = reason_to_skip_all(slot, rules, paused=paused, expected=everyone.expected)
    if nothing:
        return [Draft(unit, nothing, None, None) for unit in (scene.bureau, *scene.branches)]
    occasion = _occasion(scene, slot, now=now, until=until)
    standings = _standings(scene, figures, occasion.weights)
    below_branches = {unit.id for unit in scene.units for branch in scene.branches if branch.id in unit.path}
    bureau = BureauStats(
        occasion=occasion,
        total=everyone,
        headquarters=total(direct.get(unit.id, Figures()) for unit in scene.units if unit.id not in below_branches),
        standings=standings,
        done_yesterday=await _done_yesterday(session, scene, slot),
    )
    drafts = [Draft(scene.bureau, None, write(bureau), as_json(bureau))]
    earlier, ranks = await _earlier_ranks(session, scene, slot)
    thanked = await _thanked(session, scene, slot)
    for branch, own in zip(scene.branches, standings, strict=True):
        reason = reason_to_skip_branch(
            slot, expected=own.figures.expected, thanked=own.complete and branch.id in thanked
        )
        if reason:
            drafts.append(Draft(branch, reason, None, None))
            continue
        others = tuple(s for s in standings if s.group == own.group and s is not own)
        stats = BranchStats(occasion, own, others, ranks.get(branch.id), earlier)
        drafts.append(Draft(branch, None, write(stats), as_json(stats)))
    return drafts


def _occasion(scene: Scene, slot: Slot, *, now: dt.datetime, until: dt.datetime) -> Occasion:
    contest, rules, next_day = scene.contest, scene.rules(slot.day), slot.day + _DAY
    following = scene.rules(next_day)
    last = slot.day == contest.ends_on
    return Occasion(
        contest=contest.short_name or contest.name,
        issuer=contest.issuer or scene.bureau.name,
        office_phone=contest.office_phone,
        number=day_number(contest.starts_on, slot.day),
        slot=slot,
        cutoff_at=until,
        issued_at=now if slot.late(now) else slot.at,
        late=slot.late(now),
        closes_at=closes_at(rules, slot.day),
        next_opens_at=None if last else opens_at(following, next_day),
        next_closes_at=None if last else closes_at(following, next_day),
        final_follows=FINAL in following.notices.slots,
        with_matches=rules.matches.required_per_day > 0,
        weights=weights_of(rules.index),
    )


async def _figures(session: AsyncSession, scene: Scene, day: dt.date, until: dt.datetime) -> Direct:
    if (day, until) not in scene.held:
        scene.held[day, until] = await _read_figures(session, scene, day, until)
    return scene.held[day, until]


async def _read_figures(session: AsyncSession, scene: Scene, day: dt.date, until: dt.datetime) -> Direct:
    # A finished day's published figures are the frozen ones, once they are there.
    rules = scene.rules(day)
    if until >= closes_at(rules, day) and day in await frozen_days(session, scene.contest.id):
        return await figures_frozen(session, scene.contest.id, day)
    return await figures_as_of(session, scene.contest, rules, day, until)


def _standings(scene: Scene, figures: Direct, weights: Weights) -> tuple[Standing, ...]:
    return standings_of(
        [
            RankedUnit(unit.id, unit.name, None if unit.ranking_group == unit.kind else unit.ranking_group)
            for unit in scene.branches
        ],
        figures,
        weights,
    )


async def _done_yesterday(session: AsyncSession, scene: Scene, slot: Slot) -> int | None:
    day = slot.day - _DAY
    if slot.name not in _COMPARED_WITH_YESTERDAY or day < scene.contest.starts_on:
        return None
    until = cutoff(slot_on(day, slot.name), scene.rules(day))
    return roll_up(scene.units, await _figures(session, scene, day, until))[scene.bureau.id].done


async def _earlier_ranks(
    session: AsyncSession, scene: Scene, slot: Slot
) -> tuple[str | None, dict[uuid.UUID, int | None]]:
    """Return what the ranks are compared with, by name, and the ranks of then.

    The final is compared with the day before, 22:00 with the slot before it on the same day.
    """
    if slot.final and slot.day > scene.contest.starts_on:
        name, earlier = "前一日", slot_on(slot.day, FINAL)
    else:
        before = [name for name in scene.rules(slot.day).notices.slots if FINAL < name < slot.name]
        if slot.name != _NIGHT or not before:
            return None, {}
        name, earlier = before[-1], slot_on(slot.day, before[-1])
    rules = scene.rules(earlier.day)
    figures = roll_up(scene.units, await _figures(session, scene, earlier.day, cutoff(earlier, rules)))
    standings = _standings(scene, figures, weights_of(rules.index))
    if not any(standing.score.index for standing in standings):
        return None, {}  # all were first with nothing: a comparison would only show falls
    return name, {standing.unit_id: standing.rank for standing in standings}


async def _thanked(session: AsyncSession, scene: Scene, slot: Slot) -> set[uuid.UUID]:
    """Return the branches that an earlier slot of this contest day told that they are complete."""
    found = await session.scalars(
        select(Notice.audience_id).where(
            Notice.contest_id == scene.contest.id,
            Notice.audience_kind == "branch",
            Notice.day == slot.day,
            Notice.slot_at < slot.at,
            Notice.stats["complete"].as_boolean(),
        )
    )
    return set(found.all())


async def _insert(
    session: AsyncSession,
    scene: Scene,
    slot: Slot,
    drafts: Sequence[Draft],
    *,
    now: dt.datetime,
    until: dt.datetime,
) -> list[Made]:
    rows = [
        {
            "id": new_id(),
            "contest_id": scene.contest.id,
            "slot_at": slot.at,
            "audience_kind": draft.audience_kind,
            "audience_id": draft.audience.id,
            "day": slot.day,
            "state": draft.state,
            "reason": draft.reason,
            "late": draft.text is not None and slot.late(now),
            "title": draft.text.title if draft.text else None,
            "body": draft.text.body if draft.text else None,
            "stats": draft.stats,
            "cutoff_at": until,
            "template_version": TEMPLATE_VERSION,
            "created_at": now,
        }
        for draft in drafts
    ]
    found = await session.scalars(insert(Notice).on_conflict_do_nothing().returning(Notice), rows)
    made = list(found.all())
    await _add_deliveries(session, [notice for notice in made if notice.state == "planned"], slot, now=now)
    names = {draft.audience.id: draft.audience.name for draft in drafts}
    return [Made(notice, names[notice.audience_id]) for notice in made]


async def _add_deliveries(session: AsyncSession, notices: Sequence[Notice], slot: Slot, *, now: dt.datetime) -> None:
    found = await session.scalars(
        select(Channel)
        .where(
            Channel.unit_id.in_([notice.audience_id for notice in notices]),
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
            session.add_all(_deliveries(notice, way, slot, now=now))
    await session.flush()


def _deliveries(notice: Notice, channel: Channel | None, slot: Slot, *, now: dt.datetime) -> list[Delivery]:
    kind = channel.kind if channel else channels.manual.KIND
    texts = channels.parts(kind, notice.title or "", notice.body or "")
    return [
        Delivery(
            notice_id=notice.id,
            channel_id=channel.id if channel else None,
            part=part,
            state=State.PENDING if kind in channels.ROBOTS else State.TO_FORWARD,
            payload=payload,
            attempts_allowed=ATTEMPTS,
            next_at=now,
            deadline=slot.deadline,
        )
        for part, payload in enumerate(texts, 1)
    ]
