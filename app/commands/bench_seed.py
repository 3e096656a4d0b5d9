"""The bench's data: officers with sessions and open papers, made by the database itself."""

from __future__ import annotations

import uuid

import asyncpg

QUESTIONS = 10
MATCH_SECONDS = 60
BRANCHES = 2000
OFFICERS_A_SECOND = 2500  # enough for 25,000 answers a second

_ID = "('00000000-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid"
_OFFICER = _ID.format(n="n")
_UNIT = _ID.format(n=0x7FFFFFFF)
_QUESTION = _ID.format(n="0x7f0000 + n")
_BRANCH = _ID.format(n="0x7e000000 + {n}")
_MATCH, _RUN = (_ID.format(n="n").replace("8000", kind) for kind in ("8001", "8002"))
_SEAT = _ID.format(n="2 * n + seat - 1").replace("8000", "8003")
_PLAYER = _ID.format(n="2 * n + seat - 1")


def paper_id(officer: int) -> uuid.UUID:
    """Return the id of the paper of officer number `officer` (the officer's own id, too)."""
    return uuid.UUID(f"00000000-0000-7000-8000-{officer:012x}")


def token(officer: int) -> str:
    """Return the session token of officer number `officer`."""
    return f"bench-{officer}"


def match_id(number: int) -> uuid.UUID:
    """Return the id of match number `number`, of the officers 2 * number (seat 1) and 2 * number + 1."""
    return uuid.UUID(f"00000000-0000-7000-8001-{number:012x}")


SEED = (
    f"INSERT INTO unit (id, kind, name, path, created_at) VALUES ({_UNIT}, 'bureau', 'bench', ARRAY[{_UNIT}], now())",
    f"""INSERT INTO contest (id, unit_id, name, starts_on, ends_on, state, created_at)
        VALUES ({_UNIT}, {_UNIT}, 'bench', current_date - 1, current_date + 1, 'open', now())""",
    f"""INSERT INTO question (id, code, state, current_revision_id, created_at)
        SELECT {_QUESTION}, 'bench-' || n, 'in_use', {_QUESTION}, now() FROM generate_series(0, 99) n""",
    f"""INSERT INTO question_revision (id, question_id, number, content_hash, kind, topic, difficulty, stem, option_ids,
            option_texts, key, explanation, basis, created_at)
        SELECT {_QUESTION}, {_QUESTION}, 1, n, 'single', 'bench', 1, 'stem', '{{a,b,c,d}}', '{{A,B,C,D}}', 'b',
            repeat('解析', 40), '[{{"instrument": "行政处罚法", "article": "第六十三条"}}]', now()
        FROM generate_series(0, 99) n""",
    f"""INSERT INTO officer (id, employee_no, name, must_change_password, created_at)
        SELECT {_OFFICER}, 'bench' || n, 'bench', false, now() FROM generate_series(0, :officers) n""",
    f"""INSERT INTO session (token_hash, officer_id, created_at, expires_at)
        SELECT sha256(convert_to('bench-' || n, 'UTF8')), {_OFFICER}, now(), now() + interval '1 day'
        FROM generate_series(0, :officers) n""",
    f"""INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at)
        SELECT {_OFFICER}, {_UNIT}, {_OFFICER}, current_date, 'quiz',
            ARRAY(SELECT {_ID.format(n="0x7f0000 + (n * 7 + k) % 100")} FROM generate_series(1, {QUESTIONS}) k),
            10, now(), now() + interval '1 day'
        FROM generate_series(0, :officers) n""",
)

