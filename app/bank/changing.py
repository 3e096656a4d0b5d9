"""What every change of the bank does: one at a time, and told to all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_LOCK = 0x62616E6B  # advisory lock number: one change at a time, or two imports would both make a new code


async def lock_bank(session: AsyncSession) -> None:
    """Wait until no other transaction changes the bank; held until this one ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})


async def raise_version(session: AsyncSession) -> None:
    """Tell every process that its pools are out of date."""
    await session.execute(text("UPDATE bank_version SET version = version + 1"))
