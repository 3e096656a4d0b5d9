"""What the documents say: final figures and frozen texts in, the files' bytes out."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from app.core.clock import at
from app.notices.documents.official import Official, Table
from app.notices.wording import date, percent, points, share, units, weight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.notices.documents.queries import Summary
    from app.notices.documents.rules import Brief
    from app.notices.stats import Standing

_LAGGING = Fraction(9, 10)
_PRECISE = 10**7
_EIGHT = dt.time(8)
_RANKING = ("名次", "单位", "应参赛", "完成", "参赛率", "完成率", "正确率", "综合得分", "名次变化")
_DAYS = ("竞赛日", "日期", "应参赛", "参赛", "完成", "参赛率", "完成率", "正确率")


def notice_document(
    title: str, body: str, stats: Mapping[str, Any], *, issued_at: dt.datetime, day: dt.date, digest: str | None
) -> bytes:
    """Return the 通报 of a finished day: its frozen text, the ranking of its frozen `stats`, signature, date.

    `day`: the date under it; `digest`: of the day's final figures, left out where there is none.
    """
    name, _, number = title.partition("（第")
    paper = Official(name, number=f"（第{number}" if number else None)
    issuer = stats["issuer"]
    *lines, last = body.strip().split("\n")
    for line in lines if last.startswith(issuer) else [*lines, last]:  # who signs stands below
        if line.strip():
            paper.body(line)
    if stats["units"]:
        paper.table(Table(_caption(stats), _RANKING, [_unit_cells(unit) for unit in _in_order(stats["units"])]))
    if digest:
        paper.small(f"当日成绩校验码（SHA-256）：{digest}")
    paper.signed(issuer, day)
    return paper.bytes(author=issuer, made_at=issued_at)


def _caption(stats: Mapping[str, Any]) -> str:
    return f"{'各市' if stats['level'] == 'province' else '各分局'}综合得分排名"


def _in_order(listed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    ranked = sorted((unit for unit in listed if unit["rank"] is not None), key=lambda unit: unit["rank"])
    return [*ranked, *(unit for unit in listed if unit["rank"] is None)]


def _unit_cells(unit: Mapping[str, Any]) -> list[str]:
    expected, answered, earlier = unit["expected"], unit["answered"], unit.get("earlier_rank")
    return [
        _place(unit["rank"]),
        unit["unit"]["name"],
        str(expected),
        str(unit["done"]),
        _share(unit["participated"], expected),
        _share(unit["done"], expected),
        _share(unit["correct"], answered),
        "—" if unit["index"] is None else points(Fraction(unit["index"]).limit_denominator(_PRECISE)),
        moved(earlier, unit["rank"]),
    ]


def _standing_cells(one: Standing, earlier: int | None) -> list[str]:
    figures = one.figures
    return [
        _place(one.rank),
        one.name,
        str(figures.expected),
        str(figures.done),
        _share(figures.participated, figures.expected),
        _share(figures.done, figures.expected),
        _share(figures.correct, figures.answered),
        "—" if one.score.index is None else points(one.score.index),
        moved(earlier, one.rank),
    ]


def _place(rank: int | None) -> str:
    return "—" if rank is None else str(rank)


def _share(count: int, whole: int) -> str:
    return share(count, whole) if whole else "—"


def moved(earlier: int | None, now: int | None) -> str:
    """Return how a rank changed, in words; 「—」 where there is nothing to compare."""
    if earlier is None or now is None:
        return "—"
    return f"{'上升' if earlier > now else '下降'}{abs(earlier - now)}位" if earlier != now else "持平"


def brief_document(summary: Summary, brief: Brief) -> bytes:
    """Return a month's brief (工作简报), dated the day on which it is ready."""
    scope, days = summary.scope, summary.days
    paper = Official(f"{scope.name}工作简报", number=f"（第{brief.number}期）")
    first, last = days[0][0], days[-1][0]
    paper.body(f"本期简报反映{_dates(first, last)}（共{len(days)}个竞赛日）的竞赛情况。")
    paper.heading("一、总体情况")
    paper.body(_overall(summary))
    _units_section(paper, summary, "二、各单位情况", "较上期")
    paper.heading("三、逐日情况")
    paper.table(_daily(summary))
    paper.heading("四、下一步工作")
    paper.body(_next(summary))
    paper.signed(scope.issuer, brief.ready_on)
    return paper.bytes(author=scope.issuer, made_at=at(brief.ready_on, _EIGHT))


