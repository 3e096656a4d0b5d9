"""What a bank's folder promises of itself (`expects.toml`): how many questions can be drawn, of what kinds (pure)."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, NamedTuple

from app.bank.balance import MIX, SHORT_STEM, balance_of
from app.bank.entries import Problem
from app.contests.rules import KINDS
from app.core.wording import near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.bank.entries import Entry

EXPECTS = "expects.toml"
"""A folder without this file promises nothing: a bureau's own may be as small as it likes."""


class Expected(NamedTuple):
    """The least numbers of drawable questions, of these fit for matches, of these cases; None: nothing is promised.

    `mix_within`: points of 100 by which the share of each kind may differ from 45, 30 and 25.
    """

    drawable: int | None = None
    fit_for_matches: int | None = None
    cases: int | None = None
    mix_within: int | None = None


def expected_of(content: bytes) -> tuple[Expected, list[str]]:
    """Return what a file promises, and what is wrong with it."""
    try:
        held = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return Expected(), ["不是有效的 TOML，请改正；每行一项，如 drawable = 600。"]
    wrong = [
        f"没有字段 {name}{near(name, Expected._fields)}，请改正或删除。"
        for name in held
        if name not in Expected._fields
    ]
    numbers = {name: held[name] for name in Expected._fields if name in held}
    unfit = [name for name, value in numbers.items() if type(value) is not int or value < 0]
    wrong += [f"{name} 应当是不小于0的整数，请改正。" for name in unfit]
    return Expected(**{name: value for name, value in numbers.items() if name not in unfit}), wrong


def expected_errors(expected: Expected, drawable: Sequence[Entry]) -> list[Problem]:
    """Return which promises these questions, all that can be drawn on the day, do not keep."""
    balance = balance_of(drawable)
    counted = (
        ("现在可以出的题", balance.drawable, expected.drawable),
        (f"适合对战的题（题干不超过{SHORT_STEM}字、不是案例）", balance.short, expected.fit_for_matches),
        ("案例题", balance.cases, expected.cases),
    )
    found = [
        f"{what}只有{held}题，本题库至少应有{least}题，请补充。"
        for what, held, least in counted
        if least is not None and held < least
    ]
    for kind, wanted in MIX.items() if expected.mix_within is not None and drawable else ():
        share = 100 * balance.kinds[kind] / balance.drawable
        if abs(share - wanted) > (expected.mix_within or 0):
            found.append(
                f"{KINDS[kind]}题占可以出的题的{share:.1f}%，本题库应在{wanted}%上下{expected.mix_within}个百分点以内，请调整。"
            )
    return [Problem(EXPECTS, None, "", "", said) for said in found]
