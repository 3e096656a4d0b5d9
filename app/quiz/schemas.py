"""Shapes of the daily quiz on the wire, as API.md gives them; they document what `papers.views` builds."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.papers.schemas import Basis, Choice, Instant, Option


class PositionedChoice(Choice):
    """A choice for one position of the paper, from 1."""

    position: int = Field(examples=[1])


class Outbox(BaseModel):
    """Answers that a phone could not send one by one."""

    answers: list[PositionedChoice] = Field(max_length=100)


class AttemptState(BaseModel):
    """The attempt just after an answer."""

    status: Literal["in_progress", "finished"]
    answered: int
    correct: int
    points: int


class AnswerResult(BaseModel):
    """A committed answer, with what is right and why."""

    position: int
    option_ids: list[str]
    correct: bool
    correct_option_ids: list[str]
    explanation: str
    legal_basis: list[Basis]
    points: int
    answered_at: Instant
    attempt: AttemptState


class Question(BaseModel):
    """A question on a paper; `answer` is null until this officer's answer is committed."""

    position: int
    question_id: str
    kind: Literal["single", "multiple", "true_false"]
    topic: str
    stem: str
    options: list[Option]
    answer: AnswerResult | None


class Attempt(BaseModel):
    """One officer's daily quiz."""

    id: str
    day: dt.date
    status: Literal["in_progress", "finished", "closed"]
    started_at: Instant
    finished_at: Instant | None
    closes_at: Instant
    question_count: int
    answered: int
    correct: int
    points: int
    questions: list[Question]


class Today(BaseModel):
    """Today's quiz as the caller finds it."""

    day: dt.date
    server_time: Instant
    opens_at: Instant | None
    closes_at: Instant | None
    counts: bool = Field(
        description="whether the day is one of the contest that counts (计入竞赛); officers may play on others, too"
    )
    status: Literal["not_started", "in_progress", "finished", "closed"]
    reason: str | None = Field(None, description="code of the refusal where the quiz is closed")
    detail: str | None = Field(None, description="the same in Chinese")
    next_opens_at: Instant | None = None
    attempt: Attempt | None


class NotTaken(BaseModel):
    """An answer of the outbox that was not recorded, and why."""

    position: int
    problem: dict[str, Any]


class OutboxResult(BaseModel):
    """One result an answer, in the order sent."""

    results: list[AnswerResult | NotTaken]
