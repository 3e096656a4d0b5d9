"""Over HTTP: pictures and documents, opened again and compared with the figures that they must show."""

from __future__ import annotations

import datetime as dt
import io
import re
import uuid
import zipfile
from typing import Any

import docx
import httpx
import pytest
from docx.document import Document
from docx.oxml.ns import qn

from app.notices.documents.queries import figures_digest
from app.roster.models import UnitKind
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import exempt, play
from tests.times import TODAY, SetClock

DAY = dt.timedelta(days=1)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TWO_DAYS = (TODAY - DAY, TODAY)


@pytest.fixture
async def morning(groups: Groups, clock: SetClock) -> Groups:
    """Two days over, the second in full for 梅江; the 8:00 notice is out, the contest goes on."""
    await groups.set_contest(starts_on=TODAY - DAY)
    await groups.town.officers_in("市局", 1)
    for name in ("梅江001", "梅江002", "联络员"):
        await play(groups.town, name, correct=9)
    await play(groups.town, "梅江001", day=TODAY - DAY, correct=5)
    await play(groups.town, "丰顺001", day=TODAY - DAY)
    await play(groups.town, "丰顺001", answered=4)
    await play(groups.town, "市局001", correct=7)
    await exempt(groups.town, "丰顺002")
    await groups.tick("08:00:10", TOMORROW)
    clock.at("09:00", TOMORROW)
    return groups


async def asked(groups: Groups, who: str, path: str, **params: Any) -> httpx.Response:
    async with groups.town.as_(who) as client:
        return await client.get(path, params=params or None)


async def opened(groups: Groups, path: str, who: str = "市局处长", **params: Any) -> Document:
    answer = await asked(groups, who, path, **params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, DOCX), answer.text
    return docx.Document(io.BytesIO(answer.content))


def lines(document: Document) -> list[str]:
    return [paragraph.text for paragraph in document.paragraphs if paragraph.text]


def cells(document: Document, number: int = 0) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in document.tables[number].rows]


async def path_of(groups: Groups, unit: str = "市局", time: str = "08:00", day: dt.date = TOMORROW) -> str:
    return f"/notices/{(await groups.notice(unit, time, day)).id}"


def contest(groups: Groups, rest: str) -> str:
    return f"/contests/{groups.town.contest_id}/{rest}"


# The picture.


async def test_the_picture_of_the_notice_is_a_png_and_a_poll_of_it_costs_nothing(morning: Groups) -> None:
    path = f"{await path_of(morning)}/ranking.png"
    async with morning.town.as_("市局处长") as bureau:
        answer = await bureau.get(path)
        again = await bureau.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert "inline" in answer.headers["content-disposition"]
    assert (again.status_code, again.content) == (304, b"")


async def test_the_frozen_figures_hold_the_places_of_before(morning: Groups) -> None:
    stats = (await morning.notice("市局", "08:00", TOMORROW)).stats
    assert stats is not None
    assert (stats["slot"], stats["earlier"], stats["level"], stats["late"]) == ("08:00", "前一日", "bureau", False)
    places = {unit["unit"]["name"]: (unit["rank"], unit["earlier_rank"]) for unit in stats["units"]}
    assert places == {"梅江": (1, 2), "丰顺": (2, 1), "五华": (None, None)}


