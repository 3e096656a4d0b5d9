"""What may be drawn on a day, the texts of revisions, and what a process remembers of both."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any, Self

import pytest
from sqlalchemy import event, func, select, update

from app.bank.cache import BankCache
from app.bank.models import Question, QuestionRevision
from app.bank.queries import bank_version, load_pool, load_revisions
from app.bank.service import import_directory
from app.contests.queries import drawable_counts
from tests.bank.banks import INSTRUMENTS, fill, question, questions, write_bank
from tests.times import TODAY, instant

RESTS: dict[str, Any] = {"basis": [{"instrument": "裁量权规定(2022)", "article": "第五条"}], "facts": ["lf-2"]}
BOTH: dict[str, Any] = {
    "basis": [
        {"instrument": "行政处罚法", "article": "第六十三条"},
        {"instrument": "裁量权规定(2022)", "article": "第五条"},
    ],
    "facts": ["lf-1", "lf-2"],
}


async def own(services, town, folder, unit: str, items) -> None:
    """Questions of a unit's own in the states that are asked for, as if two people had put them there."""
    write_bank(folder, items)
    async with services.database.sessions.begin() as session:
        report = await import_directory(session, folder, unit_id=town.units[unit], now=instant("09:00"), actor_id=None)
        for item in items:
            reviewed = update(Question).where(Question.unit_id == town.units[unit], Question.code == item["code"])
            await session.execute(reviewed.values(state=item["state"]))
    assert not report.errors


async def drawable(services, *, owners: list[uuid.UUID] | None = None, day: dt.date = TODAY) -> set[str]:
    """The codes in the pool; the counts that contests go by must agree."""
    async with services.database.reads() as session:
        pool = await load_pool(session, owners=owners or [], day=day)
        counts = await drawable_counts(session, owners or [], day)
        codes = await session.scalars(select(Question.code).where(Question.id.in_(pool.place)))
    sizes = {kind: sum(len(pool.cells[kind, topic]) for topic in pool.topics[kind]) for kind in pool.topics}
    assert {kind: size for kind, size in sizes.items() if size} == counts
    return set(codes)


async def test_only_questions_in_use_and_in_force_that_day_are_drawable(services, tmp_path):
    others = [question(f"x-{state}", state=state) for state in ("draft", "reviewed", "to_confirm", "retired")]
    await fill(
        services, tmp_path, [*questions(1, 1, 1), *others, question("lapses", **RESTS), question("both", **BOTH)]
    )
    always = {"single-001", "multiple-001", "true_false-001"}
    assert await drawable(services, day=dt.date(2026, 12, 31)) == {*always, "lapses", "both"}
    assert await drawable(services, day=dt.date(2027, 1, 1)) == always
    assert await drawable(services, day=dt.date(2021, 7, 14)) == set()


async def test_a_units_own_questions_are_drawn_below_it_only(town, services, tmp_path):
    await fill(services, tmp_path / "shared", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("own")])
    path = [town.units["省厅"], town.units["市局"]]
    assert await drawable(services) == {"shared"}
    assert await drawable(services, owners=path) == {"shared", "own"}
    assert await drawable(services, owners=path[:1]) == {"shared"}


async def test_the_pool_knows_topics_and_lengths(services, tmp_path):
    stems = ["十个字的题干（　）。", "某厂的题（　）。"]
    await fill(services, tmp_path, [question(f"q-{stem}"[:3], stem=stem, topic="水") for stem in stems])
    async with services.database.reads() as session:
        pool = await load_pool(session, owners=[], day=TODAY)
    assert {(one.topic, one.stem_length, one.case) for one in pool.cells["single", "水"]} == {
        ("水", 10, False),
        ("水", 8, True),
    }


async def test_a_revision_shows_options_in_order_and_the_key_by_id(services, tmp_path):
    await fill(services, tmp_path, [question("q-001", "multiple")])
    async with services.database.reads() as session:
        row = (await session.scalars(select(QuestionRevision))).one()
        views = await load_revisions(session, [row.id, uuid.UUID(int=1)])
    view = views[row.id]
    assert list(views) == [row.id]
    assert [text for _, text in view.options] == ["罚款", "警告", "没收", "劝导"]
    assert sorted(key for key, _ in view.options[:2]) == list(view.key)
    assert (view.code, view.basis) == ("q-001", ({"instrument": "行政处罚法", "article": "第六十三条"},))


