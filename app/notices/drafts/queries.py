"""Reads: the drafts of a caller's bureaus; the only way from a request to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.core.errors import NotFound
from app.core.ids import parse_id
from app.notices.drafts.models import Draft
from app.roster.access import Caller, in_subtree
from app.roster.models import Officer, Unit

if TYPE_CHECKING:
    import uuid

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession


class Shown(NamedTuple):
    """A draft with its branch and the names of those who decided on it."""

    draft: Draft
    unit: Unit
    first: str | None
    second: str | None
    rejected: str | None
    editor: str | None


def _shown(caller: Caller) -> Select[Draft, Unit, str, str, str, str]:
    branch = aliased(Unit)
    first, second, rejected, editor = (aliased(Officer) for _ in range(4))
    return (
        select(Draft, branch, first.name, second.name, rejected.name, editor.name)
        .join(Unit, Unit.id == Draft.bureau_id)
        .join(branch, branch.id == Draft.unit_id)
        .outerjoin(first, first.id == Draft.first_approved_by)
        .outerjoin(second, second.id == Draft.second_approved_by)
        .outerjoin(rejected, rejected.id == Draft.rejected_by)
        .outerjoin(editor, editor.id == Draft.edited_by)
        .where(in_subtree(caller))
    )


async def drafts_below(
    session: AsyncSession, caller: Caller, *, state: str | None, after: uuid.UUID | None, limit: int
) -> list[Shown]:
    """Return up to `limit` drafts of the bureaus in the caller's subtree, newest first; `after` is the last one's id."""
    wanted = _shown(caller).order_by(Draft.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(Draft.state == state)
    if after is not None:
        wanted = wanted.where(Draft.id < after)
    return [Shown._make(row) for row in await session.execute(wanted)]


async def draft_shown(session: AsyncSession, caller: Caller, draft_id: uuid.UUID) -> Shown:
    """Return a draft of the caller's bureaus as it is shown."""
    return Shown._make((await session.execute(_shown(caller).where(Draft.id == draft_id))).one())


async def draft_below(session: AsyncSession, caller: Caller, draft_id: str) -> Draft:
    """Return a draft of a bureau in the caller's subtree, locked; raises NotFound for any other."""
    found: Draft | None = await session.scalar(
        select(Draft)
        .join(Unit, Unit.id == Draft.bureau_id)
        .where(Draft.id == parse_id(draft_id), in_subtree(caller))
        .with_for_update(of=Draft)
    )
    if found is None:
        raise NotFound("没有找到这份拟稿。")
    return found
