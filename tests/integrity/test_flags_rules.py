"""What is noticed about two officers who meet live, by example and by property."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrity.rules import (
    ALTERNATING,
    AT_ONCE,
    MOST_SHOWN,
    OFTEN,
    SPAN,
    FlagDecided,
    FlagState,
    History,
    Kind,
    Met,
    OwnFlag,
    alternating_wins,
    check_decision,
    evidence_of,
    findings,
    repeated_pair,
    simultaneous_answers,
)
from tests.times import instant

NOON = instant("12:00")
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
WON, LOST, DRAWN = (60, 40), (40, 60), (60, 60)


def met(
    at: dt.datetime = NOON,
    points: tuple[int, int] = DRAWN,
    *,
    apart: Sequence[float | None] = (2, -3, 4),
    forfeited_by: int | None = None,
) -> Met:
    """A match; `apart`: seconds by which the first answered later, None where the second was silent."""
    opened = [at + dt.timedelta(seconds=40 * number) for number in range(len(apart))]
    return Met(
        match_id=uuid.uuid5(uuid.NAMESPACE_URL, at.isoformat()),
        started_at=at,
        ended_at=at + 3 * dt.timedelta(minutes=1),
        points=points,
        answered_at=(
            [moment + dt.timedelta(seconds=10 + (seconds or 0)) for moment, seconds in zip(opened, apart, strict=True)],
            [
                None if seconds is None else moment + dt.timedelta(seconds=10)
                for moment, seconds in zip(opened, apart, strict=True)
            ],
        ),
        forfeited_by=forfeited_by,
    )


def history(matches: Sequence[Met], *others: Sequence[dt.datetime]) -> History:
    """These matches of a pair; `others`: when each of the two began one with somebody else."""
    starts = [match.started_at for match in matches]
    one, other = others or ((), ())
    return History(matches, (sorted([*starts, *one]), sorted([*starts, *other])))


def every(step: dt.timedelta, count: int) -> list[Met]:
    return [met(NOON + number * step) for number in range(count)]


def results(*points: tuple[int, int]) -> History:
    return history([met(NOON + number * HOUR, each) for number, each in enumerate(points)])


# Repeated pairs.


def test_four_meetings_in_a_week_and_hardly_anybody_else() -> None:
    finding = repeated_pair(history(every(DAY, 4)))
    assert finding is not None
    assert [match.started_at for match in finding.met] == [NOON + number * DAY for number in range(4)]
    assert finding.span == (NOON, NOON + 3 * DAY, 4, (4, 4))


def test_three_meetings_are_nothing() -> None:
    assert repeated_pair(history(every(DAY, 3))) is None


def test_four_meetings_over_more_than_a_week_are_nothing() -> None:
    assert repeated_pair(history(every(SPAN / 3, 4))) is None
    assert repeated_pair(history(every(SPAN / 3 - dt.timedelta(seconds=1), 4))) is not None


@pytest.mark.parametrize(("one", "other", "noticed"), [(4, 4, False), (3, 4, True), (4, 3, True), (0, 40, True)])
def test_more_than_half_of_the_matches_of_one_of_them(one: int, other: int, noticed: bool) -> None:
    elsewhere = [[NOON + HOUR + number * HOUR for number in range(count)] for count in (one, other)]
    assert (repeated_pair(history(every(DAY, 4), *elsewhere)) is not None) is noticed


def test_matches_with_others_in_another_week_do_not_excuse() -> None:
    before = [NOON - SPAN - number * HOUR for number in range(10)]
    assert repeated_pair(history(every(HOUR, 4), before, before)) is not None


def test_the_evidence_has_every_such_week_and_names_the_fullest() -> None:
    early, late = every(DAY, 5), [met(NOON + 30 * DAY + number * HOUR) for number in range(4)]
    lonely = met(NOON + 15 * DAY)
    finding = repeated_pair(history([*early, lonely, *late]))
    assert finding is not None
    assert finding.met == [*early, *late]
    assert finding.span == (NOON, NOON + 4 * DAY, 5, (5, 5))


# Wins in turn.


def test_four_wins_in_turn() -> None:
    finding = alternating_wins(results(WON, LOST, WON, LOST))
    assert finding is not None
    assert (len(finding.met), finding.longest) == (4, 4)


@pytest.mark.parametrize(
    "points",
    [
        (WON, LOST, WON),
        (WON, LOST, DRAWN, WON, LOST),
        (WON, LOST, LOST, WON, WON, LOST),
        (WON, WON, WON, WON),
        (DRAWN, DRAWN, DRAWN, DRAWN),
    ],
)
def test_no_four_wins_in_turn(points: tuple[tuple[int, int], ...]) -> None:
    assert alternating_wins(results(*points)) is None


def test_the_evidence_has_every_long_row() -> None:
    finding = alternating_wins(results(WON, LOST, WON, LOST, LOST, DRAWN, WON, LOST, WON, LOST, WON, DRAWN))
    assert finding is not None
    assert [match.winner for match in finding.met] == [1, 2, 1, 2, 1, 2, 1, 2, 1]
    assert finding.longest == 5


def test_who_gave_up_has_lost_whatever_the_points() -> None:
    assert met(points=WON, forfeited_by=1).winner == 2
    assert met(points=LOST, forfeited_by=2).winner == 1
    givers = [met(NOON + number * HOUR, (0, 0), forfeited_by=1 + number % 2) for number in range(4)]
    assert alternating_wins(history(givers)) is not None


# Answers at the same time.


def test_every_answer_within_a_second() -> None:
    together, apart = met(apart=(1, -1, 0)), met(NOON + HOUR, apart=(0, 1.001, 0))
    finding = simultaneous_answers(history([together, apart]))
    assert finding is not None
    assert finding.met == [together]


def test_a_question_that_one_left_out_is_not_answered_at_the_same_time() -> None:
    assert simultaneous_answers(history([met(apart=(0, None, 0))])) is None
    assert met(apart=(0, None, 0)).apart == [dt.timedelta(), None, dt.timedelta()]


# All of it.


def test_what_was_decided_on_is_not_noticed_again() -> None:
    matches = [met(NOON + number * HOUR, (WON, LOST)[number % 2], apart=(0, 0)) for number in range(7)]
    looked_at = dict.fromkeys(Kind, matches[2].started_at)
    found = {finding.kind: finding.met for finding in findings(history(matches), looked_at)}
    assert found == dict.fromkeys(Kind, matches[3:])
    assert findings(history(matches), dict.fromkeys(Kind, matches[-1].started_at)) == []
    only_one = findings(history(matches), {Kind.ALTERNATING_WINS: matches[3].started_at})
    assert [finding.kind for finding in only_one] == [Kind.REPEATED_PAIR, Kind.SIMULTANEOUS_ANSWERS]


def test_the_evidence_can_be_read_by_a_person() -> None:
    [finding] = findings(history([met(points=WON, apart=(0.25, -1, 0))]), {})
    assert evidence_of(finding) == {
        "matches_total": 1,
        "matches": [
            {
                "match_id": str(finding.met[0].match_id),
                "started_at": "2026-11-23T12:00:00+08:00",
                "finished_at": "2026-11-23T12:03:00+08:00",
                "points": [60, 40],
                "winner": 1,
                "forfeited_by": None,
                "seconds_apart": [0.25, -1.0, 0.0],
            }
        ],
        "span": None,
        "longest": None,
    }


def test_long_evidence_shows_the_latest_and_says_how_many() -> None:
    finding = repeated_pair(history(every(HOUR, MOST_SHOWN + 3)))
    assert finding is not None
    shown = evidence_of(finding)
    assert (shown["matches_total"], len(shown["matches"])) == (MOST_SHOWN + 3, MOST_SHOWN)
    assert shown["matches"][-1]["started_at"] == "2026-11-25T16:00:00+08:00"
    assert shown["span"] == {
        "from": "2026-11-23T12:00:00+08:00",
        "to": "2026-11-25T16:00:00+08:00",
        "together": MOST_SHOWN + 3,
        "of": [MOST_SHOWN + 3, MOST_SHOWN + 3],
    }


@st.composite
def histories(draw: st.DrawFn) -> History:
    seconds = st.one_of(st.none(), st.sampled_from([-1.5, -1, 0, 0.5, 1, 9]))
    at, matches = NOON, []
    for _ in range(draw(st.integers(0, 9))):
        at += draw(st.sampled_from([HOUR, DAY, 2 * DAY, 5 * DAY]))
        points = draw(st.sampled_from([WON, LOST, DRAWN]))
        forfeit = draw(st.sampled_from([None, None, None, 1, 2]))
        matches.append(met(at, points, apart=draw(st.lists(seconds, min_size=2, max_size=2)), forfeited_by=forfeit))
    elsewhere = st.lists(st.integers(0, 20 * 24).map(lambda hours: NOON + hours * HOUR), max_size=6)
    return history(matches, draw(elsewhere), draw(elsewhere))


@given(histories())
def test_a_repeated_pair_is_what_any_window_shows(given_history: History) -> None:
    noticed = set()
    for last in given_history.met:
        window = [match for match in given_history.met if last.started_at - SPAN < match.started_at <= last.started_at]
        each = [sum(last.started_at - SPAN < at <= last.started_at for at in begun) for begun in given_history.begun]
        if len(window) >= OFTEN and any(len(window) > total / 2 for total in each):
            noticed |= {match.match_id for match in window}
    finding = repeated_pair(given_history)
    assert {match.match_id for match in (finding.met if finding else [])} == noticed


@given(histories())
def test_wins_in_turn_are_what_any_stretch_shows(given_history: History) -> None:
    winners, noticed = [match.winner for match in given_history.met], set()
    for start in range(len(winners) - ALTERNATING + 1):
        row = winners[start : start + ALTERNATING]
        if None not in row and all(one != other for one, other in pairwise(row)):
            noticed |= set(range(start, start + ALTERNATING))
    finding = alternating_wins(given_history)
    assert (list(finding.met) if finding else []) == [given_history.met[number] for number in sorted(noticed)]


@given(histories())
def test_simultaneous_matches_have_no_answer_alone_and_none_late(given_history: History) -> None:
    finding = simultaneous_answers(given_history)
    for match in given_history.met:
        quick = None not in match.apart and max(abs(each or AT_ONCE) for each in match.apart) <= AT_ONCE
        assert (match in (finding.met if finding else [])) == quick


@given(histories())
def test_who_is_named_first_changes_nothing(given_history: History) -> None:
    one, other = given_history.begun
    turned = [
        Met(
            match.match_id,
            match.started_at,
            match.ended_at,
            (match.points[1], match.points[0]),
            (match.answered_at[1], match.answered_at[0]),
            match.forfeited_by and 3 - match.forfeited_by,
        )
        for match in given_history.met
    ]
    mirrored = findings(History(turned, (other, one)), {})
    found = findings(given_history, {})
    assert [finding.kind for finding in mirrored] == [finding.kind for finding in found]
    assert [[m.match_id for m in f.met] for f in mirrored] == [[m.match_id for m in f.met] for f in found]


@given(histories(), st.integers(0, 9))
def test_only_later_matches_are_shown_after_a_decision(given_history: History, seen: int) -> None:
    looked_at = dict.fromkeys(Kind, NOON + seen * DAY)
    for finding in findings(given_history, looked_at):
        assert min(match.started_at for match in finding.met) > looked_at[finding.kind]
        evidence = evidence_of(finding)
        assert json.loads(json.dumps(evidence)) == evidence


def test_a_decision_is_taken_once_and_never_on_oneself() -> None:
    for state in (FlagState.DISMISSED, FlagState.CONFIRMED):
        assert check_decision(FlagState.OPEN, state, own=False) is True
        assert check_decision(state, state, own=False) is False
    with pytest.raises(FlagDecided) as refused:
        check_decision(FlagState.CONFIRMED, FlagState.DISMISSED, own=False)
    assert refused.value.facts == {"state": "confirmed"}
    with pytest.raises(OwnFlag):
        check_decision(FlagState.OPEN, FlagState.DISMISSED, own=True)
