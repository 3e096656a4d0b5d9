"""Rules of the roster, on values alone."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.roster import rules
from app.roster.models import Role, UnitKind
from app.roster.rules import Placement, Stretch, placed_on, replanned, stretch_changes

DAY = dt.date(2026, 11, 23)
UNITS = [uuid.UUID(int=n) for n in range(1, 4)]
placements = st.builds(Placement, st.sampled_from(UNITS), st.booleans())
changes = st.lists(st.tuples(placements, st.integers(1, 12)), max_size=8)


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def planned(first: Placement, later: list[tuple[Placement, int]]) -> list[Stretch]:
    chain = replanned([], first, DAY)
    for placement, number in later:
        chain = replanned(chain, placement, day(number))
    return chain


@given(placements, changes)
def test_stretches_stay_one_chain_without_gap_or_overlap(first, later):
    chain = planned(first, later)
    assert chain[0].from_day == DAY
    assert [s.until_day for s in chain] == [s.from_day for s in chain[1:]] + [None]
    assert all(s.until_day is None or s.until_day > s.from_day for s in chain)


@given(placements, changes, placements, st.integers(1, 12))
def test_a_change_holds_from_its_day_for_ever_and_touches_nothing_before(first, later, placement, number):
    before = planned(first, later)
    after = replanned(before, placement, day(number))
    assert all(placed_on(after, day(n)) == placement for n in range(number, 30))
    assert all(placed_on(after, day(n)) == placed_on(before, day(n)) for n in range(number))
    assert replanned(after, placement, day(number)) == after


@given(placements, changes, placements, st.integers(1, 12))
def test_the_changes_turn_what_is_held_into_what_is_wanted(first, later, placement, number):
    held = list(enumerate(planned(first, later)))
    wanted = replanned([stretch for _, stretch in held], placement, day(number))
    found = stretch_changes(held, wanted)
    rows = {key: stretch for key, stretch in held if key not in found.delete}
    for key, until in found.until:
        rows[key] = rows[key]._replace(until_day=until)
    assert sorted([*rows.values(), *found.insert]) == sorted(wanted)


def test_nobody_is_placed_outside_the_stretches():
    assert placed_on([Stretch(DAY, day(1), Placement(UNITS[0], takes_part=True))], day(1)) is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [(" zf-001 ", "zf-001"), ("ＺＦ００１", "ZF001"), ("粤 A—12", "粤A-12"), ("12−3", "12-3"), ("", "")],
)
def test_numbers_are_stored_in_one_spelling(typed, stored):
    assert rules.normal_employee_no(typed) == stored


@pytest.mark.parametrize(
    ("number", "allowed"),
    [("ZF001", True), ("粤-12", True), ("a_b", False), ("a.b", False), ("-", False), ("", False), ("x" * 33, False)],
)
def test_numbers_are_letters_digits_and_hyphens(number, allowed):
    assert rules.is_employee_no(number) is allowed


@given(st.text())
def test_allowed_spellings_are_normal_already(text):
    number, phone, name = rules.normal_employee_no(text), rules.normal_phone(text), rules.normal_name(text)
    assert not rules.is_employee_no(number) or rules.normal_employee_no(number) == number
    assert not rules.is_phone(phone) or rules.normal_phone(phone) == phone
    assert rules.normal_name(name) == name


@pytest.mark.parametrize(
    ("typed", "stored", "valid"),
    [
        ("138 0000 0001", "13800000001", True),
        ("+86-138-0000-0001", "13800000001", True),
        ("１３８００００００１１"[:11], "13800000011", True),
        ("0755-1234567", "07551234567", False),
        ("1380000000", "1380000000", False),
        ("1٣800000001", "1٣800000001", False),
    ],
)
def test_phones_are_eleven_digits_beginning_with_one(typed, stored, valid):
    number = rules.normal_phone(typed)
    assert rules.is_phone(number) is valid
    if valid:
        assert number == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("张　三", "张三"), (" 梅江 分局\n", "梅江分局"), ("John  Smith", "John Smith"), ("李四", "李四")],
)
def test_names_lose_only_the_spaces_that_align(typed, stored):
    assert rules.normal_name(typed) == stored


def test_names_are_compared_without_spaces_width_and_case():
    assert rules.comparable("梅江分局（Ａ 区）") == rules.comparable("梅江分局(a区)")


@pytest.mark.parametrize(
    ("first", "last", "reason", "pointers"),
    [
        (0, 0, "病假", []),
        (0, 365, "病假", []),
        (0, 366, "病假", ["/to"]),
        (-1, 0, "", ["/from", "/reason"]),
        (2, 1, "病\x00假", ["/to", "/reason"]),
    ],
)
def test_exemptions_begin_today_and_last_a_year_at_most(first, last, reason, pointers):
    found: list[str] = []
    try:
        rules.check_exemption(first=day(first), last=day(last), reason=reason, today=DAY)
    except Invalid as error:
        found = [problem.pointer for problem in error.errors]
    assert found == pointers


def test_transfers_begin_tomorrow():
    rules.check_transfer(from_day=day(1), today=DAY)
    with pytest.raises(Invalid):
        rules.check_transfer(from_day=DAY, today=DAY)


@pytest.mark.parametrize(
    ("name", "kind", "parent", "pointers"),
    [
        ("梅江", UnitKind.BRANCH, "bureau", []),
        ("", UnitKind.BRANCH, "bureau", ["/name"]),
        ("甲/乙", UnitKind.TOWNSHIP, "branch", ["/name"]),
        ("市局", UnitKind.BUREAU, "bureau", ["/kind"]),
        ("\x01", UnitKind.PROVINCE, "province", ["/name", "/kind"]),
    ],
)
def test_units_have_a_name_and_a_fitting_parent(name, kind, parent, pointers):
    found: list[str] = []
    try:
        rules.check_unit(name=name, kind=kind, parent_kind=parent)
    except Invalid as error:
        found = [problem.pointer for problem in error.errors]
    assert found == pointers


@pytest.mark.parametrize(
    ("by", "kind", "of", "same_unit", "peers", "allowed"),
    [
        ({Role.LIAISON}, "branch", {Role.LEADER}, True, False, True),
        ({Role.LIAISON}, "branch", {Role.BUREAU}, False, False, False),
        ({Role.ADMIN}, "bureau", {Role.BUREAU}, True, False, True),
        ({Role.ADMIN}, "bureau", {Role.PROVINCE}, False, False, False),
        ({Role.ADMIN}, "province", {Role.PROVINCE}, False, False, True),
        ({Role.ADMIN}, "bureau", {Role.ADMIN}, True, False, False),
        ({Role.ADMIN}, "bureau", {Role.ADMIN}, True, True, True),
        ({Role.ADMIN}, "bureau", {Role.ADMIN}, False, False, True),
    ],
)
def test_who_stands_above_whom(by, kind, of, same_unit, peers, allowed):
    refusal = rules.refused_over(by=by, by_unit_kind=kind, of=of, same_unit=same_unit, peers=peers)
    assert (refusal is None) is allowed