async def test_a_branchs_notice_has_no_picture_and_no_document(morning: Groups) -> None:
    path = await path_of(morning, "丰顺")
    for rest in ("ranking.png", "notice.docx"):
        answer = await asked(morning, "市局处长", f"{path}/{rest}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_a_progress_has_a_picture_but_no_document(morning: Groups) -> None:
    await morning.tick("12:00:10", TOMORROW)
    path = await path_of(morning, time="12:00")
    assert (await asked(morning, "市局处长", f"{path}/ranking.png")).status_code == 200
    assert (await asked(morning, "市局处长", f"{path}/notice.docx")).status_code == 404


async def test_a_slot_that_was_missed_has_neither(morning: Groups) -> None:
    path = await path_of(morning, time="22:00", day=TODAY)
    for rest in ("ranking.png", "notice.docx"):
        assert (await asked(morning, "市局处长", f"{path}/{rest}")).status_code == 404


# The numbered notice.


async def test_the_document_of_the_notice_says_what_the_notice_said(morning: Groups) -> None:
    notice = await morning.notice("市局", "08:00", TOMORROW)
    document = await opened(morning, f"/notices/{notice.id}/notice.docx")
    assert notice.body is not None
    said = lines(document)
    assert said[:2] == ["关于网络知识竞赛第2日情况的通报", "（第2期）"]
    assert said[2 : 2 + notice.body.count("\n")] == notice.body.split("\n")[:-1]  # all but who signs
    assert said[-2:] == ["市生态环境局执法监督科", "2026年11月24日"]


async def test_its_table_shows_the_frozen_figures(morning: Groups) -> None:
    path = await path_of(morning)
    stats = (await asked(morning, "市局处长", path)).json()["stats"]
    head, *rows = cells(await opened(morning, f"{path}/notice.docx"))
    assert head[:3] == ["名次", "单位", "应参赛"]
    assert rows == [
        ["1", "梅江", "3", "3", "100%", "100%", "90.0%", "97.0", "上升1位"],
        ["2", "丰顺", "1", "0", "100%", "0%", "100%", "50.0", "下降1位"],
        ["—", "五华", "0", "0", "—", "—", "—", "—", "—"],
    ]
    assert {unit["unit"]["name"]: unit["done"] for unit in stats["units"]} == {"梅江": 3, "丰顺": 0, "五华": 0}


async def test_it_carries_the_digest_of_the_days_final_figures(morning: Groups) -> None:
    document = await opened(morning, f"{await path_of(morning)}/notice.docx")
    shown = [re.fullmatch("当日成绩校验码（SHA-256）：([0-9a-f]{64})", line) for line in lines(document)]
    assert morning.town.contest_id is not None
    async with morning.town.services.database.reads() as session:
        digests = [await figures_digest(session, morning.town.contest_id, day) for day in (*TWO_DAYS, TOMORROW)]
    assert [found[1] for found in shown if found] == [digests[1]]
    assert digests[0] != digests[1]
    assert digests[2] is None  # not over


async def test_a_document_has_the_usual_form(morning: Groups) -> None:
    answer = await asked(morning, "市局处长", f"{await path_of(morning)}/notice.docx")
    document = docx.Document(io.BytesIO(answer.content))
    title, _, _, body = document.paragraphs[:4]
    fonts = [paragraph._element.xpath(".//w:rFonts")[0].get(qn("w:eastAsia")) for paragraph in (title, body)]
    assert fonts == ["方正小标宋简体", "仿宋_GB2312"]
    assert body.paragraph_format.line_spacing.pt == 28
    assert document.core_properties.author == "市生态环境局执法监督科"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert '<w:font w:name="仿宋_GB2312"><w:altName' in file.read("word/fontTable.xml").decode()
        assert not [name for name in file.namelist() if "thumbnail" in name]


async def test_the_same_document_has_the_same_bytes(morning: Groups) -> None:
    path = f"{await path_of(morning)}/notice.docx"
    async with morning.town.as_("市局处长") as bureau:
        first = await bureau.get(path)
        again = await bureau.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert (await bureau.get(path)).content == first.content
    assert "%E9%80%9A%E6%8A%A5" in first.headers["content-disposition"]  # 通报


# Brief, report.


async def test_the_brief_sums_the_days_since_the_last_one(morning: Groups) -> None:
    await morning.set_contest(ends_on=TODAY)
    document = await opened(morning, contest(morning, "brief.docx"), "联络员", month="2026-12")
    said = lines(document)
    assert said[:3] == [
        "网络知识竞赛工作简报",
        "（第1期）",
        "本期简报反映2026年11月22日至11月23日（共2个竞赛日）的竞赛情况。",
    ]
    assert (
        "累计应参赛11人次（另有1人次经批准免参赛），实际参赛7人次，参赛率63.6%；"
        "完成当日任务6人次，完成率54.5%，答题正确率82.8%。" in said
    )
    assert "请梅江、丰顺（期间完成率低于90%）查明原因" in "".join(said)
    assert said[-2:] == ["市生态环境局执法监督科", "2026年11月24日"]
    assert cells(document, 1)[1:] == [
        ["第1日", "11月22日", "6", "2", "2", "33.3%", "33.3%", "75.0%"],
        ["第2日", "11月23日", "5", "5", "4", "100%", "80.0%", "86.4%"],
    ]


async def test_a_brief_compares_with_the_one_before(morning: Groups, clock: SetClock) -> None:
    november = TODAY.replace(day=18)
    await morning.set_contest(starts_on=november, ends_on=TODAY)
    await play(morning.town, "丰顺001", day=november)
    await play(morning.town, "丰顺002", day=november)
    await morning.tick("08:10", TOMORROW)
    document = await opened(morning, contest(morning, "brief.docx"), month="2026-12")
    assert "（第2期）" in lines(document)
    assert [row[-1] for row in cells(document)] == ["较上期", "上升1位", "下降1位", "—"]
    first = await opened(morning, contest(morning, "brief.docx"), month="2026-11")
    assert [row[1:4] for row in cells(first)[1:]] == [["丰顺", "2", "2"], ["梅江", "3", "0"], ["五华", "0", "0"]]
    assert "丰顺每个竞赛日均全员完成。" in lines(first)


async def test_a_brief_whose_days_are_not_over_is_not_ready(morning: Groups) -> None:
    answer = await asked(morning, "市局处长", contest(morning, "brief.docx"), month="2026-12")
    assert (answer.status_code, answer.json()["code"]) == (409, "brief-not-ready")
    assert answer.json()["ready_on"] == "2026-12-14"


@pytest.mark.parametrize(("month", "status"), [("2026-10", 404), ("2027-06", 404), ("2026", 422), ("2026-00", 422)])
async def test_months_without_a_brief(morning: Groups, month: str, status: int) -> None:
    assert (await asked(morning, "市局处长", contest(morning, "brief.docx"), month=month)).status_code == status


async def test_the_report_comes_after_the_end(morning: Groups) -> None:
    early = await asked(morning, "市局处长", contest(morning, "report.docx"))
    assert (early.status_code, early.json()["code"]) == (409, "report-not-ready")
    await morning.set_contest(ends_on=TODAY)
    document = await opened(morning, contest(morning, "report.docx"))
    said = lines(document)
    assert said[0] == "关于网络知识竞赛情况的总结报告"
    assert "网络知识竞赛于2026年11月22日至11月23日举行，共2个竞赛日，覆盖3个单位，最后一日应参赛5人。" in said
    assert "单日完成率最高80.0%（11月23日），最低33.3%（11月22日）。" in said
    assert [row[:4] for row in cells(document)[1:]] == [
        ["1", "梅江", "6", "4"],
        ["2", "丰顺", "3", "1"],
        ["—", "五华", "0", "0"],
    ]
    assert "五华期间无应参赛人员，不参加排名。" in said
    assert said[-1] == "2026年11月24日"


async def test_a_report_of_a_contest_in_full_praises_nobody_falsely(groups: Groups) -> None:
    await groups.set_contest(ends_on=TODAY)
    for name in ("梅江001", "梅江002", "联络员", "丰顺001", "丰顺002"):
        await play(groups.town, name)
    await groups.tick("08:00:10", TOMORROW)
    said = "".join(lines(await opened(groups, contest(groups, "report.docx"))))
    assert "各竞赛日完成率均为100%。" in said
    assert "各单位完成率均在90%以上，未发现突出问题。" in said
    assert "丰顺、梅江每个竞赛日均全员完成。" in said


async def test_a_report_of_a_contest_that_nobody_was_in(groups: Groups) -> None:
    await groups.set_contest(unit_id=groups.town.units["五华"], ends_on=TODAY)
    await groups.tick("08:00:10", TOMORROW)
    said = lines(await opened(groups, contest(groups, "report.docx")))
    assert said.count("期间没有应参赛人员。") == 2


async def test_the_province_reads_of_its_bureaus_in_its_own_contest(groups: Groups) -> None:
    await groups.set_contest(unit_id=groups.town.units["省厅"], ends_on=TODAY)
    await groups.tick("08:00:10", TOMORROW)
    of_province = await opened(groups, contest(groups, "report.docx"), "省厅处长")
    of_bureau = await opened(groups, contest(groups, "report.docx"), "市局处长")
    assert [row[1] for row in cells(of_province)] == ["单位", "市局"]
    assert [row[1] for row in cells(of_bureau)[1:]] == ["丰顺", "梅江", "五华"]


async def test_a_contest_without_ranked_units_says_so(groups: Groups) -> None:
    await groups.town.unit("镇街", UnitKind.TOWNSHIP, "五华")
    await groups.set_contest(unit_id=groups.town.units["镇街"], ends_on=TODAY)
    await groups.tick("08:00:10", TOMORROW)
    said = lines(await opened(groups, contest(groups, "report.docx"), "管理员"))
    assert "没有参加排名的单位。" in said


@pytest.mark.parametrize("rest", ["brief.docx?month=2026-12", "report.docx", "commendation", "commendation.docx"])
async def test_officers_read_no_documents_and_other_contests_do_not_exist(morning: Groups, rest: str) -> None:
    assert (await asked(morning, "梅江001", contest(morning, rest))).status_code == 403
    assert (await asked(morning, "管理员", f"/contests/{uuid.uuid4()}/{rest}")).status_code == 404


# Candidates for commendation.


async def commended(groups: Groups, who: str = "市局处长", **params: int) -> dict[str, Any]:
    answer = await asked(groups, who, contest(groups, "commendation"), **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_candidates_come_with_their_evidence(morning: Groups) -> None:
    found = await commended(morning)
    assert (found["from"], found["to"], found["days"]) == ("2026-11-22", "2026-11-23", 2)
    assert found["scope"]["name"] == "市局"
    assert found["quotas"] == {"collectives": 1, "bureau_officers": 1, "branch_officers": 1}
    first, second = found["collectives"]
    assert (first["unit"]["name"], first["proposed"], first["decided_by"]) == ("梅江", True, "index")
    assert (first["expected"], first["done"], first["complete_days"]) == (6, 4, 1)
    assert (second["unit"]["name"], second["proposed"], second["decided_by"]) == ("丰顺", False, None)
    (staff,) = found["bureau_officers"]
    assert (staff["officer"]["name"], staff["days_expected"], staff["days_done"]) == ("市局001", 2, 1)
    best = found["branch_officers"][0]
    assert best["officer"]["name"] == "梅江001"
    assert (best["days_expected"], best["days_done"], best["completion_rate"]) == (2, 2, 1.0)
    assert (best["answered"], best["correct"], best["accuracy"]) == (20, 14, 0.7)
    assert (best["place"], best["proposed"], best["decided_by"]) == (1, True, "completion_rate")


async def test_quotas_are_asked_for(morning: Groups) -> None:
    found = await commended(morning, collectives=2, bureau_officers=0, branch_officers=3)
    assert [one["proposed"] for one in found["collectives"]] == [True, True]
    assert found["bureau_officers"] == []
    assert sum(one["proposed"] for one in found["branch_officers"]) == 4  # two are equal at the third place
    assert [one["decided_by"] for one in found["branch_officers"]][-2:] == ["shared", "shared"]
    assert (await asked(morning, "管理员", contest(morning, "commendation"), collectives=-1)).status_code == 422


async def test_the_list_as_a_document_shows_the_same(morning: Groups) -> None:
    document = await opened(morning, contest(morning, "commendation.docx"))
    assert lines(document)[0] == "网络知识竞赛表现突出集体、个人候选名单"
    assert [row[:2] for row in cells(document)[1:]] == [["1", "梅江"], ["备2", "丰顺"]]
    assert cells(document, 1)[1] == ["1", "市局001（市局001）", "市局", "2", "1", "50.0%", "70.0%", "—"]
    assert cells(document, 2)[1][:5] == ["1", "梅江001（梅江001）", "梅江", "2", "2"]


async def test_nobody_to_propose_is_said(groups: Groups) -> None:
    early = await asked(groups, "管理员", contest(groups, "commendation"))
    assert (early.status_code, early.json()["code"]) == (409, "nothing-final")
    await groups.tick("08:00:10", TOMORROW)
    document = await opened(groups, contest(groups, "commendation.docx"))
    assert lines(document).count("没有符合条件的候选。") == 3


@pytest.mark.parametrize("who", ["联络员", "省厅处长", "主任"])
async def test_names_are_for_the_bureau_and_its_administrators(morning: Groups, who: str) -> None:
    await morning.town.officer("主任", "梅江", roles=["leader", "bureau"], takes_part=False)  # of a branch only
    assert (await asked(morning, who, contest(morning, "commendation"))).status_code == 403
