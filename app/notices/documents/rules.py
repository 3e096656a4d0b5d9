"""Which days a brief covers and when a document is ready: values in, values out."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from app.core.errors import Conflict
from app.participation.rules import Span

READY_ON = 19
"""The day of the month on which the brief is ready: the day before the 20th, on which it is due."""


class BriefNotReady(Conflict):
    """Days that the brief covers are not final yet; facts: ready_on."""

    code = "brief-not-ready"
    title = "本月简报尚未生成"


class ReportNotReady(Conflict):
    """The contest's last day is not final yet; facts: ends_on."""

    code = "report-not-ready"
    title = "竞赛尚未结束"


class NothingFinal(Conflict):
    """No day of the contest is final yet, so that there is nothing to propose by."""

    code = "nothing-final"
    title = "尚无已确定的成绩"


class Brief(NamedTuple):
    """A month's brief (简报): its number in the contest, its days, and the day on which it is ready."""

    number: int
    span: Span
    ready_on: dt.date


def brief_of(month: dt.date, starts_on: dt.date, ends_on: dt.date) -> Brief | None:
    """Return the brief of a month (its first day), None where no day of the contest falls into it.

    It covers the days from the 19th of the month before (the day on which the last brief was ready, which that one
    could not yet report) to the 18th, within the contest, and is ready on the 19th, or on the day after the contest's
    last where that comes first.
    """
    ready_on = month.replace(day=READY_ON)
    span = Span(
        max(_month_before(month).replace(day=READY_ON), starts_on), min(ready_on - dt.timedelta(days=1), ends_on)
    )
    if span.last < span.first:
        return None
    first = _first_month(starts_on)
    number = (month.year - first.year) * 12 + month.month - first.month + 1
    return Brief(number, span, min(ready_on, span.last + dt.timedelta(days=1)))


def _month_before(month: dt.date) -> dt.date:
    return (month.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def _first_month(starts_on: dt.date) -> dt.date:
    month = starts_on.replace(day=1)
    return month if starts_on.day < READY_ON else (month + dt.timedelta(days=31)).replace(day=1)


def month_of(text: str) -> dt.date | None:
    """Return the first day of the month that `2026-11` names, None for anything else."""
    try:
        return dt.date.fromisoformat(f"{text}-01") if len(text) == len("2026-11") else None
    except ValueError:
        return None
