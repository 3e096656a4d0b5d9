"""The data of the notices' bench: a province in the middle of a contest's second day, made by the database itself."""

from __future__ import annotations

import datetime as dt
import uuid

YESTERDAY = dt.date(2026, 11, 23)
TODAY = dt.date(2026, 11, 24)
CONTEST = uuid.UUID("00000000-0000-7000-8100-000000000000")
"""The contest's id; the province's, too."""


def _id(kind: int, number: str) -> str:
    return f"('00000000-0000-7000-{kind}-' || lpad(to_hex({number}), 12, '0'))::uuid"


_PROVINCE = f"'{CONTEST}'::uuid"
_BUREAU, _BRANCH, _STAFF = (_id(kind, "{}") for kind in (8101, 8102, 8103))
_BUREAU_OF = _BUREAU.format("{} % :bureaus")
_NTH_BUREAU, _NTH_BRANCH = _BUREAU.format("n"), _BRANCH.format("n")
_OFFICER, _PAPER, _MATCH, _RUN, _QUESTION = (_id(kind, "{}") for kind in (8000, 8001, 8002, 8003, 8004))
_FIRST_DAY = f"DATE '{YESTERDAY}'"
_MADE_AT = f"TIMESTAMPTZ '{YESTERDAY} 05:00+08'"
_REVISIONS = f"(SELECT array_agg({_QUESTION.format('k')}) FROM generate_series(1, {{}}) k)"

_UNITS = (
    f"""INSERT INTO unit (id, kind, name, path, created_at)
        VALUES ({_PROVINCE}, 'province', '省生态环境厅', ARRAY[{_PROVINCE}], {_MADE_AT})""",
    f"""INSERT INTO unit (id, parent_id, kind, name, path, position, created_at)
        SELECT {_NTH_BUREAU}, {_PROVINCE}, 'bureau', '第' || n || '市生态环境局', ARRAY[{_PROVINCE}, {_NTH_BUREAU}], n, {_MADE_AT}
        FROM generate_series(0, :bureaus - 1) n""",
    f"""INSERT INTO unit (id, parent_id, kind, name, path, position, created_at)
        SELECT {_NTH_BRANCH}, {_BUREAU_OF.format("n")}, 'branch', '第' || n % :bureaus || '市生态环境局第' || n || '分局',
            ARRAY[{_PROVINCE}, {_BUREAU_OF.format("n")}, {_NTH_BRANCH}], n, {_MADE_AT}
        FROM generate_series(0, :branches - 1) n""",
)

# Each branch's first officer is its liaison officer, the second its leader; each bureau has one organiser besides.
_PEOPLE = (
    f"""INSERT INTO officer (id, employee_no, name, roles, wecom_userid, must_change_password, created_at)
        SELECT {_OFFICER.format("n")}, '省' || lpad(n::text, 7, '0'), '姓名' || n,
            CASE n / :branches WHEN 0 THEN '{{liaison}}' WHEN 1 THEN '{{leader}}' ELSE '{{}}' END::text[],
            'account-' || n, false, {_MADE_AT}
        FROM generate_series(0, :officers - 1) n""",
    f"""INSERT INTO officer (id, employee_no, name, roles, wecom_userid, must_change_password, created_at)
        SELECT {_STAFF.format("n")}, '办' || n, '组织人员' || n, '{{bureau}}', 'staff-' || n, false, {_MADE_AT}
        FROM generate_series(0, :bureaus - 1) n""",
    f"""INSERT INTO assignment (id, officer_id, unit_id, takes_part, from_day, created_at)
        SELECT gen_random_uuid(), {_OFFICER.format("n")}, {_BRANCH.format("n % :branches")}, true, {_FIRST_DAY}, {_MADE_AT}
        FROM generate_series(0, :officers - 1) n""",
    f"""INSERT INTO assignment (id, officer_id, unit_id, takes_part, from_day, created_at)
        SELECT gen_random_uuid(), {_STAFF.format("n")}, {_NTH_BUREAU}, false, {_FIRST_DAY}, {_MADE_AT}
        FROM generate_series(0, :bureaus - 1) n""",
    f"""INSERT INTO exemption (id, officer_id, from_day, to_day, reason, created_by, created_at)
        SELECT {_OFFICER.format("n")}, {_OFFICER.format("n")}, {_FIRST_DAY}, {_FIRST_DAY} + 1, '休假', {_OFFICER.format("n")}, {_MADE_AT}
        FROM generate_series(7, :officers - 1, 100) n""",
    "INSERT INTO exemption_day SELECT officer_id, day, id FROM exemption, LATERAL (VALUES (from_day), (to_day)) AS d(day)",
)

_CONTEST = (
    f"""INSERT INTO contest (id, unit_id, name, short_name, issuer, starts_on, ends_on, state, created_at, opened_at)
        VALUES ({_PROVINCE}, {_PROVINCE}, '全省生态环境执法练兵竞赛', '练兵竞赛', '省生态环境厅执法处', {_FIRST_DAY},
            {_FIRST_DAY} + 9, 'open', {_MADE_AT}, {_MADE_AT})""",
    f"""INSERT INTO contest_rules (contest_id, from_day, rules, created_at)
        VALUES ({_PROVINCE}, {_FIRST_DAY}, '{{}}', {_MADE_AT})""",
    f"""INSERT INTO channel (id, unit_id, name, kind, url, settings, enabled, created_at)
        SELECT gen_random_uuid(), id, name || '群', 'wecom_robot', 'sealed', '{{"picture": true}}', true, {_MADE_AT}
        FROM unit""",
    f"""INSERT INTO channel (id, unit_id, name, kind, audience, secret, settings, enabled, created_at)
        SELECT gen_random_uuid(), id, name || '应用', 'wecom_app', 'officers', 'sealed',
            '{{"corp_id": "ww0", "agent_id": 1}}', true, {_MADE_AT}
        FROM unit WHERE kind = 'bureau'""",
)

