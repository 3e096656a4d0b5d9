"""The rules of play: one validated value object, the instants of a contest day, and enrolment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.core.clock import at, local_day
from app.core.errors import Conflict, FieldProblem, Invalid
from app.core.wording import explain, near

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {"single": "单选", "multiple": "多选", "true_false": "判断"}
"""Kinds of question with their 中文 names, in the order of a paper."""
_DAY_END = "24:00"
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
_CLOSING = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DailyQuiz(_Part):
    """How many questions of each kind a daily quiz has, and what one is worth."""

    single: int = Field(4, ge=0, le=50)
    multiple: int = Field(3, ge=0, le=50)
    true_false: int = Field(3, ge=0, le=50)
    points_per_question: int = Field(10, ge=1, le=100)

    @property
    def questions(self) -> int:
        """Questions of one quiz."""
        return self.single + self.multiple + self.true_false

    @model_validator(mode="after")
    def _some(self) -> DailyQuiz:
        if self.questions == 0:
            raise ValueError("每日一测至少要有1道题")
        return self


class Matches(_Part):
    """Head-to-head matches: size, time, and how many count and are asked for a day."""

    questions: int = Field(5, ge=1, le=20)
    seconds: int = Field(30, ge=5, le=300)
    points_per_question: int = Field(20, ge=1, le=100)
    counted_per_day: int = Field(2, ge=0, le=10)
    required_per_day: int = Field(1, ge=0, le=10)

    @model_validator(mode="after")
    def _reachable(self) -> Matches:
        if self.required_per_day > self.counted_per_day:
            raise ValueError("每日要求的对战场数不能多于计入的场数")
        return self


class IndexWeights(_Part):
    """Weights of the published score (综合得分); they add up to 1."""

    participation: float = Field(0.2, ge=0, le=1)
    completion: float = Field(0.5, ge=0, le=1)
    accuracy: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> IndexWeights:
        if round(self.participation * 10**6) + round(self.completion * 10**6) + round(self.accuracy * 10**6) != 10**6:
            raise ValueError("综合得分三项权重之和应当等于1")
        return self


class NoticeProfile(StrEnum):
    """How many notices a day: all of the `slots`, or (简版) of them only 8:00 and 18:00."""

    STANDARD = "standard"
    LIGHT = "light"


_LIGHT = ("08:00", "18:00")


class NoticeRules(_Part):
    """The slots of the notices, whether officers' names may stand in group messages, and whether nudges go out.

    Nudges (给本人的提示) need a private channel: without one none goes out, whatever stands here.
    """

    slots: tuple[str, ...] = ("08:00", "12:00", "18:00", "22:00")
    names_in_groups: bool = False
    profile: NoticeProfile = Field(NoticeProfile.STANDARD, strict=False)
    nudges: bool = True

    @property
    def active_slots(self) -> tuple[str, ...]:
        """The slots that the profile leaves."""
        light = self.profile is NoticeProfile.LIGHT
        return tuple(slot for slot in self.slots if slot in _LIGHT) if light else self.slots

    @field_validator("slots", mode="before")
    @classmethod
    def _tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("slots")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ("08:00", "12:00", "18:00", "22:00")
        if any(slot not in known for slot in value) or list(value) != sorted(set(value)):
            raise ValueError("通报时段只能从 08:00、12:00、18:00、22:00 中选取，按先后排列且不重复")
        return value


class PlayRules(_Part):
    """All rules of play of a contest, validated as a whole; the defaults are those of the README."""

    daily_quiz: DailyQuiz = DailyQuiz()
    matches: Matches = Matches()
    index: IndexWeights = IndexWeights()
    day_opens_at: str = Field("06:00", pattern=_CLOCK)
    day_closes_at: str = Field(_DAY_END, pattern=_CLOSING)
    notices: NoticeRules = NoticeRules()
    individual_ranking: bool = False

    @model_validator(mode="after")
    def _opens_first(self) -> PlayRules:
        if self.day_opens_at >= self.day_closes_at:
            raise ValueError("每日开放时间应当早于截止时间")
        return self


def merged(base: PlayRules, changes: Mapping[str, Any]) -> PlayRules:
    """Return `base` with `changes` merged over it, level by level; raises pydantic's ValidationError."""
    return PlayRules.model_validate(_merge(base.model_dump(), changes))