class Statements:
    """Counts what is asked of the database while it is entered."""

    def __init__(self, services) -> None:
        self._engine = services.database.engine.sync_engine
        self.count = 0

    def _one(self, *_args) -> None:
        self.count += 1

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._one)
        return self

    def __exit__(self, *_args) -> None:
        event.remove(self._engine, "before_cursor_execute", self._one)


async def revision_ids(services) -> list[uuid.UUID]:
    async with services.database.reads() as session:
        return list(await session.scalars(select(QuestionRevision.id).order_by(QuestionRevision.stem)))


async def test_revisions_are_read_once_and_given_in_the_order_asked_for(services, tmp_path):
    await fill(services, tmp_path, questions(3))
    first, second, third = await revision_ids(services)
    cache = BankCache()
    async with services.database.reads() as session:
        assert [view.id for view in await cache.revisions(session, [third, first, third])] == [third, first, third]
        with Statements(services) as statements:
            assert [view.id for view in await cache.revisions(session, [first, third])] == [first, third]
        assert statements.count == 0
        with pytest.raises(KeyError):
            await cache.revisions(session, [uuid.UUID(int=1)])
    assert cache.held(second) is None
    assert cache.held(first)


async def test_the_least_used_revision_is_crowded_out(services, tmp_path):
    await fill(services, tmp_path, questions(3))
    first, second, third = await revision_ids(services)
    cache = BankCache(most_revisions=2)
    async with services.database.reads() as session:
        await cache.revisions(session, [first, second])
        cache.held(first)
        await cache.revisions(session, [third])
    assert [bool(cache.held(one)) for one in (first, second, third)] == [True, False, True]


async def test_a_pool_is_loaded_once_for_all_who_ask_at_once(services, tmp_path):
    await fill(services, tmp_path, questions(2))
    cache = BankCache()

    async def ask():
        async with services.database.reads() as session:
            return await cache.pool(session, version=1, owners=[], day=TODAY)

    with Statements(services) as statements:
        pools = await asyncio.gather(*(ask() for _ in range(5)))
    assert all(pool is pools[0] for pool in pools)
    assert statements.count == 2  # which units own questions, and the pool


async def test_a_new_version_brings_a_new_pool(services, tmp_path):
    await fill(services, tmp_path, questions(2))
    cache = BankCache()
    async with services.database.reads() as session:
        old = await cache.pool(session, version=1, owners=[], day=TODAY)
        await fill(services, tmp_path, questions(3))
        assert await cache.pool(session, version=1, owners=[], day=TODAY) is old
        new = await cache.pool(session, version=await bank_version(session), owners=[], day=TODAY)
        assert (len(old.place), len(new.place)) == (2, 3)
        assert await cache.pool(session, version=1, owners=[], day=TODAY) is new


async def test_bureaus_without_questions_of_their_own_share_a_pool(town, services, tmp_path):
    await fill(services, tmp_path / "shared", questions(1))
    await own(services, town, tmp_path / "own", "市局", [question("own")])
    cache = BankCache()
    async with services.database.reads() as session:
        mine = await cache.pool(session, version=2, owners=[town.units["市局"]], day=TODAY)
        elsewhere = [await cache.pool(session, version=2, owners=[uuid.uuid4()], day=TODAY) for _ in range(2)]
    assert elsewhere[0] is elsewhere[1]
    assert len(mine.place) == len(elsewhere[0].place) + 1


async def test_pools_of_the_last_three_days_are_kept(services, tmp_path):
    await fill(services, tmp_path, questions(1))
    cache = BankCache()
    days = [TODAY + dt.timedelta(number) for number in range(4)]
    async with services.database.reads() as session:
        for day in days:
            await cache.pool(session, version=1, owners=[], day=day)
        with Statements(services) as statements:
            for day in days:
                await cache.pool(session, version=1, owners=[], day=day)
    assert statements.count == 1


async def test_a_basis_is_listed_for_every_article(services, tmp_path):
    await fill(services, tmp_path, [question(**BOTH)], instruments=INSTRUMENTS)
    async with services.database.reads() as session:
        assert await session.scalar(select(func.cardinality(QuestionRevision.facts))) == 2
