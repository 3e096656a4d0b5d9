"""What a template may name: the pieces of the built-in text, the plain figures, and lists of units."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from app.core.clock import local
from app.notices.layouts import TITLE, pieces_of
from app.notices.stats import BranchStats, BureauStats
from app.notices.text import audience_of, paragraphs
from app.notices.text_private import ForecastStats, LiaisonStats, NudgeStats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.notices.stats import Occasion, Standing
    from app.notices.text import Stats
    from app.participation.rules import Figures

Plain = str | int | Fraction | dt.date | dt.datetime | None
Row = dict[str, Plain]
Value = Plain | Row | list[Row]

UNITS, CITIES, OTHERS = "分局", "各市", "其他单位"
LISTS = (UNITS, CITIES, OTHERS)
"""Names that a template may loop over."""

_PIECES = {
    TITLE: "内置文字的标题",
    "称谓": "内置文字的开头一句",
    "总体情况": "“一、总体情况”整段",
    "综合得分": "各分局综合得分和名次整段",
    "全省情况": "“全省情况”整段：本市在全省的位次；不知道的为空",
    "工作要求": "“工作要求”整段",
    "注": "综合得分的构成说明；没有分局时为空",
    "统计截至": "“统计截至……”；补发时带“补发”字样",
    "落款": "发布单位和时间",
    "进展": "参赛、完成情况的一句",
    "各分局情况": "各分局完成率或未完成人数；没有可列的为空",
    "已完成单位": "已全员完成的单位；没有的为空",
    "暂列名次": "暂列名次；无人参赛时为空",
    "提升空间": "“再有N人完成可升至第M位”；达不到的为空",
    "未完成名单": "未完成人员，最多十名；竞赛规则不允许群内列名或无人未完成的为空",
    "要求": "对未完成人员的提醒，或全员完成时的感谢",
    "致谢": "对坚持参赛的感谢；没有的为空",
}
_ASKED = "请收信人做什么；没有的为空"
_PRIVATE_PIECES = {
    "liaison": {
        "情况": "本单位未完成情况，列出姓名，最多四十名；全员完成的为感谢",
        "概况": "本单位未完成情况，不列姓名；全员完成的为感谢",
        "名单": "未完成人员，按所差任务（18:00按是否开始）分列，最多四十名；无人未完成的为空",
        "提醒情况": "今日已提醒几人、其中几人已完成；当日已截止或全员完成的为空",
        "要求": _ASKED,
        "链接": "查看名单的网址；没有设置网址或无人未完成的为空",
    },
    "leader": {"情况": "本单位的完成情况和名次；08:00的为完成率偏低或名次下降的情况", "要求": _ASKED},
    "forecast": {"情况": "本单位已完成、进行中、未开始的人数", "要求": _ASKED},
    "nudge": {
        "情况": "还差什么、约需几分钟",
        "时限": "今日何时截止",
        "还差": "所差任务，如“每日一测和1场对战”",
    },
}
_OCCASION = {
    "竞赛": "竞赛简称",
    "发布单位": "发布单位全称",
    "日期": "所通报的竞赛日，用“|月日”写成11月23日",
    "第几日": "第几个计入的竞赛日",
    "截至": "统计截至的时刻，用“|时刻”写出",
    "截止": "当日竞赛截止的时刻，用“|钟点”写成24:00",
    "补发": "是否补发，用于{% if 补发 %}",
}
_COUNTS = {
    "应参赛": "应参赛人数",
    "免参赛": "经批准免参赛人数",
    "已参赛": "已参赛人数",
    "已完成": "已完成人数",
    "进行中": "进行中人数",
    "未开始": "未开始人数",
    "未完成": "未完成人数",
    "参赛率": "参赛率，用“|百分比”写出；无人应参赛时为空",
    "完成率": "完成率，用“|百分比”写出；无人应参赛时为空",
    "正确率": "答题正确率，用“|百分比”写出；无人答题时为空",
    "全员完成": "是否全员完成，用于{% if 全员完成 %}",
}
_UNIT = {
    "单位": "单位名称",
    "简称": "单位简称",
    "名次": "名次；不参加排名的为空",
    "得分": "综合得分，用“|分数”写出；不参加排名的为空",
}
_BUREAU = {
    "昨日同时段完成": "前一竞赛日同时段的完成人数；不比较的时段为空",
    "市本级": "市本级的人数，写成“市本级.应参赛”等",
}
_FORECAST = {"预告时段": "所预告的时段，如12:00"}
_REMINDED = {"已提醒": "所通报当日已提醒的人数", "提醒后完成": "其中已完成的人数"}
_NUDGE = {
    "已开始": "是否已经开始，用于{% if 已开始 %}",
    "差每日一测": "是否还差每日一测，用于{% if 差每日一测 %}",
    "差对战": "还差几场对战；不差的为0",
    "分钟": "完成所差任务约需几分钟",
}
_LISTED = {
    "bureau": {UNITS: "各分局，先列有名次的；用{% for 单位 in 分局 %}逐个列出，写成“单位.简称”“单位.得分|分数”等"},
    "province": {CITIES: "各市局，先列有名次的；用{% for 单位 in 各市 %}逐个列出，写成“单位.简称”“单位.得分|分数”等"},
    "branch": {OTHERS: "同组其他单位；用{% for 单位 in 其他单位 %}逐个列出，写成“单位.简称”等"},
}
_BRANCH = {
    "此前名次": "此前的名次；不比较的为空",
    "此前": "与何时的名次相比，如“前一日”；不比较的为空",
}
_OF_BRANCH = {**_OCCASION, **_COUNTS, **_UNIT, **_BRANCH, **_LISTED["branch"]}
_FIGURES = {
    **{audience: {**_OCCASION, **_COUNTS, **_BUREAU, **_LISTED[audience]} for audience in ("province", "bureau")},
    "branch": _OF_BRANCH,
    "liaison": {**_OF_BRANCH, **_REMINDED},
    "leader": _OF_BRANCH,
    "forecast": {**_OCCASION, **_COUNTS, **_UNIT, **_FORECAST},
    "nudge": {**_OCCASION, **_NUDGE},
}
"""What each kind of audience may name besides the pieces; people's names stand in pieces only."""

