"""The answer desk: in what order an answer is refused, and that each is stored once whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.database import open_database
from app.core.errors import Busy, LianbingError
from app.papers.service import AnswerDesk, Recorded, Submission
from tests.papers.conftest import CLOSES, NOON, QUESTIONS, Hall
from tests.times import instant

INVALID = {"choice": "nonsense"}
LATE = {"at": CLOSES}
FOREIGN = {"paper_id": "00000000-0000-7000-8000-000000000000"}
NOBODY = {"token_hash": bytes(32)}


async def outcome(hall: Hall, name: str, **more: Any) -> str:
    """The code of the refusal, or `recorded`."""
    try:
        await hall.desk.record(hall.answer(name, **more))
    except LianbingError as refused:
        return refused.code
    return "recorded"


async def pause(hall: Hall) -> None:
    await hall.beside.execute("UPDATE contest SET state = 'paused'")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({**NOBODY, **FOREIGN, **INVALID, **LATE}, "unauthenticated"),
        ({**FOREIGN, **INVALID, **LATE}, "not-found"),
        ({**INVALID, **LATE}, "answer-already-recorded"),
        ({"choice": "a", **LATE}, "answer-already-recorded"),
        (LATE, "recorded"),
        ({"position": 2, **INVALID, **LATE}, "validation"),
        ({"position": QUESTIONS + 1, **LATE}, "validation"),
        ({"position": 0, **LATE}, "validation"),
        ({"position": 2, "choice": "a,b", **LATE}, "validation"),
        ({"position": 2, "choice": "", **LATE}, "validation"),
        ({"position": 2, **LATE}, "quiz-closed"),
        ({"position": 2}, "contest-paused"),
    ],
)
async def test_the_first_refusal_in_order_is_told(hall: Hall, more: dict[str, Any], code: str) -> None:
    assert await outcome(hall, "梅江001") == "recorded"
    await pause(hall)
    assert await outcome(hall, "梅江001", **more) == code
    assert await hall.answers() == [(1, "b", 1)]


async def test_the_initial_password_comes_between_401_and_404(hall: Hall) -> None:
    await hall.beside.execute("UPDATE officer SET must_change_password = true")
    assert await outcome(hall, "梅江001", **NOBODY) == "unauthenticated"
    assert await outcome(hall, "梅江001", **FOREIGN) == "password-change-required"


async def test_a_colleagues_paper_is_not_found(hall: Hall) -> None:
    assert await outcome(hall, "梅江001", paper_id=str(hall.papers["梅江002"])) == "not-found"


async def test_an_ended_session_is_no_session(hall: Hall) -> None:
    await hall.beside.execute("UPDATE session SET expires_at = $1", NOON)
    assert await outcome(hall, "梅江001") == "unauthenticated"
    assert await outcome(hall, "梅江001", at=instant("11:59:59.999999")) == "recorded"


async def test_the_last_moment_counts_and_closing_does_not(hall: Hall) -> None:
    assert await outcome(hall, "梅江001", at=CLOSES) == "quiz-closed"
    assert await outcome(hall, "梅江001", at=instant("23:29:59.999999")) == "recorded"


async def test_without_a_set_instant_the_database_stamps_the_answer(hall: Hall) -> None:
    await hall.beside.execute("UPDATE paper SET closes_at = 'infinity'")
    before = await hall.beside.fetchval("SELECT clock_timestamp()")
    recorded = await hall.desk.record(hall.answer("梅江001", at=None))
    assert before < recorded.answered_at < await hall.beside.fetchval("SELECT clock_timestamp()")


async def test_a_whole_paper_in_one_batch_counts_up(hall: Hall) -> None:
    choices = ["b", "a", "b"]
    replies = await asyncio.gather(
        *(hall.desk.record(hall.answer("梅江001", position, choice)) for position, choice in enumerate(choices, 1))
    )
    assert [(reply.correct, reply.points) for reply in replies] == [(True, 10), (False, 0), (True, 10)]
    assert [(reply.after_answered, reply.after_correct, reply.after_points) for reply in replies] == [
        (1, 1, 10),
        (2, 1, 10),
        (3, 2, 20),
    ]
    day = await hall.day("梅江001")
    assert (day.quiz_answered, day.quiz_correct, day.quiz_points, day.quiz_finished_at) == (3, 2, 20, NOON)
    assert day.done_at is None or day.matches_required == 0


async def test_two_choices_in_one_batch_leave_the_first(hall: Hall) -> None:
    outcomes = await asyncio.gather(*(outcome(hall, "梅江001", choice=choice) for choice in ("a", "b", "a", "b")))
    assert outcomes == ["recorded", "answer-already-recorded", "recorded", "answer-already-recorded"]
    assert await hall.answers() == [(1, "a", 1)]


async def test_a_fault_of_the_data_meets_its_own_answer_only(hall: Hall) -> None:
    replies = await asyncio.gather(
        hall.desk.record(hall.answer("梅江001")),
        hall.desk.record(hall.answer("梅江002", choice="b\0")),
        hall.desk.record(hall.answer("丰顺001", position=1 << 40)),
        hall.desk.record(hall.answer("丰顺001")),
        return_exceptions=True,
    )
    assert isinstance(replies[0], Recorded)
    assert isinstance(replies[1], asyncpg.PostgresError)
    assert isinstance(replies[2], asyncpg.DataError)
    assert isinstance(replies[3], Recorded)
    assert await hall.answers() == [(1, "b", 1), (1, "b", 1)]


async def test_an_answer_committed_elsewhere_meanwhile_is_found(hall: Hall) -> None:
    for choice, expected in (("b", "recorded"), ("a", "answer-already-recorded")):
        async with hall.beside.transaction():
            await hall.beside.execute("SELECT 1 FROM officer_day FOR UPDATE")
            position = 1 if choice == "b" else 2
            late = asyncio.create_task(outcome(hall, "梅江001", position=position, choice=choice))
            await hall.writer()
            # What the other process's statement does behind the lock that it holds.
            await hall.beside.execute(
                """
                INSERT INTO answer (paper_id, position, revision_id, choice, correct, points, answered_at,
                                    after_answered, after_correct, after_points)
                SELECT id, $2::int, revision_ids[$2::int], 'b', true, 10, $3, $2::int, $2::int, 10 * $2::int
                FROM paper WHERE id = $1
                """,
                hall.papers["梅江001"],
                position,
                NOON,
            )
        assert await late == expected
    assert [(position, choice) for position, choice, _ in await hall.answers()] == [(1, "b"), (2, "b")]


async def test_a_connection_killed_amid_a_batch_is_made_good(hall: Hall) -> None:
    async with hall.beside.transaction():
        await hall.beside.execute("SELECT 1 FROM officer_day FOR UPDATE")
        answering = [
            asyncio.create_task(hall.desk.record(hall.answer(name, position)))
            for name in ("梅江001", "梅江002", "丰顺001")
            for position in (1, 2)
        ]
        killed = await hall.writer()
        assert await hall.beside.fetchval("SELECT pg_terminate_backend($1, 5000)", killed)
        await hall.writer(after=killed)
        assert not any(task.done() for task in answering)
    replies = await asyncio.gather(*answering)
    assert [reply.after_answered for reply in replies] == [1, 2] * 3
    assert await hall.answers() == [(1, "b", 1), (2, "b", 2)] * 3
    assert [(await hall.day(name)).quiz_points for name in hall.papers] == [20, 20, 20]


async def test_a_connection_killed_twice_is_busy_and_nothing_is_stored(hall: Hall) -> None:
    async with hall.beside.transaction():
        await hall.beside.execute("SELECT 1 FROM officer_day FOR UPDATE")
        answering = asyncio.create_task(hall.desk.record(hall.answer("梅江001")))
        killed = 0
        for _ in range(2):
            killed = await hall.writer(after=killed)
            await hall.beside.fetchval("SELECT pg_terminate_backend($1, 5000)", killed)
        with pytest.raises(Busy):
            await answering
    assert await hall.answers() == []
    assert await outcome(hall, "梅江001") == "recorded"


async def test_while_the_database_is_away_the_desk_is_busy(tmp_path: Path) -> None:
    database = await open_database(f"postgresql:///lianbing?host={tmp_path}")
    desk = AnswerDesk(database.answers)
    with pytest.raises(Busy) as refused:
        await desk.record(Submission(bytes(32), FOREIGN["paper_id"], 1, "b", None))
    assert refused.value.retry_after == 2
    await desk.close()
    await database.close()
