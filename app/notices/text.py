"""The texts of the notices to groups: figures in, title and body out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.notices.layouts import LAYOUTS, TITLE
from app.notices.stats import BranchStats, BureauStats
from app.notices.text_branch import BRANCH
from app.notices.text_bureau import BUREAU

if TYPE_CHECKING:
    from app.notices.layouts import Layout, Paragraphs

TEMPLATE_VERSION = 1
"""Raised whenever the same figures would give another text."""


class Text(NamedTuple):
    """A notice as people read it; the body's lines are separated by newlines."""

    title: str
    body: str


def write(stats: BureauStats | BranchStats) -> Text:
    """Return the notice for these figures."""
    named = paragraphs(stats)
    lines = ("".join(named.get(name, "") for name in line) for line in layout(stats))
    return Text(named[TITLE], "\n".join(line for line in lines if line))


def paragraphs(stats: BureauStats | BranchStats) -> Paragraphs:
    """Return the notice for these figures in its named pieces: what `write` joins, and what a template may use."""
    if isinstance(stats, BureauStats):
        return BUREAU[stats.occasion.slot.name](stats)
    return BRANCH[stats.occasion.slot.name](stats)


def layout(stats: BureauStats | BranchStats) -> Layout:
    """Return the lines of the notice for these figures."""
    return LAYOUTS[stats.occasion.slot.name, "bureau" if isinstance(stats, BureauStats) else "branch"]
