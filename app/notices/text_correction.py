"""The text of a correction (更正): what a final notice said, what it says now, and why."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from app.notices.text import Text
from app.notices.wording import date, moment, office_phone, points, share

if TYPE_CHECKING:
    import datetime as dt

    from app.notices.stats import BureauStats, Standing
    from app.participation.rules import Figures


def write_correction(before: BureauStats, after: BureauStats, *, reason: str, issued_at: dt.datetime) -> Text:
    """Return the notice that corrects a past day's final: `before` as it was told, `after` as recomputed.

    Both are of the same day and units. `reason` is a phrase without a full stop, such as 「试题更正与成绩复核」.
    """
    occasion = after.occasion
    day = f"{date(occasion.slot.day)}（第{occasion.number}日）"
    words = after.words
    greeting = words.greeting if after.standings else words.greeting_alone
    sections = [part for part in (_totals(before.total, after.total), _places(before, after)) if part]
    if sections:
        head = f"{greeting}因{reason}，现将{day}竞赛情况更正如下。"
        told = f"第{occasion.number}期通报与本更正不一致的，以本更正为准。"
    else:
        head = f"{greeting}因{reason}，对{day}竞赛情况进行了复核，各项数据和名次均无须更正。"
        told = f"第{occasion.number}期通报继续有效。"
    corrected = "更正后数据" if sections else ""
    lines = [
        head,
        *(f"{numeral}、{part}" for numeral, part in zip("一二", sections, strict=False)),
        told,
        f"{corrected}统计截至{moment(occasion.cutoff_at)}",
        f"{occasion.issuer}{office_phone(occasion.office_phone)}　{moment(issued_at)}",
    ]
    about = (
        f"关于更正第{occasion.number}日竞赛情况的通报"
        if sections
        else f"关于第{occasion.number}日竞赛情况复核结果的通报"
    )
    return Text(about, "\n".join(lines))


def _totals(before: Figures, after: Figures) -> str:
    said = []
    for name, was, now in (
        ("应参赛", before.expected, after.expected),
        ("实际参赛", before.participated, after.participated),
        ("完成当日任务", before.done, after.done),
    ):
        if was != now:
            said.append(f"{name}由{was}人更正为{now}人")
    was_right, now_right = _accuracy(before), _accuracy(after)
    if was_right != now_right:
        said.append(f"答题正确率由{was_right}更正为{now_right}")
    return f"总体情况。{'；'.join(said)}。" if said else ""


def _accuracy(figures: Figures) -> str:
    return share(figures.correct, figures.answered) if figures.answered else "无"


def _places(before: BureauStats, after: BureauStats) -> str:
    told = {standing.unit_id: standing for standing in before.standings}
    changed = [
        (was, now)
        for now in sorted(after.standings, key=lambda standing: (standing.rank is None, standing.rank or 0))
        if (was := told.get(now.unit_id)) and (_score(was), was.rank) != (_score(now), now.rank)
    ]
    if not changed:
        return ""
    listed = "；".join(
        _change(_Told(was, _shared(was, before)), _Told(now, _shared(now, after))) for was, now in changed
    )
    rest = f"。其余{after.words.one}不变" if len(changed) < len(after.standings) else ""
    return f"{after.words.each}综合得分和名次。{listed}{rest}。"


class _Told(NamedTuple):
    standing: Standing
    shared: bool

    @property
    def rank(self) -> str:
        return f"{'并' if self.shared else ''}列第{self.standing.rank}位"


def _shared(one: Standing, stats: BureauStats) -> bool:
    return [(s.group, s.rank) for s in stats.standings].count((one.group, one.rank)) > 1


def _change(was: _Told, now: _Told) -> str:
    if was.standing.rank == now.standing.rank:
        still = f"仍{now.rank}"
        return f"{now.standing.short}由{_score(was.standing)}更正为{_score(now.standing)}（{still}）"
    return f"{now.standing.short}由{_place(was)}更正为{_place(now)}"


def _score(standing: Standing) -> str:
    return points(standing.score.index or Fraction(0))


def _place(told: _Told) -> str:
    rank = told.rank.removeprefix("列")
    return "不参加排名" if told.standing.rank is None else f"{_score(told.standing)}（{rank}）"
