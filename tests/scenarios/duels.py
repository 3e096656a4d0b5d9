"""The matches of the whole day, planned beforehand: who meets whom, who answers what, and when each question opens."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.clock import local_day
from tests.questions import right, wrong
from tests.scenarios.arithmetic import Act
from tests.scenarios.people_of_354 import TICK, Step
from tests.times import instant

if TYPE_CHECKING:
    from tests.scenarios.day import Day

QUESTIONS, POINTS = 5, 20
LEAD = GAP = dt.timedelta(seconds=3)
WINDOW = dt.timedelta(seconds=31)  # thirty and one of grace
LONGEST = dt.timedelta(minutes=3)
SECOND = dt.timedelta(seconds=1)
AFTER_QUIZ = dt.timedelta(minutes=6)
FIRST_HOUR = 6

Given = tuple[dt.timedelta, bool] | None
"""How long after its opening a question is answered, and whether rightly; None: not at all."""
Answers = Sequence[Given]


@dataclass
class Duel:
    """A match: its seats' officers in order, and what is learnt of it when it is played."""

    mode: str
    players: tuple[str, ...]
    match_id: str = ""
    questions: dict[int, dict[str, Any]] = field(default_factory=dict)


class Move(NamedTuple):
    """What an officer does about a match at an instant: ask for it (`first` 0) or answer a question."""

    at: dt.datetime
    who: str
    first: int
    duel: Duel
    right: bool = False
    ends_at: dt.datetime | None = None
    refused: str = ""


def after(seconds: float, right: bool) -> Given:
    return dt.timedelta(seconds=seconds), right


def short(right: bool, position: int = 1) -> Answers:
    """One answer, and gone."""
    return [after(4, right) if number == position else None for number in range(1, QUESTIONS + 1)]


def whole(rights: Sequence[bool], seconds: float = 4) -> Answers:
    """Every question answered."""
    return [after(seconds, right) for right in rights]


SILENT: Answers = [None] * QUESTIONS


def moves_of(asked_at: dt.datetime, duel: Duel, answers: Mapping[str, Answers]) -> list[Move]:
    """The answers of a run that begins with an asking, at the instants that follow from each other."""
    opens, found = asked_at + LEAD, list[tuple[dt.datetime, str, int, bool]]()
    for position in range(1, QUESTIONS + 1):
        given = {who: mine for who, all_of in answers.items() if (mine := all_of[position - 1])}
        found += [(opens + delay, who, position, right) for who, (delay, right) in given.items()]
        over = opens + WINDOW
        if len(given) == len(answers):
            over = opens + max(delay for delay, _ in given.values())
        opens = over + GAP
    asking = Move(asked_at, list(answers)[-1], 0, duel, ends_at=over)
    return [asking, *(Move(at, who, position, duel, right) for at, who, position, right in found)]


