"""What one process remembers of the bank: texts for ever, pools for the current version and the latest days."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from app.bank.queries import RevisionView, load_pool, load_revisions, owning_units

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.rules import Pool
    from app.core.database import Database

_MOST_REVISIONS = 20_000
_DAYS = 3


class _Key(NamedTuple):
    day: dt.date
    owners: frozenset[uuid.UUID]


class BankCache:
    """Revisions and pools of this process.

    A revision never changes, so it is kept until others crowd it out. A pool is kept under the bank's version,
    which the caller has just read: another process's import is seen with the next one.
    """

    def __init__(self, *, most_revisions: int = _MOST_REVISIONS) -> None:
        self._most_revisions = most_revisions
        self._revisions: OrderedDict[uuid.UUID, RevisionView] = OrderedDict()
        self._version = -1
        self._owning: frozenset[uuid.UUID] = frozenset()
        self._pools: dict[_Key, Pool] = {}
        self._loading = asyncio.Lock()

    def held(self, revision_id: uuid.UUID) -> RevisionView | None:
        """Return a revision if it is remembered."""
        view = self._revisions.get(revision_id)
        if view is not None:
            self._revisions.move_to_end(revision_id)
        return view

    async def revisions(self, session: AsyncSession, ids: Iterable[uuid.UUID]) -> list[RevisionView]:
        """Return these revisions in the order asked for, reading those not remembered; KeyError for an unknown id."""
        wanted = list(ids)
        found = {revision_id: view for revision_id in wanted if (view := self.held(revision_id))}
        missing = [revision_id for revision_id in wanted if revision_id not in found]
        if missing:
            loaded = await load_revisions(session, missing)
            found |= loaded
            self._revisions |= loaded
            while len(self._revisions) > self._most_revisions:
                self._revisions.popitem(last=False)
        return [found[revision_id] for revision_id in wanted]

    async def pool(self, session: AsyncSession, *, version: int, owners: Sequence[uuid.UUID], day: dt.date) -> Pool:
        """Return what may be drawn on `day` for a contest whose unit has this path, at this version of the bank.

        At the first paper of a day everybody asks at once: one loads, the others wait for it. Bureaus without
        questions of their own share one pool.
        """
        if version == self._version:
            pool = self._pools.get(_Key(day, self._owning.intersection(owners)))
            if pool is not None:
                return pool
        async with self._loading:
            if version > self._version:
                self._owning = await owning_units(session)
                self._pools.clear()
                self._version = version
            key = _Key(day, self._owning.intersection(owners))
            if key not in self._pools:
                pool = await load_pool(session, owners=list(key.owners), day=day)
                newest = sorted({*(held.day for held in self._pools), day})[-_DAYS:]
                self._pools = {held: kept for held, kept in self._pools.items() if held.day in newest}
                self._pools[key] = pool
            return self._pools[key]


class Library:
    """The bank as use cases read it: what is remembered, and a session of its own for what must be read first."""

    def __init__(self, database: Database, cache: BankCache) -> None:
        self._database = database
        self._cache = cache

    async def revisions(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, RevisionView]:
        """Return these revisions by id; KeyError for an unknown one."""
        wanted = list(dict.fromkeys(ids))
        found = {revision_id: view for revision_id in wanted if (view := self._cache.held(revision_id))}
        if len(found) == len(wanted):
            return found
        async with self._database.reads() as session:
            return {view.id: view for view in await self._cache.revisions(session, wanted)}

    async def pool(self, *, version: int, owners: Sequence[uuid.UUID], day: dt.date) -> Pool:
        """Return what `BankCache.pool` returns."""
        async with self._database.reads() as session:
            return await self._cache.pool(session, version=version, owners=owners, day=day)
