"""What `verify` asks the database: each statement returns only what does not add up."""

from __future__ import annotations

# Counters of officer_day against the answers themselves. A seat counts from its first answer, the first so many a day.
OFFICER_DAYS = """
SELECT d.contest_id, d.officer_id, d.day
FROM officer_day d
LEFT JOIN paper p ON p.contest_id = d.contest_id AND p.officer_id = d.officer_id AND p.day = d.day AND p.kind = 'quiz'
LEFT JOIN LATERAL (
    SELECT count(*) AS answered, count(*) FILTER (WHERE a.correct) AS correct, coalesce(sum(a.points), 0) AS points,
           min(a.answered_at) AS first_at, max(a.answered_at) AS last_at
    FROM answer a WHERE a.paper_id = p.id
) t ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS counted, coalesce(sum(points), 0) AS points, min(first_at) AS first_at,
           max(first_at) FILTER (WHERE nth = d.matches_required) AS required_at
    FROM (
        SELECT min(a.answered_at) AS first_at, sum(a.points) AS points,
               row_number() OVER (ORDER BY min(a.answered_at), s.id) AS nth
        FROM paper s JOIN answer a ON a.paper_id = s.id
        WHERE s.contest_id = d.contest_id AND s.officer_id = d.officer_id AND s.day = d.day AND s.kind = 'match'
        GROUP BY s.id
    ) seats
    WHERE nth <= d.matches_countable
) m ON true
WHERE (CAST(:day AS date) IS NULL OR d.day = :day) AND (
    d.quiz_questions <> coalesce(cardinality(p.revision_ids), 0)
    OR (d.quiz_answered, d.quiz_correct, d.quiz_points) IS DISTINCT FROM (t.answered, t.correct, t.points)
    OR (d.matches_counted, d.match_points) IS DISTINCT FROM (m.counted, m.points)
    OR d.first_answer_at IS DISTINCT FROM least(t.first_at, m.first_at)
    OR d.quiz_finished_at IS DISTINCT FROM (CASE WHEN p.id IS NOT NULL AND t.answered = d.quiz_questions THEN t.last_at END)
    OR d.done_at IS DISTINCT FROM
       (CASE WHEN p.id IS NOT NULL AND t.answered = d.quiz_questions AND m.counted >= d.matches_required
             THEN greatest(t.last_at, m.required_at) END)
)
"""

# A day without any paper; every paper begins one.
DAYS_WITHOUT_PAPER = """
SELECT d.contest_id, d.officer_id, d.day
FROM officer_day d
WHERE (CAST(:day AS date) IS NULL OR d.day = :day)
  AND NOT EXISTS (SELECT FROM paper p
                  WHERE p.contest_id = d.contest_id AND p.officer_id = d.officer_id AND p.day = d.day)
"""

# What the clocks of matches hold, beside the answers from which it follows; the windows are compared by the rules.
RUNS = """
SELECT r.id, r.match_id, r.players, r.questions, r.seconds, r.pace, r.started_at, r.cursor, r.cursor_opens_at, r.ends_at,
       r.answered_at, r.masks, r.rights, r.counted, r.forfeited_by, array_agg(p.seat ORDER BY p.seat) AS seats,
       array_agg(g.answers ORDER BY p.seat) AS answers, min(p.opened_at) AS opened_at,
       r.seconds = m.seconds AND r.questions = cardinality(m.revision_ids) AS as_made
FROM match_run r
JOIN match m ON m.id = r.match_id
JOIN paper p ON p.run_id = r.id
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_array(a.position, a.answered_at, a.correct) ORDER BY a.position), '[]') AS answers
    FROM answer a WHERE a.paper_id = p.id
) g
WHERE CAST(:day AS date) IS NULL OR p.day = :day
GROUP BY r.id, m.id
"""

# A seat's `counted` against the order of the day's first answers.
SEATS = """
SELECT p.match_id, p.officer_id
FROM (
    SELECT p.*, d.matches_countable,
           row_number() OVER (PARTITION BY p.contest_id, p.officer_id, p.day ORDER BY f.first_at, p.id) AS nth, f.first_at
    FROM paper p
    JOIN officer_day d USING (contest_id, officer_id, day)
    CROSS JOIN LATERAL (SELECT min(a.answered_at) AS first_at FROM answer a WHERE a.paper_id = p.id) f
    WHERE p.kind = 'match' AND (CAST(:day AS date) IS NULL OR p.day = :day)
) p
JOIN match_run r ON r.id = p.run_id
WHERE r.counted[p.seat] IS DISTINCT FROM (p.first_at IS NOT NULL AND p.nth <= p.matches_countable)
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
