"""The bank that comes with the program."""

from __future__ import annotations

from pathlib import Path

from app.bank.service import check_directory, import_directory
from tests.times import TODAY, instant

SHIPPED = Path(__file__).resolve().parents[2] / "question_bank"


def test_the_shipped_bank_has_no_errors():
    report = check_directory(SHIPPED, TODAY)
    assert report.errors == ()
    assert report.table.total >= 200


async def test_the_shipped_bank_is_taken_over_whole(services):
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, SHIPPED, unit_id=None, now=instant("06:00"), actor_id=None)
    assert (report.errors, report.created) == ((), report.rows)
