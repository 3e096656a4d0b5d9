"""The set statements of matches, on the hot path and around it, in PostgreSQL's own words.

WRITE is to a match what `app.papers.statements.WRITE` is to a quiz, with one lock more: after the officers' days the
clocks (`match_run`) are locked, so that two players' answers, of whichever processes, are stamped one after the other,
and the second of them opens the next question. Everything that is judged under the lock stands in the locked row.
"""

from __future__ import annotations

from app.matches.rules import GAP, GRACE

_GRACE = f"interval '{GRACE.total_seconds():g} seconds'"
_GAP = f"interval '{GAP.total_seconds():g} seconds'"
_WINDOW = f"(run.seconds * interval '1 second' + {_GRACE})"
_PERIOD = f"({_WINDOW} + {_GAP})"

LOCK = """
WITH days AS MATERIALIZED (
    SELECT 1
    FROM officer_day d
    JOIN (SELECT DISTINCT contest_id, officer_id, day FROM paper WHERE match_id = ANY($1::uuid[])) p
      USING (contest_id, officer_id, day)
    ORDER BY d.officer_id, d.day, d.contest_id
    FOR UPDATE OF d
)
SELECT id FROM match_run
WHERE match_id = ANY($1::uuid[]) AND (SELECT count(*) FROM days) >= 0
ORDER BY id FOR UPDATE
"""

