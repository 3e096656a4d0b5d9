"""`verify` finds whatever was changed behind the program's back."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import text

from app.contests.models import Contest
from app.core import audit
from app.integrity.service import Verification, verify
from app.participation.service import freeze_finished_days
from tests.matches.conftest import Hall
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


# Matches.


@pytest.fixture
async def duelled(hall: Hall) -> Town:
    """梅江001: the quiz, a match won, one given up by the other, a third that does not count; and a relay of 梅江002."""
    async with hall.town.as_("梅江001") as officer:
        attempt = (await officer.post("/daily-quiz/today/attempt")).json()
        for question in attempt["questions"]:
            path = f"/daily-quiz/attempts/{attempt['id']}/answers/{question['position']}"
            (await officer.put(path, json={"option_ids": right(question)})).raise_for_status()
    await hall.play(await hall.pair(), {"梅江001": [True] * 5, "丰顺001": [True, False, None, True, True]})
    second = await hall.pair("梅江001", "丰顺002")
    hall.wait(4)
    await hall.answer("梅江001", second, 1)
    await hall.call("丰顺002", "POST", f"/matches/{second}/forfeit")
    await hall.play(await hall.pair("梅江001", "联络员"), {"梅江001": [False] * 5, "联络员": [True] * 5})
    relay = await hall.ask("梅江002", "relay")
    await hall.play(relay["match_id"], {"梅江002": [True, None, True, False, None]})
    await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    return hall.town


async def test_an_honest_day_of_matches_is_sound(duelled: Town) -> None:
    found = await look(duelled)
    assert found.sound, found.discrepancies
    assert (found.officer_days, found.matches, found.answers) == (5, 5, 10 + 9 + 1 + 10 + 3)


CLOCK, COUNTED, DAY = "对战的计时与答案不符", "对战计入情况与答案不符", "答题日统计与答案不符"
FIRST = "WHERE id = (SELECT min(id::text)::uuid FROM match_run)"
GIVEN_UP, RELAY = "WHERE forfeited_by IS NOT NULL", "WHERE pace IS NOT NULL"
MINE = "WHERE matches_counted = 2"
TAMPERINGS = [
    (CLOCK, f"UPDATE match_run SET masks = ARRAY[masks[1], masks[2] | 8] {FIRST}"),
    (CLOCK, f"UPDATE match_run SET masks = ARRAY[masks[1] - 2, masks[2]] {FIRST}"),
    (CLOCK, f"UPDATE match_run SET rights = ARRAY[rights[1], rights[2] | 4] {FIRST}"),
    (CLOCK, f"UPDATE match_run SET masks = '{{62,62}}', rights = ARRAY[rights[2], rights[1]] {FIRST}"),
    (CLOCK, f"UPDATE match_run SET cursor = cursor - 1 {FIRST}"),
    (CLOCK, f"UPDATE match_run SET cursor_opens_at = cursor_opens_at + interval '1 microsecond' {FIRST}"),
    (CLOCK, f"UPDATE match_run SET started_at = started_at - interval '1 second' {FIRST}"),
    (CLOCK, f"UPDATE match_run SET ends_at = ends_at + interval '1 second' {FIRST}"),
    (CLOCK, f"UPDATE match_run SET answered_at = answered_at - interval '1 second' {FIRST}"),
    (CLOCK, f"UPDATE match_run SET seconds = 31 {FIRST}"),
    (CLOCK, f"UPDATE match_run SET forfeited_by = 1 {FIRST}"),
    (CLOCK, f"UPDATE match_run SET forfeited_by = 2, ends_at = cursor_opens_at - interval '5 seconds' {FIRST}"),
    (CLOCK, f"UPDATE match_run SET forfeited_by = NULL {GIVEN_UP}"),
    (CLOCK, f"UPDATE match_run SET forfeited_by = 3 {GIVEN_UP}"),
    (CLOCK, f"UPDATE match_run SET ends_at = ends_at + interval '10 minutes' {GIVEN_UP}"),
    (CLOCK, f"UPDATE match_run SET pace = '{{30000,30000,30000,30000,30000}}' {RELAY}"),
    (COUNTED, f"UPDATE match_run SET counted = '{{f,t}}' {FIRST}"),
    (COUNTED, f"UPDATE match_run SET counted = '{{t,t}}' {GIVEN_UP}"),
    (DAY, f"UPDATE officer_day SET matches_counted = 3 {MINE}"),
    (DAY, f"UPDATE officer_day SET matches_counted = 1 {MINE}"),
    (DAY, f"UPDATE officer_day SET match_points = match_points + 20 {MINE}"),
    (DAY, f"UPDATE officer_day SET matches_countable = 3 {MINE}"),
    (DAY, f"UPDATE officer_day SET matches_required = 3 {MINE}"),
    (DAY, f"UPDATE officer_day SET done_at = done_at - interval '1 microsecond' {MINE}"),
    (DAY, f"UPDATE officer_day SET done_at = NULL {MINE}"),
    (DAY, f"UPDATE officer_day SET first_answer_at = done_at {MINE}"),
    (DAY, "UPDATE officer_day SET done_at = first_answer_at WHERE quiz_questions = 0 AND matches_counted = 1"),
    (CLOCK, "DELETE FROM answer a USING paper p WHERE p.id = a.paper_id AND p.kind = 'match' AND position = 5"),
    (CLOCK, "UPDATE answer SET answered_at = answered_at + interval '1 second' WHERE points = 20 AND position = 1"),
    (CLOCK, f"UPDATE paper SET seat = 2 WHERE run_id = (SELECT id FROM match_run {RELAY})"),
    ("试卷没有答题日统计", "DELETE FROM officer_day WHERE quiz_questions = 0"),
]


async def test_every_tampering_with_a_match_is_found(duelled: Town) -> None:
    for complaint, tampering in TAMPERINGS:
        async with duelled.services.database.sessions() as session:
            assert (await session.execute(text(f"{tampering} RETURNING 1"))).all(), tampering
            found = (await verify(session)).discrepancies
            assert any(complaint in line for line in found), (tampering, found)


async def test_a_clock_set_back_between_two_answers_turns_nothing_round(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(10)
    await hall.answer("梅江001", match_id, 1)
    hall.wait(-4)
    await hall.answer("丰顺001", match_id, 1)
    hall.wait(8)
    await hall.answer("梅江001", match_id, 2)
    found = await look(hall.town)
    assert found.sound, found.discrepancies


async def test_only_one_days_matches(duelled: Town) -> None:
    async with duelled.services.database.sessions() as session:
        assert (await verify(session, day=TOMORROW)).matches == 0
        assert (await verify(session, day=instant("00:00").date())).matches == 5
