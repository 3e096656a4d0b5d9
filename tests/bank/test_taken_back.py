"""A review that was taken back counts no more, and a stop that a file gives is final, whatever its basis does."""

from __future__ import annotations

import datetime as dt

import pytest

from app.bank.life.service import follow_bases
from tests.bank.banks import fill, question
from tests.bank.lives import ask, id_of, put, states
from tests.bank.test_own_questions import EXTENDED, OWN, bureau, row, take, use
from tests.times import instant

__all__ = ["bureau"]


async def test_a_file_does_not_bring_a_rejected_draft_back_to_an_old_review(bureau, services):
    await take(bureau, row())
    await put(bureau, OWN, "reviewed", "法制员")
    await put(bureau, OWN, "draft", "法制员", "答案有误")
    report = await take(bureau, row(state="待复核"))
    assert (report["kept"], report["changed"], (await states(services))[OWN]) == (1, 0, "draft")
    assert (await put(bureau, OWN, "in_use")).json()["code"] == "question-step-not-allowed"
    life = (await ask(bureau, "管理员", "GET", f"/questions/{await id_of(bureau, OWN)}/life")).json()
    assert (len(life["steps"]), life["reviews"]) == (2, [])


@pytest.mark.parametrize("back", [["draft"], ["retired", "draft"]])
async def test_what_was_sent_back_needs_a_new_review(bureau, services, back):
    await take(bureau, row())
    await use(bureau)
    await put(bureau, OWN, "to_confirm")
    for state in back:
        assert (await put(bureau, OWN, state, "法制员")).status_code == 200
    await take(bureau, row(state="待复核"))
    assert (await put(bureau, OWN, "reviewed")).json()["code"] == "reviewer-is-author"
    assert (await states(services))[OWN] == "draft"
    await use(bureau)
    await put(bureau, OWN, "to_confirm")
    assert (await put(bureau, OWN, "in_use")).status_code == 200  # the new review is not taken back


async def test_the_end_of_a_basis_takes_no_review_back(town, services, tmp_path):
    await _ended(town, services, tmp_path)
    await fill(services, tmp_path / "s", [question("shared")], instruments=EXTENDED)
    await follow_bases(services, now=instant("06:00", AFTER))
    await put(town, OWN, "to_confirm")
    assert (await put(town, OWN, "in_use")).status_code == 200


async def test_a_stop_by_file_is_final_though_the_basis_had_ended(town, services, tmp_path):
    await _ended(town, services, tmp_path)
    assert (await take(town, row(ENDS, "停用")))["changed"] == 1
    await fill(services, tmp_path / "s", [question("shared")], instruments=EXTENDED)
    assert (await follow_bases(services, now=instant("06:00", AFTER))).returned == 0
    assert (await states(services))[OWN] == "retired"
    assert (await take(town, row(ENDS, "停用")))["unchanged"] == 1


AFTER = dt.date(2027, 1, 1)
ENDS = "《裁量权规定(2022)》第五条"


async def _ended(town, services, tmp_path) -> None:
    """An own question in use, which the end of its basis has retired."""
    await town.officer("法制员", "市局", roles=["admin"], takes_part=False)
    await fill(services, tmp_path / "s", [question("shared")])
    await take(town, row(ENDS))
    await use(town)
    assert (await follow_bases(services, now=instant("06:00", AFTER))).retired == 1