# The order of the verdicts is the order of refusals: 401, 403, 404, already recorded, not open, 422, closed. Options are
# looked at only once the question has opened: their ids would tell who tries them which question is to come.
WRITE = f"""
WITH seen AS MATERIALIZED (
    SELECT r.ord, r.match_id, r.position, r.choice, r.at AS given_at,
           p.id AS paper_id, p.contest_id, p.officer_id, p.day, p.points_per_question, p.run_id, p.seat,
           q.id AS revision_id, q.key,
           a.choice AS old_choice, a.correct AS old_correct, a.points AS old_points, a.answered_at AS old_at,
           a.after_answered AS old_after_answered, a.after_correct AS old_after_correct,
           a.after_points AS old_after_points, a.revision_id AS old_revision_id,
           cardinality(p.revision_ids) AS questions,
           CASE
               WHEN s.officer_id IS NULL THEN 'unauthenticated'
               WHEN o.must_change_password THEN 'password'
               WHEN p.id IS NULL THEN 'not-found'
               WHEN a.paper_id IS NOT NULL THEN 'recorded'
               WHEN q.id IS NULL THEN 'invalid'
               ELSE 'new'
           END AS verdict,
           r.choice = '' OR NOT string_to_array(r.choice, ',') <@ q.option_ids
               OR (q.kind <> 'multiple' AND strpos(r.choice, ',') > 0) AS unfit
    FROM unnest($1::int[], $2::bytea[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
         AS r(ord, token_hash, match_id, position, choice, at)
    LEFT JOIN session s ON s.token_hash = r.token_hash AND s.expires_at > coalesce(r.at, statement_timestamp())
    LEFT JOIN officer o ON o.id = s.officer_id
    LEFT JOIN LATERAL (
        SELECT * FROM paper WHERE match_id = r.match_id OFFSET 0  -- two rows; never all that the officer was ever handed
    ) p ON p.officer_id = s.officer_id
    LEFT JOIN question_revision q ON q.id = p.revision_ids[r.position]
    LEFT JOIN answer a ON a.paper_id = p.id AND a.position = r.position
),
locked AS MATERIALIZED (
    SELECT d.contest_id, d.officer_id, d.day, d.matches_counted, d.matches_countable
    FROM officer_day d
    JOIN (SELECT DISTINCT contest_id, officer_id, day FROM seen WHERE verdict = 'new') k
      USING (contest_id, officer_id, day)
    ORDER BY d.officer_id, d.day, d.contest_id
    FOR UPDATE OF d
),
runs AS MATERIALIZED (
    SELECT run.*
    FROM match_run run
    WHERE run.id IN (SELECT run_id FROM seen WHERE verdict = 'new') AND (SELECT count(*) FROM locked) >= 0
    ORDER BY run.id
    FOR UPDATE OF run
),
stamp AS MATERIALIZED (SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM runs) AS after_the_locks),
timed AS MATERIALIZED (
    SELECT seen.*, moment.at, run.players, run.masks, run.rights, run.counted AS counted_before, run.ends_at,
           run.cursor + passed AS open_position,
           own.opens_at, own.opens_at + {_WINDOW} AS over_at,
           seen.position < run.cursor OR (own.opens_at <= moment.at AND own.opens_at < run.ends_at) AS opened
    FROM seen CROSS JOIN stamp
    JOIN runs run ON run.id = seen.run_id
    CROSS JOIN LATERAL (  -- no answer is older than one before it, though the clock be set back
        SELECT greatest(coalesce(seen.given_at, stamp.at), run.answered_at) AS at
    ) AS moment
    CROSS JOIN LATERAL (
        SELECT greatest(0, floor(extract(epoch FROM moment.at - run.cursor_opens_at) / extract(epoch FROM {_PERIOD})))::int
               AS passed
    ) AS silence
    CROSS JOIN LATERAL (
        SELECT run.cursor_opens_at + (seen.position - run.cursor) * {_PERIOD} AS opens_at
    ) AS own
    WHERE seen.verdict = 'new'
),
judged AS MATERIALIZED (
    SELECT timed.*,
           CASE
               WHEN at < ends_at AND NOT opened THEN 'question-not-open'
               WHEN opened AND unfit THEN 'invalid'
               WHEN at >= ends_at OR position < open_position OR at >= over_at THEN 'question-closed'
               ELSE 'new'
           END AS timing
    FROM timed
),
graded AS (
    SELECT j.*, j.choice = j.key AS correct, row_number() OVER (PARTITION BY paper_id ORDER BY ord) AS number
    FROM judged j WHERE timing = 'new'
),
fresh AS MATERIALIZED (
    SELECT g.*,
           CASE WHEN g.correct THEN g.points_per_question ELSE 0 END AS points,
           bit_count(g.masks[g.seat]::bit(32)) + 1 AS after_answered,
           bit_count(g.rights[g.seat]::bit(32)) + g.correct::int AS after_correct,
           g.masks[g.seat] = 0 AND d.matches_counted < d.matches_countable AS begins_to_count
    FROM graded g JOIN locked d USING (contest_id, officer_id, day)
    WHERE g.number = 1
),
stored AS (
    INSERT INTO answer (paper_id, position, revision_id, choice, correct, points, answered_at,
                        after_answered, after_correct, after_points)
    SELECT paper_id, position, revision_id, choice, correct, points, at, after_answered, after_correct,
           after_correct * points_per_question
    FROM fresh
),
step AS (
    SELECT run_id, position, max(at) AS at, min(opens_at) AS opens_at, min(players) AS players,
           coalesce(bit_or(1 << position) FILTER (WHERE seat = 1), 0) AS mask_1,
           coalesce(bit_or(1 << position) FILTER (WHERE seat = 2), 0) AS mask_2,
           coalesce(bit_or(1 << position) FILTER (WHERE seat = 1 AND correct), 0) AS right_1,
           coalesce(bit_or(1 << position) FILTER (WHERE seat = 2 AND correct), 0) AS right_2,
           coalesce(bool_or(begins_to_count) FILTER (WHERE seat = 1), false) AS counts_1,
           coalesce(bool_or(begins_to_count) FILTER (WHERE seat = 2), false) AS counts_2
    FROM fresh GROUP BY run_id, position
),
next AS (
    SELECT step.*,
           run.players = 1
           OR ((run.masks[1] | mask_1) & (run.masks[2] | mask_2) & (1 << position)) <> 0 AS both,
           greatest(at, opens_at + coalesce(run.pace[position], 0) * interval '1 millisecond') + {_GAP} AS next_opens_at,
           (run.questions - position) * {_PERIOD} - {_GAP} AS remaining
    FROM step JOIN runs run ON run.id = step.run_id
),
moved AS (
    UPDATE match_run run
    SET masks = ARRAY[run.masks[1] | n.mask_1, run.masks[2] | n.mask_2],
        rights = ARRAY[run.rights[1] | n.right_1, run.rights[2] | n.right_2],
        counted = ARRAY[run.counted[1] OR n.counts_1, run.counted[2] OR n.counts_2],
        answered_at = n.at,
        cursor = CASE WHEN n.both THEN n.position + 1 ELSE run.cursor END,
        cursor_opens_at = CASE WHEN n.both THEN n.next_opens_at ELSE run.cursor_opens_at END,
        ends_at = CASE WHEN n.both THEN n.next_opens_at + n.remaining ELSE run.ends_at END
    FROM next n WHERE run.id = n.run_id
),
tallied AS (
    UPDATE officer_day d
    SET matches_counted = d.matches_counted + t.begun,
        match_points = d.match_points + t.points,
        first_answer_at = CASE WHEN t.counts THEN coalesce(d.first_answer_at, t.at) ELSE d.first_answer_at END,
        done_at = CASE
            WHEN d.done_at IS NULL AND d.quiz_finished_at IS NOT NULL AND t.begun > 0
                 AND d.matches_counted + t.begun >= d.matches_required THEN t.at
            ELSE d.done_at
        END
    FROM (
        SELECT contest_id, officer_id, day, min(at) AS at, sum(begins_to_count::int)::int AS begun,
               bool_or(begins_to_count OR counted_before[seat]) AS counts,
               coalesce(sum(points) FILTER (WHERE begins_to_count OR counted_before[seat]), 0) AS points
        FROM fresh GROUP BY contest_id, officer_id, day
    ) t
    WHERE d.contest_id = t.contest_id AND d.officer_id = t.officer_id AND d.day = t.day
)
SELECT s.ord,
       CASE
           WHEN s.verdict = 'new' AND j.timing <> 'new' THEN j.timing
           WHEN s.verdict = 'new' AND f.ord IS NULL THEN 'again'
           ELSE s.verdict
       END AS verdict,
       s.match_id, s.questions, s.position = s.questions AS last,
       j.opens_at,
       coalesce(f.revision_id, s.old_revision_id) AS revision_id,
       coalesce(f.choice, s.old_choice) AS choice,
       coalesce(f.correct, s.old_correct) AS correct,
       coalesce(f.points, s.old_points) AS points,
       coalesce(f.at, s.old_at) AS answered_at,
       coalesce(f.after_answered, s.old_after_answered)::int AS after_answered,
       coalesce(f.after_correct, s.old_after_correct)::int AS after_correct,
       coalesce(f.after_correct * f.points_per_question, s.old_after_points)::int AS after_points
FROM seen s LEFT JOIN judged j USING (ord) LEFT JOIN fresh f USING (ord)
ORDER BY s.ord
"""  # noqa: S608 - the parts are constants of this module

