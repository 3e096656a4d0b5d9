"""Rules of the roster: how 工号 and 手机号 are written, what follows on what, who may touch whom, what a password is."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from app.core.errors import Conflict, FieldProblem, Invalid
from app.core.security import MAX_PASSWORD, MIN_PASSWORD
from app.roster.models import Role, UnitKind

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Sequence

EMPLOYEE_NO_LENGTH = 32
EXEMPTION_DAYS = 366
NAME_LENGTH = 100
WECOM_USERID = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"
"""How WeCom writes an account: `@all`, or several joined by `|`, would send one person's message to others."""
_EMPLOYEE_NO = re.compile(r"(?=.*[^\W_])(?:[^\W_]|-)+")
_PHONE = re.compile(r"1[0-9]{10}")
_WECOM_USERID = re.compile(WECOM_USERID)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))  # what is mistaken for a hyphen
_SPACE = re.compile(r"\s+")
_HAN_SPACE = re.compile(r"(?<=[㐀-鿿])\s+(?=[㐀-鿿])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Key = TypeVar("Key")


class ExemptionOverlaps(Conflict):
    """The officer is already exempt on some of these days."""

    code = "exemption-overlaps"
    title = "与已有的免参赛日期重叠"


class ExemptionOver(Conflict):
    """All days of the exemption lie in the past, and the past stays as it was."""

    code = "exemption-over"
    title = "该免参赛已经期满，过去的日期不能更改"


class UnitExists(Conflict):
    """There is a unit of that name in the same place."""

    code = "unit-exists"
    title = "同名单位已经存在"


class EmployeeNoTaken(Conflict):
    """The 工号 belongs to somebody."""

    code = "employee-no-taken"
    title = "工号已被使用"


def has_control_signs(text: str) -> bool:
    """Whether the text holds signs that no one types and PostgreSQL partly refuses, such as NUL."""
    return not text.isprintable() and bool(_CONTROL.search(text))


def normal_employee_no(text: str) -> str:
    """Return a 工号 as it is stored: no spaces, full-width signs narrow, every dash a hyphen."""
    if text.isascii() and text.isalnum():
        return text
    return _SPACE.sub("", unicodedata.normalize("NFKC", text)).translate(_DASHES)


def is_employee_no(text: str) -> bool:
    """Whether a normal 工号 is allowed: letters (Chinese ones too), digits, hyphen."""
    return len(text) <= EMPLOYEE_NO_LENGTH and bool(_EMPLOYEE_NO.fullmatch(text))


def normal_phone(text: str) -> str:
    """Return a 手机号 as it is stored: digits only, without spaces, hyphens and the country's +86."""
    number = normal_employee_no(text)
    return number if number.isalnum() else number.replace("-", "").removeprefix("+86")


def is_phone(text: str) -> bool:
    """Whether a normal 手机号 is one: 11 digits beginning with 1."""
    return bool(_PHONE.fullmatch(text))


def is_wecom_userid(text: str) -> bool:
    """Whether this is a single person's 企业微信账号: 1 to 64 letters, digits and `_-@.`, the first no sign."""
    return bool(_WECOM_USERID.fullmatch(text))


def normal_name(text: str) -> str:
    """Return a person's or unit's name without outer spaces and without those that only align Chinese signs."""
    if " " not in text and text.isprintable():  # no other sign that separates words is printable
        return text
    return _HAN_SPACE.sub("", _SPACE.sub(" ", text).strip())


def comparable(name: str) -> str:
    """Return the form under which two spellings of one unit's name are the same."""
    return _SPACE.sub("", unicodedata.normalize("NFKC", name)).casefold()


class Placement(NamedTuple):
    """Where somebody belongs and whether they take part."""

    unit_id: uuid.UUID
    takes_part: bool


class Stretch(NamedTuple):
    """A placement from a day on until (exclusive) another, None for ever."""

    from_day: dt.date
    until_day: dt.date | None
    placement: Placement

    def covers(self, day: dt.date) -> bool:
        """Whether the placement holds on `day`."""
        return self.from_day <= day and (self.until_day is None or day < self.until_day)


def placed_on(stretches: Sequence[Stretch], day: dt.date) -> Placement | None:
    """Return the placement of `day` among one officer's stretches."""
    return next((stretch.placement for stretch in stretches if stretch.covers(day)), None)


def replanned(stretches: Sequence[Stretch], placement: Placement, from_day: dt.date) -> list[Stretch]:
    """Return an officer's stretches with `placement` from `from_day` on, for ever.

    Whatever had been planned from that day on is replaced; what was planned for earlier days stays. A placement
    that already holds the day before is prolonged, so going back to it withdraws the planned change.
    """
    kept = sorted((s for s in stretches if s.from_day < from_day), key=lambda stretch: stretch.from_day)
    if kept and kept[-1].placement == placement and kept[-1].covers(from_day - dt.timedelta(days=1)):
        return [*kept[:-1], kept[-1]._replace(until_day=None)]
    if kept and (kept[-1].until_day is None or kept[-1].until_day > from_day):
        kept[-1] = kept[-1]._replace(until_day=from_day)
    return [*kept, Stretch(from_day, None, placement)]


class StretchChanges(NamedTuple, Generic[Key]):
    """What turns the held stretches into the wanted ones, in this order."""

    delete: list[Key]
    until: list[tuple[Key, dt.date | None]]
    insert: list[Stretch]


def stretch_changes(held: Sequence[tuple[Key, Stretch]], wanted: Sequence[Stretch]) -> StretchChanges[Key]:
    """Return which held stretches go, which end on another day, and which are new."""
    ends = {(stretch.from_day, stretch.placement): stretch.until_day for stretch in wanted}
    changes: StretchChanges[Key] = StretchChanges([], [], [])
    known = set()
    for key, stretch in held:
        identity = (stretch.from_day, stretch.placement)
        known.add(identity)
        if identity not in ends:
            changes.delete.append(key)
        elif ends[identity] != stretch.until_day:
            changes.until.append((key, ends[identity]))
    changes.insert.extend(s for s in wanted if (s.from_day, s.placement) not in known)
    return changes


def check_exemption(*, first: dt.date, last: dt.date, reason: str, today: dt.date) -> None:
    """Raise Invalid where an exemption (免参赛) begins before today, ends before it begins, or is over a year long."""
    problems = []
    if first < today:
        problems.append(
            FieldProblem("/from", f"免参赛不能补登：最早从今天（{today}）起；过去的日期已计入统计，不能更改。")
        )
    if last < first:
        problems.append(FieldProblem("/to", "结束日期不能早于开始日期。"))
    elif (last - first).days >= EXEMPTION_DAYS:
        problems.append(FieldProblem("/to", f"一次最多免参赛{EXEMPTION_DAYS}天，更长的请到期后再登记。"))
    if not reason.strip() or has_control_signs(reason):
        problems.append(FieldProblem("/reason", "请写明批准免参赛的事由，例如病假、产假、借调。"))
    if problems:
        raise Invalid(problems[0].detail, errors=problems)


def check_transfer(*, from_day: dt.date, today: dt.date) -> None:
    """Raise Invalid unless a transfer begins tomorrow or later: today already counts for today's unit."""
    if from_day <= today:
        detail = f"调动最早从明天（{today + dt.timedelta(days=1)}）起：今天仍计入原单位。"
        raise Invalid(detail, errors=[FieldProblem("/from", detail)])


_PARENTS: dict[UnitKind, frozenset[str]] = {
    UnitKind.PROVINCE: frozenset(),
    UnitKind.BUREAU: frozenset({UnitKind.PROVINCE}),
    UnitKind.BRANCH: frozenset({UnitKind.BUREAU}),
    UnitKind.HEADQUARTERS: frozenset({UnitKind.PROVINCE, UnitKind.BUREAU}),
    UnitKind.TOWNSHIP: frozenset({UnitKind.BUREAU, UnitKind.BRANCH, UnitKind.HEADQUARTERS}),
}


def check_unit(*, name: str, kind: UnitKind, parent_kind: str) -> None:
    """Raise Invalid unless a unit of this name and kind may stand below one of the parent's kind."""
    problems = []
    if not name or len(name) > NAME_LENGTH or "/" in name or has_control_signs(name):
        problems.append(FieldProblem("/name", f"请填写单位名称（不超过{NAME_LENGTH}字，不含“/”）。"))
    if parent_kind not in _PARENTS[kind]:
        problems.append(FieldProblem("/kind", "上级单位下不能设这一类单位：市局属省厅，分局属市局，镇街属分局或市局。"))
    if problems:
        raise Invalid(problems[0].detail, errors=problems)


_GUARDED = frozenset({Role.BUREAU, Role.PROVINCE, Role.ADMIN})


class Actor(NamedTuple):
    """Who acts on other people; `takes_part`: today, or as entered for a later day."""

    roles: frozenset[str]
    unit_id: uuid.UUID
    unit_kind: str
    takes_part: bool


def refused_over(by: Actor, of: Collection[str], unit_id: uuid.UUID, *, peers: bool = False) -> str | None:
    """Return why `by` may not act on the sign-in, roles or place of a holder of roles `of` in a unit, else None.

    Who holds 市局, 省厅 or 管理员 is an administrator's business: 省厅 that of the province's, and another 管理员
    that of an administrator of a unit above (`peers`: also of the same unit). A 管理员 opens the questions' keys, so
    whoever takes part may touch none, the own row included (DESIGN, section 10).
    """
    if not _GUARDED.intersection(of):
        return None
    if Role.ADMIN not in by.roles:
        return "该人员有市局、省厅或管理员角色，只有管理员可以办理。"
    if Role.ADMIN in of and by.takes_part:
        return "您本人参赛，为保证公平不能办理管理员的登录、角色和人员信息；请由不参赛的管理员办理。"
    if Role.PROVINCE in of and by.unit_kind != UnitKind.PROVINCE:
        return "该人员有省厅角色，请由省厅管理员办理。"
    if Role.ADMIN in of and unit_id == by.unit_id and not peers:
        return "对方是本单位的管理员，请由上级单位的管理员办理。"
    return None


_BETTER = "请换一个别人猜不到的，例如几个不相干的词再加上数字。"
_SHORT_PIECE = 4  # signs: 11111111, abababab, 20262026
_RUNS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
)
_COMMONEST = """
11112222 11223344 1122334455 112233445566 123321123 123456789a 123456789q 12345678a 12345678q 1234567a 123456aa
123456ab 123456abc 123456qq 1234abcd 1234qwer 123qweasd 13145200 147258369 1472583690 159357159 1q2w3e4r
1q2w3e4r5t 31415926 5201314520 66668888 88886666 a1234567 a12345678 a123456789 aa123456 aa12345678 abc12345
abc123456 abc123456789 abcd1234 admin123 admin1234 admin123456 admin888 admin@123 administrator football
iloveyou iloveyou1 letmein1 p@ssw0rd p@ssword passw0rd passw0rd1 password password1 password12 password123
q1w2e3r4 qq123456 qq123456789 qwe123456 qwer1234 qwerty12 qwerty123 qwerty123456 root1234 sunshine test1234
welcome1 welcome123 woaini123 woaini1314 woaini520 woaini521 zaq12wsx
"""
_COMMON = frozenset(_COMMONEST.split())


def password_problem(password: str, *, employee_no: str, phone: str | None) -> str | None:
    """Return what is wrong with a chosen password and what to do, None where it will do.

    Refused: too short or long, one's own 工号 or 手机号 however written, a short piece over and over, neighbouring
    digits, letters or keys in a row (up or down), and the most common ones of the lists that guessers use.
    """
    if len(password) < MIN_PASSWORD:
        return f"密码至少要{MIN_PASSWORD}位，{_BETTER}"
    if len(password) > MAX_PASSWORD:
        return f"密码最多{MAX_PASSWORD}位，请缩短一些。"
    plain = comparable(password)
    if normal_phone(plain) in {normal_phone(comparable(number)) for number in (employee_no, phone) if number}:
        return f"密码不能是自己的工号或手机号，{_BETTER}"
    if any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, _SHORT_PIECE + 1)):
        return f"密码不能只是一个或几个字符的重复，{_BETTER}"
    if any(plain in run * len(plain) or plain[::-1] in run * len(plain) for run in _RUNS):
        return f"密码不能是连续的数字、字母或键盘上相邻的键，{_BETTER}"
    if plain in _COMMON:
        return f"这个密码太常见，很容易被猜到，{_BETTER}"
    return None
