"""`verify` finds whatever was changed behind the program's back."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import text

from app.contests.models import Contest
from app.core import audit
from app.integrity.service import Verification, verify
from app.participation.service import freeze_finished_days
from tests.people import Town
from tests.questions import add_questions, right, wrong
from tests.times import SetClock, instant

TOMORROW = dt.date(2026, 11, 24)


@pytest.fixture
async def played(town: Town, clock: SetClock) -> Town:
    """A finished and frozen day: one officer complete, one half-way, one audit entry."""
    await add_questions(town.services)
    contest_id = await town.contest("市局")
    for name, count in (("梅江001", 10), ("丰顺001", 4)):
        async with town.as_(name) as officer:
            attempt = (await officer.post("/daily-quiz/today/attempt")).json()
            for question in attempt["questions"][:count]:
                chosen = right(question) if question["position"] % 3 else wrong(question)
                path = f"/daily-quiz/attempts/{attempt['id']}/answers/{question['position']}"
                (await officer.put(path, json={"option_ids": chosen})).raise_for_status()
    clock.at("00:00:10", TOMORROW)
    async with town.services.database.sessions.begin() as session:
        contest = await session.get_one(Contest, contest_id)
        assert await freeze_finished_days(session, contest, now=clock.now) == [instant("00:00").date()]
        await audit.append(session, now=clock.now, actor_id=None, action="test", subject=("town", 1), after={"n": 1.5})
    return town


async def look(town: Town) -> Verification:
    async with town.services.database.sessions() as session:
        return await verify(session)


async def test_an_honest_day_is_sound(played: Town) -> None:
    found = await look(played)
    assert found.sound, found.discrepancies
    assert (found.officer_days, found.answers, found.frozen_days, found.audit_entries) == (2, 14, 1, 1)


@pytest.mark.parametrize(
    ("tampering", "complaint"),
    [
        ("UPDATE officer_day SET quiz_correct = quiz_correct + 1 WHERE quiz_answered = 4", "答题日统计与答案不符"),
        ("UPDATE officer_day SET done_at = NULL WHERE quiz_answered = 10", "答题日统计与答案不符"),
        ("UPDATE officer_day SET first_answer_at = first_answer_at + interval '1 s'", "答题日统计与答案不符"),
        ("DELETE FROM answer WHERE position = 4", "答题日统计与答案不符"),
        ("DELETE FROM officer_day WHERE quiz_answered = 4", "试卷没有答题日统计"),
        ("UPDATE answer SET correct = NOT correct, points = 10 - points WHERE position = 1", "判分"),
        ("UPDATE answer SET points = 99 WHERE position = 1", "判分"),
        ("UPDATE answer SET answered_at = answered_at + interval '1 day' WHERE position = 2", "时间不符"),
        ("UPDATE answer SET after_answered = after_answered + 1", "判分"),
        ("UPDATE answer SET choice = 'd' WHERE position = 1", "判分"),
        ("UPDATE answer SET paper_id = gen_random_uuid() WHERE position = 10", "没有对应的试卷"),
        ("UPDATE unit_day SET done = done + 1 WHERE done = 1", "已固定的日统计与重新计算不符"),
        ("DELETE FROM unit_day WHERE done = 1", "已固定的日统计与重新计算不符"),
        (
            "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only; UPDATE audit_entry SET after = '{}'",
            "审计日志的链条在第",
        ),
    ],
)
async def test_every_tampering_is_found(played: Town, tampering: str, complaint: str) -> None:
    async with played.services.database.sessions.begin() as session:
        for statement in tampering.split(";"):
            await session.execute(text(statement))
    found = await look(played)
    assert not found.sound
    assert any(complaint in line for line in found.discrepancies), found.discrepancies


async def test_many_discrepancies_are_counted_not_listed(played: Town) -> None:
    async with played.services.database.sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO officer_day (contest_id, officer_id, day, quiz_questions) "
                "SELECT contest_id, officer_id, day + n, 10 FROM officer_day, generate_series(1, 15) n"
            )
        )
    found = await look(played)
    assert "答题日统计与答案不符：共30处，其余不再列出" in found.discrepancies


async def test_only_one_day(played: Town) -> None:
    async with played.services.database.sessions() as session:
        assert (await verify(session, day=TOMORROW)).answers == 0
        assert (await verify(session, day=instant("00:00").date())).answers == 14
