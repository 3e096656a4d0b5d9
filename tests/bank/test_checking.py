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


def test_equal_stems_are_told_once_each_not_in_every_pair():
    located = [Located("", number, entry(f"q-{number}", stem="同一道题（　）。")) for number in range(50)]
    said = [(problem.code, problem.detail[:9]) for problem in bank_problems(located, Register(LAW))]
    assert said == [(f"q-{number}", "题干与 q-0 几") for number in range(1, 50)]
    assert len(list(look_alikes(located, 0.8))) == 50 * 49 // 2


def test_a_lopsided_bank_is_an_error_of_the_whole(tmp_path):
    report = check_directory(write_bank(tmp_path, questions(20, 0, 20)), TODAY)
    told = [problem.detail.partition("可得")[0] for problem in report.errors]
    assert told[:2] == ["单选题“总选B”", "判断题“总选正确”"]
    assert told[2].startswith("案例题只有0题")
    assert "偏高" in report.render()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stem": "众所周知，听证的期限是（　）。"}, "stem “众所周知”是放在哪里都行的话，请改写。"),
        ({"explanation": "待补充。"}, "explanation “待补充”是没有写完的地方，请改写。"),
        ({"stem": "本题考查的期限是（　）。"}, "stem “本题”是指题目自己的话，请改写。"),
        ({"options": {"A": "TODO", "B": "七日", "C": "十日"}}, "options.A “TODO”是没有写完的地方，请改写。"),
        ({"stem": "行政机关不得不（　）。"}, "stem “不得不”是双重否定，容易误读，请改成肯定的说法。"),
        ({"stem": "不属于不予处罚情形的是（　）。"}, "“不属于不予”是双重否定"),
        ({"stem": "处罚非经审核不可的是（　）。"}, "“非经审核不可”是双重否定"),
    ],
)
def test_wording_that_a_shipped_question_must_not_have(tmp_path, changes, said):
    told = found(tmp_path, question(**changes))
    assert len(told) == 1
    assert said in told[0]


@pytest.mark.parametrize(
    "stem",
    [
        "未经批准不得排放的是（　）。",
        "没有不良影响的是（　）。",
        "因不可抗力非法排污的是（　）。",
        "《本题》规定的是（　）。",
    ],
)
def test_what_only_looks_like_bad_wording_is_none(tmp_path, stem):
    assert found(tmp_path, question(stem=stem)) == []


def test_a_multiple_has_four_or_five_options_and_at_most_four_right(tmp_path):
    options = {letter: f"第{letter}种" for letter in "ABCDEF"}
    six = question("q-6", "multiple", options=options, key=list("ABCDE"))
    three = question("q-3", "multiple", options=dict(list(options.items())[:3]))
    assert found(tmp_path, six, three) == [
        "q-6 options 多选题应当有4至5个选项，现有6个，请改正。",
        "q-6 key 多选题应当有2至4个答案，现有5个，请改正。",
        "q-3 options 多选题应当有4至5个选项，现有3个，请改正。",
    ]


def test_options_of_very_unlike_length_are_a_warning(tmp_path):
    options = {"A": "五日", "B": "自收到告知书之日起七日", "C": "十日"}
    items = [question(options=options), question("q-2", "true_false"), question("q-3", difficulty=9)]
    report = check_directory(write_bank(tmp_path, items), TODAY)
    assert [problem.detail for problem in report.warnings] == ["选项长短悬殊（2至11字），请改得相近。"]


def test_a_basis_that_ends_within_90_days_is_a_warning(tmp_path):
    rests: dict[str, Any] = {"basis": [{"instrument": "裁量权规定(2022)", "article": "第五条"}], "facts": ["lf-2"]}
    retired = question("q-0", state="retired", stem="已经停用的一题（　）。", **rests)
    write_bank(tmp_path, [retired, *questions(6, **rests)])
    (warning,) = check_directory(tmp_path, TODAY).warnings
    assert warning.detail.startswith("《裁量权规定(2022)》的效力止于2026-12-31，还有38天，涉及6题（single-001、")
    assert "single-005等），" in warning.detail
    assert check_directory(tmp_path, dt.date(2026, 10, 1)).warnings == ()
    assert len(check_directory(tmp_path, dt.date(2026, 10, 2)).warnings) == 1
    assert check_directory(tmp_path, dt.date(2027, 1, 1)).warnings == ()


def test_a_fact_that_ends_with_its_instrument_is_not_told_apart(tmp_path):
    facts = [FACTS[0], {**FACTS[1], "valid_to": "2026-12-31"}]
    rests: dict[str, Any] = {"basis": [{"instrument": "裁量权规定(2022)", "article": "第五条"}], "facts": ["lf-2"]}
    (warning,) = check_directory(write_bank(tmp_path, [question(**rests)], facts=facts), TODAY).warnings
    assert warning.detail.startswith("《裁量权规定(2022)》的效力止于2026-12-31")


def test_a_fact_that_ends_soon_is_a_warning_too(tmp_path):
    facts = [{**FACT, "valid_to": "2026-12-01"}]
    (warning,) = check_directory(write_bank(tmp_path, [question()], facts=facts), TODAY).warnings
    assert warning.detail.startswith(
        "事实 lf-1（《行政处罚法》第六十三条）的效力止于2026-12-01，还有8天，涉及1题（q-001）"
    )


@pytest.mark.parametrize(
    ("article", "right"), [("第六十三条第二款", True), ("第六十四条", False), ("第六十三条之一", False)]
)
def test_an_article_must_be_registered_even_for_a_draft(tmp_path, article, right):
    basis = [{"instrument": "行政处罚法", "article": article}]
    told = found(tmp_path, question(basis=basis, facts=[], state="draft"))
    assert told == (
        [] if right else [f"q-001 basis 《行政处罚法》{article}没有登记条文事实，无从核对；请改正条号，或先登记该条。"]
    )


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
