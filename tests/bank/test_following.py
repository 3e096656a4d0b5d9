"""The round that follows legal bases: retired the day after the end, brought back by a changed basis, noticed once."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from app.bank.confirming.service import confirm, withdraw
from app.bank.life.models import BasisWarning, QuestionStep
from app.bank.life.service import Followed, follow_bases
from app.bank.queries import bank_version
from app.core.audit import AuditEntry
from app.core.clock import Clock
from app.main import create_app
from tests.bank.banks import FACTS, INSTRUMENTS, fill, question
from tests.bank.lives import ask, id_of, put, states
from tests.bank.test_queries import BOTH, RESTS, drawable, own
from tests.conftest import serving
from tests.times import instant

LAST_DAY, AFTER = dt.date(2026, 12, 31), dt.date(2027, 1, 1)
EXTENDED = [INSTRUMENTS[0], {**INSTRUMENTS[1], "in_force_to": dt.date(2027, 12, 31)}]


@pytest.fixture
async def bank(services, tmp_path):
    """Shared questions of every state on the rules that end with the year, and one that stays."""
    resting = [question(f"x-{state}", state=state, **RESTS) for state in ("draft", "reviewed", "in_use", "to_confirm")]
    await fill(services, tmp_path, [question("stays"), question("both", **BOTH), *resting])
    return services


async def follow(services, day: dt.date, text: str = "00:10") -> Followed:
    return await follow_bases(services, now=instant(text, day))


async def count(services, model: Any) -> int:
    async with services.database.reads() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def test_questions_end_the_day_after_their_basis(bank, services):
    assert (await follow(services, LAST_DAY, "23:59:59")).retired == 0
    assert await follow(services, AFTER) == Followed(4, 0, 0)
    assert await states(services) == {
        "both": "retired",
        "stays": "in_use",
        "x-draft": "draft",
        "x-in_use": "retired",
        "x-reviewed": "retired",
        "x-to_confirm": "retired",
    }


async def test_any_number_of_rounds_and_processes_do_it_once(bank, services):
    done = await asyncio.gather(*(follow(services, AFTER) for _ in range(4)))
    assert sorted(done) == [Followed(0, 0, 0)] * 3 + [Followed(4, 0, 0)]
    async with services.database.reads() as session:
        version = await bank_version(session)
        entries = await session.scalars(select(AuditEntry).where(AuditEntry.action == "questions.follow_bases"))
        [entry] = entries.all()
    assert await follow(services, AFTER + dt.timedelta(1)) == Followed(0, 0, 0)
    assert (entry.actor_id, entry.after) == (
        None,
        {
            "retired": {"in_use": ["both", "x-in_use"], "reviewed": ["x-reviewed"], "to_confirm": ["x-to_confirm"]},
            "returned": [],
        },
    )
    async with services.database.reads() as session:
        assert await bank_version(session) == version
    assert await count(services, QuestionStep) == 4


async def test_a_later_import_keeps_what_its_basis_retired(bank, services, tmp_path):
    await follow(services, AFTER)
    again = await fill(services, tmp_path, [question("stays"), question("both", **BOTH)], now=instant("06:00", AFTER))
    assert (again.changed, again.unchanged) == (0, 2)
    assert (await states(services))["both"] == "retired"
    assert await follow(services, AFTER) == Followed(0, 0, 0)


async def test_a_basis_that_is_extended_brings_its_questions_back(bank, services, tmp_path):
    items = [question("both", **BOTH), question("x-to_confirm", state="to_confirm", **RESTS)]
    await follow(services, AFTER)
    await fill(services, tmp_path, items, instruments=EXTENDED, now=instant("06:00", AFTER))
    assert (await follow(services, AFTER)).returned == 2
    held = await states(services)
    assert (held["both"], held["x-to_confirm"], held["x-in_use"]) == ("in_use", "to_confirm", "retired")
    assert "both" in await drawable(services, day=AFTER)
    assert await follow(services, AFTER) == Followed(0, 0, 0)


async def test_a_question_that_gets_another_basis_is_used_again_at_once(bank, services, tmp_path):
    await follow(services, AFTER)
    await fill(services, tmp_path, [question("both")], now=instant("06:00", AFTER))
    assert (await states(services))["both"] == "in_use"
    assert await follow(services, AFTER) == Followed(0, 0, 0)


async def test_another_text_on_the_same_ended_basis_is_retired_again(bank, services, tmp_path):
    await follow(services, AFTER)
    await fill(services, tmp_path, [question("both", stem="改写了（　）。", **BOTH)], now=instant("06:00", AFTER))
    assert (await follow(services, AFTER)).retired == 1
    assert (await states(services))["both"] == "retired"


async def test_a_persons_stop_outlives_a_changed_basis(town, bank, services, tmp_path, clock):
    await follow(services, AFTER)
    clock.at("09:00", AFTER)
    stopped = (await put(town, "both", "retired", note="不再使用")).json()
    assert (stopped["stop"]["cause"], stopped["stop"]["would_be"]) == ("person", "in_use")
    await fill(services, tmp_path, [question("both", **BOTH)], instruments=EXTENDED, now=instant("06:00", AFTER))
    assert (await follow(services, AFTER)).returned == 0
    assert (await states(services))["both"] == "retired"


async def test_an_own_question_returns_through_a_new_review(town, services, tmp_path, clock):
    await fill(services, tmp_path / "shared", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("own", **RESTS)])
    await follow(services, AFTER)
    clock.at("09:00", AFTER)
    assert (await put(town, "own", "in_use")).json()["allowed"] == ["draft"]
    life = (await put(town, "own", "draft")).json()
    assert (life["state"], life["stop"]) == ("draft", None)
    assert life["steps"][1]["cause"] == "basis"
    assert life["steps"][1]["by"] is None


async def test_an_own_question_retired_by_its_basis_may_be_retired_for_good(town, services, tmp_path, clock):
    await fill(services, tmp_path / "shared", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("own", **RESTS)])
    await follow(services, AFTER)
    clock.at("09:00", AFTER)
    assert (await put(town, "own", "retired")).json()["stop"] is None
    await fill(services, tmp_path / "shared", [question("shared")], instruments=EXTENDED)
    assert (await follow(services, AFTER)).returned == 0


async def test_a_lifted_stop_respects_a_confirmation_withdrawn_meanwhile(town, services, tmp_path, clock):
    facts = [FACTS[0], {**FACTS[1], "confidence": "medium"}]
    await fill(services, tmp_path, [question("waits", state="to_confirm", **RESTS)], facts=facts)
    async with services.database.sessions.begin() as session:
        await confirm(
            session, "裁量权规定(2022)", by="李明", on=dt.date(2026, 11, 1), note=None, now=clock.now, actor_id=None
        )
    assert await states(services) == {"waits": "in_use"}
    await put(town, "waits", "retired")
    async with services.database.sessions.begin() as session:
        await withdraw(session, "裁量权规定(2022)", now=clock.now, actor_id=None)
    path = f"/questions/{await id_of(town, 'waits')}/state"
    assert (await ask(town, "管理员", "POST", path, json={"state": "in_use"})).json()["state"] == "to_confirm"


async def test_an_end_is_noticed_once_thirty_days_ahead(bank, services):
    assert await follow(services, dt.date(2026, 11, 30)) == Followed(0, 0, 0)
    with capture_logs() as logged:
        assert await follow(services, dt.date(2026, 12, 1)) == Followed(0, 0, 1)
        assert await follow(services, dt.date(2026, 12, 2)) == Followed(0, 0, 0)
    told = [line for line in logged if line["event"] == "legal basis ends"]
    assert [(line["instrument"], line["ends_on"], line["questions"]) for line in told] == [
        ("裁量权规定(2022)", "2026-12-31", 4)
    ]
    assert await count(services, BasisWarning) == 1


async def test_an_end_that_moves_is_noticed_anew(bank, services, tmp_path):
    await follow(services, dt.date(2026, 12, 1))
    await fill(services, tmp_path, [question("both", **BOTH)], instruments=EXTENDED)
    assert (await follow(services, dt.date(2027, 12, 1))).noticed == 1
    assert await count(services, BasisWarning) == 2


async def test_an_end_on_which_nothing_rests_is_nobodys_concern(services, tmp_path):
    await fill(services, tmp_path, [question("stays"), question("old", state="retired", **RESTS)])
    assert await follow(services, dt.date(2026, 12, 1)) == Followed(0, 0, 0)
    assert await follow(services, AFTER) == Followed(0, 0, 0)


async def test_warnings_tell_what_ended_until_it_is_settled(town, bank, services, tmp_path, clock):
    await follow(services, dt.date(2026, 12, 1))
    await follow(services, AFTER)
    clock.at("09:00", AFTER)
    [told] = (await ask(town, "管理员", "GET", "/questions/warnings")).json()["items"]
    assert (told["kind"], told["question_count"], told["noticed_at"]) == (
        "basis-ended",
        4,
        "2026-12-01T00:10:00+08:00",
    )
    await fill(services, tmp_path, [question("stays")], now=instant("06:00", AFTER))
    rewritten = [question(code) for code in ("both", "x-in_use", "x-reviewed", "x-to_confirm")]
    await fill(services, tmp_path, [question("stays"), *rewritten], now=instant("07:00", AFTER))
    assert (await ask(town, "管理员", "GET", "/questions/warnings")).json()["items"] == []


async def test_a_round_that_is_to_stop_begins_nothing(bank, services):
    assert await follow_bases(services, now=instant("00:10", AFTER), stopping=lambda: True) == Followed(0, 0, 0)


async def test_the_round_goes_by_the_set_clock(bank, services, clock):
    clock.at("00:10", AFTER)
    assert (await follow_bases(services)).retired == 4


async def test_the_clock_of_an_application_calls_the_round(bank, services, settings):
    ticking = create_app(settings.model_copy(update={"scheduler": True}), clock=Clock(lambda: instant("00:10", AFTER)))
    async with serving(ticking), asyncio.timeout(60):
        while (await states(services))["both"] != "retired":  # noqa: ASYNC110 - it is the tables that tell
            await asyncio.sleep(0.05)
