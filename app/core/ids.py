"""Identifiers that leave the server: UUID version 7 (RFC 9562), ordered by time of making."""

from __future__ import annotations

import secrets
import uuid

from app.core.clock import host_milliseconds

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7: 48 bits of milliseconds, 74 random bits."""
    random_bits = secrets.randbits(74)
    value = (host_milliseconds() & (1 << 48) - 1) << 80 | _VERSION_7 | (random_bits >> 62) << 64 | _VARIANT
    return uuid.UUID(int=value | random_bits & (1 << 62) - 1)


def parse_id(text: str) -> uuid.UUID | None:
    """Return the UUID that `text` writes in its canonical form, or None."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
