"""Reads of papers: the answers recorded so far, by paper and in order."""

from __future__ import annotations

from app.papers.queries import recorded_answers
from tests.papers.conftest import Hall


async def test_recorded_answers_are_what_the_desk_replied(hall: Hall) -> None:
    last = await hall.desk.record(hall.answer("梅江001", 3))
    first = await hall.desk.record(hall.answer("梅江001", 1, "a"))
    async with hall.town.services.database.answers.acquire() as connection:
        papers = await connection.fetch("SELECT id, revision_ids FROM paper")
        found = await recorded_answers(connection, papers)
    assert found == {hall.papers["梅江001"]: [first, last]}
