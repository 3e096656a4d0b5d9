"""What a draft of praise or criticism says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.notices.drafts.rules import CRITICISM_BELOW, Kind
from app.notices.wording import date, share, weight

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.participation.rules import Figures


class DayOf(NamedTuple):
    """One day of the evidence: its number in the contest, its date, the branch's figures."""

    number: int
    day: dt.date
    figures: Figures


class Written(NamedTuple):
    """A draft's title and body."""

    title: str
    body: str


def write_draft(kind: Kind, *, contest: str, issuer: str, unit: str, days: Sequence[DayOf]) -> Written:
    """Return the text for a branch whose days, the last of a run, are these."""
    first, last = days[0], days[-1]
    when = f"第{first.number}日至第{last.number}日（{date(first.day)}至{date(last.day)}）"
    signed = f"统计截至{last.day.year}年{date(last.day)}24:00　{issuer}"
    if kind is Kind.PRAISE:
        right, answered = sum(one.figures.correct for one in days), sum(one.figures.answered for one in days)
        accuracy = f"，答题正确率{share(right, answered)}" if answered else ""
        text = (
            f"{unit}在{contest}{when}连续{len(days)}个竞赛日全员完成当日任务{accuracy}，组织有力，参赛积极，特提出表扬。"
            "希望继续保持，统筹好执法任务与学习训练；也请其他单位学习借鉴。"
        )
        return Written(f"关于表扬{unit}的通报", f"{text}\n{signed}")
    rates = "、".join(f"第{one.number}日{share(one.figures.done, one.figures.expected)}" for one in days)
    text = (
        f"{unit}在{contest}{when}连续{len(days)}个竞赛日完成率低于{weight(CRITICISM_BELOW)}（{rates}）。"
        "请该单位查明原因，帮助有困难的同志参赛，统筹好执法任务与学习训练，并向市局报告改进情况。"
    )
    return Written(f"关于{unit}参赛情况的工作通报", f"{text}\n{signed}")
