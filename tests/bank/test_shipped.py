"""The bank that comes with the program."""

from __future__ import annotations

from pathlib import Path

from app.bank.files import read_directory
from app.bank.service import check_directory, import_directory
from tests.test_contracts import NOT_SAID
from tests.times import TODAY, instant

SHIPPED = Path(__file__).resolve().parents[2] / "question_bank"


def test_the_shipped_bank_has_no_errors():
    report = check_directory(SHIPPED, TODAY)
    assert report.errors == ()
    assert report.table.total >= 200


def test_the_shipped_bank_does_without_the_words_that_pages_do_without():
    for one in read_directory(SHIPPED).questions:
        shown = f"{one.entry.topic}{one.entry.stem}{one.entry.options}{one.entry.explanation}"
        assert [word for word in NOT_SAID if word in shown] == [], one.entry.code


async def test_the_shipped_bank_is_taken_over_whole(services):
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, SHIPPED, unit_id=None, now=instant("06:00"), actor_id=None)
    assert (report.errors, report.created) == ((), report.rows)
