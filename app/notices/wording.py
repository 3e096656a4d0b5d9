"""How figures, instants and names are written in notices."""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from app.core.clock import local
from app.core.phones import holds_mobile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.notices.stats import Occasion, Standing
    from app.participation.rules import Figures

_TENTH = Decimal("0.1")
_WHOLE = Decimal(100)
_BRANCH = "分局"
_NUMBERED = re.compile(r"(?P<stem>\D+)(?P<number>\d{2,})")


def points(value: Fraction) -> str:
    """Return a score of 100 with one decimal; only 100 itself shows as 100.0, and only 0 as 0.0."""
    rounded = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_TENTH, ROUND_HALF_UP)
    if value in {0, 100}:
        return str(rounded)
    return str(min(max(rounded, _TENTH), _WHOLE - _TENTH))


def percent(value: Fraction) -> str:
    """Return a rate 0..1 as a percentage: 0% and 100% only where exact, everything between with one decimal."""
    return f"{int(value) * 100}%" if value in {0, 1} else f"{points(value * 100)}%"


def share(count: int, whole: int) -> str:
    """Return `count` of `whole` (not 0) as a percentage."""
    return percent(Fraction(count, whole))


def weight(value: Fraction) -> str:
    """Return a weight of the score as a percentage without needless zeros."""
    return f"{float(value * 100):g}%"


def gap(value: Fraction) -> str:
    """Return a distance in points; one too small for a decimal says so."""
    return "不足0.1分" if value < Fraction(1, 20) else f"{points(value)}分"


def clock(instant: dt.datetime) -> str:
    """Return the time of day as 8:00; midnight is the 24:00 of the day that it ends."""
    here = local(instant)
    return f"{here.hour}:{here.minute:02}" if (here.hour, here.minute) != (0, 0) else "24:00"


def date(day: dt.date) -> str:
    """Return a day as 11月23日."""
    return f"{day.month}月{day.day}日"


def moment(instant: dt.datetime) -> str:
    """Return an instant as 2026年11月23日8:00; midnight belongs to the day that it ends."""
    day = local(instant - dt.timedelta(microseconds=1)).date()
    return f"{day.year}年{date(day)}{clock(instant)}"


def next_day(occasion: Occasion) -> str:
    """Return when the next counted day opens and closes, as a clause; empty after the last one."""
    if occasion.next_opens_at is None or occasion.next_closes_at is None:
        return ""
    begins, name, ends = occasion.next_opens_at, f"第{occasion.number + 1}日竞赛", clock(occasion.next_closes_at)
    opens_on = local(begins).date()
    if opens_on > local(occasion.slot.at).date():
        return f"{name}将于{date(opens_on)}{clock(begins)}开始（此前各日不计入竞赛），当日{ends}截止"
    opening = "已开始" if begins <= occasion.issued_at else f"将于{clock(begins)}开始"
    return f"{name}{opening}，{ends}截止"


def duration(span: dt.timedelta) -> str:
    """Return a span as 5小时30分钟."""
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    return (f"{hours}小时" if hours else "") + (f"{minutes}分钟" if minutes else "")


def short_issuer(issuer: str) -> str:
    """Return the section that signs: 市生态环境局执法监督科 -> 执法监督科."""
    return issuer.rpartition("局")[2] or issuer


def office_phone(phone: str | None) -> str:
    """Return the office's number for the signature; a mobile number is a person's and is left out."""
    return f"（电话：{phone}）" if phone and not holds_mobile(phone) else ""


def units(standings: Sequence[Standing]) -> str:
    """Return several branches as one phrase: 蕉岭、平远分局."""
    if all(s.name.endswith(_BRANCH) and s.short != s.name for s in standings):
        return "、".join(s.short for s in standings) + _BRANCH
    return "、".join(s.name for s in standings)


def as_of(occasion: Occasion) -> str:
    """Return the as-of line, which says whether the notice comes late."""
    return f"{'补发，' if occasion.late else ''}统计截至{moment(occasion.cutoff_at)}"


def signed(occasion: Occasion) -> str:
    """Return the as-of line with the section that signs."""
    return f"{as_of(occasion)}　{short_issuer(occasion.issuer)}"


def exempted(figures: Figures) -> str:
    """Return how many are exempt, in brackets; empty for none."""
    return f"（另有{figures.exempt}人经批准免参赛）" if figures.exempt else ""


def accuracy(figures: Figures, *, before: str) -> str:
    """Return the share of right answers with the words that lead to it; empty where nothing was answered."""
    return f"{before}正确率{share(figures.correct, figures.answered)}" if figures.answered else ""


def closing(occasion: Occasion) -> str:
    """Return when the day closes or closed."""
    end = clock(occasion.closes_at)
    return f"今日竞赛已于{end}截止" if occasion.closed else f"今日{end}截止"


def listed_names(names: Sequence[str], count: int) -> str:
    """Return names as one phrase: 丰顺003、017、029 where several share all but their numbers; 等N人 where more remain."""
    shown = []
    for stem, group in groupby(names, key=_stem):
        members = list(group)
        if stem is None or len(members) == 1:
            shown += members
        else:
            shown += [members[0], *(name.removeprefix(stem) for name in members[1:])]
    return "、".join(shown) + (f"等{count}人" if count > len(names) else "")


def _stem(name: str) -> str | None:
    found = _NUMBERED.fullmatch(name)
    return found["stem"] if found else None
