"""A whole contest day of 354 officers over HTTP; every figure published is counted again from the test's own log."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.integrity.service import Verification, verify
from tests.notices.robot import Robot
from tests.scenarios.arithmetic import QUESTIONS, count, ranks
from tests.scenarios.comparing import (
    Slot,
    lists_agree,
    moved_officer_is_in,
    no_phone_in,
    notices_agree,
    now_inclusive,
    own_parts_agree,
    ranking_agrees,
    standings_agree,
)
from tests.scenarios.day import ADMIN, CLERK, FROM, MIDNIGHT, MOVED, PROVINCE_ADMIN, SCHOOL, TO, TOMORROW, Day
from tests.scenarios.people_of_354 import BUREAU, TOWNSHIP
from tests.times import TODAY, SetClock, instant

WITH_ROBOT = {BUREAU: "key-of-the-bureau", "丰顺": "key-of-fengshun", "平远": "key-of-pingyuan"}
NOBODY, THANKED = "nobody-expected", "already-thanked"


@pytest.fixture
async def day(app: FastAPI, client: httpx.AsyncClient, clock: SetClock) -> Day:
    return Day(app, client, clock)


async def test_a_contest_day_of_354_officers(day: Day, robot: Robot) -> None:
    await day.prepare()
    await robots(day, robot)
    assert await day.get("机关处长", "/notices") == {"items": [], "next": None}

    # Morning: the third exemption comes when its officer is done already, and takes the answers out of the figures.
    day.plan_today()
    await day.play(until=instant("10:00"))
    assert day.did(TODAY, day.clock.now)[SCHOOL].status == "done"
    await standings_agree(day, TODAY, now_inclusive(day))
    await day.exemption(SCHOOL, first=TODAY, last=TODAY, reason="培训")
    await standings_agree(day, TODAY, now_inclusive(day))

    # 12:00: the answer at 11:59:59.999999 counts, the one at 12:00 does not.
    await day.play(until=instant("12:00:05"))
    drafted = [await previewed(day, unit) for unit in (BUREAU, "梅江")]
    await day.tick("12:00")
    sent = await notices_agree(day, Slot("12:00", TODAY), silent={"高新": NOBODY})
    assert all(one in [(notice["title"], notice["body"], notice["stats"]) for notice in sent] for one in drafted)
    at_noon = day.did(TODAY, instant("12:00"))
    assert [at_noon[f"梅江{number:03}"].status for number in (10, 11, 16, 17)] == ["done", "in_progress"] * 2
    await live_figures_agree(day)
    await lists_agree(day, "梅江002", "梅江", TODAY)

    # Afternoon: a transfer from tomorrow on, a telephone call, and the second slot.
    await day.play(until=instant("16:00"))
    move = {"officer_id": day.officers[MOVED], "unit_id": day.units[TO], "from": TOMORROW.isoformat()}
    await day.call(ADMIN, "POST", "/transfers", json=move, status=201)
    await reminded(day)
    await day.tick("18:00")
    sent += await notices_agree(day, Slot("18:00", TODAY), silent={"高新": NOBODY})
    await live_figures_agree(day)

    # Night: the twin branches, complete since 18:00, hear no more; three officers finish in the last microsecond.
    await day.tick("22:00")
    silent = {"高新": NOBODY, "平远": THANKED, "蕉岭": THANKED}
    sent += await notices_agree(day, Slot("22:00", TODAY), silent=silent)
    await day.play(until=MIDNIGHT)
    await day.play(until=MIDNIGHT + dt.timedelta(seconds=9))
    await finished_day_agrees(day)

    # The next morning: the day is frozen and the numbered notice goes out, while others play already.
    day.app.state.callers.forget()
    day.plan_tomorrow()
    await day.tick("08:00", TOMORROW)
    sent += await notices_agree(day, Slot("08:00", TOMORROW), silent={"高新": NOBODY})
    await finished_day_agrees(day)
    await frozen_day_agrees(day)
    await late_answers_change_nothing(day)

    # Noon of the second day: the transferred officer counts for the new branch.
    await day.tick("12:00", TOMORROW)
    sent += await notices_agree(day, Slot("12:00", TOMORROW), silent={})
    await second_day_agrees(day)
    await moved_officer_is_in(day, TO, FROM)

    await robots_heard_what_was_written(day, robot, sent)
    no_phone_in(day, sent, robot.accepted, robot.requests)
    await matches_were_of_every_sort(day)
    await nothing_is_found_wrong(day)


async def robots(day: Day, robot: Robot) -> None:
    """The bureau's group and two branches have a robot; in the others somebody forwards by hand."""
    for unit, key in WITH_ROBOT.items():
        audience = {"kind": "bureau" if unit == BUREAU else "branch", "id": day.units[unit]}
        body = {"name": f"{unit}工作群", "kind": "wecom_robot", "audience": audience, "url": robot.url(key)}
        added = await day.call(ADMIN, "POST", "/channels", json=body, status=201)
        assert key not in str(added)


