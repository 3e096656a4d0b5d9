"""A contest day with papers handed out, and a desk that takes the answers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from app.bank.models import QuestionRevision
from app.core.ids import new_id
from app.core.security import token_hash
from app.papers.models import Answer, OfficerDay, Paper
from app.papers.service import AnswerDesk, Submission
from tests.people import Town
from tests.questions import add_questions
from tests.times import TODAY, instant

NOON = instant("12:00")
CLOSES = instant("23:30")
QUESTIONS = 3


@dataclass
class Hall:
    """The town, its papers by officer, a desk, and a connection of somebody else's."""

    town: Town
    desk: AnswerDesk
    beside: asyncpg.Connection
    papers: dict[str, uuid.UUID] = field(default_factory=dict)

    async def hand_out(self, name: str) -> None:
        """Give an officer a paper of three single-choice questions, all with the key b, worth 10 points each."""
        async with self.town.services.database.sessions.begin() as session:
            singles = select(QuestionRevision.id).where(QuestionRevision.kind == "single").order_by(QuestionRevision.id)
            place = {"contest_id": self.town.contest_id, "officer_id": self.town.officers[name], "day": TODAY}
            paper = Paper(
                id=new_id(),
                kind="quiz",
                revision_ids=list((await session.scalars(singles.limit(QUESTIONS))).all()),
                points_per_question=10,
                opened_at=instant("09:00"),
                closes_at=CLOSES,
                **place,
            )
            session.add_all([paper, OfficerDay(quiz_questions=QUESTIONS, **place)])
        self.papers[name] = paper.id

    def answer(self, name: str, position: int = 1, choice: str = "b", **more: Any) -> Submission:
        """An officer's answer on the own paper at noon; `more` replaces members."""
        token = token_hash(self.town.tokens[name])
        return Submission(token, str(self.papers.get(name)), position, choice, NOON)._replace(**more)

    async def answers(self) -> list[tuple[int, str, int]]:
        """Position, choice and running count of every stored answer."""
        async with self.town.services.database.reads() as session:
            rows = await session.scalars(select(Answer).order_by(Answer.paper_id, Answer.position))
            return [(row.position, row.choice, row.after_answered) for row in rows]

    async def day(self, name: str) -> OfficerDay:
        async with self.town.services.database.reads() as session:
            return (
                await session.scalars(select(OfficerDay).where(OfficerDay.officer_id == self.town.officers[name]))
            ).one()

    async def writer(self, *, after: int = 0) -> int:
        """Wait until a batch (of another backend than `after`) waits for a lock, and return its backend's pid."""
        waiting = """
            SELECT pid FROM pg_stat_activity
            WHERE application_name = 'lianbing-answers' AND datname = current_database() AND wait_event_type = 'Lock' AND pid <> $1
        """
        while (pid := await self.beside.fetchval(waiting, after)) is None:
            await self.beside.execute("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
        return int(pid)


@pytest.fixture
async def hall(town: Town, database_url: str) -> AsyncIterator[Hall]:
    await add_questions(town.services, of_each=QUESTIONS)
    await town.contest("市局")
    beside = await asyncpg.connect(database_url)
    desk = AnswerDesk(town.services.database.answers)
    hall = Hall(town, desk, beside)
    for name in ("梅江001", "梅江002", "丰顺001"):
        await hall.hand_out(name)
    yield hall
    await desk.close()
    await beside.close()
