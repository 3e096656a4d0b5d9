"""How a bank stands as a whole: what guessing earns, how keys are spread, how many cases and short stems it has."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from app.bank.entries import LETTERS, Problem
from app.bank.rules import is_case
from app.contests.rules import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.bank.entries import Entry

FEWEST = 20
"""Questions of a kind from which a share of them says something."""
MARGIN = 3.0
"""Points of 100 that a way of guessing may earn beyond chance."""
SPREAD = 10.0
"""Points of 100 by which a letter of the multiples may be right more or less often than by chance, the longest option
more often. No such share alone wins a question, hence the wider margin."""
LEAST_CASES = 1 / 5
LEAST_SHORT = 1 / 3
SHORT_STEM = 60
"""Characters of a stem that a match shows."""
MIX = {"single": 45, "multiple": 30, "true_false": 25}
_MIX_MARGIN = 5.0
_LONGEST = "最长的选项"


class Guess(NamedTuple):
    """What one way of guessing earns of 100 points over all questions of a kind; `judged` where it may not pay."""

    kind: str
    name: str
    points: float
    chance: float
    questions: int
    judged: bool = True

    @property
    def pays(self) -> bool:
        """Whether it earns more than chance and the margin."""
        return self.points > self.chance + MARGIN + 1e-9


@dataclass(frozen=True)
class Balance:
    """Figures of the drawable questions; shares are points of 100."""

    drawable: int
    kinds: Mapping[str, int]
    cases: int
    short: int
    guesses: tuple[Guess, ...]
    parts: Mapping[str, tuple[float, float, int]]
    """Of the multiples, by option: how often it is right, how often it would be by chance, of how many questions."""


def chance_of(entry: Entry) -> float:
    """Return the points of 100 that a guess earns which knows the kind and nothing else.

    Answers are all-or-nothing. A single choice of n: 1/n; true or false: 1/2. An admissible guess at a multiple is any
    set of two or more options, for the kind tells that one is too few; nothing tells how many, so that each of the
    2^n - n - 1 sets is as good as another: 9.1 points with four options, 3.8 with five.
    """
    count = len(entry.options)
    return 100 / (2**count - count - 1) if entry.kind == "multiple" else 100 / count


def longest(entry: Entry, count: int) -> float:
    """Return the expected points of 100 of choosing the `count` longest options, by lot among equally long ones."""
    lengths = {letter: len(text) for letter, text in entry.options}
    least = sorted(lengths.values(), reverse=True)[count - 1]
    sure = {letter for letter, length in lengths.items() if length > least}
    tied = {letter for letter, length in lengths.items() if length == least}
    key = set(entry.key)
    if len(key) != count or not sure <= key <= sure | tied:
        return 0.0
    return 100 / math.comb(len(tied), count - len(sure))


def balance_of(drawable: Sequence[Entry]) -> Balance:
    """Return the figures of these questions."""
    kinds = {kind: [entry for entry in drawable if entry.kind == kind] for kind in KINDS}
    return Balance(
        drawable=len(drawable),
        kinds={kind: len(held) for kind, held in kinds.items()},
        cases=sum(is_case(entry.stem) for entry in drawable),
        short=sum(len(entry.stem) <= SHORT_STEM and not is_case(entry.stem) for entry in drawable),
        guesses=tuple(guess for kind, held in kinds.items() if held for guess in _guesses(kind, held)),
        parts=_parts(kinds["multiple"]),
    )


def _guesses(kind: str, held: Sequence[Entry]) -> Iterator[Guess]:
    chance = _mean(held, chance_of)

    def guess(name: str, earns: Callable[[Entry], float], *, judged: bool = True) -> Guess:
        return Guess(kind, name, _mean(held, earns), chance, len(held), judged)

    if kind == "multiple":
        for count in (2, 3):
            yield guess(f"总选最长的{count}项", lambda entry, count=count: longest(entry, count))  # type: ignore[misc]
        yield guess("总选B", lambda entry: _fixed(entry, ("B",)))
        name, best = _best_fixed(held)
        yield guess(f"固定选{name}", lambda entry: _fixed(entry, best), judged=False)
    else:
        yield guess("总选最长项", lambda entry: longest(entry, 1))
        for letter in LETTERS[: max(len(entry.options) for entry in held)]:
            words = dict(held[0].options)[letter] if kind == "true_false" else letter
            yield guess(f"总选{words}", lambda entry, letter=letter: _fixed(entry, (letter,)))  # type: ignore[misc]
    yield guess("全选", lambda entry: _fixed(entry, tuple(letter for letter, _ in entry.options)))


def _mean(held: Sequence[Entry], of: Callable[[Entry], float]) -> float:
    return sum(of(entry) for entry in held) / len(held)


def _fixed(entry: Entry, choice: tuple[str, ...]) -> float:
    return 100.0 if entry.key == choice else 0.0


def _best_fixed(held: Sequence[Entry]) -> tuple[str, tuple[str, ...]]:
    """Return the set of letters that is the key most often, the first of equals."""
    letters = LETTERS[: max(len(entry.options) for entry in held)]
    sets = [choice for count in range(2, len(letters) + 1) for choice in combinations(letters, count)]
    counts = Counter(entry.key for entry in held)
    best = max(sets, key=lambda choice: counts[choice])
    return "".join(best), best


def _parts(multiples: Sequence[Entry]) -> dict[str, tuple[float, float, int]]:
    held: dict[str, list[tuple[Entry, float]]] = defaultdict(list)
    for entry in multiples:
        for letter, _ in entry.options:
            held[f"选项{letter}"].append((entry, 100.0 * (letter in entry.key)))
    for entry in multiples:
        most = max(len(text) for _, text in entry.options)
        tied = [letter for letter, text in entry.options if len(text) == most]
        held[_LONGEST].append((entry, 100 * sum(letter in entry.key for letter in tied) / len(tied)))
    return {
        part: (
            sum(right for _, right in having) / len(having),
            sum(100 * len(entry.key) / len(entry.options) for entry, _ in having) / len(having),
            len(having),
        )
        for part, having in held.items()
    }


def balance_errors(balance: Balance) -> list[Problem]:
    """Return what keeps the shipped bank from being balanced; a kind with few questions is not judged."""
    found = [
        f"{KINDS[guess.kind]}题“{guess.name}”可得{guess.points:.1f}分（满分100），高于随机作答的{guess.chance:.1f}分"
        f"加{MARGIN:.0f}分，请调整选项的次序或长短。"
        for guess in balance.guesses
        if guess.judged and guess.pays and guess.questions >= FEWEST
    ]
    found += [
        f"多选题中{part}有{right:.0f}%是答案，平均应为{even:.0f}%，相差超过{SPREAD:.0f}个百分点，请调整选项的次序或长短。"
        for part, (right, even, count) in balance.parts.items()
        if count >= FEWEST and (right - even > SPREAD or (part != _LONGEST and even - right > SPREAD))
    ]
    if balance.drawable >= FEWEST:
        if balance.cases < LEAST_CASES * balance.drawable:
            found.append(f"案例题只有{balance.cases}题，至少应占启用题目的五分之一（{balance.drawable}题），请补充。")
        if balance.short < LEAST_SHORT * balance.drawable:
            found.append(
                f"适合对战的题（题干不超过{SHORT_STEM}字、不是案例）只有{balance.short}题，"
                f"至少应占启用题目的三分之一（{balance.drawable}题），请补充。"
            )
    return [Problem("", None, "", "balance", said) for said in found]


def balance_warnings(balance: Balance) -> list[Problem]:
    """Return what a person should look at: the mix of kinds, and a set of letters that is the key too often."""
    found = [
        f"{KINDS[guess.kind]}题“{guess.name}”可得{guess.points:.1f}分（满分100），高于随机作答的{guess.chance:.1f}分"
        f"加{MARGIN:.0f}分，请把答案的组合分散一些。"
        for guess in balance.guesses
        if not guess.judged and guess.pays and guess.questions >= FEWEST
    ]
    for kind, wanted in MIX.items():
        share = 100 * balance.kinds[kind] / max(balance.drawable, 1)
        if balance.drawable >= FEWEST and abs(share - wanted) > _MIX_MARGIN:
            found.append(f"{KINDS[kind]}题占启用题目的{share:.0f}%，宜在{wanted}%左右，请留意搭配。")
    return [Problem("", None, "", "balance", said) for said in found]


def balance_lines(balance: Balance) -> Iterator[str]:
    """Yield the figures as lines of text for a terminal."""
    if not balance.drawable:
        return
    yield (
        f"启用{balance.drawable}题：案例{balance.cases}题（{balance.cases / balance.drawable:.0%}），"
        f"适合对战{balance.short}题（{balance.short / balance.drawable:.0%}）。"
    )
    for part, (right, even, count) in balance.parts.items():
        yield f"多选题{part}：{count}题中{right:.0f}%是答案，平均应为{even:.0f}%"
    yield f"猜答的得分（满分100；每类满{FEWEST}题的，高出随机作答{MARGIN:.0f}分以上即为错误）："
    for guess in balance.guesses:
        verdict = "" if not guess.pays else "  偏高" if guess.questions >= FEWEST else "  题目太少，不作判断"
        yield f"  {KINDS[guess.kind]}题  {guess.name}  {guess.points:.1f}  随机 {guess.chance:.1f}{verdict}"
