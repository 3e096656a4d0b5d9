"""Each kind of mistake in a table gets its own message on its own row, all at once, and nothing is written."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import pytest
from sqlalchemy import func, select

from app.bank.models import Question, QuestionBasis, QuestionRevision
from app.bank.queries import bank_version
from app.core.audit import AuditEntry
from tests.bank.banks import INSTRUMENTS, fill, question
from tests.bank.malformed import MALFORMED, RIGHT, rows
from tests.bank.test_questions_api import upload
from tests.bank.test_sheets import workbook

OLD = {**INSTRUMENTS[0], "name": "旧办法", "full_name": "已经失效的旧办法", "in_force_to": dt.date(2026, 8, 14)}


@pytest.fixture
async def bank(services, tmp_path) -> None:
    await fill(services, tmp_path, [question("shared")], instruments=[*INSTRUMENTS, OLD])


async def tables(services) -> tuple[int, ...]:
    async with services.database.reads() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Question, QuestionRevision, QuestionBasis, AuditEntry)
        ]
        return (*counts, await bank_version(session))


@pytest.mark.parametrize("dry_run", ["true", "false"])
async def test_every_mistake_is_told_at_once_and_nothing_is_written(town, services, bank, dry_run):
    before = await tables(services)
    answer = await upload(town, workbook(*rows()), dry_run=dry_run)
    assert answer.status_code == 422
    report = answer.json()["report"]
    told = defaultdict(set)
    for error in report["errors"]:
        told[error["row"]].add((error["column"], error["detail"]))
    assert sorted(told) == list(range(3, len(MALFORMED) + 3))
    missing = [said for row, (_, *said) in enumerate(MALFORMED, start=3) if tuple(said) not in told[row]]
    assert missing == []
    assert (report["rows"], report["created"], report["id"]) == (len(MALFORMED) + 1, 0, None)
    assert await tables(services) == before


async def test_the_row_that_is_right_is_taken_without_the_others(town, bank):
    assert (await upload(town, workbook(*rows()[:2]))).json()["created"] == 1


def test_there_are_at_least_25_kinds_and_each_has_words_of_its_own():
    assert len(MALFORMED) >= 25
    assert len({(column, said) for _, column, said in MALFORMED}) == len(MALFORMED)
    assert all(said.endswith("。") and column in RIGHT for _, column, said in MALFORMED)
