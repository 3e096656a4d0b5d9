"""The bank that comes with the program."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.bank.expecting import EXPECTS, Expected, expected_of
from app.bank.files import read_directory
from app.bank.service import check_directory, import_directory
from tests.test_contracts import NOT_SAID
from tests.times import TODAY, instant

SHIPPED = Path(__file__).resolve().parents[2] / "question_bank"


def test_the_shipped_bank_has_no_errors():
    report = check_directory(SHIPPED, TODAY)
    assert report.errors == ()
    assert report.balance.drawable >= 600


def test_the_shipped_bank_promises_what_it_is_known_for():
    expected, wrong = expected_of((SHIPPED / EXPECTS).read_bytes())
    assert (expected, wrong) == (Expected(drawable=600, fit_for_matches=200, cases=120, mix_within=5), [])


def test_the_shipped_bank_with_a_third_of_it_out_of_use_is_an_error(tmp_path):
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    for path in sorted(tmp_path.glob("*.yaml"))[:10]:
        path.write_text(path.read_text().replace("state: in_use", "state: draft"))
    told = [one.detail for one in check_directory(tmp_path, TODAY).errors if one.file == EXPECTS]
    assert told[0].endswith("题，本题库至少应有600题，请补充。")


def test_the_shipped_bank_does_without_the_words_that_pages_do_without():
    for one in read_directory(SHIPPED).questions:
        shown = f"{one.entry.topic}{one.entry.stem}{one.entry.options}{one.entry.explanation}"
        assert [word for word in NOT_SAID if word in shown] == [], one.entry.code


async def test_the_shipped_bank_is_taken_over_whole(services):
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, SHIPPED, unit_id=None, now=instant("06:00"), actor_id=None)
    assert (report.errors, report.created) == ((), report.rows)
