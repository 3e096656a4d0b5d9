"""The texts of the notices to groups and to single people: figures in, title and body out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.notices.layouts import TITLE, layout_of
from app.notices.stats import BranchStats, BureauStats
from app.notices.text_branch import BRANCH
from app.notices.text_bureau import BUREAU
from app.notices.text_private import (
    ForecastStats,
    LeaderStats,
    LiaisonStats,
    NudgeStats,
    forecast,
    leader,
    liaison,
    nudge,
)
from app.notices.wording import as_of
from app.notices.words import PROVINCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.notices.layouts import Paragraphs
    from app.notices.stats import Occasion

TEMPLATE_VERSION = 1
"""Raised whenever the same figures would give another text."""

Stats = BureauStats | BranchStats | LiaisonStats | LeaderStats | ForecastStats | NudgeStats
"""What a notice is written from."""


class Text(NamedTuple):
    """A notice as people read it; the body's lines are separated by newlines."""

    title: str
    body: str


def audience_of(stats: Stats) -> str:
    """Return the kind of audience that these figures are for."""
    if isinstance(stats, BureauStats):
        return "province" if stats.words == PROVINCE else "bureau"
    return "branch" if isinstance(stats, BranchStats) else stats.audience


def write(stats: Stats) -> Text:
    """Return the notice for these figures in the built-in words."""
    named = paragraphs(stats)
    lines = layout_of(stats.occasion.slot.name, audience_of(stats))
    body = ("".join(named.get(name, "") for name in line) for line in lines)
    return Text(named[TITLE], "\n".join(line for line in body if line))


def paragraphs(stats: Stats) -> Paragraphs:
    """Return the notice for these figures in its named pieces: what `write` joins, and what a template may use."""
    if isinstance(stats, BureauStats):
        return BUREAU[stats.occasion.slot.name](stats)
    if isinstance(stats, BranchStats):
        return BRANCH[stats.occasion.slot.name](stats)
    if isinstance(stats, LiaisonStats):
        return liaison(stats)
    if isinstance(stats, LeaderStats):
        return leader(stats)
    return forecast(stats) if isinstance(stats, ForecastStats) else nudge(stats)


def write_nudges(occasion: Occasion, texts: Sequence[tuple[Text, int]]) -> Text:
    """Return the notice that keeps what was said to how many: it is read by the organisers, not sent."""
    lines = [f"发给{count}人：{text.body}" for text, count in texts]
    title = f"{occasion.contest}第{occasion.number}日提示（{occasion.slot.name}）"
    return Text(title, "\n".join([*lines, as_of(occasion)]))
