"""What a folder promises of itself, and what `check-bank` says where it does not keep it."""

from __future__ import annotations

import datetime as dt

import pytest

from app.bank.expecting import Expected, expected_errors, expected_of
from app.bank.service import check_directory
from tests.bank.banks import question, questions, write_bank
from tests.bank.test_queries import RESTS
from tests.times import TODAY

CASE = "某厂2026年9月排放废水，编号{}，执法人员应当（　）。"


def told(folder, promise: str, items, day: dt.date = TODAY) -> list[str]:
    """What is said of the promise."""
    write_bank(folder, items)
    (folder / "expects.toml").write_text(promise)
    return [one.detail for one in check_directory(folder, day).errors if one.file == "expects.toml"]


def test_a_folder_without_the_file_may_be_small(tmp_path):
    assert check_directory(write_bank(tmp_path, questions(1)), TODAY).errors == ()


def test_a_promise_is_kept_to_the_question(tmp_path):
    items = [*questions(4, 3), *(question(f"c-{n}", stem=CASE.format("甲乙丙"[n] * 9)) for n in range(3))]
    assert told(tmp_path, "drawable = 10\nfit_for_matches = 7\ncases = 3\n", items) == []
    assert told(tmp_path, "drawable = 11\nfit_for_matches = 8\ncases = 4\n", items) == [
        "现在可以出的题只有10题，本题库至少应有11题，请补充。",
        "适合对战的题（题干不超过60字、不是案例）只有7题，本题库至少应有8题，请补充。",
        "案例题只有3题，本题库至少应有4题，请补充。",
    ]


def test_only_what_is_in_use_and_in_force_on_the_day_counts(tmp_path):
    items = [*questions(2), question("draft", state="draft"), question("rests", **RESTS)]
    assert told(tmp_path, "drawable = 3", items) == []
    assert told(tmp_path, "drawable = 3", items, dt.date(2027, 1, 1)) == [
        "现在可以出的题只有2题，本题库至少应有3题，请补充。"
    ]


def test_the_mix_may_be_promised(tmp_path):
    assert told(tmp_path, "mix_within = 5", questions(9, 6, 5)) == []
    assert told(tmp_path, "mix_within = 5", questions(8, 6, 6)) == []
    assert told(tmp_path, "mix_within = 5", questions(8, 8, 4)) == [
        "多选题占可以出的题的40.0%，本题库应在30%上下5个百分点以内，请调整。"
    ]
    assert told(tmp_path, "mix_within = 0", questions(8, 6, 6))[0].startswith("单选题占可以出的题的40.0%")


def test_an_empty_folder_keeps_no_number_and_has_no_mix():
    assert [one.detail for one in expected_errors(Expected(drawable=1, mix_within=0), [])] == [
        "现在可以出的题只有0题，本题库至少应有1题，请补充。"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("drawble = 600", "没有字段 drawble，最接近的是 drawable，请改正或删除。"),
        ("drawable = '600'", "drawable 应当是不小于0的整数，请改正。"),
        ("cases = true", "cases 应当是不小于0的整数，请改正。"),
        ("cases = -1", "cases 应当是不小于0的整数，请改正。"),
        ("drawable 600", "不是有效的 TOML，请改正；每行一项，如 drawable = 600。"),
        ("drawable = 6\ndrawable = 7", "不是有效的 TOML，请改正；每行一项，如 drawable = 600。"),
    ],
)
def test_a_promise_that_cannot_be_read_is_an_error(tmp_path, content, said):
    assert told(tmp_path, content, questions(1)) == [said]
    assert expected_of(content.encode())[0] == Expected()
