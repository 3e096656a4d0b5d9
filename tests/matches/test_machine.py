"""Live matches against a tiny reference: repeats, lost replies, two devices, early and late answers, silence, giving up."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from typing import Any

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core.clock import Clock, wire
from app.core.settings import Settings
from app.integrity.service import verify
from app.main import create_app
from tests.matches.reference import TIME, Given, Reference
from tests.matches.rows import check_match
from tests.people import Town, small_bureau
from tests.questions import add_questions, right
from tests.times import SECRET, SetClock, instant

SEATS = strategies.sampled_from([1, 2])
POSITIONS = strategies.integers(1, 5)
OPTIONS = strategies.integers(0, 14)  # which of the sets of options, see `chosen`
MOMENT = dt.timedelta(microseconds=1)
COUNTED = 2
_numbers = itertools.count()


class World:
    """One application on one event loop, shared by all runs of the machine."""

    def __init__(self, app_settings: Settings) -> None:
        self.clock = SetClock()
        self.runner = asyncio.Runner()
        self.app = create_app(app_settings, clock=Clock(lambda: self.clock.now))
        self.lifespan = self.app.router.lifespan_context(self.app)
        self.town = self.runner.run(self._begin())

    async def _begin(self) -> Town:
        await self.lifespan.__aenter__()
        town = await small_bureau(self.app)
        await add_questions(town.services)
        await town.contest("市局", rules={"matches": {"counted_per_day": COUNTED, "required_per_day": 1}})
        return town

    async def call(self, name: str, method: str, path: str, json: object = None) -> Any:
        async with self.town.as_(name) as device:
            return await device.request(method, path, json=json)

    async def sweep(self) -> None:
        await self.app.state.match_desks.matches.sweep(self.clock.now)

    async def problems(self) -> list[str]:
        async with self.town.services.database.sessions() as session:
            return (await verify(session)).discrepancies

    def close(self) -> None:
        self.runner.run(self.lifespan.__aexit__(None, None, None))
        self.runner.close()


def chosen(question: dict[str, Any] | None, which: int) -> list[str]:
    """One of the sets of options that the question's kind allows; a guess where the question is not known yet."""
    if question is None:
        return ["a"]
    ids = sorted(option["id"] for option in question["options"])
    sets = [list(some) for size in range(1, len(ids) + 1) for some in itertools.combinations(ids, size)]
    allowed = sets if question["kind"] == "multiple" else sets[: len(ids)]
    return allowed[which % len(allowed)]


