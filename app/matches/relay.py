"""Recorded opponents (记录对战): a colleague's run, played against at any minute, its answers shown as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.ids import new_id
from app.matches.making import Made, put_down
from app.matches.models import Mode
from app.matches.rules import Clock, Player, Recording, choose_recording, windows
from app.matches.statements import MET_PAPERS, RECORDED, UNFINISHED
from app.papers.asking import STANDING, locked_past

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from app.bank.cache import Library
    from app.contests.rules import PlayRules
    from app.matches.wishes import Asker
    from app.papers.hot_path import Connection

RECORDED_ANSWERS = """
SELECT r.started_at, r.questions, r.seconds, r.players, r.pace, p.seat, p.revision_ids, p.id = $1 AS wanted,
       ARRAY(SELECT a FROM answer a WHERE a.paper_id = p.id ORDER BY a.position) AS answers
FROM paper own JOIN match_run r ON r.id = own.run_id JOIN paper p ON p.run_id = r.id
WHERE own.id = $1
"""


# Those of a challenge that waits for the officer: a relay would tell its key before it is taken up.
PROMISED = f"""
SELECT m.revision_ids FROM challenge c JOIN match m ON m.id = c.match_id {STANDING} AND c.to_officer_id = $1
"""  # noqa: S608 - a constant of this module


class Seeker(NamedTuple):
    """An officer with a ticket for whom a recorded run is sought."""

    ticket_id: uuid.UUID
    officer_id: uuid.UUID
    unit_id: uuid.UUID
    accuracy: float | None
    contest_id: uuid.UUID
    contest_unit_path: Sequence[uuid.UUID]
    bank_version: int
    rules: PlayRules
    day: dt.date
    now: dt.datetime

    @classmethod
    def of_claim(cls, row: Any, rules: PlayRules, now: dt.datetime) -> Seeker:
        """Return the seeker of a CLAIM row."""
        return cls(
            row["id"],
            row["officer_id"],
            row["unit_id"],
            row["accuracy"],
            row["contest_id"],
            row["contest_unit_path"],
            row["bank_version"],
            rules,
            row["day"],
            now,
        )


def of_asker(asker: Asker, accuracy: float | None) -> Seeker:
    """Return the seeker that an asker is."""
    row = asker.row
    return Seeker(
        asker.ticket_id,
        row["officer_id"],
        row["unit_id"],
        accuracy,
        row["contest_id"],
        row["contest_unit_path"],
        row["bank_version"],
        asker.rules,
        row["day"],
        row["at"],
    )


async def recorded_pace(connection: Connection, paper_id: uuid.UUID, seconds: int) -> list[int | None]:
    """Return for each question of a played paper after how many milliseconds it was answered; None where it was not.

    Never more than `seconds`: the rules may have changed since.
    """
    rows = await connection.fetch(RECORDED_ANSWERS, paper_id)
    answered_at = {
        (row["seat"], answer["position"]): answer["answered_at"] for row in rows for answer in row["answers"]
    }
    own = next(row for row in rows if row["wanted"])
    clock = Clock(own["started_at"], own["questions"], own["seconds"], own["players"], own["pace"])
    pace: list[int | None] = []
    for window in windows(clock, answered_at):
        answered = answered_at.get((own["seat"], window.position))
        after = None if answered is None else round((answered - window.opens_at).total_seconds() * 1000)
        pace.append(None if after is None else min(after, seconds * 1000))
    return pace


async def relay(connection: Connection, library: Library, seeker: Seeker) -> bool:
    """Seat one officer against a colleague's recorded run; return whether there was one."""
    pool = await library.pool(version=seeker.bank_version, owners=list(seeker.contest_unit_path), day=seeker.day)
    questions = seeker.rules.matches.questions
    rows = await connection.fetch(RECORDED, seeker.contest_id, questions, seeker.now)
    current = pool.revisions
    playable = {row["id"]: row for row in rows if current.issuperset(row["revision_ids"])}
    if not playable:
        return False
    past = (await locked_past(connection, library, [seeker.officer_id], day=seeker.day, now=seeker.now))[
        seeker.officer_id
    ]
    met = await connection.fetch(MET_PAPERS, [seeker.officer_id])
    unfinished = [
        *await connection.fetch(UNFINISHED, [seeker.officer_id], seeker.day),
        *await connection.fetch(PROMISED, seeker.officer_id, seeker.now),
    ]
    question_of = {
        key: view.question_id
        for key, view in (
            await library.revisions(
                revision for row in [*playable.values(), *unfinished] for revision in row["revision_ids"]
            )
        ).items()
    }
    chosen = choose_recording(
        (
            Recording(
                row["id"],
                row["officer_id"],
                row["unit_id"],
                frozenset(question_of[revision] for revision in row["revision_ids"]),
                row["accuracy"],
            )
            for row in playable.values()
        ),
        Player(
            seeker.officer_id,
            seeker.unit_id,
            seeker.accuracy,
            met_papers=frozenset(row["paper_id"] for row in met if row["paper_id"]),
            seen=frozenset(past.seen),
            barred=frozenset(question_of[revision] for row in unfinished for revision in row["revision_ids"]),
        ),
    )
    if chosen is None:
        return False
    await put_down(
        connection,
        [
            Made(
                match_id=new_id(),
                contest_id=seeker.contest_id,
                day=seeker.day,
                rules=seeker.rules,
                mode=Mode.RELAY,
                revision_ids=playable[chosen.paper_id]["revision_ids"],
                holders=[(seeker.ticket_id, seeker.officer_id)],
                now=seeker.now,
                pace=await recorded_pace(connection, chosen.paper_id, seeker.rules.matches.seconds),
                recorded_paper_id=chosen.paper_id,
            )
        ],
    )
    return True
