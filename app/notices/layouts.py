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
}  # fmt: skip
"""How the pieces of each slot and audience stand in the body: the built-in templates."""

SLOTS = tuple(dict.fromkeys(slot for slot, _ in LAYOUTS))
GROUPS = ("province", "bureau", "branch")
"""Kinds of audience whose text can be written anew: a province's group is told what a bureau's is."""


def layout_of(slot: str, audience: str) -> Layout:
    """Return the lines of a slot's notice to a kind of group."""
    return LAYOUTS[slot, "branch" if audience == "branch" else "bureau"]
