"""HTTP: the daily quiz (每日一测). Single answers take the way of `app.papers.answering`."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from app.bank.cache import BankCache
from app.core.clock import local_day
from app.core.errors import (
    FieldProblem,
    Forbidden,
    Invalid,
    LianbingError,
    Malformed,
    NotFound,
    Unauthenticated,
)
from app.core.http import dumps, polled, problem_body, problems
from app.core.ids import parse_id
from app.core.wiring import Services, Wired
from app.papers.answering import Answering, read_object
from app.papers.schemas import Choice, json_body
from app.papers.service import AnswerDesk
from app.papers.views import answer_view
from app.quiz import queries
from app.quiz.schemas import AnswerResult, Attempt, Outbox, OutboxResult, Today
from app.quiz.service import Opening, QuizDesk
from app.roster.signed_in import SignedIn, presented_hash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

router = APIRouter(prefix="/daily-quiz", tags=["Daily quiz"])

MOST_IN_OUTBOX = 100
_NO_PAPER = str(uuid.UUID(int=0))


@asynccontextmanager
async def hot_path(app: FastAPI, services: Services) -> AsyncIterator[None]:
    """Keep the desks open while the application serves."""
    cache: BankCache = app.state.bank_cache
    answering = Answering(services, cache, AnswerDesk(services.database.answers), answer_view)
    desks = Desks(cache, answering, QuizDesk(services.database, cache))
    app.state.quiz_desks = desks
    app.state.answering["daily-quiz/attempts"] = answering
    try:
        yield
    finally:
        await desks.answering.close()
        await desks.quizzes.close()


class Desks(NamedTuple):
    """What this process takes answers and hands out quizzes with."""

    cache: BankCache
    answering: Answering
    quizzes: QuizDesk


async def _desks(request: Request) -> Desks:
    desks: Desks = request.app.state.quiz_desks
    return desks


Open = Annotated[Desks, Depends(_desks)]


def _held(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("answers")
    if not isinstance(items, list) or len(items) > MOST_IN_OUTBOX or not all(isinstance(item, dict) for item in items):
        detail = f"answers 应当是最多{MOST_IN_OUTBOX}个 {{position, option_ids}} 组成的列表。"
        raise Invalid(detail, errors=[FieldProblem("/answers", detail)])
    return items


@router.get(
    "/today",
    operation_id="quiz_today",
    summary="今日每日一测",
    responses={200: {"model": Today}, 304: {"description": "Not modified"}, **problems(401, 403)},
)
async def today(request: Request, wired: Wired, caller: SignedIn, desks: Open) -> Response:
    """Return hours, status, the reason where it is closed, and the attempt if there is one."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        body = await queries.today(session, desks.cache, caller, day=local_day(now), now=now)
    return polled(request, body)


@router.post(
    "/today/attempt",
    operation_id="quiz_open",
    summary="开始今日每日一测",
    status_code=201,
    responses={201: {"model": Attempt}, 200: {"model": Attempt}, **problems(401, 403, 409, 503)},
)
async def open_quiz(request: Request, wired: Wired, desks: Open) -> Response:
    """Open today's quiz: 201 with the new Attempt, 200 with the one that is there; safe to repeat."""
    opened = await desks.quizzes.open(Opening(presented_hash(request.headers.raw), wired.clock.override()))
    return Response(dumps(opened.attempt), 201 if opened.created else 200, media_type="application/json")


@router.get(
    "/attempts/{attempt_id}",
    operation_id="quiz_attempt",
    summary="一次每日一测",
    responses={200: {"model": Attempt}, 304: {"description": "Not modified"}, **problems(401, 403, 404)},
)
async def attempt(request: Request, attempt_id: str, wired: Wired, caller: SignedIn, desks: Open) -> Response:
    """Return the caller's own attempt, with the answers recorded so far."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        body = await queries.attempt(session, desks.cache, caller, attempt_id, now=now)
    return polled(request, body)


@router.put(
    "/attempts/{attempt_id}/answers/{position}",
    operation_id="quiz_answer",
    summary="提交一题的答案（最终，不可更改）",
    responses={200: {"model": AnswerResult}, **problems(400, 401, 403, 404, 409, 422, 503)},
    openapi_extra=json_body(Choice),
)
async def answer(request: Request, attempt_id: str, position: str, desks: Open) -> Response:
    """Record the answer to one question; the same answer again returns the same reply, also after closing."""
    token = presented_hash(request.headers.raw)
    paper_id = str(parse_id(attempt_id) or _NO_PAPER)
    body = await desks.answering.answer_body(token, paper_id, position, await request.body())
    return Response(body, media_type="application/json")


@router.post(
    "/attempts/{attempt_id}/answers",
    operation_id="quiz_answer_outbox",
    summary="补交手机上尚未提交的答案",
    responses={200: {"model": OutboxResult}, **problems(400, 401, 403, 404, 422, 503)},
    openapi_extra=json_body(Outbox),
)
async def outbox(request: Request, attempt_id: str, desks: Open) -> Response:
    """Record what an outbox held, each answer judged alone; the results stand in the order sent."""
    token, paper_id = presented_hash(request.headers.raw), str(parse_id(attempt_id) or _NO_PAPER)
    try:
        items = _held(read_object(await request.body()))
    except (Malformed, Invalid) as error:
        await desks.answering.refuse(token, paper_id, error)
    # An empty outbox, too, must be told who asks and whose paper it is: position 0 is judged and never stored.
    asked = items or [{"position": 0, "option_ids": []}]
    outcomes = await asyncio.gather(
        *(desks.answering.answer(token, paper_id, item.get("position"), item.get("option_ids")) for item in asked),
        return_exceptions=True,
    )
    results = []
    for item, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Unauthenticated | Forbidden | NotFound) or (
            isinstance(outcome, BaseException) and not isinstance(outcome, LianbingError)
        ):
            raise outcome
        if isinstance(outcome, LianbingError):
            results.append({"position": item.get("position"), "problem": problem_body(outcome)})
        else:
            results.append(outcome)
    return Response(dumps({"results": results if items else []}), media_type="application/json")
