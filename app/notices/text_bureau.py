"""The texts of a bureau's group, and of the province's: figures in, named pieces out."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from app.notices.layouts import TITLE
from app.notices.wording import (
    accuracy,
    as_of,
    closing,
    date,
    duration,
    exempted,
    moment,
    next_day,
    office_phone,
    percent,
    points,
    share,
    signed,
    units,
    weight,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.notices.layouts import Paragraphs
    from app.notices.stats import BureauStats, Provincial, Standing

_LAGGING = Fraction(9, 10)
_UNTIL_EVENING = dt.timedelta(hours=8)  # from 12:00; a day that closes earlier leaves no evening
_NUMERALS = "一二三四"


def _final(stats: BureauStats) -> Paragraphs:
    occasion = stats.occasion
    sections = {"总体情况": f"总体情况。{_overall(stats)}"}
    if stats.standings:
        sections["综合得分"] = f"{stats.words.each}综合得分（括号内为完成率）。{_scores(stats, with_rates=True)}"
    if stats.provincial:
        sections["全省情况"] = f"全省情况。{_in_province(stats.provincial)}"
    sections["工作要求"] = f"工作要求。{_demands(stats)}"
    greeting = stats.words.greeting if stats.standings else stats.words.greeting_alone
    return {
        TITLE: f"关于{occasion.contest}第{occasion.number}日情况的通报（第{occasion.number}期）",
        "称谓": f"{greeting}现将{date(occasion.slot.day)}竞赛情况通报如下。",
        **{name: f"{numeral}、{said}" for numeral, (name, said) in zip(_NUMERALS, sections.items(), strict=False)},
        "注": _note(stats),
        "统计截至": as_of(occasion),
        "落款": f"{occasion.issuer}{office_phone(occasion.office_phone)}　{moment(occasion.issued_at)}",
    }


def _overall(stats: BureauStats) -> str:
    total = stats.total
    head = f"应参赛{total.expected}人{exempted(total)}"
    if not total.participated:
        return f"{head}，当日无人参赛。"
    return (
        f"{head}，实际参赛{total.participated}人，参赛率{share(total.participated, total.expected)}；"
        f"完成当日任务{total.done}人，完成率{share(total.done, total.expected)}"
        f"{accuracy(total, before='；答题')}。"
    )


def _in_province(at: Provincial) -> str:
    told = f"据省厅通报（统计截至{moment(at.told_as_of)}），我市" if at.told_as_of else "我市综合得分"
    placed = f"{told}{'并' if at.shared else ''}列全省第{at.place}位"
    if at.earlier_place is None:
        return f"{placed}。"
    change = at.earlier_place - at.place
    moved = f"较{at.earlier}{'上升' if change > 0 else '下降'}{abs(change)}位"
    return f"{placed}，{moved if change else f'与{at.earlier}持平'}。"


def _scores(stats: BureauStats, *, with_rates: bool) -> str:
    ranked = stats.ranked
    if ranked and not any(s.score.index for s in ranked):
        listed = f"{stats.words.each}均无得分，不列名次。"
    else:
        groups = {s.group: [t for t in ranked if t.group == s.group] for s in ranked}
        listed = "".join(
            (f"{group or stats.words.others}：" if len(groups) > 1 else "")
            + _ranking(members, with_rates=with_rates)
            + "。"
            for group, members in groups.items()
        )
    unranked = [s for s in stats.standings if s.rank is None]
    return listed + (f"{units(unranked)}无应参赛人员，不参加排名。" if unranked else "")


def _ranking(standings: Sequence[Standing], *, with_rates: bool) -> str:
    places = []
    for rank, equals in groupby(standings, key=lambda s: s.rank):
        tied = list(equals)
        score = points(tied[0].score.index or Fraction(0))
        rate = percent(tied[0].score.completion_rate or Fraction(0))
        names = "、".join(s.short for s in tied)
        if len(tied) > 1:
            places.append(f"并列第{rank}：{names}{score}" + (f"（均{rate}）" if with_rates else ""))
        else:
            number = f"{rank}." if len(standings) > 1 else ""
            places.append(f"{number}{names}{score}" + (f"（{rate}）" if with_rates else ""))
    return "；".join(places)


def _demands(stats: BureauStats) -> str:
    occasion = stats.occasion
    following = next_day(occasion)
    if not following:
        return "本次竞赛已全部结束，请各单位做好总结，巩固学习训练成果。感谢全体参赛同志和联络员的辛勤付出。"
    if stats.complete:
        return f"各单位已全员完成当日任务，请继续保持，统筹好执法任务与学习训练。{following}。"
    if any((s.score.completion_rate or 0) < _LAGGING for s in stats.ranked):
        asked = f"请完成率低于90%的{stats.words.one}查明原因，帮助有困难的同志参赛"
    else:
        asked = "请各单位继续做好组织工作，帮助有困难的同志参赛"
    return f"{asked}，统筹好执法任务与学习训练。{following}。"


def _note(stats: BureauStats) -> str:
    if not stats.standings:
        return ""
    weights, words = stats.occasion.weights, stats.words
    named = (("参赛率", weights.participation), ("完成率", weights.completion), ("答题正确率", weights.accuracy))
    formula = "、".join(f"{name}占{weight(value)}" for name, value in named if value)
    note = f"注：综合得分满分100分，其中{formula}"
    if _looks_equal(stats.ranked):
        note += "；得分显示相同而名次不同的，依次按未取整的得分、完成率、正确率排列"
    if stats.headquarters.enrolled:
        note += f"；{words.headquarters}计入{words.whole}合计，不参加{words.ranking}"
    return f"{note}。"


def _looks_equal(ranked: Sequence[Standing]) -> bool:
    shown = {(s.group, s.rank): points(s.score.index) for s in ranked if s.score.index}
    return len({(group, text) for (group, _), text in shown.items()}) < len(shown)


def _progress(stats: BureauStats, at: str, named: Paragraphs) -> Paragraphs:
    occasion = stats.occasion
    return {TITLE: f"{occasion.contest}第{occasion.number}日进度（{at}）", **named, "落款": signed(occasion)}


def _so_far(stats: BureauStats) -> str:
    total = stats.total
    if not total.participated:
        return f"应参赛{total.expected}人，尚无人参赛"
    text = f"应参赛{total.expected}人，已参赛{total.participated}人（{share(total.participated, total.expected)}）；"
    text += f"已完成{total.done}人（{share(total.done, total.expected)}）" if total.done else "尚无人完成"
    if stats.done_yesterday is not None:
        more = total.done - stats.done_yesterday
        compared = f"{'多' if more > 0 else '少'}{abs(more)}人" if more else "持平"
        before = "上一竞赛日" if stats.occasion.resumed else "昨日"
        text += f"，完成人数{'与' if not more else '比'}{before}同时段{compared}"
    return text


def _all_done(stats: BureauStats, at: str) -> Paragraphs:
    named = {
        "进展": f"应参赛{stats.total.expected}人，已全员完成今日任务。",
        "要求": "感谢各单位的精心组织和全体同志的支持。",
    }
    return _progress(stats, at, named)


def _noon(stats: BureauStats) -> Paragraphs:
    if stats.complete:
        return _all_done(stats, "12:00")
    rates = sorted(stats.ranked, key=lambda s: s.score.completion_rate or 0, reverse=True)
    listed = "、".join(f"{s.short}{percent(s.score.completion_rate or Fraction(0))}" for s in rates)
    by_unit = f"{stats.words.each}完成率：{listed}。" if any(s.figures.done for s in rates) else ""
    occasion = stats.occasion
    evening = "，外出执法的可在晚间完成" if occasion.closes_at - occasion.slot.at >= _UNTIL_EVENING else ""
    asked = f"{closing(occasion)}。" if occasion.closed else f"请尚未完成的同志合理安排时间参加{evening}。"
    return _progress(stats, "12:00", {"进展": f"{_so_far(stats)}。", "各分局情况": by_unit, "要求": asked})


def _evening(stats: BureauStats) -> Paragraphs:
    if stats.complete:
        return _all_done(stats, "18:00")
    words = stats.words
    left = sorted((s for s in stats.ranked if s.figures.unfinished), key=lambda s: s.figures.unfinished)
    listed = (
        [f"{stats.words.each}未完成人数：{'、'.join(f'{s.short}{s.figures.unfinished}' for s in left)}"] if left else []
    )
    if stats.headquarters.unfinished and stats.standings:
        listed.append(
            f"{words.headquarters}{stats.headquarters.unfinished}"
            if left
            else f"{words.headquarters}未完成{stats.headquarters.unfinished}人"
        )
    left_in_all = f"，尚有{stats.total.unfinished}人未完成" if stats.total.participated else ""
    by_unit = f"{'；'.join(listed)}。" if listed else ""
    named = {"进展": f"{_so_far(stats)}{left_in_all}。", "各分局情况": by_unit, "已完成单位": _complete_units(stats)}
    occasion = stats.occasion
    if occasion.closed:
        asked = f"{closing(occasion)}。"
    elif occasion.late:  # the hours left at the slot are no longer those left now
        asked = f"{closing(occasion)}，请{words.helpers}做好提醒和操作帮助。"
    else:
        left_over = duration(occasion.closes_at - occasion.slot.at)
        asked = f"距今日截止还有{left_over}，请{words.helpers}做好提醒和操作帮助。"
    return _progress(stats, "18:00", {**named, "要求": asked})


def _complete_units(stats: BureauStats) -> str:
    complete = [s for s in stats.ranked if s.complete]
    return f"{units(complete)}已全员完成。" if complete else ""


def _night(stats: BureauStats) -> Paragraphs:
    occasion, total = stats.occasion, stats.total
    if stats.complete:
        first = f"应参赛{total.expected}人，已全员完成今日任务{accuracy(total, before='，')}。"
    elif not total.participated:
        first = f"应参赛{total.expected}人，尚无人参赛。"
    else:
        first = (
            f"应参赛{total.expected}人，已参赛{total.participated}人（{share(total.participated, total.expected)}），"
            f"已完成{total.done}人（{share(total.done, total.expected)}）{accuracy(total, before='，')}。"
        )
    result = "明日8:00通报" if occasion.final_follows else "截止后的统计"
    named = {
        "进展": first,
        "暂列名次": _provisional(stats) if total.participated else "",
        "已完成单位": "" if stats.complete else _complete_units(stats),
        "要求": f"{closing(occasion)}，最终结果以{result}为准。",
    }
    return _progress(stats, "截至22:00", named)


def _provisional(stats: BureauStats) -> str:
    if len(stats.ranked) == 1:
        only = stats.ranked[0]
        return f"{only.name}综合得分{points(only.score.index or Fraction(0))}。"
    listed = _scores(stats, with_rates=False)
    if not stats.ranked:
        return listed
    return f"暂列名次如下。{listed}" if "：" in listed else f"暂列：{listed}"


BUREAU: dict[str, Callable[[BureauStats], Paragraphs]] = {
    "08:00": _final,
    "12:00": _noon,
    "18:00": _evening,
    "22:00": _night,
}
"""What each slot says."""
