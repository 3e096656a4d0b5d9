"""The texts of the notices, by slot and audience: figures in, title and body out."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from app.notices.layouts import LAYOUTS, TITLE
from app.notices.stats import BranchStats, BureauStats
from app.notices.wording import (
    clock,
    date,
    duration,
    gap,
    moment,
    next_day,
    office_phone,
    percent,
    points,
    share,
    short_issuer,
    units,
    weight,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.notices.layouts import Layout, Paragraphs
    from app.notices.stats import Occasion, Standing
    from app.participation.rules import Figures

TEMPLATE_VERSION = 1
"""Raised whenever the same figures would give another text."""

_LAGGING = Fraction(9, 10)
_UNTIL_EVENING = dt.timedelta(hours=8)  # from 12:00; a day that closes earlier leaves no evening
_NAMED_EQUALS = 3
_NUMERALS = "一二三"


class Text(NamedTuple):
    """A notice as people read it; the body's lines are separated by newlines."""

    title: str
    body: str


def write(stats: BureauStats | BranchStats) -> Text:
    """Return the notice for these figures."""
    named = paragraphs(stats)
    lines = ("".join(named.get(name, "") for name in line) for line in layout(stats))
    return Text(named[TITLE], "\n".join(line for line in lines if line))


def paragraphs(stats: BureauStats | BranchStats) -> Paragraphs:
    """Return the notice for these figures in its named pieces: what `write` joins, and what a template may use."""
    if isinstance(stats, BureauStats):
        return _BUREAU[stats.occasion.slot.name](stats)
    return _BRANCH[stats.occasion.slot.name](stats)


def layout(stats: BureauStats | BranchStats) -> Layout:
    """Return the lines of the notice for these figures."""
    return LAYOUTS[stats.occasion.slot.name, "bureau" if isinstance(stats, BureauStats) else "branch"]


def _as_of(occasion: Occasion) -> str:
    return f"{'补发，' if occasion.late else ''}统计截至{moment(occasion.cutoff_at)}"


def _signed(occasion: Occasion) -> str:
    return f"{_as_of(occasion)}　{short_issuer(occasion.issuer)}"


def _exempt(figures: Figures) -> str:
    return f"（另有{figures.exempt}人经批准免参赛）" if figures.exempt else ""


def _accuracy(figures: Figures, *, before: str) -> str:
    return f"{before}正确率{share(figures.correct, figures.answered)}" if figures.answered else ""


def _closing(occasion: Occasion) -> str:
    end = clock(occasion.closes_at)
    return f"今日竞赛已于{end}截止" if occasion.closed else f"今日{end}截止"


# The bureau's group.


def _bureau_final(stats: BureauStats) -> Paragraphs:
    occasion = stats.occasion
    sections = {"总体情况": f"总体情况。{_overall(stats)}"}
    if stats.standings:
        sections["综合得分"] = f"{stats.words.each}综合得分（括号内为完成率）。{_scores(stats, with_rates=True)}"
    sections["工作要求"] = f"工作要求。{_demands(stats)}"
    greeting = stats.words.greeting if stats.standings else stats.words.greeting_alone
    return {
        TITLE: f"关于{occasion.contest}第{occasion.number}日情况的通报（第{occasion.number}期）",
        "称谓": f"{greeting}现将{date(occasion.slot.day)}竞赛情况通报如下。",
        **{name: f"{numeral}、{said}" for numeral, (name, said) in zip(_NUMERALS, sections.items(), strict=False)},
        "注": _note(stats),
        "统计截至": _as_of(occasion),
        "落款": f"{occasion.issuer}{office_phone(occasion.office_phone)}　{moment(occasion.issued_at)}",
    }


def _overall(stats: BureauStats) -> str:
    total = stats.total
    head = f"应参赛{total.expected}人{_exempt(total)}"
    if not total.participated:
        return f"{head}，当日无人参赛。"
    return (
        f"{head}，实际参赛{total.participated}人，参赛率{share(total.participated, total.expected)}；"
        f"完成当日任务{total.done}人，完成率{share(total.done, total.expected)}"
        f"{_accuracy(total, before='；答题')}。"
    )


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
    return {TITLE: f"{occasion.contest}第{occasion.number}日进度（{at}）", **named, "落款": _signed(occasion)}


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


