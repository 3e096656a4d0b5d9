"""Opening the daily quiz: drawn once for an officer and day, on the hot path's way, in batches."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from app.bank.rules import draw
from app.contests.rules import BankTooSmall, PlayRules, closes_at
from app.core import metrics
from app.core.batching import Batcher
from app.core.errors import LianbingError, Unauthenticated
from app.core.ids import new_id
from app.papers.hot_path import in_transaction
from app.papers.queries import recorded_answers
from app.papers.statements import ISSUE, PAPERS
from app.papers.views import paper_view
from app.quiz.rules import Situation, refusal
from app.quiz.statements import CONTEXT, HISTORY
from app.roster.access import PasswordChangeRequired

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from app.bank.cache import BankCache
    from app.core.database import Database
    from app.papers.hot_path import Connection


class Opening(NamedTuple):
    """A wish to open today's quiz; `at` is set only by tests, demo history and simulation."""

    token_hash: bytes
    at: dt.datetime | None


class Opened(NamedTuple):
    """The Attempt of the day, and whether this request made it."""

    attempt: dict[str, Any]
    created: bool


class QuizDesk:
    """Hands out daily quizzes: one paper an officer and day, whoever asks how often."""

    def __init__(self, database: Database, cache: BankCache) -> None:
        self._database = database
        self._cache = cache
        self._batcher: Batcher[Opening, Opened] = Batcher(self._write)

    async def open(self, wish: Opening) -> Opened:
        """Return today's attempt, issued now or before.

        Raises Unauthenticated, PasswordChangeRequired, NoContest, NotEnrolled, NotAContestDay, ContestPaused,
        QuizClosed, BankTooSmall or Busy.
        """
        return await self._batcher.submit(wish)

    async def close(self) -> None:
        """Finish what was asked for and take no more."""
        await self._batcher.close()

    async def _write(self, wishes: Sequence[Opening]) -> list[Opened | Exception]:
        metrics.BATCHES.labels("openings").observe(len(wishes))

        async def work(connection: Connection) -> list[Opened | Exception]:
            return await self._open_all(connection, wishes)

        return await in_transaction(self._database.answers, work)

    async def _open_all(self, connection: Connection, wishes: Sequence[Opening]) -> list[Opened | Exception]:
        tokens, instants = zip(*wishes, strict=True)
        rows = await connection.fetch(CONTEXT, list(range(len(wishes))), list(tokens), list(instants))
        refusals = {row["ord"]: reason for row in rows if (reason := _refusal(row))}
        wanted = {_key(row): row for row in rows if row["ord"] not in refusals}
        new = [row for row in wanted.values() if row["paper_id"] is None]
        issued, failed = await self._issue(connection, new)
        attempts = await self._attempts(connection, [row for key, row in wanted.items() if key not in failed])
        claimed: set[uuid.UUID] = set()
        results: list[Opened | Exception] = []
        for row in rows:
            problem = refusals.get(row["ord"]) or failed.get(_key(row))
            if problem:
                results.append(problem)
                continue
            attempt = attempts[_key(row)]
            paper_id = uuid.UUID(attempt["id"])
            results.append(Opened(attempt, created=paper_id in issued and paper_id not in claimed))
            claimed.add(paper_id)
        return results

    async def _issue(
        self, connection: Connection, rows: Sequence[Any]
    ) -> tuple[set[uuid.UUID], dict[tuple[Any, ...], Exception]]:
        """Draw and insert papers for these officers; return the ids that were ours, and who could not be served."""
        if not rows:
            return set(), {}
        seen = await self._history(connection, [row["officer_id"] for row in rows])
        papers, failed = [], dict[tuple[Any, ...], Exception]()
        for row in rows:
            rules = rules_of(row["rules"])
            try:
                drawn = await self._draw(row, rules, seen.get(row["officer_id"], {}))
            except BankTooSmall as error:
                failed[_key(row)] = error
                continue
            papers.append(
                (
                    new_id(),
                    row["contest_id"],
                    row["officer_id"],
                    row["day"],
                    "{" + ",".join(map(str, drawn)) + "}",
                    rules.daily_quiz.points_per_question,
                    row["at"],
                    closes_at(rules, row["day"]),
                    rules.matches.required_per_day,
                )
            )
        if not papers:
            return set(), failed
        inserted = await connection.fetch(ISSUE, *(list(column) for column in zip(*papers, strict=True)))
        return {row["id"] for row in inserted}, failed

    async def _draw(self, row: Any, rules: PlayRules, seen: Mapping[uuid.UUID, dt.date]) -> list[uuid.UUID]:
        quiz = rules.daily_quiz
        async with self._database.reads() as session:
            pool = await self._cache.pool(
                session, version=row["bank_version"], owners=list(row["contest_unit_path"]), day=row["day"]
            )
        return draw(
            pool,
            seed=f"{row['contest_id']}:{row['officer_id']}:{row['day']}",
            counts={"single": quiz.single, "multiple": quiz.multiple, "true_false": quiz.true_false},
            seen=seen,
            excluded=frozenset(),
        )

    async def _history(
        self, connection: Connection, officers: list[uuid.UUID]
    ) -> dict[uuid.UUID, dict[uuid.UUID, dt.date]]:
        """Return for each officer the questions of earlier papers with the day each was last seen."""
        rows = await connection.fetch(HISTORY, officers)
        revisions = await self._revisions(revision for row in rows for revision in row["revision_ids"])
        seen: dict[uuid.UUID, dict[uuid.UUID, dt.date]] = {}
        for row in sorted(rows, key=lambda row: row["day"]):
            held = seen.setdefault(row["officer_id"], {})
            held.update((revisions[revision].question_id, row["day"]) for revision in row["revision_ids"])
        return seen

    async def _attempts(self, connection: Connection, rows: Sequence[Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the Attempts of these officers' papers of the day; a new snapshot shows those of other processes."""
        if not rows:
            return {}
        columns = [list(column) for column in zip(*(_key(row) for row in rows), strict=True)]
        papers = await connection.fetch(PAPERS, *columns)
        answers = await recorded_answers(connection, papers)
        revisions = await self._revisions(revision for paper in papers for revision in paper["revision_ids"])
        now = {_key(row): row["at"] for row in rows}
        return {
            _key(paper): paper_view(paper, answers.get(paper["id"], []), revisions, now=now[_key(paper)])
            for paper in papers
        }

    async def _revisions(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Any]:
        wanted = list(dict.fromkeys(ids))
        async with self._database.reads() as session:
            return {view.id: view for view in await self._cache.revisions(session, wanted)}


def _key(row: Any) -> tuple[uuid.UUID, uuid.UUID, dt.date]:
    return (row["contest_id"], row["officer_id"], row["day"])


@lru_cache(maxsize=256)
def rules_of(stored: str) -> PlayRules:
    """Return the rules that a `contest_rules` row holds as JSON text."""
    return PlayRules.model_validate(orjson.loads(stored))


def _refusal(row: Any) -> LianbingError | None:
    if row["officer_id"] is None:
        return Unauthenticated("登录已失效，请重新登录。")
    if row["must_change_password"]:
        return PasswordChangeRequired()
    if row["paper_id"] is not None:
        return None
    if row["contest_id"] is None:
        situation = Situation(row["day"], bool(row["takes_part"]))
    else:
        situation = Situation(
            row["day"], bool(row["takes_part"]), row["state"], row["starts_on"], row["ends_on"], rules_of(row["rules"])
        )
    return refusal(situation, row["at"])
