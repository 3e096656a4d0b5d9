"""Which named pieces a notice is made of, and how they stand in its body: the built-in templates."""

from __future__ import annotations

TITLE = "标题"

Paragraphs = dict[str, str]
"""A notice in named pieces, the title first; a piece that has nothing to say is empty or left out."""

Layout = tuple[tuple[str, ...], ...]
"""Lines of a body, each the names of the pieces that stand in it; a line without anything to say falls away."""

LAYOUTS: dict[tuple[str, str], Layout] = {
    ("08:00", "bureau"): (
        ("称谓",), ("总体情况",), ("综合得分",), ("全省情况",), ("工作要求",), ("注",), ("统计截至",), ("落款",),
    ),
    ("12:00", "bureau"): (("进展", "各分局情况"), ("要求",), ("落款",)),
    ("18:00", "bureau"): (("进展", "各分局情况", "已完成单位"), ("要求",), ("落款",)),
    ("22:00", "bureau"): (("进展", "暂列名次", "已完成单位"), ("要求",), ("落款",)),
    ("08:00", "branch"): (("进展", "致谢", "要求"), ("落款",)),
    ("12:00", "branch"): (("进展", "要求", "致谢"), ("落款",)),
    ("18:00", "branch"): (("进展", "提升空间", "要求", "致谢"), ("未完成名单",), ("落款",)),
    ("22:00", "branch"): (("进展", "提升空间", "要求", "致谢"), ("未完成名单",), ("落款",)),
    ("08:00", "liaison"): (("情况", "要求"), ("链接",), ("统计截至",)),
    ("12:00", "liaison"): (("情况", "要求"), ("链接",), ("统计截至",)),
    ("18:00", "liaison"): (("情况", "提醒情况", "要求"), ("链接",), ("统计截至",)),
    ("22:00", "liaison"): (("情况", "要求"), ("链接",), ("统计截至",)),
    ("08:00", "leader"): (("情况", "要求"), ("统计截至",)),
    ("18:00", "leader"): (("情况", "要求"), ("统计截至",)),
    ("11:40", "forecast"): (("情况", "要求"), ("统计截至",)),
    ("17:40", "forecast"): (("情况", "要求"), ("统计截至",)),
    ("12:30", "nudge"): (("情况", "时限"),),
    ("20:00", "nudge"): (("情况", "时限"),),
}  # fmt: skip
"""How the pieces of each slot and audience stand in the body: the built-in templates."""

_BESIDE = {"liaison": ("概况", "名单"), "nudge": ("还差",)}
"""Pieces that the built-in text has in other words, for those who would put them differently, or leave names out."""

GROUPS = ("province", "bureau", "branch")
SLOTS = tuple(slot for slot, audience in LAYOUTS if audience == "bureau")

PLACES = (
    *((slot, group) for group in GROUPS for slot in SLOTS),
    *((slot, audience) for slot, audience in LAYOUTS if audience not in GROUPS),
)
"""The slots and kinds of audience whose text can be written anew."""


def layout_of(slot: str, audience: str) -> Layout:
    """Return the lines of a slot's notice to a kind of audience: a province's group is told what a bureau's is."""
    return LAYOUTS[slot, "bureau" if audience == "province" else audience]


def pieces_of(slot: str, audience: str) -> list[str]:
    """Return the names of the pieces that a notice has, the title first."""
    joined = (name for line in layout_of(slot, audience) for name in line)
    return [*dict.fromkeys([TITLE, *joined, *_BESIDE.get(audience, ())])]
