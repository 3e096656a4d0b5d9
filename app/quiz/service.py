"""Opening the daily quiz: drawn once for an officer and day, on the hot path's way, in batches."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from app.bank.cache import Library
from app.bank.rules import draw
from app.contests.rules import BankTooSmall, PlayRules, closes_at
from app.core import metrics
from app.core.batching import Batcher
from app.core.ids import new_id
from app.papers.asking import CONTEXT, locked_past, refusal_of, rules_of
from app.papers.hot_path import in_transaction
from app.papers.queries import recorded_answers
from app.papers.statements import ISSUE, PAPERS
from app.papers.views import paper_view

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from app.bank.cache import BankCache
    from app.bank.rules import Pool
    from app.core.database import Database
    from app.papers.asking import Past
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
        self._library = Library(database, cache)
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
        refusals = {
            row["ord"]: reason for row in rows if (reason := refusal_of(row, holds=row["paper_id"] is not None))
        }
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
        past = await self._past(connection, rows)
        papers, failed = [], dict[tuple[Any, ...], Exception]()
        for row in rows:
            rules = rules_of(row["rules"])
            pool = await self._library.pool(
                version=row["bank_version"], owners=list(row["contest_unit_path"]), day=row["day"]
            )
            try:
                drawn = _drawn(pool, row, rules, past[_key(row)])
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
                    rules.matches.counted_per_day,
                    pool.version,
                )
            )
        if not papers:
            return set(), failed
        inserted = await connection.fetch(ISSUE, *(list(column) for column in zip(*papers, strict=True)))
        return {row["id"] for row in inserted}, failed

    async def _past(self, connection: Connection, rows: Sequence[Any]) -> dict[tuple[Any, ...], Past]:
        """Return what each has seen; a batch about midnight holds two days."""
        past: dict[tuple[Any, ...], Past] = {}
        for day in sorted({row["day"] for row in rows}):
            of_day = {row["officer_id"]: row for row in rows if row["day"] == day}
            now = max(row["at"] for row in of_day.values())
            found = await locked_past(connection, self._library, of_day, day=day, now=now)
            past |= {_key(of_day[officer]): held for officer, held in found.items()}
        return past

    async def _attempts(self, connection: Connection, rows: Sequence[Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the Attempts of these officers' papers of the day; a new snapshot shows those of other processes."""
        if not rows:
            return {}
        columns = [list(column) for column in zip(*(_key(row) for row in rows), strict=True)]
        papers = await connection.fetch(PAPERS, *columns)
        answers = await recorded_answers(connection, papers)
        revisions = await self._library.revisions(revision for paper in papers for revision in paper["revision_ids"])
        now = {_key(row): row["at"] for row in rows}
        return {
            _key(paper): paper_view(paper, answers.get(paper["id"], []), revisions, now=now[_key(paper)])
            for paper in papers
        }


def _drawn(pool: Pool, row: Any, rules: PlayRules, past: Past) -> list[uuid.UUID]:
    quiz = rules.daily_quiz
    counts = {"single": quiz.single, "multiple": quiz.multiple, "true_false": quiz.true_false}
    return drawn(pool, _key(row), counts, past)


def seed_of(contest_id: uuid.UUID, officer_id: uuid.UUID, day: dt.date) -> str:
    """Return the seed of an officer's quiz of a day."""
    return f"{contest_id}:{officer_id}:{day}"


def drawn(
    pool: Pool, whose: tuple[uuid.UUID, uuid.UUID, dt.date], counts: Mapping[str, int], past: Past
) -> list[uuid.UUID]:
    """Return the revisions of a quiz of (contest, officer, day); raises BankTooSmall."""
    seed = seed_of(*whose)
    try:
        return draw(pool, seed=seed, counts=counts, seen=past.seen, excluded=past.barred)
    except BankTooSmall:  # the day's quiz comes before colleagues' challenges: those that share a question wait
        return draw(pool, seed=seed, counts=counts, seen=past.seen, excluded=past.barred - past.promised)


def _key(row: Any) -> tuple[uuid.UUID, uuid.UUID, dt.date]:
    return (row["contest_id"], row["officer_id"], row["day"])
