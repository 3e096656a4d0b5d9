"""Telling the bureau's place in its province, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core import audit
from app.core.clock import local_day, wire
from app.core.errors import Conflict, FieldProblem, Invalid
from app.notices.places.models import ProvincePlace
from app.roster.models import UnitKind

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.contests.models import Contest
    from app.roster.models import Unit


class PlaceIsComputed(Conflict):
    """In a province's contest a bureau's place is its rank there: nobody tells it by hand."""

    code = "place-is-computed"
    title = "全省位次由系统计算"


async def tell_place(
    session: AsyncSession,
    contest: Contest,
    unit: Unit,
    day: dt.date,
    *,
    place: int,
    as_of: dt.datetime,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> ProvincePlace:
    """Record the place that the province told of a contest day; the same again changes nothing, another replaces it.

    `unit` is the contest's. Raises PlaceIsComputed, Invalid for a day outside the contest or an instant to come.
    """
    _refuse_computed(unit)
    if not contest.starts_on <= day <= min(contest.ends_on, local_day(now)):
        raise _invalid("/path/day", f"请填竞赛期间已经开始的日期（{contest.starts_on}至{contest.ends_on}）。")
    if not day <= local_day(as_of) or as_of > now:
        raise _invalid("/as_of", "统计截至时刻应当不早于该竞赛日，也不晚于现在，请核对省厅通报后改正。")
    held = await session.get(ProvincePlace, (contest.id, day), with_for_update=True)
    before = _told(held) if held else None
    if held is None:
        held = ProvincePlace(contest_id=contest.id, day=day)
        session.add(held)
    elif (held.place, held.as_of) == (place, as_of):
        return held
    held.place, held.as_of, held.told_by, held.told_at = place, as_of, actor_id, now
    await session.flush()
    await _audit(session, "province-place.tell", held, before=before, after=_told(held), now=now, actor_id=actor_id)
    return held


async def withdraw_place(
    session: AsyncSession, contest: Contest, unit: Unit, day: dt.date, *, now: dt.datetime, actor_id: uuid.UUID
) -> None:
    """Take the place of a day back; where none was told nothing changes. Raises PlaceIsComputed."""
    _refuse_computed(unit)
    held = await session.get(ProvincePlace, (contest.id, day), with_for_update=True)
    if held is not None:
        await session.delete(held)
        await _audit(
            session, "province-place.withdraw", held, before=_told(held), after=None, now=now, actor_id=actor_id
        )


def _refuse_computed(unit: Unit) -> None:
    if unit.kind != UnitKind.BUREAU:
        raise PlaceIsComputed("这是省级竞赛，各市位次由系统按同一规则计算，不需要填写。")


def _invalid(pointer: str, problem: str) -> Invalid:
    return Invalid(problem, errors=[FieldProblem(pointer, problem)])


def _told(held: ProvincePlace) -> dict[str, object]:
    return {"place": held.place, "as_of": wire(held.as_of)}


async def _audit(
    session: AsyncSession,
    action: str,
    held: ProvincePlace,
    *,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> None:
    day = {"day": held.day.isoformat()}
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("contest", held.contest_id),
        before=before and day | before,
        after=after and day | after,
    )
