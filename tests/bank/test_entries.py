"""One question by itself: its fields, its kind's bounds, its wording; what an import makes of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.entries import Entry, Held, content_hash, option_ids, parse_entry, plan_import
from tests.bank.banks import SHAPES, question


def entry(*args: Any, **changes: Any) -> Entry:
    found, problems = parse_entry(question(*args, **changes))
    assert problems == []
    return found


def wrong(*args: Any, **changes: Any) -> dict[str, str]:
    values = {**question(*args), **changes}
    _, problems = parse_entry({name: value for name, value in values.items() if value is not None})
    return dict(problems)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_right_question_of_each_kind_is_taken(kind):
    assert entry("q-001", kind).kind == kind


@pytest.mark.parametrize(
    "field",
    ["code", "kind", "topic", "difficulty", "stem", "options", "key", "explanation", "basis", "state"],
)
def test_a_missing_field_is_named(field):
    assert field in wrong(**{field: None})


def test_facts_may_be_left_out():
    assert entry(facts=None).facts == ()


def test_all_problems_are_told_at_once():
    assert set(wrong(stem="  ", difficulty=4, state="live", key=["E"])) == {"stem", "difficulty", "state", "key"}


def test_an_unknown_field_gets_the_nearest_name():
    assert "explanation" in wrong(explanatoin="……")["explanatoin"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("stem", 5, "文字"),
        ("stem", "题" * 501, "最多500个字"),
        ("stem", "含\x00的题干", "不能显示"),
        ("code", "-17", "编号只能用"),
        ("kind", "choice", "single（单选）"),
        ("difficulty", True, "1（易）"),
        ("options", ["五日"], "逐一列出"),
        ("options", {"A": "甲", "C": "乙", "D": "丙"}, "中间不能空缺"),
        ("options", {letter: letter * 2 for letter in "ABCDEFG"}, "最多到 F"),
        ("key", "B", "列表"),
        ("key", ["B", "B"], "重复"),
        ("key", ["b"], "不在选项之中"),
        ("basis", [], "至少有一项"),
        ("basis", ["行政处罚法"], "instrument"),
        ("basis", [{"instrument": "行政处罚法", "article": "63"}], "第六十三条"),
        ("basis", [{"instrument": "行政处罚法", "article": "第一条"}] * 2, "写了两次"),
        ("facts", "lf-1", "应当是一个列表。"),
        ("facts", ["lf-1", "lf-1"], "写了两次"),
        ("state", "live", "in_use（启用）"),
    ],
)
def test_a_wrong_value_says_what_to_do(field, value, said):
    assert said in wrong(**{field: value})[field]


def test_two_options_of_one_text_are_refused():
    problems = wrong(options={"A": "五日", "B": "五日 ", "C": "十日"})
    assert set(problems) == {"options.A", "options.B"}


@pytest.mark.parametrize(
    ("kind", "changes", "field", "said"),
    [
        ("true_false", {"options": {"A": "对", "B": "错"}}, "options", "固定为 A 正确、B 错误"),
        ("true_false", {"key": ["A", "B"]}, "key", "只能有一个答案"),
        ("single", {"options": {"A": "五日", "B": "七日"}}, "options", "3至6个选项"),
        ("single", {"key": ["A", "B"]}, "key", "只能有一个答案"),
        ("multiple", {"key": ["A"]}, "key", "至少有两个答案"),
        ("multiple", {"key": ["A", "B", "C", "D"]}, "key", "不能全部选项都是答案"),
    ],
)
def test_each_kind_has_its_bounds(kind, changes, field, said):
    assert said in wrong("q-001", kind, **changes)[field]


@pytest.mark.parametrize("text", ["以上都对", "以上都不对", "上述选项均正确", "都不是", "没有正确答案", "A和B", "ABD"])
def test_options_that_speak_of_others_are_refused(text):
    assert "次序会打乱" in wrong(options={"A": "五日", "B": "七日", "C": text})["options.C"]


@pytest.mark.parametrize("text", ["10万元以上均可处罚", "A级企业", "是否都符合由法官认定", "以上都属于法定情形的除外"])
def test_options_that_only_sound_like_it_are_taken(text):
    assert entry(options={"A": "五日", "B": "七日", "C": text})


@pytest.mark.parametrize("field", ["stem", "explanation"])
def test_letters_of_options_are_refused_elsewhere(field):
    assert "选项B" in wrong(**{field: "选项B错在期限。"})[field]
    assert entry(**{field: "某A项目的VOCs排放。"})


def test_the_hash_covers_the_meaning_and_not_code_or_state():
    same = content_hash(entry(code="q-002", stem="题干。", state="draft"))
    assert same == content_hash(entry(stem="题干。"))
    for field, value in [("stem", "另一题干。"), ("key", ["A"]), ("difficulty", 2), ("facts", ["lf-9"])]:
        assert content_hash(entry(**{"stem": "题干。", field: value})) != same


@settings(deadline=None)
@given(st.uuids(), st.integers(2, 6), st.integers(1, 8))
def test_option_ids_are_stable_and_never_clash(revision_id, count, length):
    letters = "ABCDEF"[:count]
    ids = option_ids(revision_id, letters, length=length)
    assert ids == option_ids(revision_id, letters, length=length)
    assert len(set(ids)) == count


def test_option_ids_grow_until_they_differ():
    ids = option_ids(uuid.UUID(int=5), "ABCDEF", length=0)
    assert len(set(ids)) == 6
    assert len(option_ids(uuid.UUID(int=5), "AB")[0]) == 8


def test_the_plan_tells_new_from_changed_from_gone():
    first, second, third = (entry(f"q-00{number}") for number in (1, 2, 3))
    held = {
        name: Held(name, uuid.UUID(int=1), 1, state, content)
        for name, state, content in [
            ("q-001", "in_use", content_hash(first)),
            ("q-002", "in_use", "other"),
            ("q-003", "draft", content_hash(third)),
            ("gone", "in_use", "x"),
            ("long-gone", "retired", "x"),
        ]
    }
    plan = plan_import([first, second, third, entry("q-004")], held)
    assert [one.code for one in plan.created] == ["q-004"]
    assert [one.code for one, _ in plan.revised] == ["q-002"]
    assert [one.code for one, _ in plan.restated] == ["q-003"]
    assert [one.code for one in plan.missing] == ["gone"]
    assert (plan.unchanged, plan.changed) == (1, 2)
