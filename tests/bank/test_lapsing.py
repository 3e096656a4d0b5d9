"""A confirmation stands for the text that was compared; what it moved is told in each question's life."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.bank.checking import Fact, InstrumentEntry, Register
from app.bank.confirming.rules import same_text
from app.bank.confirming.service import confirm
from app.core.audit import AuditEntry
from tests.bank.lives import ask, id_of, put
from tests.bank.test_confirming import REGISTER, RULE, WAITING_FACTS, bank, instrument, load, post, states, used
from tests.times import TODAY, instant

__all__ = ["bank"]
ON = dt.date(2026, 11, 20)
OF_REGISTER = {one["name"]: InstrumentEntry(**one) for one in REGISTER}
ARTICLE = Fact("lf-3", RULE, "第三条", dt.date(2024, 7, 1), None, "medium", "unverified_after_2026-08-15")
HELD = Register(OF_REGISTER, {"lf-3": ARTICLE})


def changed(**values: Any) -> list[dict[str, Any]]:
    return [{**one, **values} if one["name"] == RULE else one for one in REGISTER]


def shipped(*facts: Fact, **values: Any) -> Register:
    return Register(
        {**OF_REGISTER, RULE: replace(OF_REGISTER[RULE], **values)}, {one.id: one for one in (ARTICLE, *facts)}
    )


async def life(town, code: str) -> Any:
    return (await ask(town, "管理员", "GET", f"/questions/{await id_of(town, code)}/life")).json()


@pytest.mark.parametrize(
    "values",
    [
        {"in_force_from": dt.date(2026, 10, 1)},
        {"in_force_to": dt.date(2027, 12, 31)},
        {"full_name": "排污许可管理办法（修订）"},
        {"issuer": "国务院"},
    ],
)
def test_names_and_days_tell_one_text_from_another(values):
    assert not same_text(RULE, HELD, shipped(**values), confirmed_on=ON)


@pytest.mark.parametrize(
    "fact",
    [
        replace(ARTICLE, valid_from=dt.date(2026, 10, 1)),
        replace(ARTICLE, valid_to=dt.date(2027, 1, 1)),
        replace(ARTICLE, article="第四条"),
        replace(ARTICLE, id="lf-7", valid_from=ON + dt.timedelta(1)),
    ],
)
def test_an_article_that_is_amended_makes_another_text(fact):
    assert not same_text(RULE, HELD, shipped(fact), confirmed_on=ON)


@pytest.mark.parametrize(
    "newer",
    [
        HELD,
        Register(OF_REGISTER),
        shipped(checked_to=TODAY, note="已核", confirmed_by="题库编者"),
        shipped(replace(ARTICLE, confidence="high", force_check=None)),
        shipped(replace(ARTICLE, id="lf-7", valid_from=ON)),
        shipped(Fact("lf-9", "行政处罚法", "第一条", dt.date(2027, 1, 1), None, "high", None)),
    ],
)
def test_how_far_the_editors_looked_changes_no_text(newer):
    assert same_text(RULE, HELD, newer, confirmed_on=ON)


def test_an_article_that_is_gone_makes_another_text():
    others = {"lf-9": Fact("lf-9", "行政处罚法", "第一条", dt.date(2021, 7, 15), None, "high", None)}
    assert not same_text(RULE, HELD, Register(OF_REGISTER, others), confirmed_on=ON)


def test_facts_never_held_are_judged_by_their_days():
    assert same_text(RULE, Register(OF_REGISTER), HELD, confirmed_on=ON)


async def test_a_confirmation_of_another_text_lapses_and_is_told(town, services, tmp_path, bank):
    await post(town)
    report = await load(services, tmp_path, instruments=changed(in_force_from=dt.date(2026, 10, 1)))
    assert report.lapsed == (RULE,)
    assert await used(services) == {"sure"}
    assert await instrument(services) == (None, dt.date(2026, 5, 31))
    async with services.database.reads() as session:
        newest = (await session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()))).first()
    assert (newest.action, newest.after["lapsed"]) == ("questions.import", [RULE])
    again = await load(services, tmp_path, instruments=changed(in_force_from=dt.date(2026, 10, 1)))
    assert (again.lapsed, again.changed) == ((), 0)
    assert (await post(town)).json()["moved"] == ["mixed", "rule"]


async def test_an_amended_article_is_an_act_even_where_the_register_vouches_as_before(town, services, tmp_path):
    vouched = changed(confirmed_by="法制科 李明", checked_to=ON)
    await load(services, tmp_path, instruments=vouched)
    await post(town)
    amended = [{**one, "valid_to": "2027-06-30"} if one["id"] == "lf-3" else one for one in WAITING_FACTS]
    assert (await load(services, tmp_path, instruments=vouched, facts=amended)).lapsed == (RULE,)
    async with services.database.reads() as session:
        newest = (await session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()))).first()
    assert newest.after["lapsed"] == [RULE]


async def test_what_a_person_stopped_waits_for_the_new_text_too(town, services, tmp_path, bank):
    await post(town)
    await put(town, "rule", "retired")
    await load(services, tmp_path, instruments=changed(in_force_to=dt.date(2027, 12, 31)))
    stopped = await life(town, "rule")
    assert (stopped["state"], stopped["stop"]["would_be"]) == ("retired", "to_confirm")


async def test_confirming_and_withdrawing_are_steps_of_the_questions_life(town, bank):
    await post(town)
    await post(town, "withdraw", reason="文本已修订")
    steps = (await life(town, "rule"))["steps"]
    assert [(one["from_state"], one["to_state"], one["cause"], one["by"]["name"], one["note"]) for one in steps] == [
        ("in_use", "to_confirm", "person", "管理员", f"撤回对《{RULE}》的确认"),
        ("to_confirm", "in_use", "person", "管理员", f"确认《{RULE}》"),
    ]
    assert (await life(town, "both"))["steps"] == []


async def test_the_same_again_is_no_step(town, services, bank):
    await post(town)
    await post(town)
    await post(town, note="再次核对")
    assert len((await life(town, "rule"))["steps"]) == 1


async def test_a_command_takes_its_step_without_a_person(town, services, bank):
    async with services.database.sessions.begin() as session:
        await confirm(session, RULE, by="李明", on=ON, note=None, now=instant("09:00"), actor_id=None)
    (step,) = (await life(town, "rule"))["steps"]
    assert (step["by"], step["note"], step["to_state"]) == (None, f"确认《{RULE}》", "in_use")


async def test_what_a_lifted_stop_brings_into_use_goes_back_with_the_confirmation(town, services, bank):
    await put(town, "looked-at", "retired")
    assert (await post(town, name="行政处罚法")).json()["moved"] == []
    assert (await put(town, "looked-at", "to_confirm")).json()["state"] == "in_use"
    assert (await post(town, "withdraw", name="行政处罚法")).json()["moved"] == ["looked-at"]
    assert (await states(services))["looked-at"] == "to_confirm"


async def test_what_was_withdrawn_under_a_stop_waits_and_comes_again(town, services, bank):
    await post(town, name="行政处罚法")
    await put(town, "looked-at", "retired")
    await post(town, "withdraw", name="行政处罚法")
    assert (await put(town, "looked-at", "in_use")).json()["state"] == "to_confirm"
    assert (await post(town, name="行政处罚法")).json()["moved"] == ["looked-at"]
    assert (await post(town, "withdraw", name="行政处罚法")).json()["moved"] == ["looked-at"]
