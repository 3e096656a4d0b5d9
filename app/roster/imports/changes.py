"""What a roster file changes: its rows held against the roster as it stands. Pure, as rules are."""

from __future__ import annotations

import datetime as dt
import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app.core.errors import Invalid
from app.roster.imports.rules import RosterFile, RosterRow, RowProblem, takes_part_by_default
from app.roster.models import Role, UnitKind
from app.roster.rules import (
    Placement,
    Stretch,
    StretchChanges,
    check_unit,
    comparable,
    normal_name,
    placed_on,
    refused_over,
    replanned,
    stretch_changes,
)

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Collection, Iterable, Mapping

    from app.roster.rules import Actor

_NEAREST_SOUGHT = 50  # looking for the nearest name among thousands is slow; a file with more typos knows


class KnownUnit(NamedTuple):
    """A unit that the importer may place officers in."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    name: str
    kind: str


class KnownOfficer(NamedTuple):
    """An officer of the file who is in the roster already; `stretches`: in force today or planned."""

    id: uuid.UUID
    name: str
    phone: str | None
    section: str | None
    position: str | None
    roles: tuple[str, ...]
    wecom_userid: str | None
    stretches: list[tuple[uuid.UUID, Stretch]]


class Roster(NamedTuple):
    """The roster as far as a file touches it.

    `units`: the importing unit and all below. `phones`, `numbers`: whose (by 工号) a 手机号 or 工号 of the file is
    that the file's row does not hold yet.
    """

    own: KnownUnit
    units: list[KnownUnit]
    officers: Mapping[str, KnownOfficer]
    phones: Mapping[str, str]
    numbers: frozenset[str]
    missing: int
    missing_officers: list[tuple[str, str]]


class Importing(NamedTuple):
    """Who imports (a command: nobody), when, and whether unknown units are added."""

    employee_no: str | None
    by: Actor | None
    today: dt.date
    create_units: bool
    new_id: Callable[[], uuid.UUID]


class NewUnit(NamedTuple):
    """A branch that the file adds."""

    id: uuid.UUID
    parent_id: uuid.UUID
    name: str


class NewOfficer(NamedTuple):
    """An officer whom the file adds."""

    id: uuid.UUID
    row: RosterRow
    placement: Placement


class ChangedOfficer(NamedTuple):
    """An officer whom the file changes; `stretches` is None where unit and 参赛 stay."""

    before: KnownOfficer
    after: KnownOfficer
    stretches: StretchChanges[uuid.UUID] | None


@dataclass
class Changes:
    """Everything that a file would do, or its problems."""

    problems: list[RowProblem] = field(default_factory=list)
    units: list[NewUnit] = field(default_factory=list)
    created: list[NewOfficer] = field(default_factory=list)
    changed: list[ChangedOfficer] = field(default_factory=list)
    unchanged: list[uuid.UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """What an import did, would do, or (then all but `rows` is 0) why it did nothing; counts are of officers."""

    id: uuid.UUID | None
    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    missing: int
    missing_officers: list[tuple[str, str]]
    created_units: list[str]
    errors: list[RowProblem]


def report_of(
    file: RosterFile, roster: Roster, changes: Changes, *, dry_run: bool, import_id: uuid.UUID | None = None
) -> Report:
    """Return the report of a file's changes; errors by row. With errors it counts nothing: nothing would happen."""
    rows = len(file.rows)
    if changes.problems:
        errors = sorted(changes.problems, key=lambda problem: problem.row)
        return Report(None, dry_run, rows, 0, 0, 0, 0, [], [], errors)
    return Report(
        id=import_id,
        dry_run=dry_run,
        rows=rows,
        created=len(changes.created),
        changed=len(changes.changed),
        unchanged=len(changes.unchanged),
        missing=roster.missing,
        missing_officers=roster.missing_officers,
        created_units=[unit.name for unit in changes.units],
        errors=[],
    )


