"""What opening a quiz reads, beside `app.papers.asking`."""

from __future__ import annotations

# The same choice of contest as in `app.papers.asking`, for one officer whose unit is known (SQLAlchemy's parameter style).
TODAY = """
SELECT c.state, c.starts_on, c.ends_on, v.rules::text AS rules, p.id AS paper_id,
    NOT EXISTS (SELECT 1 FROM contest_day d WHERE d.contest_id = c.id AND d.day = :day AND NOT d.counts) AS counts
FROM contest c
JOIN LATERAL (
    SELECT v.rules FROM contest_rules v WHERE v.contest_id = c.id
    ORDER BY (v.from_day <= :day) DESC, CASE WHEN v.from_day <= :day THEN v.from_day END DESC, v.from_day LIMIT 1
) v ON true
LEFT JOIN paper p ON p.contest_id = c.id AND p.officer_id = :officer AND p.day = :day AND p.kind = 'quiz'
WHERE c.unit_id = ANY(:path) AND c.state <> 'draft'
ORDER BY (:day BETWEEN c.starts_on AND c.ends_on) DESC, (c.starts_on > :day) DESC, c.starts_on, c.id
LIMIT 1
"""
