"""Rules of signing in: lock-out delays, the client's address, what a password may be, how long a session lasts."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from app.core.clock import at
from app.core.errors import FieldProblem, Invalid, RateLimited, Unauthenticated
from app.roster.rules import is_employee_no, normal_employee_no, normal_phone, password_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

FREE_FAILURES = 5
_FIRST_DELAY = 30.0  # seconds
_LONGEST_DELAY = 900.0  # seconds
FORGOTTEN_AFTER = dt.timedelta(hours=24)

ADDRESS_FAILURES = 200
ADDRESS_WINDOW = dt.timedelta(minutes=10)

LINK_LASTS = dt.timedelta(hours=24)
SESSION_LASTS = dt.timedelta(days=30)
_IPV6_NETWORK = 64  # one customer's network: its holder may take any address in it


class BadCredentials(Unauthenticated):
    """No such account, or not its password: the two are not told apart."""

    code = "bad-credentials"
    title = "工号、手机号或密码不正确"


class LinkInvalid(Unauthenticated):
    """The sign-in link was used, has expired, or never existed."""

    code = "sign-in-link-invalid"
    title = "登录二维码已使用或已过期"


class TooManyAttempts(RateLimited):
    """Locked out for a while; `Retry-After` says for how many seconds."""

    code = "too-many-attempts"
    title = "登录失败次数过多，请稍后再试"


class WrongCurrentPassword(Invalid):
    """The current password given with a change of password is not the one in force."""

    code = "wrong-current-password"
    title = "当前密码不正确"


def delay_after(failures: int) -> float:
    """Return for how many seconds an account is refused from one address after so many failures."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(_FIRST_DELAY * float(2 ** min(failures - FREE_FAILURES, 10)), _LONGEST_DELAY)


DELAYS: Final[list[float]] = [delay_after(failures) for failures in range(1, FREE_FAILURES + 7)]
"""`delay_after` from 1 failure on, for the statement that counts; the last one holds for all beyond."""


def too_many_attempts(*, now: dt.datetime, until: dt.datetime) -> TooManyAttempts:
    """Return the refusal of an attempt at `now` where attempts are taken again from `until` on."""
    seconds = max(1, math.ceil((until - now).total_seconds()))
    wait = f"{seconds}秒" if seconds < 120 else f"{math.ceil(seconds / 60)}分钟"  # noqa: PLR2004 - two minutes
    error = TooManyAttempts(f"请{wait}后再试；忘记密码请联系本单位联络员重置。", retry_at=until)
    error.retry_after = seconds
    return error


def account_spellings(account: str) -> list[str]:
    """Return under which 工号 and 手机号 an account is looked up, the likeliest first; none for what cannot be one.

    Phones like to begin with a capital: where the 工号 as typed is unknown, all capitals and all small are tried.
    """
    number = normal_employee_no(account)
    if not is_employee_no(number) and not is_employee_no(normal_phone(account)):
        return []
    return list(dict.fromkeys([number, normal_phone(account), number.upper(), number.lower()]))


def as_typed_from_paper(password: str) -> str:
    """Return a generated password as it was printed: small letters and digits, however a phone wrote them."""
    return unicodedata.normalize("NFKC", password).strip().lower()


def check_new_password(new: str, *, current: str, employee_no: str, phone: str | None) -> None:
    """Raise Invalid for a new password that is the old one, or that `password_problem` refuses."""
    detail = password_problem(new, employee_no=employee_no, phone=phone)
    if new == current:
        detail = "新密码不能与当前密码相同，请换一个。"
    if detail:
        raise Invalid(detail, errors=[FieldProblem("/new_password", detail)])


def kept_until(last_contest_day: dt.date) -> dt.datetime:
    """Return until when a contest keeps a phone signed in: a day beyond its last."""
    return at(last_contest_day + dt.timedelta(days=2), dt.time())


def session_ends(now: dt.datetime, last_contest_day: dt.date | None) -> dt.datetime:
    """Return when a new session ends: with the contest, or after 30 days where there is none."""
    return kept_until(last_contest_day) if last_contest_day else now + SESSION_LASTS


def link_url(public_url: str, code: str) -> str:
    """Return the address that a sign-in link's QR code holds; relative where the pages' address is not set."""
    return f"{public_url.rstrip('/')}/#link={code}"


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=16)
def _networks(listed: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in listed.split(",") if part.strip())


def _address(text: str) -> _Address | None:
    """Read an address as proxies write it: plain, `1.2.3.4:567`, `[::1]` or `[::1]:567`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted_proxies: str) -> str:
    """Return the address that failures are counted under: the peer's, or what trusted proxies say before it.

    `forwarded_for` holds the X-Forwarded-For headers; they are read from the right, and the first address that is
    not a trusted proxy's is the client's: what stands left of it, the client may have written itself.
    """
    networks = _networks(trusted_proxies)
    chain = [*",".join(forwarded_for).split(","), peer or ""]
    best = None
    for text in reversed(chain):
        address = _address(text)
        if address is None:
            break
        best = address
        if not any(address in network for network in networks):
            break
    if best is None:
        return "unknown"
    if best.version == 6:  # noqa: PLR2004 - IP version 6
        return str(ipaddress.ip_network((best, _IPV6_NETWORK), strict=False))
    return str(best)
