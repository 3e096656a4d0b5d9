"""When a daily quiz (每日一测) may be opened, and what an officer is told otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.contests.models import ContestState
from app.contests.rules import DayPhase, PlayRules, closes_at, is_contest_day, opens_at, phase
from app.core.errors import Conflict, Forbidden, LianbingError
from app.papers.rules import ContestPaused, QuizClosed

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """What decides whether an officer may open today's quiz: contest dates and state, rules, enrolment."""

    day: dt.date
    takes_part: bool
    state: str | None = None
    starts_on: dt.date = dt.date.min
    ends_on: dt.date = dt.date.max
    rules: PlayRules | None = None


def refusal(situation: Situation, now: dt.datetime) -> LianbingError | None:
    """Return why a new quiz cannot be opened at `now`, or None where it can.

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
