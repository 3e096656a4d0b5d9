"""Rules of matches: windows against a clock that is wound by hand, pairings, recordings, kinds, hours, outcomes."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.matches.rules import (
    LEAD,
    Clock,
    Outcome,
    Player,
    Recording,
    Waiting,
    choose_recording,
    kinds_of_match,
    last_start,
    latest_end,
    outcome,
    pairings,
    revealed_at,
    windows,
)
from tests.times import instant

START = instant("09:00")
MIDNIGHT = instant("00:00") + dt.timedelta(days=1)
MILLISECONDS = st.integers(0, 40_000).map(lambda value: dt.timedelta(milliseconds=value))


def after(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def spans(clock: Clock, answered: dict[tuple[int, int], dt.datetime]) -> list[tuple[float, float]]:
    """Opening and end of each question, in seconds after the start."""
    found = windows(clock, answered)
    return [((w.opens_at - START).total_seconds(), (w.over_at - START).total_seconds()) for w in found]


# Windows.


def test_silence_takes_31_seconds_and_a_gap_of_three() -> None:
    assert spans(Clock(START, 3, 30, players=2), {}) == [(0, 31), (34, 65), (68, 99)]
    assert windows(Clock(START, 1, 30), {})[0].closes_at == after(30)


def test_the_second_answer_ends_a_question_and_one_alone_does_not() -> None:
    clock = Clock(START, 2, 30, players=2)
    assert spans(clock, {(1, 1): after(4)}) == [(0, 31), (34, 65)]
    assert spans(clock, {(1, 1): after(4), (2, 1): after(9)}) == [(0, 9), (12, 43)]


def test_a_recorded_opponent_is_waited_for_but_not_one_who_gave_no_answer() -> None:
    clock = Clock(START, 2, 30, pace=[7000, None])
    assert spans(clock, {(1, 1): after(4), (1, 2): after(15)}) == [(0, 7), (10, 15)]
    assert spans(clock, {(1, 1): after(8)})[0] == (0, 8)
    assert [revealed_at(clock, window) for window in windows(clock, {})] == [after(7), None]
    assert revealed_at(Clock(START, 1, 30), windows(Clock(START, 1, 30), {})[0]) is None


def test_who_gives_up_ends_the_question_too() -> None:
    assert spans(Clock(START, 2, 30, players=2, ended_at=after(5)), {})[0] == (0, 5)


@dataclass
class Wound:
    """The clock of a run as `match_run` holds it: a known opening, and arithmetic from there on."""

    clock: Clock
    cursor: int = 1
    opens_at: dt.datetime = START

    def place(self, now: dt.datetime) -> tuple[int, dt.datetime, dt.datetime]:
        """The question that is open, or next to open, at `now`, its opening and its end."""
        passed = max(0, (now - self.opens_at) // self.clock.period)
        opens_at = self.opens_at + passed * self.clock.period
        return self.cursor + passed, opens_at, opens_at + self.clock.window

    def everybody_answered(self, position: int, opens_at: dt.datetime, now: dt.datetime) -> None:
        after = (self.clock.pace or [None] * position)[position - 1] or 0
        over_at = max(now, opens_at + dt.timedelta(milliseconds=after))
        self.cursor, self.opens_at = position + 1, over_at + dt.timedelta(seconds=3)


@given(data=st.data(), players=st.sampled_from([1, 2]), questions=st.integers(1, 6), recorded=st.booleans())
def test_windows_agree_with_a_clock_wound_at_each_answer(
    data: st.DataObject, players: int, questions: int, recorded: bool
) -> None:
    moments = st.one_of(st.none(), st.integers(0, 30_000))
    pace = data.draw(st.lists(moments, min_size=questions, max_size=questions)) if recorded else None
    clock = Clock(START, questions, 30, players, pace)
    wound, answered, now = Wound(clock), dict[tuple[int, int], dt.datetime](), START
    for _ in range(12):
        now += data.draw(MILLISECONDS)
        position, opens_at, over_at = wound.place(now)
        if position > questions:
            break
        window = windows(clock, answered)[position - 1]
        assert (window.opens_at, window.over_at) == (opens_at, over_at)
        seat = data.draw(st.integers(1, players))
        if opens_at <= now < over_at and (seat, position) not in answered:
            answered[seat, position] = now
            if all((one, position) in answered for one in range(1, players + 1)):
                wound.everybody_answered(position, opens_at, now)
    found = windows(clock, answered)
    assert found[-1].over_at <= latest_end(clock)
    assert all(
        later.opens_at - sooner.over_at == dt.timedelta(seconds=3) for sooner, later in itertools.pairwise(found)
    )
    assert all(
        found[at - 1].opens_at <= when < found[at - 1].opens_at + clock.window for (_, at), when in answered.items()
    )


def test_silent_players_take_longest() -> None:
    assert latest_end(Clock(START, 5, 30)) == after(5 * 31 + 4 * 3)


# Hours and outcomes.


def test_no_match_starts_in_the_last_five_minutes() -> None:
    assert last_start(MIDNIGHT, questions=5, seconds=30) == instant("23:55")


@given(questions=st.integers(1, 20), seconds=st.integers(5, 300))
def test_a_match_that_starts_in_time_ends_before_the_day(questions: int, seconds: int) -> None:
    latest = last_start(MIDNIGHT, questions=questions, seconds=seconds) - dt.timedelta(microseconds=1)
    assert latest_end(Clock(latest + LEAD, questions, seconds)) < MIDNIGHT
    assert latest < instant("23:55")


@given(first=st.integers(0, 5), second=st.integers(0, 5), forfeited_by=st.sampled_from([None, 1, 2]))
def test_one_wins_what_the_other_loses(first: int, second: int, forfeited_by: int | None) -> None:
    one = outcome(first, second, my_seat=1, forfeited_by=forfeited_by)
    other = outcome(second, first, my_seat=2, forfeited_by=forfeited_by)
    assert {one, other} in ({Outcome.WIN, Outcome.LOSS}, {Outcome.DRAW})
    if forfeited_by:
        assert (one is Outcome.LOSS) is (forfeited_by == 1)
    else:
        assert (one is Outcome.WIN) is (first > second)
        assert (one is Outcome.DRAW) is (first == second)


# Pairings.

WAITING = st.lists(
    st.builds(
        Waiting,
        ticket_id=st.uuids(),
        officer_id=st.integers(0, 9).map(lambda number: uuid.UUID(int=number)),
        unit_id=st.integers(0, 2).map(lambda number: uuid.UUID(int=number)),
        since=st.integers(0, 5).map(after),
        accuracy=st.sampled_from([None, 0.2, 0.24, 0.5, 0.9]),
    ),
    max_size=9,
    unique_by=(lambda ticket: ticket.ticket_id, lambda ticket: ticket.officer_id),
)
MET = st.frozensets(
    st.frozensets(st.integers(0, 9).map(lambda number: uuid.UUID(int=number)), min_size=2, max_size=2), max_size=20
)


def steps_apart(one: Waiting, other: Waiting) -> int:
    known = one.accuracy is not None and other.accuracy is not None
    return round(abs((one.accuracy or 0) - (other.accuracy or 0)) * 10) if known else 0


@given(tickets=WAITING, met=MET)
def test_nobody_plays_twice_and_at_most_one_waits_on(
    tickets: list[Waiting], met: frozenset[frozenset[uuid.UUID]]
) -> None:
    pairs = pairings(tickets, met)
    seated = [ticket.ticket_id for pair in pairs for ticket in pair]
    assert len(set(seated)) == len(seated) == len(tickets) // 2 * 2
    assert set(seated) <= {ticket.ticket_id for ticket in tickets}


@given(tickets=WAITING, met=MET)
@settings(max_examples=300)
def test_each_takes_the_best_of_those_who_wait(tickets: list[Waiting], met: frozenset[frozenset[uuid.UUID]]) -> None:
    left = sorted(tickets, key=lambda ticket: (ticket.since, ticket.ticket_id))
    for first, chosen in pairings(tickets, met):
        assert first is left.pop(0)

        def again(other: Waiting, first: Waiting = first) -> bool:
            return frozenset((first.officer_id, other.officer_id)) in met

        fitting = [other for other in left if not again(other)] or left
        fitting = [other for other in fitting if other.unit_id != first.unit_id] or fitting
        closest = min(steps_apart(first, other) for other in fitting)
        fitting = [other for other in fitting if steps_apart(first, other) == closest]
        assert chosen is fitting[0]
        left.remove(chosen)
    assert len(left) < 2


@given(tickets=WAITING, met=MET, seed=st.randoms())
def test_the_order_of_reading_plays_no_part(
    tickets: list[Waiting], met: frozenset[frozenset[uuid.UUID]], seed: object
) -> None:
    turned = tickets[:]
    seed.shuffle(turned)  # type: ignore[attr-defined]
    assert pairings(turned, met) == pairings(tickets, met)


# Recorded runs.

IDS = st.integers(0, 9).map(lambda number: uuid.UUID(int=number))
RECORDINGS = st.lists(
    st.builds(
        Recording,
        paper_id=st.integers(0, 30).map(lambda number: uuid.UUID(int=number)),
        officer_id=IDS,
        unit_id=IDS,
        question_ids=st.frozensets(IDS, min_size=1, max_size=3),
        accuracy=st.sampled_from([None, 0.3, 0.8]),
    ),
    max_size=6,
    unique_by=lambda recording: recording.paper_id,
)
PLAYERS = st.builds(
    Player,
    officer_id=IDS,
    unit_id=IDS,
    accuracy=st.sampled_from([None, 0.3, 0.8]),
    met_papers=st.frozensets(st.integers(0, 30).map(lambda number: uuid.UUID(int=number)), max_size=5),
    seen=st.frozensets(IDS, max_size=5),
    barred=st.frozensets(IDS, max_size=2),
)


@given(recordings=RECORDINGS, player=PLAYERS)
@example([], Player(uuid.UUID(int=0), uuid.UUID(int=0)))
def test_the_recording_is_anothers_new_unbarred_and_the_least_seen(recordings: list[Recording], player: Player) -> None:
    fitting = [
        one
        for one in recordings
        if one.officer_id != player.officer_id
        and one.paper_id not in player.met_papers
        and one.question_ids.isdisjoint(player.barred)
    ]
    chosen = choose_recording(recordings, player)
    if chosen is None:
        assert fitting == []
        return
    assert chosen in fitting
    seen = min(len(one.question_ids & player.seen) for one in fitting)
    best = [one for one in fitting if len(one.question_ids & player.seen) == seen]
    assert chosen in best
    assert chosen.unit_id != player.unit_id or all(one.unit_id == player.unit_id for one in best)


def test_of_equally_fit_recordings_the_more_similar_colleagues_is_taken() -> None:
    ids = [uuid.UUID(int=number) for number in range(4)]
    far, near = (Recording(ids[n], ids[n], ids[0], frozenset(), accuracy) for n, accuracy in ((1, 0.3), (2, 0.9)))
    assert choose_recording([far, near], Player(ids[3], ids[3], 0.8)) is near


# Kinds.


@pytest.mark.parametrize(
    ("questions", "available", "expected"),
    [
        (5, {"single": 9, "true_false": 9, "multiple": 9}, (2, 2, 1)),
        (5, {"single": 1, "true_false": 9, "multiple": 1}, (1, 3, 1)),
        (5, {"single": 9}, (5, 0, 0)),
        (5, {"single": 1, "multiple": 2}, (1, 0, 2)),
        (1, {"single": 9, "true_false": 9, "multiple": 9}, (1, 0, 0)),
        (3, {}, (0, 0, 0)),
    ],
)
def test_kinds_take_turns(questions: int, available: dict[str, int], expected: tuple[int, int, int]) -> None:
    counts = kinds_of_match(questions, available)
    assert (counts["single"], counts["true_false"], counts["multiple"]) == expected


@given(questions=st.integers(1, 20), held=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)))
def test_kinds_fill_the_match_evenly_as_far_as_the_bank_goes(questions: int, held: tuple[int, int, int]) -> None:
    available = dict(zip(("single", "true_false", "multiple"), held, strict=True))
    counts = kinds_of_match(questions, available)
    assert sum(counts.values()) == min(questions, sum(held))
    assert all(counts[kind] <= available[kind] for kind in counts)
    most = max(counts.values())
    assert all(counts[kind] >= most - 1 or counts[kind] == available[kind] for kind in counts)