async def previewed(day: Day, unit: str) -> tuple[object, ...]:
    """What the noon notice to a unit would say now."""
    audience = {"kind": "bureau" if unit == BUREAU else "branch", "id": day.units[unit]}
    body = {"slot": "12:00", "day": TODAY.isoformat(), "audience": audience}
    drafted = await day.call("机关处长", "POST", "/notices/preview", json=body)
    return drafted["title"], drafted["body"], drafted["stats"]


async def live_figures_agree(day: Day) -> None:
    """What everybody can read at this moment."""
    now = now_inclusive(day)
    branches = day.counts(TODAY, now)
    assert (ranks(branches)["平远"], ranks(branches)["蕉岭"], ranks(branches)["高新"]) == (1, 1, None)
    await standings_agree(day, TODAY, now)
    for asked in ({}, {"day": TODAY.isoformat()}, {"from": TODAY.isoformat(), "to": TODAY.isoformat()}):
        await ranking_agrees(day, branches, None, asked=asked, as_of=day.clock.now)
    edges = [f"{branch}{number:03}" for branch in ("梅江", "兴宁") for number in range(10, 18)]
    await own_parts_agree(day, [*edges, "梅江005", SCHOOL, "高新001", "丰顺001", "汤坑003", "机关020"], TODAY)


async def reminded(day: Day) -> None:
    """A liaison officer notes a call; it stands with the officer in the list."""
    unfinished = await day.listed("兴宁002", f"/branches/{day.units['兴宁']}/officers", status="unfinished")
    called = unfinished[0]["officer"]
    body = {"officer_id": called["id"], "channel": "phone", "outcome": "reached", "note": "外出执法，晚上完成"}
    await day.call("兴宁002", "POST", f"/branches/{day.units['兴宁']}/reminders", json=body, status=201)
    listed = await day.listed("兴宁001", f"/branches/{day.units['兴宁']}/officers")
    assert {one["officer"]["id"]: one["last_reminder"]["note"] for one in listed if one["last_reminder"]} == {
        called["id"]: "外出执法，晚上完成"
    }


async def finished_day_agrees(day: Day) -> None:
    """The first day after its end, read by the day, whether it is frozen yet or not."""
    await standings_agree(day, TODAY, MIDNIGHT)
    await ranking_agrees(day, day.counts(TODAY, MIDNIGHT), None, asked={"day": TODAY.isoformat()}, as_of=MIDNIGHT)
    await lists_agree(day, "兴宁001", "兴宁", TODAY)
    await lists_agree(day, "机关处长", "丰顺", TODAY)
    last_moment = [f"丰顺{number:03}" for number in range(10, 16)]
    await own_parts_agree(day, [*last_moment, "梅江005", MOVED, "平远007", "蕉岭007"], TODAY)


async def frozen_day_agrees(day: Day) -> None:
    """The rows of `unit_day` hold the figures of the people assigned to each unit itself."""
    async with day.services.database.reads() as session:
        found = await session.execute(text("SELECT * FROM unit_day"))
        frozen = {day.unit_of(row["unit_id"]): row for row in found.mappings()}
        days = (await session.execute(text("SELECT day, cutoff_at FROM frozen_day"))).all()
    assert [(row.day, row.cutoff_at) for row in days] == [(TODAY, MIDNIGHT)]
    assert set(frozen) == {*day.branches(), TOWNSHIP, BUREAU}
    for unit, row in frozen.items():
        people = {BUREAU: day.members("市本级", TODAY)}.get(unit, day.members(unit, TODAY))
        if unit == "丰顺":
            people = [name for name in people if name.startswith(unit)]
        expected = count(people, day.exempt[TODAY], day.did(TODAY, MIDNIGHT)).counts()
        derived = {"expected", "not_started", "unfinished"}
        assert {name: row[name] for name in expected if name not in derived} == {
            name: value for name, value in expected.items() if name not in derived
        }, unit


async def late_answers_change_nothing(day: Day) -> None:
    """On the day after, a stored answer is repeated to the letter and a new one is too late."""
    paper = day.papers[TODAY, "丰顺013"]
    path = f"/daily-quiz/attempts/{paper['id']}"
    held = await day.get("丰顺013", path)
    assert (held["status"], held["answered"]) == ("closed", 9)
    first = held["questions"][0]["answer"]
    again = {"option_ids": first["option_ids"]}
    assert await day.call("丰顺013", "PUT", f"{path}/answers/1", json=again) == first
    new = {"option_ids": [held["questions"][9]["options"][0]["id"]]}
    refused = await day.call("丰顺013", "PUT", f"{path}/answers/10", json=new, status=409)
    assert refused["code"] == "quiz-closed"