class Hall:
    """Plans matches so that nobody plays two at once, and nobody else asks while the two of a live one do."""

    def __init__(self, rng: random.Random) -> None:
        self.moves: list[Move] = []
        self._random = rng
        self._asking: set[dt.datetime] = set()
        self._playing: dict[str, list[dt.datetime]] = {}

    def free(self, at: dt.datetime, *people: str) -> bool:
        near = 2 * LONGEST
        return all(abs(at - other) > near for who in people for other in self._playing.get(who, []))

    def live(self, at: dt.datetime, answers: Mapping[str, Answers]) -> None:
        """Let two meet at an instant, or the next whole second in which nobody asks."""
        first, _ = answers
        at = self._alone(at)
        self._note(at, *answers)
        duel = Duel("live", tuple(answers))
        self.moves += [Move(at - SECOND, first, 0, duel), *moves_of(at, duel, answers)]

    def relay(self, at: dt.datetime, who: str, answers: Answers) -> None:
        """Let one play against whatever recorded run there is; answers come after those of any recording."""
        at = self._alone(at)
        self._note(at, who)
        self.moves += moves_of(at, Duel("relay", (who,)), {who: answers})

    def challenge(self, at: dt.datetime, who: str, opponent: str, answers: Answers) -> Duel:
        at = self._alone(at)
        self._note(at, who)
        duel = Duel("challenge", (who, opponent))
        self.moves += moves_of(at, duel, {who: answers})
        return duel

    def take_up(self, at: dt.datetime, duel: Duel, answers: Answers) -> None:
        who, at = duel.players[1], self._alone(at)
        self._note(at, who)
        self.moves += moves_of(at, duel, {who: answers})

    def refused(self, at: dt.datetime, who: str, code: str) -> None:
        self.moves.append(Move(at, who, 0, Duel("any", (who,)), refused=code))

    def _alone(self, at: dt.datetime) -> dt.datetime:
        """Return this second, or the next, in which nobody asks, nor in the one before."""
        while {at - SECOND, at} & self._asking:
            at += SECOND
        self._asking |= {at - SECOND, at}
        return at

    def _note(self, at: dt.datetime, *people: str) -> None:
        assert self.free(at, *people), (at, people)
        for who in people:
            self._playing.setdefault(who, []).append(at)

    def some(self) -> Answers:
        """How an officer plays: most answer one question and are called away, some all, a few late or never."""
        rng = self._random
        match rng.choices(("short", "whole", "late", "silent"), (60, 25, 8, 7))[0]:
            case "short":
                return short(rng.random() < 0.7)
            case "whole":
                return whole([rng.random() < 0.7 for _ in range(QUESTIONS)], rng.choice((4, 5)))
            case "late":
                return short(rng.random() < 0.7, position=3)
        return SILENT

    def beside_quizzes(self, begins: Mapping[str, dt.datetime], *, lazy: float) -> None:
        """Let neighbours in time meet, soon after both did the quiz or (one in five) before either began it."""
        willing = [who for who in sorted(begins, key=begins.__getitem__) if self._random.random() >= lazy]
        for one, other in zip(willing[::2], willing[1::2], strict=False):
            early, late = sorted((begins[one], begins[other]))
            before = early - dt.timedelta(minutes=8)
            at = before if self._random.random() < 1 / 5 and before.hour >= FIRST_HOUR else late + AFTER_QUIZ
            self.live(at, {one: self.some(), other: self.some()})

    def once_more(self, people: Sequence[str], count: int, begin: dt.datetime, end: dt.datetime) -> None:
        """Let some of these meet at a time that suits both."""
        found = 0
        while found < count:
            one, other = self._random.sample(people, 2)
            at = begin + dt.timedelta(seconds=self._random.randrange(int((end - begin).total_seconds())))
            if self.free(at, one, other):
                self.live(at, {one: self.some(), other: self.some()})
                found += 1

    def twins(self, begins: Mapping[str, dt.datetime], twin_of: Mapping[str, str]) -> None:
        """Let each meet the twin and both answer the same at the same instants, before the quiz or after it."""
        for who, at in begins.items():
            rights = [self._random.random() < 2 / 3 for _ in range(QUESTIONS)]
            both = whole(rights) if self._random.random() < 1 / 5 else short(rights[0])
            away = self._random.choice((-dt.timedelta(minutes=8), AFTER_QUIZ))
            self.live(at + away, {who: both, twin_of[who]: both})

    def more(self, people: Sequence[str]) -> list[Duel]:
        """Second and third matches, recorded opponents, challenges; returns the challenges not taken up yet."""
        self.once_more(people, 30, instant("14:00"), instant("23:30"))
        self.once_more(people[:20], 12, instant("14:00"), instant("23:30"))
        for number, who in enumerate(people[20:30]):
            at = instant("15:00") + number * dt.timedelta(minutes=47)
            if self.free(at, who):
                self.relay(at, who, whole([number % 3 != 0] * QUESTIONS, 6))
        waiting = []
        for number in range(8):
            who, opponent = people[30 + number], people[50 + number]
            at = instant("19:00") + number * dt.timedelta(minutes=17)
            if self.free(at, who):
                waiting.append(self.challenge(at, who, opponent, whole([True, False, True, True, number == 0])))
        late_starter = [*SILENT[:2], *whole([True] * 3, 6)]
        for duel, answers in zip(waiting[:2], (late_starter, SILENT), strict=True):
            self.take_up(instant("23:40"), duel, answers)
        return waiting[2:]

    def around(self, slot: dt.datetime, who: Sequence[str]) -> None:
        """Two complete the day about a slot by the quiz, two by a match: an instant before it counts, the instant not."""
        self.live(slot - dt.timedelta(minutes=40), {who[0]: short(False), who[1]: whole([True] * QUESTIONS)})
        five = dt.timedelta(seconds=5)
        on_time, too_late = [(five - TICK, True), *SILENT[1:]], [(five, True), *SILENT[1:]]
        self.live(slot - LEAD - five, {who[6]: on_time, who[7]: too_late})

    def at_the_last_moment(self, closing: dt.datetime, who: Sequence[str]) -> None:
        """Those who finish the quiz last played before; with less than five minutes left nobody begins."""
        self.live(closing - dt.timedelta(minutes=30), {who[0]: short(True), who[1]: short(False, position=5)})
        self.live(closing - dt.timedelta(minutes=20), {who[2]: short(True), who[3]: SILENT})
        self.refused(closing - dt.timedelta(minutes=5), who[4], "day-closing")


def begun(steps: Iterable[Step]) -> dict[str, dt.datetime]:
    """When each of these officers opens the quiz."""
    return {step.who: step.at for step in steps if not step.first}


async def take(day: Day, move: Move) -> None:
    """Ask for a match, or answer a question of it, both as planned; everything goes into the day's log."""
    duel, on = move.duel, local_day(move.at)
    if not move.first:
        await _ask(day, move, on)
        return
    path = f"/matches/{duel.match_id}"
    if move.first not in duel.questions:
        shown = await day.get(move.who, path)
        assert len(shown["questions"]) == move.first
        assert duel.mode == "relay" or {seat["name"] for seat in shown["seats"]} == set(duel.players)
        duel.questions[move.first] = shown["questions"][-1]
    given = {"option_ids": chosen(duel.questions[move.first], move.right)}
    result = await day.call(move.who, "PUT", f"{path}/answers/{move.first}", json=given)
    assert result["correct"] is move.right
    day.log.append(Act(move.at, on, move.who, move.right, duel.match_id))


async def _ask(day: Day, move: Move, on: dt.date) -> None:
    duel = move.duel
    wish = {"mode": duel.mode}
    if duel.mode == "challenge":
        wish["opponent_employee_no"] = next(name for name in duel.players if name != move.who)
    ticket = await day.call(move.who, "POST", "/match-tickets", json=wish, status=409 if move.refused else 201)
    assert ticket.get("code", "") == move.refused
    if move.ends_at is None:  # refused, or the first of two
        return
    seated = duel.players if duel.mode == "live" else (move.who,)
    duel.match_id, day.runs = ticket["match_id"], day.runs + 1
    day.log += [Act(move.at, on, name, None, duel.match_id) for name in seated]
    day.ends |= {(duel.match_id, name): move.ends_at for name in seated}


def chosen(question: dict[str, Any], correct: bool) -> list[str]:
    """The right options, or else a wrong one, or of several right ones only the first (少选不得分)."""
    if correct:
        return right(question)
    return right(question)[:1] if question["kind"] == "multiple" else wrong(question)
