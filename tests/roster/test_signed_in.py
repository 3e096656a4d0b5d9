"""The callers remembered for a second."""

from __future__ import annotations

import uuid

from app.roster import signed_in
from app.roster.access import Caller


def caller(token: bytes) -> Caller:
    return Caller(
        officer_id=uuid.UUID(int=1),
        employee_no="ZF001",
        name="张三",
        roles=frozenset(),
        unit_id=uuid.UUID(int=2),
        unit_kind="branch",
        unit_path=(uuid.UUID(int=2),),
        takes_part=True,
        must_change_password=False,
        token_hash=token,
    )


def test_a_full_cache_begins_anew(monkeypatch):
    monkeypatch.setattr(signed_in, "_MOST", 2)
    cache = signed_in.CallerCache()
    for token in (b"a", b"b", b"c"):
        cache.put(token, caller(token))
    assert [cache.get(token) is not None for token in (b"a", b"b", b"c")] == [False, False, True]
