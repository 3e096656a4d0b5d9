"""Opening a quiz on the days around a change of law: exactly what is in force, in use and confirmed is drawn."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.bank.life.service import follow_bases
from app.bank.models import Question, QuestionRevision
from tests.bank.banks import FACT, INSTRUMENTS, fill, question
from tests.people import Town
from tests.times import SetClock, instant

LAST_DAY, FIRST_DAY = dt.date(2026, 8, 14), dt.date(2026, 8, 15)
LAWS = [
    {**INSTRUMENTS[0], "name": "旧法", "full_name": "旧法", "in_force_to": LAST_DAY},
    {**INSTRUMENTS[0], "name": "法典", "full_name": "法典", "in_force_from": FIRST_DAY},
    INSTRUMENTS[0],
]
LAW_FACTS = [
    {**FACT, "id": f"lf-{law['name']}", "instrument": law["name"], "valid_from": str(law["in_force_from"])}
    for law in LAWS
]


def resting(law: str, *, state: str = "in_use", prefix: str = "", each: tuple[int, int, int] = (4, 3, 3)) -> list[Any]:
    """Questions on one law, as many of each kind as a paper takes."""
    return [
        question(
            f"{prefix or law}-{kind}-{number}",
            kind,
            state=state,
            basis=[{"instrument": law, "article": "第六十三条"}],
            facts=[f"lf-{law}"],
        )
        for kind, count in zip(("single", "multiple", "true_false"), each, strict=True)
        for number in range(count)
    ]


@pytest.fixture
async def contest(town: Town, tmp_path) -> Town:
    """A contest over the days of the change; as many questions on each law as one paper takes, and others never drawn."""
    never = [
        *resting("行政处罚法", state="to_confirm", prefix="待"),
        *resting("旧法", state="retired", prefix="史"),
        *resting("行政处罚法", state="draft", prefix="稿"),
        *resting("行政处罚法", state="reviewed", prefix="核"),
    ]
    items = [*resting("旧法"), *resting("法典"), *never]
    report = await fill(town.services, tmp_path, items, instruments=LAWS, facts=LAW_FACTS)
    assert not report.errors
    await town.officer("老同志", "梅江", from_day=dt.date(2026, 1, 1))
    await town.contest("市局", starts_on=dt.date(2026, 8, 10))
    return town


async def drawn(town: Town, who: str = "老同志") -> set[str]:
    """The codes on the paper that `who` opens now."""
    async with town.as_(who) as officer:
        opened = await officer.post("/daily-quiz/today/attempt")
    assert opened.status_code == 201, opened.text
    texts = [one["question_id"] for one in opened.json()["questions"]]
    async with town.services.database.reads() as session:
        codes = await session.scalars(
            select(Question.code)
            .join(QuestionRevision, QuestionRevision.question_id == Question.id)
            .where(QuestionRevision.id.in_(texts))
        )
        return set(codes)


def codes(law: str) -> set[str]:
    return {one["code"] for one in resting(law)}


async def test_on_the_last_day_of_the_old_law_exactly_its_questions_are_drawn(contest: Town, clock: SetClock):
    clock.at("23:50", LAST_DAY)
    assert await drawn(contest) == codes("旧法")


async def test_on_the_day_after_exactly_the_new_laws_are(contest: Town, clock: SetClock):
    clock.at("06:00", FIRST_DAY)
    assert await drawn(contest) == codes("法典")


@pytest.mark.parametrize("followed", [False, True])
async def test_from_one_day_to_the_next_whether_or_not_the_round_has_run(
    contest: Town, clock: SetClock, followed: bool
):
    await contest.officer("另一位", "梅江", from_day=dt.date(2026, 1, 1))
    clock.at("09:00", LAST_DAY)
    assert await drawn(contest) == codes("旧法")
    if followed:
        assert (await follow_bases(contest.services, now=instant("00:10", FIRST_DAY))).retired == 10
    clock.at("09:00", FIRST_DAY)
    assert await drawn(contest) == codes("法典")
    assert await drawn(contest, "另一位") == codes("法典")


async def test_a_paper_opened_before_the_change_can_be_finished_after_the_round(contest: Town, clock: SetClock):
    clock.at("23:50", LAST_DAY)
    await drawn(contest)
    await follow_bases(contest.services, now=instant("00:10", FIRST_DAY))
    async with contest.as_("老同志") as officer:
        paper = (await officer.get("/daily-quiz/today")).json()["attempt"]
        path = f"/daily-quiz/attempts/{paper['id']}/answers/1"
        answered = await officer.put(path, json={"option_ids": [paper["questions"][0]["options"][0]["id"]]})
    assert answered.status_code == 200
