"""Pure rules of a match: its windows, its outcome, who meets whom, and which recorded run is offered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from app.core.errors import Conflict, Invalid

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

LEAD = dt.timedelta(seconds=3)
"""From the pairing to the opening of the first question: time enough for a poll to find the match."""
GAP = dt.timedelta(seconds=3)
"""From the end of a question to the opening of the next."""
GRACE = dt.timedelta(seconds=1)
"""How long after its time an answer is still taken: the network's delay."""
NO_START_BEFORE_CLOSING = dt.timedelta(minutes=5)
WAIT = dt.timedelta(seconds=60)
"""How long a ticket waits for a live opponent."""
CHALLENGE_LASTS = dt.timedelta(hours=24)
MOST_WAITING = 5
"""Challenges that may wait for one officer: their questions are kept from the officer's papers meanwhile."""
SHORT_STEM = 60
"""Characters: a question of a match is read in seconds."""
SIMILAR = 0.1
"""Accuracies in one step of this width count as similar."""


class MatchRunning(Conflict):
    """The officer already plays; facts: match_id."""

    code = "match-running"
    title = "您有一场对战正在进行"


class TicketOpen(Conflict):
    """The officer already waits for an opponent; facts: ticket_id."""

    code = "ticket-open"
    title = "您已在等待对手"


class DayClosing(Conflict):
    """A match would not end before the day closes; facts: closes_at."""

    code = "day-closing"
    title = "临近今日截止，不再开始新的对战"


class NoRecording(Conflict):
    """No recorded run can be offered to this officer now."""

    code = "no-recording"
    title = "暂时没有可用的记录对战"


class ChallengePending(Conflict):
    """A challenge to this colleague is still waiting to be taken up; facts: match_id."""

    code = "challenge-pending"
    title = "您对该同志的约战尚未应战"


class ChallengesFull(Conflict):
    """As many challenges as may be wait for this colleague already."""

    code = "challenges-full"
    title = "该同志待应战的约战已满"


class ChallengeClosed(Conflict):
    """The challenge can't be taken up (any more, or yet)."""

    code = "challenge-closed"
    title = "这次约战现在不能应战"


class QuestionNotOpen(Conflict):
    """The question has not opened yet; facts: opens_at, at the latest (sooner where all before it are answered)."""

    code = "question-not-open"
    title = "这道题还没有开始"


class QuestionClosed(Conflict):
    """The question's time is over; the answer was not stored."""

    code = "question-closed"
    title = "这道题的时间已到"


class NoOpponent(Invalid):
    """The colleague named for a challenge cannot be challenged."""

    title = "不能向该同志约战"


class Outcome(StrEnum):
    """How a match ended for one player."""

    WIN = "win"
    DRAW = "draw"
    LOSS = "loss"


@dataclass(frozen=True)
class Clock:
    """What the windows of a run follow from: all but the answers.

    `pace` holds, for each question, the milliseconds after its opening at which a recorded opponent answered (None:
    he did not, nobody waits for him); `ended_at` is set by a forfeit.
    """

    started_at: dt.datetime
    questions: int
    seconds: int
    players: int = 1
    pace: Sequence[int | None] | None = None
    ended_at: dt.datetime | None = None

    @property
    def window(self) -> dt.timedelta:
        """How long answers to a question are taken, grace included."""
        return dt.timedelta(seconds=self.seconds) + GRACE

    @property
    def period(self) -> dt.timedelta:
        """From one opening to the next where somebody is silent."""
        return self.window + GAP


class Window(NamedTuple):
    """The time of one question: an answer at `opens_at` is in time, one at `over_at` is not."""

    position: int
    opens_at: dt.datetime
    closes_at: dt.datetime
    over_at: dt.datetime


def windows(clock: Clock, answered_at: Mapping[tuple[int, int], dt.datetime]) -> list[Window]:
    """Return every question's window, given when (seat, position) was answered; no later answer assumed.

    A question is over once every player answered it (and the recorded opponent's moment came), else when its time and
    the grace ran out; the next opens GAP later (README, 匹配对战).
    """
    found, opens = [], clock.started_at
    time, window = dt.timedelta(seconds=clock.seconds), clock.window
    seats = {seat for seat, _ in answered_at}
    for position in range(1, clock.questions + 1):
        given = [answered_at[seat, position] for seat in seats if (seat, position) in answered_at]
        over = opens + window
        if len(given) >= clock.players:
            over = max([*given, *_recorded_moment(clock, position, opens)])
        if clock.ended_at is not None:
            over = min(over, clock.ended_at)
        found.append(Window(position, opens, opens + time, over))
        opens = over + GAP
    return found


def _recorded_moment(clock: Clock, position: int, opens: dt.datetime) -> list[dt.datetime]:
    after = clock.pace[position - 1] if clock.pace is not None else None
    return [] if after is None else [opens + dt.timedelta(milliseconds=after)]


