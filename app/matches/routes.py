"""HTTP: head-to-head matches (匹配对战). Answers take the way of `app.papers.answering`, the socket that of `live`."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, WebSocket

from app.bank.cache import BankCache, Library
from app.core.broadcast import Broadcast
from app.core.clock import local_day
from app.core.errors import NotFound
from app.core.http import UNCHANGED, conditional, dumps, etag_of, polled, problems
from app.core.ids import parse_id
from app.core.wiring import Services, Wired
from app.matches.clock import sweeping
from app.matches.live import Gallery
from app.matches.queries import OWN, WAITING, MatchReader
from app.matches.schemas import (
    ChallengePage,
    MatchAnswerResult,
    MatchOut,
    MatchPage,
    NewTicket,
    TicketOut,
    challenge_view,
    ticket_view,
)
from app.matches.service import ANSWERS, MatchDesk
from app.matches.statements import TICKETS
from app.matches.views import match_answer_view, match_view, sight_of
from app.matches.wishes import Wish
from app.papers.answering import Answering
from app.papers.hot_path import fetched
from app.papers.schemas import Choice, json_body
from app.papers.service import AnswerDesk
from app.roster.signed_in import SignedIn, presented_hash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


router = APIRouter(tags=["Matches"])

_NO_MATCH = str(uuid.UUID(int=0))


class Desks(NamedTuple):
    """What this process plays matches with."""

    matches: MatchDesk
    answering: Answering
    reader: MatchReader
    library: Library
    broadcast: Broadcast
    gallery: Gallery


@asynccontextmanager
async def playing(app: FastAPI, services: Services) -> AsyncIterator[None]:
    """Keep the desks open while the application serves."""
    cache: BankCache = app.state.bank_cache
    pool = services.database.answers
    reader, library = MatchReader(pool, services.clock), Library(services.database, cache)
    broadcast = Broadcast(str(services.settings.database_url))

    def tell(rows: Sequence[Any]) -> None:
        broadcast.publish(row["match_id"] for row in rows if row["verdict"] == "new")

    desks = Desks(
        MatchDesk(services.database, cache),
        Answering(services, cache, AnswerDesk(pool, ANSWERS, committed=tell), match_answer_view),
        reader,
        library,
        broadcast,
        Gallery(services, app.state.callers, reader, library, broadcast),
    )
    app.state.match_desks = desks
    app.state.answering["matches"] = desks.answering
    try:
        async with sweeping(desks.matches, enabled=services.settings.scheduler):
            yield
    finally:
        await desks.gallery.close()
        await desks.matches.close()
        await desks.answering.close()
        await desks.reader.close()
        await desks.broadcast.close()


async def _desks(request: Request) -> Desks:
    desks: Desks = request.app.state.match_desks
    return desks


Open = Annotated[Desks, Depends(_desks)]


async def shown(desks: Desks, match_id: uuid.UUID | None, officer_id: uuid.UUID) -> dict[str, Any]:
    """Return the Match as this officer sees it; raises NotFound for one in which the officer has no seat."""
    match = await desks.reader.read(match_id) if match_id else None
    sight = sight_of(match, officer_id) if match else None
    if sight is None:
        raise NotFound("没有找到这场对战。")
    return match_view(sight, await desks.library.revisions(sight.match.revision_ids))


@router.post(
    "/match-tickets",
    operation_id="match_ask",
    summary="请求一场对战",
    status_code=201,
    responses={201: {"model": TicketOut}, **problems(401, 403, 409, 422, 503)},
)
async def ask(request: Request, wired: Wired, _caller: SignedIn, desks: Open, new: NewTicket | None = None) -> Response:
    """Ask for a match; `any` is matched at once with whoever waits, else with a recorded run where there is one.

    A challenge to a colleague whose challenge waits for the caller takes that one up.
    """
    asked = new or NewTicket()
    opponent = asked.opponent_employee_no if asked.mode == "challenge" else None
    wish = Wish(presented_hash(request.headers.raw), asked.mode, opponent, wired.clock.override())
    ticket = await desks.matches.ask(wish)
    return Response(dumps(ticket_view(ticket)), 201, media_type="application/json")


@router.get(
    "/match-tickets/{ticket_id}",
    operation_id="match_ticket",
    summary="一张对战票",
    responses={200: {"model": TicketOut}, **UNCHANGED, **problems(401, 403, 404)},
)
async def ticket(request: Request, ticket_id: str, wired: Wired, caller: SignedIn) -> Response:
    """Return the caller's own ticket; once it is matched it names the match."""
    wanted = parse_id(ticket_id)
    rows = await fetched(wired.database.answers, TICKETS, [wanted]) if wanted else []
    if not rows or rows[0]["officer_id"] != caller.officer_id:
        raise NotFound("没有找到这张对战票。")
    return polled(request, ticket_view(dict(rows[0]), now=wired.clock.override() or rows[0]["now"]))