class Units:
    """Finds units by the names in the file: a plain name, or 上级/单位 where the plain one is ambiguous."""

    def __init__(self, roster: Roster, importing: Importing) -> None:
        self._own = roster.own
        self._importing = importing
        self._names = {unit.id: unit.name for unit in roster.units}
        self._kinds = {unit.id: unit.kind for unit in roster.units}
        self._found: dict[str, list[uuid.UUID]] = {}
        self._answers: dict[str, uuid.UUID | str] = {}
        self._nearest_sought = 0
        self.added: list[NewUnit] = []
        for unit in roster.units:
            self._put(unit.id, unit.parent_id, unit.name)

    def _put(self, key: uuid.UUID, parent_id: uuid.UUID | None, name: str) -> None:
        self._found.setdefault(comparable(name), []).append(key)
        if parent_id in self._names:
            self._found.setdefault(comparable(f"{self._names[parent_id]}/{name}"), []).append(key)

    def find(self, text: str) -> uuid.UUID | str:
        """Return the unit of this name, or (a text) why there is none and what to do."""
        if text not in self._answers:
            self._answers[text] = self._find(text)
        return self._answers[text]

    def _find(self, text: str) -> uuid.UUID | str:
        found = self._found.get(comparable(text), [])
        if len(found) == 1:
            return found[0]
        if found:
            return f"有{len(found)}个单位叫“{text}”，请写成“上级单位/{text}”。"
        return self._add(text) if self._importing.create_units else self._unknown(text)

    def _add(self, text: str) -> uuid.UUID | str:
        above, _, name = normal_name(text).rpartition("/")
        parents = self._found.get(comparable(above), []) if above else [self._own.id]
        bureaus = [key for key in parents if self._kinds.get(key) == UnitKind.BUREAU]
        if len(bureaus) != 1:
            return f"没有单位“{text}”，也不能新建：分局只能建在一个市局之下，请写成“市局名称/{name}”。"
        try:
            check_unit(name=name, kind=UnitKind.BRANCH, parent_kind=UnitKind.BUREAU)
        except Invalid as error:
            return error.detail
        unit = NewUnit(self._importing.new_id(), bureaus[0], name)
        self.added.append(unit)
        self._put(unit.id, unit.parent_id, unit.name)
        self._names[unit.id] = name
        return unit.id

    def _unknown(self, text: str) -> str:
        self._nearest_sought += 1
        near: Iterable[str] = ()
        if self._nearest_sought <= _NEAREST_SOUGHT:
            near = difflib.get_close_matches(text, self._names.values(), n=1, cutoff=0)
        hint = "".join(f"，最接近的是“{name}”" for name in near)
        return f"{self._own.name}及其下级没有单位“{text}”{hint}；请改正，或在导入时选择新建单位。"


def changes_of(file: RosterFile, roster: Roster, importing: Importing) -> Changes:
    """Hold every row against the roster; one problem anywhere means that nothing may be written.

    Officers are told apart by 工号; who is in the roster but not in the file stays as he or she is. A row with unfit
    cells is judged by its others, so that one report lists all there is to mend.
    """
    changes = Changes(problems=list(file.problems))
    units = Units(roster, importing)
    mine = {unit.id for unit in roster.units}
    ours = {number for number, known in roster.officers.items() if _is_ours(known, mine)}
    phones = {row.employee_no: row.phone for row in file.rows if row.employee_no in ours}
    for row in file.rows:
        unit = units.find(row.unit) if row.unit else ""
        known = roster.officers.get(row.employee_no)
        wrong = _misplaced(row, unit, known, roster.own)
        wrong += _held_elsewhere(row, roster, phones)
        if known:
            wrong += [] if row.employee_no in ours else [("工号", _NOT_OURS)]
            if row.employee_no == importing.employee_no and _drops_admin(row, known, file.columns):
                wrong.append(("角色", "不能取消您自己的管理员角色；请在您这一行的角色中写上“管理员”。"))
        if not (wrong or row.wrong or isinstance(unit, str)):
            wrong = _enter(changes, row, unit, known, file.columns, importing)
        changes.problems.extend(RowProblem(row.row, column, detail) for column, detail in wrong)
    changes.units = units.added
    return changes


def _enter(
    changes: Changes,
    row: RosterRow,
    unit_id: uuid.UUID,
    known: KnownOfficer | None,
    columns: frozenset[str],
    importing: Importing,
) -> list[tuple[str, str]]:
    """Enter what a good row does; or, where it is not the importer's to do, return why."""
    if known is None:
        refusal = importing.by and refused_over(importing.by, row.roles, unit_id, peers=True)
        if refusal:
            return [("角色", refusal)]
        takes_part = takes_part_by_default(row.roles) if row.takes_part is None else row.takes_part
        changes.created.append(NewOfficer(importing.new_id(), row, Placement(unit_id, takes_part)))
        return []
    after = _after(row, known, columns)
    planned, wanted = _placements(row, known, unit_id, importing.today)
    if after == known and wanted == planned:
        changes.unchanged.append(known.id)
        return []
    held = {*known.roles, *after.roles}
    refusal = importing.by and refused_over(importing.by, held, unit_id, peers=True)
    if refusal:
        differing = [column for member, column in _OWN.items() if getattr(after, member) != getattr(known, member)]
        differing += ["单位"] * (wanted.unit_id != planned.unit_id)
        differing += ["参赛"] * (wanted.takes_part != planned.takes_part)
        return [(column, f"{refusal}如无需更改，请把这一格改回与现有名册一致。") for column in differing]
    changes.changed.append(ChangedOfficer(known, after, _moves(known, planned, wanted, importing.today)))
    return []


