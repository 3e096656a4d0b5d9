"""What an import makes of a unit's own questions: drafts, what stands, and what a file does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.bank.arrivals import Stood, advice, arrive
from app.bank.checking import Located
from app.bank.entries import STATES, content_hash
from app.bank.footing import Doubt, InDoubt
from tests.bank.test_entries import entry

TEXT = entry(explanation="见本条。")


def stood(state: str, would_be: str | None = None) -> dict[str, Stood]:
    return {TEXT.code: Stood(replace(TEXT, state=state), content_hash(TEXT), would_be)}


def arrived(said: str | None, held: dict[str, Stood], **changes) -> tuple[str, bool]:
    """The state that a file's question is to have, and whether it is told as kept."""
    unsaid = frozenset({"state"} if said is None else ())
    made = arrive([Located("", 1, replace(TEXT, state=said or "draft", **changes), unsaid=unsaid)], held)
    return made.entries[0].state, bool(made.kept)


@pytest.mark.parametrize("said", [None, *STATES])
def test_a_new_question_waits_for_a_reviewer(said):
    writes = {"to_confirm", "retired"}
    assert arrived(said, {}) == (said if said in writes else "draft", False)


@pytest.mark.parametrize("state", STATES)
def test_a_text_that_stands_is_never_put_on(state):
    assert arrived(None, stood(state)) == (state, False)
    assert arrived(state, stood(state)) == (state, False)
    for said in {"in_use", "reviewed"} - {state}:
        assert arrived(said, stood(state)) == (state, True)


@pytest.mark.parametrize("said", ["draft", "to_confirm", "retired"])
def test_a_text_that_stands_may_be_put_back(said):
    assert arrived(said, stood("in_use")) == (said, False)


def test_a_draft_that_stands_does_not_wait_by_a_file():
    assert arrived("to_confirm", stood("draft")) == ("draft", True)
    assert arrived("to_confirm", stood("draft"), stem="改写了（　）。") == ("to_confirm", False)


@pytest.mark.parametrize("said", [None, *STATES])
def test_what_a_person_retired_stays_so_with_any_text(said):
    kept = said not in {None, "retired"}
    assert arrived(said, stood("retired")) == ("retired", kept)
    assert arrived(said, stood("retired"), stem="改写了（　）。") == ("retired", kept)


@pytest.mark.parametrize(
    ("said", "returns"),
    [(None, "in_use"), ("in_use", "in_use"), ("retired", "retired"), ("draft", "draft"), ("to_confirm", "to_confirm")],
)
def test_what_its_basis_retired_returns_with_it_as_last_said_and_a_new_text_is_a_draft(said, returns):
    held = stood("retired", "in_use")
    assert arrived(said, held) == (returns, said == "in_use")
    new = returns if said in {"retired", "to_confirm"} else "draft"
    assert arrived(said, held, stem="改写了（　）。") == (new, False)


def test_no_file_takes_a_draft_further_whose_basis_ended():
    assert arrived("to_confirm", stood("retired", "draft")) == ("draft", True)


def test_what_a_file_does_not_say_stays():
    bare = replace(TEXT, topic="未分类", difficulty=2, explanation="", basis=(), facts=())
    silent = frozenset({"topic", "difficulty", "explanation", "basis", "facts"})
    assert arrive([Located("", 1, bare, unsaid=silent)], stood("in_use")).entries == [TEXT]
    other = replace(TEXT, basis=(replace(TEXT.basis[0], article="第七条"),), facts=())
    made = arrive([Located("", 1, other, unsaid=frozenset({"facts"}))], stood("in_use")).entries[0]
    assert (made.facts, made.state) == ((), "draft")


def test_advice_says_what_is_left_to_do():
    assert advice(0, 0, InDoubt()) is None
    assert advice(2, 0, InDoubt()) == "2题存为草稿，由另一位管理员复核后启用。"
    assert str(advice(0, 1, InDoubt())).startswith("1题保持系统中现有的状态")


def test_advice_names_three_doubts():
    doubts = [Doubt("法", f"第{number}条", f"《法》第{number}条没有登记", "请登记") for number in "一二三四五"]
    assert (
        advice(0, 0, InDoubt(7, tuple(doubts[:1])))
        == "7题的依据还不能用，启用前请先办理：《法》第一条没有登记，请登记。"
    )
    told = str(advice(0, 0, InDoubt(7, tuple(doubts))))
    assert ("第三条" in told, "第四条" in told, told.endswith("另有2处依据也须办理。")) == (True, False, True)