@router.delete(
    "/match-tickets/{ticket_id}",
    operation_id="match_cancel",
    summary="不再等待对手",
    status_code=204,
    responses=problems(401, 403, 404, 409),
)
async def cancel(ticket_id: str, caller: SignedIn, desks: Open) -> Response:
    """Give up waiting; 409 `match-running` where an opponent came first."""
    wanted = parse_id(ticket_id)
    if wanted is None:
        raise NotFound("没有找到这张对战票。")
    await desks.matches.cancel(caller.officer_id, wanted)
    return Response(status_code=204)


@router.get(
    "/matches",
    operation_id="matches_own",
    summary="我的对战",
    responses={200: {"model": MatchPage}, **UNCHANGED, **problems(401, 403, 422)},
)
async def own(
    request: Request, wired: Wired, caller: SignedIn, desks: Open, day: Annotated[dt.date | None, Query()] = None
) -> Response:
    """Return the caller's matches of a day (today by default), the latest first."""
    async with wired.database.reads() as session:
        asked = day or local_day(await wired.clock.now(session))
    rows = await fetched(wired.database.answers, OWN, caller.officer_id, asked)
    items = await asyncio.gather(*(shown(desks, row["match_id"], caller.officer_id) for row in rows))
    lasting = [{name: value for name, value in item.items() if name != "server_time"} for item in items]
    return conditional(request, dumps({"items": items, "next": None}), etag=etag_of(dumps(lasting)))


@router.get(
    "/matches/{match_id}",
    operation_id="match",
    summary="一场对战",
    responses={200: {"model": MatchOut}, **UNCHANGED, **problems(401, 403, 404)},
)
async def match(request: Request, match_id: str, caller: SignedIn, desks: Open) -> Response:
    """Return a match in which the caller has a seat; polling it is enough to play."""
    return polled(request, await shown(desks, parse_id(match_id), caller.officer_id))


@router.put(
    "/matches/{match_id}/answers/{position}",
    operation_id="match_answer",
    summary="提交对战中一题的答案（最终，不可更改）",
    responses={200: {"model": MatchAnswerResult}, **problems(400, 401, 403, 404, 409, 422, 503)},
    openapi_extra=json_body(Choice),
)
async def answer(request: Request, match_id: str, position: str, desks: Open) -> Response:
    """Record the answer to the open question; the same answer again returns the same reply, also when it is over."""
    token = presented_hash(request.headers.raw)
    wanted = str(parse_id(match_id) or _NO_MATCH)
    body = await desks.answering.answer_body(token, wanted, position, await request.body())
    return Response(body, media_type="application/json")


@router.post(
    "/matches/{match_id}/forfeit",
    operation_id="match_forfeit",
    summary="认输",
    responses={200: {"model": MatchOut}, **problems(401, 403, 404)},
)
async def forfeit(match_id: str, wired: Wired, caller: SignedIn, desks: Open) -> Response:
    """Give the match up: it is over and lost; a match that is over stays as it ended."""
    wanted = parse_id(match_id)
    if wanted is None:
        raise NotFound("没有找到这场对战。")
    if await desks.matches.forfeit(caller.officer_id, wanted, wired.clock.override()):
        desks.broadcast.publish([wanted])
    return Response(dumps(await shown(desks, wanted, caller.officer_id)), media_type="application/json")


@router.websocket("/matches/{match_id}/live")
async def live(socket: WebSocket, match_id: str) -> None:
    """Send the Match at connect and after every change; it shows no more than polling does, only sooner."""
    desks: Desks = socket.app.state.match_desks
    await desks.gallery.watch(socket, match_id)


@router.get(
    "/challenges",
    operation_id="challenges",
    summary="等待我应战的约战",
    responses={200: {"model": ChallengePage}, **UNCHANGED, **problems(401, 403)},
)
async def waiting(request: Request, wired: Wired, caller: SignedIn) -> Response:
    """Return the challenges that wait for the caller; `POST /match-tickets` with their challenger takes one up."""
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
    rows = await fetched(wired.database.answers, WAITING, caller.officer_id, now)
    return polled(request, {"items": [challenge_view(dict(row)) for row in rows], "next": None})
