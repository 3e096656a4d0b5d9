"""How a notice must write the figures, put together again from `arithmetic`; what is left over must hold no figure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import groupby

from tests.scenarios.arithmetic import Count, ahead, in_order, overtake, ranks

Counts = Mapping[str, Count]


class Body:
    """A text from which each expected sentence is taken once."""

    def __init__(self, text: str) -> None:
        self._whole = self._left = text

    def says(self, *sentences: str) -> None:
        for sentence in sentences:
            assert sentence in self._left, f"{sentence!r} is not in\n{self._whole}"
            self._left = self._left.replace(sentence, "¦", 1)

    def says_no_other_figure(self) -> None:
        assert not re.search(r"\d", self._left), f"unexpected figures in\n{self._left}\nof\n{self._whole}"


def tenths(value: Fraction) -> str:
    """One decimal, half up; nothing but 0 and 100 themselves is written 0.0 or 100.0."""
    rounded = int(value * 10 + Fraction(1, 2))
    if value not in {0, 100}:
        rounded = min(max(rounded, 1), 999)
    return f"{rounded // 10}.{rounded % 10}"


def rate(part: int, whole: int) -> str:
    share = Fraction(part, whole)
    return {Fraction(0): "0%", Fraction(1): "100%"}.get(share, f"{tenths(share * 100)}%")


def completion(one: Count) -> str:
    return rate(one.done, one.expected)


def index(one: Count) -> str:
    return tenths(one.index or Fraction(0))


def by_rank(branches: Counts) -> list[str]:
    """Ranked branches, best first, equals in roster order."""
    places = ranks(branches)
    return sorted((name for name in branches if places[name]), key=lambda name: places[name] or 0)


def ranking(branches: Counts, *, rates: bool) -> str:
    """`并列第1：平远、蕉岭97.0（均100%）；3.梅江95.2（97.4%）`, and who is not ranked."""
    places = ranks(branches)
    said = []
    for place, group in groupby(by_rank(branches), key=lambda name: places[name]):
        tied = list(group)
        one = branches[tied[0]]
        score, share = index(one), completion(one)
        if len(tied) > 1:
            said.append(f"并列第{place}：{'、'.join(tied)}{score}" + (f"（均{share}）" if rates else ""))
        else:
            said.append(f"{place}.{tied[0]}{score}" + (f"（{share}）" if rates else ""))
    idle = [name for name in branches if places[name] is None]
    return "；".join(said) + "。" + (f"{'、'.join(idle)}分局无应参赛人员，不参加排名。" if idle else "")


def completion_rates(branches: Counts) -> str:
    listed = in_order(by_rank(branches), lambda name: branches[name].completion_rate)
    return "各分局完成率：" + "、".join(f"{name}{completion(branches[name])}" for name in listed) + "。"


def left_over(branches: Counts, own_staff: Count) -> str:
    unfinished = [name for name in by_rank(branches) if branches[name].unfinished]
    listed = sorted(unfinished, key=lambda name: branches[name].unfinished)
    said = "各分局未完成人数：" + "、".join(f"{name}{branches[name].unfinished}" for name in listed)
    return said + (f"；市本级{own_staff.unfinished}。" if own_staff.unfinished else "。")


def all_done(branches: Counts) -> str:
    complete = [name for name in by_rank(branches) if branches[name].complete]
    return f"{'、'.join(complete)}分局已全员完成。" if complete else ""


def accuracy(one: Count) -> str:
    return f"正确率{rate(one.correct, one.answered)}"


def exempt(one: Count) -> str:
    return f"（另有{one.exempt}人经批准免参赛）" if one.exempt else ""


def place(branches: Counts, name: str, adverb: str = "", earlier: str = "", before: int | None = None) -> list[str]:
    """`列第7位`, `较前一日上升1位`: the clauses on rank and how it moved."""
    places = ranks(branches)
    equals = [other for other in branches if other != name and places[other] == places[name]]
    said = [f"{adverb}{'与' + '、'.join(equals) + '并' if equals else ''}列第{places[name]}位"]
    if before is not None:
        moved = before - (places[name] or 0)
        up = "上升" if moved > 0 else "下降"
        said.append(f"较{earlier}{up}{abs(moved)}位" if moved else f"与{earlier}持平")
    return said


def distance(branches: Counts, name: str) -> list[str]:
    """`距第6位3.5分`."""
    found = ahead(branches, name)
    if found is None:
        return []
    rank, gap = found
    if gap == 0:
        return [f"得分与第{rank}位相同"]
    return [f"距第{rank}位{'不足0.1分' if gap < Fraction(1, 20) else tenths(gap) + '分'}"]


def could_rise(branches: Counts, name: str) -> str:
    found = overtake(branches, name)
    return f"再有{found[0]}人完成可升至第{found[1]}位。" if found else ""
