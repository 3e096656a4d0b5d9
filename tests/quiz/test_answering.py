"""Answering: once, finally, in time, and never with a word too early."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from typing import Any

import httpx
from sqlalchemy import select, text

from app.core.clock import Clock
from app.core.settings import Settings
from app.main import create_app
from app.papers.models import Answer, OfficerDay
from tests.people import Town
from tests.questions import BASIS_CANARY, EXPLANATION_CANARY, right, wrong
from tests.times import SetClock, instant

NOBODYS = "00000000-0000-7000-8000-000000000000"


async def begun(officer: httpx.AsyncClient) -> dict[str, Any]:
    attempt: dict[str, Any] = (await officer.post("/daily-quiz/today/attempt")).json()
    return attempt


def put(officer: httpx.AsyncClient, attempt: dict[str, Any], position: int, option_ids: object) -> Any:
    return officer.put(f"/daily-quiz/attempts/{attempt['id']}/answers/{position}", json={"option_ids": option_ids})


async def stored(town: Town) -> list[Answer]:
    async with town.services.database.sessions() as session:
        return list(await session.scalars(select(Answer).order_by(Answer.position)))


async def test_a_right_answer_is_explained(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        question = attempt["questions"][0]
        response = await put(officer, attempt, 1, right(question))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body == {
        "position": 1,
        "option_ids": right(question),
        "correct": True,
        "correct_option_ids": right(question),
        "explanation": body["explanation"],
        "legal_basis": [{"instrument": BASIS_CANARY, "article": body["legal_basis"][0]["article"]}],
        "points": 10,
        "answered_at": "2026-11-23T09:00:00+08:00",
        "attempt": {"status": "in_progress", "answered": 1, "correct": 1, "points": 10},
    }
    assert body["explanation"].startswith(EXPLANATION_CANARY)


async def test_a_wrong_answer_scores_nothing_and_tells_what_is_right(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        question = attempt["questions"][1]
        body = (await put(officer, attempt, 2, wrong(question))).json()
    assert (body["correct"], body["points"], body["correct_option_ids"]) == (False, 0, right(question))


async def test_part_of_a_multiple_choice_scores_nothing(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        question = attempt["questions"][4]
        assert question["kind"] == "multiple"
        assert (await put(officer, attempt, 5, right(question)[:1])).json()["correct"] is False
        other = attempt["questions"][5]
        everything = [option["id"] for option in other["options"]]
        assert (await put(officer, attempt, 6, everything)).json()["correct"] is False
        third = attempt["questions"][6]
        assert (await put(officer, attempt, 7, right(third)[::-1])).json()["correct"] is True


async def test_the_same_answer_again_gets_the_same_reply_also_after_closing(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        first = await put(officer, attempt, 1, right(attempt["questions"][0]))
        await put(officer, attempt, 2, right(attempt["questions"][1]))
        again = await put(officer, attempt, 1, right(attempt["questions"][0]))
        clock.at("00:00", dt.date(2026, 11, 24))
        late = await put(officer, attempt, 1, right(attempt["questions"][0]))
    assert (again.status_code, late.status_code) == (200, 200)
    assert first.content == again.content == late.content


async def test_another_answer_is_refused_and_changes_nothing(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        await put(officer, attempt, 1, wrong(attempt["questions"][0]))
        second = await put(officer, attempt, 1, right(attempt["questions"][0]))
        clock.at("00:00", dt.date(2026, 11, 24))
        late = await put(officer, attempt, 1, right(attempt["questions"][0]))
    assert (second.status_code, second.json()["code"]) == (409, "answer-already-recorded")
    assert late.json()["code"] == "answer-already-recorded"
    assert [(row.correct, row.points) for row in await stored(contest)] == [(False, 0)]


async def test_finishing_the_quiz_finishes_the_day(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        for question in attempt["questions"]:
            last = (await put(officer, attempt, question["position"], right(question))).json()
        whole = (await officer.get(f"/daily-quiz/attempts/{attempt['id']}")).json()
        today = (await officer.get("/daily-quiz/today")).json()
    assert last["attempt"] == {"status": "finished", "answered": 10, "correct": 10, "points": 100}
    assert (whole["status"], whole["points"], whole["finished_at"]) == ("finished", 100, "2026-11-23T09:00:00+08:00")
    assert today["status"] == "finished"
    assert "reason" not in today
    async with contest.services.database.sessions() as session:
        day = (await session.scalars(select(OfficerDay))).one()
    assert (day.quiz_answered, day.quiz_correct, day.quiz_points) == (10, 10, 100)
    assert day.first_answer_at == day.quiz_finished_at == day.done_at == instant("09:00")


async def test_exactly_at_closing_is_too_late_and_a_microsecond_before_is_not(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        clock.now = instant("00:00", dt.date(2026, 11, 24))
        late = await put(officer, attempt, 1, right(attempt["questions"][0]))
        assert await stored(contest) == []
        clock.now -= dt.timedelta(microseconds=1)
        in_time = await put(officer, attempt, 1, right(attempt["questions"][0]))
    assert (late.status_code, late.json()["code"]) == (409, "quiz-closed")
    assert late.json()["closes_at"] == "2026-11-24T00:00:00+08:00"
    assert in_time.status_code == 200
    assert [row.answered_at for row in await stored(contest)] == [clock.now]


async def test_a_hundred_equal_answers_over_two_processes_are_one_row(
    contest: Town, settings: Settings, clock: SetClock
) -> None:
    other = create_app(settings, clock=Clock(lambda: clock.now))
    async with other.router.lifespan_context(other), contest.as_("梅江001") as here:
        twin = Town(other, contest.units, contest.officers, contest.tokens)
        attempt = await begun(here)
        async with twin.as_("梅江001") as there:
            chosen = right(attempt["questions"][0])
            replies = await asyncio.gather(
                *(put(device, attempt, 1, chosen) for _ in range(50) for device in (here, there))
            )
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    assert len(await stored(contest)) == 1


async def test_different_answers_at_once_over_two_processes_leave_one_winner(
    contest: Town, settings: Settings, clock: SetClock
) -> None:
    other = create_app(settings, clock=Clock(lambda: clock.now))
    async with other.router.lifespan_context(other), contest.as_("梅江001") as here:
        twin = Town(other, contest.units, contest.officers, contest.tokens)
        attempt = await begun(here)
        questions = attempt["questions"][:4]
        async with twin.as_("梅江001") as there:
            replies = await asyncio.gather(
                *(
                    put(device, attempt, question["position"], chosen)
                    for question in questions
                    for device, chosen in (
                        (here, right(question)),
                        (there, wrong(question)),
                        (here, wrong(question)),
                        (there, right(question)),
                    )
                )
            )
        whole = (await here.get(f"/daily-quiz/attempts/{attempt['id']}")).json()
    assert Counter(reply.status_code for reply in replies) == {200: 8, 409: 8}
    rows = await stored(contest)
    assert len(rows) == 4
    assert sorted(row.after_answered for row in rows) == [1, 2, 3, 4]
    assert max(row.after_correct for row in rows) == whole["correct"] == sum(row.correct for row in rows)


async def test_what_is_not_on_the_paper(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        single, multiple = attempt["questions"][0], attempt["questions"][4]
        two = [option["id"] for option in single["options"]][:2]
        refused = [
            await put(officer, attempt, 1, ["nonsense"]),
            await put(officer, attempt, 1, two),
            await put(officer, attempt, 1, []),
            await put(officer, attempt, 1, "a"),
            await put(officer, attempt, 1, [None]),
            await put(officer, attempt, 1, None),
            await put(officer, attempt, 5, [right(multiple)[0]] * 2),
            await put(officer, attempt, 0, ["a"]),
            await put(officer, attempt, 11, ["a"]),
            await put(officer, attempt, 99999, ["a"]),
        ]
    assert {(reply.status_code, reply.json()["code"]) for reply in refused} == {(422, "validation")}
    assert {reply.json()["errors"][0]["pointer"] for reply in refused} == {"/option_ids"}
    assert await stored(contest) == []


async def test_refusals_in_their_order(contest: Town, clock: SetClock) -> None:
    contest.tokens["nobody"] = "no-such-token"
    async with contest.as_("梅江001") as owner, contest.as_("梅江002") as other, contest.as_("nobody") as nobody:
        attempt = await begun(owner)
        await put(owner, attempt, 1, right(attempt["questions"][0]))
        clock.at("00:00", dt.date(2026, 11, 24))
        codes = [
            (await put(nobody, attempt, 1, [])).status_code,
            (await put(other, attempt, 1, [])).status_code,
            (await put(owner, attempt, 1, [])).json()["code"],
            (await put(owner, attempt, 2, [])).json()["code"],
            (await put(owner, attempt, 2, right(attempt["questions"][1]))).json()["code"],
        ]
    assert codes == [401, 404, "answer-already-recorded", "validation", "quiz-closed"]


async def test_bodies_that_are_no_answer(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        path = f"/daily-quiz/attempts/{attempt['id']}/answers/1"
        for body in (b"", b"{", b"[]", b'"a"', b"\xff"):
            reply = await officer.put(path, content=body)
            assert (reply.status_code, reply.json()["code"]) == (400, "malformed")
        assert (
            await officer.put("/daily-quiz/attempts/nonsense/answers/1", json={"option_ids": ["a"]})
        ).status_code == 404
        assert (
            await officer.put("/daily-quiz/attempts/nonsense/answers/x", json={"option_ids": ["a"]})
        ).status_code == 404
        assert (await officer.put(f"/daily-quiz/attempts/{NOBODYS}/answers/1", content=b"{")).status_code == 404
        del officer.headers["Authorization"]
        assert (await officer.put(path, json={"option_ids": ["a"]})).status_code == 401
        assert (await officer.put(path, content=b"{", headers={"Authorization": "Bearer zz"})).status_code == 401
        officer.cookies.set("lianbing_session", contest.tokens["梅江001"])
        assert (await officer.put(path, json={"option_ids": right(attempt["questions"][0])})).status_code == 200


async def test_a_paused_contest_takes_no_answers_and_loses_none(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        async with contest.services.database.sessions.begin() as session:
            await session.execute(text("UPDATE contest SET state = 'paused'"))
        paused = await put(officer, attempt, 1, right(attempt["questions"][0]))
        async with contest.services.database.sessions.begin() as session:
            await session.execute(text("UPDATE contest SET state = 'open'"))
        resumed = await put(officer, attempt, 1, right(attempt["questions"][0]))
    assert (paused.status_code, paused.json()["code"]) == (409, "contest-paused")
    assert resumed.status_code == 200


async def test_an_outbox_is_judged_answer_by_answer(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        one, two, three = attempt["questions"][:3]
        await put(officer, attempt, 1, right(one))
        held = [
            {"position": 1, "option_ids": right(one)},
            {"position": 2, "option_ids": right(two)},
            {"position": 1, "option_ids": wrong(one)},
            {"position": 77, "option_ids": ["a"]},
            {"position": "3", "option_ids": right(three)},
        ]
        reply = await officer.post(f"/daily-quiz/attempts/{attempt['id']}/answers", json={"answers": held})
        clock.at("00:00", dt.date(2026, 11, 24))
        late = await officer.post(
            f"/daily-quiz/attempts/{attempt['id']}/answers",
            json={"answers": [held[1], {"position": 3, "option_ids": right(three)}]},
        )
    results = reply.json()["results"]
    assert [result.get("correct") for result in results] == [True, True, None, None, None]
    assert [result.get("problem", {}).get("code") for result in results] == [
        None,
        None,
        "answer-already-recorded",
        "validation",
        "validation",
    ]
    assert [result["position"] for result in results] == [1, 2, 1, 77, "3"]
    assert late.json()["results"][0] == results[1]
    assert late.json()["results"][1]["problem"]["code"] == "quiz-closed"


async def test_an_outbox_that_is_none(contest: Town) -> None:
    async with contest.as_("梅江001") as owner, contest.as_("梅江002") as other:
        attempt = await begun(owner)
        path = f"/daily-quiz/attempts/{attempt['id']}/answers"
        assert (await owner.post(path, json={"answers": []})).json() == {"results": []}
        assert (await other.post(path, json={"answers": []})).status_code == 404
        bodies: list[dict[str, Any]] = [{}, {"answers": {}}, {"answers": [1]}, {"answers": [{}] * 101}]
        for body in bodies:
            refused = await owner.post(path, json=body)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/answers")
            assert (await other.post(path, json=body)).status_code == 404
        assert (await owner.post(path, content=b"{")).status_code == 400
        del owner.headers["Authorization"]
        assert (await owner.post(path, json={"answers": []})).status_code == 401


async def test_signing_out_ends_answering(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        attempt = await begun(officer)
        await officer.delete("/sessions/current")
        assert (await put(officer, attempt, 1, right(attempt["questions"][0]))).status_code == 401
