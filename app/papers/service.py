"""Use cases of the hot path: recording answers and issuing papers, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from app.core import metrics
from app.core.batching import Batcher
from app.core.errors import FieldProblem, LianbingError, NotFound, Unauthenticated
from app.papers.hot_path import committed
from app.papers.rules import AnswerAlreadyRecorded, ContestPaused, InvalidChoice, QuizClosed
from app.papers.statements import LOCK, WRITE
from app.roster.access import PasswordChangeRequired

if TYPE_CHECKING:
    import asyncio
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from app.papers.hot_path import Connection

Refusal = Callable[[Any], LianbingError]


class Kind(NamedTuple):
    """What answers to one kind of paper differ in: the set statements and what else they refuse."""

    name: str
    write: str
    lock: str
    refusals: Mapping[str, Refusal]
    look_again: frozenset[str]
    """Verdicts that may change once the locks are held: the item is judged a second time."""


def _closed(row: Any) -> LianbingError:
    return QuizClosed("本日答题已经截止，此答案没有计入。", closes_at=row["closes_at"])


def _paused(_row: Any) -> LianbingError:
    return ContestPaused("竞赛暂停中，此答案尚未提交，恢复后请重新提交。")


# `again`: two different answers to one question came in one batch, and the first is stored by now. `closed`, `paused`:
# while we waited for the locks another process may have recorded this very answer in time.
QUIZ = Kind("answers", WRITE, LOCK, {"closed": _closed, "paused": _paused}, frozenset({"again", "closed", "paused"}))


class Submission(NamedTuple):
    """One answer as it came in; `at` is set only by tests, demo history and simulation."""

    token_hash: bytes
    paper_id: str  # (of a match: the match's id) a UUID in canonical lower case: asyncpg reads it faster than Python makes an object of it
    position: int
    choice: str
    at: dt.datetime | None


class Recorded(NamedTuple):
    """A committed answer and the paper's counts just after it."""

    revision_id: uuid.UUID
    position: int
    choice: str
    correct: bool
    points: int
    answered_at: dt.datetime
    questions: int
    after_answered: int
    after_correct: int
    after_points: int


def as_recorded(row: Any, *, position: int, questions: int) -> Recorded:
    """Return an answer row, of the batch or of the table, of either driver."""
    return Recorded(
        revision_id=row["revision_id"],
        position=position,
        choice=row["choice"],
        correct=row["correct"],
        points=row["points"],
        answered_at=row["answered_at"],
        questions=questions,
        after_answered=row["after_answered"],
        after_correct=row["after_correct"],
        after_points=row["after_points"],
    )


class AnswerDesk:
    """Takes answers of every kind of paper; what `record` returns is committed."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        kind: Kind = QUIZ,
        *,
        committed: Callable[[Sequence[asyncpg.Record]], None] | None = None,
    ) -> None:
        self._pool = pool
        self._kind = kind
        self._committed = committed
        self._batcher: Batcher[Submission, Recorded] = Batcher(self._write)

    async def record(self, submission: Submission) -> Recorded:
        """Record one answer, once; the same answer again returns the stored one.

        Raises Unauthenticated, Forbidden, NotFound, AnswerAlreadyRecorded, InvalidChoice, QuizClosed, ContestPaused
        or Busy (nothing was stored then).
        """
        return await self._batcher.hand_in(submission)

    def hand_in(self, submission: Submission) -> asyncio.Future[Recorded]:
        """As `record`, for who hands in many at once."""
        return self._batcher.hand_in(submission)

    async def close(self) -> None:
        """Write what was handed in and take no more."""
        await self._batcher.close()

    async def _write(self, items: Sequence[Submission]) -> Sequence[Recorded | Exception]:
        distinct = list(dict.fromkeys(items))
        metrics.BATCHES.labels(self._kind.name).observe(len(distinct))
        rows = dict(zip(distinct, await self._judge(distinct), strict=True))
        again = [item for item, row in rows.items() if row["verdict"] in self._kind.look_again]
        if again:
            rows.update(zip(again, await self._judge(again), strict=True))
        if self._committed:
            self._committed(list(rows.values()))
        results = [self._outcome(item, rows[item]) for item in items]
        outcomes = Counter(result.code if isinstance(result, LianbingError) else "recorded" for result in results)
        for outcome, count in outcomes.items():
            metrics.ANSWERS.labels(outcome).inc(count)
        return results

    async def _judge(self, items: Sequence[Submission]) -> list[asyncpg.Record]:
        papers = list({item.paper_id for item in items})
        numbers = list(range(len(items)))
        columns = [list(column) for column in zip(*items, strict=True)]

        async def work(connection: Connection) -> list[asyncpg.Record]:
            try:
                return list(await connection.fetch(self._kind.write, numbers, *columns))
            except asyncpg.UniqueViolationError:
                # Another process answered one of these questions between our snapshot and our locks.
                async with connection.transaction():
                    await connection.execute(self._kind.lock, papers)
                    return list(await connection.fetch(self._kind.write, numbers, *columns))

        return await committed(self._pool, work)

    def _outcome(self, item: Submission, row: Any) -> Recorded | LianbingError:
        verdict = row["verdict"]
        if verdict in {"new", "recorded"} and row["choice"] == item.choice:
            return as_recorded(row, position=item.position, questions=row["questions"])
        refusal = self._kind.refusals.get(verdict)
        return refusal(row) if refusal else _refusal(verdict)


def _refusal(verdict: str) -> LianbingError:
    match verdict:
        case "unauthenticated":
            return Unauthenticated("登录已失效，请重新登录；未提交的答案仍保存在手机上。")
        case "password":
            return PasswordChangeRequired()
        case "not-found":
            return NotFound("没有找到这份试卷。")
        case "recorded":
            return AnswerAlreadyRecorded("这道题已经提交过另一个答案，以先提交的为准。")
        case _:
            detail = "题号、选项或选项个数与试卷不符，请刷新页面后重新作答。"
            return InvalidChoice(detail, errors=[FieldProblem("/option_ids", detail)])
