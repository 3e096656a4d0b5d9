"""Rules of the roster: how 工号 and 手机号 are written, what follows on what, who may reset whom."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from app.core.errors import Conflict, FieldProblem, Invalid
from app.roster.models import Role, UnitKind

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Sequence

EMPLOYEE_NO_LENGTH = 32
EXEMPTION_DAYS = 366
NAME_LENGTH = 100
_EMPLOYEE_NO = re.compile(r"(?=.*[^\W_])(?:[^\W_]|-)+")
_PHONE = re.compile(r"1[0-9]{10}")
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


def refused_over(
    *, by: Collection[str], by_unit_kind: str, of: Collection[str], same_unit: bool, peers: bool = False
) -> str | None:
    """Return why the holder of roles `by` may not act on the sign-in or place of a holder of roles `of`, else None.

    Who holds 市局, 省厅 or 管理员 is an administrator's business: 省厅 that of the province's, and another 管理员
    that of an administrator of a unit above (`peers`: also of the same unit).
    """
    if not _GUARDED & set(of):
        return None
    if Role.ADMIN not in by:
        return "该人员有市局、省厅或管理员角色，只有管理员可以办理。"
    if Role.PROVINCE in of and by_unit_kind != UnitKind.PROVINCE:
        return "该人员有省厅角色，请由省厅管理员办理。"
    if Role.ADMIN in of and same_unit and not peers:
        return "对方是本单位的管理员，请由上级单位的管理员办理。"
    return None
