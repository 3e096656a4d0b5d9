"""A bank as a whole: the register, facts, look-alikes, and the table that `check-bank` prints."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank.checking import Fact, InstrumentEntry, Located, Register, bank_problems, look_alikes, usable
from app.bank.service import check_directory
from tests.bank.banks import FACT, FACTS, INSTRUMENTS, question, questions, write_bank
from tests.bank.test_entries import entry
from tests.times import TODAY

LAW = {one["name"]: InstrumentEntry(**one) for one in INSTRUMENTS}
SURE = Fact("lf-1", "行政处罚法", "第六十三条", dt.date(2021, 7, 15), None, "high", None)


def found(folder, *items: dict[str, Any], day: dt.date = TODAY, **more: Any) -> list[str]:
    report = check_directory(write_bank(folder, list(items), **more), day)
    return [f"{problem.code} {problem.field} {problem.detail}" for problem in report.errors]


def test_a_right_bank_has_no_errors(tmp_path):
    assert found(tmp_path, *questions(3, 2, 2)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"basis": [{"instrument": "行政处罚去", "article": "第六十三条"}]}, "最接近的是《行政处罚法》"),
        ({"facts": ["lf-9"]}, "没有编号为 lf-9 的事实"),
        ({"facts": []}, "至少要写明一条事实"),
        ({"facts": ["lf-1", "lf-2"]}, "把它补进法律依据"),
        (
            {"basis": [{"instrument": "行政处罚法", "article": name} for name in ("第六十三条", "第六十四条")]},
            "第六十四条没有对应的事实",
        ),
    ],
)
def test_basis_and_facts_must_agree_and_be_known(tmp_path, changes, said):
    assert any(said in line for line in found(tmp_path, question(**changes)))


def test_a_draft_needs_no_facts_yet(tmp_path):
    assert found(tmp_path, question(facts=[], state="draft")) == []


@pytest.mark.parametrize("doubt", [{"confidence": "medium"}, {"force_check": "unverified_after_2026-08-15"}])
def test_a_question_in_use_rests_on_sure_facts_only(tmp_path, doubt):
    facts = [{**FACT, **doubt}]
    assert "to_confirm" in found(tmp_path, question(), facts=facts)[0]
    assert found(tmp_path, question(state="to_confirm"), facts=facts) == []


def test_a_confirmed_instrument_settles_the_doubt_but_never_a_repeal():
    confirmed = replace(LAW["行政处罚法"], confirmed_by="法制科 李明")
    doubtful = replace(SURE, confidence="medium", force_check="unverified_current_version")
    assert usable(SURE, None)
    assert usable(doubtful, confirmed)
    assert not usable(doubtful, LAW["行政处罚法"])
    assert not usable(replace(SURE, force_check="repealed"), confirmed)


def test_what_is_not_in_force_today_is_an_error_of_questions_in_use(tmp_path):
    rests: dict[str, Any] = {"basis": [{"instrument": "裁量权规定(2022)", "article": "第五条"}], "facts": ["lf-2"]}
    assert found(tmp_path, question(**rests), day=dt.date(2026, 12, 31)) == []
    assert "止于2026-12-31" in found(tmp_path, question(**rests), day=dt.date(2027, 1, 1))[0]
    assert "2022-01-01才施行" in found(tmp_path, question(**rests), day=dt.date(2021, 12, 31))[0]
    assert found(tmp_path, question(**rests, state="retired"), day=dt.date(2027, 1, 1)) == []


def test_a_fact_lapses_too(tmp_path):
    facts = [{**FACT, "valid_to": "2026-08-14"}]
    assert "事实 lf-1 的效力止于2026-08-14" in found(tmp_path, question(), facts=facts)[0]


def test_a_question_with_a_mistake_is_checked_on(tmp_path):
    unknown: dict[str, Any] = {"basis": [{"instrument": "行政处罚去", "article": "第一条"}], "facts": ["lf-9"]}
    told = found(tmp_path, question(), question(kind="single", difficulty=5, **unknown), {"state": "in_use"})
    fields = [line.split()[:2] for line in told if line.startswith("q-001")]
    assert fields == [["q-001", name] for name in ("difficulty", "code", "basis", "facts", "stem")]


def test_a_code_stands_once(tmp_path):
    twice = found(tmp_path, question(), question(stem="完全不同的另一道题目（　）。"))
    assert twice == ["q-001 code 编号与penalty.yaml 第1行的题目重复，请换一个编号。"]


def test_look_alikes_are_errors_and_the_alike_are_warnings(tmp_path):
    stem = "生态环境主管部门应当自立案之日起多少日内作出行政处罚决定（　）。"
    near, far = stem.replace("（　）", "？"), stem.replace("多少日内", "几天之内")
    write_bank(tmp_path, [question("q-1", stem=stem), question("q-2", stem=near), question("q-3", stem=far)])
    report = check_directory(tmp_path, TODAY)
    assert [problem.code for problem in report.errors] == ["q-2"]
    assert {problem.code for problem in report.warnings} == {"q-3"}


@settings(deadline=None)
@given(st.lists(st.text("环境处罚", min_size=1, max_size=12), max_size=12), st.sampled_from([0.3, 0.6, 0.8]))
def test_looking_up_rare_pieces_finds_every_pair(stems, share):
    located = [Located("f", number, entry(stem=stem)) for number, stem in enumerate(stems)]

    def pieces(text: str) -> set[str]:
        return {text[start : start + 3] for start in range(max(1, len(text) - 2))}

    expected = {
        (first, second)
        for second in range(len(stems))
        for first in range(second)
        if len(pieces(stems[first]) & pieces(stems[second]))
        >= share * len(pieces(stems[first]) | pieces(stems[second])) - 1e-12
    }
    assert {(one.row, other.row) for one, other, _ in look_alikes(located, share)} == expected


def test_a_key_letter_that_is_right_too_often_is_a_warning(tmp_path):
    report = check_directory(write_bank(tmp_path, questions(20, 0, 20)), TODAY)
    assert [problem.detail[:14] for problem in report.warnings] == [
        "单选题中答案为 B 的占10",
        "判断题中答案为 A 的占10",
    ]


def test_the_register_knows_other_spellings():
    register = Register(LAW)
    assert register.short_name("行政处罚法") == "行政处罚法"
    assert register.short_name("中华人民共和国行政处罚法") == "行政处罚法"
    assert register.short_name("裁量权规定（2022）") == "裁量权规定(2022)"
    assert register.short_name("裁量权规定") == "裁量权规定(2022)"
    assert register.short_name("没有的法") == "没有的法"


def test_without_any_instrument_the_hint_is_left_out():
    said = bank_problems([Located("f", 1, entry())], Register({}))[0].detail
    assert said == "《行政处罚法》没有登记，请改正或先登记该文书。"


def test_the_table_counts_by_topic_kind_state_and_difficulty(tmp_path):
    items = [*questions(2, 1, 1), question("x-1", topic="水", state="draft", difficulty=3, facts=[])]
    report = check_directory(write_bank(tmp_path, items), TODAY)
    assert report.table.total == 5
    assert report.table.topics["行政处罚程序"] == {"single": 2, "multiple": 1, "true_false": 1}
    assert report.table.states == {"in_use": 4, "draft": 1}
    text = report.render()
    assert "共5题，错误0处" in text
    assert "单选题：启用2题，按默认规则21天不重复需要84题，还差82题" in text


def test_the_text_lists_errors_with_their_place(tmp_path):
    write_bank(tmp_path, [question(), question("q-002", difficulty=9)], facts=FACTS)
    (tmp_path / "broken.yaml").write_text("a: 1")
    lines = check_directory(tmp_path, TODAY).render().splitlines()
    assert "错误  broken.yaml 第1行：文件应当是一个列表，每项以“- ”开头。" in lines
    assert any(line.startswith("错误  penalty.yaml 第") and "q-002  difficulty：难度" in line for line in lines)


def test_a_full_bank_says_so(tmp_path):
    assert "需要84题，够用。" in check_directory(write_bank(tmp_path, questions(84)), TODAY).render()
