"""Statistics of questions: the arithmetic against the standard library, the aggregates against a count by hand."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.bank.models import Question, QuestionRevision
from app.bank.statistics.rules import Sign, Taken, Tally, chance, signs
from app.papers.models import Answer, Paper
from tests.bank.banks import fill, question, questions
from tests.bank.lives import ask, id_of
from tests.bank.test_queries import own
from tests.people import Town
from tests.times import TODAY, instant

AT = instant("09:00")
WHOSE = uuid.UUID(int=1)


def taken(choice: str, *, correct: bool, rests: Sequence[float | None]) -> Taken:
    known = [rest for rest in rests if rest is not None]
    squared = sum(rest * rest for rest in known)
    return Taken(WHOSE, choice, correct, len(rests), len(known), sum(known), squared, AT, AT)


def tally(right: Sequence[float | None], wrong: Sequence[float | None]) -> Tally:
    return Tally([taken("a", correct=True, rests=right), taken("b", correct=False, rests=wrong)])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=30, max_size=80))
def test_discrimination_is_the_correlation_with_the_rest_of_the_paper(answers):
    found = tally([n / 9 for right, n in answers if right], [n / 9 for right, n in answers if not right])
    xs, ys = [float(right) for right, _ in answers], [n / 9 for _, n in answers]
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        assert found.discrimination is None
    else:
        assert found.discrimination == pytest.approx(statistics.correlation(xs, ys), abs=1e-6)


def test_discrimination_takes_thirty_answers_that_have_a_rest():
    right, wrong = [0.9, 0.8] * 10, [0.1, 0.2] * 5
    assert tally(right, wrong).discrimination == pytest.approx(0.98, abs=0.02)
    assert tally(right, wrong[:-1]).discrimination is None
    assert tally([*right, None], wrong[:-1]).discrimination is None


def test_an_empty_tally_tells_nothing():
    empty = Tally()
    assert (empty.answers, empty.share_correct, empty.discrimination, empty.first_at) == (0, None, None, None)
    assert signs(empty, kind="single", taken={"a": 0}, key="a", least=10) == []


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [("true_false", 2, 1 / 2), ("single", 4, 1 / 4), ("multiple", 4, 1 / 10), ("multiple", 3, 1 / 3)],
)
def test_chance_is_blind_guessing(kind, options, expected):
    assert chance(kind, options) == pytest.approx(expected)


GOOD, BAD = [0.9] * 60, [0.2] * 40


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (GOOD, BAD, []),
        (BAD[:20], GOOD, [Sign.DISTRACTOR, Sign.DISCRIMINATION]),
        (BAD[:10], GOOD, [Sign.DISTRACTOR, Sign.DISCRIMINATION, Sign.CHANCE]),
        ([0.9] * 30, [0.2] * 40, [Sign.DISTRACTOR]),
        (GOOD[:20], BAD[:29], []),
    ],
)
def test_a_question_looks_wrong_by_three_signs(right, wrong, expected):
    found = tally(right, wrong)
    counts = found.options("abcd")
    assert signs(found, kind="single", taken=counts, key={"a"}, least=50) == expected


def test_a_multiple_looks_wrong_where_one_right_option_is_taken_less_than_a_wrong_one():
    found = Tally([taken("a,c", correct=True, rests=GOOD[:30]), taken("a,b", correct=False, rests=BAD)])
    counts = found.options("abcd")
    assert counts == {"a": 70, "b": 40, "c": 30, "d": 0}
    assert signs(found, kind="multiple", taken=counts, key={"a", "c"}, least=50) == [Sign.DISTRACTOR]


class Contest:
    """Papers and answers put straight into the tables, and what they say counted by hand."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.given: list[tuple[uuid.UUID, str, bool, float | None]] = []

    async def paper(
        self,
        revisions: list[QuestionRevision],
        choices: list[str | None],
        *,
        unit: str = "市局",
        day: dt.date = TODAY,
        kind: str = "quiz",
    ) -> None:
        officer = await self.town.officer(f"答题{uuid.uuid4()}", "梅江")
        contest = self.town.contest_id if unit == "市局" else await self.town.contest(unit)
        async with self.town.services.database.sessions.begin() as session:
            paper = Paper(
                contest_id=contest,
                officer_id=officer,
                day=day,
                kind=kind,
                revision_ids=[one.id for one in revisions],
                points_per_question=10,
                opened_at=instant("09:00", day),
                closes_at=instant("23:00", day),
            )
            session.add(paper)
            await session.flush()
            rights = []
            for position, (one, choice) in enumerate(zip(revisions, choices, strict=True), start=1):
                if choice is None:
                    continue
                rights.append((one.id, choice, choice == one.key))
                session.add(
                    Answer(
                        paper_id=paper.id,
                        position=position,
                        revision_id=one.id,
                        choice=choice,
                        correct=choice == one.key,
                        points=0,
                        answered_at=instant(f"09:{position:02}", day),
                        after_answered=position,
                        after_correct=0,
                        after_points=0,
                    )
                )
        total = sum(right for _, _, right in rights)
        for key, choice, right in rights:
            rest = (total - right) / (len(rights) - 1) if len(rights) > 1 else None
            self.given.append((key, choice, right, rest))


