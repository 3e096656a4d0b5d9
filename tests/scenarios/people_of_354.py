"""The 354 officers of eight branches and of the bureau itself, as a roster file, and what each will do on a day."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.scenarios.arithmetic import QUESTIONS
from tests.times import instant

PROVINCE, BUREAU = "广东省生态环境厅", "梅州市生态环境局"
BRANCHES = {"梅江": 49, "梅县": 55, "兴宁": 61, "平远": 30, "蕉岭": 30, "大埔": 35, "丰顺": 30, "高新": 1}
TOWNSHIP = "汤坑镇"  # below 丰顺分局
STAFF = {TOWNSHIP: 8, BUREAU: 55}
ROLES = {1: ("分局局长", "单位负责人"), 2: ("股长", "联络员")}
TICK = dt.timedelta(microseconds=1)


class Person(NamedTuple):
    """A line of the roster; 工号 and name are the same."""

    name: str
    phone: str
    unit: str
    position: str
    roles: str
    takes_part: bool


def roster() -> list[Person]:
    """354 who take part, and a head of department and a second administrator who do not."""
    people: list[Person] = []

    def add(name: str, unit: str, position: str = "执法人员", roles: str = "", *, takes_part: bool = True) -> None:
        people.append(Person(name, f"139{len(people):08}", unit, position, roles, takes_part))

    for branch, size in BRANCHES.items():
        for number in range(1, size + 1):
            position, roles = ROLES.get(number, ("执法人员", ""))
            if size == 1:  # section head, liaison officer and contestant in one
                position, roles = "负责人", "单位负责人、联络员"
            add(f"{branch}{number:03}", f"{branch}分局", position, roles)
    for number in range(1, STAFF[TOWNSHIP] + 1):
        add(f"汤坑{number:03}", TOWNSHIP)
    for number in range(1, STAFF[BUREAU] + 1):
        add(f"机关{number:03}", BUREAU, "科员", "市局" if number == 1 else "")
    add("机关处长", BUREAU, "处长", "市局", takes_part=False)
    add("题库管理员", BUREAU, "科员", "管理员", takes_part=False)
    assert sum(person.takes_part for person in people) == 354
    return people


def as_csv(people: Iterable[Person]) -> bytes:
    """The roster as an office's spreadsheet program saves it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["姓名", "工号", "手机号", "单位", "职务", "角色", "参赛"])
    for one in people:
        rows.writerow(
            [one.name, one.name, one.phone, one.unit, one.position, one.roles, "是" if one.takes_part else "否"]
        )
    return text.getvalue().encode("utf-8-sig")


class Step(NamedTuple):
    """Something that an officer does: open the paper (no `right`), or answer from a position on, rightly or not."""

    at: dt.datetime
    who: str
    first: int
    right: tuple[bool, ...]
    refused: str = ""


def a_day(
    day: dt.date, people: Sequence[str], rng: random.Random, *, begin: tuple[str, str], lazy: float, skill: float
) -> list[Step]:
    """A unit's day: `lazy` of them do not finish; most send all answers at once, from a phone that had no network."""
    steps: list[Step] = []
    earliest, latest = instant(begin[0], day), instant(begin[1], day)
    for who in people:
        mood = rng.random()
        if mood < lazy / 3:
            continue
        answered = 0 if mood < lazy / 2 else rng.randint(1, QUESTIONS - 1) if mood < lazy else QUESTIONS
        at = earliest + dt.timedelta(seconds=rng.randrange(int((latest - earliest).total_seconds())))
        right = tuple(rng.random() < skill for _ in range(answered))
        steps.append(Step(at, who, 0, ()))
        if rng.random() < 2 / 3 and right:
            steps.append(Step(at + dt.timedelta(seconds=240), who, 1, right))
        else:
            steps += [
                Step(at + dt.timedelta(seconds=20 * position), who, position, (one,))
                for position, one in enumerate(right, start=1)
            ]
    return steps


def as_others(steps: Iterable[Step], names: dict[str, str]) -> list[Step]:
    """The same day lived by other people, to the microsecond."""
    return [step._replace(who=names[step.who]) for step in steps]


def around(slot: dt.datetime, who: Sequence[str]) -> list[Step]:
    """Eight officers on the two sides of a slot's cutoff: an instant before it counts, the instant itself does not.

    In order: the last answer before, the last answer at; the first answer before, at; the paper opened before, at; two
    with the quiz done long before.
    """
    early = slot - dt.timedelta(minutes=10)
    nine = (True, False, True, True, False, True, True, True, False)
    steps = [Step(early, name, 0, ()) for name in who[:4]]
    steps += [Step(early + dt.timedelta(minutes=1), name, 1, nine) for name in who[:2]]
    steps += [Step(slot - TICK, who[0], QUESTIONS, (True,)), Step(slot, who[1], QUESTIONS, (True,))]
    steps += [Step(slot - TICK, who[2], 1, (True,)), Step(slot, who[3], 1, (False,))]
    steps += [Step(early, name, 0, ()) for name in who[6:]]
    steps += [Step(early + dt.timedelta(minutes=2), name, 1, (*nine, True)) for name in who[6:]]
    return [*steps, Step(slot - TICK, who[4], 0, ()), Step(slot, who[5], 0, ())]


def at_the_last_moment(closing: dt.datetime, who: Sequence[str]) -> list[Step]:
    """Three finish in the day's last microsecond, one opens in it; one answers and one opens at closing: too late."""
    early = closing - dt.timedelta(minutes=5)
    nine = (True,) * 8 + (False,)
    steps = [Step(early, name, 0, ()) for name in who[:4]]
    steps += [Step(early + dt.timedelta(minutes=1), name, 1, nine) for name in who[:4]]
    steps += [Step(closing - TICK, name, QUESTIONS, (True,)) for name in who[:3]]
    steps += [Step(closing, who[3], QUESTIONS, (True,), "quiz-closed"), Step(closing - TICK, who[4], 0, ())]
    return [*steps, Step(closing, who[5], 0, (), "quiz-closed")]
