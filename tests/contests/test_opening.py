"""Opening, pausing and resuming: the right state, no overlap even in a race, a bank that suffices."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid

import pytest
from sqlalchemy import select, text

from app.bank.models import Instrument
from app.contests.models import Contest, ContestState
from app.contests.service import create_contest, open_contest, resume_contest
from app.core.audit import AuditEntry
from app.core.errors import NotFound
from tests.bank.banks import fill, questions
from tests.contests.test_contests_api import day
from tests.times import TODAY, instant


async def test_a_draft_is_opened_once_and_a_double_tap_does_no_harm(town, call, new, services, bank):
    contest = (await new()).json()["id"]
    first = await call("POST", f"/contests/{contest}/open")
    second = await call("POST", f"/contests/{contest}/open")
    assert (first.status_code, first.json()["state"], first.json()["phase"]) == (200, "open", "running")
    assert second.json() == first.json()
    async with services.database.reads() as session:
        entries = list(await session.scalars(select(AuditEntry).where(AuditEntry.action == "contest.open")))
    assert [(entry.before, entry.after) for entry in entries] == [({"state": "draft"}, {"state": "open"})]


@pytest.mark.parametrize("act", ["open", "pause", "resume"])
async def test_who_may_not(town, call, act):
    contest = await town.contest("市局", state=ContestState.DRAFT)
    assert (await call("POST", f"/contests/{contest}/{act}", by="市局处长")).status_code == 403
    assert (await call("POST", f"/contests/{contest}/{act}", by="邻市管理员")).status_code == 404


@pytest.mark.parametrize(("days", "code"), [((-5, -1), "contest-over"), ((-1, 5), "contest-starts-in-past")])
async def test_days_gone_by_are_not_opened(call, new, bank, days, code):
    contest = (await new(days=days)).json()["id"]
    answer = await call("POST", f"/contests/{contest}/open")
    assert (answer.status_code, answer.json()["code"]) == (409, code)


@pytest.mark.parametrize(("unit", "by"), [("市局", "管理员"), ("省厅", "省厅管理员")])
@pytest.mark.parametrize("state", [ContestState.OPEN, ContestState.PAUSED])
async def test_nobody_is_in_two_contests_a_day(town, call, new, bank, unit, by, state):
    await town.contest("市局", ends_on=TODAY + dt.timedelta(days=5), state=state)
    over = (await new(unit=unit, by=by, days=(5, 9))).json()["id"]
    after = (await new(unit=unit, by=by, days=(6, 9))).json()["id"]
    assert (await call("POST", f"/contests/{over}/open", by=by)).json()["code"] == "contest-overlaps"
    assert (await call("POST", f"/contests/{after}/open", by=by)).status_code == 200


async def test_bureaus_side_by_side_and_drafts_do_not_clash(town, call, new, bank):
    await town.contest("邻市局")
    await town.contest("市局", state=ContestState.DRAFT)
    contest = (await new()).json()["id"]
    assert (await call("POST", f"/contests/{contest}/open")).status_code == 200


async def someone_waits(services) -> None:
    """Return once a transaction waits for an advisory lock."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with services.database.reads() as session:
        while not await session.scalar(waiting):  # noqa: ASYNC110 - another connection's wait sets no event here
            await asyncio.sleep(0.01)


async def test_an_opening_waits_for_one_that_is_not_committed_yet(call, new, services, bank):
    mine = (await new()).json()["id"]
    theirs = (await new(unit="省厅", by="省厅管理员")).json()["id"]
    async with services.database.sessions.begin() as session:
        await open_contest(
            session, await session.get_one(Contest, uuid.UUID(mine)), now=instant("09:00"), actor_id=None
        )
        second = asyncio.create_task(call("POST", f"/contests/{theirs}/open", by="省厅管理员"))
        await someone_waits(services)
    assert (await second).json()["code"] == "contest-overlaps"


async def test_a_bank_that_is_too_small_tells_what_is_missing(call, new, services, tmp_path):
    await fill(services, tmp_path, questions(4, 2, 3))
    contest = (await new()).json()["id"]
    answer = (await call("POST", f"/contests/{contest}/open")).json()
    assert (answer["code"], answer["kind"], answer["available"], answer["needed"]) == (
        "bank-too-small",
        "multiple",
        2,
        3,
    )
    assert "请管理员导入或启用更多多选题" in answer["detail"]
    assert (await call("GET", f"/contests/{contest}")).json()["state"] == "draft"


async def test_the_bank_must_last_to_the_last_day(call, new, services, bank):
    async with services.database.sessions.begin() as session:
        (await session.get_one(Instrument, "行政处罚法")).in_force_to = TODAY + dt.timedelta(days=19)
    contest = (await new()).json()["id"]
    assert (await call("POST", f"/contests/{contest}/open")).json()["day"] == day(20)


async def test_pausing_and_resuming(call, new, services, bank):
    contest = (await new()).json()["id"]
    assert (await call("POST", f"/contests/{contest}/pause")).json()["code"] == "contest-not-open"
    assert (await call("POST", f"/contests/{contest}/resume")).json()["code"] == "contest-not-paused"
    await call("POST", f"/contests/{contest}/open")
    for act, phase in [("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("resume", "running")]:
        answer = await call("POST", f"/contests/{contest}/{act}")
        assert (answer.status_code, answer.json()["phase"]) == (200, phase)
    async with services.database.reads() as session:
        actions = list(await session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))
    assert actions[-3:] == ["contest.open", "contest.pause", "contest.resume"]


async def test_a_paused_contest_is_resumed_not_opened(town, call):
    contest = await town.contest("市局", state=ContestState.PAUSED)
    assert (await call("POST", f"/contests/{contest}/open")).json()["code"] == "contest-not-draft"


async def test_a_contest_that_is_over_is_not_paused(town, call, clock):
    contest = await town.contest("市局", ends_on=TODAY)
    clock.at("00:00", TODAY + dt.timedelta(days=1))
    assert (await call("POST", f"/contests/{contest}/pause")).json()["code"] == "contest-not-open"


async def test_a_demo_opens_in_the_past_by_saying_when(town, services, bank):
    then = TODAY - dt.timedelta(days=11)
    async with services.database.sessions.begin() as session:
        contest = await create_contest(
            session,
            unit_id=town.units["市局"],
            name="演示",
            starts_on=then,
            ends_on=TODAY,
            rules={},
            now=instant("05:00", then),
            actor_id=None,
        )
        await open_contest(session, contest, now=instant("05:30", then), actor_id=None)
    async with services.database.sessions.begin() as session:
        held = await session.get_one(Contest, contest.id)
        assert (held.state, held.opened_at) == ("open", instant("05:30", then))
        assert await resume_contest(session, held, now=instant("09:00"), actor_id=None) is held


async def test_a_unit_that_is_not_there_is_not_found(services):
    async with services.database.sessions() as session:
        with pytest.raises(NotFound):
            await create_contest(
                session,
                unit_id=uuid.UUID(int=1),
                name="x",
                starts_on=TODAY,
                ends_on=TODAY,
                rules={},
                now=instant("09:00"),
                actor_id=None,
            )
