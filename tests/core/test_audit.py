"""The audit log: a chain in which every link covers what was done and the link before."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.core.audit import GENESIS, AuditEntry, append, entry_hash
from app.core.wiring import Services
from app.integrity.service import verify
from tests.times import instant


async def act(services: Services, action: str, **more: Any) -> None:
    async with services.database.sessions.begin() as session:
        values = {"actor_id": None, "subject": ("officer", 7), **more}
        await append(session, now=instant("09:00"), action=action, **values)


async def chain(services: Services) -> list[AuditEntry]:
    async with services.database.reads() as session:
        return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))


def entry(**more: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "at": instant("09:00"),
        "actor_id": uuid.UUID(int=1),
        "action": "exempt",
        "subject_kind": "officer",
        "subject_id": "7",
        "before": None,
        "after": {"days": 3},
        "reason": "病假",
        "previous": GENESIS,
    }
    return AuditEntry(**{**values, **more})


async def test_an_act_is_kept_with_who_what_and_why(services: Services) -> None:
    actor = uuid.UUID(int=3)
    await act(services, "transfer", actor_id=actor, before={"unit": "梅江"}, after={"unit": "丰顺"}, reason="调动")
    (kept,) = await chain(services)
    assert (kept.at, kept.actor_id, kept.action, kept.reason) == (instant("09:00"), actor, "transfer", "调动")
    assert (kept.subject_kind, kept.subject_id) == ("officer", "7")
    assert (kept.before, kept.after) == ({"unit": "梅江"}, {"unit": "丰顺"})


async def test_each_link_holds_the_hash_of_the_one_before(services: Services) -> None:
    for action in ("a", "b", "c"):
        await act(services, action)
    links = await chain(services)
    assert [link.previous for link in links] == [GENESIS, links[0].hash, links[1].hash]
    assert [link.hash for link in links] == [entry_hash(link) for link in links]


async def test_several_acts_of_one_transaction_are_links_too(services: Services) -> None:
    async with services.database.sessions.begin() as session:
        for action in ("a", "b"):
            await append(session, now=instant("09:00"), actor_id=None, action=action, subject=("unit", "x"))
    first, second = await chain(services)
    assert (first.action, second.action, second.previous) == ("a", "b", first.hash)


async def test_acts_at_the_same_time_stay_one_chain(services: Services) -> None:
    await asyncio.gather(*(act(services, f"act {number}") for number in range(12)))
    links = await chain(services)
    assert [link.previous for link in links] == [GENESIS, *(link.hash for link in links[:-1])]
    assert len({link.action for link in links}) == 12


async def test_an_act_that_is_undone_leaves_no_link(services: Services) -> None:
    await act(services, "a")
    async with services.database.sessions() as session:
        await append(session, now=instant("09:00"), actor_id=None, action="b", subject=("unit", "x"))
    await act(services, "c")
    assert [link.action for link in await chain(services)] == ["a", "c"]


NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    NUMBERS | TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
EXAMPLES: list[dict[str, Any]] = [
    {"index": {"participation": 0.2, "completion": 0.5, "accuracy": 0.3}, "slots": ["08:00", "22:00"]},
    {"numbers": [1.0, 1e16, 1e300, -0.0, 0.1, 1e-7, 2**70, -(2**63), 5e-324, 1.7976931348623157e308]},
    {"b": 1, "a": {"d": None, "c": [True, {"z": "", "y": "练"}]}, "é": "😀"},
    {},
]


async def test_the_hash_holds_after_the_database_has_kept_it(services: Services) -> None:
    for value in EXAMPLES:
        await act(services, "rules", before=value, after={"nested": [value, [value]]})
    assert [link.hash for link in await chain(services)] == [entry_hash(link) for link in await chain(services)]


@given(OBJECTS)
def test_a_value_and_its_decimal_spelling_have_one_hash(value: dict[str, Any]) -> None:
    # JSONB prints numbers without exponents: this is what comes back from it.
    def as_jsonb_prints(number: str) -> int | float:
        plain = format(Decimal(number), "f")
        return float(plain) if "." in plain else int(plain)

    stored = json.loads(json.dumps(value), parse_float=as_jsonb_prints)
    assert entry_hash(entry(after=value)) == entry_hash(entry(after=stored))


@given(OBJECTS, OBJECTS)
def test_different_values_have_different_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if not same and one != other:
        assert entry_hash(entry(after=one)) != entry_hash(entry(after=other))


@pytest.mark.parametrize(
    "change",
    [
        {"at": instant("09:00") + dt.timedelta(microseconds=1)},
        {"actor_id": None},
        {"actor_id": uuid.UUID(int=2)},
        {"action": "exempted"},
        {"subject_kind": "office", "subject_id": "r7"},
        {"subject_id": "8"},
        {"before": {}},
        {"after": None},
        {"after": {"days": 4}},
        {"after": {"days": "3"}},
        {"before": {"days": 3}, "after": None},
        {"reason": None},
        {"reason": ""},
        {"previous": bytes(31) + b"\1"},
    ],
)
def test_the_hash_covers_every_member(change: dict[str, Any]) -> None:
    assert entry_hash(entry(**change)) != entry_hash(entry())


def test_the_hash_does_not_depend_on_the_zone_or_the_order_of_keys() -> None:
    assert entry_hash(entry(at=instant("09:00").astimezone(dt.UTC))) == entry_hash(entry())
    assert entry_hash(entry(after={"a": 1, "b": 2})) == entry_hash(entry(after={"b": 2, "a": 1}))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entry SET reason = '事假' WHERE seq = 2",
        "UPDATE audit_entry SET after = '{\"days\": 30}' WHERE seq = 3",
        "UPDATE audit_entry SET at = at - interval '1 day' WHERE seq = 1",
        "DELETE FROM audit_entry WHERE seq = 2",
    ],
)
async def test_tampering_is_refused_and_where_forced_found(services: Services, tampering: str) -> None:
    for action in ("a", "b", "c"):
        await act(services, action, after={"days": 3}, reason="病假")
    async with services.database.sessions.begin() as session:
        assert (await verify(session)).sound
    with pytest.raises(DBAPIError, match="append-only"):
        async with services.database.sessions.begin() as session:
            await session.execute(text(tampering))
    async with services.database.sessions.begin() as session:
        await session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER USER"))  # who owns the table can
        await session.execute(text(tampering))
    async with services.database.sessions.begin() as session:
        found = await verify(session)
    assert [problem for problem in found.discrepancies if "审计" in problem]
