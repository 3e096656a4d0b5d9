"""The one call that every officer makes ten times a day, as plain ASGI: an answer to a question.

FastAPI's own way around a request (nested routers, exit stacks, telemetry look-ups) costs several times what the
answer itself costs, so `create_app` leads this path past it. The route in `routes.py` documents it and serves the
same function. The body is read by hand: one of the wrong shape must still be judged in the order of refusals
(401, 403, 404, already recorded, 422, closed).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from app.core.errors import Busy, Forbidden, LianbingError, Malformed, NotFound, Unauthenticated
from app.core.http import problem
from app.core.security import token_hash
from app.papers.rules import UNREADABLE, readable_choice
from app.papers.service import AnswerDesk, Submission
from app.papers.views import answer_view
from app.quiz.service import QuizDesk
from app.roster.signed_in import COOKIE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from app.bank.cache import BankCache
    from app.core.wiring import Services

ANSWER_PATH = "/api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH = re.compile(rf"/api/v1/daily-quiz/attempts/({_UUID})/answers/([0-9]{{1,5}})")
_COOKIE = re.compile(rf"(?:^|;\s*){COOKIE}=([^;\s]+)")
_JSON = (b"content-type", b"application/json")


class HotPath:
    """The desks of this process and the texts they hand out."""

    def __init__(self, services: Services, cache: BankCache) -> None:
        self.cache = cache
        self.answers = AnswerDesk(services.database.answers)
        self.quizzes = QuizDesk(services.database, cache)
        self._services = services

    async def answer(self, token: bytes, attempt_id: str, position: object, option_ids: object) -> dict[str, Any]:
        """Record an answer and return its AnswerResult; raises what `AnswerDesk.record` raises."""
        choice = readable_choice(option_ids)
        if isinstance(position, bool) or not isinstance(position, int) or not 0 < position < 1 << 15:
            position, choice = 0, UNREADABLE
        recorded = await self.answers.record(
            Submission(token, attempt_id, position, choice, self._services.clock.override())
        )
        revision = self.cache.held(recorded.revision_id)
        if revision is None:
            async with self._services.database.reads() as session:
                revision = (await self.cache.revisions(session, [recorded.revision_id]))[0]
        return answer_view(recorded, revision)

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
        await self.answers.close()
        await self.quizzes.close()


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
    """ASGI application of `PUT …/answers/{position}`."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Whether a request is an answer to one question."""
        if scope["type"] != "http" or scope["method"] != "PUT":
            return False
        path = _PATH.fullmatch(scope["path"])
        scope["lianbing.answer"] = path.groups() if path else None
        return path is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["lianbing.route"] = ANSWER_PATH
        try:
            body = await self._answer(scope, receive)
        except LianbingError as error:
            await problem(error)(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        token = _presented(scope)
        paper_id, position = scope["lianbing.answer"]
        desks: HotPath = self._state.hot_path
        try:
            given = read_object(await _body(receive))
        except Malformed as error:
            await desks.refuse(token, paper_id, error)
        return orjson.dumps(await desks.answer(token, paper_id, int(position), given.get("option_ids")))


def _presented(scope: Scope) -> bytes:
    cookie = b""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return token_hash(value[7:].decode("latin-1").strip())
        if name == b"cookie":
            cookie = value
    if found := _COOKIE.search(cookie.decode("latin-1")):
        return token_hash(found[1])
    raise Unauthenticated


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body
