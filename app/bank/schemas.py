"""What the question calls give."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

Kind = Literal["single", "multiple", "true_false"]
State = Literal["draft", "reviewed", "in_use", "to_confirm", "retired"]


class OwnerOut(BaseModel):
    """The unit whose own question it is."""

    id: uuid.UUID
    name: str
    kind: str


class QuestionSummary(BaseModel):
    """A question with what its current text begins with."""

    id: uuid.UUID
    code: str
    owner: OwnerOut | None = Field(description="null: the shared bank that comes with the program")
    state: State
    kind: Kind
    topic: str
    difficulty: int
    stem: str
    revision: int = Field(description="number of the current text")
    revised_at: dt.datetime


class QuestionPage(BaseModel):
    """One page of questions, by code."""

    items: list[QuestionSummary]
    next: str | None


class OptionOut(BaseModel):
    """An option under its letter in the author's order; papers shuffle them."""

    letter: str
    id: str
    text: str
    correct: bool


class BasisOut(BaseModel):
    """A legal basis (法律依据)."""

    instrument: str
    article: str


class RevisionOut(BaseModel):
    """One text of a question; never changed."""

    id: uuid.UUID
    number: int
    kind: Kind
    topic: str
    difficulty: int
    stem: str
    options: list[OptionOut]
    key: list[str] = Field(description="letters of the right options")
    explanation: str
    legal_basis: list[BasisOut]
    facts: list[str]
    created_at: dt.datetime


class UseOut(BaseModel):
    """Use in the contests that cover the caller's unit or lie below it."""

    papers: int
    answered: int
    correct: int


class QuestionDetail(QuestionSummary):
    """A question with all its texts, the newest first, and its use."""

    revisions: list[RevisionOut]
    use: UseOut


class RowProblem(BaseModel):
    """One thing wrong with an import's file."""

    row: int = Field(description="row of the table, or line of the YAML file, from 1")
    column: str
    detail: str


class ImportResult(BaseModel):
    """What an import did, or would do; with errors nothing was written."""

    id: uuid.UUID | None = Field(description="null where nothing was to be written")
    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    missing: int = Field(description="the unit's questions that the file does not hold; they stay as they are")
    drafts: int = Field(description="questions that are drafts by this import; another administrator reviews them")
    kept: int = Field(description="questions that keep their state although the file names another")
    advice: str | None = Field(description="what to do next, in Chinese")
    errors: list[RowProblem]