def report_document(summary: Summary) -> bytes:
    """Return the final report (总结报告) of a contest, dated the day after its end."""
    scope, days = summary.scope, summary.days
    paper = Official(f"关于{scope.contest.name}情况的总结报告")
    paper.heading("一、基本情况")
    paper.body(
        f"{scope.contest.name}于{_dates(scope.contest.starts_on, scope.contest.ends_on)}举行，共{len(days)}个竞赛日，"
        f"覆盖{len(summary.standings)}个单位，最后一日应参赛{days[-1][1].expected}人。"
    )
    paper.heading("二、总体成绩")
    paper.body(_overall(summary))
    paper.body(_best_day(summary))
    _units_section(paper, summary, "三、各单位成绩", None)
    paper.heading("四、逐日情况")
    paper.table(_daily(summary))
    paper.heading("五、存在的不足")
    paper.body(_short(summary))
    paper.heading("六、工作建议")
    paper.body("请各单位认真总结经验，针对答题中的薄弱环节继续开展学习训练，把竞赛成果用到日常执法工作中。")
    day = scope.contest.ends_on + dt.timedelta(days=1)
    paper.signed(scope.issuer, day)
    return paper.bytes(author=scope.issuer, made_at=at(day, _EIGHT))


def _dates(first: dt.date, last: dt.date) -> str:
    if first == last:
        return f"{first.year}年{date(first)}"
    return f"{first.year}年{date(first)}至{f'{last.year}年' if last.year != first.year else ''}{date(last)}"


def _overall(summary: Summary) -> str:
    whole = summary.total
    if not whole.expected:
        return "期间没有应参赛人员。"
    exempt = f"（另有{whole.exempt}人次经批准免参赛）" if whole.exempt else ""
    accuracy = f"，答题正确率{share(whole.correct, whole.answered)}" if whole.answered else ""
    return (
        f"累计应参赛{whole.expected}人次{exempt}，实际参赛{whole.participated}人次，"
        f"参赛率{share(whole.participated, whole.expected)}；完成当日任务{whole.done}人次，"
        f"完成率{share(whole.done, whole.expected)}{accuracy}。"
    )


def _best_day(summary: Summary) -> str:
    rated = [(Fraction(one.done, one.expected), day) for day, one in summary.days if one.expected]
    if not rated:
        return "期间没有应参赛人员。"
    best, worst = max(rated, key=lambda one: one[0]), min(rated, key=lambda one: one[0])
    if best[0] == worst[0]:
        return f"各竞赛日完成率均为{percent(best[0])}。"
    return f"单日完成率最高{percent(best[0])}（{date(best[1])}），最低{percent(worst[0])}（{date(worst[1])}）。"


def _units_section(paper: Official, summary: Summary, heading: str, compared: str | None) -> None:
    paper.heading(heading)
    if not summary.standings:
        paper.body("没有参加排名的单位。")
        return
    named = (("参赛率", "participation"), ("完成率", "completion"), ("答题正确率", "accuracy"))
    formula = "、".join(f"{name}占{weight(getattr(summary.weights, key))}" for name, key in named)
    paper.body(f"综合得分满分100分，其中{formula}；各项按期间累计数计算，得分、完成率、正确率均相同的名次并列。")
    steady = [one for one in summary.ranked if summary.complete_days[one.unit_id] == len(summary.days)]
    if steady:
        paper.body(f"{units(steady)}每个竞赛日均全员完成。")
    unranked = [one for one in summary.standings if one.rank is None]
    if unranked:
        paper.body(f"{units(unranked)}期间无应参赛人员，不参加排名。")
    changed = compared is not None and bool(summary.earlier_ranks)
    headings = [*_RANKING[:-1], *([compared] if changed and compared else [])]
    rows = [
        _standing_cells(one, summary.earlier_ranks.get(one.unit_id))[: len(headings)]
        for one in [*summary.ranked, *unranked]
    ]
    paper.table(Table("各单位综合得分排名", headings, rows))


def _daily(summary: Summary) -> Table:
    rows = [
        [
            f"第{summary.scope.calendar.number(day)}日",
            date(day),
            str(one.expected),
            str(one.participated),
            str(one.done),
            _share(one.participated, one.expected),
            _share(one.done, one.expected),
            _share(one.correct, one.answered),
        ]
        for day, one in summary.days
    ]
    return Table("逐日参赛情况", _DAYS, rows)


def _lagging(summary: Summary) -> list[Standing]:
    return [one for one in summary.ranked if (one.score.completion_rate or 0) < _LAGGING]


def _next(summary: Summary) -> str:
    lagging = _lagging(summary)
    asked = f"请{units(lagging)}（期间完成率低于90%）查明原因，帮助有困难的同志参赛。" if lagging else ""
    return f"{asked}请各单位继续做好组织工作，统筹好执法任务与学习训练。"


def _short(summary: Summary) -> str:
    lagging = _lagging(summary)
    if not lagging:
        return "各单位完成率均在90%以上，未发现突出问题。"
    return f"{units(lagging)}全程完成率低于90%，组织发动还不够到位，对有困难的同志帮助还不够及时。"
