"""Pure rules of papers: who may be handed one when, the choice as one text, the order of options, the state."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from app.contests.models import ContestState
from app.contests.rules import DayPhase, PlayRules, closes_at, is_contest_day, opens_at, phase
from app.core.errors import Conflict, Forbidden, Invalid, LianbingError

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
    return [options[place] for place in _order(paper_id.bytes, tuple(option[0] for option in options))]


@lru_cache(maxsize=1 << 14)  # an open match is shown several times a question
def _order(paper: bytes, option_ids: tuple[str, ...]) -> list[int]:
    """Return the places of the options in the paper's order."""
    return sorted(range(len(option_ids)), key=lambda place: hashlib.sha256(paper + option_ids[place].encode()).digest())


def status(*, answered: int, questions: int, over: bool) -> PaperStatus:
    """Return the status of a paper: finished once all is answered, closed when time ended before."""
    if answered >= questions:
        return PaperStatus.FINISHED
    return PaperStatus.CLOSED if over else PaperStatus.IN_PROGRESS


class NoContest(Conflict):
    """No opened contest covers the officer's unit."""

    code = "no-contest"
    title = "当前没有竞赛"


class NotAContestDay(Conflict):
    """The contest does not count this day; facts: starts_on, ends_on, next_opens_at."""

    code = "not-a-contest-day"
    title = "今天不是竞赛日"


class NotEnrolled(Forbidden):
    """The officer does not take part (参赛 = 否)."""

    code = "not-enrolled"
    title = "您不在参赛人员名单中"


@dataclass(frozen=True)
class Situation:
    """What decides whether an officer may be handed a paper today: contest dates and state, rules, enrolment."""

    day: dt.date
    takes_part: bool
    state: str | None = None
    starts_on: dt.date = dt.date.min
    ends_on: dt.date = dt.date.max
    rules: PlayRules | None = None


def refusal(situation: Situation, now: dt.datetime) -> LianbingError | None:
    """Return why no new paper can be handed out at `now`, or None where it can.

    NoContest, NotEnrolled, NotAContestDay, ContestPaused, QuizClosed (also before the day opens), in this order.
    """
    rules = situation.rules
    if rules is None or situation.state is None:
        return NoContest("本单位目前没有开放的竞赛。")
    if not situation.takes_part:
        return NotEnrolled("您不在本次竞赛的参赛人员名单中，如有疑问请联系本单位联络员。")
    if not is_contest_day(situation.starts_on, situation.ends_on, situation.day):
        return NotAContestDay(
            f"竞赛时间为{situation.starts_on:%Y-%m-%d}至{situation.ends_on:%Y-%m-%d}，今天不计入竞赛。",
            starts_on=situation.starts_on.isoformat(),
            ends_on=situation.ends_on.isoformat(),
        )
    if situation.state == ContestState.PAUSED:
        return ContestPaused("竞赛暂停中，恢复后再来答题。")
    now_in = phase(rules, situation.day, now)
    if now_in is DayPhase.BEFORE:
        start = opens_at(rules, situation.day)
        return QuizClosed(f"今日答题{rules.day_opens_at}开始。", opens_at=start)
    if now_in is DayPhase.AFTER:
        return QuizClosed("今日答题已经截止，请明天再来。", closes_at=closes_at(rules, situation.day))
    return None


def next_opening(situation: Situation, now: dt.datetime) -> dt.datetime | None:
    """Return when the officer's next contest day opens after `now`, None where none is known."""
    rules = situation.rules
    if rules is None or not situation.takes_part:
        return None
    candidates: Sequence[dt.date] = (situation.day, situation.day + dt.timedelta(days=1), situation.starts_on)
    days = [day for day in candidates if is_contest_day(situation.starts_on, situation.ends_on, day)]
    return min((start for start in (opens_at(rules, day) for day in days) if start > now), default=None)
