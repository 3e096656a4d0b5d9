"""HTTP: the ranking picture of a notice, and the documents of notices and contests."""

from __future__ import annotations

import asyncio
import datetime as dt
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import local_day
from app.core.errors import FieldProblem, Forbidden, Invalid, NotFound
from app.core.http import POLLED, UNCHANGED, conditional, etag_of, polled, problems
from app.core.wiring import Wired
from app.notices.commendation import Quotas, collectives, people
from app.notices.documents import queries
from app.notices.documents.commending import Commendation, commendation_document, commendation_view
from app.notices.documents.rules import BriefNotReady, NothingFinal, ReportNotReady, brief_of, month_of
from app.notices.documents.schemas import CommendationOut
from app.notices.documents.writing import brief_document, notice_document, report_document
from app.notices.drawing import ranking_png
from app.notices.picture import draw, has_ranking
from app.notices.queries import READERS, notice_seen_by
from app.notices.rules import FINAL, Slot
from app.participation.rules import Span
from app.roster.access import Caller
from app.roster.models import Role
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.wiring import Services

router = APIRouter(tags=["Documents"])

PNG = "image/png"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_DAY = dt.timedelta(days=1)


async def _quotas(
    collectives: Annotated[int, Query(ge=0, le=100, description="集体名额")] = 1,
    bureau_officers: Annotated[int, Query(ge=0, le=100, description="机关人员名额")] = 1,
    branch_officers: Annotated[int, Query(ge=0, le=100, description="分局人员名额")] = 1,
) -> Quotas:
    return Quotas(collectives, bureau_officers, branch_officers)


Reader = Annotated[Caller, holding(*READERS)]
Proposer = Annotated[Caller, holding(Role.BUREAU, Role.ADMIN)]
Quota = Annotated[Quotas, Depends(_quotas)]


def _file(request: Request, body: bytes, *, etag: str, name: str, media: str, shown: bool = False) -> Response:
    held = conditional(request, b"", etag=etag)
    if held.status_code == HTTPStatus.NOT_MODIFIED:
        return held
    how, plain = "inline" if shown else "attachment", f"document.{name.rpartition('.')[2]}"
    disposition = f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return Response(body, headers={"ETag": etag, "Content-Disposition": disposition, **POLLED}, media_type=media)


async def _docx(request: Request, name: str, make: Callable[[], bytes]) -> Response:
    body = await asyncio.to_thread(make)  # some hundred milliseconds with a long table
    return _file(request, body, etag=etag_of(body), name=name, media=DOCX)


@router.get(
    "/notices/{notice_id}/ranking.png",
    operation_id="notice_ranking_png",
    summary="通报的排名图",
    response_class=Response,
    responses={200: {"content": {PNG: {}}}, **UNCHANGED, **problems(401, 403, 404, 503)},
)
async def notice_ranking(request: Request, notice_id: str, caller: Reader, wired: Wired) -> Response:
    """Return the ranking of a bureau's notice as a picture, 1080 px wide, from its frozen figures."""
    async with wired.database.reads() as session:
        notice, unit = await notice_seen_by(session, caller, notice_id)
    stats = notice.stats
    if stats is None or not has_ranking(stats):
        raise NotFound("这份通报没有排名，因而没有排名图。")
    etag = etag_of(draw(stats).encode())
    if conditional(request, b"", etag=etag).status_code == HTTPStatus.NOT_MODIFIED:
        return conditional(request, b"", etag=etag)
    name = f"{unit.name}排名{notice.day}{stats['slot'].replace(':', '')}.png"
    return _file(request, await ranking_png(stats), etag=etag, name=name, media=PNG, shown=True)


@router.get(
    "/notices/{notice_id}/notice.docx",
    operation_id="notice_document",
    summary="通报文件（Word）",
    response_class=Response,
    responses={200: {"content": {DOCX: {}}}, **UNCHANGED, **problems(401, 403, 404)},
)
async def notice_file(request: Request, notice_id: str, caller: Reader, wired: Wired) -> Response:
    """Return the bureau's numbered 通报 of a finished day as a document."""
    async with wired.database.reads() as session:
        notice, _ = await notice_seen_by(session, caller, notice_id)
        digest = await queries.figures_digest(session, notice.contest_id, notice.day)
    title, body, stats = notice.title, notice.body, notice.stats
    if title is None or body is None or stats is None or "level" not in stats or Slot(notice.slot_at).name != FINAL:
        raise NotFound("只有发给市局的8:00通报有文件格式。")
    day, issued_at = local_day(notice.created_at), notice.created_at
    make = lambda: notice_document(title, body, stats, issued_at=issued_at, day=day, digest=digest)  # noqa: E731
    return await _docx(request, f"{title}.docx", make)


