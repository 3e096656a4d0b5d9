"""Opening the daily quiz: who gets a paper, when, and that it is one paper."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

from app.contests.models import ContestDay, ContestState
from app.core.clock import Clock
from app.core.settings import Settings
from app.main import create_app
from tests.people import Town
from tests.questions import BASIS_CANARY, EXPLANATION_CANARY, add_questions
from tests.times import TODAY, SetClock

TOMORROW = TODAY + dt.timedelta(days=1)


async def test_a_new_paper_has_the_questions_of_the_rules(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        response = await officer.post("/daily-quiz/today/attempt")
    attempt = response.json()
    assert response.status_code == 201
    assert Counter(question["kind"] for question in attempt["questions"]) == {
        "single": 4,
        "multiple": 3,
        "true_false": 3,
    }
    assert [question["position"] for question in attempt["questions"]] == list(range(1, 11))
    assert attempt["status"] == "in_progress"
    assert attempt["closes_at"] == "2026-11-24T00:00:00+08:00"
    assert attempt["day"] == "2026-11-23"
    assert (attempt["question_count"], attempt["answered"], attempt["correct"], attempt["points"]) == (10, 0, 0, 0)


async def test_opening_again_gives_the_same_paper(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        first = await officer.post("/daily-quiz/today/attempt")
        second = await officer.post("/daily-quiz/today/attempt")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_a_hundred_starts_by_two_devices_over_two_processes_make_one_paper(
    contest: Town, settings: Settings, clock: SetClock
) -> None:
    other = create_app(settings, clock=Clock(lambda: clock.now))
    async with other.router.lifespan_context(other), contest.as_("梅江001") as here:
        twin = Town(other, contest.units, contest.officers, contest.tokens)
        async with twin.as_("梅江001") as there:
            responses = await asyncio.gather(
                *(device.post("/daily-quiz/today/attempt") for _ in range(50) for device in (here, there))
            )
    assert Counter(response.status_code for response in responses) == {201: 1, 200: 99}
    assert len({response.text for response in responses}) == 1


async def test_nothing_of_the_key_is_on_a_fresh_paper(contest: Town) -> None:
    async with contest.as_("梅江001") as officer:
        body = (await officer.post("/daily-quiz/today/attempt")).text
    for secret in (EXPLANATION_CANARY, BASIS_CANARY, "correct_option_ids", '"correct":true', '"correct":false'):
        assert secret not in body


async def test_two_officers_see_their_own_order_of_options(contest: Town) -> None:
    orders = set()
    for name in ("梅江001", "梅江002", "丰顺001", "丰顺002", "联络员"):
        async with contest.as_(name) as officer:
            questions = (await officer.post("/daily-quiz/today/attempt")).json()["questions"]
        orders |= {tuple(option["id"] for option in q["options"]) for q in questions if q["kind"] == "single"}
    assert len(orders) > 1  # all five alike: once in 300,000 runs


async def test_unseen_questions_come_first_on_the_next_day(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        today = (await officer.post("/daily-quiz/today/attempt")).json()
        clock.at("09:00", TOMORROW)
        tomorrow = (await officer.post("/daily-quiz/today/attempt")).json()
    assert not {q["question_id"] for q in today["questions"]} & {q["question_id"] for q in tomorrow["questions"]}


async def test_before_the_day_opens_and_after_it_closed(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        clock.at("05:59:59.999999")
        early = await officer.post("/daily-quiz/today/attempt")
        today = (await officer.get("/daily-quiz/today")).json()
        clock.at("06:00")
        assert (await officer.post("/daily-quiz/today/attempt")).status_code == 201
    assert (early.status_code, early.json()["code"]) == (409, "quiz-closed")
    assert early.json()["opens_at"] == "2026-11-23T06:00:00+08:00"
    assert (today["status"], today["reason"], today["next_opens_at"], today["counts"]) == (
        "closed",
        "quiz-closed",
        "2026-11-23T06:00:00+08:00",
        True,
    )


async def test_a_day_that_closes_early_keeps_what_was_begun_readable(town: Town, clock: SetClock) -> None:
    await add_questions(town.services)
    await town.contest("市局", rules={"day_closes_at": "20:00"})
    async with town.as_("梅江001") as officer:
        attempt = (await officer.post("/daily-quiz/today/attempt")).json()
        clock.at("20:00")
        again = await officer.post("/daily-quiz/today/attempt")
        today = (await officer.get("/daily-quiz/today")).json()
    async with town.as_("梅江002") as late:
        refused = await late.post("/daily-quiz/today/attempt")
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, attempt["id"], "closed")
    assert (today["status"], today["reason"]) == ("closed", "quiz-closed")
    assert today["next_opens_at"] == "2026-11-24T06:00:00+08:00"
    assert (refused.status_code, refused.json()["closes_at"]) == (409, "2026-11-23T20:00:00+08:00")


async def test_a_day_that_does_not_count_says_so_and_is_played_all_the_same(contest: Town) -> None:
    async with contest.services.database.sessions.begin() as session:
        session.add(ContestDay(contest_id=contest.contest_id, day=TODAY, counts=False, note="周末", source="weekend"))
    async with contest.as_("梅江001") as officer:
        today = (await officer.get("/daily-quiz/today")).json()
        opened = await officer.post("/daily-quiz/today/attempt")
    assert (today["status"], today["counts"], opened.status_code) == ("not_started", False, 201)


async def test_no_contest(town: Town) -> None:
    async with town.as_("梅江001") as officer:
        refused = await officer.post("/daily-quiz/today/attempt")
        today = (await officer.get("/daily-quiz/today")).json()
    assert (refused.status_code, refused.json()["code"]) == (409, "no-contest")
    assert (today["status"], today["reason"], today["attempt"], today["opens_at"]) == (
        "closed",
        "no-contest",
        None,
        None,
    )


async def test_a_draft_is_no_contest(town: Town) -> None:
    await town.contest("市局", state=ContestState.DRAFT)
    async with town.as_("梅江001") as officer:
        assert (await officer.post("/daily-quiz/today/attempt")).json()["code"] == "no-contest"


async def test_a_contest_that_begins_tomorrow(town: Town) -> None:
    await add_questions(town.services)
    await town.contest("市局", starts_on=TOMORROW)
    async with town.as_("梅江001") as officer:
        refused = await officer.post("/daily-quiz/today/attempt")
        today = (await officer.get("/daily-quiz/today")).json()
    assert (refused.status_code, refused.json()["code"]) == (409, "not-a-contest-day")
    assert today["next_opens_at"] == "2026-11-24T06:00:00+08:00"


async def test_a_paused_contest(town: Town) -> None:
    await add_questions(town.services)
    await town.contest("市局", state=ContestState.PAUSED)
    async with town.as_("梅江001") as officer:
        refused = await officer.post("/daily-quiz/today/attempt")
        today = (await officer.get("/daily-quiz/today")).json()
    assert (refused.status_code, refused.json()["code"]) == (409, "contest-paused")
    assert today["reason"] == "contest-paused"


async def test_who_does_not_take_part_gets_no_paper(contest: Town) -> None:
    async with contest.as_("市局处长") as clerk:
        refused = await clerk.post("/daily-quiz/today/attempt")
        today = (await clerk.get("/daily-quiz/today")).json()
    assert (refused.status_code, refused.json()["code"]) == (403, "not-enrolled")
    assert today["reason"] == "not-enrolled"


async def test_a_bank_too_small_says_so_and_leaves_others_alone(town: Town) -> None:
    await add_questions(town.services, of_each=2)
    await town.contest("市局")
    async with town.as_("梅江001") as officer:
        refused = await officer.post("/daily-quiz/today/attempt")
    assert (refused.status_code, refused.json()["code"]) == (409, "bank-too-small")


async def test_without_a_session(contest: Town) -> None:
    contest.tokens["nobody"] = "no-such-token"
    async with contest.as_("nobody") as nobody:
        for call in (nobody.post("/daily-quiz/today/attempt"), nobody.get("/daily-quiz/today")):
            response = await call
            assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
        del nobody.headers["Authorization"]
        assert (await nobody.post("/daily-quiz/today/attempt")).status_code == 401


async def test_the_initial_password_must_be_changed_first(contest: Town) -> None:
    await contest.officer("新同志", "梅江", must_change_password=True)
    async with contest.as_("新同志") as officer:
        refused = await officer.post("/daily-quiz/today/attempt")
    assert (refused.status_code, refused.json()["code"]) == (403, "password-change-required")


async def test_another_officers_attempt_is_not_found(contest: Town) -> None:
    async with contest.as_("梅江001") as owner, contest.as_("梅江002") as other:
        attempt = (await owner.post("/daily-quiz/today/attempt")).json()
        assert (await owner.get(f"/daily-quiz/attempts/{attempt['id']}")).json() == attempt
        assert (await other.get(f"/daily-quiz/attempts/{attempt['id']}")).status_code == 404
        assert (await other.get("/daily-quiz/attempts/nonsense")).status_code == 404


async def test_polling_today_costs_nothing_while_nothing_changes(contest: Town, clock: SetClock) -> None:
    async with contest.as_("梅江001") as officer:
        await officer.post("/daily-quiz/today/attempt")
        first = await officer.get("/daily-quiz/today")
        clock.at("09:01")
        second = await officer.get("/daily-quiz/today", headers={"If-None-Match": first.headers["ETag"]})
    assert first.json()["status"] == "in_progress"
    assert second.status_code == 304