@pytest.fixture
async def contest(town, services, tmp_path) -> Contest:
    report = await fill(services, tmp_path / "shared", questions(3, 1, 1))
    assert not report.errors
    await town.contest("市局")
    return Contest(town)


async def texts(services) -> list[QuestionRevision]:
    async with services.database.reads() as session:
        return list(
            await session.scalars(
                select(QuestionRevision)
                .join(Question, Question.id == QuestionRevision.question_id)
                .order_by(Question.code, QuestionRevision.number)
            )
        )


async def get(contest: Contest, path: str, **query: Any) -> dict[str, Any]:
    answer = await ask(contest.town, "管理员", "GET", f"/questions{path}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_aggregates_agree_with_a_count_by_hand(contest, services):
    revisions, chance_ = await texts(services), random.Random(7)
    for _ in range(40):
        choices = [
            chance_.choice([one.key, one.key, *one.option_ids, None if one.kind == "single" else one.key])
            for one in revisions
        ]
        await contest.paper(revisions, choices)
    by_hand: dict[str, list[Any]] = defaultdict(list)
    for key, choice, right, rest in contest.given:
        by_hand[str(key)].append((choice, right, rest))
    items = (await get(contest, "/statistics"))["items"]
    assert [item["code"] for item in items] == sorted(item["code"] for item in items)
    assert {item["revision_id"] for item in items} == by_hand.keys()
    for item in items:
        rows = by_hand[item["revision_id"]]
        paired = [(right, rest) for _, right, rest in rows if rest is not None]
        assert (item["answers"], item["correct"]) == (len(rows), sum(right for _, right, _ in rows))
        assert item["share_correct"] == pytest.approx(item["correct"] / item["answers"])
        if len(paired) >= 30:
            expected = statistics.correlation([float(x) for x, _ in paired], [y for _, y in paired])
            assert item["discrimination"] == pytest.approx(expected, abs=1e-9)
        one = next(revision for revision in revisions if str(revision.id) == item["revision_id"])
        for option, option_id in zip(item["options"], one.option_ids, strict=True):
            assert option["taken"] == sum(option_id in choice.split(",") for choice, *_ in rows)
            assert option["share"] == pytest.approx(option["taken"] / len(rows))


async def test_one_question_tells_its_revisions_and_where_it_was_used(contest, services, tmp_path):
    first = (await texts(services))[1]
    await contest.paper([first], [first.key])
    await fill(services, tmp_path / "shared", [question("single-001", stem="改写后的题干（　）。")])
    old, new = [one for one in await texts(services) if one.question_id == first.question_id]
    await contest.paper([new], ["x"])
    await contest.paper([new], [None])
    body = await get(contest, f"/{first.question_id}/statistics")
    assert (body["code"], body["from"], body["to"]) == ("single-001", "2026-10-24", "2026-11-23")
    shown = [(one["revision"], one["current"], one["answers"], one["correct"]) for one in body["revisions"]]
    assert shown == [(2, True, 1, 0), (1, False, 1, 1)]
    assert [one["letter"] for one in body["revisions"][1]["options"] if one["taken"]] == ["B"]
    assert body["revisions"][1]["first_used_at"] == "2026-11-23T09:01:00+08:00"
    assert [(one["papers"], one["answers"], one["correct"], one["share_correct"]) for one in body["contests"]] == [
        (3, 2, 1, 0.5)
    ]
    assert old.id == first.id


async def test_what_nobody_answered_is_told_as_nothing(contest, services):
    one = (await texts(services))[0]
    body = await get(contest, f"/{one.question_id}/statistics")
    assert body["contests"] == []
    [revision] = body["revisions"]
    assert (revision["answers"], revision["share_correct"], revision["last_used_at"]) == (0, None, None)
    assert revision["options"][0]["share"] is None
    assert (await get(contest, "/statistics"))["items"] == []


async def test_other_peoples_contests_days_and_questions_stay_out(contest, services, tmp_path):
    await contest.town.unit("邻市局", "bureau", "省厅")
    await contest.town.officer("邻市管理员", "邻市局", roles=["admin"], takes_part=False)
    await own(services, contest.town, tmp_path / "own", "邻市局", [question("邻-1")])
    shared = next(one for one in await texts(services) if one.kind == "true_false")
    await contest.paper([shared], [shared.key], day=TODAY - dt.timedelta(40))
    await contest.paper([shared], [shared.key], unit="邻市局")
    assert (await get(contest, "/statistics"))["items"] == []
    path = f"/questions/{await id_of(contest.town, '邻-1', '邻市管理员')}/statistics"
    assert (await ask(contest.town, "管理员", "GET", path)).status_code == 404
    wide = await get(contest, "/statistics", **{"from": "2026-10-01", "to": "2026-10-31"})
    assert [item["answers"] for item in wide["items"]] == [1]


async def test_orders_and_pages(contest, services):
    revisions = await texts(services)
    for number, one in enumerate(revisions):
        for turn in range(number + 1):
            await contest.paper([one], [one.key if turn else "x"])
    by_answers = (await get(contest, "/statistics", order="answers"))["items"]
    assert [item["answers"] for item in by_answers] == [5, 4, 3, 2, 1]
    shares = [item["share_correct"] for item in (await get(contest, "/statistics", order="share_correct"))["items"]]
    assert shares == sorted(shares)
    assert len((await get(contest, "/statistics", order="discrimination"))["items"]) == 5
    first = await get(contest, "/statistics", limit=3)
    second = await get(contest, "/statistics", limit=3, cursor=first["next"])
    assert [item["code"] for item in first["items"] + second["items"]] == sorted(item["code"] for item in by_answers)
    assert second["next"] is None


async def test_suspicious_questions_are_listed_with_their_signs(contest, services):
    revisions = await texts(services)
    wrong = {one.id: next(option for option in one.option_ids if option not in one.key) for one in revisions}
    turned, rest = revisions[1], [one for one in revisions if one.kind != "single"]
    for number in range(60):
        able = number < 40
        others = [one.key if able else wrong[one.id] for one in rest]
        await contest.paper([turned, *rest], [wrong[turned.id] if able else turned.key, *others])
    body = await get(contest, "/suspicious")
    assert [(item["code"], [one["sign"] for one in item["signs"]]) for item in body["items"]] == [
        ("single-001", ["distractor-preferred", "negative-discrimination"])
    ]
    assert (body["least"], body["items"][0]["discrimination"]) == (50, pytest.approx(-1))
    assert (await get(contest, "/suspicious", least=61))["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-23", "to": "2026-11-22"},
        {"from": "2026-01-01", "to": "2026-11-22"},
        {"order": "x"},
        {"from": "x"},
    ],
)
async def test_a_wrong_span_or_order_is_told(contest, query):
    answer = await ask(contest.town, "管理员", "GET", "/questions/statistics", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"from": "2026-11-01"}, ("2026-11-01", "2026-11-23")),
        ({"from": "2026-09-01"}, ("2026-09-01", "2026-10-01")),
        ({"to": "2026-10-10"}, ("2026-09-10", "2026-10-10")),
        ({"from": "2026-12-01", "to": "2026-12-02"}, ("2026-12-01", "2026-12-02")),
        ({"to": "0001-01-02"}, ("0001-01-01", "0001-01-02")),
    ],
)
async def test_a_span_is_at_most_what_was_asked_for(contest, query, expected):
    body = await get(contest, "/statistics", **query)
    assert (body["from"], body["to"]) == expected


@pytest.mark.parametrize("cursor", ["WyJhIl0=", "Wy0xXQ=="])
async def test_a_cursor_of_other_making_is_malformed(contest, cursor):
    answer = await ask(contest.town, "管理员", "GET", "/questions/statistics", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("path", ["statistics", "suspicious", "warnings", "expiring"])
async def test_nobody_who_takes_part_sees_how_questions_did(contest, path):
    await contest.town.officer("参赛管理员", "市局", roles=["admin"])
    answers = [
        await ask(contest.town, who, "GET", f"/questions/{path}") for who in ("参赛管理员", "省厅处长", "梅江001")
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
