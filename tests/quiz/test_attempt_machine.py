"""The attempt against a tiny model: repeats, other answers, two devices at once, outboxes, nonsense, closing time."""

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

from app.core.clock import Clock
from app.core.settings import Settings
from app.main import create_app
from tests.people import Town, small_bureau
from tests.questions import add_questions, right
from tests.times import SetClock, instant

POSITIONS = strategies.integers(1, 10)
OPTIONS = strategies.integers(0, 14)  # which of the sets of options, see `chosen`
_names = itertools.count()


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
        await town.contest("市局")
        return town

    def close(self) -> None:
        self.runner.run(self.lifespan.__aexit__(None, None, None))
        self.runner.close()


def chosen(question: dict[str, Any], which: int) -> list[str]:
    """One of the question's non-empty sets of options that its kind allows."""
    ids = sorted(option["id"] for option in question["options"])
    sets = [list(some) for size in range(1, len(ids) + 1) for some in itertools.combinations(ids, size)]
    allowed = sets if question["kind"] == "multiple" else sets[: len(ids)]
    return allowed[which % len(allowed)]


def machine(world: World) -> type[RuleBasedStateMachine]:
    class Attempt(RuleBasedStateMachine):
        @initialize()
        def open_quiz(self) -> None:
            world.clock.now = instant("09:00")
            self.name = f"选手{next(_names)}"
            self.recorded: dict[int, tuple[list[str], bytes]] = {}
            self.order: list[int] = []
            self.over = False
            world.runner.run(world.town.officer(self.name, "梅江"))
            self.attempt = self.call("POST", "/daily-quiz/today/attempt").json()

        def call(self, method: str, path: str, json: object = None) -> Any:
            async def once() -> Any:
                async with world.town.as_(self.name) as device:
                    return await device.request(method, path, json=json)

            return world.runner.run(once())

        def path(self, position: int) -> str:
            return f"/daily-quiz/attempts/{self.attempt['id']}/answers/{position}"

        def question(self, position: int) -> dict[str, Any]:
            found: dict[str, Any] = self.attempt["questions"][position - 1]
            return found

        def expect(self, position: int, option_ids: list[str], status: int, body: dict[str, Any], raw: bytes) -> None:
            held = self.recorded.get(position)
            if held and held[0] == option_ids:
                assert (status, raw) == (200, held[1])
            elif held:
                assert (status, body["code"]) == (409, "answer-already-recorded")
            elif self.over:
                assert (status, body["code"]) == (409, "quiz-closed")
            else:
                assert status == 200
                assert body["correct"] is (option_ids == sorted(right(self.question(position))))
                self.order.append(position)
                assert body["attempt"]["answered"] == len(self.order)
                self.recorded[position] = (option_ids, raw)

        @rule(position=POSITIONS, which=OPTIONS, backwards=strategies.booleans())
        def answer(self, position: int, which: int, backwards: bool) -> None:
            option_ids = chosen(self.question(position), which)
            sent = option_ids[::-1] if backwards else option_ids
            reply = self.call("PUT", self.path(position), {"option_ids": sent})
            self.expect(position, option_ids, reply.status_code, reply.json(), reply.content)

        @precondition(lambda self: self.recorded)
        @rule(data=strategies.data())
        def send_again(self, data: strategies.DataObject) -> None:
            position = data.draw(strategies.sampled_from(sorted(self.recorded)))
            option_ids, raw = self.recorded[position]
            reply = self.call("PUT", self.path(position), {"option_ids": option_ids})
            assert (reply.status_code, reply.content) == (200, raw)

        @rule(position=POSITIONS, one=OPTIONS, other=OPTIONS)
        def two_devices_at_once(self, position: int, one: int, other: int) -> None:
            choices = [chosen(self.question(position), which) for which in (one, other)]

            async def both() -> Any:
                async with world.town.as_(self.name) as first, world.town.as_(self.name) as second:
                    return await asyncio.gather(
                        *(
                            device.put(self.path(position), json={"option_ids": option_ids})
                            for device, option_ids in zip((first, second), choices, strict=True)
                        )
                    )

            replies = world.runner.run(both())
            for index in sorted((0, 1), key=lambda i: replies[i].status_code):
                reply = replies[index]
                self.expect(position, choices[index], reply.status_code, reply.json(), reply.content)

        @rule(positions=strategies.lists(POSITIONS, max_size=4), which=OPTIONS)
        def outbox(self, positions: list[int], which: int) -> None:
            items = [{"position": p, "option_ids": chosen(self.question(p), which)} for p in positions]
            reply = self.call("POST", f"/daily-quiz/attempts/{self.attempt['id']}/answers", {"answers": items})
            for item, result in zip(items, reply.json()["results"], strict=True):
                position, option_ids = item["position"], item["option_ids"]
                assert isinstance(position, int)
                assert isinstance(option_ids, list)
                if "problem" in result:
                    self.expect(position, option_ids, result["problem"]["status"], result["problem"], b"")
                else:
                    again = self.call("PUT", self.path(position), {"option_ids": option_ids})
                    assert again.json() == result
                    if position not in self.recorded:
                        self.expect(position, option_ids, 200, result, again.content)

        @rule(
            position=strategies.sampled_from([0, 1, 10, 11]),
            option_ids=strategies.sampled_from([[], ["zz"], "a", None]),
        )
        def nonsense(self, position: int, option_ids: object) -> None:
            reply = self.call("PUT", self.path(position), {"option_ids": option_ids})
            assert reply.json()["code"] == ("answer-already-recorded" if position in self.recorded else "validation")

        @rule()
        def close_the_day(self) -> None:
            self.over = True
            world.clock.now = instant("00:00", dt.date(2026, 11, 24))

        @invariant()
        def the_attempt_agrees(self) -> None:
            if not hasattr(self, "attempt"):
                return
            held = self.call("GET", f"/daily-quiz/attempts/{self.attempt['id']}").json()
            correct = sum(
                option_ids == sorted(right(self.question(position)))
                for position, (option_ids, _) in self.recorded.items()
            )
            assert (held["answered"], held["correct"], held["points"]) == (len(self.recorded), correct, 10 * correct)
            shown = {q["position"]: q["answer"]["option_ids"] for q in held["questions"] if q["answer"]}
            assert shown == {position: option_ids for position, (option_ids, _) in self.recorded.items()}
            finished = len(self.recorded) == 10
            assert held["status"] == ("finished" if finished else "closed" if self.over else "in_progress")

    return Attempt


def test_the_attempt_behaves_like_its_model(database_url: str, tmp_path: Any) -> None:
    world = World(
        Settings(database_url=database_url, data_dir=tmp_path, secret_key="k" * 32, scheduler=False, pool_size=8)
    )
    try:
        run_state_machine_as_test(
            machine(world),
            settings=settings(
                max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        world.close()
