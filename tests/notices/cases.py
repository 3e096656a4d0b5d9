"""Every golden text: the name of its file and the figures that give it."""

from __future__ import annotations

from typing import Any

from app.notices.stats import BranchStats, BureauStats, Provincial
from app.participation.rules import Figures
from tests.notices.figures import (
    EVENING,
    FIELDS,
    FINAL,
    NIGHT,
    NOON,
    YESTERDAY,
    branch,
    bureau,
    everybody,
    nobody,
    people,
)
from tests.times import instant

NONE = Figures()
FENGSHUN = {"丰顺": FINAL["丰顺"]}
TEN = tuple(f"丰顺{number:03}" for number in (6, 11, 13, 24, 27, 31, 3, 8, 17, 19))
OPEN_LATER: dict[str, Any] = {"next_opens_at": instant("09:00"), "next_closes_at": instant("20:00")}
OVER: dict[str, Any] = {"next_opens_at": None, "next_closes_at": None}
UNTIL_17: dict[str, Any] = {"closes_at": instant("17:00"), "cutoff_at": instant("17:00")}

CASES: dict[str, BureauStats | BranchStats] = {
    "bureau-0800": bureau("08:00"),
    "bureau-1200": bureau("12:00", done_yesterday=140),
    "bureau-1800": bureau("18:00", done_yesterday=258),
    "bureau-2200": bureau("22:00"),
    "branch-0800": branch("丰顺", "08:00", before=8, earlier="前一日"),
    "branch-1200": branch("丰顺", "12:00"),
    "branch-1800": branch("丰顺", "18:00"),
    "branch-2200": branch("丰顺", "22:00", before=7, earlier="18:00"),
    # Late, the first day, the last day.
    "bureau-0800-late": bureau("08:00", late=True, issued_at=instant("08:40"), office_phone="0753-1234567"),
    "bureau-1800-late": bureau("18:00", late=True, issued_at=instant("20:10"), done_yesterday=261),
    "bureau-1200-first-day": bureau("12:00", number=1),
    "bureau-0800-last-day": bureau("08:00", number=21, **OVER),
    "branch-0800-first-day": branch("丰顺", "08:00", number=1),
    "branch-0800-last-day": branch("丰顺", "08:00", before=7, earlier="前一日", number=21, **OVER),
    "branch-0800-opens-later": branch("丰顺", "08:00", before=6, earlier="前一日", **OPEN_LATER),
    # The place in the province: told by hand, or the rank in the province's own contest.
    "bureau-0800-province-told": bureau(
        "08:00", provincial=Provincial(7, False, "前一日", 8, instant("21:00", YESTERDAY))
    ),
    "bureau-0800-province-told-first": bureau(
        "08:00", provincial=Provincial(7, told_as_of=instant("21:00", YESTERDAY))
    ),
    "bureau-0800-province-tied": bureau("08:00", provincial=Provincial(1, True, "前一日", 1)),
    "bureau-0800-province-fallen": bureau("08:00", provincial=Provincial(9, False, "前一竞赛日", 7)),
    # Names in groups, where the contest allows them.
    "branch-1800-names": branch("丰顺", "18:00", unfinished=TEN, link="https://lianbing.example"),
    "branch-2200-names": branch(
        "丰顺", "22:00", before=7, earlier="18:00", unfinished=TEN[:3], link="https://lianbing.example"
    ),
    "branch-2200-names-no-link": branch("丰顺", "22:00", FIELDS["18:00"], unfinished=TEN),
    # Everybody and nobody.
    "bureau-0800-everybody": bureau("08:00", everybody(FINAL), headquarters=people(41, 41, 41, 369)),
    "bureau-1200-everybody": bureau("12:00", everybody(NOON), headquarters=people(41, 41, 41, 369), done_yesterday=3),
    "bureau-1800-everybody": bureau("18:00", everybody(EVENING), headquarters=people(41, 41, 41, 369)),
    "bureau-2200-everybody": bureau("22:00", everybody(NIGHT), headquarters=people(41, 41, 41, 369)),
    "branch-0800-everybody": branch("平远", "08:00", before=1, earlier="前一日"),
    "branch-1200-everybody": branch("平远", "12:00", NOON | everybody({"平远": NOON["平远"]})),
    "branch-1800-everybody": branch("平远", "18:00", EVENING | everybody({"平远": EVENING["平远"]})),
    "branch-2200-everybody": branch("平远", "22:00", before=2, earlier="18:00"),
    "bureau-0800-nobody": bureau("08:00", nobody(FINAL), headquarters=people(41, 0, 0, 0)),
    "bureau-1200-nobody": bureau("12:00", nobody(NOON), headquarters=people(41, 0, 0, 0), done_yesterday=12),
    "bureau-1800-nobody": bureau("18:00", nobody(EVENING), headquarters=people(41, 0, 0, 0), done_yesterday=12),
    "bureau-2200-nobody": bureau("22:00", nobody(NIGHT), headquarters=people(41, 0, 0, 0)),
    "branch-0800-nobody": branch("丰顺", "08:00", FINAL | nobody(FENGSHUN), before=7, earlier="前一日"),
    "branch-1200-nobody": branch("丰顺", "12:00", nobody(NOON), with_matches=True),
    "branch-1800-nobody": branch("丰顺", "18:00", nobody(EVENING)),
    "branch-2200-nobody": branch("丰顺", "22:00", nobody(NIGHT)),
    # Ties, units without rank, a single branch, groups, none right.
    "branch-1800-tied": branch("丰顺", "18:00", EVENING | {"五华": EVENING["丰顺"], "兴宁": EVENING["丰顺"]}),
    "branch-0800-tied-many": branch("丰顺", "08:00", dict.fromkeys(FINAL, FINAL["丰顺"]), before=1, earlier="前一日"),
    "branch-2200-tied-first": branch("平远", "22:00", NIGHT | {"蕉岭": NIGHT["平远"]}),
    "bureau-0800-unranked": bureau("08:00", FINAL | {"五华": people(0, 0, 0, 0, exempt=40), "丰顺": NONE}),
    "bureau-2200-unranked": bureau("22:00", NIGHT | {"五华": NONE}, headquarters=NONE),
    "bureau-0800-single": bureau("08:00", FENGSHUN),
    "bureau-2200-single": bureau("22:00", {"丰顺": NIGHT["丰顺"]}),
    "bureau-2200-tied": bureau("22:00", NIGHT | {"平远": NIGHT["蕉岭"], "蕉岭": NIGHT["蕉岭"]}),
    "bureau-2200-groups": bureau("22:00", group={"梅江": "城区组", "梅县": "城区组"}),
    "bureau-2200-none-ranked": bureau("22:00", {"丰顺": NONE, "五华": NONE}),
    "branch-0800-single": branch("丰顺", "08:00", FENGSHUN),
    "bureau-0800-no-branches": bureau("08:00", {}),
    "bureau-1200-no-branches": bureau("12:00", {}),
    "bureau-1800-no-branches": bureau("18:00", {}),
    "bureau-2200-no-branches": bureau("22:00", {}),
    "bureau-0800-groups": bureau("08:00", group={"梅江": "城区组", "梅县": "城区组", "兴宁": "城区组"}),
    "branch-0800-group": branch("梅县", "08:00", group={"梅江": "城区组", "梅县": "城区组", "兴宁": "城区组"}),
    "bureau-0800-none-right": bureau("08:00", {name: people(30, 30, 29, 0) for name in ("梅江", "丰顺")}),
    # Figures that rounding would falsify.
    "bureau-0800-nearly": bureau(
        "08:00",
        {
            "梅江": people(5000, 4999, 4999, 49989),
            "丰顺": people(5000, 4999, 4998, 49979),
            "五华": people(9000, 1, 1, 1),
        },
    ),
    "branch-1800-close": branch("丰顺", "18:00", EVENING | {"五华": people(36, 29, 22, 221)}),
    "branch-1800-same-score": branch("丰顺", "18:00", {"丰顺": people(10, 10, 0, 0), "五华": people(10, 5, 2, 0)}),
    # A day that closes early, slots that are off.
    "bureau-1200-closes-early": bureau("12:00", closes_at=instant("17:00")),
    "bureau-1800-closed": bureau("18:00", **UNTIL_17),
    "bureau-2200-closed": bureau("22:00", **UNTIL_17, final_follows=False),
    "branch-1800-closed": branch("丰顺", "18:00", **UNTIL_17),
    "bureau-1200-closed": bureau("12:00", closes_at=instant("11:30"), cutoff_at=instant("11:30")),
    "branch-1200-closed": branch("丰顺", "12:00", closes_at=instant("11:30"), cutoff_at=instant("11:30")),
    "bureau-1800-half-hours": bureau("18:00", closes_at=instant("23:30")),
    "bureau-1800-only-headquarters": bureau("18:00", everybody(EVENING)),
    "bureau-1800-branch-nobody-left": bureau("18:00", EVENING | everybody({"平远": EVENING["平远"]})),
}