def _bureau_noon(stats: BureauStats) -> Paragraphs:
    if stats.complete:
        return _all_done(stats, "12:00")
    rates = sorted(stats.ranked, key=lambda s: s.score.completion_rate or 0, reverse=True)
    listed = "、".join(f"{s.short}{percent(s.score.completion_rate or Fraction(0))}" for s in rates)
    by_unit = f"{stats.words.each}完成率：{listed}。" if any(s.figures.done for s in rates) else ""
    occasion = stats.occasion
    evening = "，外出执法的可在晚间完成" if occasion.closes_at - occasion.slot.at >= _UNTIL_EVENING else ""
    asked = f"{_closing(occasion)}。" if occasion.closed else f"请尚未完成的同志合理安排时间参加{evening}。"
    return _progress(stats, "12:00", {"进展": f"{_so_far(stats)}。", "各分局情况": by_unit, "要求": asked})


def _bureau_evening(stats: BureauStats) -> Paragraphs:
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
        asked = f"{_closing(occasion)}。"
    elif occasion.late:  # the hours left at the slot are no longer those left now
        asked = f"{_closing(occasion)}，请{words.helpers}做好提醒和操作帮助。"
    else:
        left_over = duration(occasion.closes_at - occasion.slot.at)
        asked = f"距今日截止还有{left_over}，请{words.helpers}做好提醒和操作帮助。"
    return _progress(stats, "18:00", {**named, "要求": asked})


def _complete_units(stats: BureauStats) -> str:
    complete = [s for s in stats.ranked if s.complete]
    return f"{units(complete)}已全员完成。" if complete else ""


