"""Puts a match into the tables: its questions, the clock of a run, and the papers of its seats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.bank.rules import Pool, draw
from app.contests.rules import BankTooSmall, closes_at
from app.core.ids import new_id
from app.matches.rules import LEAD, SHORT_STEM, Clock, kinds_of_match, latest_end
from app.matches.statements import MAKE_MATCHES, MAKE_RUNS, MAKE_SEATS

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from app.contests.rules import PlayRules
    from app.papers.asking import Past
    from app.papers.hot_path import Connection


@dataclass(frozen=True)
class Made:
    """A match to be put down with the run that begins now; `holders` are (ticket, officer) of its seats in order.

    `first_seat` is 2 and `existing` holds seconds and points of the match where a challenge is taken up: match and first
    run are there already.
    """

    match_id: uuid.UUID
    contest_id: uuid.UUID
    day: dt.date
    rules: PlayRules
    mode: str
    revision_ids: Sequence[uuid.UUID]
    holders: Sequence[tuple[uuid.UUID, uuid.UUID]]
    now: dt.datetime
    pace: Sequence[int | None] | None = None
    recorded_paper_id: uuid.UUID | None = None
    first_seat: int = 1
    existing: tuple[int, int] | None = None
    bank_version: int | None = None  # of the pool it was drawn from; None where nothing was drawn

    @property
    def seconds(self) -> int:
        """Seconds for a question."""
        return self.existing[0] if self.existing else self.rules.matches.seconds

    @property
    def points(self) -> int:
        """Points of a question."""
        return self.existing[1] if self.existing else self.rules.matches.points_per_question


def drawn(pool: Pool, rules: PlayRules, match_id: uuid.UUID, pasts: Sequence[Past]) -> list[uuid.UUID]:
    """Return the revisions of a match: short stems only, nothing barred for any player, unseen by them first.

    Raises BankTooSmall.
    """
    short = pool.short(SHORT_STEM)
    barred = {question for past in pasts for question in past.barred}
    seen: dict[uuid.UUID, dt.date] = {}
    for past in pasts:
        for question, day in past.seen.items():
            seen[question] = max(day, seen.get(question, day))
    available = short.available(barred)
    wanted = rules.matches.questions
    counts = kinds_of_match(wanted, available)
    if (missing := wanted - sum(counts.values())) > 0:
        raise BankTooSmall.of("single", available=available["single"], needed=available["single"] + missing)
    return draw(short, seed=f"match:{match_id}", counts=counts, seen=seen, excluded=barred)


async def put_down(connection: Connection, made: Sequence[Made]) -> None:
    """Insert matches, runs, papers and days, and turn the waiting tickets into seats."""
    if not made:
        return
    new = [one for one in made if one.existing is None]
    if new:
        await connection.execute(MAKE_MATCHES, *_columns([_match_row(one) for one in new]))
    runs = [(new_id(), one) for one in made]
    await connection.execute(MAKE_RUNS, *_columns([_run_row(run_id, one) for run_id, one in runs]))
    seats = [
        _seat_row(run_id, one, seat, *holder)
        for run_id, one in runs
        for seat, holder in enumerate(one.holders, start=one.first_seat)
    ]
    await connection.execute(MAKE_SEATS, *_columns(seats))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _array(values: Sequence[object]) -> str:
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _match_row(made: Made) -> tuple[Any, ...]:
    return (
        made.match_id,
        made.contest_id,
        made.mode,
        _array(made.revision_ids),
        made.seconds,
        made.points,
        made.recorded_paper_id,
        made.now,
    )


def _run_row(run_id: uuid.UUID, made: Made) -> tuple[Any, ...]:
    questions = len(made.revision_ids)
    started_at = made.now + LEAD
    pace = None if made.pace is None else _array(made.pace)
    ends_at = latest_end(Clock(started_at, questions, made.seconds))
    return (run_id, made.match_id, len(made.holders), questions, made.seconds, pace, started_at, ends_at)


def _seat_row(run_id: uuid.UUID, made: Made, seat: int, ticket_id: uuid.UUID, officer_id: uuid.UUID) -> tuple[Any, ...]:
    matches = made.rules.matches
    return (
        new_id(),
        ticket_id,
        made.match_id,
        run_id,
        seat,
        made.contest_id,
        officer_id,
        made.day,
        _array(made.revision_ids),
        made.points,
        made.now,
        closes_at(made.rules, made.day),
        matches.required_per_day,
        matches.counted_per_day,
        made.bank_version,
    )
