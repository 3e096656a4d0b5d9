"""The set statements of the hot path, in PostgreSQL's own words.

One statement finds what a batch is about, locks the `officer_day` rows of its new answers in a fixed order, takes the
time, then grades, stores and counts. Its snapshot is older than its locks: an answer that another process committed
meanwhile is not seen, so the insert fails on the key and nothing is stored. The batch is then written again behind
LOCK in a transaction of its own: every writer of a paper's answers holds that lock first, so the newer snapshot
shows every answer there is.
"""

from __future__ import annotations

LOCK = """
SELECT 1
FROM officer_day d
JOIN (SELECT DISTINCT contest_id, officer_id, day FROM paper WHERE id = ANY($1::uuid[])) p
  USING (contest_id, officer_id, day)
ORDER BY d.officer_id, d.day, d.contest_id
FOR UPDATE OF d
"""

# The order of the verdicts is the order of refusals: 401, 403, 404, already recorded, 422, closed.
WRITE = """
WITH seen AS MATERIALIZED (
    SELECT r.ord, r.position, r.choice, r.at AS given_at,
           p.id AS paper_id, p.contest_id, p.officer_id, p.day, p.closes_at, p.points_per_question,
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
               WHEN q.id IS NULL OR r.choice = '' OR NOT string_to_array(r.choice, ',') <@ q.option_ids
                    OR (q.kind <> 'multiple' AND strpos(r.choice, ',') > 0) THEN 'invalid'
               WHEN c.state = 'paused' THEN 'paused'
               ELSE 'new'
           END AS verdict
    FROM unnest($1::int[], $2::bytea[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
         AS r(ord, token_hash, paper_id, position, choice, at)
    LEFT JOIN session s ON s.token_hash = r.token_hash AND s.expires_at > coalesce(r.at, statement_timestamp())
    LEFT JOIN officer o ON o.id = s.officer_id
    LEFT JOIN paper p ON p.id = r.paper_id AND p.officer_id = s.officer_id AND p.kind = 'quiz'
    LEFT JOIN contest c ON c.id = p.contest_id
    LEFT JOIN question_revision q ON q.id = p.revision_ids[r.position]
    LEFT JOIN answer a ON a.paper_id = p.id AND a.position = r.position
),
locked AS MATERIALIZED (
    SELECT d.contest_id, d.officer_id, d.day, d.quiz_answered, d.quiz_correct, d.quiz_points
    FROM officer_day d
    JOIN (SELECT DISTINCT contest_id, officer_id, day FROM seen WHERE verdict = 'new') k
      USING (contest_id, officer_id, day)
    ORDER BY d.officer_id, d.day, d.contest_id
    FOR UPDATE OF d
),
stamp AS MATERIALIZED (SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM locked) AS after_the_locks),
turn AS (
    SELECT seen.*, coalesce(given_at, stamp.at) AS at,
           row_number() OVER (PARTITION BY paper_id, position ORDER BY ord) AS number
    FROM seen CROSS JOIN stamp
    WHERE verdict = 'new' AND coalesce(given_at, stamp.at) < closes_at
),
graded AS (
    SELECT t.*, t.choice = t.key AS correct,
           CASE WHEN t.choice = t.key THEN t.points_per_question ELSE 0 END AS points
    FROM turn t WHERE t.number = 1
),
fresh AS MATERIALIZED (
    SELECT g.*,
           d.quiz_answered + row_number() OVER w AS after_answered,
           d.quiz_correct + sum(g.correct::int) OVER w AS after_correct,
           d.quiz_points + sum(g.points) OVER w AS after_points
    FROM graded g JOIN locked d USING (contest_id, officer_id, day)
    WINDOW w AS (PARTITION BY g.paper_id ORDER BY g.ord)
),
stored AS (
    INSERT INTO answer (paper_id, position, revision_id, choice, correct, points, answered_at,
                        after_answered, after_correct, after_points)
    SELECT paper_id, position, revision_id, choice, correct, points, at, after_answered, after_correct, after_points
    FROM fresh
),
counted AS (
    UPDATE officer_day d
    SET quiz_answered = d.quiz_answered + t.answered,
        quiz_correct = d.quiz_correct + t.correct,
        quiz_points = d.quiz_points + t.points,
        first_answer_at = coalesce(d.first_answer_at, t.first_at),
        quiz_finished_at = CASE WHEN d.quiz_answered + t.answered >= d.quiz_questions THEN t.last_at END,
        done_at = CASE WHEN d.quiz_answered + t.answered >= d.quiz_questions
                            AND d.matches_counted >= d.matches_required THEN t.last_at END
    FROM (
        SELECT contest_id, officer_id, day, count(*) AS answered, sum(correct::int) AS correct,
               sum(points) AS points, min(at) AS first_at, max(at) AS last_at
        FROM fresh GROUP BY contest_id, officer_id, day
    ) t
    WHERE d.contest_id = t.contest_id AND d.officer_id = t.officer_id AND d.day = t.day
)
SELECT s.ord,
       CASE
           WHEN s.verdict IN ('new', 'paused') AND coalesce(s.given_at, stamp.at) >= s.closes_at THEN 'closed'
           WHEN s.verdict = 'new' AND f.ord IS NULL THEN 'again'
           ELSE s.verdict
       END AS verdict,
       s.closes_at, s.questions,
       coalesce(f.revision_id, s.old_revision_id) AS revision_id,
       coalesce(f.choice, s.old_choice) AS choice,
       coalesce(f.correct, s.old_correct) AS correct,
       coalesce(f.points, s.old_points) AS points,
       coalesce(f.at, s.old_at) AS answered_at,
       coalesce(f.after_answered, s.old_after_answered)::int AS after_answered,
       coalesce(f.after_correct, s.old_after_correct)::int AS after_correct,
       coalesce(f.after_points, s.old_after_points)::int AS after_points
FROM seen s CROSS JOIN stamp LEFT JOIN fresh f USING (ord)
ORDER BY s.ord
"""

