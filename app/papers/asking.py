"""Who asks for a paper: the officer behind a token, the contest and rules of the day, and what stands in the way."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from app.contests.rules import PlayRules
from app.core.errors import LianbingError, Unauthenticated
from app.papers.rules import Situation, refusal
from app.roster.access import PasswordChangeRequired

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from app.bank.cache import Library
    from app.papers.hot_path import Connection

# Who asks, where they belong today, the contest over that unit nearest to today, and a paper already there.
CONTEXT = """
WITH stamp AS MATERIALIZED (SELECT clock_timestamp() AS at),
asked AS MATERIALIZED (
    SELECT r.ord, r.token_hash, coalesce(r.at, stamp.at) AS at,
           (coalesce(r.at, stamp.at) AT TIME ZONE 'Asia/Shanghai')::date AS day
    FROM unnest($1::int[], $2::bytea[], $3::timestamptz[]) AS r(ord, token_hash, at) CROSS JOIN stamp
)
SELECT r.ord, r.at, r.day, s.officer_id, o.must_change_password, a.takes_part, a.unit_id,
       c.id AS contest_id, c.unit_id AS contest_unit_id, cu.path AS contest_unit_path,
       c.state, c.starts_on, c.ends_on, v.rules, p.id AS paper_id,
       (SELECT version FROM bank_version) AS bank_version
FROM asked r
LEFT JOIN session s ON s.token_hash = r.token_hash AND s.expires_at > r.at
LEFT JOIN officer o ON o.id = s.officer_id
LEFT JOIN assignment a ON a.officer_id = o.id AND a.from_day <= r.day AND (a.until_day IS NULL OR a.until_day > r.day)
LEFT JOIN unit u ON u.id = a.unit_id
LEFT JOIN LATERAL (
    SELECT c.* FROM contest c
    WHERE c.unit_id = ANY(u.path) AND c.state <> 'draft'
    ORDER BY (r.day BETWEEN c.starts_on AND c.ends_on) DESC, (c.starts_on > r.day) DESC, c.starts_on, c.id
    LIMIT 1
) c ON true
LEFT JOIN unit cu ON cu.id = c.unit_id
LEFT JOIN LATERAL (
    SELECT v.rules FROM contest_rules v WHERE v.contest_id = c.id
    ORDER BY (v.from_day <= r.day) DESC, CASE WHEN v.from_day <= r.day THEN v.from_day END DESC, v.from_day LIMIT 1
) v ON true
LEFT JOIN paper p ON p.contest_id = c.id AND p.officer_id = o.id AND p.day = r.day AND p.kind = 'quiz'
ORDER BY r.ord
"""


@lru_cache(maxsize=256)
def rules_of(stored: str) -> PlayRules:
    """Return the rules that a `contest_rules` row holds as JSON text."""
    return PlayRules.model_validate(orjson.loads(stored))


def refusal_of(row: Any, *, holds: bool = False) -> LianbingError | None:
    """Return why the officer of a CONTEXT row is handed nothing, None where nothing stands in the way.

    `holds`: what was asked for is in the officer's hands already, only who asks is judged.
    """
    if row["officer_id"] is None:
        return Unauthenticated("登录已失效，请重新登录。")
    if row["must_change_password"]:
        return PasswordChangeRequired()
    if holds:
        return None
    if row["contest_id"] is None:
        situation = Situation(row["day"], bool(row["takes_part"]))
    else:
        situation = Situation(
            row["day"], bool(row["takes_part"]), row["state"], row["starts_on"], row["ends_on"], rules_of(row["rules"])
        )
    return refusal(situation, row["at"])


LOCK_OFFICERS = "SELECT 1 FROM officer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
"""A quiz and a match handed out at once must each see the other's questions: whoever hands out papers holds this."""

# Challenges and matches belong to a package above this one, hence plain SQL.
STANDING = """
JOIN match_run r ON r.match_id = c.match_id AND r.forfeited_by IS NULL AND (r.ends_at > $2 OR r.masks[1] <> 0)
WHERE c.taken_at IS NULL AND c.expires_at > $2
"""
"""Of challenges `c`, those that wait at $2 for the officer named, or will once their challengers have played: one that
ended without an answer, or was given up, is void."""

HISTORY = f"""
SELECT officer_id, day, kind, revision_ids FROM paper
WHERE officer_id = ANY($1::uuid[]) AND day > $3::date - 366
UNION ALL
SELECT c.to_officer_id, $3, 'challenge', m.revision_ids
FROM challenge c JOIN match m ON m.id = c.match_id {STANDING} AND c.to_officer_id = ANY($1::uuid[])
"""  # noqa: S608 - a constant of this module


class Past(NamedTuple):
    """What an officer was shown: the day each question was last on a paper, and the questions not to draw today.

    `promised`: those of `barred` that only a challenge bars.
    """

    seen: dict[uuid.UUID, dt.date]
    barred: set[uuid.UUID]
    promised: set[uuid.UUID]


async def locked_past(
    connection: Connection, library: Library, officers: Iterable[uuid.UUID], *, day: dt.date, now: dt.datetime
) -> dict[uuid.UUID, Past]:
    """Lock these officers and return what each has seen within a year, by question.

    Barred are the questions of the papers of `day` and of challenges that wait for the officer.
    """
    wanted = list(officers)
    await connection.execute(LOCK_OFFICERS, wanted)
    rows = sorted(await connection.fetch(HISTORY, wanted, now, day), key=lambda row: row["day"])
    revisions = await library.revisions(revision for row in rows for revision in row["revision_ids"])
    question_of = {revision: view.question_id for revision, view in revisions.items()}
    return pasts_of(rows, question_of, wanted, day=day)


def pasts_of(
    rows: Iterable[Any], question_of: Mapping[uuid.UUID, uuid.UUID], officers: Iterable[uuid.UUID], *, day: dt.date
) -> dict[uuid.UUID, Past]:
    """Return what HISTORY rows, ordered by day, tell of these officers."""
    past = {officer: Past({}, set(), set()) for officer in officers}
    for row in rows:
        held = past[row["officer_id"]]
        questions = [question_of[revision] for revision in row["revision_ids"]]
        if row["kind"] == "challenge":
            held.promised.update(questions)
            continue
        if row["day"] == day:
            held.barred.update(questions)
        held.seen.update(dict.fromkeys(questions, row["day"]))
    for held in past.values():
        held.promised.difference_update(held.barred)
        held.barred.update(held.promised)
    return past
