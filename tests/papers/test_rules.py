"""Rules of papers: choices as text, options in the paper's own order, where a paper stands."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.papers.rules import MOST_OPTIONS, UNREADABLE, PaperStatus, choice_of, readable_choice, shuffled, status

IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0,"), min_size=1, max_size=8)
OPTION_IDS = st.lists(IDS, min_size=1, max_size=MOST_OPTIONS, unique=True)


@given(OPTION_IDS, st.randoms(use_true_random=False))
def test_a_choice_does_not_depend_on_the_order_of_tapping(option_ids: list[str], random) -> None:
    tapped = random.sample(option_ids, len(option_ids))
    assert readable_choice(tapped) == choice_of(option_ids) == readable_choice(option_ids)


@given(OPTION_IDS, OPTION_IDS)
def test_different_options_are_different_choices(one: list[str], other: list[str]) -> None:
    assert (readable_choice(one) == readable_choice(other)) == (set(one) == set(other))


@given(OPTION_IDS)
def test_a_choice_gives_back_its_options(option_ids: list[str]) -> None:
    assert readable_choice(option_ids).split(",") == sorted(option_ids)


@pytest.mark.parametrize(
    "option_ids",
    [
        None,
        "a",
        {"a": 1},
        [],
        [""],
        ["a", "a"],
        ["a,b"],
        ["a\0"],
        [1],
        [None],
        [["a"]],
        ["a", True],
        [str(number) for number in range(MOST_OPTIONS + 1)],
    ],
)
def test_what_is_no_choice(option_ids: object) -> None:
    assert readable_choice(option_ids) == UNREADABLE


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_whatever_a_phone_sends_is_a_choice_or_none(option_ids: object) -> None:
    choice = readable_choice(option_ids)
    assert choice == UNREADABLE or (isinstance(option_ids, list) and set(choice.split(",")) == set(option_ids))


OPTIONS = st.lists(st.tuples(IDS, st.text()), unique_by=lambda option: option[0], max_size=MOST_OPTIONS)


@given(st.uuids(), st.sampled_from(["single", "multiple"]), OPTIONS)
def test_shuffling_keeps_every_option_and_is_the_same_each_time(
    paper: uuid.UUID, kind: str, options: list[tuple[str, str]]
) -> None:
    seen = shuffled(paper, kind, options)
    assert sorted(seen) == sorted(options)
    assert shuffled(paper, kind, list(reversed(options))) == seen


@given(st.uuids(), OPTIONS)
def test_true_and_false_keep_their_order(paper: uuid.UUID, options: list[tuple[str, str]]) -> None:
    assert shuffled(paper, "true_false", options) == options


def test_papers_differ_in_their_order() -> None:
    options = [(letter, "") for letter in "abcd"]
    first = {shuffled(uuid.UUID(int=number), "single", options)[0][0] for number in range(100)}
    assert first == set("abcd")


@given(st.integers(0, 20), st.integers(1, 20), st.booleans())
def test_a_paper_is_finished_once_all_is_answered(answered: int, questions: int, over: bool) -> None:
    stands = status(answered=answered, questions=questions, over=over)
    assert (stands is PaperStatus.FINISHED) == (answered >= questions)
    assert (stands is PaperStatus.CLOSED) == (over and answered < questions)
