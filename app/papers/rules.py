"""Pure rules of papers: the choice as one text, the order of options, the state of an attempt."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from app.core.errors import Conflict, Invalid

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

Option = TypeVar("Option", bound=tuple[str, str])
MOST_OPTIONS = 10
UNREADABLE = ""
"""A choice that no question accepts: it takes the place of one that could not be read."""


class AnswerAlreadyRecorded(Conflict):
    """Another answer stands already for this question; the recorded one is final."""

    code = "answer-already-recorded"
    title = "这道题已经作答，答案不能更改"


class QuizClosed(Conflict):
    """The contest day is over; facts: closes_at."""

    code = "quiz-closed"
    title = "今日答题已经截止"


class ContestPaused(Conflict):
    """The contest is paused; answers given meanwhile are not lost, the client keeps them."""

    code = "contest-paused"
    title = "竞赛暂停中"


class InvalidChoice(Invalid):
    """The position or the options are not those of the paper."""

    title = "所选答案无效"


class PaperStatus(StrEnum):
    """Where a paper stands."""

    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CLOSED = "closed"


def choice_of(option_ids: Iterable[str]) -> str:
    """Return option ids as they are stored and graded: sorted, joined by commas."""
    return ",".join(sorted(option_ids))


def readable_choice(option_ids: object) -> str:
    """Return the choice that a request's `option_ids` makes; UNREADABLE for anything but distinct plain ids."""
    if not isinstance(option_ids, list) or not 0 < len(option_ids) <= MOST_OPTIONS:
        return UNREADABLE
    if not all(isinstance(item, str) and item and "," not in item and "\0" not in item for item in option_ids):
        return UNREADABLE
    return choice_of(option_ids) if len(set(option_ids)) == len(option_ids) else UNREADABLE


def shuffled(paper_id: uuid.UUID, kind: str, options: Sequence[Option]) -> list[Option]:
    """Return the options in this paper's own order, the same at every reading; 正确/错误 keep theirs."""
    if kind == "true_false":
        return list(options)
    return sorted(options, key=lambda option: hashlib.sha256(paper_id.bytes + option[0].encode()).digest())


def status(*, answered: int, questions: int, over: bool) -> PaperStatus:
    """Return the status of a paper: finished once all is answered, closed when time ended before."""
    if answered >= questions:
        return PaperStatus.FINISHED
    return PaperStatus.CLOSED if over else PaperStatus.IN_PROGRESS