def revealed_at(clock: Clock, window: Window) -> dt.datetime | None:
    """Return when the recorded opponent's answer to a question shows as given; None where he gave none."""
    moments = _recorded_moment(clock, window.position, window.opens_at)
    return moments[0] if moments else None


def latest_end(clock: Clock) -> dt.datetime:
    """Return when a run of silent players is over: no run takes longer."""
    return clock.started_at + clock.questions * clock.period - GAP


def last_start(closes_at: dt.datetime, *, questions: int, seconds: int) -> dt.datetime:
    """Return until when (exclusive) a match may begin: five minutes before closing, earlier where it takes longer."""
    longest = latest_end(Clock(closes_at, questions, seconds)) - closes_at + LEAD
    return closes_at - max(longest, NO_START_BEFORE_CLOSING)


def outcome(mine: int, theirs: int, *, my_seat: int, forfeited_by: int | None) -> Outcome:
    """Return how a finished match ended: who gave up lost; else more points win, equal is a draw. Speed never counts."""
    if forfeited_by is not None:
        return Outcome.LOSS if forfeited_by == my_seat else Outcome.WIN
    if mine == theirs:
        return Outcome.DRAW
    return Outcome.WIN if mine > theirs else Outcome.LOSS


@dataclass(frozen=True)
class Waiting:
    """A ticket that waits for a live opponent; `accuracy` of the officer's quizzes, None before any answer."""

    ticket_id: uuid.UUID
    officer_id: uuid.UUID
    unit_id: uuid.UUID
    since: dt.datetime
    accuracy: float | None = None


def _apart(one: float | None, other: float | None) -> int:
    """Return how dissimilar two accuracies are, in steps of SIMILAR; unknown is like everybody."""
    return 0 if one is None or other is None else round(abs(one - other) / SIMILAR)


def pairings(
    tickets: Iterable[Waiting],
    met_today: AbstractSet[frozenset[uuid.UUID]],
    apart: AbstractSet[frozenset[uuid.UUID]] = frozenset(),
) -> list[tuple[Waiting, Waiting]]:
    """Return who plays whom now (匹配规则).

    Longest wait first; each takes, of those who wait, one not met today, then of another branch, then of similar
    accuracy, then who waits longest. Two who met today meet again only where nobody else is left for them; two in
    `apart` (officers for whom no match can be drawn) never. An odd one waits on.
    """
    queue = sorted(tickets, key=lambda ticket: (ticket.since, ticket.ticket_id))
    pairs = []
    while queue:
        first, *others = queue
        best = min(
            (other for other in others if frozenset((first.officer_id, other.officer_id)) not in apart),
            key=lambda other: (
                frozenset((first.officer_id, other.officer_id)) in met_today,
                first.unit_id == other.unit_id,
                _apart(first.accuracy, other.accuracy),
                other.since,
                other.ticket_id,
            ),
            default=None,
        )
        if best is not None:
            pairs.append((first, best))
        queue = [other for other in others if other is not best]
    return pairs


@dataclass(frozen=True)
class Recording:
    """A recorded run that may be played against: one officer's finished paper with every question answered."""

    paper_id: uuid.UUID
    officer_id: uuid.UUID
    unit_id: uuid.UUID
    question_ids: frozenset[uuid.UUID]
    accuracy: float | None = None


@dataclass(frozen=True)
class Player:
    """What decides which recording is offered: the officer, papers already met, questions seen lately or barred."""

    officer_id: uuid.UUID
    unit_id: uuid.UUID
    accuracy: float | None = None
    met_papers: frozenset[uuid.UUID] = frozenset()
    seen: frozenset[uuid.UUID] = frozenset()
    barred: frozenset[uuid.UUID] = frozenset()


def choose_recording(recordings: Iterable[Recording], player: Player) -> Recording | None:
    """Return the recorded run to play against, None where there is none (记录对战).

    Never one's own, one already played, or one with a question of the player's unfinished paper. Fewest recently seen
    questions first, then another branch, then similar accuracy.
    """
    fitting = [
        recording
        for recording in recordings
        if recording.officer_id != player.officer_id
        and recording.paper_id not in player.met_papers
        and not recording.question_ids & player.barred
    ]
    return min(
        fitting,
        key=lambda recording: (
            len(recording.question_ids & player.seen),
            recording.unit_id == player.unit_id,
            _apart(recording.accuracy, player.accuracy),
            recording.paper_id,
        ),
        default=None,
    )


def kinds_of_match(questions: int, available: Mapping[str, int]) -> dict[str, int]:
    """Return how many questions of each kind a match has: in turn single, true/false, multiple, as the bank allows.

    The sum is less than `questions` where the bank has too few.
    """
    counts = dict.fromkeys(("single", "true_false", "multiple"), 0)
    while sum(counts.values()) < questions:
        open_kinds = [kind for kind in counts if counts[kind] < available.get(kind, 0)]
        if not open_kinds:
            break
        kind = min(open_kinds, key=lambda kind: counts[kind])
        counts[kind] += 1
    return counts
