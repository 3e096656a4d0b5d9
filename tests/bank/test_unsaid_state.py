"""A file that does not say the state is judged as a draft is, and leaves what stands."""

from __future__ import annotations

from tests.bank.lives import states
from tests.bank.test_own_questions import OWN, TXT, bureau, row, take, use
from tests.bank.test_questions_api import upload

__all__ = ["bureau"]


async def test_a_row_without_state_and_basis_is_a_draft(bureau, services):
    report = await take(bureau, row("", "", 解析=""))
    assert (report["created"], report["drafts"], (await states(services))[OWN]) == (1, 1, "draft")


async def test_a_row_without_state_keeps_a_question_in_use(bureau, services):
    await take(bureau, row())
    await use(bureau)
    assert (await take(bureau, row(state="")))["unchanged"] == 1
    assert (await states(services))[OWN] == "in_use"


async def test_a_plain_text_may_leave_out_what_the_held_question_has(bureau, services):
    text = TXT + "法律依据：《行政处罚法》第六十三条\n"
    await upload(bureau, text.encode(), file="题.txt")
    [code] = [code for code in await states(services) if code != "shared"]
    await use(bureau, code)
    answer = await upload(bureau, text.replace("解析：见本条。\n", "").encode(), file="题.txt")
    assert (answer.status_code, answer.json()["unchanged"]) == (200, 1)
    assert (await states(services))[code] == "in_use"
