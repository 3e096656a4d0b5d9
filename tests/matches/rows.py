"""What the tables hold of a match, compared with the rules' windows and with the reference's answers."""

from __future__ import annotations

import uuid
from typing import Any

from app.core.wiring import Services
from app.matches.rules import GAP, Clock, windows
from tests.matches.reference import Reference

ROWS = """
SELECT r.*, p.seat, a.position, a.choice, a.correct, a.points, a.answered_at, a.after_answered
FROM match_run r JOIN paper p ON p.run_id = r.id LEFT JOIN answer a ON a.paper_id = p.id
WHERE r.match_id = $1
ORDER BY p.seat, a.answered_at, a.position
"""


def clock_of(run: Any) -> Clock:
    """The clock of a `match_run` row."""
    ended_at = run["ends_at"] if run["forfeited_by"] else None
    return Clock(run["started_at"], run["questions"], run["seconds"], run["players"], run["pace"], ended_at)


def check_run(run: Any, answers: list[Any]) -> None:
    """The row of a run against what follows from the answers given in it."""
    found = windows(clock_of(run), {(one["seat"], one["position"]): one["answered_at"] for one in answers})
    for seat in (1, 2):
        own = [one for one in answers if one["seat"] == seat]
        assert run["masks"][seat - 1] == sum(1 << one["position"] for one in own)
        assert run["rights"][seat - 1] == sum(1 << one["position"] for one in own if one["correct"])
        assert [one["after_answered"] for one in own] == list(range(1, len(own) + 1))
    together = [
        position
        for position in range(1, run["questions"] + 1)
        if sum(one["position"] == position for one in answers) == run["players"]
    ]
    cursor = max(together, default=0) + 1
    opens_at = found[cursor - 1].opens_at if cursor <= run["questions"] else found[-1].over_at + GAP
    assert (run["cursor"], run["cursor_opens_at"]) == (cursor, opens_at)
    assert run["ends_at"] == (run["ends_at"] if run["forfeited_by"] else found[-1].over_at)


async def check_match(services: Services, match_id: str, reference: Reference) -> None:
    """A live match's row and answers against the reference, nothing more and nothing less."""
    rows = await services.database.answers.fetch(ROWS, uuid.UUID(match_id))
    answers = [row for row in rows if row["position"] is not None]
    check_run(rows[0], answers)
    stored = {(one["seat"], one["position"]): (one["answered_at"], one["choice"], one["correct"]) for one in answers}
    assert len(stored) == len(answers)
    assert stored == {
        key: (given.at, ",".join(given.option_ids), given.correct) for key, given in reference.answers.items()
    }
    assert all(one["points"] == (20 if one["correct"] else 0) for one in answers)
    assert rows[0]["ends_at"] == reference.ends_at()
    assert rows[0]["forfeited_by"] == (reference.given_up[0] if reference.given_up else None)
