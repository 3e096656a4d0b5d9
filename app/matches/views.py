"""What leaves the server of a match: a question once it is open, the opponent's answer once the question is over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.core.clock import wire
from app.matches.rules import Outcome, Window, outcome, revealed_at, windows
from app.papers.views import answer_view, question_view

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping

    from app.bank.queries import RevisionView
    from app.matches.queries import MatchRead, Seated
    from app.papers.service import Recorded


def match_answer_view(recorded: Recorded, revision: RevisionView) -> dict[str, Any]:
    """Return the AnswerResult of a committed answer of a match, with `match` in place of `attempt`."""
    body = answer_view(recorded, revision, holder="match")
    # A question that ran out of time stays unanswered: the last question ends the player's part, not the fifth answer.
    body["match"]["status"] = "finished" if recorded.position == recorded.questions else "running"
    return body


@dataclass(frozen=True)
class Sight:
    """What one player sees of a match at an instant: own windows, and the opponent's answers that show by now."""

    match: MatchRead
    mine: Seated
    theirs: Seated | None

    @property
    def now(self) -> dt.datetime:
        """The instant of the reading."""
        return self.match.now

    @property
    def live(self) -> bool:
        """Whether both play under one clock."""
        return self.theirs is not None and self.theirs.run_id == self.mine.run_id

    @cached_property
    def windows(self) -> list[Window]:
        """Return the windows of the player's own run."""
        seats = [self.mine, self.theirs] if self.live and self.theirs else [self.mine]
        given = {(seat.seat, at): answer.answered_at for seat in seats for at, answer in seat.answers.items()}
        return windows(self.mine.clock, given)

    def over(self) -> bool:
        """Whether the player's own run is over."""
        return self.now >= self.mine.ends_at

    def shown(self, window: Window) -> Recorded | None:
        """Return the opponent's answer to a question where its being given shows by now."""
        answer = self.theirs.answers.get(window.position) if self.theirs else None
        if answer is None or self.over() or self.live:
            return answer
        moment = revealed_at(self.mine.clock, window)
        return answer if moment is not None and moment <= self.now else None

    def judged(self, window: Window) -> bool:
        """Whether the question is over, so that the opponent's correctness may show."""
        return self.now >= window.over_at or self.over()


def sight_of(match: MatchRead, officer_id: uuid.UUID) -> Sight | None:
    """Return what this officer sees; None where the officer has no seat of his own in the match."""
    mine = next((s for s in match.seats.values() if s.officer_id == officer_id and not s.recorded), None)
    if mine is None:
        return None
    theirs = match.seats.get(3 - mine.seat)
    if theirs is not None and not theirs.recorded and theirs.run_id != mine.run_id and match.now < theirs.ends_at:
        theirs = None  # a challenge is compared once both runs are over
    return Sight(match, mine, theirs)


def match_view(sight: Sight, revisions: Mapping[uuid.UUID, RevisionView]) -> dict[str, Any]:
    """Return the Match as this player sees it; `revisions` hold the texts of its questions."""
    match, mine, now = sight.match, sight.mine, sight.now
    given_up = mine.clock.ended_at
    listed = [w for w in sight.windows if w.opens_at <= now and (given_up is None or w.opens_at < given_up)]
    return {
        "id": str(match.id),
        "mode": match.mode,
        "status": "finished" if sight.over() else "running",
        "day": mine.day.isoformat(),
        "counted": mine.counted,
        "server_time": wire(now),
        "question_count": len(match.revision_ids),
        "seconds_per_question": match.seconds,
        "started_at": wire(mine.clock.started_at),
        "finished_at": wire(mine.ends_at) if sight.over() else None,
        "my_seat": mine.seat,
        "seats": [_seat(sight, number, listed) for number in (1, 2)],
        "questions": [_question(sight, window, revisions) for window in listed],
        "result": _result(sight),
    }


def _seat(sight: Sight, number: int, listed: list[Window]) -> dict[str, Any]:
    mine, theirs = sight.mine, sight.theirs
    if number == mine.seat:
        answers = list(mine.answers.values())
        return _seat_view(mine, len(answers), sum(answer.points for answer in answers))
    if theirs is None:
        held = sight.match.seats.get(number)
        name, unit = (held.name, held.unit_name) if held else sight.match.invited or ("", "")
        return {"seat": number, "name": name, "unit_name": unit, "recorded": False, "points": 0, "answered": 0}
    given = [answer for window in listed if (answer := sight.shown(window))]
    judged = [answer.points for window in listed if sight.judged(window) and (answer := sight.shown(window))]
    return _seat_view(theirs, len(given), sum(judged))


def _seat_view(seated: Seated, answered: int, points: int) -> dict[str, Any]:
    return {
        "seat": seated.seat,
        "name": seated.name,
        "unit_name": seated.unit_name,
        "recorded": seated.recorded,
        "points": points,
        "answered": answered,
    }


def _question(sight: Sight, window: Window, revisions: Mapping[uuid.UUID, RevisionView]) -> dict[str, Any]:
    revision = revisions[sight.match.revision_ids[window.position - 1]]
    own = sight.mine.answers.get(window.position)
    opponent = sight.shown(window)
    shown = question_view(
        sight.mine.paper_id, window.position, revision, match_answer_view(own, revision) if own else None
    )
    return {
        **shown,
        "opens_at": wire(window.opens_at),
        "closes_at": wire(window.closes_at),
        "opponent_answered": opponent is not None,
        "opponent_correct": opponent.correct if opponent and sight.judged(window) else None,
    }


def _result(sight: Sight) -> dict[str, Any] | None:
    mine, theirs = sight.mine, sight.theirs
    if not sight.over():
        return None
    forfeited = mine.forfeited_by
    if theirs is None and forfeited is None:
        return None
    my_points = sum(answer.points for answer in mine.answers.values())
    their_points = sum(answer.points for answer in theirs.answers.values()) if theirs else 0
    by: int | None = forfeited
    if by is None and theirs is not None and not theirs.recorded and theirs.run_id != mine.run_id:
        by = theirs.forfeited_by
    ended: Outcome = outcome(my_points, their_points, my_seat=mine.seat, forfeited_by=by)
    return {"outcome": ended, "my_points": my_points, "opponent_points": their_points}


def next_change(sight: Sight) -> dt.datetime | None:
    """Return the next instant at which the Match changes by time alone; None once it is over and compared."""
    now, moments = sight.now, [seat.ends_at for seat in sight.match.seats.values()]
    for window in sight.windows:
        moments += [window.opens_at, window.over_at]
        if not sight.live and (moment := revealed_at(sight.mine.clock, window)):
            moments.append(moment)
    return min((moment for moment in moments if moment > now), default=None)
