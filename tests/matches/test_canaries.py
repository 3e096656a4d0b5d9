"""Canaries: nothing of a question, its key or the opponent's answer is readable before its time, by any call or socket."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.core.clock import Clock
from app.core.settings import Settings
from app.main import create_app
from tests.matches.conftest import Hall
from tests.matches.sockets import listening, received
from tests.questions import BASIS_CANARY, EXPLANATION_CANARY, right, wrong

READABLE = (
    "/matches/{match}",
    "/matches",
    "/match-tickets/{ticket}",
    "/challenges",
    "/daily-quiz/today",
    "/participation/me",
    "/rankings/branches",
    "/branches",
    "/me",
)
QUESTIONS = """
SELECT q.id::text, q.question_id::text AS question, q.stem, c.code
FROM match m CROSS JOIN unnest(m.revision_ids) WITH ORDINALITY AS r(id, position)
JOIN question_revision q ON q.id = r.id JOIN question c ON c.id = q.question_id
WHERE m.id = :match ORDER BY r.position
"""
# The opponent's answer to a question turned round, wherever it left a trace; done twice it is as before.
TURN = (
    """UPDATE answer a SET correct = NOT correct, points = 20 - points, choice = translate(choice, 'abcd', 'badc'),
              after_correct = 5 - after_correct, after_points = 100 - after_points
       FROM paper p WHERE p.id = a.paper_id AND p.id = :paper AND a.position = :position""",
    """UPDATE match_run r SET rights = CASE p.seat WHEN 1 THEN ARRAY[r.rights[1] # (1 << :position), r.rights[2]]
                                                   ELSE ARRAY[r.rights[1], r.rights[2] # (1 << :position)] END
       FROM paper p WHERE p.run_id = r.id AND p.id = :paper""",
    """UPDATE officer_day d SET match_points = match_points + CASE WHEN a.correct THEN 20 ELSE -20 END
       FROM paper p JOIN answer a ON a.paper_id = p.id
       WHERE p.officer_id = d.officer_id AND p.day = d.day AND p.id = :paper AND a.position = :position""",
)


class Spy:
    """What an officer can read about a match by every call that gives anything."""

    def __init__(self, hall: Hall, name: str, match_id: str, *more: str) -> None:
        self.hall, self.name, self.match_id = hall, name, uuid.UUID(match_id)
        self.readable = (*READABLE, *more)

    async def everything(self) -> str:
        """All of it, in one text."""
        async with self.hall.town.services.database.reads() as session:
            asked = text("SELECT id FROM ticket WHERE officer_id = :officer ORDER BY created_at DESC, id DESC LIMIT 1")
            ticket = await session.scalar(asked, {"officer": self.hall.town.officers[self.name]})
        bodies = []
        for path in self.readable:
            reply = await self.hall.call(self.name, "GET", path.format(match=self.match_id, ticket=ticket))
            bodies.append(f"{path} {reply.status_code} {reply.text} {reply.headers.get('ETag')}")
        return "\n".join(bodies)

    async def questions(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = (await self.hall.match(self.name, str(self.match_id)))["questions"]
        return shown

    async def look(self, *, opened: int, answered: int) -> None:
        """Nothing of a question that has not opened, no key of one that this officer has not answered."""
        seen = await self.everything()
        async with self.hall.town.services.database.reads() as session:
            rows = (await session.execute(text(QUESTIONS), {"match": self.match_id})).all()
        for position, row in enumerate(rows, start=1):
            assert (row.stem in seen) is (position <= opened)
            assert (row.id in seen) is (position <= opened)
            assert row.question not in seen
            assert row.code not in seen
        shown = await self.questions()
        assert [question["answer"] is not None for question in shown].count(True) == answered
        for telling in (EXPLANATION_CANARY, BASIS_CANARY, "correct_option_ids", "legal_basis"):
            assert json.dumps(shown, ensure_ascii=False).count(telling) == answered

    async def tells(self, opponent: str, position: int) -> bool:
        """Whether anything readable would differ if the opponent's answer were not what it is."""
        before = await self.everything()
        await self._turn(opponent, position)
        after = await self.everything()
        await self._turn(opponent, position)
        assert await self.everything() == before
        return after != before

    async def _turn(self, opponent: str, position: int) -> None:
        of_match = (
            "SELECT id FROM paper WHERE officer_id = :officer AND (match_id = :match OR :recorded) ORDER BY opened_at"
        )
        async with self.hall.town.services.database.sessions.begin() as session:
            mode = await session.scalar(text("SELECT mode FROM match WHERE id = :match"), {"match": self.match_id})
            asked = {"officer": self.hall.town.officers[opponent], "match": self.match_id, "recorded": mode == "relay"}
            paper = await session.scalar(text(of_match), asked)
            for statement in TURN:
                await session.execute(text(statement), {"paper": paper, "position": position})


async def test_a_live_match_question_by_question(hall: Hall) -> None:
    match_id = await hall.pair()
    one, other = Spy(hall, "梅江001", match_id), Spy(hall, "丰顺001", match_id)
    for position in range(1, 6):
        await one.look(opened=position - 1, answered=position - 1)
        hall.wait(2.999999)
        await other.look(opened=position - 1, answered=position - 1)
        hall.wait(0.000001)
        await one.look(opened=position, answered=position - 1)
        await hall.answer("梅江001", match_id, position, correct=position % 2 == 1)
        await one.look(opened=position, answered=position)
        await other.look(opened=position, answered=position - 1)
        assert not await other.tells("梅江001", position)
        hall.wait(1)
        await hall.answer("丰顺001", match_id, position)
        assert await other.tells("梅江001", position)


async def test_a_silent_opponent_learns_the_key_only_by_answering(hall: Hall) -> None:
    match_id = await hall.pair()
    spy = Spy(hall, "丰顺001", match_id)
    hall.wait(3)
    await hall.answer("梅江001", match_id, 1)
    hall.wait(30.999999)
    assert not await spy.tells("梅江001", 1)
    hall.wait(0.000001)
    assert await spy.tells("梅江001", 1)
    hall.wait(600)
    await spy.look(opened=5, answered=0)


async def test_whoever_gives_up_never_sees_the_rest(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(4)
    await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")
    hall.wait(600)
    for name in ("梅江001", "丰顺001"):
        await Spy(hall, name, match_id).look(opened=1, answered=0)


@pytest.mark.parametrize("when", ["to come", "never to come"])
async def test_trying_options_on_a_question_tells_nothing_of_it(hall: Hall, when: str) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    if when == "never to come":
        hall.wait(1)
        await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")
    tried: tuple[list[str], ...] = (["a"], ["b"], ["c"], ["a", "c"], ["a", "b"], ["zz"], [])
    for position in (2, 5):
        replies = [await hall.put("梅江001", match_id, position, options) for options in tried]
        assert {reply.status_code for reply in replies} == {409}
        assert len({reply.content for reply in replies}) == 1


@pytest.mark.parametrize("mode", ["live", "relay"])
async def test_the_sockets_show_what_the_calls_show(hall: Hall, mode: str) -> None:
    match_id = await hall.pair()
    players = ["梅江001", "丰顺001"]
    if mode == "relay":
        await hall.play(match_id, {name: [True] * 5 for name in players}, each=5)
        match_id, players = (await hall.ask("梅江002"))["match_id"], ["梅江002"]
    async with listening(hall.town.app) as place:

        async def same(name: str) -> None:
            async with place.watch(match_id, hall.town.tokens[name]) as client:
                assert await received(client) == await hall.match(name, match_id)

        for step in (players[0], None, players[-1], None, None):
            hall.wait(3)
            position = len((await hall.match(players[0], match_id))["questions"])
            if step:
                await hall.answer(step, match_id, position)
            for name in players:
                await same(name)


async def test_a_recorded_run(hall: Hall) -> None:
    await hall.play(await hall.pair(), {"丰顺001": [True] * 5, "梅江001": [True] * 5}, each=10)
    match_id = (await hall.ask("梅江002"))["match_id"]
    spy = Spy(hall, "梅江002", match_id)
    await spy.look(opened=0, answered=0)
    hall.wait(3)
    await spy.look(opened=1, answered=0)
    assert not await spy.tells("丰顺001", 1)
    hall.wait(5)
    await hall.answer("梅江002", match_id, 1)
    hall.wait(4.999999)
    assert not await spy.tells("丰顺001", 1)
    assert (await spy.questions())[0]["opponent_answered"] is False
    hall.wait(0.000001)
    assert await spy.tells("丰顺001", 1)
    assert not await spy.tells("丰顺001", 2)
    assert (await spy.questions())[0]["opponent_answered"] is True


async def test_a_challenge_before_it_is_taken_up(hall: Hall) -> None:
    match_id = (await hall.ask("梅江001", "challenge", opponent_employee_no="丰顺001"))["match_id"]
    async with hall.town.services.database.reads() as session:
        rows = (await session.execute(text(QUESTIONS), {"match": uuid.UUID(match_id)})).all()
    for _ in range(2):
        for name in ("丰顺001", "丰顺002"):
            seen = await Spy(hall, name, match_id).everything()
            assert "/matches/{match} 404" in seen
            assert not [row for row in rows for told in row if str(told) in seen]
            assert (await hall.put(name, match_id, 1, ["a"])).status_code == 404
            assert (await hall.call(name, "POST", f"/matches/{match_id}/forfeit")).status_code == 404
        await hall.play(match_id, {"梅江001": [True] * 5})
    assert (await hall.call("丰顺001", "GET", "/challenges")).json()["items"][0]["match_id"] == match_id


async def test_a_challenge_taken_up(hall: Hall) -> None:
    match_id = (await hall.ask("梅江001", "challenge", opponent_employee_no="丰顺001"))["match_id"]
    await hall.play(match_id, {"梅江001": [True, False, True, True, True]}, each=10)
    challenger, spy = Spy(hall, "梅江001", match_id), Spy(hall, "丰顺001", match_id)
    alone = await challenger.questions()
    await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    await spy.look(opened=0, answered=0)
    hall.wait(3)
    assert not await spy.tells("梅江001", 1)
    hall.wait(10)
    assert not await spy.tells("梅江001", 1)  # that an answer was given shows, whether it was right does not
    await hall.answer("丰顺001", match_id, 1)
    assert await spy.tells("梅江001", 1)
    assert not await spy.tells("梅江001", 2)
    assert await challenger.questions() == alone
    assert not await challenger.tells("丰顺001", 1)


async def test_an_answer_is_told_to_who_gave_it_only(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    [question] = (await hall.match("梅江001", match_id))["questions"]
    body = (await hall.put("梅江001", match_id, 1, wrong(question))).json()
    assert body["correct_option_ids"] == sorted(right(question))
    assert set(body) == {
        *("position", "option_ids", "correct", "correct_option_ids", "explanation", "legal_basis"),
        *("points", "answered_at", "match"),
    }
    theirs = (await hall.match("丰顺001", match_id))["questions"][0]
    assert (theirs["answer"], theirs["opponent_answered"], theirs["opponent_correct"]) == (None, True, None)


# Quiz and match: no question twice in a day.


async def shared(hall: Hall) -> list[Any]:
    """Officers and questions that are on two papers of a day."""
    twice = """
        SELECT o.name, revision, count(*) FROM paper p JOIN officer o ON o.id = p.officer_id, unnest(p.revision_ids) AS revision
        GROUP BY o.name, p.day, revision HAVING count(*) > 1
    """
    async with hall.town.services.database.reads() as session:
        return list((await session.execute(text(twice))).all())


@pytest.mark.parametrize("first", ["quiz", "match"])
async def test_quiz_and_match_of_a_day_share_no_question(hall: Hall, first: str) -> None:
    async def quiz() -> None:
        for name in ("梅江001", "丰顺001"):
            assert (await hall.call(name, "POST", "/daily-quiz/today/attempt")).status_code == 201

    if first == "quiz":
        await quiz()
    for _ in range(3):
        await hall.play(await hall.pair(), {"梅江001": [True] * 5, "丰顺001": [None] * 5})
    if first == "match":
        await quiz()
    assert await shared(hall) == []


async def test_handed_out_at_once_quiz_and_match_share_no_question(hall: Hall, settings: Settings) -> None:
    names = await hall.town.officers_in("五华", 16)
    other = create_app(settings, clock=Clock(lambda: hall.clock.now))
    async with other.router.lifespan_context(other):
        there = Hall(dataclasses.replace(hall.town, app=other), hall.clock)
        asking = [
            place.call(name, "POST", path, json=json)
            for number, name in enumerate(names)
            for place, path, json in (
                ((hall, there)[number % 2], "/match-tickets", {"mode": "live"}),
                ((hall, there)[number // 2 % 2], "/daily-quiz/today/attempt", None),
            )
        ]
        replies = await asyncio.gather(*asking)
    assert {reply.status_code for reply in replies} == {201}
    await hall.town.app.state.match_desks.matches.sweep(hall.clock.now)
    async with hall.town.services.database.reads() as session:
        assert await session.scalar(text("SELECT count(*) FROM paper")) == 32
    assert await shared(hall) == []


async def test_challenged_and_opening_the_quiz_at_once_share_no_question(hall: Hall, settings: Settings) -> None:
    names = await hall.town.officers_in("五华", 8)
    other = create_app(settings, clock=Clock(lambda: hall.clock.now))
    async with other.router.lifespan_context(other):
        there = Hall(dataclasses.replace(hall.town, app=other), hall.clock)
        pairs = [(names[n], names[n + 4]) for n in range(4)] + [(names[n + 4], names[(n + 1) % 4]) for n in range(4)]
        with capture_logs() as logs:
            replies = await asyncio.gather(
                *(hall.ask(one, "challenge", opponent_employee_no=two) for one, two in pairs[::2]),
                *(there.ask(one, "challenge", opponent_employee_no=two) for one, two in pairs[1::2]),
                *(there.call(name, "POST", "/daily-quiz/today/attempt") for name in names),
            )
    assert len(replies) == 16
    assert [entry for entry in logs if entry["log_level"] == "warning"] == []  # no deadlock was broken
    promised = """
        SELECT o.name FROM challenge c JOIN match m ON m.id = c.match_id
        JOIN paper p ON p.officer_id IN (c.from_officer_id, c.to_officer_id) AND p.kind = 'quiz'
        JOIN officer o ON o.id = p.officer_id WHERE p.revision_ids && m.revision_ids
    """
    async with hall.town.services.database.reads() as session:
        assert (await session.execute(text(promised))).all() == []


async def test_a_liaison_officer_who_plays_does_not_learn_it_as_liaison(hall: Hall) -> None:
    match_id = await hall.pair("联络员", "梅江001")
    branch = f"/branches/{hall.town.units['梅江']}"
    spy = Spy(hall, "联络员", match_id, f"{branch}/officers?status=all", f"{branch}/participation")
    hall.wait(3)
    await hall.answer("梅江001", match_id, 1)
    assert '"matches":{"counted":1,"required":1,"points":0}' in await spy.everything()
    assert not await spy.tells("梅江001", 1)
    hall.wait(600)
    assert '"matches":{"counted":1,"required":1,"points":20}' in await spy.everything()


async def test_the_ranking_of_officers_tells_of_matches_that_are_over(hall: Hall) -> None:
    async with hall.town.services.database.sessions.begin() as session:
        await session.execute(text("UPDATE contest_rules SET rules = jsonb_set(rules, '{individual_ranking}', 'true')"))
    match_id = await hall.pair()
    spy = Spy(hall, "丰顺001", match_id, "/rankings/officers", "/rankings/officers?day=2026-11-23")
    hall.wait(3)
    await hall.answer("梅江001", match_id, 1)
    assert not await spy.tells("梅江001", 1)
    hall.wait(600)
    assert await spy.tells("梅江001", 1)


async def test_the_quizs_answers_are_no_way_into_a_match(hall: Hall) -> None:
    match_id = await hall.pair()
    async with hall.town.services.database.reads() as session:
        papers = (await session.scalars(text("SELECT id FROM paper"))).all()
    for paper_id in [*papers, match_id]:
        path = f"/daily-quiz/attempts/{paper_id}/answers/1"
        reply = await hall.call("梅江001", "PUT", path, json={"option_ids": ["a"]})
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
        assert EXPLANATION_CANARY not in reply.text