ISSUE = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::int[], $7::timestamptz[],
                         $8::timestamptz[], $9::int[], $10::int[], $11::int[])
        AS w(id, contest_id, officer_id, day, revision_ids, points, opened_at, closes_at, matches_required,
             matches_countable, bank_version)
),
issued AS (
    INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at,
                       bank_version)
    SELECT id, contest_id, officer_id, day, 'quiz', revision_ids::uuid[], points, opened_at, closes_at, bank_version
    FROM wanted ORDER BY officer_id, day, contest_id
    ON CONFLICT (contest_id, officer_id, day) WHERE kind = 'quiz' DO NOTHING
    RETURNING id, contest_id, officer_id, day, revision_ids
),
begun AS (
    INSERT INTO officer_day (contest_id, officer_id, day, quiz_questions, matches_required, matches_countable)
    SELECT i.contest_id, i.officer_id, i.day, cardinality(i.revision_ids), w.matches_required, w.matches_countable
    FROM issued i JOIN wanted w USING (id)
    ORDER BY i.officer_id, i.day, i.contest_id
    ON CONFLICT (contest_id, officer_id, day) DO UPDATE SET quiz_questions = excluded.quiz_questions
)
SELECT id FROM issued
"""

PAPERS = """
SELECT p.id, p.contest_id, p.officer_id, p.day, p.revision_ids, p.points_per_question, p.opened_at, p.closes_at
FROM paper p
JOIN unnest($1::uuid[], $2::uuid[], $3::date[]) AS k(contest_id, officer_id, day)
  USING (contest_id, officer_id, day)
WHERE p.kind = 'quiz'
"""

ANSWERS = """
SELECT paper_id, position, revision_id, choice, correct, points, answered_at, after_answered, after_correct, after_points
FROM answer WHERE paper_id = ANY($1::uuid[]) ORDER BY paper_id, position
"""