# --- tickets, pairing and settlement; none of them is hot ------------------------------------------------------------

# The caller's own overdue rows come first: a wait that is over, a match that nobody read to its end.
SETTLE_OWN = """
WITH mine AS MATERIALIZED (
    SELECT t.id, t.state
    FROM ticket t LEFT JOIN match_run r ON r.id = t.run_id
    WHERE t.officer_id = ANY($1::uuid[])
      AND ((t.state = 'waiting' AND t.expires_at <= $2) OR (t.state = 'playing' AND r.ends_at <= $2))
    ORDER BY t.id
    FOR UPDATE OF t
)
UPDATE ticket t SET state = CASE mine.state WHEN 'waiting' THEN 'expired' ELSE 'finished' END
FROM mine WHERE t.id = mine.id AND t.state = mine.state
"""

BUSY = """
SELECT officer_id, id, state, match_id FROM ticket
WHERE officer_id = ANY($1::uuid[]) AND state IN ('waiting', 'playing')
"""

# One of two requests of one officer, on whichever processes, gets the place that the unique index guards.
WAIT = """
INSERT INTO ticket (id, contest_id, officer_id, day, mode, state, created_at, expires_at)
SELECT id, contest_id, officer_id, day, mode, 'waiting', created_at, expires_at
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::timestamptz[], $7::timestamptz[])
    AS w(id, contest_id, officer_id, day, mode, created_at, expires_at)
ORDER BY officer_id
ON CONFLICT (officer_id) WHERE state IN ('waiting', 'playing') DO NOTHING
RETURNING id
"""


def _accuracy(contest: str, officer: str, day: str) -> str:
    # Of the quizzes of two months.
    return f"""(SELECT sum(d.quiz_correct)::float8 / nullif(sum(d.quiz_answered), 0) FROM officer_day d
        WHERE d.contest_id = {contest} AND d.officer_id = {officer} AND d.day > {day} - 60)"""  # noqa: S608


ACCURACY = f"SELECT {_accuracy('$1', '$2', '$3::date')}"

