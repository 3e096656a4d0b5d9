"""The audit log: every administrative act, appended in the act's own transaction and hash-chained."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid  # noqa: TC003 - SQLAlchemy reads it at run time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Identity, LargeBinary, select, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_CHAIN_LOCK = 0x6C69616E  # advisory lock number of the chain: one appender at a time keeps it a chain
GENESIS = bytes(32)


class AuditEntry(Base):
    """One administrative act; `hash` covers the entry and the hash before it. A trigger forbids change."""

    __tablename__ = "audit_entry"

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[dt.datetime]
    actor_id: Mapped[uuid.UUID | None]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def entry_hash(entry: AuditEntry) -> bytes:
    """Return the SHA-256 over the previous hash and the entry's own content in canonical JSON."""
    content = [
        entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        str(entry.actor_id) if entry.actor_id else None,
        entry.action,
        entry.subject_kind,
        entry.subject_id,
        _as_stored(entry.before),
        _as_stored(entry.after),
        entry.reason,
    ]
    canonical = json.dumps(content, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(entry.previous + canonical.encode()).digest()


def _as_stored(value: Any) -> Any:
    # JSONB keeps numbers as decimals: 1e16 and -0.0 come back as 10000000000000000 and 0.0, with the same hash.
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    if isinstance(value, dict):
        return {name: _as_stored(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_as_stored(held) for held in value]
    return value


async def append(
    session: AsyncSession,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
    action: str,
    subject: tuple[str, object],
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Append one act (who, what, before and after, why) to the chain, inside the caller's transaction.

    `before` and `after` hold JSON values only and never a secret. Call it last in the transaction: the chain's
    lock is held from here to the commit.
    """
    await session.flush()
    await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CHAIN_LOCK})
    last = await session.execute(select(AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1))
    entry = AuditEntry(
        at=now,
        actor_id=actor_id,
        action=action,
        subject_kind=subject[0],
        subject_id=str(subject[1]),
        before=before,
        after=after,
        reason=reason,
        previous=last.scalar_one_or_none() or GENESIS,
    )
    entry.hash = entry_hash(entry)
    session.add(entry)
    await session.flush()
