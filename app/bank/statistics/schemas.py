"""What the statistics of questions show."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from app.bank.entries import LETTERS
from app.bank.schemas import Kind, State
from app.bank.statistics.rules import LEAST_FOR_DISCRIMINATION, SAID, Sign, signs
from app.roster.schemas import Instant

if TYPE_CHECKING:
    from app.bank.statistics.queries import Measured, OneMeasured, UsedIn


class OptionTaken(BaseModel):
    """An option under its letter in the author's order, and how often it was taken, alone or with others."""

    letter: str
    text: str
    correct: bool
    taken: int
    share: float | None = Field(description="占作答次数的比例")


class RevisionStatistics(BaseModel):
    """How one text of a question did, over every kind of paper but practice."""

    revision_id: uuid.UUID
    revision: int
    current: bool = Field(description="是否为现用文本")
    answers: int
    correct: int
    share_correct: float | None
    discrimination: float | None = Field(
        description=f"点二列相关：本题对错与同一试卷其余题正确率的相关；少于{LEAST_FOR_DISCRIMINATION}次作答时为 null"
    )
    first_used_at: Instant | None = Field(description="首次作答")
    last_used_at: Instant | None = Field(description="最近一次作答")
    options: list[OptionTaken]


class ContestUse(BaseModel):
    """A contest in which the question was handed out."""

    id: uuid.UUID
    name: str
    papers: int
    answers: int
    correct: int
    share_correct: float | None


class SpanOut(BaseModel):
    """The contest days that were counted, both included."""

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")


class QuestionStatistics(SpanOut):
    """One question, revision by revision (the newest first), and where it was used."""

    id: uuid.UUID
    code: str
    state: State
    revisions: list[RevisionStatistics]
    contests: list[ContestUse]


class MeasuredItem(RevisionStatistics):
    """A text of a question with how it did."""

    question_id: uuid.UUID
    code: str
    state: State
    kind: Kind
    topic: str
    stem: str


class MeasuredPage(SpanOut):
    """One page of texts that were answered in the span."""

    items: list[MeasuredItem]
    next: str | None


class SignOut(BaseModel):
    """Why a question looks wrong, and what to look at."""

    sign: Literal["distractor-preferred", "negative-discrimination", "below-chance"]
    text: str


class SuspiciousItem(MeasuredItem):
    """A text of a question that looks wrong."""

    signs: list[SignOut]


class SuspiciousPage(SpanOut):
    """One page of texts that look wrong, those with most signs first."""

    least: int = Field(description="作答达到这么多次才判断")
    items: list[SuspiciousItem]
    next: str | None


def revision_statistics(one: Measured) -> dict[str, Any]:
    """Return what `RevisionStatistics` shows."""
    revision, tally = one.revision, one.tally
    taken, right = tally.options(revision.option_ids), key_of(one)
    options = [
        {
            "letter": letter,
            "text": words,
            "correct": option in right,
            "taken": taken[option],
            "share": taken[option] / tally.answers if tally.answers else None,
        }
        for letter, option, words in zip(LETTERS, revision.option_ids, revision.option_texts, strict=False)
    ]
    return {
        "revision_id": revision.id,
        "revision": revision.number,
        "current": one.current,
        "answers": tally.answers,
        "correct": tally.correct,
        "share_correct": tally.share_correct,
        "discrimination": tally.discrimination,
        "first_used_at": tally.first_at,
        "last_used_at": tally.last_at,
        "options": options,
    }


def key_of(one: Measured) -> set[str]:
    """Return the ids of the right options."""
    return set(one.revision.key.split(","))


def item_view(one: Measured) -> dict[str, Any]:
    """Return what `MeasuredItem` shows."""
    question, revision = one.question, one.revision
    return {
        **revision_statistics(one),
        "question_id": question.id,
        "code": question.code,
        "state": question.state,
        "kind": revision.kind,
        "topic": revision.topic,
        "stem": revision.stem,
    }


def signs_of(one: Measured, least: int) -> list[Sign]:
    """Return the signs of a mistake in this text."""
    taken = one.tally.options(one.revision.option_ids)
    return signs(one.tally, kind=one.revision.kind, taken=taken, key=key_of(one), least=least)


def suspicious_view(one: Measured, found: list[Sign]) -> dict[str, Any]:
    """Return what `SuspiciousItem` shows."""
    return {**item_view(one), "signs": [{"sign": sign, "text": SAID[sign]} for sign in found]}


def question_statistics(found: OneMeasured) -> dict[str, Any]:
    """Return what `QuestionStatistics` shows beside its span."""
    question = found.administered.question
    return {
        "id": question.id,
        "code": question.code,
        "state": question.state,
        "revisions": [revision_statistics(one) for one in found.revisions],
        "contests": [_use_view(one) for one in found.contests],
    }


def _use_view(one: UsedIn) -> dict[str, Any]:
    return {**one._asdict(), "share_correct": one.correct / one.answers if one.answers else None}
