"""Reads: the figures of a contest day as of an instant, once for all its bureaus, and the standings in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.contests.rules import closes_at
from app.notices.stats import RankedUnit, Standing, standings_of
from app.participation.queries import figures_as_of, figures_frozen, frozen_days

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.scene import Direct, Scene
    from app.participation.rules import Figures, Weights
    from app.roster.models import Unit


async def figures_at(session: AsyncSession, scene: Scene, day: dt.date, until: dt.datetime) -> Direct:
    """Return the contest's figures of a day as of an instant, read once for all its bureaus."""
    if (day, until) not in scene.held:
        scene.held[day, until] = await _read_figures(session, scene, day, until)
    return scene.held[day, until]


async def _read_figures(session: AsyncSession, scene: Scene, day: dt.date, until: dt.datetime) -> Direct:
    # A finished day's published figures are the frozen ones, once they are there.
    rules = scene.rules(day)
    if until >= closes_at(rules, day) and day in await frozen_days(session, scene.contest.id):
        return await figures_frozen(session, scene.contest.id, day)
    return await figures_as_of(session, scene.contest, rules, day, until)


def standings_in(
    ranked: Iterable[Unit], figures: Mapping[uuid.UUID, Figures], weights: Weights
) -> tuple[Standing, ...]:
    """Return the standings of units in the order given."""
    return standings_of(
        [
            RankedUnit(unit.id, unit.name, None if unit.ranking_group == unit.kind else unit.ranking_group)
            for unit in ranked
        ],
        figures,
        weights,
    )
