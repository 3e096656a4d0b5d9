"""Challenges (约战): naming a colleague, playing first, and being taken up within a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.contests.rules import closes_at
from app.core.errors import FieldProblem
from app.core.ids import new_id
from app.matches.making import Made, drawn, put_down
from app.matches.models import Mode
from app.matches.queries import WAITING
from app.matches.relay import recorded_pace
from app.matches.rules import (
    CHALLENGE_LASTS,
    MOST_WAITING,
    ChallengeClosed,
    ChallengePending,
    ChallengesFull,
    DayClosing,
    NoOpponent,
    last_start,
)
from app.matches.statements import UNFINISHED
from app.papers.asking import STANDING, locked_past

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.bank.cache import Library
    from app.matches.wishes import Asker
    from app.papers.hot_path import Connection

OPPONENT = """
SELECT o.id, o.name, a.takes_part, u.path AS unit_path
FROM officer o
JOIN assignment a ON a.officer_id = o.id AND a.from_day <= $2 AND (a.until_day IS NULL OR a.until_day > $2)
JOIN unit u ON u.id = a.unit_id
WHERE o.employee_no = $1
"""

PENDING = f"""
SELECT c.match_id, c.from_officer_id FROM challenge c {STANDING} AND c.to_officer_id = $1
"""  # noqa: S608 - a constant of `asking`

OPEN_CHALLENGE = """
INSERT INTO challenge (match_id, from_officer_id, to_officer_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
"""

# One of two devices takes it up; the other finds it taken.
TAKE = """
UPDATE challenge SET taken_at = $2 WHERE match_id = $1 AND taken_at IS NULL AND expires_at > $2 RETURNING match_id
"""

FIRST_PAPER = "SELECT id FROM paper WHERE match_id = $1 AND seat = 1"


async def challenge(connection: Connection, library: Library, asker: Asker) -> None:
    """Seat the asker in a challenge to the colleague named, or in the one that waits from that colleague.

    Raises NoOpponent, ChallengePending, ChallengesFull, ChallengeClosed or BankTooSmall.
    """
    opponent = await _opponent(connection, asker)
    row, now = asker.row, asker.row["at"]
    pasts = await locked_past(connection, library, [asker.officer_id, opponent["id"]], day=row["day"], now=now)
    waiting = [
        one
        for one in await connection.fetch(WAITING, asker.officer_id, now)
        if one["from_officer_id"] == opponent["id"]
    ]
    if waiting:
        await _take_up(connection, library, asker, waiting[0])
        return
    standing = await connection.fetch(PENDING, opponent["id"], now)
    for pending in standing:
        if pending["from_officer_id"] == asker.officer_id:
            raise ChallengePending(
                f"您已向{opponent['name']}约战，对方尚未应战；24小时内未应战自动失效。",
                match_id=str(pending["match_id"]),
            )
    if len(standing) >= MOST_WAITING:
        raise ChallengesFull(f"{opponent['name']}已有{MOST_WAITING}场约战待应战，请改约其他同事，或稍后再约。")
    pool = await library.pool(version=row["bank_version"], owners=list(row["contest_unit_path"]), day=row["day"])
    match_id = new_id()
    made = Made(
        match_id=match_id,
        contest_id=row["contest_id"],
        day=row["day"],
        rules=asker.rules,
        mode=Mode.CHALLENGE,
        revision_ids=drawn(pool, asker.rules, match_id, list(pasts.values())),
        holders=[(asker.ticket_id, asker.officer_id)],
        now=now,
        bank_version=pool.version,
    )
    await put_down(connection, [made])
    await connection.execute(OPEN_CHALLENGE, match_id, asker.officer_id, opponent["id"], now, now + CHALLENGE_LASTS)


async def _opponent(connection: Connection, asker: Asker) -> Any:
    if not asker.wish.opponent:
        raise _no_opponent("约战请填写对方工号（opponent_employee_no）。")
    opponent = await connection.fetchrow(OPPONENT, asker.wish.opponent, asker.row["day"])
    if opponent is None or not opponent["takes_part"] or asker.row["contest_unit_id"] not in opponent["unit_path"]:
        raise _no_opponent("没有找到可以约战的这位同志，请核对工号；对方应当参加同一竞赛。")
    if opponent["id"] == asker.officer_id:
        raise _no_opponent("不能向自己约战，请填写一位同事的工号。")
    return opponent


def _no_opponent(detail: str) -> NoOpponent:
    return NoOpponent(detail, errors=[FieldProblem("/opponent_employee_no", detail)])


async def _take_up(connection: Connection, library: Library, asker: Asker, offered: Any) -> None:
    row, now = asker.row, asker.row["at"]
    unfinished = await connection.fetch(UNFINISHED, [asker.officer_id], row["day"])
    if await _share_a_question(library, offered["revision_ids"], [one["revision_ids"] for one in unfinished]):
        raise ChallengeClosed("这次约战与您今天未完成的每日一测有相同的题目，请先完成每日一测再应战。")
    pool = await library.pool(version=row["bank_version"], owners=list(row["contest_unit_path"]), day=row["day"])
    if not pool.revisions.issuperset(offered["revision_ids"]):
        raise ChallengeClosed("这次约战的题目已有更新，不能再应战，请重新约战。")
    questions, seconds = len(offered["revision_ids"]), offered["seconds"]
    day_over = closes_at(asker.rules, row["day"])
    if now >= last_start(day_over, questions=questions, seconds=seconds):
        raise DayClosing("临近今日截止，来不及完成这次约战，请明天再应战。", closes_at=day_over)
    taken = await connection.fetchval(TAKE, offered["match_id"], now)
    if taken is None:
        raise ChallengeClosed("这次约战已经应战或已失效，请刷新列表。")
    first_paper = await connection.fetchval(FIRST_PAPER, offered["match_id"])
    made = Made(
        match_id=offered["match_id"],
        contest_id=row["contest_id"],
        day=row["day"],
        rules=asker.rules,
        mode=Mode.CHALLENGE,
        revision_ids=offered["revision_ids"],
        holders=[(asker.ticket_id, asker.officer_id)],
        now=now,
        pace=await recorded_pace(connection, first_paper, offered["seconds"]),
        first_seat=2,
        existing=(offered["seconds"], offered["points_per_question"]),
    )
    await put_down(connection, [made])


async def _share_a_question(
    library: Library, revision_ids: Sequence[uuid.UUID], papers: Sequence[Sequence[uuid.UUID]]
) -> bool:
    views = await library.revisions([*revision_ids, *(revision for paper in papers for revision in paper)])
    offered = {views[revision].question_id for revision in revision_ids}
    return any(views[revision].question_id in offered for paper in papers for revision in paper)
