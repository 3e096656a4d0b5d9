"""When a notice is due, and what becomes of a delivery: values in, values out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from app.contests.rules import closes_at, opens_at
from app.core.clock import at, local

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from app.contests.rules import PlayRules

FINAL = "08:00"
"""The slot of the numbered 通报: it reports the contest day before as final; the others report their own day."""

SETTLE = dt.timedelta(seconds=10)
"""From a slot to the freezing of its figures: answer transactions begun before it end within 5 s."""

_MORNING, _LATEST, _NIGHT = dt.time(8), dt.time(22, 30), dt.time(23)

ON_TIME = dt.timedelta(minutes=5)
"""A notice made later than this after its slot is marked 「补发」."""

WINDOWS = {
    FINAL: dt.timedelta(hours=3, minutes=30),
    "12:00": dt.timedelta(hours=2),
    "18:00": dt.timedelta(hours=3, minutes=30),
    "22:00": dt.timedelta(hours=1),
    "11:40": dt.timedelta(minutes=20),
    "17:40": dt.timedelta(minutes=20),
    "12:30": dt.timedelta(minutes=30),
    "20:00": dt.timedelta(minutes=30),
    **dict.fromkeys(("07:45", "11:45", "17:45", "21:45"), dt.timedelta(minutes=15)),
}
"""How long after each slot its notice may still go out: until 11:30, 14:00, 21:30 and 23:00.

A forecast (11:40, 17:40) is of no use once the slot of which it speaks has come; a nudge (12:30, 20:00) waits 30 minutes.
The organisers' previews (07:45, 11:45, 17:45, 21:45) wait until their slot.
"""

_NEVER_LATE = ("11:40", "12:30", "17:40", "20:00")

PREVIEW_LEAD = dt.timedelta(minutes=15)
"""How long before a slot its organisers are shown what it will say."""


@dataclass(frozen=True, order=True)
class Slot:
    """One instant at which a contest's notices are due."""

    at: dt.datetime

    @cached_property
    def name(self) -> str:
        """The slot as the contest's rules name it, such as `08:00`."""
        return local(self.at).strftime("%H:%M")

    @property
    def final(self) -> bool:
        """Whether it reports a finished day."""
        return self.name == FINAL

    @property
    def day(self) -> dt.date:
        """The contest day it reports."""
        today = local(self.at).date()
        return today - dt.timedelta(days=1) if self.final else today

    @property
    def deadline(self) -> dt.datetime:
        """The instant from which on it is no longer sent."""
        return self.at + WINDOWS[self.name]

    def late(self, now: dt.datetime) -> bool:
        """Whether a notice made at `now` must say that it comes late; forecasts and nudges come in time or never."""
        return self.name not in _NEVER_LATE and now - self.at > ON_TIME


def slot_on(day: dt.date, name: str) -> Slot:
    """Return the slot of this name on a calendar day."""
    return Slot(at(day, dt.time.fromisoformat(name)))


def final_of(day: dt.date) -> Slot:
    """Return the slot that reports a contest day as final: 8:00 of the morning after."""
    return slot_on(day + dt.timedelta(days=1), FINAL)


def compared_with(day: dt.date, previous: dt.date) -> str:
    """Return what a text calls the counted day before a contest day."""
    return "前一日" if previous == day - dt.timedelta(days=1) else "前一竞赛日"


def by_day(instant: dt.datetime, latest: dt.time = _LATEST) -> dt.datetime:
    """Return the instant itself, or at night (from `latest` on) the next 8:00: nothing goes out at night."""
    here = local(instant)
    if here.time() < _MORNING:
        return at(here.date(), _MORNING)
    return instant if here.time() < latest else at(here.date() + dt.timedelta(days=1), _MORNING)


def before_night(goes_out_at: dt.datetime, allowed: dt.timedelta) -> dt.datetime:
    """Return until when a message that goes out by day may be tried: so long, at the latest until 23:00."""
    return min(goes_out_at + allowed, at(local(goes_out_at).date(), _NIGHT))


class Due(NamedTuple):
    """A slot without notices, and whether they may still be sent."""

    slot: Slot
    send: bool


def in_contest(slot: Slot, starts_on: dt.date, ends_on: dt.date) -> bool:
    """Whether a slot belongs to a contest: from its first day's 12:00 to the 8:00 after its last day."""
    return starts_on <= slot.day <= ends_on