async def second_day_agrees(day: Day) -> None:
    """The second day so far, and both days together, with what moved in the ranking."""
    now = now_inclusive(day)
    first, second = day.counts(TODAY, MIDNIGHT), day.counts(TOMORROW, now)
    both = day.over_days(lambda on: first if on == TODAY else second, TODAY, TOMORROW)
    assert (first[TO].enrolled + 1, first[FROM].enrolled - 1) == (second[TO].enrolled, second[FROM].enrolled)
    assert second["高新"].expected == 1
    await standings_agree(day, TOMORROW, now)
    await ranking_agrees(day, second, first, asked={"day": TOMORROW.isoformat()}, as_of=day.clock.now)
    await ranking_agrees(day, both, first, asked={}, as_of=day.clock.now)
    await own_parts_agree(day, [MOVED, "高新001", "梅江005", "丰顺012", "大埔020"], TODAY, TOMORROW)
    await lists_agree(day, "梅县002", TO, TOMORROW)


async def robots_heard_what_was_written(day: Day, robot: Robot, sent: list[dict[str, object]]) -> None:
    """Each robot got its group's notices once, in order, the bureau's each followed by the ranking picture that everybody
    can fetch; all others wait for a person, who marks them.
    """
    await day.call("梅县002", "GET", "/notices")
    written: dict[str, list[str]] = {key: [] for key in WITH_ROBOT.values()}
    for notice in await day.listed("机关处长", "/notices"):
        unit = day.unit_of(notice["audience"]["id"])
        whole, pictured = f"{notice['title']}\n{notice['body']}", unit == BUREAU
        said = (
            [("text", whole)] + [("image", f"{notice['title']}（排名图）")] * pictured if notice["deliveries"] else []
        )
        assert [(one["kind"], one["text"]) for one in notice["deliveries"]] == said
        for delivery in notice["deliveries"]:
            if unit in WITH_ROBOT:
                assert (delivery["state"], delivery["attempts"]) == ("sent", 1)
            else:
                assert (delivery["state"], delivery["channel"]["kind"]) == ("to_forward", "manual")
        if unit in WITH_ROBOT and said:
            heard = [whole, await picture(day, notice["id"])] if pictured else [whole]
            written[WITH_ROBOT[unit]] = heard + written[WITH_ROBOT[unit]]
        by_whom = "sent" if unit in WITH_ROBOT else "attention"
        assert notice["state"] == (by_whom if notice["deliveries"] else "skipped")
    assert {key: robot.texts(key) for key in written} == written
    assert [len(texts) for texts in written.values()] == [10, 5, 4]
    forwarded = next(one for one in await day.listed("梅县002", "/notices") if one["deliveries"])
    settled = await day.call("梅县002", "POST", f"/deliveries/{forwarded['deliveries'][0]['id']}/confirm")
    assert settled["state"] == "sent"
    province = await day.listed(CLERK, "/notices")
    assert len(province) == len(sent)


async def picture(day: Day, notice_id: str) -> str:
    """What the robot keeps of a notice's picture."""
    png: bytes = await day.get("机关处长", f"/notices/{notice_id}/ranking.png")
    return hashlib.md5(png, usedforsecurity=False).hexdigest()


async def matches_were_of_every_sort(day: Day) -> None:
    """The day was no easier than it was meant to be."""
    did, of_today = day.did(TODAY, MIDNIGHT), [act for act in day.log if act.day == TODAY]
    handed = {(act.who, act.match) for act in of_today if act.match}
    answered = {(act.who, act.match) for act in of_today if act.match and act.right is not None}
    seats = Counter(who for who, _ in answered)
    assert {seats[who] for who in did} >= {0, 1, 2, 3}
    assert {len(one.matches) for one in did.values()} == {0, 1, 2}
    assert len(handed - answered) > 5
    begun = {
        who: min(act.at for act in of_today if act.who == who and act.match and act.right is not None) for who in seats
    }
    ended = {act.who: act.at for act in of_today if not act.match and did[act.who].answered == QUESTIONS}
    assert Counter(begun[who] < ended[who] for who in begun.keys() & ended.keys()).keys() == {True, False}
    assert {who for who in day.exempt[TODAY] if did[who].matches} == day.exempt[TODAY]
    async with day.services.database.reads() as session:
        modes = Counter(await session.scalars(text("SELECT mode FROM match")))
    assert (modes["live"] > 150, modes["relay"] > 5, modes["challenge"] > 5) == (True, True, True)


async def nothing_is_found_wrong(day: Day) -> None:
    """`verify` counts everything again and agrees, also with the number of things that the test did."""
    async with day.services.database.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        found: Verification = await verify(session)
    assert found.discrepancies == []
    assert found.answers == sum(act.right is not None for act in day.log) > 2000
    assert found.officer_days == len({(act.day, act.who) for act in day.log}) > 300
    assert found.matches == day.runs > 200
    acts = await day.listed(PROVINCE_ADMIN, "/audit")
    assert (found.frozen_days, found.audit_entries) == (1, len(acts))
    assert {"exemption.created", "officer.transferred", "contest.open"} <= {act["action"] for act in acts}