# Who plays on a day, from when on, how many questions and whether a match: about 70 % do, in one branch of fifty all,
# spread from 7:00 to 22:00. Of each match one seat is there: what counts is the papers.
_PLAYERS = (
    f"""CREATE TEMPORARY TABLE player AS
        SELECT number, officer, day, at, turn, CASE WHEN n % 20 = 3 AND NOT whole THEN 6 ELSE 10 END AS questions,
            whole OR turn % 16 < 14 AS matched
        FROM (SELECT n, whole, {_OFFICER.format("n")} AS officer, {_FIRST_DAY} + later AS day, at,
                row_number() OVER (PARTITION BY later ORDER BY at, n) - 1 AS turn,
                row_number() OVER (ORDER BY at, n) - 1 AS number
              FROM generate_series(0, :officers - 1) n, generate_series(0, 1) later,
                LATERAL (SELECT n % :branches AS branch) b,
                LATERAL (SELECT branch % 50 = 0 AS whole) w,
                LATERAL (SELECT {_MADE_AT} + later * interval '1 day' + interval '2 hours'
                    + n::bigint * 7919 % 54000 * interval '1 second' AS at) a
              WHERE whole OR (n / :branches * 37 + branch * 13 + later * 5) % 100 < 55 + branch % 31) played""",
    f"""INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at)
        SELECT {_PAPER.format("2 * number")}, {_PROVINCE}, officer, day, 'quiz', {_REVISIONS.format(10)}, 10, at,
            (day + 1) AT TIME ZONE 'Asia/Shanghai'
        FROM player ORDER BY number""",
    f"""INSERT INTO match (id, contest_id, mode, revision_ids, seconds, points_per_question, created_at)
        SELECT {_MATCH.format("number")}, {_PROVINCE}, 'live', {_REVISIONS.format(5)}, 30, 20, at
        FROM player WHERE matched ORDER BY number""",
    f"""INSERT INTO match_run (id, match_id, players, questions, seconds, started_at, cursor_opens_at, ends_at, settled_at)
        SELECT {_RUN.format("number")}, {_MATCH.format("number")}, 2, 5, 30, at, at, at + interval '10 minutes',
            at + interval '10 minutes'
        FROM player WHERE matched""",
    f"""INSERT INTO paper (id, contest_id, officer_id, day, kind, revision_ids, points_per_question, opened_at, closes_at,
            match_id, run_id, seat)
        SELECT {_PAPER.format("2 * number + 1")}, {_PROVINCE}, officer, day, 'match', {_REVISIONS.format(5)}, 20,
            at + interval '5 minutes', (day + 1) AT TIME ZONE 'Asia/Shanghai', {_MATCH.format("number")},
            {_RUN.format("number")}, 1
        FROM player WHERE matched ORDER BY number""",
    f"""INSERT INTO answer (paper_id, position, revision_id, choice, correct, points, answered_at, after_answered,
            after_correct, after_points)
        SELECT {_PAPER.format("2 * number + late")}, position, {_QUESTION.format("position")}, 'b', correct, 10,
            at + late * interval '5 minutes' + position * interval '25 seconds', position, position, position * 10
        FROM (SELECT number, at, 0 AS late, questions AS most FROM player
              UNION ALL SELECT number, at, 1, 5 FROM player WHERE matched) sheet,
            LATERAL generate_series(1, most) position,
            LATERAL (SELECT (number + position * 7) % 10 < 8 AS correct) c
        ORDER BY 7""",
    f"""INSERT INTO officer_day (contest_id, officer_id, day, quiz_questions, quiz_answered, quiz_correct, quiz_points,
            first_answer_at, quiz_finished_at, matches_counted, matches_required, matches_countable, match_points, done_at)
        SELECT {_PROVINCE}, officer, day, 10, questions, questions - 2, 10 * questions - 20, at,
            CASE WHEN questions = 10 THEN at + interval '250 seconds' END, matched::int, 1, 2, 80 * matched::int,
            CASE WHEN questions = 10 AND matched THEN at + interval '425 seconds' END
        FROM player""",
    f"""INSERT INTO reminder (id, contest_id, day, unit_id, officer_id, by_officer_id, channel, outcome, at)
        SELECT gen_random_uuid(), {_PROVINCE}, day, {_BRANCH.format("n % :branches")}, {_OFFICER.format("n")},
            {_OFFICER.format("n % :branches")}, 'phone', 'reached', {_MADE_AT} + (day - {_FIRST_DAY}) * interval '1 day'
            + interval '9 hours'
        FROM generate_series(11, :officers - 1, 20) n, (SELECT DISTINCT day FROM player) days""",
    "DROP TABLE player",
)

_AT_REST = ("VACUUM ANALYZE", "CHECKPOINT")

NOTICES_SEED = (*_UNITS, *_PEOPLE, *_CONTEST, *_PLAYERS, *_AT_REST)
"""Statements with `:officers`, `:branches` and `:bureaus` to fill in, for one connection."""

FORGET = (
    "DELETE FROM draft",
    f"DELETE FROM delivery USING notice WHERE notice.id = notice_id AND slot_at > TIMESTAMPTZ '{TODAY} 00:00+08'",
    f"DELETE FROM notice WHERE slot_at > TIMESTAMPTZ '{TODAY} 00:00+08'",
    *_AT_REST,
)
"""Statements that take back what was planned today."""
