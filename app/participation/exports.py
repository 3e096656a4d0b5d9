"""Rankings and officer lists as files: Excel workbooks, and CSV that Excel opens as Chinese."""

from __future__ import annotations

import asyncio
import csv
import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import xlsxwriter
from fastapi import Response

from app.core.clock import local
from app.core.http import POLLED, conditional, dumps, etag_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from fastapi import Request

    from app.participation.snapshot import Ranking
    from app.roster.models import Unit

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
_BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PERCENT = "0.0%"
_POINTS = "0.00"
_DECIMALS = {_PERCENT: 4, _POINTS: 2}
_LATIN = 0xFF
_NARROWEST, _WIDEST = 6, 40  # characters of a column; a Chinese one takes the room of two

_RANKING: tuple[tuple[str, str, str | None], ...] = (
    ("rank", "名次", None),
    ("unit", "单位", None),
    ("enrolled", "参赛人数", None),
    ("exempt", "经批准免参赛", None),
    ("expected", "应参赛", None),
    ("participated", "实际参赛", None),
    ("participation_rate", "参赛率", _PERCENT),
    ("done", "完成", None),
    ("completion_rate", "完成率", _PERCENT),
    ("in_progress", "进行中", None),
    ("not_started", "未开始", None),
    ("answered", "答题数", None),
    ("correct", "答对数", None),
    ("accuracy", "正确率", _PERCENT),
    ("index", "综合得分", _POINTS),
    ("rank_change", "名次变化", None),
)
_STATUS = {"in_progress": "进行中", "not_started": "未开始", "done": "已完成", "exempt": "免参赛"}
_CHANNEL = {"phone": "电话", "message": "消息"}
_OUTCOME = {"reached": "已联系", "no_answer": "未接通", "later": "稍后完成", "on_leave": "请假"}
_OFFICERS = (
    "工号", "姓名", "单位", "股室", "手机号", "状态", "已答题数", "得分", "免参赛事由", "最近提醒时间", "提醒人", "提醒结果", "备注",
)  # fmt: skip


async def ranking_file(request: Request, ranking: Ranking, kind: Literal["xlsx", "csv"]) -> Response:
    """Answer a ranking as a file, 304 where the client holds it."""
    days = str(ranking.span.first)
    if ranking.span.first < ranking.span.last:
        days += f"至{ranking.span.last}"
    make = ranking_xlsx if kind == "xlsx" else ranking_csv
    return await _file(request, ranking.etag, f"{ranking.scope.name}排名{days}.{kind}", lambda: make(ranking))


async def officers_file(
    request: Request, unit: Unit, day: dt.date, items: Sequence[dict[str, Any]], *, as_of: dt.datetime
) -> Response:
    """Answer a list of officers as a workbook, 304 where the client holds it."""
    etag = etag_of(dumps(items))
    return await _file(request, etag, f"{unit.name}名单{day}.xlsx", lambda: officers_xlsx(items, as_of=as_of))


async def _file(request: Request, etag: str, name: str, make: Callable[[], bytes]) -> Response:
    kind = name.rpartition(".")[2]
    etag = f'{etag[:-1]}-{kind}"'
    held = conditional(request, b"", etag=etag)
    if held.status_code == HTTPStatus.NOT_MODIFIED:
        return held
    headers = {
        "ETag": etag,
        "Content-Disposition": f"attachment; filename=\"export.{kind}\"; filename*=UTF-8''{quote(name)}",
        **POLLED,
    }
    body = await asyncio.to_thread(make)  # a province's workbook takes a while
    return Response(body, headers=headers, media_type=XLSX if kind == "xlsx" else CSV)


def ranking_xlsx(ranking: Ranking) -> bytes:
    """Return the ranking as a workbook: one row a unit, then scope, days and the instant of the figures."""
    rows = [[_cell(row, name, form) for name, _, form in _RANKING] for row in ranking.rows]
    notes = [
        f"范围：{ranking.scope.name}",
        f"日期：{ranking.span.first}至{ranking.span.last}",
        _as_of(ranking.as_of),
    ]
    return _workbook("排名", [title for _, title, _ in _RANKING], rows, notes, [form for _, _, form in _RANKING])


def ranking_csv(ranking: Ranking) -> bytes:
    """Return the ranking as UTF-8 CSV with a byte order mark; rates are fractions of 1 with four decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([title for _, title, _ in _RANKING])
    for row in ranking.rows:
        values = [_cell(row, name, form) for name, _, form in _RANKING]
        writer.writerow([inert(value) if isinstance(value, str) else value for value in values])
    return (_BOM + text.getvalue()).encode()


def officers_xlsx(items: Sequence[dict[str, Any]], *, as_of: dt.datetime) -> bytes:
    """Return officers, as the list answers them, as a workbook."""
    return _workbook("名单", _OFFICERS, [_officer(item) for item in items], [_as_of(as_of)])


def inert(text: str) -> str:
    """Return text that a spreadsheet program shows and never runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _as_of(instant: dt.datetime) -> str:
    return f"统计截至：{local(instant):%Y-%m-%d %H:%M:%S}"


def _cell(row: dict[str, Any], name: str, form: str | None) -> Any:
    value = row["unit"]["name"] if name == "unit" else row[name]
    return value if form is None or value is None else round(value, _DECIMALS[form])


def _officer(item: dict[str, Any]) -> list[Any]:
    officer, reminder, exemption = item["officer"], item["last_reminder"] or {}, item["exemption"] or {}
    return [
        officer["employee_no"],
        officer["name"],
        item["unit"]["name"],
        officer["section"],
        officer["phone"],
        _STATUS[item["status"]],
        item["quiz"]["answered"],
        item["quiz"]["points"],
        exemption.get("reason"),
        f"{local(reminder['at']):%Y-%m-%d %H:%M}" if reminder else None,
        reminder.get("by"),
        f"{_CHANNEL[reminder['channel']]}，{_OUTCOME[reminder['outcome']]}" if reminder else None,
        reminder.get("note"),
    ]


def _workbook(
    name: str,
    titles: Sequence[str],
    rows: Sequence[Sequence[Any]],
    notes: Sequence[str],
    forms: Sequence[str | None] | None = None,
) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        formats = [book.add_format({"num_format": form}) if form else None for form in forms or [None] * len(titles)]
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(titles):
            longest = max(_width(title), *(_width(row[column]) for row in rows), _NARROWEST)
            sheet.set_column(column, column, min(longest, _WIDEST) + 2)
            sheet.write_string(0, column, title, bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if isinstance(value, str):  # written as text, so that no name becomes a formula or a link
                    sheet.write_string(line, column, value)
                elif value is not None:
                    sheet.write_number(line, column, value, formats[column])
        for line, note in enumerate(notes, start=len(rows) + 2):
            sheet.write_string(line, 0, note)
    return file.getvalue()


def _width(value: Any) -> int:
    # A number is as wide as its title at most.
    return sum(2 if ord(character) > _LATIN else 1 for character in value) if isinstance(value, str) else 0
