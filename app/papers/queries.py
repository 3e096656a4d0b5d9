"""Reads of papers and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.papers.models import Answer, Paper
from app.papers.service import as_recorded
from app.papers.statements import ANSWERS

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.papers.hot_path import Connection
    from app.papers.service import Recorded


async def recorded_answers(connection: Connection, papers: Sequence[Any]) -> dict[uuid.UUID, list[Recorded]]:
    """Return the answers of these paper rows by paper id, in order of position."""
    counts = {paper["id"]: len(paper["revision_ids"]) for paper in papers}
    found: dict[uuid.UUID, list[Recorded]] = {}
    for row in await connection.fetch(ANSWERS, list(counts)):
        found.setdefault(row["paper_id"], []).append(
            as_recorded(row, position=row["position"], questions=counts[row["paper_id"]])
        )
    return found


async def own_paper(
    session: AsyncSession, officer_id: uuid.UUID, paper_id: uuid.UUID, kind: str
) -> tuple[dict[str, Any], list[Recorded]] | None:
    """Return a paper of this officer and kind with its answers; None for anybody else's."""
    found = await session.execute(
        select(Paper.__table__).where(Paper.id == paper_id, Paper.officer_id == officer_id, Paper.kind == kind)
    )
    row = found.mappings().first()
    if row is None:
        return None
    answers = await session.execute(
        select(Answer.__table__).where(Answer.paper_id == paper_id).order_by(Answer.position)
    )
    return dict(row), [
        as_recorded(answer, position=answer["position"], questions=len(row["revision_ids"]))
        for answer in answers.mappings()
    ]
