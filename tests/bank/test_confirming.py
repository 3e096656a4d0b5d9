"""Confirming instruments: what comes into use, what stays, who may, and that an upgrade of the bank keeps it."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select, update

from app.bank.checking import Fact, InstrumentEntry, Register, settled
from app.bank.confirming import service
from app.bank.models import Instrument, LegalFact, Question
from app.core.audit import AuditEntry
from tests.bank.banks import FACTS, INSTRUMENTS, fill, question
from tests.bank.test_import import told, version
from tests.bank.test_questions_api import get
from tests.people import Town
from tests.times import TODAY, instant

RULE = "排污许可管理办法(2024)"
LAW = INSTRUMENTS[0]
REGISTER: list[dict[str, Any]] = [
    *INSTRUMENTS,
    {
        **LAW,
        "name": RULE,
        "full_name": "排污许可管理办法",
        "in_force_from": dt.date(2024, 7, 1),
        "checked_to": dt.date(2026, 5, 31),
    },
    {
        **LAW,
        "name": "水污染防治法(已废止)",
        "full_name": "中华人民共和国水污染防治法",
        "in_force_to": dt.date(2026, 8, 14),
    },
]
DOUBT = {"confidence": "medium", "force_check": "unverified_after_2026-08-15"}
WAITING_FACTS: list[dict[str, Any]] = [
    *FACTS,
    {**FACTS[0], "id": "lf-3", "instrument": RULE, "article": "第三条", **DOUBT},
    {**FACTS[1], "id": "lf-4", **DOUBT},
    {**FACTS[0], "id": "lf-5", "instrument": RULE, "article": "第五条", "valid_to": "2026-10-31", **DOUBT},
]
OF_RULE = {"instrument": RULE, "article": "第三条"}
OF_OTHER = {"instrument": "裁量权规定(2022)", "article": "第五条"}


def waiting(code: str, *pairs: tuple[str, dict[str, str]], **changes: Any) -> dict[str, Any]:
    facts, basis = [name for name, _ in pairs], [one for _, one in pairs]
    return question(code, facts=facts, basis=basis, **{"state": "to_confirm", **changes})


BANK = [
    question("sure"),
    question("looked-at", state="to_confirm"),
    waiting("rule", ("lf-3", OF_RULE)),
    waiting("both", ("lf-3", OF_RULE), ("lf-4", OF_OTHER)),
    waiting("mixed", ("lf-3", OF_RULE), ("lf-1", {"instrument": "行政处罚法", "article": "第六十三条"})),
    waiting("old", ("lf-3", OF_RULE), state="retired"),
    waiting("lapsed", ("lf-5", {"instrument": RULE, "article": "第五条"})),
]


async def load(services, folder, items=None, **more: Any):
    return await fill(
        services, folder, BANK if items is None else items, **{"instruments": REGISTER, "facts": WAITING_FACTS, **more}
    )


@pytest.fixture
async def bank(services, tmp_path) -> None:
    assert (await load(services, tmp_path)).errors == ()


async def states(services) -> dict[str, str]:
    async with services.database.reads() as session:
        return {row.code: row.state for row in await session.execute(select(Question.code, Question.state))}


async def used(services) -> set[str]:
    return {code for code, state in (await states(services)).items() if state == "in_use"}


async def instrument(services, name: str = RULE) -> tuple[str | None, dt.date | None]:
    async with services.database.reads() as session:
        one = await session.get_one(Instrument, name)
    return one.confirmed_by, one.checked_to


async def post(town: Town, what: str = "confirm", *, name: str = RULE, who: str = "管理员", **body: Any):
    sent = {"by": "法制科 李明", "on": "2026-11-20"} if what == "confirm" else {}
    async with town.as_(who) as client:
        return await client.post(f"/instruments/{name}/{what}", json={**sent, **body})


async def test_confirming_brings_what_waited_for_it_alone_into_use(town, services, bank):
    before = await version(services)
    answer = await post(town, note="与国家法律法规数据库一致")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["changed"], answer.json()["moved"]) == (True, ["mixed", "rule"])
    shown = answer.json()["instrument"]
    assert (shown["confirmed_by"], shown["confirmed_on"], shown["checked_to"]) == (
        "法制科 李明",
        "2026-11-20",
        "2026-11-20",
    )
    assert (shown["confirmation_note"], shown["questions"]) == (
        "与国家法律法规数据库一致",
        {"in_use": 2, "to_confirm": 2},
    )
    assert await used(services) == {"sure", "mixed", "rule"}
    assert await version(services) == before + 1


async def test_the_second_instrument_frees_what_waited_for_both(town, services, bank):
    await post(town)
    assert (await post(town, name="裁量权规定(2022)")).json()["moved"] == ["both"]


async def test_the_same_again_changes_nothing(town, services, bank):
    await post(town)
    before = await version(services)
    again = (await post(town)).json()
    assert (again["changed"], again["moved"]) == (False, [])
    assert await version(services) == before
    async with services.database.reads() as session:
        actions = list(await session.scalars(select(AuditEntry.action)))
    assert actions.count("instrument.confirm") == 1


async def test_another_name_or_day_is_an_act_of_its_own(town, services, bank):
    await post(town)
    shown = (await post(town, by="法规处 王芳", on="2026-05-01")).json()["instrument"]
    assert (shown["confirmed_by"], shown["confirmed_on"]) == ("法规处 王芳", "2026-05-01")
    assert shown["checked_to"] == "2026-05-31"  # the register itself has been checked longer


async def test_an_act_is_audited_with_its_questions(town, services, bank):
    await post(town)
    await post(town, "withdraw", reason="文本已修订")
    async with services.database.reads() as session:
        entries = list(
            await session.scalars(
                select(AuditEntry).where(AuditEntry.subject_kind == "instrument").order_by(AuditEntry.seq)
            )
        )
    assert [(one.action, one.subject_id, one.actor_id) for one in entries] == [
        ("instrument.confirm", RULE, town.officers["管理员"]),
        ("instrument.withdraw", RULE, town.officers["管理员"]),
    ]
    assert entries[0].before == {"confirmed_by": None, "checked_to": "2026-05-31", "note": None}
    assert entries[0].after == {
        "confirmed_by": "法制科 李明",
        "checked_to": "2026-11-20",
        "note": None,
        "freed": ["mixed", "rule"],
    }
    assert entries[1].after == {
        "confirmed_by": None,
        "checked_to": "2026-05-31",
        "note": None,
        "waiting": ["mixed", "rule"],
    }
    assert entries[1].reason == "文本已修订"


async def test_withdrawing_sends_back_exactly_what_it_brought(town, services, bank):
    await post(town)
    await post(town, name="裁量权规定(2022)")
    answer = (await post(town, "withdraw")).json()
    assert answer["moved"] == ["both", "mixed", "rule"]
    assert await used(services) == {"sure"}
    assert await instrument(services) == (None, dt.date(2026, 5, 31))
    assert (await post(town, "withdraw")).json()["changed"] is False
    assert (await post(town)).json()["moved"] == ["both", "mixed", "rule"]


async def test_a_question_freed_without_a_mark_is_sent_back_too(town, services, bank):
    await post(town)
    async with services.database.sessions.begin() as session:
        await session.execute(update(Question).values(freed_at=None))
    assert (await post(town, "withdraw")).json()["moved"] == ["mixed", "rule"]


async def test_what_rests_on_sure_facts_only_waits_again_as_well(town, services, bank):
    assert (await post(town, name="行政处罚法")).json()["moved"] == ["looked-at"]
    assert (await post(town, "withdraw", name="行政处罚法")).json()["moved"] == ["looked-at"]
    assert await used(services) == {"sure"}


async def test_an_upgrade_keeps_a_confirmation_and_its_questions(town, services, tmp_path, bank):
    await post(town)
    before = await version(services)
    assert told(await load(services, tmp_path)) == (7, 0, 0, 7, 0)
    assert await version(services) == before
    assert await instrument(services) == ("法制科 李明", dt.date(2026, 11, 20))
    more = [
        *BANK[:2],
        waiting("rule", ("lf-3", OF_RULE), stem="改写后的题干（　）。"),
        *BANK[3:],
        waiting("new", ("lf-3", OF_RULE)),
    ]
    assert told(await load(services, tmp_path, more)) == (8, 1, 1, 6, 0)
    assert await used(services) == {"sure", "mixed", "rule", "new"}
    assert (await post(town, "withdraw")).json()["moved"] == ["mixed", "new", "rule"]


async def test_an_upgrade_that_confirms_by_itself_stays_after_a_withdrawal(town, services, tmp_path, bank):
    await post(town)
    shipped = [
        {**one, "confirmed_by": "题库编者", "checked_to": dt.date(2026, 11, 22)} if one["name"] == RULE else one
        for one in REGISTER
    ]
    items = [question("rule", facts=["lf-3"], basis=[OF_RULE]), *(one for one in BANK if one["code"] != "rule")]
    await load(services, tmp_path, items, instruments=shipped)
    assert await instrument(services) == ("法制科 李明", dt.date(2026, 11, 22))
    assert (await post(town, "withdraw")).json()["moved"] == ["mixed"]
    assert await instrument(services) == ("题库编者", dt.date(2026, 11, 22))
    assert await used(services) == {"sure", "rule"}


async def test_a_confirmation_of_an_earlier_text_lapses(town, services, tmp_path, bank):
    await post(town)
    newer = [{**one, "in_force_from": dt.date(2026, 11, 21)} if one["name"] == RULE else one for one in REGISTER]
    await load(services, tmp_path, instruments=newer)
    assert await used(services) == {"sure"}
    assert await instrument(services) == (None, dt.date(2026, 5, 31))


async def test_an_instrument_that_a_release_leaves_out_stays_confirmed(town, services, tmp_path, bank):
    await post(town)
    await load(services, tmp_path, BANK[:1], instruments=INSTRUMENTS, facts=FACTS)
    assert (await instrument(services))[0] == "法制科 李明"
    await load(services, tmp_path)
    assert await used(services) == {"sure", "mixed", "rule"}


async def test_facts_follow_the_register(services, tmp_path, bank):
    await load(services, tmp_path, facts=[{**fact, "confidence": "high"} for fact in WAITING_FACTS])
    async with services.database.reads() as session:
        assert set(await session.scalars(select(LegalFact.confidence))) == {"high"}


async def test_a_full_name_is_known_too(town, bank):
    assert (await post(town, name="排污许可管理办法")).json()["instrument"]["name"] == RULE


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("排污许可管理办発", {}, 404, "没有登记《排污许可管理办発》，最接近的是《排污许可管理办法》；请核对名称"),
        ("qq", {}, 404, "没有登记《qq》；请核对名称"),
        ("水污染防治法(已废止)", {}, 409, "《水污染防治法(已废止)》的效力止于2026-08-14，不能确认"),
        (RULE, {"on": "2026-11-24"}, 422, "确认日期 2026-11-24 还没有到"),
        (RULE, {"on": "2024-06-30"}, 422, "现行文本自2024-07-01起施行，确认日期不能更早"),
    ],
)
async def test_what_cannot_be_confirmed_is_told(town, services, bank, name, body, status, said):
    answer = await post(town, name=name, **body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True)
    assert await used(services) == {"sure"}


@pytest.mark.parametrize("body", [{"by": " "}, {"by": "甲\n乙"}, {"on": "昨天"}, {"by": "x" * 61}, {"whom": "x"}])
async def test_a_body_that_is_wrong_is_told(town, bank, body):
    assert (await post(town, **body)).json()["code"] == "validation"


async def test_only_question_administrators_of_a_bureau_or_province_confirm(town, services, bank):
    await town.officer("参赛管理员", "市局", roles=["admin"])
    await town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    assert (await post(town, who="参赛管理员")).json()["code"] == "question-administration-closed"
    for who in ("分局管理员", "市局处长"):
        assert [(await post(town, what, who=who)).json()["code"] for what in ("confirm", "withdraw")] == [
            "forbidden"
        ] * 2
    assert (await get(town, "参赛管理员", "/instruments")).json()["code"] == "question-administration-closed"
    assert await used(services) == {"sure"}


async def test_the_register_is_listed_in_pages(town, bank):
    first = (await get(town, "管理员", "/instruments", limit=3)).json()
    second = (await get(town, "管理员", "/instruments", cursor=first["next"])).json()
    assert [len(page["items"]) for page in (first, second)] == [3, 1]
    assert second["next"] is None
    names = [item["name"] for page in (first, second) for item in page["items"]]
    assert sorted(names) == sorted(one["name"] for one in REGISTER)
    waits = (await get(town, "管理员", "/instruments", waiting=True)).json()["items"]
    assert {item["name"]: item["questions"]["to_confirm"] for item in waits} == {
        RULE: 4,
        "裁量权规定(2022)": 1,
        "行政处罚法": 2,
    }
    assert (await get(town, "管理员", "/instruments", cursor="WzFd")).json()["code"] == "malformed"


async def test_two_confirmations_at_once_make_one(services, bank):
    async def once() -> service.Confirmed:
        async with services.database.sessions.begin() as session:
            return await service.confirm(
                session, RULE, by="李明", on=TODAY, note=None, now=instant("09:00"), actor_id=None
            )

    done = await asyncio.gather(once(), once())
    assert sorted(one.changed for one in done) == [False, True]


DAY = dt.date(2026, 11, 23)
SURE = Fact("lf-1", "行政处罚法", "第六十三条", dt.date(2021, 7, 15), None, "high", None)
DOUBTFUL = Fact("lf-3", RULE, "第三条", dt.date(2024, 7, 1), dt.date(2026, 11, 23), "medium", None)
KNOWN = Register(
    {
        one["name"]: InstrumentEntry(**{**one, "confirmed_by": "李明" if one["name"] == RULE else None})
        for one in REGISTER
    },
    {"lf-1": SURE, "lf-3": DOUBTFUL},
)


@pytest.mark.parametrize(
    ("facts", "confirmed", "day", "free"),
    [
        (["lf-3"], {RULE}, DAY, True),
        (["lf-3", "lf-1"], {RULE}, DAY, True),
        (["lf-3"], set(), DAY, False),
        (["lf-1"], {RULE}, DAY, False),
        (["lf-3", "lf-9"], {RULE}, DAY, False),
        ([], {RULE}, DAY, False),
        (["lf-3"], {RULE}, dt.date(2026, 11, 24), False),
        (["lf-3"], {RULE}, dt.date(2024, 6, 30), False),
    ],
)
def test_a_question_waits_for_facts_and_for_a_confirmation(facts, confirmed, day, free):
    assert settled(facts, KNOWN, confirmed, day) is free


def test_without_facts_nothing_is_settled():
    assert not settled(["lf-3"], Register(KNOWN.instruments), {RULE}, DAY)