# A claim: a ticket that another process is pairing right now is passed over. Of these contests, whoever asks now first.
CLAIM = f"""
SELECT t.id, t.contest_id, t.officer_id, t.day, t.mode, t.created_at, a.unit_id, c.unit_id AS contest_unit_id,
       cu.path AS contest_unit_path, v.rules, (SELECT version FROM bank_version) AS bank_version,
       {_accuracy("t.contest_id", "t.officer_id", "t.day")} AS accuracy
FROM ticket t
JOIN contest c ON c.id = t.contest_id AND c.state = 'open'
JOIN unit cu ON cu.id = c.unit_id
JOIN assignment a ON a.officer_id = t.officer_id AND a.from_day <= t.day AND (a.until_day IS NULL OR a.until_day > t.day)
JOIN LATERAL (
    SELECT v.rules FROM contest_rules v WHERE v.contest_id = c.id
    ORDER BY (v.from_day <= t.day) DESC, CASE WHEN v.from_day <= t.day THEN v.from_day END DESC, v.from_day LIMIT 1
) v ON true
WHERE t.state = 'waiting' AND t.mode IN ('any', 'live') AND t.expires_at > $1 AND t.day = $2
      AND t.contest_id = ANY($3::uuid[])
ORDER BY t.officer_id = ANY($4::uuid[]) DESC, t.created_at, t.id
LIMIT 200
FOR UPDATE OF t SKIP LOCKED
"""  # noqa: S608 - as above

# Contests in which somebody waits for a live opponent.
WAITED_IN = "SELECT DISTINCT contest_id FROM ticket WHERE state = 'waiting' AND mode IN ('any', 'live')"

# As `app.papers.asking.LOCK_OFFICERS`, also by 工号.
LOCK_ALL = """
SELECT 1 FROM officer WHERE id = ANY($1::uuid[]) OR employee_no = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE
"""

MET_TODAY = """
SELECT one.officer_id AS first, other.officer_id AS second
FROM ticket one JOIN ticket other ON other.match_id = one.match_id AND other.officer_id <> one.officer_id
WHERE one.officer_id = ANY($1::uuid[]) AND one.day = $2
"""

# Runs of colleagues in this contest with every question answered, the newest first.
RECORDED = f"""
SELECT p.id, p.officer_id, p.revision_ids, a.unit_id,
       {_accuracy("p.contest_id", "p.officer_id", "p.day")} AS accuracy
FROM paper p
JOIN match_run r ON r.id = p.run_id
LEFT JOIN assignment a ON a.officer_id = p.officer_id AND a.until_day IS NULL
WHERE p.contest_id = $1 AND p.kind = 'match' AND cardinality(p.revision_ids) = $2 AND r.ends_at <= $3
      AND bit_count(r.masks[p.seat]::bit(32)) = $2
ORDER BY p.opened_at DESC, p.id
LIMIT 300
"""  # noqa: S608 - as above

OFFER_RELAY = """
UPDATE ticket t SET relay_offered = true
WHERE t.id = ANY($1::uuid[]) AND NOT t.relay_offered AND EXISTS (
    SELECT FROM paper p JOIN match_run r ON r.id = p.run_id
    WHERE p.contest_id = $2 AND p.kind = 'match' AND p.officer_id <> t.officer_id
          AND cardinality(p.revision_ids) = $3 AND r.ends_at <= $4 AND bit_count(r.masks[p.seat]::bit(32)) = $3)
"""

# What each player has met already: recorded runs played against, and own matches (whose runs are no surprise).
MET_PAPERS = """
SELECT own.officer_id, coalesce(m.recorded_paper_id, other.id) AS paper_id
FROM paper own
JOIN match m ON m.id = own.match_id
LEFT JOIN paper other ON other.match_id = own.match_id AND other.id <> own.id
WHERE own.officer_id = ANY($1::uuid[]) AND own.match_id IS NOT NULL
"""

UNFINISHED = """
SELECT p.officer_id, p.revision_ids
FROM paper p JOIN officer_day d USING (contest_id, officer_id, day)
WHERE p.officer_id = ANY($1::uuid[]) AND p.day = $2 AND p.kind = 'quiz' AND d.quiz_finished_at IS NULL
"""

MAKE_MATCHES = """
INSERT INTO match (id, contest_id, mode, revision_ids, seconds, points_per_question, recorded_paper_id, created_at)
SELECT id, contest_id, mode, revision_ids::uuid[], seconds, points, recorded_paper_id, created_at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[], $7::uuid[], $8::timestamptz[])
    AS w(id, contest_id, mode, revision_ids, seconds, points, recorded_paper_id, created_at)
"""

