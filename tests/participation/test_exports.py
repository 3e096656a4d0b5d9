"""Files: rankings and officers as Excel and CSV, the same figures and the same rules of access."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import openpyxl
import pytest

from app.participation.exports import inert
from app.roster.models import UnitKind
from tests.participation.rows import exempt, play
from tests.times import TODAY

if TYPE_CHECKING:
    import httpx

    from tests.people import Town
    from tests.times import SetClock


async def download(town: Town, name: str, path: str, **headers: str) -> httpx.Response:
    async with town.as_(name) as client:
        return await client.get(path, headers=headers)


def sheet(answer: httpx.Response) -> list[list[Any]]:
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return [list(row) for row in book.active.iter_rows(values_only=True)]


def saved_as(answer: httpx.Response) -> str:
    return unquote(answer.headers["content-disposition"].partition("filename*=UTF-8''")[2])


async def test_the_ranking_is_a_workbook(contest: Town) -> None:
    answer = await download(contest, "梅江001", "/rankings/branches.xlsx?day=2026-11-23")
    rows = sheet(answer)
    assert rows[0][:3] == ["名次", "单位", "参赛人数"]
    assert rows[1] == [1, "梅江", 3, 0, 3, 2, 0.6667, 1, 0.3333, 1, 1, 14, 11, 0.7857, 53.57, 0]
    assert [row[0] for row in rows[-3:]] == [
        "范围：市局",
        "日期：2026-11-23至2026-11-23",
        "统计截至：2026-11-23 12:00:00",
    ]
    assert saved_as(answer) == "市局排名2026-11-23.xlsx"


async def test_the_workbook_shows_percentages_and_has_room_for_names(contest: Town) -> None:
    await contest.unit("很长很长名字的生态环境分局", UnitKind.BRANCH, "市局")
    answer = await download(contest, "梅江001", "/rankings/branches.xlsx")
    page = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    forms = {page.cell(1, column).value: page.cell(2, column).number_format for column in range(1, 17)}
    assert {name for name, form in forms.items() if form == "0.0%"} == {"参赛率", "完成率", "正确率"}
    assert forms["综合得分"] == "0.00"
    assert page.column_dimensions["B"].width > 26  # Excel's width of thirteen Chinese characters
    assert page.freeze_panes == "A2"


async def test_the_ranking_is_csv_that_excel_reads_as_chinese(contest: Town) -> None:
    answer = await download(contest, "梅江001", "/rankings/branches.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["名次"], row["单位"]) for row in rows] == [("1", "梅江"), ("2", "丰顺"), ("", "五华")]
    assert [rows[0][name] for name in ("参赛率", "完成率", "正确率", "综合得分")] == [
        "0.2222",
        "0.1111",
        "0.7857",
        "33.57",
    ]
    assert [rows[2][name] for name in ("参赛率", "综合得分")] == ["", ""]
    assert saved_as(answer) == "市局排名2026-11-21至2026-11-23.csv"


async def test_a_rank_lost_stays_a_number_and_a_name_never_becomes_a_formula(contest: Town) -> None:
    await contest.unit('=HYPERLINK("http://x")', UnitKind.BRANCH, "市局")
    await contest.officer("新人", '=HYPERLINK("http://x")')
    await play(contest, "新人")
    text = (await download(contest, "梅江001", "/rankings/branches.csv")).text
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert (rows[0]["单位"], rows[1]["名次变化"]) == ('\'=HYPERLINK("http://x")', "-1")
    book = await download(contest, "梅江001", "/rankings/branches.xlsx")
    cell = openpyxl.load_workbook(io.BytesIO(book.content)).active["B2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == ('=HYPERLINK("http://x")', "s", None)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1"])
def test_text_that_a_spreadsheet_would_run_is_made_inert(text: str) -> None:
    assert inert(text) == "'" + text
    assert inert("梅江" + text) == "梅江" + text


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_a_file_without_news_is_not_modified(contest: Town, kind: str, clock: SetClock) -> None:
    first = await download(contest, "梅江001", f"/rankings/branches.{kind}")
    clock.at("12:30")
    etag = first.headers["etag"]
    again = await download(contest, "梅江001", f"/rankings/branches.{kind}", **{"If-None-Match": etag})
    assert (again.status_code, again.headers["etag"]) == (304, etag)


async def test_the_officers_are_a_workbook_with_reminders_and_exemptions(contest: Town) -> None:
    await exempt(contest, "梅江001")
    async with contest.as_("联络员") as liaison:
        body = {"officer_id": str(contest.officers["梅江002"]), "channel": "phone", "outcome": "later", "note": "=1+1"}
        await liaison.post(f"/branches/{contest.units['梅江']}/reminders", json=body)
    answer = await download(contest, "联络员", f"/branches/{contest.units['梅江']}/officers.xlsx")
    rows = sheet(answer)
    assert rows[1] == [
        "梅江002",
        "梅江002",
        "梅江",
        None,
        None,
        "进行中",
        4,
        30,
        None,
        "2026-11-23 12:00",
        "联络员",
        "电话，稍后完成",
        "=1+1",
    ]
    assert rows[2][4] == "13800000001"
    assert rows[3][5:9] == ["免参赛", 10, 80, "病假"]
    assert saved_as(answer) == f"梅江名单{TODAY}.xlsx"


async def test_phones_in_the_file_follow_the_lists_rule(contest: Town) -> None:
    await contest.officer("老张", "梅江", phone="13800000009")
    path = f"/branches/{contest.units['梅江']}/officers.xlsx?status=unfinished"
    seen = {row[1]: row[4] for row in sheet(await download(contest, "市局处长", path))[1:]}
    assert (seen["老张"], seen["联络员"]) == (None, "13800000001")
    assert "梅江001" not in seen


@pytest.mark.parametrize(("caller", "unit", "status"), [("梅江001", "梅江", 403), ("联络员", "丰顺", 404)])
async def test_files_follow_the_lists_access(contest: Town, caller: str, unit: str, status: int) -> None:
    refused = await download(contest, caller, f"/branches/{contest.units[unit]}/officers.xlsx")
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
