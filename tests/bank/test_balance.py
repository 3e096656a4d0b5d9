"""What guessing earns over a whole bank, how its keys are spread, and the errors of a shipped bank that is lopsided."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bank.balance import FEWEST, balance_errors, balance_lines, balance_of, balance_warnings, chance_of, longest
from app.bank.entries import LETTERS, TRUE_FALSE, Entry
from tests.bank.test_entries import entry

LONGEST = (("A", "9333"), ("B", "3933"), ("C", "3393"), ("D", "3339"))
CASE = "某厂2026年9月超标排污，执法人员应当（　）。"


def made(kind: str, key: str, lengths: str = "3333", stem: str = "题（　）。") -> Entry:
    options = tuple((letter, letter * int(length)) for letter, length in zip(LETTERS, lengths, strict=False))
    options = TRUE_FALSE if kind == "true_false" else options
    return replace(entry("q-001", kind), stem=stem, options=options, key=tuple(key))


def even(kind: str, count: int = 20, **more: str) -> list[Entry]:
    pairs = ["".join(pair) for pair in combinations("ABCD", 2)] + ["ABC", "BCD", "ACD", "ABD"]
    keys = {"single": list("ABCD"), "multiple": pairs, "true_false": list("AB")}[kind]
    return [made(kind, keys[number % len(keys)], **more) for number in range(count)]


def said(entries: list[Entry]) -> list[str]:
    return [problem.detail for problem in balance_errors(balance_of(entries))]


@pytest.mark.parametrize(
    ("kind", "lengths", "chance"),
    [
        ("single", "3333", 25),
        ("single", "333", 100 / 3),
        ("multiple", "3333", 100 / 11),
        ("multiple", "33333", 100 / 26),
    ],
)
def test_chance_by_kind_and_options(kind, lengths, chance):
    assert chance_of(made(kind, "AB", lengths)) == pytest.approx(chance)


def test_true_or_false_is_a_coin():
    assert chance_of(made("true_false", "A")) == 50


@given(st.text("12345", min_size=3, max_size=6), st.integers(1, 3), st.data())
def test_the_longest_options_earn_what_drawing_lots_among_equals_earns(lengths, count, data):
    letters = LETTERS[: len(lengths)]
    key = data.draw(st.sampled_from(["".join(each) for n in (1, 2, 3) for each in combinations(letters, n)]))
    ranked = {each: sorted(int(lengths[LETTERS.index(one)]) for one in each) for each in combinations(letters, count)}
    best = max(sum(each) for each in ranked.values())
    longest_sets = [each for each, held in ranked.items() if sum(held) == best]
    expected = 100 / len(longest_sets) if tuple(key) in longest_sets else 0
    assert longest(made("single", key, lengths), count) == pytest.approx(expected)


def test_an_even_bank_has_no_errors():
    entries = [*even("single"), *even("multiple"), *even("true_false", stem=CASE)]
    assert said(entries) == []


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([made("single", "B")] * 20, "单选题“总选B”可得100.0分（满分100），高于随机作答的25.0分加3分"),
        (even("single", 15) + [made("single", "D")] * 5, "单选题“总选D”"),
        ([made("true_false", "A")] * 11 + [made("true_false", "B")] * 9, "判断题“总选正确”可得55.0分"),
        ([made("true_false", "B")] * 20, "判断题“总选错误”"),
        (even("single", 16) + [made("single", key, longest) for key, longest in LONGEST], "“总选最长项”可得40.0分"),
        ([made("multiple", "AB", "9911"), made("multiple", "CD", "1199")] * 10, "多选题“总选最长的2项”"),
        ([made("multiple", "AB")] * 20, "多选题中选项A有100%是答案，平均应为50%"),
    ],
)  # fmt: skip
def test_a_way_of_guessing_that_pays_is_an_error(entries, told):
    assert any(told in line for line in said(entries))


def test_the_longest_option_may_be_wrong_more_often_but_not_right():
    right = [made("multiple", "ABC"[number % 3] + "D", "1119") for number in range(20)]
    wrong = [made("multiple", key, "1119") for key in ("AB", "AC", "BC")] * 7
    assert any("最长的选项有100%是答案" in line for line in said(right))
    assert not any("最长的选项" in line for line in said(wrong))


def test_few_questions_are_not_judged():
    entries = [made("single", "B")] * (FEWEST - 1)
    balance = balance_of(entries)
    assert (balance_errors(balance), balance_warnings(balance)) == ([], [])
    assert any("题目太少，不作判断" in line for line in balance_lines(balance))


def test_a_fifth_are_cases_and_a_third_fit_for_matches():
    plain, case = even("single", 84), even("single", 20, stem=CASE)
    assert any("案例题只有20题" in line for line in said(plain + case))
    assert any("适合对战的题（题干不超过60字、不是案例）只有20题" in line for line in said(even("single") + case * 3))
    long = even("single", 40, stem="长" * 61)
    assert any("只有12题" in line for line in said(long + even("single", 12) + case))


def test_a_set_of_letters_and_a_lopsided_mix_are_warnings():
    told = [problem.detail for problem in balance_warnings(balance_of([made("multiple", "AB")] * 20))]
    assert told[0].startswith("多选题“固定选AB”可得100.0分")
    assert [line[:12] for line in told[1:]] == [
        "单选题占启用题目的0%，",
        "多选题占启用题目的100",
        "判断题占启用题目的0%，",
    ]


def test_the_lines_tell_every_way_of_guessing():
    lines = list(balance_lines(balance_of([*even("single"), *even("multiple"), *even("true_false")])))
    assert "  单选题  总选B  25.0  随机 25.0" in lines
    assert "  判断题  总选正确  50.0  随机 50.0" in lines
    assert "  多选题  全选  0.0  随机 9.1" in lines
    assert "多选题选项A：20题中60%是答案，平均应为60%" in lines
    assert list(balance_lines(balance_of([]))) == []


def test_what_pays_is_marked():
    lines = list(balance_lines(balance_of([made("single", "B")] * 20)))
    assert "  单选题  总选B  100.0  随机 25.0  偏高" in lines