# Officers in branches, and `:matches` live matches that begin in an hour; what RESET leaves is there already.
MATCH_SEED = (
    f"""INSERT INTO unit (id, parent_id, kind, name, path, created_at)
        SELECT {_BRANCH.format(n="n")}, {_UNIT}, 'branch', n, ARRAY[{_UNIT}, {_BRANCH.format(n="n")}], now()
        FROM generate_series(0, {BRANCHES - 1}) n""",
    f"""INSERT INTO assignment (id, officer_id, unit_id, takes_part, from_day, created_at)
        SELECT gen_random_uuid(), {_OFFICER}, {_BRANCH.format(n=f"n % {BRANCHES}")}, true, current_date - 1, now()
        FROM generate_series(0, :officers) n""",
    f"""INSERT INTO match (id, contest_id, mode, revision_ids, seconds, points_per_question, created_at)
        SELECT {_MATCH}, {_UNIT}, 'live',
            ARRAY(SELECT {_ID.format(n="0x7f0000 + (n * 7 + k) % 100")} FROM generate_series(1, :questions) k),
            {MATCH_SECONDS}, 20, now()
        FROM generate_series(0, :matches - 1) n""",
    f"""INSERT INTO match_run (id, match_id, players, questions, seconds, started_at, cursor_opens_at, ends_at)
        SELECT {_RUN}, {_MATCH}, 2, :questions, {MATCH_SECONDS}, at, at, at + interval '1 hour'
        FROM generate_series(0, :matches - 1) n, LATERAL (SELECT now() + interval '1 hour' AS at) AS later""",
    f"""INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at,
            match_id, run_id, seat)
        SELECT {_SEAT}, contest_id, {_PLAYER}, current_date, 'match', revision_ids, 20, now(), now() + interval '1 day',
            {_MATCH}, {_RUN}, seat
        FROM generate_series(0, :matches - 1) n JOIN match ON match.id = {_MATCH}, generate_series(1, 2) seat""",
    "UPDATE officer_day SET matches_required = 1, matches_countable = 2",
    "VACUUM ANALYZE",
    "CHECKPOINT",
)

# The matches begin after `:lead` seconds, evenly spread over a cycle.
BEGIN = f"""
UPDATE match_run r SET started_at = at, cursor_opens_at = at, ends_at = at + interval '1 hour'
FROM generate_series(0, :matches - 1) n,
     LATERAL (SELECT clock_timestamp() + (:lead + :cycle * n / :matches) * interval '1 second' AS at) AS later
WHERE r.id = {_RUN}
"""

# The same reads and writes as one answer of ours, one statement each; officer and paper share their id.
WORK = r"""
\set i :i + 1
\set n :i * :clients + :client_id
\set position :n % 10 + 1
\set officer :n / 10
BEGIN;
SELECT s.officer_id, o.must_change_password FROM session s JOIN officer o ON o.id = s.officer_id
 WHERE s.token_hash = sha256(convert_to('bench-' || (:officer)::text, 'UTF8')) AND s.expires_at > clock_timestamp() \gset
SELECT p.contest_id, p.day::text AS day, p.points_per_question AS points, p.revision_ids[:position] AS revision_id,
       p.closes_at > clock_timestamp() AS open, c.state
 FROM paper p JOIN contest c ON c.id = p.contest_id WHERE p.id = :officer_id AND p.officer_id = :officer_id \gset
SELECT q.key, q.kind, 'b' = ANY(q.option_ids) AS known FROM question_revision q WHERE q.id = :revision_id \gset
UPDATE officer_day SET quiz_answered = quiz_answered + 1, quiz_correct = quiz_correct + 1,
       quiz_points = quiz_points + 10, first_answer_at = coalesce(first_answer_at, clock_timestamp()),
       quiz_finished_at = CASE WHEN quiz_answered + 1 >= quiz_questions THEN clock_timestamp() END,
       done_at = CASE WHEN quiz_answered + 1 >= quiz_questions THEN clock_timestamp() END
 WHERE contest_id = :contest_id AND officer_id = :officer_id AND day = :day
 RETURNING quiz_answered, quiz_correct, quiz_points \gset
INSERT INTO answer (paper_id, position, revision_id, choice, correct, points, answered_at, after_answered,
                    after_correct, after_points)
 VALUES (:officer_id, :position, :revision_id, 'b', true, 10, clock_timestamp(), :quiz_answered, :quiz_correct,
         :quiz_points) ON CONFLICT DO NOTHING;
COMMIT;
"""


async def reset(dsn: str) -> None:
    """Forget all answers and leave the tables analysed and checkpointed, the same for every round."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("TRUNCATE answer, officer_day")
        await connection.execute(
            f"INSERT INTO officer_day (contest_id, officer_id, day, quiz_questions) "
            f"SELECT contest_id, officer_id, day, {QUESTIONS} FROM paper"
        )
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
