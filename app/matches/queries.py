"""Reads of matches: everything a Match shows in one indexed statement, for many matches at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.batching import Batcher
from app.matches.rules import Clock
from app.papers.asking import STANDING
from app.papers.hot_path import committed
from app.papers.service import Recorded, as_recorded

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    import asyncpg

    from app.core.clock import Clock as ProcessClock
    from app.papers.hot_path import Connection

# The papers of each match with its recorded opponent's, who holds them, where they belonged that day, and the answers.
MATCHES = """
SELECT clock_timestamp() AS now, m.id, m.mode, m.revision_ids, m.seconds, m.points_per_question, m.created_at,
       p.id AS paper_id, p.officer_id, p.day, p.run_id, o.name, u.name AS unit_name,
       p.id IS NOT DISTINCT FROM m.recorded_paper_id AS recorded,
       CASE WHEN p.id IS NOT DISTINCT FROM m.recorded_paper_id THEN 2 ELSE p.seat END AS seat, p.seat AS run_seat,
       r.players, r.pace, r.started_at, r.seconds AS run_seconds, r.counted, r.forfeited_by, r.ends_at,
       ARRAY(SELECT a FROM answer a WHERE a.paper_id = p.id ORDER BY a.position) AS answers
FROM match m
JOIN paper p ON p.match_id = m.id OR p.id = m.recorded_paper_id
JOIN match_run r ON r.id = p.run_id
JOIN officer o ON o.id = p.officer_id
LEFT JOIN assignment g ON g.officer_id = p.officer_id AND g.from_day <= p.day
                          AND (g.until_day IS NULL OR g.until_day > p.day)
LEFT JOIN unit u ON u.id = g.unit_id
WHERE m.id = ANY($1::uuid[])
"""

CHALLENGED = """
SELECT c.match_id, c.created_at, c.expires_at, c.from_officer_id, o.employee_no, o.name, u.name AS unit_name,
       cardinality(m.revision_ids) AS questions, m.seconds, m.points_per_question, m.revision_ids,
       t.name AS to_name, tu.name AS to_unit_name, c.to_officer_id
FROM challenge c
JOIN match m ON m.id = c.match_id
JOIN officer o ON o.id = c.from_officer_id
LEFT JOIN assignment g ON g.officer_id = o.id AND g.until_day IS NULL
LEFT JOIN unit u ON u.id = g.unit_id
JOIN officer t ON t.id = c.to_officer_id
LEFT JOIN assignment tg ON tg.officer_id = t.id AND tg.until_day IS NULL
LEFT JOIN unit tu ON tu.id = tg.unit_id
"""

# A challenge is offered once its challenger's run is over with an answer, and not given up.
WAITING = (
    CHALLENGED
    + STANDING
    + """
      AND c.to_officer_id = $1 AND r.ends_at <= $2
ORDER BY c.created_at, c.match_id
"""
)

OWN = """
SELECT match_id FROM paper
WHERE officer_id = $1 AND match_id IS NOT NULL AND day = $2
ORDER BY opened_at DESC, id DESC
"""


@dataclass(frozen=True)
class Seated:
    """One paper of a match: who plays or played it, under which clock, and its answers by position."""

    seat: int
    officer_id: uuid.UUID
    name: str
    unit_name: str
    paper_id: uuid.UUID
    recorded: bool
    day: dt.date
    run_id: uuid.UUID
    clock: Clock
    counted: bool
    forfeited_by: int | None
    ends_at: dt.datetime
    answers: dict[int, Recorded] = field(default_factory=dict)


class MatchRead(NamedTuple):
    """A match as it stood at `now`, with the papers by seat; the second seat of a challenge may be missing."""

    id: uuid.UUID
    mode: str
    revision_ids: Sequence[uuid.UUID]
    seconds: int
    points_per_question: int
    now: dt.datetime
    seats: dict[int, Seated]
    invited: tuple[str, str] | None
    """Name and unit of the colleague who has not taken up the challenge."""


async def read_matches(
    pool: asyncpg.Pool, ids: Sequence[uuid.UUID], *, now: dt.datetime | None = None
) -> dict[uuid.UUID, MatchRead]:
    """Return these matches by id, all as of one statement; an unknown id is left out. `now` only for tests."""

    async def work(connection: Connection) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
        rows = await connection.fetch(MATCHES, ids)
        alone = [row["id"] for row in rows if row["mode"] == "challenge"]
        invited = await connection.fetch(CHALLENGED + "WHERE c.match_id = ANY($1::uuid[])", alone) if alone else []
        return rows, invited

    rows, invited = await committed(pool, work)
    named = {row["match_id"]: (row["to_name"], row["to_unit_name"] or "") for row in invited}
    found: dict[uuid.UUID, MatchRead] = {}
    for row in rows:
        match = found.setdefault(
            row["id"],
            MatchRead(
                id=row["id"],
                mode=row["mode"],
                revision_ids=row["revision_ids"],
                seconds=row["seconds"],
                points_per_question=row["points_per_question"],
                now=now or row["now"],
                seats={},
                invited=named.get(row["id"]),
            ),
        )
        match.seats[row["seat"]] = _seated(row)
    return found


def _seated(row: Any) -> Seated:
    questions = len(row["revision_ids"])
    given_up = row["forfeited_by"] is not None
    return Seated(
        seat=row["seat"],
        officer_id=row["officer_id"],
        name=row["name"],
        unit_name=row["unit_name"] or "",
        paper_id=row["paper_id"],
        recorded=row["recorded"],
        day=row["day"],
        run_id=row["run_id"],
        clock=Clock(
            started_at=row["started_at"],
            questions=questions,
            seconds=row["run_seconds"],
            players=row["players"],
            pace=row["pace"],
            ended_at=row["ends_at"] if given_up else None,
        ),
        counted=row["counted"][row["run_seat"] - 1],
        forfeited_by=row["forfeited_by"],
        ends_at=row["ends_at"],
        answers={
            answer["position"]: as_recorded(answer, position=answer["position"], questions=questions)
            for answer in row["answers"]
        },
    )


class MatchReader:
    """Reads matches for whoever polls or watches: requests that come together share one statement."""

    def __init__(self, pool: asyncpg.Pool, clock: ProcessClock) -> None:
        self._pool = pool
        self._clock = clock
        self._batcher: Batcher[uuid.UUID, MatchRead | None] = Batcher(self._read)

    async def read(self, match_id: uuid.UUID) -> MatchRead | None:
        """Return a match as it stands now; None for an unknown id."""
        return await self._batcher.submit(match_id)

    async def close(self) -> None:
        """Read what was asked for and take no more."""
        await self._batcher.close()

    async def _read(self, ids: Sequence[uuid.UUID]) -> list[MatchRead | None]:
        found = await read_matches(self._pool, list(dict.fromkeys(ids)), now=self._clock.override())
        return [found.get(match_id) for match_id in ids]
