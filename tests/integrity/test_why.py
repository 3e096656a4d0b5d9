"""Why a question stands on a paper: the draw done again, whatever has become of bank and papers since."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.bank.models import Instrument, Question, QuestionRevision
from app.bank.queries import load_pool
from app.bank.rules import Drawable, Pool
from app.core.errors import NotFound
from app.integrity.why.rules import Asked, reasons
from app.integrity.why.service import Explanation, explain, lines, quiz_of
from app.papers.models import Paper
from app.roster.models import UnitKind
from tests.bank.lives import ask
from tests.matches.conftest import Hall
from tests.matches.test_challenges import played
from tests.questions import BASIS_CANARY, add_questions
from tests.times import TODAY

TOMORROW = TODAY + dt.timedelta(1)


async def opened(hall: Hall, who: str = "梅江001") -> dict[str, Any]:
    """The quiz that this officer opens now."""
    answer = await hall.call(who, "POST", "/daily-quiz/today/attempt")
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def of(hall: Hall, paper_id: str | uuid.UUID) -> Explanation:
    async with hall.town.services.database.reads() as session:
        return await explain(session, await session.get_one(Paper, uuid.UUID(str(paper_id))))


async def all_of(hall: Hall) -> list[Explanation]:
    """The explanation of every paper there is, in the order of their making."""
    async with hall.town.services.database.reads() as session:
        papers = (await session.scalars(select(Paper).order_by(Paper.id))).all()
        return [await explain(session, paper) for paper in papers]


async def change_bank(hall: Hall) -> None:
    """Retire every other question, and let the basis of all end yesterday."""
    async with hall.town.services.database.sessions.begin() as session:
        await session.execute(text("UPDATE question SET state = 'retired' WHERE code LIKE '%2' OR code LIKE '%7'"))
        await session.execute(update(Instrument).values(in_force_to=TODAY - dt.timedelta(1)))
        await session.execute(text("UPDATE bank_version SET version = version + 1"))


async def test_a_first_quiz_is_drawn_again_exactly(hall: Hall) -> None:
    attempt = await opened(hall)
    found = await of(hall, attempt["id"])
    assert (found.reproduced, found.recorded, found.bank_version) == (True, True, 1)
    assert (found.seen, found.excluded, found.mode) == (0, 0, None)
    assert [str(one.asked.revision_id) for one in found.reasons] == [
        question["question_id"] for question in attempt["questions"]
    ]
    assert [one.slot for one in found.reasons] == [1, 2, 3, 4, 1, 2, 3, 1, 2, 3]
    assert all((one.in_pool, one.eligible, one.alike, one.unseen) == (True, 12, 2, 2) for one in found.reasons)
    assert {one.topics for one in found.reasons} == {6}
    assert "从未见过的题中按种子抽取。" in found.reasons[0].sentence()


async def test_what_was_seen_is_told_with_its_day(hall: Hall) -> None:
    for number in range(5):
        hall.clock.at("09:00", TODAY + dt.timedelta(number))
        attempt = await opened(hall)
    found = await of(hall, attempt["id"])
    repeated = [one for one in found.reasons if one.last_seen]
    assert found.reproduced
    assert found.seen == 36
    assert {one.last_seen for one in repeated} <= {TODAY + dt.timedelta(n) for n in range(4)}
    assert all(one.unseen == 0 for one in repeated)
    assert f"题不够，不分专题取最久未见的（上次见于{repeated[0].last_seen}）。" in repeated[0].sentence()


async def test_papers_are_explained_out_of_the_bank_of_their_time(hall: Hall) -> None:
    attempt = await opened(hall)
    await change_bank(hall)
    await add_questions(hall.town.services, prefix="later")
    assert (await of(hall, attempt["id"])).reproduced
    async with hall.town.services.database.reads() as session:
        assert (await load_pool(session, owners=[], day=TODAY)).place == {}


async def test_a_paper_without_a_version_is_explained_out_of_todays_bank(hall: Hall) -> None:
    attempt = await opened(hall)
    async with hall.town.services.database.sessions.begin() as session:
        await session.execute(update(Paper).values(bank_version=None))
    found = await of(hall, attempt["id"])
    assert (found.recorded, found.reproduced) == (False, True)
    assert "出卷时没有记录版本" in lines(found)[1]
    await change_bank(hall)
    found = await of(hall, attempt["id"])
    assert not found.reproduced
    assert found.reasons[0].sentence().endswith("按现有记录，出卷时的题池中没有这道题。")
    assert "结果与试卷不一致" in lines(found)[1]


async def test_a_day_of_quizzes_and_matches_is_drawn_again_exactly(hall: Hall) -> None:
    await opened(hall)
    hall.at("09:05")
    match_id = await hall.pair()
    await hall.play(match_id, {"梅江001": [True] * 5, "丰顺001": [True] * 5})
    hall.at("09:30")
    await opened(hall, "丰顺001")
    await hall.ask("梅江002")
    hall.at("10:00")
    second = await hall.pair("丰顺001", "梅江001")
    await hall.play(second, {"丰顺001": [True] * 5, "梅江001": [False] * 5})
    await change_bank(hall)
    found = await all_of(hall)
    assert [one.mode for one in found] == [None, "live", "live", None, "relay", "live", "live"]
    assert [one.reproduced for one in found] == [True] * 7
    assert [one.excluded for one in found[:5]] == [0, 10, 10, 5, 10]
    assert 15 < found[5].excluded == found[6].excluded <= 25
    assert "匹配对战" in lines(found[1])[0]


async def test_challenges_that_waited_are_taken_into_account(hall: Hall) -> None:
    await opened(hall)
    hall.at("09:10")
    match_id = await played(hall)
    hall.at("10:00")
    await opened(hall, "丰顺001")
    await hall.ask("丰顺001", "challenge", opponent_employee_no="梅江001")
    hall.clock.at("09:00", TOMORROW)
    await opened(hall, "丰顺001")
    found = await all_of(hall)
    assert [(one.mode, one.reproduced, one.excluded) for one in found] == [
        (None, True, 0),
        ("challenge", True, 10),
        (None, True, 5),
        ("challenge", True, 10),
        (None, True, 0),
    ]
    assert found[1].paper.match_id == found[3].paper.match_id == uuid.UUID(match_id)


async def test_a_challenge_given_up_bars_nothing(hall: Hall) -> None:
    match_id = str((await hall.ask("梅江001", "challenge", opponent_employee_no="丰顺001"))["match_id"])
    hall.wait(1)
    await opened(hall, "丰顺001")
    hall.wait(1)
    assert (await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")).status_code == 200
    hall.clock.at("09:00", TOMORROW)
    await opened(hall, "丰顺001")
    assert [(one.reproduced, one.excluded) for one in await all_of(hall)] == [(True, 0), (True, 5), (True, 0)]


async def test_a_quiz_that_made_challenges_wait_is_drawn_again(hall: Hall) -> None:
    await played(hall)
    hall.at("10:00")
    async with hall.town.services.database.sessions.begin() as session:
        keep = set()
        for kind, count in (("single", 4), ("multiple", 3), ("true_false", 3)):
            held = await session.scalars(
                text(
                    "SELECT q.id FROM question q JOIN question_revision r ON r.id = q.current_revision_id"
                    " WHERE r.kind = :kind ORDER BY r.id <> ALL (SELECT unnest(revision_ids) FROM paper), q.code"
                    " LIMIT :count"
                ),
                {"kind": kind, "count": count},
            )
            keep |= set(held)
        await session.execute(update(Question).where(Question.id.not_in(keep)).values(state="retired"))
        await session.execute(text("UPDATE bank_version SET version = version + 1"))
    attempt = await opened(hall, "丰顺001")
    found = await of(hall, attempt["id"])
    assert (found.reproduced, found.excluded, found.bank_version) == (True, 0, 2)


async def test_papers_handed_out_at_once_are_drawn_again(hall: Hall) -> None:
    people = ("梅江001", "梅江002", "丰顺001", "丰顺002")
    await asyncio.gather(*(opened(hall, who) for who in people), *(hall.ask(who, "live") for who in people))
    found = await all_of(hall)
    assert len(found) == 8
    assert [one.reproduced for one in found] == [True] * 8


async def question_on(hall: Hall, attempt: dict[str, Any], position: int = 1) -> str:
    async with hall.town.services.database.reads() as session:
        one = await session.get_one(QuestionRevision, uuid.UUID(attempt["questions"][position - 1]["question_id"]))
        return str(one.question_id)


async def test_an_administrator_asks_why(hall: Hall) -> None:
    attempt = await opened(hall)
    key = await question_on(hall, attempt, 6)
    answer = await ask(hall.town, "管理员", "GET", f"/questions/{key}/why", params={"attempt": attempt["id"]})
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["draw"]["officer"]["name"], body["draw"]["reproduced"]) == ("梅江001", True)
    assert body["draw"]["seed"] == f"{hall.town.contest_id}:{hall.town.officers['梅江001']}:{TODAY}"
    reason = body["reason"]
    assert (reason["position"], reason["kind"], reason["slot"], reason["slots"]) == (6, "multiple", 2, 3)
    assert reason["question_id"] == key
    assert reason["text"].startswith("多选题第2题（共3题），专题“")


async def test_a_match_is_asked_about_by_its_id(hall: Hall) -> None:
    match_id = await hall.pair()
    async with hall.town.services.database.reads() as session:
        paper = (await session.scalars(select(Paper).order_by(Paper.id))).first()
        assert paper is not None
        one = await session.get_one(QuestionRevision, paper.revision_ids[0])
    path = f"/questions/{one.question_id}/why"
    body = (await ask(hall.town, "管理员", "GET", path, params={"attempt": match_id})).json()
    assert (body["draw"]["mode"], body["draw"]["reproduced"], body["reason"]["position"]) == ("live", True, 1)


async def test_who_may_not_ask_learns_nothing(hall: Hall) -> None:
    await hall.town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await hall.town.officer("邻市管理员", "邻市局", roles=["admin"], takes_part=False)
    await hall.town.officer("参赛管理员", "市局", roles=["admin"])
    attempt = await opened(hall)
    path, other = f"/questions/{await question_on(hall, attempt)}/why", f"/questions/{uuid.uuid4()}/why"
    query = {"attempt": attempt["id"]}
    asked = [("邻市管理员", path), ("管理员", other), ("参赛管理员", path), ("梅江001", path), ("省厅处长", path)]
    codes = [(await ask(hall.town, who, "GET", at, params=query)).status_code for who, at in asked]
    assert codes == [404, 404, 403, 403, 403]
    assert (await ask(hall.town, "管理员", "GET", path)).status_code == 422


async def test_a_question_that_is_not_on_the_paper_is_not_found(hall: Hall) -> None:
    attempt = await opened(hall)
    shown = {question["question_id"] for question in attempt["questions"]}
    async with hall.town.services.database.reads() as session:
        rows = await session.scalars(select(QuestionRevision))
        other = next(one.question_id for one in rows if str(one.id) not in shown)
    answer = await ask(hall.town, "管理员", "GET", f"/questions/{other}/why", params={"attempt": attempt["id"]})
    assert answer.status_code == 404


async def test_the_command_prints_the_draw_and_its_questions(hall: Hall) -> None:
    attempt = await opened(hall)
    async with hall.town.services.database.reads() as session:
        found = await explain(session, await quiz_of(session, "梅江001", TODAY))
        with pytest.raises(NotFound, match="没有找到工号 梅江001"):
            await quiz_of(session, "梅江001", TOMORROW)
    printed = lines(found)
    assert printed[0] == f"梅江001（梅江001）2026-11-23 每日一测，试卷 {attempt['id']}"
    assert "重新抽取的结果与试卷完全一致。" in printed[1]
    assert len(printed) == 12
    assert lines(found, 3)[2:] == printed[4:5]
    with pytest.raises(NotFound, match="这份试卷有10题，没有第11题。"):
        lines(found, 11)
    assert BASIS_CANARY not in "".join(printed)


def test_reasons_of_a_paper_out_of_another_pool() -> None:
    asked = Asked(uuid.UUID(int=1), uuid.UUID(int=2), "q", "single", "水")
    other = Drawable(uuid.UUID(int=3), uuid.UUID(int=4), "single", "大气", 10, case=False)
    [reason] = reasons([asked], Pool([other]), seen={}, excluded=frozenset())
    assert (reason.in_pool, reason.alike, reason.eligible, reason.topics) == (False, 0, 1, 1)
