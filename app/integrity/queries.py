"""What `verify` asks the database: each statement returns only what does not add up."""

from __future__ import annotations

# Counters of officer_day against the answers themselves.
OFFICER_DAYS = """
SELECT d.contest_id, d.officer_id, d.day
FROM officer_day d
LEFT JOIN paper p ON p.contest_id = d.contest_id AND p.officer_id = d.officer_id AND p.day = d.day AND p.kind = 'quiz'
LEFT JOIN LATERAL (
    SELECT count(*) AS answered, count(*) FILTER (WHERE a.correct) AS correct, coalesce(sum(a.points), 0) AS points,
           min(a.answered_at) AS first_at, max(a.answered_at) AS last_at
    FROM answer a WHERE a.paper_id = p.id
) t ON true
WHERE (CAST(:day AS date) IS NULL OR d.day = :day) AND (
    p.id IS NULL
    OR d.quiz_questions <> cardinality(p.revision_ids)
    OR (d.quiz_answered, d.quiz_correct, d.quiz_points) IS DISTINCT FROM (t.answered, t.correct, t.points)
    OR d.first_answer_at IS DISTINCT FROM t.first_at
    OR d.quiz_finished_at IS DISTINCT FROM (CASE WHEN t.answered = d.quiz_questions THEN t.last_at END)
    OR d.done_at IS DISTINCT FROM
       (CASE WHEN t.answered = d.quiz_questions AND d.matches_counted >= d.matches_required THEN t.last_at END)
)
"""

PAPERS_WITHOUT_DAY = """
SELECT p.contest_id, p.officer_id, p.day
FROM paper p
LEFT JOIN officer_day d USING (contest_id, officer_id, day)
WHERE d.officer_id IS NULL AND (CAST(:day AS date) IS NULL OR p.day = :day)
"""

# Grades against the keys, positions against the papers, instants against the day, running counts against the order.
ANSWERS = """
SELECT a.paper_id, a.position
FROM (
    SELECT a.*,
           count(*) OVER w AS nth,
           count(*) FILTER (WHERE a.correct) OVER w AS right_so_far,
           sum(a.points) OVER w AS points_so_far
    FROM answer a
    WINDOW w AS (PARTITION BY a.paper_id ORDER BY a.after_answered)
) a
JOIN paper p ON p.id = a.paper_id
JOIN question_revision q ON q.id = a.revision_id
WHERE (CAST(:day AS date) IS NULL OR p.day = :day) AND (
    p.revision_ids[a.position] IS DISTINCT FROM a.revision_id
    OR a.correct IS DISTINCT FROM (a.choice = q.key)
    OR a.points <> (CASE WHEN a.correct THEN p.points_per_question ELSE 0 END)
    OR a.answered_at >= p.closes_at OR a.answered_at < p.opened_at
    OR a.after_answered <> a.nth OR a.after_correct <> a.right_so_far OR a.after_points <> a.points_so_far
)
"""

ANSWERS_WITHOUT_PAPER = """
SELECT a.paper_id, a.position
FROM answer a
LEFT JOIN paper p ON p.id = a.paper_id
LEFT JOIN question_revision q ON q.id = a.revision_id
WHERE p.id IS NULL OR q.id IS NULL
"""

TOTALS = """
SELECT (SELECT count(*) FROM officer_day WHERE CAST(:day AS date) IS NULL OR day = :day) AS officer_days,
       (SELECT count(*) FROM answer a JOIN paper p ON p.id = a.paper_id
        WHERE CAST(:day AS date) IS NULL OR p.day = :day) AS answers
"""