ROW_KEYS = frozenset(_UNIT | _COUNTS)
"""What a row of a list, or 市本级, is made of."""

PARTS = {"市本级": frozenset(_COUNTS), **dict.fromkeys(LISTS, ROW_KEYS)}


class Named(NamedTuple):
    """One name that a template may use: `kind` is `piece`, `figure` or `list`."""

    name: str
    kind: str
    description: str


def vocabulary(slot: str, audience: str) -> list[Named]:
    """Return the names that a template of this slot and kind of audience may use, with what each means."""
    told = {**_PIECES, **_PRIVATE_PIECES.get(audience, {})}
    figures = _FIGURES[audience]
    return [
        *(Named(name, "piece", told[name]) for name in pieces_of(slot, audience)),
        *(Named(name, "list" if name in LISTS else "figure", meant) for name, meant in figures.items()),
    ]


def values(stats: Stats) -> Mapping[str, Value]:
    """Return the value of each name of the vocabulary for these figures."""
    occasion, audience = stats.occasion, audience_of(stats)
    pieces = dict.fromkeys(pieces_of(occasion.slot.name, audience), "") | paragraphs(stats)
    common = {**pieces, **_occasion(occasion)}
    if isinstance(stats, BureauStats):
        unranked = [standing for standing in stats.standings if standing.rank is None]
        return {
            **common,
            **_counts(stats.total),
            "昨日同时段完成": stats.done_yesterday,
            "市本级": _counts(stats.headquarters),
            next(iter(_LISTED[audience])): [_row(standing) for standing in (*stats.ranked, *unranked)],
        }
    if isinstance(stats, NudgeStats):
        return common | _lacked(stats)
    if isinstance(stats, ForecastStats):
        return {**common, **_row(stats.branch.own), "预告时段": stats.comes}
    if isinstance(stats, BranchStats):
        return common | _branch(stats)
    told = {"已提醒": stats.reminded, "提醒后完成": stats.reminded_done} if isinstance(stats, LiaisonStats) else {}
    return {**common, **_branch(stats.branch), **told}


def _branch(stats: BranchStats) -> dict[str, Value]:
    return {
        **_row(stats.own),
        "此前名次": stats.earlier_rank,
        "此前": stats.earlier,
        OTHERS: [_row(standing) for standing in stats.others],
    }


def _lacked(stats: NudgeStats) -> Row:
    missing = stats.missing
    return {
        "已开始": missing.started,
        "差每日一测": missing.quiz,
        "差对战": missing.matches,
        "分钟": stats.minutes,
    }


def _occasion(occasion: Occasion) -> Row:
    return {
        "竞赛": occasion.contest,
        "发布单位": occasion.issuer,
        "日期": occasion.slot.day,
        "第几日": occasion.number,
        "截至": local(occasion.cutoff_at),
        "截止": local(occasion.closes_at),
        "补发": occasion.late,
    }


def _counts(figures: Figures) -> Row:
    expected = figures.expected
    return {
        "应参赛": expected,
        "免参赛": figures.exempt,
        "已参赛": figures.participated,
        "已完成": figures.done,
        "进行中": figures.in_progress,
        "未开始": figures.not_started,
        "未完成": figures.unfinished,
        "参赛率": Fraction(figures.participated, expected) if expected else None,
        "完成率": Fraction(figures.done, expected) if expected else None,
        "正确率": Fraction(figures.correct, figures.answered) if figures.answered else None,
        "全员完成": expected > 0 and figures.unfinished == 0,
    }


def _row(standing: Standing) -> Row:
    return {
        "单位": standing.name,
        "简称": standing.short,
        "名次": standing.rank,
        "得分": standing.score.index,
        **_counts(standing.figures),
    }
