"""A live match as the rules of play tell it, kept apart from the code that is tested: what each answer meets and shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import NamedTuple

QUESTIONS, POINTS = 5, 20
LEAD = GAP = dt.timedelta(seconds=3)
TIME, GRACE = dt.timedelta(seconds=30), dt.timedelta(seconds=1)


class Given(NamedTuple):
    """An answer that stands."""

    at: dt.datetime
    option_ids: list[str]
    correct: bool


@dataclass
class Reference:
    """One live match: when it was made, who gave up when, and what was answered by seat and position."""

    made_at: dt.datetime
    answers: dict[tuple[int, int], Given] = field(default_factory=dict)
    given_up: tuple[int, dt.datetime] | None = None

    def spans(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Opening and end of each question, as if nobody said more."""
        spans, opens = list[tuple[dt.datetime, dt.datetime]](), self.made_at + LEAD
        for position in range(1, QUESTIONS + 1):
            both = [self.answers[seat, position].at for seat in (1, 2) if (seat, position) in self.answers]
            over = max(both) if len(both) == 2 else opens + TIME + GRACE
            spans.append((opens, over))
            opens = over + GAP
        return spans

    def ends_at(self) -> dt.datetime:
        """When the match is over."""
        return self.given_up[1] if self.given_up else self.spans()[-1][1]

    def over(self, now: dt.datetime) -> bool:
        return now >= self.ends_at()

    def begun(self, position: int, now: dt.datetime) -> bool:
        """Whether a question has been shown to the players by `now`."""
        opens, _ = self.spans()[position - 1]
        return opens <= now and (self.given_up is None or opens < self.given_up[1])

    def past(self, position: int, now: dt.datetime) -> bool:
        """Whether the time of a question is over at `now`."""
        return self.over(now) or now >= self.spans()[position - 1][1]

    def meets(self, seat: int, position: int, option_ids: list[str], known: bool, now: dt.datetime) -> str:
        """What an answer meets: `recorded`, `again`, or the code of its refusal; `known` says its options fit."""
        held = self.answers.get((seat, position))
        if held:
            return "again" if held.option_ids == option_ids else "answer-already-recorded"
        if not 1 <= position <= QUESTIONS:
            return "validation"
        if not self.begun(position, now):
            return "question-closed" if self.over(now) else "question-not-open"
        if not known:
            return "validation"
        return "question-closed" if self.past(position, now) else "recorded"

    def give_up(self, seat: int, now: dt.datetime) -> None:
        if not self.over(now):
            self.given_up = (seat, now)

    def points(self, seat: int) -> int:
        return POINTS * sum(one.correct for (of, _), one in self.answers.items() if of == seat)

    def points_shown(self, seat: int, now: dt.datetime) -> int:
        """The opponent's points so far: those of questions that are over."""
        shown = (one.correct for (of, position), one in self.answers.items() if of == seat and self.past(position, now))
        return POINTS * sum(shown)

    def answered(self, seat: int) -> int:
        return sum(of == seat for of, _ in self.answers)

    def result(self, seat: int, now: dt.datetime) -> dict[str, object] | None:
        if not self.over(now):
            return None
        mine, theirs = self.points(seat), self.points(3 - seat)
        if self.given_up:
            outcome = "loss" if self.given_up[0] == seat else "win"
        else:
            outcome = "draw" if mine == theirs else "win" if mine > theirs else "loss"
        return {"outcome": outcome, "my_points": mine, "opponent_points": theirs}

    def next_moment(self, now: dt.datetime) -> dt.datetime:
        """The next opening or end after `now`; a minute on where there is none."""
        moments = [moment for span in self.spans() for moment in span if moment > now]
        return min(moments, default=now + dt.timedelta(minutes=1))
