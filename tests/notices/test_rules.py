"""What is due when, what becomes of a delivery, and how a text is split."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contests.rules import PlayRules, merged
from app.notices.rules import (
    ATTEMPTS,
    CLAIM,
    CONFIRM,
    DOUBT,
    EXPIRE,
    HAND_OVER,
    LEASE,
    POST,
    POST_LIMIT,
    RATE_WINDOW,
    RELEASE,
    RESEND,
    UNDER_WAY,
    WITHDRAW,
    Due,
    Outcome,
    Reason,
    Slot,
    State,
    before_night,
    by_day,
    cutoff,
    due_slots,
    notice_state,
    outcome_of_status,
    reason_to_skip_all,
    reason_to_skip_branch,
    reserve,
    settle,
    slot_on,
)
from app.notices.splitting import split
from tests.times import TODAY, instant

DAY = dt.timedelta(days=1)
ALL = ("08:00", "12:00", "18:00", "22:00")
LONG_AGO = instant("00:00", TODAY - 100 * DAY)
RULES = PlayRules()


def due(
    now: dt.datetime,
    *,
    starts_on: dt.date = TODAY,
    ends_on: dt.date | None = None,
    since: dt.datetime = LONG_AGO,
    known: Collection[dt.datetime] = (),
    names: tuple[str, ...] = ALL,
) -> list[Due]:
    return due_slots(
        starts_on, ends_on or TODAY + 20 * DAY, since=since, now=now, known=known, names_on=lambda _: names
    )


def told(found: list[Due]) -> list[tuple[str, bool]]:
    return [(slot.name, send) for slot, send in found]


def test_nothing_is_due_before_the_first_days_noon() -> None:
    assert due(instant("09:00", TODAY - DAY)) == []
    assert due(instant("08:00:30")) == []


def test_a_slot_is_due_ten_seconds_after_its_instant() -> None:
    assert due(instant("12:00:09.999")) == []
    assert told(due(instant("12:00:10"))) == [("12:00", True)]


def test_eight_oclock_reports_the_day_before() -> None:
    (found,) = due(instant("08:00:10", TODAY + DAY), known=[instant(name) for name in ALL])
    assert (found.slot.day, found.slot.final) == (TODAY, True)


def test_the_last_days_final_goes_out_the_next_morning_and_is_the_last() -> None:
    after = TODAY + DAY
    known = [instant(name) for name in ALL]
    assert told(due(instant("08:00:10", after), ends_on=TODAY, known=known)) == [("08:00", True)]
    held = [*known, instant("08:00", after)]
    assert due(instant("23:00", after), ends_on=TODAY, known=held) == []
    assert due(instant("23:00", after + 5 * DAY), ends_on=TODAY, known=held) == []


@pytest.mark.parametrize(
    ("name", "last"), [("08:00", "11:29:59"), ("12:00", "13:59:59"), ("18:00", "21:29:59"), ("22:00", "22:59:59")]
)
def test_late_windows(name: str, last: str) -> None:
    known = [instant(other) for other in ALL if other < name]
    after = dt.timedelta(seconds=1)
    assert told(due(instant(last), starts_on=TODAY - DAY, since=instant("07:00"), known=known)) == [(name, True)]
    assert told(due(instant(last) + after, starts_on=TODAY - DAY, since=instant("07:00"), known=known)) == [
        (name, False)
    ]


def test_only_the_newest_of_several_is_sent() -> None:
    assert told(due(instant("18:05"))) == [("12:00", False), ("18:00", True)]


def test_down_until_two_at_night_sends_nothing() -> None:
    assert told(due(instant("02:00", TODAY + DAY))) == [("12:00", False), ("18:00", False), ("22:00", False)]


def test_an_older_slot_stays_covered_by_a_newer_known_one() -> None:
    assert told(due(instant("18:05"), known=[instant("18:00")])) == [("12:00", False)]


def test_slots_that_the_rules_leave_out_are_not_due() -> None:
    assert told(due(instant("18:05"), names=("18:00",))) == [("18:00", True)]
    assert due(instant("18:05"), names=()) == []


def test_slots_before_the_contest_was_opened_are_not_due() -> None:
    assert told(due(instant("18:05"), since=instant("12:30"))) == [("18:00", True)]


@given(st.integers(0, 30 * 24 * 3600))
def test_never_more_than_one_is_sent_and_never_at_night(seconds: int) -> None:
    now = instant("00:00", TODAY - 2 * DAY) + dt.timedelta(seconds=seconds)
    sent = [slot for slot, send in due(now) if send]
    assert len(sent) <= 1
    assert all(slot.at <= now < slot.deadline and 8 <= now.hour < 23 for slot in sent)


def test_late_is_more_than_five_minutes() -> None:
    slot = slot_on(TODAY, "08:00")
    assert not slot.late(instant("08:05"))
    assert slot.late(instant("08:05:00.1"))


def test_figures_count_to_the_slot_or_the_end_of_the_day() -> None:
    early = merged(RULES, {"day_closes_at": "17:00"})
    assert cutoff(slot_on(TODAY, "18:00"), RULES) == instant("18:00")
    assert cutoff(slot_on(TODAY, "18:00"), early) == instant("17:00")
    assert cutoff(slot_on(TODAY + DAY, "08:00"), RULES) == instant("00:00", TODAY + DAY)
    assert cutoff(slot_on(TODAY + DAY, "08:00"), early) == instant("17:00")


def test_reasons_to_send_nobody_anything() -> None:
    noon, final = slot_on(TODAY, "12:00"), slot_on(TODAY, "08:00")
    afternoon = merged(RULES, {"day_opens_at": "12:00"})

    def reason(slot: Slot, rules: PlayRules = RULES, **known: Any) -> Reason | None:
        return reason_to_skip_all(slot, rules, **{"paused": False, "expected": 5, "participated": 3, **known})

    assert reason(noon, paused=True) is Reason.PAUSED
    assert reason(noon, expected=0, participated=0) is Reason.NOBODY
    assert reason(noon, afternoon) is Reason.NOT_OPEN
    assert reason(final, afternoon) is None
    assert reason(noon) is None
    assert reason(final, paused=True) is None
    assert reason(final, paused=True, participated=0) is Reason.PAUSED


@pytest.mark.parametrize(
    ("at", "goes_out", "until"),
    [
        (instant("07:59"), instant("08:00"), instant("10:00")),
        (instant("08:00"), instant("08:00"), instant("10:00")),
        (instant("22:29"), instant("22:29"), instant("23:00")),
        (instant("22:30"), instant("08:00", TODAY + DAY), instant("10:00", TODAY + DAY)),
        (instant("02:00"), instant("08:00"), instant("10:00")),
    ],
)
def test_nothing_goes_out_at_night(at: dt.datetime, goes_out: dt.datetime, until: dt.datetime) -> None:
    assert by_day(at) == goes_out
    assert before_night(by_day(at), dt.timedelta(hours=2)) == until


def test_reasons_to_leave_one_branch_in_peace() -> None:
    noon, final = slot_on(TODAY, "12:00"), slot_on(TODAY, "08:00")
    assert reason_to_skip_branch(noon, expected=0, thanked=False) is Reason.NOBODY
    assert reason_to_skip_branch(noon, expected=3, thanked=True) is Reason.COMPLETE
    assert reason_to_skip_branch(final, expected=3, thanked=True) is None
    assert reason_to_skip_branch(noon, expected=3, thanked=False) is None


def test_the_state_machine_is_the_documented_one() -> None:
    steps = {
        (source, step.target)
        for step in (CLAIM, POST, RELEASE, DOUBT, EXPIRE, RESEND, CONFIRM, HAND_OVER, WITHDRAW)
        for source in step.sources
    }
    finals = {State.SENT, State.EXPIRED}
    assert not [pair for pair in steps if pair[0] in finals]
    assert (State.POSTING, State.RETRY) not in steps  # only a recorded outcome leads there
    assert {target for source, target in steps if source is State.UNCERTAIN} == {State.SENT, State.RETRY}
    assert {target for source, target in steps if source is State.TO_FORWARD} == {State.SENT}
    assert {State.PENDING, State.RETRY, State.CLAIMED, State.POSTING} == UNDER_WAY


def test_a_post_ends_before_its_lease() -> None:
    assert LEASE.total_seconds() > 2 * POST_LIMIT


@pytest.mark.parametrize(
    ("stored", "deliveries", "state"),
    [
        ("planned", ["sent", "sent"], "sent"),
        ("planned", ["sent", "pending"], "planned"),
        ("planned", ["claimed", "posting", "retry"], "planned"),
        ("planned", ["sent", "uncertain"], "attention"),
        ("planned", ["pending", "dead"], "attention"),
        ("planned", ["sent", "expired"], "attention"),
        ("planned", ["to_forward"], "attention"),
        ("planned", [], "planned"),
        ("skipped", [], "skipped"),
        ("superseded", [], "superseded"),
    ],
)
def test_a_notice_stands_where_its_deliveries_stand(stored: str, deliveries: list[str], state: str) -> None:
    assert notice_state(stored, deliveries) == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (302, State.DEAD),
        (400, State.DEAD),
        (404, State.DEAD),
        (408, State.RETRY),
        (429, State.RETRY),
        (500, State.UNCERTAIN),
        (502, State.UNCERTAIN),
    ],
)
def test_what_a_status_alone_decides(status: int, state: State) -> None:
    outcome = outcome_of_status(status)
    assert outcome is not None
    assert outcome.state is state
    assert str(status) in outcome.detail


def test_a_2xx_leaves_it_to_the_body() -> None:
    assert outcome_of_status(200) is None
    assert outcome_of_status(204) is None


def test_retries_wait_longer_and_longer_and_end() -> None:
    retry, now = Outcome(State.RETRY), instant("08:00")
    waits = [settle(retry, now=now, attempts=n, allowed=ATTEMPTS).next_at - now for n in range(1, ATTEMPTS)]
    assert waits == sorted(waits)
    assert waits[0] == dt.timedelta(seconds=10)
    assert sum(waits, dt.timedelta()) < dt.timedelta(hours=2)
    assert settle(retry, now=now, attempts=ATTEMPTS - 1, allowed=ATTEMPTS).state is State.RETRY
    assert settle(retry, now=now, attempts=ATTEMPTS, allowed=ATTEMPTS).state is State.DEAD
    assert settle(Outcome(State.SENT), now=now, attempts=ATTEMPTS, allowed=ATTEMPTS).state is State.SENT


def test_a_blocked_channel_delays_the_retry() -> None:
    now = instant("08:00")
    settled = settle(Outcome(State.RETRY, block=60), now=now, attempts=1, allowed=ATTEMPTS)
    assert settled.next_at == now + dt.timedelta(seconds=60)


def test_twenty_a_minute_and_then_a_pause() -> None:
    now = instant("08:00")
    posts: list[dt.datetime] = []
    for number in range(20):
        room = reserve(posts, now=now + dt.timedelta(seconds=number), per_minute=20)
        assert room.posts is not None
        posts = room.posts
    assert reserve(posts, now=now + dt.timedelta(seconds=30), per_minute=20) == (None, now + RATE_WINDOW)


@given(st.lists(st.integers(0, 600_000), max_size=150), st.integers(1, 20))
def test_no_minute_ever_holds_more_posts_than_allowed(moments: list[int], per_minute: int) -> None:
    posts: list[dt.datetime] = []
    accepted = []
    for milliseconds in sorted(moments):
        now = instant("08:00") + dt.timedelta(milliseconds=milliseconds)
        room = reserve(posts, now=now, per_minute=per_minute)
        if room.posts is not None:
            posts = room.posts
            accepted.append(now)
        else:
            assert room.free_at > now
    for begin in accepted:
        minute = [post for post in accepted if begin <= post <= begin + dt.timedelta(seconds=60)]
        assert len(minute) <= per_minute


@given(st.text(st.sampled_from("应参赛人，。；、a1😀\n"), max_size=400), st.integers(4, 60))
def test_split_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")
    assert all(0 < len(part.encode()) <= limit for part in parts)


@given(st.lists(st.text(st.sampled_from("应参赛人"), min_size=1, max_size=6), min_size=1, max_size=30))
def test_split_at_line_ends_where_every_line_fits(lines: list[str]) -> None:
    parts = split("\n".join(lines), 24)
    assert [line for part in parts for line in part.split("\n")] == lines


def test_4096_bytes_are_one_part_and_4097_two() -> None:
    text = "练" * 1365 + "a"
    assert len(text.encode()) == 4096
    assert split(text, 4096) == [text]
    assert split(text + "b", 4096) == [text, "b"]


def test_a_long_line_is_cut_after_a_mark() -> None:
    assert split("一、总体情况。应参赛人", 24) == ["一、总体情况。", "应参赛人"]


def test_a_part_must_hold_a_character() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        split("练", 3)


def test_a_slot_knows_its_name_and_day() -> None:
    utc = Slot(dt.datetime(2026, 11, 23, 0, 0, tzinfo=dt.UTC))
    assert (utc.name, utc.day) == ("08:00", TODAY - DAY)
