"""What opening a quiz reads, as set statements for a whole batch."""

from __future__ import annotations

# Who asks, where they belong today, the contest over that unit nearest to today, and a paper already there.
CONTEXT = """
WITH stamp AS MATERIALIZED (SELECT clock_timestamp() AS at),
asked AS MATERIALIZED (
    SELECT r.ord, r.token_hash, coalesce(r.at, stamp.at) AS at,
           (coalesce(r.at, stamp.at) AT TIME ZONE 'Asia/Shanghai')::date AS day
    FROM unnest($1::int[], $2::bytea[], $3::timestamptz[]) AS r(ord, token_hash, at) CROSS JOIN stamp
)
SELECT r.ord, r.at, r.day, s.officer_id, o.must_change_password, a.takes_part,
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

HISTORY = """
SELECT officer_id, day, revision_ids FROM paper
WHERE officer_id = ANY($1::uuid[]) AND kind = 'quiz'
"""

# The same choice of contest as in CONTEXT, for one officer whose unit is known (SQLAlchemy's parameter style).
TODAY = """
SELECT c.state, c.starts_on, c.ends_on, v.rules::text AS rules, p.id AS paper_id
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
