"""`lianbing bench draw`: the draw of one paper beside a plain reference that knows no topics and no history."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from app.bank.rules import ORDER, Drawable, Pool, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_COUNTS = {"single": 4, "multiple": 3, "true_false": 3}
_TOPICS = 21
_SHARES = {"single": 45, "multiple": 30, "true_false": 25}
_LAST_DAY = dt.date(2026, 11, 22)
_SPREAD = 21
TARGET = 5.0
"""Milliseconds that a paper may take at 10,000 questions."""


class Case(NamedTuple):
    """A pool of so many questions and an officer who has seen so many of them."""

    questions: int
    seen: int


CASES = (Case(600, 0), Case(600, 210), Case(10_000, 0), Case(10_000, 1_000))


def questions_of(count: int) -> list[Drawable]:
    """Return a bank of `count` questions in the mix of ours, over its topics."""
    kinds = [kind for kind in ORDER for _ in range(_SHARES[kind])]
    return [
        Drawable(
            uuid.UUID(int=number + 10**6),
            uuid.UUID(int=number),
            kinds[number % len(kinds)],
            f"专题{number // len(kinds) % _TOPICS}",
            30,
            case=False,
        )
        for number in range(count)
    ]


def plain(items: Sequence[Drawable], seen: Mapping[uuid.UUID, dt.date], seed: str) -> list[uuid.UUID]:
    """Return a paper as simply as can be: of each kind a sample of the unseen, looked for in the whole bank."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible pick, not a secret
    found: list[uuid.UUID] = []
    for kind, count in _COUNTS.items():
        fresh = [one.revision_id for one in items if one.kind == kind and one.question_id not in seen]
        found += chance.sample(fresh, count)
    return found


def _ours(pool: Pool, seen: Mapping[uuid.UUID, dt.date], seed: str) -> list[uuid.UUID]:
    return draw(pool, seed=seed, counts=_COUNTS, seen=seen, excluded=frozenset())


def draws(*, rounds: int) -> None:
    """Print for each case the median milliseconds of our draw and of the plain one, and their ratio."""
    click.echo("题池    见过    本程序(毫秒)  最慢(毫秒)  对照(毫秒)  比值")
    slowest = 0.0
    for case in CASES:
        items = questions_of(case.questions)
        pool = Pool(items)
        history = random.Random(case.seen).sample(items, case.seen)  # noqa: S311 - a fixed history
        seen = {one.question_id: _LAST_DAY - dt.timedelta(days=n % _SPREAD) for n, one in enumerate(history)}
        ours = _times(rounds, partial(_ours, pool, seen))
        theirs = _times(rounds, partial(plain, items, seen))
        median, reference = statistics.median(ours), statistics.median(theirs)
        slowest = max(slowest, median)
        click.echo(
            f"{case.questions:<8}{case.seen:<8}{median:<14.2f}{max(ours):<12.2f}{reference:<12.2f}{median / reference:.2f}"
        )
    verdict = "达到" if slowest < TARGET else "没有达到"
    click.echo(f"目标：一份试卷少于{TARGET:g}毫秒；最慢的中位数{slowest:.2f}毫秒，{verdict}。")


def _times(rounds: int, work: Callable[[str], object]) -> list[float]:
    """Return the milliseconds of each of so many papers, after one that warms up."""
    work("warm")
    found = []
    for number in range(rounds):
        begun = time.perf_counter()
        work(f"officer:{number}")
        found.append((time.perf_counter() - begun) * 1000)
    return found