def _misplaced(
    row: RosterRow, unit: uuid.UUID | str, known: KnownOfficer | None, own: KnownUnit
) -> list[tuple[str, str]]:
    """Return problems of the unit (a text: there is none) and of roles that do not belong there."""
    wrong = [("单位", unit)] if isinstance(unit, str) and unit else []
    if own.kind == UnitKind.PROVINCE:
        return wrong
    if Role.PROVINCE in row.roles and Role.PROVINCE not in (known.roles if known else ()):
        wrong.append(("角色", "“省厅”角色只能由省厅管理员设置，请删去。"))
    elif Role.ADMIN in row.roles and unit != own.id and not isinstance(unit, str):
        detail = f"“管理员”只能设给{own.name}本级人员；下级单位的人员请改为“联络员”或“单位负责人”。"
        wrong.append(("角色", detail))
    return wrong


def _held_elsewhere(row: RosterRow, roster: Roster, new_phones: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return problems of a 工号 or 手机号 that somebody else holds and, by this file, keeps."""

    def keeps(phone: str) -> bool:
        holder = roster.phones.get(phone)
        return holder is not None and holder != row.employee_no and new_phones.get(holder, phone) == phone

    wrong = []
    if keeps(row.phone):
        wrong.append(("手机号", "已登记在另一人员名下；如该人员已换号，请先更正他的手机号。"))
    elif row.phone != row.employee_no and row.phone in roster.numbers:
        wrong.append(("手机号", "与另一人员的工号相同，登录时会混淆，请核对。"))
    if keeps(row.employee_no):
        wrong.append(("工号", "与另一人员的手机号相同，登录时会混淆，请换一个工号。"))
    return wrong


_NOT_OURS = "该工号属于其他单位的人员，或该人员正在调往其他单位；请核对，或联系上级单位办理。"


def _drops_admin(row: RosterRow, known: KnownOfficer, columns: frozenset[str]) -> bool:
    return "角色" in columns - row.wrong and Role.ADMIN in known.roles and Role.ADMIN not in row.roles


def _is_ours(known: KnownOfficer, mine: Collection[uuid.UUID]) -> bool:
    """Whether an officer belongs, today and as planned, to the importing unit or one below it."""
    return bool(known.stretches) and all(stretch.placement.unit_id in mine for _, stretch in known.stretches)


_OWN = {
    "name": "姓名",
    "phone": "手机号",
    "section": "股室",
    "position": "职务",
    "roles": "角色",
    "wecom_userid": "企业微信账号",
}


def _after(row: RosterRow, known: KnownOfficer, columns: frozenset[str]) -> KnownOfficer:
    """Return an officer as a row has him or her; columns that the file lacks change nothing."""
    return known._replace(
        name=row.name,
        phone=row.phone,
        section=row.section if "股室" in columns else known.section,
        position=row.position if "职务" in columns else known.position,
        roles=row.roles if "角色" in columns else known.roles,
        wecom_userid=row.wecom_userid if "企业微信账号" in columns else known.wecom_userid,
    )


def _placements(row: RosterRow, known: KnownOfficer, unit_id: uuid.UUID, today: dt.date) -> tuple[Placement, Placement]:
    """Return what is planned from tomorrow on and what a row wants: today already counts for today's unit."""
    stretches = [stretch for _, stretch in known.stretches]
    planned = placed_on(stretches, today + dt.timedelta(days=1)) or stretches[0].placement
    return planned, Placement(unit_id, planned.takes_part if row.takes_part is None else row.takes_part)


def _moves(
    known: KnownOfficer, planned: Placement, wanted: Placement, today: dt.date
) -> StretchChanges[uuid.UUID] | None:
    if wanted == planned:
        return None
    stretches = [stretch for _, stretch in known.stretches]
    return stretch_changes(known.stretches, replanned(stretches, wanted, today + dt.timedelta(days=1)))