def machine(world: World) -> type[RuleBasedStateMachine]:
    class Play(RuleBasedStateMachine):
        @initialize()
        def two_officers_meet(self) -> None:
            world.clock.now = instant("09:00")
            number = next(_numbers)
            self.names = {1: f"甲{number}", 2: f"乙{number}"}
            self.counted_today = {1: 0, 2: 0}
            self.played: list[tuple[str, Reference]] = []
            world.runner.run(world.town.officer(self.names[1], "梅江"))
            world.runner.run(world.town.officer(self.names[2], "丰顺"))
            self.meet()

        def meet(self) -> None:
            for seat in (1, 2):
                reply = self.call(seat, "POST", "/match-tickets", {"mode": "live"})
                assert reply.status_code == 201
            self.match_id = reply.json()["match_id"]
            self.reference = Reference(world.clock.now)
            self.replies: dict[tuple[int, int], bytes] = {}
            self.questions: dict[int, dict[str, Any]] = {}
            self.counts = {1: False, 2: False}
            self.played.append((self.match_id, self.reference))

        def call(self, seat: int, method: str, path: str, json: object = None) -> Any:
            return world.runner.run(world.call(self.names[seat], method, path, json))

        def put(self, seat: int, position: int, option_ids: object) -> Any:
            """Send an answer; a coroutine, so that several can go at once."""
            path = f"/matches/{self.match_id}/answers/{position}"
            return world.call(self.names[seat], "PUT", path, {"option_ids": option_ids})

        def expect(self, seat: int, position: int, option_ids: list[str], reply: Any, *, known: bool = True) -> None:
            now = world.clock.now
            met = self.reference.meets(seat, position, option_ids, known, now)
            if met == "again":
                assert (reply.status_code, reply.content) == (200, self.replies[seat, position])
            elif met == "recorded":
                self.recorded(seat, position, option_ids, reply)
            else:
                assert (reply.status_code, reply.json()["code"]) == (422 if met == "validation" else 409, met)

        def recorded(self, seat: int, position: int, option_ids: list[str], reply: Any) -> None:
            assert reply.status_code == 200, reply.text
            body, now = reply.json(), world.clock.now
            correct = option_ids == sorted(right(self.questions[position]))
            if self.reference.answered(seat) == 0 and self.counted_today[seat] < COUNTED:
                self.counted_today[seat] += 1
                self.counts[seat] = True
            self.reference.answers[seat, position] = Given(now, option_ids, correct)
            self.replies[seat, position] = reply.content
            points = self.reference.points(seat)
            assert (body["position"], body["option_ids"], body["correct"]) == (position, option_ids, correct)
            assert (body["points"], body["answered_at"]) == (20 if correct else 0, wire(now))
            assert body["match"] == {
                "status": "finished" if position == 5 else "running",
                "answered": self.reference.answered(seat),
                "correct": points // 20,
                "points": points,
            }

        @rule(seat=SEATS, position=POSITIONS, which=OPTIONS, backwards=strategies.booleans())
        def answer(self, seat: int, position: int, which: int, backwards: bool) -> None:
            option_ids = chosen(self.questions.get(position), which)
            reply = world.runner.run(self.put(seat, position, option_ids[::-1] if backwards else option_ids))
            self.expect(seat, position, option_ids, reply)

        def position_now(self) -> int:
            begun = [p for p in range(1, 6) if self.reference.begun(p, world.clock.now)]
            return begun[-1] if begun else 1

        @rule(seat=SEATS, which=OPTIONS, before=strategies.sampled_from([None, MOMENT, 0 * MOMENT, -MOMENT]))
        def answer_what_is_open(self, seat: int, which: int, before: dt.timedelta | None) -> None:
            if before is not None:
                self.until_something_opens_or_ends(before)
                self.each_sees_the_match_as_it_is()
            self.answer(seat, self.position_now(), which, backwards=False)

        @rule(one=OPTIONS, other=OPTIONS)
        def both_players_at_once(self, one: int, other: int) -> None:
            position = self.position_now()
            given = {seat: chosen(self.questions.get(position), which) for seat, which in ((1, one), (2, other))}

            async def both() -> Any:
                return await asyncio.gather(
                    *(self.put(seat, position, option_ids) for seat, option_ids in given.items())
                )

            for (seat, option_ids), reply in zip(given.items(), world.runner.run(both()), strict=True):
                self.expect(seat, position, option_ids, reply)

        @rule(one=OPTIONS, other=OPTIONS)
        def they_play_on(self, one: int, other: int) -> None:
            """Both answer the next question once it opens."""
            while not self.reference.over(world.clock.now):
                if not self.reference.past(self.position_now(), world.clock.now) and self.questions:
                    self.both_players_at_once(one, other)
                    return
                world.clock.now = self.reference.next_moment(world.clock.now)
                self.each_sees_the_match_as_it_is()

        @rule(seat=SEATS, one=OPTIONS, other=OPTIONS)
        def two_devices_at_once(self, seat: int, one: int, other: int) -> None:
            position = self.position_now()
            choices = [chosen(self.questions.get(position), which) for which in (one, other)]

            async def both() -> Any:
                return await asyncio.gather(*(self.put(seat, position, option_ids) for option_ids in choices))

            replies = world.runner.run(both())
            for index in sorted((0, 1), key=lambda i: replies[i].status_code):
                self.expect(seat, position, choices[index], replies[index])

        @rule(seat=SEATS, which=OPTIONS, turns=strategies.integers(0, 6))
        def the_reply_is_lost_and_it_is_sent_again(self, seat: int, which: int, turns: int) -> None:
            position = self.position_now()
            option_ids = chosen(self.questions.get(position), which)

            async def lost_then_again() -> Any:
                lost = asyncio.create_task(self.put(seat, position, option_ids))
                for _ in range(turns):
                    await asyncio.sleep(0)
                lost.cancel()
                await asyncio.wait([lost])
                return await self.put(seat, position, option_ids)

            self.expect(seat, position, option_ids, world.runner.run(lost_then_again()))

        @precondition(lambda self: self.replies)
        @rule(data=strategies.data())
        def what_stands_is_sent_again(self, data: strategies.DataObject) -> None:
            seat, position = data.draw(strategies.sampled_from(sorted(self.replies)))
            option_ids = self.reference.answers[seat, position].option_ids
            reply = world.runner.run(self.put(seat, position, option_ids))
            assert (reply.status_code, reply.content) == (200, self.replies[seat, position])

        @rule(
            seat=SEATS,
            position=strategies.integers(0, 6),
            option_ids=strategies.sampled_from([[], ["zz"], ["a", "a"], "a", None]),
        )
        def nonsense(self, seat: int, position: int, option_ids: object) -> None:
            reply = world.runner.run(self.put(seat, position, option_ids))
            self.expect(seat, position, ["no such option"], reply, known=False)

        @rule(seconds=strategies.sampled_from([0.5, 2, 3, 7, 30.5, 34, 200]))
        def time_passes(self, seconds: float) -> None:
            world.clock.now += dt.timedelta(seconds=seconds)

        @rule(before=strategies.sampled_from([MOMENT, 0 * MOMENT, -MOMENT]))
        def until_something_opens_or_ends(self, before: dt.timedelta) -> None:
            moment = self.reference.next_moment(world.clock.now) - before
            world.clock.now = max(world.clock.now, moment)

        @rule(seat=SEATS)
        def give_up(self, seat: int) -> None:
            world.clock.now += MOMENT  # later than any answer, as behind the lock it is
            self.reference.give_up(seat, world.clock.now)
            reply = self.call(seat, "POST", f"/matches/{self.match_id}/forfeit")
            assert (reply.status_code, reply.json()["status"]) == (200, "finished")

        @rule()
        def somebody_sweeps(self) -> None:
            world.runner.run(world.sweep())

        @rule(seat=SEATS)
        def asking_for_another(self, seat: int) -> None:
            if self.reference.over(world.clock.now):
                return
            reply = self.call(seat, "POST", "/match-tickets", {})
            assert (reply.status_code, reply.json()["code"]) == (409, "match-running")
            assert reply.json()["match_id"] == self.match_id

        @precondition(lambda self: len(self.played) < 4 and self.reference.over(world.clock.now))
        @rule()
        def they_meet_again(self) -> None:
            self.meet()

        @rule()
        def nobody_else_finds_it(self) -> None:
            for method, path in (("GET", ""), ("PUT", "/answers/1"), ("POST", "/forfeit")):
                json = {"option_ids": ["a"]} if method == "PUT" else None
                reply = world.runner.run(world.call("丰顺001", method, f"/matches/{self.match_id}{path}", json))
                assert (reply.status_code, reply.json()["code"]) == (404, "not-found")

        @invariant()
        def each_sees_the_match_as_it_is(self) -> None:
            if not hasattr(self, "reference"):
                return
            for seat in (1, 2):
                reply = self.call(seat, "GET", f"/matches/{self.match_id}")
                assert reply.status_code == 200
                self.compare(seat, reply.json())

        def compare(self, seat: int, body: dict[str, Any]) -> None:
            reference, now, other = self.reference, world.clock.now, 3 - seat
            over = reference.over(now)
            assert body["server_time"] == wire(now)
            assert body["status"] == ("finished" if over else "running")
            assert body["finished_at"] == (wire(reference.ends_at()) if over else None)
            assert (body["my_seat"], body["counted"]) == (seat, self.counts[seat])
            assert body["result"] == reference.result(seat, now)
            mine, theirs = body["seats"][seat - 1], body["seats"][other - 1]
            assert (mine["points"], mine["answered"]) == (reference.points(seat), reference.answered(seat))
            assert (theirs["points"], theirs["answered"]) == (
                reference.points_shown(other, now),
                reference.answered(other),
            )
            begun = [position for position in range(1, 6) if reference.begun(position, now)]
            assert [question["position"] for question in body["questions"]] == begun
            for question in body["questions"]:
                self.questions[question["position"]] = question
                self.compare_question(seat, question)

        def compare_question(self, seat: int, question: dict[str, Any]) -> None:
            reference, position = self.reference, question["position"]
            opens, _ = reference.spans()[position - 1]
            assert (question["opens_at"], question["closes_at"]) == (wire(opens), wire(opens + TIME))
            own = reference.answers.get((seat, position))
            assert (question["answer"] or {}).get("option_ids") == (own.option_ids if own else None)
            given = reference.answers.get((3 - seat, position))
            assert question["opponent_answered"] is (given is not None)
            shows = given is not None and reference.past(position, world.clock.now)
            assert question["opponent_correct"] is (given.correct if given and shows else None)

        def teardown(self) -> None:
            for match_id, reference in getattr(self, "played", []):
                world.runner.run(check_match(world.town.services, match_id, reference))

    return Play


def test_a_match_behaves_like_its_reference(database_url: str, tmp_path: Any) -> None:
    world = World(
        Settings(database_url=database_url, data_dir=tmp_path, secret_key=SECRET, scheduler=False, pool_size=8)
    )
    try:
        run_state_machine_as_test(
            machine(world),
            settings=settings(
                max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
        assert world.runner.run(world.problems()) == []
    finally:
        world.close()
