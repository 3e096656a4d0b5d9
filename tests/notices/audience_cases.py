"""Golden texts for the province's group, for single people and for a correction: file name and what gives the text."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from app.bank.life.rules import basis_notice
from app.contests.rules import PlayRules, merged
from app.notices.audiences import Left, Missing
from app.notices.stats import BranchStats, BureauStats
from app.notices.text import Stats, Text, write, write_nudges
from app.notices.text_bank import write_ends
from app.notices.text_correction import write_correction
from app.notices.text_private import ForecastStats, LeaderStats, LiaisonStats, NudgeStats, leader_stats
from app.notices.words import PROVINCE
from app.participation.rules import Figures
from tests.notices.figures import (
    EVENING,
    FINAL,
    HEADQUARTERS,
    NIGHT,
    NOON,
    branch,
    bureau,
    everybody,
    nobody,
    occasion,
    people,
)
from tests.times import TODAY, instant

OVER: dict[str, Any] = {"next_opens_at": None, "next_closes_at": None}
UNTIL_17: dict[str, Any] = {"closes_at": instant("17:00"), "cutoff_at": instant("17:00")}
WAITING, MATCH, TWO_MATCHES = Missing(False, True, 1), Missing(True, False, 1), Missing(True, False, 2)
QUIZ, BOTH = Missing(True, True, 0), Missing(True, True, 1)
LINK = "https://lianbing.example.cn"
GUANGDONG, OTHER = "广东省生态环境行政处罚自由裁量权规定", "广东省污染源自动监控管理办法"
ENDS_ON = TODAY + dt.timedelta(days=30)
CODES = tuple(f"guangdong-{number:03}" for number in range(1, 13))
COLLEAGUES = tuple(family + given for given in ("志远", "晓燕", "国庆", "文静") for family in "陈李张黄何罗吴刘钟欧")


def numbered(*numbers: int) -> tuple[str, ...]:
    return tuple(f"丰顺{number:03}" for number in numbers)


def left(missing: Missing, *numbers: int) -> Left:
    return Left(missing, len(numbers), numbered(*numbers))


LEFT = {
    "08:00": (left(MATCH, 6, 11, 24), left(WAITING, 3, 17, 29)),
    "12:00": (left(MATCH, 4, 6, 9, 11), left(QUIZ, 24, 27), left(BOTH, 31), left(WAITING, *range(1, 4), *range(12, 24), 25, 26, 28, 29)),
    "18:00": (left(MATCH, 6, 11), left(BOTH, 13, 24, 26, 27, 31), left(WAITING, 3, 8, 17, 19, 21, 29, 33)),
    "22:00": (left(MATCH, 6, 24), left(WAITING, 29)),
}  # fmt: skip
EVERYONE = {name: (left(WAITING, *range(1, 37)),) for name in LEFT}
FIELDS = {"08:00": FINAL, "12:00": NOON, "18:00": EVENING, "22:00": NIGHT}


def liaison(
    name: str,
    people_left: tuple[Left, ...] | None = None,
    *,
    about: BranchStats | None = None,
    reminded: tuple[int, int] = (5, 3),
    link: str = "",
    **changes: Any,
) -> LiaisonStats:
    """丰顺's liaison officers at a slot."""
    held = LEFT[name] if people_left is None else people_left
    return LiaisonStats(about or branch("丰顺", name, **changes), held, *reminded, link)


def quiet(name: str) -> LiaisonStats:
    """Everybody is done."""
    return liaison(name, (), about=branch("丰顺", name, FIELDS[name] | everybody({"丰顺": FIELDS[name]["丰顺"]})))


def untouched(name: str) -> LiaisonStats:
    """Nobody has begun."""
    about = branch("丰顺", name, FIELDS[name] | nobody({"丰顺": FIELDS[name]["丰顺"]}))
    return liaison(name, EVERYONE[name], about=about, reminded=(0, 0))


def province(name: str, field: dict[str, Figures] | None = None, **changes: Any) -> BureauStats:
    """The province, in which each branch of the scenario stands for a city's bureau."""
    whole = bureau(name, field, suffix="市生态环境局", issuer="省生态环境厅执法监督局", **changes)
    return replace(whole, words=PROVINCE)


