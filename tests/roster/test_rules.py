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
from app.roster.rules import Actor, Placement, Stretch, placed_on, replanned, stretch_changes

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
    ("by", "kind", "takes_part", "of", "same_unit", "peers", "allowed"),
    [
        ({Role.LIAISON}, "branch", True, {Role.LEADER}, True, False, True),
        ({Role.LIAISON}, "branch", True, {Role.BUREAU}, False, False, False),
        ({Role.ADMIN}, "bureau", False, {Role.BUREAU}, True, False, True),
        ({Role.ADMIN}, "bureau", True, {Role.BUREAU}, True, False, True),
        ({Role.ADMIN}, "bureau", False, {Role.PROVINCE}, False, False, False),
        ({Role.ADMIN}, "province", False, {Role.PROVINCE}, False, False, True),
        ({Role.ADMIN}, "bureau", False, {Role.ADMIN}, True, False, False),
        ({Role.ADMIN}, "bureau", False, {Role.ADMIN}, True, True, True),
        ({Role.ADMIN}, "bureau", False, {Role.ADMIN}, False, False, True),
        ({Role.ADMIN}, "bureau", True, {Role.ADMIN}, True, True, False),
        ({Role.ADMIN}, "province", True, {Role.ADMIN, Role.LEADER}, False, False, False),
    ],
)
def test_who_stands_above_whom(by, kind, takes_part, of, same_unit, peers, allowed):
    actor = Actor(frozenset(by), UNITS[0], kind, takes_part)
    refusal = rules.refused_over(actor, of, UNITS[0 if same_unit else 1], peers=peers)
    assert (refusal is None) is allowed


def problem(password: str) -> str | None:
    return rules.password_problem(password, employee_no="粤ZF-0001234", phone="13800000001")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("1234567", "至少要8位"),
        ("x" * 129, "最多128位"),
        ("粤zf-0001234", "自己的工号"),
        ("粤ＺＦ 0001234", "自己的工号"),
        ("138 0000 0001", "手机号"),
        ("+86-13800000001", "手机号"),
        ("88888888", "重复"),
        ("abABabAB", "重复"),
        ("202620262", "重复"),
        ("        ", "重复"),
        ("12345678", "连续"),
        ("１２３４５６７８", "连续"),
        ("9876543210987", "连续"),
        ("stuvWXYZ", "连续"),
        ("1qaz2wsx", "连续"),
        ("lkjhgfdsa", "连续"),
        ("P@ssw0rd", "太常见"),
        ("abc12345", "太常见"),
    ],
)
def test_passwords_that_everybody_guesses_are_refused(password, said):
    assert said in (problem(password) or "")


@pytest.mark.parametrize(
    "password",
    [
        "lianbing2026",
        "k7m2qxw4ta9hd",
        "水清岸绿景美鱼翔",
        "correct horse",
        "13800000002",
        "123456788",
        "x" * 7 + "abcdef",
    ],
)
def test_other_passwords_will_do(password):
    assert problem(password) is None


@given(st.integers(0, 9), st.integers(8, 128), st.sampled_from([1, -1]))
def test_no_run_of_digits_will_do(first, length, step):
    assert problem("".join(str((first + step * n) % 10) for n in range(length)))


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=4), st.integers(8, 32))
def test_no_piece_over_and_over_will_do(piece, times):
    assert problem(piece * times)


@given(
    st.from_regex(r"[A-Za-z0-9-]{8,32}", fullmatch=True).filter(rules.is_employee_no),
    st.sampled_from([str.upper, str.lower]),
)
def test_no_spelling_of_the_own_number_will_do(number, spelling):
    assert rules.password_problem(spelling(number), employee_no=number, phone=None)


@given(st.text(max_size=140))
def test_what_is_refused_says_what_to_do(password):
    said = problem(password)
    assert said is None or ("请" in said and said.endswith("。"))
