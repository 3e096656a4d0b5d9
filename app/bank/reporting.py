"""What an import reports: what it did, or why it wrote nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from app.bank.arrivals import advice, drafts
from app.bank.listing import told_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from app.bank.entries import Plan, Problem
    from app.bank.files import Reading
    from app.bank.footing import InDoubt
    from app.bank.own import PutBack


class RowError(NamedTuple):
    """One thing wrong with an import's file: line or row from 1, field or column, and what to do."""

    row: int
    column: str
    detail: str


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """What an import did, or (`errors`) why it wrote nothing; `id` is None where nothing was to be written.

    `missing` counts questions that the tables hold and the files do not: of the shipped bank they are retired now,
    a bureau's own stay as they are. `lapsed` are instruments whose confirmation was of another text, `put_back` units
    whose own questions the register no longer vouches for. Of the questions,
    `drafts` became drafts, `kept` keep a state other than the file's, and `advice` says what to do next. `unlisted`
    counts what the last error speaks of without listing it.
    """

    id: uuid.UUID | None
    rows: int
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    drafts: int = 0
    kept: int = 0
    advice: str | None = None
    errors: tuple[RowError, ...] = ()
    lapsed: tuple[str, ...] = ()
    put_back: tuple[PutBack, ...] = ()
    unlisted: int = 0


def refused(reading: Reading, problems: Iterable[Problem], names: dict[str, str]) -> ImportReport:
    """Return the report of files that are not taken over; its last error says how many more there are."""
    told, left = told_of(problems)
    left += reading.unlisted
    errors = [_row_error(problem, names) for problem in told]
    if left:
        errors.append(RowError(1, "", f"其余 {left} 处未列出，请先改正以上各处后再导入。"))
    return ImportReport(None, reading.rows, errors=tuple(errors), unlisted=left)


def _row_error(problem: Problem, names: dict[str, str]) -> RowError:
    place = "  ".join(filter(None, (problem.file, problem.code)))
    return RowError(
        row=problem.row or 1,
        column=names.get(problem.field, problem.field[:40]),
        detail=f"{place}：{problem.detail}" if problem.file else problem.detail,
    )


def reported(import_id: uuid.UUID | None, rows: int, plan: Plan, kept: int | None, law: InDoubt) -> ImportReport:
    """Return the report of an import by `plan`; `kept` is None for the shared bank, whose states its files give.

    `law` tells what keeps a unit's own questions from use.
    """
    report = ImportReport(import_id, rows, len(plan.created), plan.changed, plan.unchanged, len(plan.missing))
    if kept is None:
        return report
    made = drafts(plan)
    return dataclasses.replace(report, drafts=made, kept=kept, advice=advice(made, kept, law))
