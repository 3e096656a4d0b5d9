"""Acts on questions and instruments in the audit log: for administrators who do not take part."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import app.bank
from app.roster.queries import OF_QUESTIONS
from tests.bank.banks import fill, question
from tests.bank.lives import put
from tests.bank.test_confirming import load, post
from tests.bank.test_questions_api import get, upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook
from tests.roster.test_playing_admin import enter_for_tomorrow

TELLS = "答案应为B（七日）"


@pytest.fixture
async def acts(town, services, tmp_path):
    """An act of every kind on the bank, and one besides; two administrators, one of whom takes part."""
    await town.officer("参赛管理员", "市局", roles=["admin"])
    await load(services, tmp_path)
    await post(town, note=TELLS)
    await post(town, "withdraw", reason=TELLS)
    await upload(town, workbook(HEADER, SINGLE))
    await put(town, "sure", "retired", note=TELLS)
    async with town.as_("管理员") as admin:
        await admin.post("/units", json={"name": "甲", "kind": "branch", "parent_id": str(town.units["市局"])})
    return town


async def actions(town, who, **params):
    return [item["action"] for item in (await get(town, who, "/audit", **params)).json()["items"]]


async def test_who_takes_part_sees_no_acts_on_questions(acts):
    assert await actions(acts, "管理员") == [
        "unit.created",
        "question.state",
        "questions.import",
        "instrument.withdraw",
        "instrument.confirm",
    ]
    assert await actions(acts, "参赛管理员") == ["unit.created"]
    for action in ("question.state", "instrument.confirm", "questions.import"):
        assert await actions(acts, "参赛管理员", action=action) == []


async def test_pages_do_not_count_what_is_left_out(acts):
    page = (await get(acts, "参赛管理员", "/audit", limit=1)).json()
    assert (len(page["items"]), page["next"]) == (1, None)
    theirs = (await get(acts, "管理员", "/audit", limit=1)).json()["next"]
    assert await actions(acts, "参赛管理员", cursor=theirs) == []


async def test_who_will_take_part_tomorrow_sees_none_already(acts):
    await enter_for_tomorrow(acts, "管理员", takes_part=True)
    assert await actions(acts, "管理员") == ["unit.created"]


async def test_commands_on_the_bank_are_left_out_too(town, services, tmp_path):
    await town.officer("参赛省厅管理员", "省厅", roles=["admin"])
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    await fill(services, tmp_path, [question("shared")])
    assert await actions(town, "省厅管理员") == ["questions.import"]
    assert await actions(town, "参赛省厅管理员") == []


def test_every_subject_of_the_bank_is_left_out():
    found = set()
    for path in Path(app.bank.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "subject" and isinstance(node.value, ast.Tuple):
                kind = node.value.elts[0]
                assert isinstance(kind, ast.Constant), path
                found.add(kind.value)
    assert found == set(OF_QUESTIONS)
