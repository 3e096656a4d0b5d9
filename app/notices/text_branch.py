"""The texts of a branch's group: figures in, named pieces out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from app.notices.layouts import TITLE
from app.notices.wording import (
    accuracy,
    closing,
    exempted,
    gap,
    listed_names,
    next_day,
    points,
    share,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.notices.layouts import Paragraphs
    from app.notices.stats import BranchStats
    from app.participation.rules import Figures

_NAMED_EQUALS = 3


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


def _final(stats: BranchStats) -> Paragraphs:
    occasion, own = stats.occasion, stats.own.figures
    head = f"应参赛{own.expected}人{exempted(own)}，"
    right = accuracy(own, before="，")
    if not own.participated:
        done = "当日无人参赛"
    elif stats.complete:
        done = f"已全员完成{right}"
    else:
        done = f"参赛{own.participated}人，完成{own.done}人（{share(own.done, own.expected)}）{right}"
    scored = "，".join([f"综合得分{points(stats.own.score.index or Fraction(0))}", *_rank_of(stats)])
    following = next_day(occasion)
    thanks = "感谢大家的支持和努力。" if stats.complete and following else ""
    asked = f"{following}，请大家合理安排时间参加。" if following else "本次竞赛已全部结束，感谢大家的辛勤付出。"
    return {
        TITLE: f"{stats.own.name}第{occasion.number}日竞赛结果",
        "进展": f"{head}{done}；{scored}。",
        "致谢": thanks,
        "要求": asked,
        "落款": signed(occasion),
    }


def _progress(stats: BranchStats, at: str, clauses: Sequence[str], named: Paragraphs) -> Paragraphs:
    occasion = stats.occasion
    noon = occasion.slot.name == "12:00"  # so early a distance says nothing
    rank = "，".join(_rank_of(stats, "暂", with_gap=not noon))
    first = "；".join(filter(None, ["，".join(clauses), rank]))
    title = f"{stats.own.name}第{occasion.number}日进度（{at}）"
    return {TITLE: title, "进展": f"{first}。", **named, "落款": signed(occasion)}


def _thanks(stats: BranchStats, at: str, words: str = "感谢大家的支持和努力，今日不再发送进度提醒。") -> Paragraphs:
    done = f"应参赛{stats.own.figures.expected}人，已全员完成今日任务"
    return _progress(stats, at, [done], {"致谢": words})


def _noon(stats: BranchStats) -> Paragraphs:
    if stats.complete:
        return _thanks(stats, "12:00")
    own, occasion = stats.own.figures, stats.occasion
    tasks = "每日一测和匹配对战" if occasion.with_matches else "每日一测"
    asked = f"请利用休息间隙完成{tasks}，操作有困难的请联系本单位联络员。"
    if not own.participated and not own.in_progress:
        counts = [f"应参赛{own.expected}人", "尚无人参赛"]
    else:
        counts = [f"已完成{own.done}人", f"进行中{own.in_progress}人", f"未开始{own.not_started}人"]
    return _progress(stats, "12:00", counts, {"要求": f"{closing(occasion)}。" if occasion.closed else asked})


def _done_and_left(figures: Figures) -> list[str]:
    if not figures.done:
        return [f"应参赛{figures.expected}人", "尚无人完成"]
    return [f"已完成{figures.done}人（{share(figures.done, figures.expected)}）", f"尚有{figures.unfinished}人未完成"]


def _could_rise(stats: BranchStats) -> str:
    overtake = stats.overtake
    if overtake is None or stats.occasion.closed or not stats.ranks_mean_something:
        return ""
    return f"其他单位及本单位正确率不变的情况下，再有{overtake.people}人完成可升至第{overtake.place}位。"


def _names(stats: BranchStats) -> str:
    # Off unless the contest's rules let names stand in groups; a long list is for the liaison officers' page.
    count = stats.own.figures.unfinished
    if not stats.unfinished or not count:
        return ""
    more = f"，全部名单：{stats.link}" if stats.link and count > len(stats.unfinished) else ""
    return f"尚未完成：{listed_names(stats.unfinished, count)}{more or '。'}"


def _evening(stats: BranchStats) -> Paragraphs:
    if stats.complete:
        return _thanks(stats, "18:00")
    named = {"提升空间": _could_rise(stats), "要求": f"{closing(stats.occasion)}。", "未完成名单": _names(stats)}
    return _progress(stats, "18:00", _done_and_left(stats.own.figures), named)


def _night(stats: BranchStats) -> Paragraphs:
    thanks = "感谢大家在繁忙工作中坚持参赛。" if stats.own.figures.participated else ""
    if stats.complete:
        return _thanks(stats, "截至22:00", thanks)
    named = {
        "提升空间": _could_rise(stats),
        "要求": f"{closing(stats.occasion)}。",
        "致谢": thanks,
        "未完成名单": _names(stats),
    }
    return _progress(stats, "截至22:00", _done_and_left(stats.own.figures), named)


BRANCH: dict[str, Callable[[BranchStats], Paragraphs]] = {
    "08:00": _final,
    "12:00": _noon,
    "18:00": _evening,
    "22:00": _night,
}
"""What each slot says."""