@router.get(
    "/contests/{contest_id}/brief.docx",
    operation_id="contest_brief",
    summary="月度简报（Word）",
    response_class=Response,
    responses={200: {"content": {DOCX: {}}}, **UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def brief_file(
    request: Request,
    contest_id: str,
    caller: Reader,
    wired: Wired,
    month: Annotated[str, Query(description="月份，如 2026-11", examples=["2026-11"])],
) -> Response:
    """Return a month's brief: from the 19th of the month before to the 18th, ready on the 19th."""
    first_day = month_of(month)
    if first_day is None:
        problem = FieldProblem("/query/month", "月份应写作 2026-11 的形式。")
        raise Invalid("月份有误，请改正后重试。", errors=[problem])
    async with wired.database.reads() as session:
        scope = await queries.scope_of(session, caller, contest_id)
        brief = brief_of(first_day, scope.contest.starts_on, scope.contest.ends_on)
        if brief is None:
            raise NotFound("该月简报所涵盖的日期内没有竞赛日。")
        days, all_final = await queries.final_days(session, scope, brief.span)
        if not all_final:
            told = f"简报于{brief.ready_on}生成，请届时再取。"
            raise BriefNotReady(told, ready_on=brief.ready_on.isoformat())
        if not days:
            raise NotFound("该月简报所涵盖的日期内没有竞赛日。")
        before = brief_of((first_day - _DAY).replace(day=1), scope.contest.starts_on, scope.contest.ends_on)
        compared = (await queries.final_days(session, scope, before.span))[0] if before else []
        summary = await queries.summary_of(session, scope, brief.span, days, before=compared)
    name = f"{scope.name}工作简报第{brief.number}期.docx"
    return await _docx(request, name, lambda: brief_document(summary, brief))


@router.get(
    "/contests/{contest_id}/report.docx",
    operation_id="contest_report",
    summary="竞赛总结报告（Word）",
    response_class=Response,
    responses={200: {"content": {DOCX: {}}}, **UNCHANGED, **problems(401, 403, 404, 409)},
)
async def report_file(request: Request, contest_id: str, caller: Reader, wired: Wired) -> Response:
    """Return the final report of a contest whose last day is final."""
    async with wired.database.reads() as session:
        scope = await queries.scope_of(session, caller, contest_id)
        span = Span(scope.contest.starts_on, scope.contest.ends_on)
        days, all_final = await queries.final_days(session, scope, span)
        if not all_final or not days:
            told = f"竞赛于{span.last}结束，总结报告在次日成绩确定后生成。"
            raise ReportNotReady(told, ends_on=span.last.isoformat())
        summary = await queries.summary_of(session, scope, span, days)
    return await _docx(request, f"{scope.name}总结报告.docx", lambda: report_document(summary))


@router.get(
    "/contests/{contest_id}/commendation",
    operation_id="contest_commendation",
    summary="表现突出集体、个人候选名单",
    response_model=CommendationOut,
    responses={**UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def commendation(request: Request, contest_id: str, caller: Proposer, wired: Wired, quotas: Quota) -> Response:
    """Return who is proposed by the figures of the contest's final days, with the evidence; people decide."""
    return polled(request, commendation_view(await _commendation(wired, caller, contest_id, quotas)))


@router.get(
    "/contests/{contest_id}/commendation.docx",
    operation_id="contest_commendation_document",
    summary="表现突出集体、个人候选名单（Word）",
    response_class=Response,
    responses={200: {"content": {DOCX: {}}}, **UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def commendation_file(
    request: Request, contest_id: str, caller: Proposer, wired: Wired, quotas: Quota
) -> Response:
    """Return the same list as a document."""
    found = await _commendation(wired, caller, contest_id, quotas)
    name = f"{found.summary.scope.name}表现突出集体、个人候选名单.docx"
    return await _docx(request, name, lambda: commendation_document(found))


async def _commendation(wired: Services, caller: Caller, contest_id: str, quotas: Quotas) -> Commendation:
    async with wired.database.reads() as session:
        scope = await queries.scope_of(session, caller, contest_id)
        if caller.unit_id not in scope.unit.path:  # names are for those who watch over all of these officers
            raise Forbidden("候选名单只供市局、省厅查阅；如确有需要，请联系市局管理员。")
        days, _ = await queries.final_days(session, scope, Span(scope.contest.starts_on, scope.contest.ends_on))
        if not days:
            raise NothingFinal("竞赛还没有已确定成绩的竞赛日，请在首日8:00通报发出后再取。")
        summary = await queries.summary_of(session, scope, Span(days[0], days[-1]), days)
        staff = await queries.people_of(session, scope, days, branch=False)
        officers = await queries.people_of(session, scope, days, branch=True)
    return Commendation(
        summary,
        quotas,
        collectives(summary.collectives, quota=quotas.collectives),
        people(staff, days=len(days), quota=quotas.bureau_officers),
        people(officers, days=len(days), quota=quotas.branch_officers),
    )