def leader(name: str, field: dict[str, Figures] | None = None, **changes: Any) -> LeaderStats:
    """丰顺's leader, who is told something."""
    stats = leader_stats(branch("丰顺", name, field, **changes))
    assert stats
    return stats


def forecast(name: str, field: dict[str, Figures], **changes: Any) -> ForecastStats:
    """丰顺's liaison officers, 20 minutes before a slot."""
    return ForecastStats(branch("丰顺", name, field, headquarters=HEADQUARTERS["12:00"], **changes))


def nudge(missing: Missing, name: str = "12:30") -> NudgeStats:
    """Those who lack the same."""
    return NudgeStats(occasion(name), missing, PlayRules())


def correction(after: dict[str, Figures], reason: str = "试题更正与成绩复核", **changes: Any) -> Text:
    """What became of day 7."""
    issued = instant("15:30", TODAY + dt.timedelta(days=2))
    return write_correction(
        bureau("08:00", **changes), bureau("08:00", after, **changes), reason=reason, issued_at=issued
    )


def right(name: str, questions: int) -> Figures:
    """More questions of a branch were answered correctly than was told."""
    return replace(FINAL[name], correct=FINAL[name].correct + questions)


MANY = (
    Left(MATCH, 10, COLLEAGUES[:10]),
    Left(BOTH, 33, COLLEAGUES[10:]),
    Left(WAITING, 12, COLLEAGUES[:12]),
)
GREEN = merged(
    PlayRules(), {"daily_quiz": {"single": 2, "multiple": 0, "true_false": 0}, "matches": {"required_per_day": 2}}
)