def _merge(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in changes.items():
        held = result.get(name)
        result[name] = _merge(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return result


class InvalidRules(Invalid):
    """Members of the rules are wrong, or do not fit together; `errors` names each by JSON pointer."""

    title = "竞赛规则有误"


def checked(base: PlayRules, changes: Mapping[str, Any], *, pointer: str = "/rules") -> PlayRules:
    """Return `base` with `changes` merged over it; raises InvalidRules with a Chinese sentence for each member."""
    try:
        return merged(base, changes)
    except ValidationError as error:
        problems = [_problem(pointer, dict(item)) for item in error.errors(include_url=False)]
        raise InvalidRules("竞赛规则有误，请按所列各项改正后重试。", errors=problems) from error


def _problem(pointer: str, item: Mapping[str, Any]) -> FieldProblem:
    path = [str(part) for part in item["loc"]]
    escaped = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    if item["type"] != "extra_forbidden":
        return FieldProblem(pointer + escaped, explain(item))
    return FieldProblem(pointer + escaped, f"没有这一项规则{near(path[-1], _names_at(path[:-1]))}，请改正或删除。")


def _names_at(path: list[str]) -> list[str]:
    model: Any = PlayRules
    for name in path:
        model = model.model_fields[name].annotation
    return list(model.model_fields)


def opens_at(rules: PlayRules, day: dt.date) -> dt.datetime:
    """Return the instant at which a contest day opens."""
    return at(day, dt.time.fromisoformat(rules.day_opens_at))


def closes_at(rules: PlayRules, day: dt.date) -> dt.datetime:
    """Return the instant at which a contest day is over: an answer at it is too late."""
    if rules.day_closes_at == _DAY_END:
        return at(day + dt.timedelta(days=1), dt.time())
    return at(day, dt.time.fromisoformat(rules.day_closes_at))


class DayPhase(StrEnum):
    """Where an instant stands in a contest day."""

    BEFORE = "before"
    OPEN = "open"
    AFTER = "after"


def phase(rules: PlayRules, day: dt.date, now: dt.datetime) -> DayPhase:
    """Return whether the day has not opened, is open, or is over at `now` (over exactly at closing)."""
    if now < opens_at(rules, day):
        return DayPhase.BEFORE
    return DayPhase.OPEN if now < closes_at(rules, day) else DayPhase.AFTER


def is_contest_day(starts_on: dt.date, ends_on: dt.date, day: dt.date) -> bool:
    """Whether officers of a contest of these dates play on `day`: on every one, whether or not it counts."""
    return starts_on <= day <= ends_on


_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """Which days of a contest count (竞赛日历): from first to last all but the `uncounted`.

    On a day that does not count officers may play; it is in no figure of a unit, no rank and no sum.
    """

    starts_on: dt.date
    ends_on: dt.date
    uncounted: frozenset[dt.date] = frozenset()

    def counts(self, day: dt.date) -> bool:
        """Whether `day` is a day of the contest that counts."""
        return self.starts_on <= day <= self.ends_on and day not in self.uncounted

    def number(self, day: dt.date) -> int:
        """Return how many counted days there are up to `day` with itself: the N of 第N日 on a counted day."""
        last = min(day, self.ends_on)
        away = sum(self.starts_on <= one <= last for one in self.uncounted)
        return max((last - self.starts_on).days + 1 - away, 0)

    def previous(self, day: dt.date) -> dt.date | None:
        """Return the counted day before `day`, None where there is none."""
        return self._next(day, -_DAY)

    def following(self, day: dt.date) -> dt.date | None:
        """Return the counted day after `day`, None after the last one."""
        return self._next(day, _DAY)

    def _next(self, day: dt.date, step: dt.timedelta) -> dt.date | None:
        day += step
        while self.starts_on <= day <= self.ends_on:
            if day not in self.uncounted:
                return day
            day += step
        return None


def last_counted_day(starts_on: dt.date, ends_on: dt.date, now: dt.datetime) -> dt.date | None:
    """Return the contest's newest day at `now`: today, or its last day; None before it began."""
    today = local_day(now)
    return None if today < starts_on else min(today, ends_on)


class Phase(StrEnum):
    """What a contest is at an instant, as pages show it."""

    DRAFT = "draft"
    UPCOMING = "upcoming"
    RUNNING = "running"
    PAUSED = "paused"
    CLOSED = "closed"


def contest_phase(state: str, days: tuple[dt.date, dt.date], rules: PlayRules, now: dt.datetime) -> Phase:
    """Return the phase at `now`: a draft stays one, the end comes before a pause, a pause before the beginning.

    `days` are the first and the last day; upcoming ends when the first day opens, running when the last closes.
    """
    if state == Phase.DRAFT:
        return Phase.DRAFT
    if now >= closes_at(rules, days[1]):
        return Phase.CLOSED
    if state == Phase.PAUSED:
        return Phase.PAUSED
    return Phase.UPCOMING if now < opens_at(rules, days[0]) else Phase.RUNNING


LONGEST = 366
_YEARS = range(2000, 2100)


def date_problems(starts_on: dt.date, ends_on: dt.date) -> list[FieldProblem]:
    """Return what is wrong with a contest's first and last day, empty where nothing is."""
    problems = []
    for pointer, day in (("/starts_on", starts_on), ("/ends_on", ends_on)):
        if day.year not in _YEARS:
            problems.append(FieldProblem(pointer, f"年份应当在{_YEARS.start}至{_YEARS.stop - 1}之间，请改正。"))
    if ends_on < starts_on:
        problems.append(FieldProblem("/ends_on", "结束日期早于开始日期，请改正。"))
    elif (ends_on - starts_on).days >= LONGEST:
        problems.append(FieldProblem("/ends_on", f"一场竞赛最长{LONGEST}天，请缩短或分几场举办。"))
    return problems


def changed_rules_from(starts_on: dt.date, today: dt.date) -> dt.date:
    """Return from which day a change of an open contest's rules holds: tomorrow, or the first day if that is later."""
    return max(starts_on, today + dt.timedelta(days=1))


class BankTooSmall(Conflict):
    """The bank cannot fill a paper of these rules."""

    code = "bank-too-small"
    title = "题库题目不足"

    @classmethod
    def of(cls, kind: str, *, available: int, needed: int, day: dt.date | None = None) -> BankTooSmall:
        """Return the error for one kind of question, saying what the administrator can do."""
        when: dict[str, Any] = {"day": str(day)} if day else {}
        return cls(
            f"{day or ''}可用的{KINDS[kind]}题只有{available}道，一份试卷需要{needed}道。"
            f"请管理员导入或启用更多{KINDS[kind]}题，或在竞赛规则中减少这类题的数量。",
            kind=kind,
            available=available,
            needed=needed,
            **when,
        )
