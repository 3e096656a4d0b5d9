"""A small question bank for tests, placed straight into the tables; the key stands in the option's text."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.bank.models import Instrument, Question, QuestionBasis, QuestionRevision
from app.core.ids import new_id
from app.core.wiring import Services
from tests.times import TODAY, instant

RIGHT, WRONG = "对的", "错的"
EXPLANATION_CANARY = "解析金丝雀"
BASIS_CANARY = "金丝雀条例"
_KINDS = {"single": ("b", 4), "multiple": ("a,c", 4), "true_false": ("a", 2)}


async def add_questions(services: Services, *, of_each: int = 12, prefix: str = "q") -> None:
    """Add `of_each` questions of every kind over six topics, in use and in force."""
    async with services.database.sessions.begin() as session:
        if await session.get(Instrument, BASIS_CANARY) is None:
            session.add(
                Instrument(name=BASIS_CANARY, full_name=BASIS_CANARY, issuer="测试", in_force_from=dt.date(2026, 8, 15))
            )
            await session.flush()
        for kind in _KINDS:
            for number in range(of_each):
                await _add(session, kind, number, prefix)
        await session.execute(text("UPDATE bank_version SET version = version + 1"))


async def _add(session: AsyncSession, kind: str, number: int, prefix: str) -> None:
    key, options = _KINDS[kind]
    question_id, revision_id = new_id(), new_id()
    created = instant("00:00", TODAY - dt.timedelta(days=90))
    letters = "abcd"[:options]
    session.add(
        Question(
            id=question_id,
            code=f"{prefix}-{kind}-{number:03}",
            state="in_use",
            current_revision_id=revision_id,
            created_at=created,
        )
    )
    await session.flush()
    session.add(
        QuestionRevision(
            id=revision_id,
            question_id=question_id,
            number=1,
            content_hash=str(revision_id),
            kind=kind,
            topic=f"专题{number % 6}",
            difficulty=1,
            stem=f"{kind}第{number}题的题干是（　）。",
            option_ids=list(letters),
            option_texts=[f"{RIGHT if letter in key else WRONG}{letter}" for letter in letters],
            key=key,
            explanation=f"{EXPLANATION_CANARY}{number}",
            basis=[{"instrument": BASIS_CANARY, "article": f"第{number}条"}],
            created_at=created,
        )
    )
    await session.flush()
    session.add(QuestionBasis(revision_id=revision_id, instrument=BASIS_CANARY, article=f"第{number}条"))


def right(question: dict[str, Any]) -> list[str]:
    """The ids of a question's right options."""
    return [option["id"] for option in question["options"] if option["text"].startswith(RIGHT)]


def wrong(question: dict[str, Any]) -> list[str]:
    """One wrong option."""
    return [next(option["id"] for option in question["options"] if option["text"].startswith(WRONG))]