MAKE_RUNS = """
INSERT INTO match_run (id, match_id, players, questions, seconds, pace, started_at, cursor_opens_at, ends_at)
SELECT id, match_id, players, questions, seconds, pace::int[], started_at, started_at, ends_at
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::text[], $7::timestamptz[], $8::timestamptz[])
    AS w(id, match_id, players, questions, seconds, pace, started_at, ends_at)
"""

# Seats: the paper, the officer's day, and the ticket that becomes the seat.
MAKE_SEATS = """
WITH seats AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::uuid[], $7::uuid[], $8::date[],
                         $9::text[], $10::int[], $11::timestamptz[], $12::timestamptz[], $13::int[], $14::int[], $15::int[])
        AS w(paper_id, ticket_id, match_id, run_id, seat, contest_id, officer_id, day, revision_ids, points,
             opened_at, closes_at, matches_required, matches_countable, bank_version)
),
papers AS (
    INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at,
                       match_id, run_id, seat, bank_version)
    SELECT paper_id, contest_id, officer_id, day, 'match', revision_ids::uuid[], points, opened_at, closes_at,
           match_id, run_id, seat, bank_version
    FROM seats
),
days AS (
    INSERT INTO officer_day (contest_id, officer_id, day, quiz_questions, matches_required, matches_countable)
    SELECT contest_id, officer_id, day, 0, matches_required, matches_countable
    FROM seats ORDER BY officer_id, day, contest_id
    ON CONFLICT DO NOTHING
)
UPDATE ticket t SET state = 'playing', match_id = seats.match_id, run_id = seats.run_id, seat = seats.seat
FROM seats WHERE t.id = seats.ticket_id
"""

TICKETS = """
SELECT id, officer_id, mode, state, match_id, created_at, expires_at, relay_offered, clock_timestamp() AS now
FROM ticket
WHERE id = ANY($1::uuid[])
"""

SWEEP = """
WITH over AS MATERIALIZED (
    SELECT id FROM match_run WHERE settled_at IS NULL AND ends_at <= $1
    ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED
),
settled AS (UPDATE match_run r SET settled_at = $1 FROM over WHERE r.id = over.id),
freed AS MATERIALIZED (
    SELECT t.id, 'finished' AS state FROM ticket t JOIN over ON over.id = t.run_id WHERE t.state = 'playing'
    ORDER BY t.id FOR UPDATE OF t SKIP LOCKED
),
gone AS MATERIALIZED (
    SELECT t.id, 'expired' AS state FROM ticket t WHERE t.state = 'waiting' AND t.expires_at <= $1
    ORDER BY t.id LIMIT 500 FOR UPDATE SKIP LOCKED
)
UPDATE ticket t SET state = done.state
FROM (SELECT * FROM freed UNION ALL SELECT * FROM gone) done
WHERE t.id = done.id
"""

# What is cancelled stays so; who was paired meanwhile is told.
CANCEL = """
WITH mine AS MATERIALIZED (SELECT id FROM ticket WHERE id = $1 AND officer_id = $2 FOR UPDATE)
UPDATE ticket t SET state = CASE t.state WHEN 'waiting' THEN 'cancelled' ELSE t.state END
FROM mine WHERE t.id = mine.id
RETURNING t.state, t.match_id
"""

OWN_PAPER = "SELECT id FROM paper WHERE match_id = $1 AND officer_id = $2"

# Stamped behind the lock: an answer that came before stands, one that comes after finds the match over.
FORFEIT = """
WITH run AS MATERIALIZED (
    SELECT r.id, p.seat FROM paper p JOIN match_run r ON r.id = p.run_id
    WHERE p.match_id = $1 AND p.officer_id = $2
    FOR UPDATE OF r
),
stamp AS MATERIALIZED (
    SELECT coalesce($3::timestamptz, clock_timestamp()) AS at FROM (SELECT count(*) FROM run) AS after_the_lock
)
UPDATE match_run r SET ends_at = stamp.at, forfeited_by = run.seat
FROM run, stamp WHERE r.id = run.id AND stamp.at < r.ends_at
RETURNING r.id
"""

FREE = """
WITH seats AS MATERIALIZED (
    SELECT id FROM ticket WHERE run_id = $1 AND state = 'playing' ORDER BY id FOR UPDATE
)
UPDATE ticket t SET state = 'finished' FROM seats WHERE t.id = seats.id
"""
