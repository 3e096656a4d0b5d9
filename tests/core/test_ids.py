"""Identifiers: UUIDs of version 7, in the order of their making."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import host_now
from app.core.ids import new_id, parse_id


def made_at(one: uuid.UUID) -> int:
    return one.int >> 80


def test_an_id_is_a_uuid_of_version_7() -> None:
    one = new_id()
    assert (one.version, one.variant) == (7, uuid.RFC_4122)


def test_an_id_tells_when_it_was_made() -> None:
    before = host_now()
    one = new_id()
    made = dt.datetime.fromtimestamp(made_at(one) / 1000, dt.UTC)
    assert before - dt.timedelta(milliseconds=1) <= made <= host_now()


def test_later_ids_sort_later() -> None:
    first = last = new_id()
    while made_at(last) == made_at(first):
        last = new_id()
    assert str(first) < str(last)
    assert first.bytes < last.bytes


def test_ids_of_one_moment_differ_in_all_their_random_bits() -> None:
    ids = [new_id().int for _ in range(2000)]
    assert len(set(ids)) == 2000
    random_bits = (1 << 62) - 1 | 0xFFF << 64
    assert {bit for bit in range(128) if len({one >> bit & 1 for one in ids}) == 2} >= {
        bit for bit in range(128) if random_bits >> bit & 1
    }


@given(st.uuids())
def test_an_id_is_read_as_it_was_written(one: uuid.UUID) -> None:
    assert parse_id(str(one)) == parse_id(str(one).upper()) == one


@pytest.mark.parametrize("form", ["{}", "urn:uuid:{}", "{} ", "{{{}}}"])
@pytest.mark.parametrize("one", [uuid.UUID(int=7)])
def test_other_forms_are_no_ids(form: str, one: uuid.UUID) -> None:
    assert parse_id(form.format(one)) == (one if form == "{}" else None)
    assert parse_id(one.hex) is None


@given(st.text())
def test_other_texts_are_no_ids(text: str) -> None:
    assert parse_id(text) is None
