"""Aggregates over answers, revision by revision, and the contests in which a question was used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, text

from app.bank.models import Question, QuestionRevision
from app.bank.queries import administered_by, question_of
from app.bank.statistics.rules import Taken, Tally, tallies
from app.roster.models import Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.queries import Administered
    from app.roster.access import Caller


class Span(NamedTuple):
    """Contest days, both included."""

    first: dt.date
    last: dt.date


# Papers and answers belong to a package above this one, hence plain SQL. Contests that cover the caller's unit or lie
# below it: elsewhere the question is used by others. Practice counts for nobody. The cost is two passes over the answers
# and two hash joins, whatever the span: one to four seconds for 1,000,000 answers by how busy the machine is.
_NEAR = """
WITH near AS (
    SELECT contest.id FROM contest JOIN unit ON unit.id = contest.unit_id
    WHERE contest.unit_id = ANY(CAST(:path AS uuid[])) OR unit.path @> ARRAY[CAST(:unit AS uuid)]
), used AS (
    SELECT id, contest_id FROM paper
    WHERE contest_id IN (SELECT id FROM near) AND day BETWEEN :first AND :last AND kind <> 'practice'
"""
_TAKEN = """
), totals AS MATERIALIZED (
    SELECT a.paper_id, count(*)::float8 AS answered, count(*) FILTER (WHERE a.correct)::float8 AS correct
    FROM answer a JOIN used ON used.id = a.paper_id
    GROUP BY a.paper_id
)
SELECT a.revision_id, a.choice, a.correct, count(*) AS answers, count(rest) AS paired,
       coalesce(sum(rest), 0) AS rest, coalesce(sum(rest * rest), 0) AS rest_squared,
       min(a.answered_at) AS first_at, max(a.answered_at) AS last_at
FROM answer a
JOIN totals t USING (paper_id)
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.answered > 1 THEN (t.correct - a.correct::int) / (t.answered - 1) END AS rest
) others
"""
_ALL = text(f"{_NEAR}{_TAKEN} GROUP BY a.revision_id, a.choice, a.correct")
_ONE = text(
    f"{_NEAR} AND revision_ids && CAST(:revisions AS uuid[]) {_TAKEN}"
    " WHERE a.revision_id = ANY(CAST(:revisions AS uuid[])) GROUP BY a.revision_id, a.choice, a.correct"
)
_CONTESTS = text(f"""{_NEAR} AND revision_ids && CAST(:revisions AS uuid[])
)
SELECT c.id, c.name, count(DISTINCT used.id) AS papers, count(a.paper_id) AS answers,
       count(*) FILTER (WHERE a.correct) AS correct
FROM used
JOIN contest c ON c.id = used.contest_id
LEFT JOIN answer a ON a.paper_id = used.id AND a.revision_id = ANY(CAST(:revisions AS uuid[]))
GROUP BY c.id ORDER BY c.starts_on DESC, c.id
""")  # noqa: S608 - put together from constants of this module


@dataclass(frozen=True)
class Measured:
    """A revision with the answers it got; `current` is the question's text today."""

    question: Question
    revision: QuestionRevision
    tally: Tally

    @property
    def current(self) -> bool:
        """Whether this is the question's present text."""
        return self.question.current_revision_id == self.revision.id


class UsedIn(NamedTuple):
    """A contest in which a question was handed out."""

    id: uuid.UUID
    name: str
    papers: int
    answers: int
    correct: int


def _scope(caller: Caller, span: Span) -> dict[str, object]:
    return {"path": list(caller.unit_path), "unit": caller.unit_id, "first": span.first, "last": span.last}


async def measured(session: AsyncSession, caller: Caller, span: Span) -> list[Measured]:
    """Return every revision answered in the span in the caller's contests, by code; the caller must read it."""
    rows = await session.execute(_ALL, _scope(caller, span))
    found = tallies(Taken(*row) for row in rows)
    texts = await session.execute(
        select(Question, QuestionRevision)
        .join(QuestionRevision, QuestionRevision.question_id == Question.id)
        .outerjoin(Unit, Unit.id == Question.unit_id)
        .where(QuestionRevision.id.in_(list(found)), administered_by(caller))
        .order_by(Question.code, Question.id, QuestionRevision.number.desc())
    )
    return [Measured(question, revision, found[revision.id]) for question, revision in texts]


class OneMeasured(NamedTuple):
    """A question with all its revisions (newest first), answered or not, and where it was used."""

    administered: Administered
    revisions: list[Measured]
    contests: list[UsedIn]


async def measured_one(session: AsyncSession, caller: Caller, question_id: str, span: Span) -> OneMeasured:
    """Return how one question did in the span; raises NotFound for a foreign one."""
    administered, revisions = await question_of(session, caller, question_id)
    parameters = {**_scope(caller, span), "revisions": [revision.id for revision in revisions]}
    found = tallies(Taken(*row) for row in await session.execute(_ONE, parameters))
    contests = [UsedIn(*row) for row in await session.execute(_CONTESTS, parameters)]
    return OneMeasured(
        administered,
        [Measured(administered.question, revision, found.get(revision.id, Tally())) for revision in revisions],
        contests,
    )