def due_slots(
    starts_on: dt.date,
    ends_on: dt.date,
    *,
    since: dt.datetime,
    now: dt.datetime,
    known: Collection[dt.datetime],
    names_on: Callable[[dt.date], Sequence[str]],
) -> list[Due]:
    """Return the contest's slots since `since` that are due at `now` and have no notices yet, oldest first.

    Only the newest due slot is sent, and only within its window; the older ones are covered by it (or, at night,
    by the next 8:00). `names_on` gives the slots that the rules of a calendar day ask for.
    """
    days = range((min(local(now).date(), ends_on + dt.timedelta(days=1)) - starts_on).days + 1)
    slots = [
        slot
        for day in (starts_on + dt.timedelta(days=number) for number in days)
        for slot in (slot_on(day, name) for name in names_on(day))
        if in_contest(slot, starts_on, ends_on) and since <= slot.at <= now - SETTLE
    ]
    return [Due(slot, slot == slots[-1] and now < slot.deadline) for slot in slots if slot.at not in known]


def cutoff(slot: Slot, rules: PlayRules) -> dt.datetime:
    """Return the instant as of which a slot's figures count: its own, or the end of the day where that is earlier."""
    end = closes_at(rules, slot.day)
    return end if slot.final else min(slot.at, end)


class Reason(StrEnum):
    """Why a slot's notice is not sent."""

    PAUSED = "contest-paused"
    NOT_COUNTED = "day-not-counted"
    NOT_OPEN = "day-not-open"
    NOBODY = "nobody-expected"
    COMPLETE = "already-thanked"
    MISSED = "missed"
    HELD_TOO_LONG = "held-past-window"
    DROPPED = "held-and-dropped"
    SLOT_HELD = "slot-held"
    NO_PERSON = "nobody-holds-role"
    NO_CHANNEL = "no-private-channel"
    NO_ACCOUNT = "no-private-account"
    NOBODY_LEFT = "nobody-left"


def reason_to_skip_all(
    slot: Slot, rules: PlayRules, *, paused: bool, expected: int, participated: int
) -> Reason | None:
    """Return why nobody is sent this slot's notice, or None.

    A contest that is paused in the morning still reports the day before, if anybody took part in it.
    """
    if paused and not (slot.final and participated):
        return Reason.PAUSED
    if not slot.final and slot.at <= opens_at(rules, slot.day):
        return Reason.NOT_OPEN
    return Reason.NOBODY if expected == 0 else None


def reason_to_skip_branch(slot: Slot, *, expected: int, thanked: bool) -> Reason | None:
    """Return why one branch is not sent this slot's notice, or None.

    A branch at 100 % (`thanked`: an earlier slot of the day told it so) hears no more until the final.
    """
    if expected == 0:
        return Reason.NOBODY
    return Reason.COMPLETE if thanked and not slot.final else None


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    POSTING = "posting"
    RETRY = "retry"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    DEAD = "dead"
    EXPIRED = "expired"
    TO_FORWARD = "to_forward"


class Step(NamedTuple):
    """A permitted step: from any of these states to that one."""

    sources: frozenset[State]
    target: State


def _step(target: State, *sources: State) -> Step:
    return Step(frozenset(sources), target)


CLAIM = _step(State.CLAIMED, State.PENDING, State.RETRY)
POST = _step(State.POSTING, State.CLAIMED)
RELEASE = _step(State.RETRY, State.CLAIMED)
DOUBT = _step(State.UNCERTAIN, State.POSTING)
REPEAT = _step(State.RETRY, State.POSTING)
GIVE_UP = _step(State.UNCERTAIN, State.PENDING, State.RETRY)
EXPIRE = _step(State.EXPIRED, State.PENDING, State.RETRY)
REVIVE = _step(State.RETRY, State.PENDING, State.RETRY, State.EXPIRED)
RESEND = _step(State.RETRY, State.UNCERTAIN, State.DEAD)
CONFIRM = _step(State.SENT, State.UNCERTAIN, State.TO_FORWARD)
HAND_OVER = _step(State.TO_FORWARD, State.PENDING, State.RETRY, State.CLAIMED)
WITHDRAW = _step(State.EXPIRED, State.PENDING, State.RETRY, State.CLAIMED)
UNDER_WAY = frozenset({State.PENDING, State.RETRY, State.CLAIMED, State.POSTING})

RECORDED_FROM = frozenset({State.POSTING, State.UNCERTAIN})
"""A known outcome is recorded over `uncertain` too, where the lease ran out while its holder was still posting."""


class NoticeState(StrEnum):
    """Where a notice stands: why it has no text, or what became of its deliveries together."""

    PLANNED = "planned"
    HELD = "held"
    SENT = "sent"
    ATTENTION = "attention"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"


def notice_state(stored: str, deliveries: Collection[str]) -> NoticeState:
    """Return a notice's state from the one stored and those of its deliveries.

    `sent`: every one is; `planned`: the machine is still at it; `attention`: at least one is left to a person, or
    was not sent in time.
    """
    if stored != NoticeState.PLANNED:
        return NoticeState(stored)
    if any(state != State.SENT and state not in UNDER_WAY for state in deliveries):
        return NoticeState.ATTENTION
    return NoticeState.SENT if deliveries and all(state == State.SENT for state in deliveries) else NoticeState.PLANNED


