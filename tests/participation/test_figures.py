"""Figures live, as of an instant, frozen: the same definitions whatever they are read from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from app.contests.models import Contest
from app.contests.rules import PlayRules, merged
from app.participation.queries import figures_as_of, live_figures, ranking_groups, roll_up
from app.participation.rules import Figures
from app.roster.models import UnitKind
from app.roster.queries import subtree
from tests.participation.rows import YESTERDAY, exempt, move, play
from tests.people import QUIZ_ONLY
from tests.times import TODAY, instant

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from tests.people import Town


async def live(town: Town, day: dt.date = TODAY) -> dict[str, Figures]:
    async with town.services.database.reads() as session:
        contest = await session.get_one(Contest, town.contest_id)
        return named(town, await live_figures(session, contest, day))


async def as_of(town: Town, cutoff: str, *, day: dt.date = TODAY, rules: PlayRules | None = None) -> dict[str, Figures]:
    async with town.services.database.reads() as session:
        contest = await session.get_one(Contest, town.contest_id)
        return named(town, await figures_as_of(session, contest, rules or QUIZ_ONLY, day, instant(cutoff, day)))


def named(town: Town, figures: dict[uuid.UUID, Figures]) -> dict[str, Figures]:
    names = {unit: name for name, unit in town.units.items()}
    return {names[unit]: value for unit, value in figures.items()}


async def test_every_status_is_counted_by_directly_assigned_unit(contest: Town) -> None:
    assert await live(contest) == {
        "梅江": Figures(enrolled=3, participated=2, quiz_finished=1, done=1, in_progress=1, answered=14, correct=11),
        "丰顺": Figures(enrolled=2),
    }


async def test_an_opened_quiz_without_an_answer_is_in_progress_and_no_participation(contest: Town) -> None:
    await play(contest, "丰顺001", answered=0)
    assert (await live(contest))["丰顺"] == Figures(enrolled=2, in_progress=1)
    assert (await as_of(contest, "12:00"))["丰顺"] == Figures(enrolled=2, in_progress=1)


async def test_exempt_officers_who_play_are_in_no_other_figure(contest: Town) -> None:
    await exempt(contest, "梅江001")
    expected = Figures(enrolled=3, exempt=1, participated=1, in_progress=1, answered=4, correct=3)
    assert (await live(contest))["梅江"] == expected
    assert (await as_of(contest, "12:00"))["梅江"] == expected


async def test_an_exemption_counts_on_its_days_only(contest: Town) -> None:
    await exempt(contest, "丰顺001", YESTERDAY)
    assert (await live(contest, YESTERDAY))["丰顺"] == Figures(enrolled=2, exempt=1)
    assert (await live(contest))["丰顺"] == Figures(enrolled=2)


async def test_an_officer_counts_where_they_belong_that_day(contest: Town) -> None:
    await move(contest, "梅江001", "丰顺", TODAY)
    assert (await live(contest, YESTERDAY))["梅江"].enrolled == 3
    today = await live(contest)
    assert (today["梅江"].done, today["丰顺"].done, today["丰顺"].enrolled) == (0, 1, 3)


async def test_who_does_not_take_part_is_not_counted(contest: Town) -> None:
    await contest.officer("驾驶员", "五华", takes_part=False)
    assert "五华" not in await live(contest)
    assert "市局" not in await live(contest)


async def test_units_outside_of_the_contest_are_not_counted(contest: Town) -> None:
    await contest.unit("邻市", UnitKind.BUREAU, "省厅")
    await contest.officer("邻居", "邻市")
    assert "邻市" not in await live(contest)


async def test_figures_as_of_an_instant_leave_out_what_came_at_or_after_it(contest: Town) -> None:
    assert (await as_of(contest, "08:00"))["梅江"] == Figures(enrolled=3)
    assert (await as_of(contest, "08:01"))["梅江"] == Figures(enrolled=3, in_progress=2)
    assert (await as_of(contest, "08:04"))["梅江"] == Figures(
        enrolled=3, participated=2, in_progress=2, answered=6, correct=6
    )
    assert (await as_of(contest, "08:10"))["梅江"].done == 0
    assert (await as_of(contest, "08:10:00.000001"))["梅江"].done == 1


async def test_where_matches_are_asked_for_a_finished_quiz_is_not_the_whole_task(contest: Town) -> None:
    rules = merged(QUIZ_ONLY, {"matches": {"counted_per_day": 1, "required_per_day": 1}})
    found = (await as_of(contest, "12:00", rules=rules))["梅江"]
    assert (found.quiz_finished, found.done, found.in_progress) == (1, 0, 2)


@pytest.mark.parametrize("seed", range(3))
async def test_after_closing_counters_and_answers_agree(town: Town, seed: int) -> None:
    chance = random.Random(seed)
    await town.contest("市局")
    for name in await town.officers_in("五华", 12):
        if chance.random() < 0.8:
            answered = chance.choice([0, 3, 10])
            await play(town, name, answered=answered, correct=chance.randint(0, answered))
        if chance.random() < 0.3:
            await exempt(town, name)
    assert await as_of(town, "23:59:59.999999") == await live(town)


async def test_a_unit_includes_everything_below_it(contest: Town) -> None:
    await contest.unit("城东镇", UnitKind.TOWNSHIP, "梅江", ranking_group="towns")
    await contest.officer("镇长", "城东镇")
    async with contest.services.database.reads() as session:
        units = await subtree(session, contest.units["市局"])
        direct = await live_figures(session, await session.get_one(Contest, contest.contest_id), TODAY)
    rolled = named(contest, roll_up(units, direct))
    assert {name: figures.enrolled for name, figures in rolled.items()} == {
        "市局": 6,
        "梅江": 4,
        "丰顺": 2,
        "五华": 0,
        "城东镇": 1,
    }
    assert rolled["市局"].done == 1
    groups = ranking_groups(units)
    assert (groups[contest.units["城东镇"]], groups[contest.units["梅江"]]) == ("towns", "branch")
