"""What follows an outcome where the receiver drops a second copy, and limits for any second."""

from __future__ import annotations

import datetime as dt

import pytest

from app.notices.rules import Outcome, State, reserve, settle
from tests.times import instant

NOW = instant("12:00")
SOON, OVER = NOW + dt.timedelta(minutes=20), NOW + dt.timedelta(seconds=5)


@pytest.mark.parametrize(
    ("state", "in_doubt", "until", "attempts", "follows"),
    [
        (State.UNCERTAIN, False, None, 1, State.UNCERTAIN),
        (State.UNCERTAIN, False, SOON, 1, State.RETRY),
        (State.UNCERTAIN, False, OVER, 1, State.UNCERTAIN),
        (State.UNCERTAIN, True, SOON, 10, State.UNCERTAIN),
        (State.RETRY, True, SOON, 2, State.RETRY),
        (State.RETRY, True, OVER, 2, State.UNCERTAIN),
        (State.RETRY, True, SOON, 10, State.UNCERTAIN),
        (State.RETRY, False, OVER, 2, State.RETRY),
        (State.RETRY, False, SOON, 10, State.DEAD),
        (State.DEAD, True, SOON, 2, State.UNCERTAIN),
        (State.DEAD, False, SOON, 2, State.DEAD),
        (State.SENT, True, OVER, 2, State.SENT),
    ],
)
def test_a_doubt_is_repeated_while_a_second_copy_is_dropped_and_never_forgotten(
    state: State, in_doubt: bool, until: dt.datetime | None, attempts: int, follows: State
) -> None:
    settled = settle(Outcome(state), now=NOW, attempts=attempts, allowed=10, in_doubt=in_doubt, repeat_until=until)
    assert settled.state is follows


def test_the_sixth_post_of_a_second_waits_a_moment() -> None:
    posts = [NOW] * 5
    full = reserve(posts, now=NOW, per_minute=100, per_second=5)
    assert (full.posts, full.free_at) == (None, NOW + dt.timedelta(seconds=1.2))
    later = reserve(posts, now=full.free_at, per_minute=100, per_second=5)
    assert later.posts == [*posts, full.free_at]