LEASE = dt.timedelta(seconds=60)
POST_LIMIT = 20.0
"""Seconds for one POST from its first byte to its last: shorter than the lease, which is renewed just before."""

ATTEMPTS = 10
ATTEMPTS_KEPT = dt.timedelta(days=90)
_BACK_OFF = (10, 30, 60, 120, 300, 600, 900)
"""Seconds until the next attempt, by attempts made; ten attempts spread over an hour."""

RESEND_WITHIN = dt.timedelta(hours=1)
"""How long the machine tries after a person asked it to send again."""


@dataclass(frozen=True)
class Outcome:
    """What became of one POST: the state, what to tell people, and seconds for which the channel rests.

    `sent` with a detail: some of the recipients were left out. `close`: the channel is to be switched off.
    """

    state: State
    detail: str = ""
    block: int = 0
    close: bool = False


LOOK = "请到群内查看（不发到群的，请向收件人核实）后再确认或重发。"
"""What a person does about a doubt: whether the channel leads to a group or to single people, both find their words."""


class Failure(StrEnum):
    """How a POST can fail without an answer."""

    NOT_CONNECTED = "not-connected"
    BROKEN = "broken"
    TIMED_OUT = "timed-out"


FAILURES = {
    Failure.NOT_CONNECTED: Outcome(State.RETRY, "连接不上对方服务器，消息未发出，稍后自动重试。"),
    Failure.BROKEN: Outcome(State.UNCERTAIN, f"发送途中连接中断，对方可能已收到；{LOOK}"),
    Failure.TIMED_OUT: Outcome(State.UNCERTAIN, f"等候对方答复超时，对方可能已收到；{LOOK}"),
}

UNREADABLE = Outcome(State.UNCERTAIN, f"对方的答复无法辨认，可能已收到；{LOOK}")


def outcome_of_status(status: int) -> Outcome | None:
    """Return what an HTTP status alone decides; None for 2xx, where the body's code decides."""
    if 200 <= status < 300:  # noqa: PLR2004
        return None
    if status >= 500:  # noqa: PLR2004
        detail = f"对方服务器出错（HTTP {status}），可能已收到；{LOOK}"
        return Outcome(State.UNCERTAIN, detail)
    if status in {408, 429}:
        return Outcome(State.RETRY, f"对方服务器繁忙（HTTP {status}），消息未发出，稍后自动重试。")
    return Outcome(State.DEAD, f"对方拒绝接收（HTTP {status}），消息未发出；请检查通道地址，改正后重发。")


class Settled(NamedTuple):
    """The state to write after an outcome, and when the next attempt is due."""

    state: State
    next_at: dt.datetime


def settle(
    outcome: Outcome,
    *,
    now: dt.datetime,
    attempts: int,
    allowed: int,
    in_doubt: bool = False,
    repeat_until: dt.datetime | None = None,
) -> Settled:
    """Return the state that follows an outcome: a retry beyond the allowed attempts is `dead`.

    `repeat_until`: until then the receiver drops a second copy, so that a doubt is repeated (None: it never does).
    `in_doubt`: an earlier attempt may have arrived; then nothing later says that it did not.
    """
    wait = max(outcome.block, _BACK_OFF[min(max(attempts, 1), len(_BACK_OFF)) - 1])
    next_at = now + dt.timedelta(seconds=wait)
    state = outcome.state
    doubt = repeat_until is not None and (in_doubt or state is State.UNCERTAIN)
    if doubt and state is State.UNCERTAIN:
        state = State.RETRY
    if state is State.RETRY and attempts >= allowed:
        state = State.DEAD
    too_late = repeat_until is not None and next_at >= repeat_until
    if doubt and (state is State.DEAD or (state is State.RETRY and too_late)):
        state = State.UNCERTAIN
    return Settled(state, next_at)


RATE_WINDOW = dt.timedelta(seconds=61)
"""A second more than the robots' minute: a POST arrives a little after its reservation."""

_SECOND = dt.timedelta(seconds=1.2)


class Reservation(NamedTuple):
    """The posts of the last minute with the new one, or (posts None) when there is room again."""

    posts: list[dt.datetime] | None
    free_at: dt.datetime


def reserve(
    posts: Sequence[dt.datetime], *, now: dt.datetime, per_minute: int, per_second: int | None = None
) -> Reservation:
    """Return the reservation of one more post at `now` under a robot's limits for any minute and any second."""
    recent = sorted(post for post in posts if post > now - RATE_WINDOW)
    free_at = now
    for most, window in ((per_minute, RATE_WINDOW), (per_second, _SECOND)):
        if most is not None and len(recent) >= most:
            free_at = max(free_at, recent[-most] + window)
    return Reservation([*recent, now] if free_at == now else None, free_at)
