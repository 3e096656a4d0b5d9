"""The list of candidates for commendation (表现突出集体、个人候选名单), as the API and as a document show it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core.clock import at
from app.notices.commendation import Candidate, Collective, Criterion, Person, Quotas
from app.notices.documents.official import Official, Table
from app.notices.wording import date, percent, points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from app.notices.documents.queries import Summary

_CRITERIA = {
    Criterion.INDEX: "综合得分高于后一名",
    Criterion.COMPLETION: "完成率高于后一名",
    Criterion.DAYS: "完成率相同，完成天数多于后一名",
    Criterion.ACCURACY: "前项均相同，正确率高于后一名",
    Criterion.COMPLETE_DAYS: "前项均相同，全员完成的天数多于后一名",
    Criterion.SHARED: "各项均相同，由组织单位研究确定",
}
_BRANCH_CRITERIA = {**_CRITERIA, Criterion.COMPLETION: "综合得分相同，完成率高于后一名"}


@dataclass(frozen=True)
class Commendation:
    """The candidates of one scope over its final days."""

    summary: Summary
    quotas: Quotas
    collectives: Sequence[Candidate[Collective]]
    bureau_officers: Sequence[Candidate[Person]]
    branch_officers: Sequence[Candidate[Person]]


def commendation_view(found: Commendation) -> dict[str, Any]:
    """Return the candidates with their evidence, as the API writes them."""
    summary = found.summary
    return {
        "contest_id": str(summary.scope.contest.id),
        "scope": {"id": str(summary.scope.unit.id), "name": summary.scope.unit.name},
        "from": summary.days[0][0].isoformat(),
        "to": summary.days[-1][0].isoformat(),
        "days": len(summary.days),
        "quotas": found.quotas._asdict(),
        "collectives": [_placed(one) | _collective(one.who) for one in found.collectives],
        "bureau_officers": [_placed(one) | _person(one.who) for one in found.bureau_officers],
        "branch_officers": [_placed(one) | _person(one.who) for one in found.branch_officers],
    }


def _placed(one: Candidate[Any]) -> dict[str, Any]:
    return {"place": one.place, "proposed": one.proposed, "decided_by": one.decided_by}


def _collective(who: Collective) -> dict[str, Any]:
    return {
        "unit": {"id": str(who.unit_id), "name": who.name},
        "expected": who.figures.expected,
        "done": who.figures.done,
        "participation_rate": _rate(who.score.participation_rate),
        "completion_rate": _rate(who.score.completion_rate),
        "accuracy": _rate(who.score.accuracy),
        "index": _rate(who.score.index),
        "complete_days": who.complete_days,
    }


def _person(who: Person) -> dict[str, Any]:
    return {
        "officer": {"id": str(who.officer_id), "name": who.name, "employee_no": who.employee_no},
        "unit_name": who.unit_name,
        "days_expected": who.expected,
        "days_done": who.done,
        "completion_rate": float(who.completion_rate),
        "answered": who.answered,
        "correct": who.correct,
        "accuracy": float(who.accuracy),
    }


def _rate(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def commendation_document(found: Commendation) -> bytes:
    """Return the list as a document, dated the day after the last one that it counts."""
    summary, quotas = found.summary, found.quotas
    first, last = summary.days[0][0], summary.days[-1][0]
    paper = Official(f"{summary.scope.name}表现突出集体、个人候选名单")
    paper.body(
        f"根据{first.year}年{date(first)}至{last.year}年{date(last)}共{len(summary.days)}个竞赛日的最终成绩，"
        f"按集体{quotas.collectives}个、机关人员{quotas.bureau_officers}名、分局人员{quotas.branch_officers}名，"
        "提出候选名单如下，请结合日常表现和异常提示的核查情况研究确定。"
    )
    headings = ("位次", "单位", "参赛率", "完成率", "正确率", "综合得分", "全员完成天数", "排序依据")
    _section(paper, "一、表现突出集体候选", headings, [_collective_cells(one) for one in found.collectives])
    headings = ("位次", "姓名", "单位", "应参赛天数", "完成天数", "完成率", "正确率", "排序依据")
    _section(paper, "二、表现突出个人（机关）候选", headings, [_person_cells(one) for one in found.bureau_officers])
    _section(paper, "三、表现突出个人（分局）候选", headings, [_person_cells(one) for one in found.branch_officers])
    paper.body(
        "说明：集体依次按综合得分、完成率、正确率、全员完成天数排序；个人依次按完成率、完成天数、正确率排序，"
        "经批准免参赛的日子不计入应参赛天数，应参赛天数不足一半的不列入。标“备”的为名额以外的后续位次，供比较。"
    )
    day = last + dt.timedelta(days=1)
    paper.signed(summary.scope.issuer, day)
    return paper.bytes(author=summary.scope.issuer, made_at=at(day, dt.time(8)))


def _section(paper: Official, heading: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    paper.heading(heading)
    if rows:
        paper.table(Table("候选及依据", headings, rows))
    else:
        paper.body("没有符合条件的候选。")


def _place(one: Candidate[Any]) -> str:
    return f"{one.place}" if one.proposed else f"备{one.place}"


def _collective_cells(one: Candidate[Collective]) -> list[str]:
    score = one.who.score
    rates = (score.participation_rate, score.completion_rate, score.accuracy)
    return [
        _place(one),
        one.who.name,
        *("—" if rate is None else percent(rate) for rate in rates),
        "—" if score.index is None else points(score.index),
        str(one.who.complete_days),
        _BRANCH_CRITERIA[one.decided_by] if one.decided_by else "—",
    ]


def _person_cells(one: Candidate[Person]) -> list[str]:
    who = one.who
    return [
        _place(one),
        f"{who.name}（{who.employee_no}）",
        who.unit_name,
        str(who.expected),
        str(who.done),
        percent(who.completion_rate),
        percent(who.accuracy) if who.answered else "—",
        _CRITERIA[one.decided_by] if one.decided_by else "—",
    ]
