"""GET /participation/me: the day's quiz and task, and totals over the contest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.contests.models import ContestState
from tests.participation.rows import YESTERDAY, play
from tests.times import TODAY

if TYPE_CHECKING:
    from typing import Any

    from tests.people import Town
    from tests.times import SetClock


async def part_of(town: Town, name: str, **query: str) -> dict[str, Any]:
    async with town.as_(name) as me:
        answer = await me.get("/participation/me", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_finished_quiz_is_the_days_task_done(contest: Town) -> None:
    await play(contest, "梅江001", day=YESTERDAY, correct=10)
    assert await part_of(contest, "梅江001") == {
        "day": "2026-11-23",
        "counts": True,
        "enrolled": True,
        "quiz": {"status": "finished", "answered": 10, "points": 80},
        "matches": {"counted": 0, "required": 0, "points": 0},
        "done": True,
        "contest": {"days_done": 2, "points": 180, "correct": 18, "answered": 20},
    }


async def test_a_quiz_under_way_is_in_progress_and_counts_what_was_answered(contest: Town) -> None:
    found = await part_of(contest, "梅江002")
    assert (found["quiz"]["status"], found["done"]) == ("in_progress", False)
    assert found["contest"] == {"days_done": 0, "points": 30, "correct": 3, "answered": 4}


async def test_without_a_quiz_the_day_is_not_started(contest: Town) -> None:
    found = await part_of(contest, "丰顺001")
    assert found["quiz"] == {"status": "not_started", "answered": 0, "points": 0}
    assert found["contest"] == {"days_done": 0, "points": 0, "correct": 0, "answered": 0}


async def test_an_unfinished_quiz_of_a_past_day_is_closed(contest: Town) -> None:
    await play(contest, "丰顺001", day=YESTERDAY, answered=2)
    found = await part_of(contest, "丰顺001", day="2026-11-22")
    assert (found["day"], found["quiz"]["status"]) == ("2026-11-22", "closed")


async def test_after_the_contest_its_last_day_is_shown(contest: Town, clock: SetClock) -> None:
    clock.at("09:00", TODAY.replace(month=12, day=31))
    assert (await part_of(contest, "梅江001"))["day"] == "2026-12-11"


@pytest.mark.parametrize("day", ["2026-11-24", "2026-11-20"])
async def test_a_day_that_is_not_counted_is_refused_with_what_to_ask(contest: Town, day: str) -> None:
    async with contest.as_("梅江001") as me:
        refused = await me.get("/participation/me", params={"day": day})
    assert (refused.status_code, refused.json()["code"]) == (422, "validation")
    assert "请查询2026-11-21至2026-11-23之间的日期" in refused.json()["detail"]


@pytest.mark.parametrize("state", [None, ContestState.DRAFT])
async def test_without_a_contest_there_is_no_part(town: Town, state: ContestState | None) -> None:
    if state:
        await town.contest("市局", state=state)
    async with town.as_("梅江001") as me:
        refused = await me.get("/participation/me")
    assert (refused.status_code, refused.json()["code"]) == (409, "no-contest")


async def test_who_does_not_take_part_is_told_so(contest: Town) -> None:
    found = await part_of(contest, "市局处长")
    assert (found["enrolled"], found["quiz"]["status"], found["contest"]["answered"]) == (False, "not_started", 0)


async def test_who_takes_part_from_today_was_not_enrolled_yesterday(contest: Town) -> None:
    await contest.officer("新人", "丰顺", from_day=TODAY)
    assert (await part_of(contest, "新人"))["enrolled"]
    assert not (await part_of(contest, "新人", day=YESTERDAY.isoformat()))["enrolled"]


@pytest.mark.parametrize(("name", "said"), [("梅江001", "竞赛开始后即可查看"), ("省厅处长", "没有登记为参赛人员")])
async def test_without_a_contest_the_answer_says_what_that_means(town: Town, name: str, said: str) -> None:
    async with town.as_(name) as me:
        assert said in (await me.get("/participation/me")).json()["detail"]


async def test_nobody_reads_it_without_signing_in(client: Any) -> None:
    assert (await client.get("/participation/me?day=not-a-day")).status_code == 401
