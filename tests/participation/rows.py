"""Quizzes, exemptions and moves placed straight into the tables, as the hot path and the roster would leave them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app.bank.models import Question, QuestionRevision
from app.core.ids import new_id
from app.papers.models import Answer, OfficerDay, Paper
from app.roster.models import Assignment, Exemption, ExemptionDay
from tests.people import LONG_AGO, Town
from tests.times import TODAY, instant

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

MINUTE = dt.timedelta(minutes=1)
YESTERDAY = TODAY - dt.timedelta(days=1)


async def play(
    town: Town,
    name: str,
    *,
    answered: int = 10,
    correct: int | None = None,
    questions: int = 10,
    day: dt.date = TODAY,
    opened: str = "08:00",
) -> None:
    """Open a quiz at `opened` and answer one question a minute, the right ones first."""
    assert town.contest_id is not None
    start = instant(opened, day)
    right = answered if correct is None else correct
    async with town.services.database.sessions.begin() as session:
        revision = await _revision(session)
        paper = Paper(
            id=new_id(),
            contest_id=town.contest_id,
            officer_id=town.officers[name],
            day=day,
            kind="quiz",
            revision_ids=[revision] * questions,
            points_per_question=10,
            opened_at=start,
            closes_at=instant("00:00", day + dt.timedelta(days=1)),
        )
        session.add(paper)
        await session.flush()
        for position in range(1, answered + 1):
            session.add(
                Answer(
                    paper_id=paper.id,
                    position=position,
                    revision_id=revision,
                    choice="A",
                    correct=position <= right,
                    points=10 if position <= right else 0,
                    answered_at=start + position * MINUTE,
                    after_answered=position,
                    after_correct=min(position, right),
                    after_points=10 * min(position, right),
                )
            )
        finished = start + answered * MINUTE if answered == questions else None
        session.add(
            OfficerDay(
                contest_id=town.contest_id,
                officer_id=town.officers[name],
                day=day,
                quiz_questions=questions,
                quiz_answered=answered,
                quiz_correct=right,
                quiz_points=10 * right,
                first_answer_at=start + MINUTE if answered else None,
                quiz_finished_at=finished,
                done_at=finished,
            )
        )


async def _revision(session: AsyncSession) -> uuid.UUID:
    held: uuid.UUID | None = await session.scalar(select(QuestionRevision.id))
    if held is not None:
        return held
    question, revision = new_id(), new_id()
    long_ago = instant("00:00", LONG_AGO)
    session.add(Question(id=question, code="q-1", state="in_use", current_revision_id=revision, created_at=long_ago))
    await session.flush()
    session.add(
        QuestionRevision(
            id=revision,
            question_id=question,
            number=1,
            content_hash="",
            kind="single",
            topic="",
            difficulty=1,
            stem="",
            option_ids=["A", "B"],
            option_texts=["甲", "乙"],
            key="A",
            explanation="",
            basis=[],
            created_at=long_ago,
        )
    )
    await session.flush()
    return revision


async def exempt(town: Town, name: str, *days: dt.date, reason: str = "病假") -> None:
    """Exempt an officer on these days, today unless told."""
    days = days or (TODAY,)
    async with town.services.database.sessions.begin() as session:
        exemption = Exemption(
            id=new_id(),
            officer_id=town.officers[name],
            from_day=days[0],
            to_day=days[-1],
            reason=reason,
            created_by=town.officers["管理员"],
            created_at=instant("00:00", LONG_AGO),
        )
        session.add(exemption)
        await session.flush()
        for day in days:
            session.add(ExemptionDay(officer_id=town.officers[name], day=day, exemption_id=exemption.id))


async def move(town: Town, name: str, unit: str, from_day: dt.date) -> None:
    """Let an officer belong to another unit from a day on."""
    async with town.services.database.sessions.begin() as session:
        await session.execute(
            update(Assignment)
            .where(Assignment.officer_id == town.officers[name], Assignment.until_day.is_(None))
            .values(until_day=from_day)
        )
        await session.flush()
        session.add(
            Assignment(
                officer_id=town.officers[name],
                unit_id=town.units[unit],
                takes_part=True,
                from_day=from_day,
                created_at=instant("00:00", LONG_AGO),
            )
        )
