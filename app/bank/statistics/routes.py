"""HTTP: how questions did, and which of them look wrong; for question administrators only."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response

from app.bank.routes import QuestionAdministrator
from app.bank.statistics import queries
from app.bank.statistics.queries import Measured, Span
from app.bank.statistics.rules import LEAST_FOR_SUSPICION
from app.bank.statistics.schemas import (
    MeasuredPage,
    QuestionStatistics,
    SuspiciousPage,
    item_view,
    question_statistics,
    signs_of,
    suspicious_view,
)
from app.core.clock import local_day
from app.core.errors import FieldProblem, Invalid, Malformed
from app.core.http import encode_cursor, next_link, problems, read_cursor
from app.core.wiring import Wired

router = APIRouter(tags=["Questions"])

USUAL_DAYS = 31
MOST_DAYS = 92
"""A span's bound: it is counted on request, and a city's answers of three months take a second."""

Order = Literal["code", "answers", "share_correct", "discrimination"]


async def _span(
    wired: Wired,
    _caller: QuestionAdministrator,
    from_: Annotated[dt.date | None, Query(alias="from", description="竞赛日，含；不填为最近31天")] = None,
    to: Annotated[dt.date | None, Query(description="竞赛日，含；不填为今天")] = None,
) -> Span:
    """Return the days asked for; raises Invalid for a span that is empty or too long."""
    async with wired.database.reads() as session:
        today = local_day(await wired.clock.now(session))
    last = to or (min(today, from_ + dt.timedelta(days=USUAL_DAYS - 1)) if from_ and from_ <= today else today)
    first = from_ or dt.date.fromordinal(max(1, last.toordinal() - USUAL_DAYS + 1))
    if first > last or (last - first).days >= MOST_DAYS:
        detail = f"起止日期应当从早到晚，最多{MOST_DAYS}天，请分段查询。"
        raise Invalid(detail, errors=[FieldProblem("/from", detail)])
    return Span(first, last)


AskedSpan = Annotated[Span, Depends(_span)]


class _Page(NamedTuple):
    """What part of a counted list to show."""

    start: int
    limit: int


async def _page(
    cursor: Annotated[str | None, Query(max_length=400, description="上一页的 next")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> _Page:
    place = read_cursor(cursor, int)
    if place is not None and place[0] < 0:
        raise Malformed("分页标记无效，请从第一页重新读取。")
    return _Page(place[0] if place else 0, limit)


AskedPage = Annotated[_Page, Depends(_page)]


@router.get(
    "/questions/statistics",
    operation_id="questions_statistics",
    summary="题目作答统计",
    responses=problems(400, 401, 403, 422),
)
async def statistics(
    request: Request,
    response: Response,
    caller: QuestionAdministrator,
    wired: Wired,
    span: AskedSpan,
    page: AskedPage,
    order: Annotated[
        Order, Query(description="code：编号；answers：作答最多在前；share_correct、discrimination：最低在前")
    ] = "code",
) -> MeasuredPage:
    """List every text answered in the span in the caller's contests, revision by revision; practice is not counted."""
    async with wired.database.reads() as session:
        found = await queries.measured(session, caller, span)
    found.sort(key=lambda one: _place(one, order))
    items, following = _cut(found, page)
    next_link(request, response, following)
    return MeasuredPage.model_validate(
        {**span._asdict(), "items": [item_view(one) for one in items], "next": following}
    )


def _place(one: Measured, order: Order) -> tuple[Any, ...]:
    """Return what sorts a text; what is not known comes last."""
    if order == "code":
        return (one.question.code, one.question.id, -one.revision.number)
    if order == "answers":
        value: float | None = -one.tally.answers
    else:
        value = one.tally.share_correct if order == "share_correct" else one.tally.discrimination
    return (value is None, value or 0, one.question.code, one.question.id, -one.revision.number)


def _cut(found: list[Any], page: _Page) -> tuple[list[Any], str | None]:
    end = page.start + page.limit
    return found[page.start : end], encode_cursor(end) if len(found) > end else None


@router.get(
    "/questions/suspicious",
    operation_id="questions_suspicious",
    summary="疑似有误的题目",
    responses=problems(400, 401, 403, 422),
)
async def suspicious(
    request: Request,
    response: Response,
    caller: QuestionAdministrator,
    wired: Wired,
    span: AskedSpan,
    page: AskedPage,
    least: Annotated[int, Query(ge=10, le=100_000, description="作答达到这么多次才判断")] = LEAST_FOR_SUSPICION,
) -> SuspiciousPage:
    """List texts whose key was taken less than a distractor, that divide the wrong way, or that do worse than guessing."""
    async with wired.database.reads() as session:
        found = [(one, signs_of(one, least)) for one in await queries.measured(session, caller, span)]
    noticed = sorted(
        ((one, signs) for one, signs in found if signs), key=lambda pair: (-len(pair[1]), *_place(pair[0], "code"))
    )
    items, following = _cut(noticed, page)
    next_link(request, response, following)
    return SuspiciousPage.model_validate(
        {
            **span._asdict(),
            "least": least,
            "items": [suspicious_view(one, signs) for one, signs in items],
            "next": following,
        }
    )


@router.get(
    "/questions/{question_id}/statistics",
    operation_id="question_statistics",
    summary="一道题的作答统计和使用情况",
    responses=problems(401, 403, 404, 422),
)
async def of_question(
    question_id: str, caller: QuestionAdministrator, wired: Wired, span: AskedSpan
) -> QuestionStatistics:
    """Return how one question did in the span, revision by revision, and in which contests it was used."""
    async with wired.database.reads() as session:
        found = await queries.measured_one(session, caller, question_id, span)
    return QuestionStatistics.model_validate({**span._asdict(), **question_statistics(found)})
