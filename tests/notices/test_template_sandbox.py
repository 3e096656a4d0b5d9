"""The sandbox of templates: what may be written, what is refused with its line, and that work stays bounded."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from app.notices.layouts import GROUPS, PLACES
from app.notices.templates.examples import examples
from app.notices.templates.sandbox import LONGEST, NOT_SAID, TemplateProblem, WritingFailed, Written, problems_of
from app.notices.templates.service import TemplateInvalid, built_in, tried
from app.notices.templates.vocabulary import values, vocabulary
from app.notices.text import Stats, audience_of, write
from app.notices.words import PROVINCE
from tests.notices.audience_cases import PRIVATE_CASES
from tests.notices.cases import CASES
from tests.notices.figures import bureau

NAMES = [named.name for named in vocabulary("18:00", "bureau")]


def problems(body: str, title: str = "{{ 标题 }}") -> list[TemplateProblem]:
    return problems_of(title, body, NAMES)


def written(body: str, stats: Stats | None = None) -> str:
    return Written("{{ 标题 }}", body).write(values(stats or bureau("18:00", done_yesterday=250))).body


def failure(body: str, **given: Any) -> TemplateProblem:
    with pytest.raises(WritingFailed) as raised:
        Written("标题", body).write({"名": "x", "数": 3, "空": None, "列": [{}] * 3000, **given})
    return raised.value.problem


@pytest.mark.parametrize("stats", [*CASES.values(), *PRIVATE_CASES.values()], ids=[*CASES, *PRIVATE_CASES])
def test_the_built_in_template_writes_the_built_in_text(stats: Stats) -> None:
    assert Written(*built_in((stats.occasion.slot.name, audience_of(stats)))).write(values(stats)) == write(stats)


@pytest.mark.parametrize("place", PLACES)
def test_every_name_is_described_and_has_a_value_on_every_example_day(place: tuple[str, str]) -> None:
    named = vocabulary(*place)
    assert all(one.description for one in named)
    for stats in examples(*place).values():
        assert set(values(stats)) == {one.name for one in named}
    assert list(tried(place, *built_in(place)).values()) == [write(s) for s in examples(*place).values()]


def test_single_people_are_named_in_no_groups_template() -> None:
    by_audience = {audience: {one.name for one in vocabulary("18:00", audience)} for audience in (*GROUPS, "liaison")}
    assert {"情况", "名单", "链接"} <= by_audience.pop("liaison")
    for names in by_audience.values():
        assert not names & {"情况", "概况", "名单", "链接", "提醒情况"}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("liaison-1800", "{{ 概况 }}{{ 提醒情况 }}", "尚有14人未完成。今日已提醒5人，其中3人已完成。"),
        ("liaison-1800-none-begun", "{{ 概况 }}\n{{ 名单 }}", "尚有7人未完成，均未开始。\n未开始：丰顺003、008"),
        ("liaison-0800-nobody", "{{ 概况 }}{{ 要求 }}", "昨日应参赛36人，均未参赛。请了解原因"),
        (
            "liaison-1200",
            "{{ 名单 }}",
            "差1场对战：丰顺004、006、009、011；差每日一测：丰顺024、027；差每日一测和1场对战",
        ),
        (
            "liaison-1800",
            "{{ 简称 }}{{ 未完成 }}人，提醒{{ 已提醒 }}人后{{ 提醒后完成 }}人完成",
            "丰顺14人，提醒5人后3人完成",
        ),
        ("liaison-1200-link", "甲\n{{ 链接 }}", "甲\n打开电话名单：https://lianbing.example.cn"),
        ("leader-0800-fallen", "{{ 此前名次 }}→{{ 名次 }}，{{ 完成率|百分比 }}", "4→7，83.3%"),
        ("leader-1800-everybody", "{{ 情况 }}{{ 要求 }}", "应参赛36人，已全员完成今日任务，感谢支持。"),
        ("forecast-1740", "{{ 预告时段 }}前还有{{ 未完成 }}人", "18:00前还有14人"),
        ("nudge-both", "还差{{ 还差 }}，{{ 截止|钟点 }}前约{{ 分钟 }}分钟", "还差每日一测和1场对战，24:00前约7分钟"),
        ("nudge-match", "{% if 已开始 and not 差每日一测 %}只差{{ 差对战 }}场{% endif %}", "只差1场"),
    ],
)
def test_what_single_people_may_be_told(name: str, body: str, said: str) -> None:
    assert written(body, PRIVATE_CASES[name]).startswith(said)


def test_a_template_without_lists_has_no_loops() -> None:
    names = [named.name for named in vocabulary("12:30", "nudge")]
    (problem,) = problems_of("题", "{% for 单位 in 分局 %}{% endfor %}", names)
    assert problem == TemplateProblem("body", 1, "这里没有可以逐个列出的名称，请去掉“for”。")


def test_figures_are_written_by_filters() -> None:
    text = written(
        "{{ 日期|月日 }}，{{ 截至|时刻 }}，{{ 截止|钟点 }}；{{ 完成率|百分比 }}，{{ 分局|个数 }}个分局，市本级{{ 市本级.应参赛 }}人"
    )
    assert text == "11月23日，2026年11月23日18:00，24:00；75.7%，8个分局，市本级41人"


def test_units_are_listed_in_a_loop() -> None:
    text = written(
        "{% for 单位 in 分局 if 单位.未完成 < 3 %}\n"
        "{{ loop.index }}.{{ 单位.简称 }}{{ 单位.得分|分数 }}{% if not loop.last %}；{% endif %}\n"
        "{% else %}无{% endfor %}"
    )
    assert text == "1.蕉岭95.2；2.平远93.1"


def test_lines_without_text_fall_away() -> None:
    assert written("  甲  \n\n{% if 补发 %}补发{% endif %}\n{{ 已完成单位 }}\n乙") == "甲\n乙"


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("一\n{{ 已完城 }}", 2, "最接近的是“已完成”"),
        ("{{ zzz }}", 1, "没有“zzz”这个名称；"),
        ("{{ 应参赛", 1, "写法有误"),
        ("一\n二\n{% if 补发 %}", 3, "写法有误"),
        ("{{ 应参赛|percent }}", 1, "没有“|percent”这种写法"),
        ("{{ 完成率|百分 }}", 1, "最接近的是“百分比”"),
        ("{{ 完成率|百分比(2) }}", 1, "不带括号"),
        ("{% include 'a' %}", 1, "请去掉其他写法"),
        ("{% import 'a' as b %}", 1, "请去掉其他写法"),
        ("{% macro a() %}{% endmacro %}", 1, "请去掉其他写法"),
        ("{% set a = 1 %}", 1, "请去掉其他写法"),
        ("{% extends 'a' %}", 1, "请去掉其他写法"),
        ("{% do a %}", 1, "“{% do %}”不能用"),
        ("{{ 竞赛 * 9 }}", 1, "请去掉其他写法"),
        ("{{ 2 ** 99 }}", 1, "请去掉其他写法"),
        ("{{ 竞赛[0] }}", 1, "请去掉其他写法"),
        ("{{ 竞赛.upper() }}", 1, "请去掉其他写法"),
        ("{{ 竞赛.upper }}", 1, "没有“upper”这一项"),
        ("{{ ''.__class__ }}", 1, "只能写一层"),
        ("{{ 市本级.名次 }}", 1, "“市本级”没有“名次”这一项"),
        ("{{ 分局.应参赛 }}", 1, "列表要先用“for”"),
        ("{% for u in range(9) %}{% endfor %}", 1, "“for”只能逐个列出分局"),
        ("{% for u in 市本级 %}{% endfor %}", 1, "“for”只能逐个列出分局"),
        ("{% for a, b in 分局 %}{% endfor %}", 1, "“for”应写成"),
        ("{% for u in 分局 recursive %}{% endfor %}", 1, "“for”应写成"),
        ("{% for u in 分局 %}\n{% for v in 分局 %}{% endfor %}{% endfor %}", 2, "不能再套"),
        ("{% for u in 分局 %}{{ 分局|个数 }}{% endfor %}", 1, "不能再用整个“分局”"),
        ("{% for u in 分局 %}{{ u }}{% endfor %}", 1, "要写出其中的项目"),
        ("{% for u in 分局 %}{{ u.x }}{% endfor %}", 1, "“u”没有“x”这一项"),
        ("{% for u in 分局 %}{% else %}\n{{ u.简称 }}{% endfor %}", 2, "“u”没有“简称”这一项"),
        ("{{ loop.index }}", 1, "“loop”没有“index”这一项"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", 1, "嵌套过深"),
        ("一\n电话13800000001", 2, "不能写个人手机号"),
        ("１３８-0000-0001", 1, "不能写个人手机号"),
        ("+86 138.0000.0001", 1, "不能写个人手机号"),
    ],
)
def test_what_is_refused_and_where(source: str, line: int, said: str) -> None:
    found = problems(source)
    assert (found[0].part, found[0].line) == ("body", line)
    assert said in found[0].detail
    assert found[0].detail.endswith("。")


@pytest.mark.parametrize("word", NOT_SAID)
def test_words_that_are_not_said(word: str) -> None:
    assert [one.part for one in problems(f"今日{word}", word)] == ["title", "body"]
    apart = word[0] + "{{ '' }}" + word[1:]
    assert problems(apart) == []
    with pytest.raises(WritingFailed, match="换一种说法"):
        written(apart)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ 空 }}", "可能为空"),
        ("{{ 空|百分比 }}", "可能为空"),
        ("{{ 名|百分比 }}", "只用于比率"),
        ("{{ 数 > 1 }}", "不能直接写出"),
        ("{{ 日 }}", "日期和时刻不能直接写出"),
        ("{{ 率 }}", "比率和得分不能直接写出"),
        ("{{ 没有 }}", "没有的名称"),
        ("{{ 名 + 数 }}", "不同种类的数值"),
        ("{{ 名.upper }}", "没有的名称"),
        ("{{ 名.upper() }}", "写不出来"),
        ("{{ 名 % 数 }}", "不同种类的数值"),
        ("{{ 数 / 0 }}", "写不出来"),
        ("{% if 没有 %}{% endif %}", "没有的名称"),
        ("{% for 行 in 列 %}12345{% endfor %}", f"超过{LONGEST}字"),
        (" \n ", "是空的"),
    ],
)
def test_what_cannot_be_written_is_said_in_words(source: str, said: str) -> None:
    problem = failure(source, 日=dt.date(2026, 11, 23), 率=0.5)
    assert said in problem.detail


def test_a_failure_tells_its_line() -> None:
    assert failure("一\n二\n{{ 空 }}") == TemplateProblem(
        "body", 3, "这里的数值可能为空，请放进“{% if … %}…{% endif %}”里，为空时不写。"
    )


@pytest.mark.parametrize(
    ("source", "said"), [("{{ 数", "写法有误"), ("{{" + "(" * 900 + "1" + ")" * 900 + "}}", "过深")]
)
def test_what_was_saved_and_can_no_longer_be_read_fails_in_words(source: str, said: str) -> None:
    assert said in failure(source).detail


def test_a_title_is_one_line_and_short() -> None:
    text = Written("甲\n{{ 名 }}", "乙").write({"名": "x"})
    assert text.title == "甲 x"
    with pytest.raises(WritingFailed, match="标题超过200字"):
        Written("{{ 名 }}", "乙").write({"名": "x" * 201})


def test_a_template_that_fails_on_one_example_day_only_is_refused() -> None:
    with pytest.raises(TemplateInvalid) as raised:
        tried(("08:00", "branch"), "{{ 标题 }}", "第{{ 此前名次 }}位")
    (problem,) = raised.value.errors
    assert problem.pointer == "/body"
    assert problem.detail.startswith("第1行：这里的数值可能为空")
    assert problem.detail.endswith("（例：无人参赛的一天）")


def test_a_provinces_template_lists_its_bureaus() -> None:
    stats = replace(bureau("18:00"), words=PROVINCE)
    assert audience_of(stats) == "province"
    assert (
        tried(("18:00", "province"), "题", "{% for 市 in 各市 %}{{ 市.简称 }}{% endfor %}")["全员完成"].body
        == "甲乙丙丁\n统计截至2026年11月23日18:00"
    )
