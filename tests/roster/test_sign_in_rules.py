"""Rules of signing in, on values alone."""

from __future__ import annotations

import datetime as dt
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.roster.sign_in import rules
from tests.times import TODAY, instant


def test_delays_grow_from_half_a_minute_to_a_quarter_of_an_hour():
    assert [rules.delay_after(n) for n in (0, 4, 5, 6, 7, 9, 10, 1000)] == [0, 0, 30, 60, 120, 480, 900, 900]


@given(st.integers(1, 5000))
def test_the_statements_delays_are_the_rules(failures):
    assert rules.DELAYS[min(failures, len(rules.DELAYS)) - 1] == rules.delay_after(failures)


@pytest.mark.parametrize(
    ("seconds", "wait"), [(0.2, "1秒"), (119, "119秒"), (121, "3分钟"), (900, "15分钟"), (-3, "1秒")]
)
def test_a_refusal_says_how_long_to_wait(seconds, wait):
    now = instant("09:00")
    error = rules.too_many_attempts(now=now, until=now + dt.timedelta(seconds=seconds))
    assert wait in error.detail
    assert error.retry_after is not None
    assert error.retry_after >= 1


@pytest.mark.parametrize(
    ("typed", "spellings"),
    [
        (" Zf001 ", ["Zf001", "ZF001", "zf001"]),
        ("+86 13800000001", ["+8613800000001", "13800000001"]),
        ("", []),
        ("a\x00b", []),
        ("x" * 64, []),
    ],
)
def test_how_an_account_may_have_been_meant(typed, spellings):
    assert rules.account_spellings(typed) == spellings


def test_printed_passwords_are_read_however_a_phone_wrote_them():
    assert rules.as_typed_from_paper("　Ｋ7M2qxw4ta9hd ") == "k7m2qxw4ta9hd"


@pytest.mark.parametrize(
    ("new", "fits"),
    [
        ("a new one", True),
        ("12345678", False),
        ("the old one", False),
        ("zf-0001234", False),
        ("13800000001", False),
    ],
)
def test_new_passwords(new, fits):
    def check():
        rules.check_new_password(new, current="the old one", employee_no="ZF-0001234", phone="13800000001")

    if fits:
        check()
    else:
        with pytest.raises(Invalid):
            check()


def test_who_has_no_phone_may_choose_what_looks_like_one():
    rules.check_new_password("13800000001", current="the old one", employee_no="ZF001", phone=None)


def test_sessions_end_a_day_after_the_contest_or_in_thirty_days():
    now = instant("09:00")
    assert rules.session_ends(now, None) == now + dt.timedelta(days=30)
    assert rules.session_ends(now, TODAY) == instant("00:00", TODAY + dt.timedelta(days=2))


def test_links_lead_to_the_pages():
    assert rules.link_url("", "abc") == "/#link=abc"
    assert rules.link_url("https://x.cn/", "abc") == "https://x.cn/#link=abc"


PROXIES = "10.0.0.0/8, 2001:db8::/32"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("203.0.113.5", ["198.51.100.1"], "", "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], PROXIES, "203.0.113.5"),
        ("10.1.1.1", ["198.51.100.1"], PROXIES, "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.1, 198.51.100.1, 10.2.2.2"], PROXIES, "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.1", "198.51.100.1"], PROXIES, "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.1, nonsense"], PROXIES, "10.1.1.1"),
        ("10.1.1.1", [], PROXIES, "10.1.1.1"),
        ("10.1.1.1", ["10.3.3.3"], PROXIES, "10.3.3.3"),
        ("10.1.1.1", ["198.51.100.1:4711"], PROXIES, "198.51.100.1"),
        ("10.1.1.1", ["[2400:1:2:3:4::5]:4711"], PROXIES, "2400:1:2:3::/64"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], PROXIES, "198.51.100.1"),
        ("2001:db8::1", ["2400:1:2:3:4::6"], PROXIES, "2400:1:2:3::/64"),
        (None, ["198.51.100.1"], PROXIES, "unknown"),
        ("testclient", [], PROXIES, "unknown"),
    ],
)
def test_the_clients_address(peer, forwarded, proxies, address):
    assert rules.client_address(peer, forwarded, proxies) == address


@given(st.ip_addresses(v=4), st.lists(st.text(max_size=20), max_size=4))
def test_without_trusted_proxies_no_header_is_believed(peer: ipaddress.IPv4Address, headers):
    assert rules.client_address(str(peer), headers, "") == str(peer)