def _bureau_night(stats: BureauStats) -> Paragraphs:
    occasion, total = stats.occasion, stats.total
    if stats.complete:
        first = f"应参赛{total.expected}人，已全员完成今日任务{_accuracy(total, before='，')}。"
    elif not total.participated:
        first = f"应参赛{total.expected}人，尚无人参赛。"
    else:
        first = (
            f"应参赛{total.expected}人，已参赛{total.participated}人（{share(total.participated, total.expected)}），"
            f"已完成{total.done}人（{share(total.done, total.expected)}）{_accuracy(total, before='，')}。"
        )
    result = "明日8:00通报" if occasion.final_follows else "截止后的统计"
    named = {
        "进展": first,
        "暂列名次": _provisional(stats) if total.participated else "",
        "已完成单位": "" if stats.complete else _complete_units(stats),
        "要求": f"{_closing(occasion)}，最终结果以{result}为准。",
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


# A branch's group.


def _rank_of(stats: BranchStats, adverb: str = "", *, with_gap: bool = True) -> list[str]:
    # The clauses on rank: place, change, distance; none where there is nothing to rank.
    if stats.own.rank is None or not stats.ranks_mean_something:
        return []
    equals = stats.equals
    shared = ""
    if equals:
        named = "、".join(s.short for s in equals) if len(equals) <= _NAMED_EQUALS else f"其他{len(equals)}个单位"
        shared = f"与{named}并"
    clauses = [f"{adverb}{shared}列{stats.own.group or ''}第{stats.own.rank}位"]
    if stats.earlier_rank is not None:
        change = stats.earlier_rank - stats.own.rank
        moved = f"较{stats.earlier}{'上升' if change > 0 else '下降'}{abs(change)}位"
        clauses.append(moved if change else f"与{stats.earlier}持平")
    if stats.ahead and with_gap:
        above = f"第{stats.ahead.rank}位"
        clauses.append(f"距{above}{gap(stats.ahead.gap)}" if stats.ahead.gap else f"得分与{above}相同")
    return clauses


def _branch_final(stats: BranchStats) -> Paragraphs:
    occasion, own = stats.occasion, stats.own.figures
    head = f"应参赛{own.expected}人{_exempt(own)}，"
    accuracy = _accuracy(own, before="，")
    if not own.participated:
        done = "当日无人参赛"
    elif stats.complete:
        done = f"已全员完成{accuracy}"
    else:
        done = f"参赛{own.participated}人，完成{own.done}人（{share(own.done, own.expected)}）{accuracy}"
    scored = "，".join([f"综合得分{points(stats.own.score.index or Fraction(0))}", *_rank_of(stats)])
    following = next_day(occasion)
    thanks = "感谢大家的支持和努力。" if stats.complete and following else ""
    asked = f"{following}，请大家合理安排时间参加。" if following else "本次竞赛已全部结束，感谢大家的辛勤付出。"
    return {
        TITLE: f"{stats.own.name}第{occasion.number}日竞赛结果",
        "进展": f"{head}{done}；{scored}。",
        "致谢": thanks,
        "要求": asked,
        "落款": _signed(occasion),
    }


def _branch_progress(stats: BranchStats, at: str, clauses: Sequence[str], named: Paragraphs) -> Paragraphs:
    occasion = stats.occasion
    noon = occasion.slot.name == "12:00"  # so early a distance says nothing
    rank = "，".join(_rank_of(stats, "暂", with_gap=not noon))
    first = "；".join(filter(None, ["，".join(clauses), rank]))
    title = f"{stats.own.name}第{occasion.number}日进度（{at}）"
    return {TITLE: title, "进展": f"{first}。", **named, "落款": _signed(occasion)}


def _thanks(stats: BranchStats, at: str, words: str = "感谢大家的支持和努力，今日不再发送进度提醒。") -> Paragraphs:
    done = f"应参赛{stats.own.figures.expected}人，已全员完成今日任务"
    return _branch_progress(stats, at, [done], {"致谢": words})


def _branch_noon(stats: BranchStats) -> Paragraphs:
    if stats.complete:
        return _thanks(stats, "12:00")
    own, occasion = stats.own.figures, stats.occasion
    tasks = "每日一测和匹配对战" if occasion.with_matches else "每日一测"
    asked = f"请利用休息间隙完成{tasks}，操作有困难的请联系本单位联络员。"
    counts = [f"已完成{own.done}人", f"进行中{own.in_progress}人", f"未开始{own.not_started}人"]
    return _branch_progress(stats, "12:00", counts, {"要求": f"{_closing(occasion)}。" if occasion.closed else asked})


def _done_and_left(figures: Figures) -> list[str]:
    if not figures.done:
        return [f"应参赛{figures.expected}人", "尚无人完成"]
    return [f"已完成{figures.done}人（{share(figures.done, figures.expected)}）", f"尚有{figures.unfinished}人未完成"]


def _could_rise(stats: BranchStats) -> str:
    overtake = stats.overtake
    if overtake is None or stats.occasion.closed or not stats.ranks_mean_something:
        return ""
    return f"其他单位及本单位正确率不变的情况下，再有{overtake.people}人完成可升至第{overtake.place}位。"


def _branch_evening(stats: BranchStats) -> Paragraphs:
    if stats.complete:
        return _thanks(stats, "18:00")
    named = {"提升空间": _could_rise(stats), "要求": f"{_closing(stats.occasion)}。"}
    return _branch_progress(stats, "18:00", _done_and_left(stats.own.figures), named)


def _branch_night(stats: BranchStats) -> Paragraphs:
    thanks = "感谢大家在繁忙工作中坚持参赛。" if stats.own.figures.participated else ""
    if stats.complete:
        return _thanks(stats, "截至22:00", thanks)
    named = {"提升空间": _could_rise(stats), "要求": f"{_closing(stats.occasion)}。", "致谢": thanks}
    return _branch_progress(stats, "截至22:00", _done_and_left(stats.own.figures), named)


_BUREAU: dict[str, Callable[[BureauStats], Paragraphs]] = {
    "08:00": _bureau_final,
    "12:00": _bureau_noon,
    "18:00": _bureau_evening,
    "22:00": _bureau_night,
}
_BRANCH: dict[str, Callable[[BranchStats], Paragraphs]] = {
    "08:00": _branch_final,
    "12:00": _branch_noon,
    "18:00": _branch_evening,
    "22:00": _branch_night,
}
