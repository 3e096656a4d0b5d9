"""The call that every officer makes a dozen times a day, as plain ASGI: an answer to a question, of a quiz or match.

FastAPI's own way around a request (nested routers, exit stacks, telemetry look-ups) costs several times what the
answer itself costs, so `create_app` leads these paths past it. The routes that document them serve the
same functions. The body is read by hand: one of the wrong shape must still be judged in the order of refusals
(401, 403, 404, already recorded, 422, closed).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.errors import Busy, Forbidden, LianbingError, Malformed, NotFound, Unauthenticated
from app.core.http import database_away, problem
from app.papers.rules import UNREADABLE, readable_choice
from app.papers.service import Submission
from app.roster.signed_in import presented_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from app.bank.cache import BankCache
    from app.bank.queries import RevisionView
    from app.core.wiring import Services
    from app.papers.service import AnswerDesk, Recorded

    View = Callable[[Recorded, RevisionView], dict[str, Any]]

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH = re.compile(rf"/api/v1/(daily-quiz/attempts|matches)/({_UUID})/answers/([^/]+)")
_POSITION = re.compile(r"[1-9][0-9]{0,4}")
_ROUTES = {
    "daily-quiz/attempts": "/api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}",
    "matches": "/api/v1/matches/{match_id}/answers/{position}",
}
_JSON = (b"content-type", b"application/json")


class Answering:
    """Takes answers to one kind of paper and hands out their AnswerResults; `view` builds one."""

    def __init__(self, services: Services, cache: BankCache, desk: AnswerDesk, view: View) -> None:
        self.desk = desk
        self._services = services
        self._cache = cache
        self._view = view

    async def answer(self, token: bytes, attempt_id: str, position: object, option_ids: object) -> dict[str, Any]:
        """Record an answer and return its AnswerResult; raises what `AnswerDesk.record` raises."""
        choice = readable_choice(option_ids)
        if isinstance(position, bool) or not isinstance(position, int) or not 0 < position < 1 << 15:
            position, choice = 0, UNREADABLE
        recorded = await self.desk.record(
            Submission(token, attempt_id, position, choice, self._services.clock.override())
        )
        revision = self._cache.held(recorded.revision_id)
        if revision is None:
            async with self._services.database.reads() as session:
                revision = (await self._cache.revisions(session, [recorded.revision_id]))[0]
        return self._view(recorded, revision)

    async def answer_body(self, token: bytes, attempt_id: str, position: str, body: bytes) -> bytes:
        """Record the answer that a request's body and path hold and return the AnswerResult as JSON."""
        try:
            given = read_object(body)
        except Malformed as error:
            await self.refuse(token, attempt_id, error)
        number = int(position) if _POSITION.fullmatch(position) else 0
        return orjson.dumps(await self.answer(token, attempt_id, number, given.get("option_ids")))

    async def refuse(self, token: bytes, attempt_id: str, reason: LianbingError) -> NoReturn:
        """Raise `reason` for a body that is no answer, unless who asks or whose paper it is comes first."""
        try:
            await self.answer(token, attempt_id, 0, None)  # position 0 is judged and never stored
        except (Unauthenticated, Forbidden, NotFound, Busy):
            raise
        except LianbingError:
            pass
        raise reason

    async def close(self) -> None:
        """Write what is in flight and take no more."""
        await self.desk.close()


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; raises Malformed for anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("请求体不是有效的 JSON。") from error
    if not isinstance(value, dict):
        raise Malformed("请求体应当是一个 JSON 对象。")
    return value


class AnswerEndpoint:
    """ASGI application of `PUT …/answers/{position}`; `app.state.answering` holds an Answering for each kind."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Whether a request is an answer to one question."""
        if scope["type"] != "http" or scope["method"] != "PUT":
            return False
        path = _PATH.fullmatch(scope["path"])
        if path is None:
            return False
        scope["lianbing.answer"] = path.groups()
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, paper_id, position = scope["lianbing.answer"]
        scope["lianbing.route"] = _ROUTES[kind]
        answering: Answering = self._state.answering[kind]
        try:
            token = presented_hash(scope["headers"])
            body = await answering.answer_body(token, paper_id, position, await _body(receive))
        except LianbingError as error:
            await problem(error)(scope, receive, send)
            return
        except (DBAPIError, PoolTimeout) as error:
            # The answer may be committed; its text could not be read. The phone sends again and gets the reply.
            await problem(database_away(error))(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body
