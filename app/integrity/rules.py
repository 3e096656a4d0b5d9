"""Pure rules that find, in the matches of two officers, what a person should look at; they judge nobody."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.clock import wire
from app.core.errors import Conflict, Forbidden
from app.matches.rules import Outcome, outcome

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

SPAN = dt.timedelta(days=7)
"""Within which meetings are counted: a week has every working habit in it, and what is older fades."""
OFTEN = 4
"""Meetings within SPAN: pairing avoids the same two twice a day while others wait, so chance seldom makes four."""
ALTERNATING = 4
"""Wins in turn without a break: of equals who meet four times one pair in eight shows it, an agreed result always."""
AT_ONCE = dt.timedelta(seconds=1)
"""Two who decide for themselves answer in the same second now and then, but not at every question of a match."""
MOST_SHOWN = 50
"""Matches that the evidence spells out, the latest: more than anybody reads, and a flag's row stays small."""


class Kind(StrEnum):
    """What was noticed (异常提示的种类)."""

    REPEATED_PAIR = "repeated_pair"
    ALTERNATING_WINS = "alternating_wins"
    SIMULTANEOUS_ANSWERS = "simultaneous_answers"


class FlagState(StrEnum):
    """Where a flag stands: a person has yet to look, saw nothing in it, or found it to be so."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


class FlagDecided(Conflict):
    """The flag was decided otherwise before; facts: state."""

    code = "flag-decided"
    title = "这条异常提示已经核查"


class OwnFlag(Forbidden):
    """Nobody decides on a flag about himself or herself."""

    code = "own-flag"
    title = "不能核查涉及本人的异常提示"


@dataclass(frozen=True)
class Met:
    """A match, over for both, that two played against each other.

    Whatever there is two of stands as the pair is ordered, not as the seats are.
    `forfeited_by` and `winner` are 1 or 2, the place in the pair; `answered_at` holds the instant of each position's
    answer, None where there was none.
    """

    match_id: uuid.UUID
    started_at: dt.datetime
    ended_at: dt.datetime
    points: tuple[int, int]
    answered_at: tuple[Sequence[dt.datetime | None], Sequence[dt.datetime | None]]
    forfeited_by: int | None = None

    @property
    def winner(self) -> int | None:
        """Who won; None for a draw."""
        mine, theirs = self.points
        ended = outcome(mine, theirs, my_seat=1, forfeited_by=self.forfeited_by)
        return {Outcome.WIN: 1, Outcome.LOSS: 2}.get(ended)

    @property
    def apart(self) -> list[dt.timedelta | None]:
        """From the second's answer to the first's, by question; negative where the first answered first."""
        return [
            one - other if one is not None and other is not None else None
            for one, other in zip(*self.answered_at, strict=True)
        ]


@dataclass(frozen=True)
class History:
    """All matches of two officers in one contest, live or by challenge; `begun`: when each began one, with anybody.

    Everything is in order of time.
    """

    met: Sequence[Met]
    begun: tuple[Sequence[dt.datetime], Sequence[dt.datetime]]

    def after(self, instant: dt.datetime) -> History:
        """Return what began after this instant."""
        one, other = self.begun
        return replace(
            self,
            met=[match for match in self.met if match.started_at > instant],
            begun=(one[bisect_right(one, instant) :], other[bisect_right(other, instant) :]),
        )


class Span(NamedTuple):
    """Days in which two met often: from the first to the last meeting, how often, of how many matches of each."""

    from_at: dt.datetime
    to_at: dt.datetime
    together: int
    of: tuple[int, int]


@dataclass(frozen=True)
class Finding:
    """What was noticed about a pair, with the matches that show it; `span` the fullest one, `longest` in a row."""

    kind: Kind
    met: Sequence[Met]
    span: Span | None = None
    longest: int | None = None


def repeated_pair(history: History) -> Finding | None:
    """Return the matches of every SPAN with OFTEN meetings that are more than half of the matches of either."""
    starts = [match.started_at for match in history.met]
    noticed: list[Met] = []
    spans: list[Span] = []
    listed = 0
    for number, to_at in enumerate(starts):
        first = bisect_right(starts, to_at - SPAN)
        together = number + 1 - first
        one, other = (bisect_right(begun, to_at) - bisect_right(begun, to_at - SPAN) for begun in history.begun)
        if together >= OFTEN and 2 * together > min(one, other):
            noticed += history.met[max(first, listed) : number + 1]
            listed = number + 1
            spans.append(Span(starts[first], to_at, together, (one, other)))
    if not spans:
        return None
    fullest = max(spans, key=lambda span: (span.together, span.to_at))
    return Finding(Kind.REPEATED_PAIR, noticed, span=fullest)


def alternating_wins(history: History) -> Finding | None:
    """Return the matches of every row of ALTERNATING or more in which the winner changed each time; a draw ends a row."""
    rows: list[list[Met]] = []
    last: int | None = None
    for match in history.met:
        if match.winner is not None:
            if last is None or match.winner == last:
                rows.append([])
            rows[-1].append(match)
        last = match.winner
    long = [row for row in rows if len(row) >= ALTERNATING]
    if not long:
        return None
    return Finding(Kind.ALTERNATING_WINS, [match for row in long for match in row], longest=max(map(len, long)))


def simultaneous_answers(history: History) -> Finding | None:
    """Return the matches in which both answered every question, each time within AT_ONCE of each other."""
    found = [
        match
        for match in history.met
        if all(apart is not None and abs(apart) <= AT_ONCE for apart in match.apart)  # a match has questions
    ]
    return Finding(Kind.SIMULTANEOUS_ANSWERS, found) if found else None


_RULES = {
    Kind.REPEATED_PAIR: repeated_pair,
    Kind.ALTERNATING_WINS: alternating_wins,
    Kind.SIMULTANEOUS_ANSWERS: simultaneous_answers,
}


def findings(history: History, looked_at: Mapping[Kind, dt.datetime]) -> list[Finding]:
    """Return what is noticed about a pair, by kind (异常提示).

    `looked_at`: the beginning of the last match that a person decided on; only later ones are taken into account.
    """
    found = []
    for kind, rule in _RULES.items():
        finding = rule(history.after(looked_at[kind]) if kind in looked_at else history)
        if finding is not None:
            found.append(finding)
    return found


def evidence_of(finding: Finding) -> dict[str, Any]:
    """Return what a person needs to judge for himself, as JSON: the matches with instants, points, time differences."""
    span = finding.span
    return {
        "matches_total": len(finding.met),
        "matches": [_shown(match) for match in finding.met[-MOST_SHOWN:]],
        "span": span and _spelt(span),
        "longest": finding.longest,
    }


def _spelt(span: Span) -> dict[str, Any]:
    return {"from": wire(span.from_at), "to": wire(span.to_at), "together": span.together, "of": list(span.of)}


def _shown(match: Met) -> dict[str, Any]:
    return {
        "match_id": str(match.match_id),
        "started_at": wire(match.started_at),
        "finished_at": wire(match.ended_at),
        "points": list(match.points),
        "winner": match.winner,
        "forfeited_by": match.forfeited_by,
        "seconds_apart": [None if apart is None else round(apart.total_seconds(), 3) for apart in match.apart],
    }


def check_decision(state: FlagState, decision: FlagState, *, own: bool) -> bool:
    """Return whether the decision is a new one; False: the same was taken before. Raises OwnFlag or FlagDecided."""
    if own:
        raise OwnFlag("这条异常提示涉及您本人，请由其他管理员核查。")
    if state is FlagState.OPEN:
        return True
    if state is not decision:
        raise FlagDecided("这条异常提示已由管理员核查，结论不能更改。", state=state)
    return False