PRIVATE_CASES: dict[str, Stats] = {
    "liaison-0800": liaison("08:00"),
    "liaison-1200": liaison("12:00"),
    "liaison-1800": liaison("18:00"),
    "liaison-2200": liaison("22:00"),
    "liaison-1200-link": liaison("12:00", link=LINK),
    "liaison-0800-link": liaison("08:00", link=LINK),
    "liaison-0800-late": liaison("08:00", late=True, issued_at=instant("08:40")),
    "liaison-0800-first-day": liaison("08:00", number=1),
    "liaison-0800-last-day": liaison("08:00", number=21, **OVER),
    "liaison-0800-everybody": quiet("08:00"),
    "liaison-1200-everybody": quiet("12:00"),
    "liaison-1800-everybody": quiet("18:00"),
    "liaison-2200-everybody": quiet("22:00"),
    "liaison-0800-nobody": untouched("08:00"),
    "liaison-1200-nobody": untouched("12:00"),
    "liaison-1800-nobody": untouched("18:00"),
    "liaison-2200-nobody": untouched("22:00"),
    "liaison-1200-all-begun": liaison("12:00", LEFT["12:00"][:3]),
    "liaison-1200-none-begun": liaison("12:00", LEFT["12:00"][3:]),
    "liaison-1800-none-reminded": liaison("18:00", reminded=(0, 0)),
    "liaison-1800-none-of-them-done": liaison("18:00", reminded=(4, 0)),
    "liaison-1800-all-of-them-done": liaison("18:00", reminded=(4, 4)),
    "liaison-1800-none-begun": liaison("18:00", LEFT["18:00"][2:]),
    "liaison-1800-many": liaison("18:00", MANY),
    "liaison-2200-many": liaison("22:00", MANY),
    "liaison-1200-closed": liaison("12:00", closes_at=instant("11:30"), cutoff_at=instant("11:30")),
    "liaison-1800-closed": liaison("18:00", **UNTIL_17),
    "liaison-2200-closed": liaison("22:00", **UNTIL_17),
    "leader-1800": leader("18:00"),
    "leader-1800-late": leader("18:00", late=True, issued_at=instant("20:10")),
    "leader-1800-everybody": leader("18:00", EVENING | everybody({"丰顺": EVENING["丰顺"]})),
    "leader-1800-nobody": leader("18:00", nobody(EVENING)),
    "leader-1800-closed": leader("18:00", **UNTIL_17),
    "leader-0800-low": leader("08:00", FINAL | {"丰顺": people(36, 25, 21, 200, exempt=2)}, before=7, earlier="前一日"),
    "leader-0800-fallen": leader("08:00", before=4, earlier="前一日"),
    "leader-0800-both": leader("08:00", FINAL | {"丰顺": people(36, 20, 11, 100)}, before=3, earlier="前一日"),
    "leader-0800-nobody-on-the-last-day": leader(
        "08:00", FINAL | nobody({"丰顺": FINAL["丰顺"]}), before=8, number=21, **OVER
    ),
    "forecast-1140": forecast("11:40", NOON),
    "forecast-1740": forecast("17:40", EVENING),
    "forecast-1140-nobody": forecast("11:40", nobody(NOON)),
    "forecast-1740-all-begun": forecast("17:40", EVENING | {"丰顺": people(36, 36, 22, 220)}),
    "nudge-match": nudge(MATCH),
    "nudge-two-matches": nudge(TWO_MATCHES),
    "nudge-quiz": nudge(QUIZ),
    "nudge-both": nudge(BOTH, "20:00"),
    "nudge-not-started": nudge(WAITING),
    "nudge-not-started-quiz-only": nudge(Missing(False, True, 0)),
    "nudge-short-day": NudgeStats(occasion("12:30", closes_at=instant("17:00")), TWO_MATCHES, GREEN),
}
AUDIENCE_CASES: dict[str, Text] = {
    **{name: write(stats) for name, stats in PRIVATE_CASES.items()},
    "basis-one": write_ends([basis_notice(GUANGDONG, ENDS_ON, CODES[:3], day=TODAY)]),
    "basis-two": write_ends(
        [basis_notice(GUANGDONG, ENDS_ON, CODES, day=TODAY), basis_notice(OTHER, ENDS_ON, CODES[:1], day=TODAY)], LINK
    ),
    "basis-last-day": write_ends([basis_notice(GUANGDONG, TODAY, CODES[:1], day=TODAY)]),
    "nudges-1230": write_nudges(occasion("12:30"), [(write(nudge(MATCH)), 12), (write(nudge(WAITING)), 140)]),
    "province-0800": write(province("08:00")),
    "province-1200": write(province("12:00", done_yesterday=140)),
    "province-1800": write(province("18:00", done_yesterday=258)),
    "province-2200": write(province("22:00")),
    "province-0800-late": write(province("08:00", late=True, issued_at=instant("08:40"))),
    "province-0800-last-day": write(province("08:00", number=21, **OVER)),
    "province-1200-first-day": write(province("12:00", number=1)),
    "province-2200-tied": write(province("22:00", NIGHT | {"平远": NIGHT["蕉岭"]})),
    "province-0800-unranked": write(province("08:00", FINAL | {"五华": people(0, 0, 0, 0, exempt=40)})),
    "province-0800-everybody": write(province("08:00", everybody(FINAL), headquarters=people(41, 41, 41, 369))),
    "province-1800-everybody": write(province("18:00", everybody(EVENING), headquarters=people(41, 41, 41, 369))),
    "province-0800-nobody": write(province("08:00", nobody(FINAL), headquarters=people(41, 0, 0, 0))),
    "correction": correction(FINAL | {"丰顺": right("丰顺", 20), "五华": right("五华", 9)}),
    "correction-place": correction(FINAL | {"丰顺": right("丰顺", 40), "兴宁": replace(FINAL["兴宁"], correct=300)}),
    "correction-unchanged": correction(FINAL),
    "correction-exempt-branch": correction(FINAL | {"五华": people(0, 0, 0, 0, exempt=43)}, "五华分局应参赛人数复核"),
    "correction-province": write_correction(
        province("08:00"),
        province("08:00", FINAL | {"丰顺": right("丰顺", 20)}),
        reason="试题更正与成绩复核",
        issued_at=instant("15:30", TODAY + dt.timedelta(days=2)),
    ),
    "correction-totals": correction(FINAL | {"丰顺": people(36, 34, 31, 280, exempt=2)}, "成绩申诉复核"),
}
