"""HTTP: problem answers for every error, request ids, ETags, cursors."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
import uuid
from functools import lru_cache
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.core import errors, metrics
from app.core.clock import wire
from app.core.database import is_passing
from app.core.ids import parse_id
from app.core.logs import REQUEST_ID
from app.core.wording import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Histogram
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.LianbingError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Invalid: 422,
    errors.RateLimited: 429,
    errors.Busy: 503,
}
_KINDS = {status: kind for kind, status in STATUS.items()}
_PROBLEM_SCHEMA = {"schema": {"$ref": "#/components/schemas/Problem"}}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_BODY = 1 << 20
_ID_LENGTH = 64
_PROCESS, _NUMBER = token_hex(4), count(1)  # request ids of this process: a random number each would be a system call
_BIGINT = 1 << 63
_INTEGER = 1 << 31
POLLED = {"Cache-Control": "private, no-cache"}


def _kind_of(error: type[errors.LianbingError]) -> type[errors.LianbingError]:
    return next(kind for kind in error.__mro__ if kind in STATUS)


def status_of(error: type[errors.LianbingError]) -> int:
    """Return the HTTP status of an error class: that of its kind."""
    return STATUS[_kind_of(error)]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return wire(value)
    return str(value)


def dumps(value: Any) -> bytes:
    """Serialise to JSON; instants carry the contest's offset, ids are strings."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def problem_body(error: errors.LianbingError) -> dict[str, Any]:
    """Return the RFC 9457 members of an error."""
    body: dict[str, Any] = {
        "type": f"urn:lianbing:problem:{error.code}",
        "title": error.title,
        "status": status_of(type(error)),
        "detail": error.detail or _unsaid(type(error)),
        "code": error.code,
        **error.facts,
    }
    if error.errors:
        body["errors"] = [{"pointer": p.pointer, "detail": p.detail} for p in error.errors]
    return body


def _unsaid(error: type[errors.LianbingError]) -> str:
    kind = _kind_of(error)
    return kind.advice if error.title == kind.title else f"{error.title}。"


def problem(error: errors.LianbingError) -> Response:
    """Return the RFC 9457 answer of an error."""
    status = status_of(type(error))
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    if status == STATUS[errors.Unauthenticated]:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(dumps(problem_body(error)), status, headers, "application/problem+json")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI `responses` for these statuses, each a `Problem` of `core.docs`."""
    return {
        status: {"description": _KINDS[status].title, "content": {"application/problem+json": _PROBLEM_SCHEMA}}
        for status in statuses
    }


UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}
"""OpenAPI `responses` of what `polled` answers besides."""


def install_errors(app: FastAPI) -> None:
    """Answer every error of the application as a problem, the unexpected ones without their details."""

    async def known(_request: Request, error: Exception) -> Response:
        if not isinstance(error, errors.LianbingError):
            raise error
        return problem(error)

    async def invalid(_request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return problem(_validation(error))

    async def plain(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code in _KINDS:
            return problem(_KINDS[error.status_code]())
        if error.status_code == 405:  # noqa: PLR2004
            return _method_not_allowed(request)
        detail = f"请求无法处理（HTTP {error.status_code}），请对照接口文档检查后重试。"
        return _other(error.status_code, "http-error", "请求无法处理", detail, headers=error.headers)

    async def database(_request: Request, error: Exception) -> Response:
        return problem(database_away(error))

    app.add_exception_handler(errors.LianbingError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(DBAPIError, database)
    app.add_exception_handler(PoolTimeout, database)


def database_away(error: Exception) -> errors.Busy:
    """Return what a client is told when the database is away or overloaded; any other error of it is raised again."""
    if isinstance(error, DBAPIError) and not (error.connection_invalidated or _passing(error)):
        raise error
    log.warning("the database is away or overloaded", error=repr(error))
    return errors.Busy("与数据库的连接中断或繁忙，操作可能没有完成，请稍后核对并重试。")


def _passing(error: DBAPIError) -> bool:
    """Whether what the driver said passes; SQLAlchemy's own wrapper of it keeps the driver's error as its cause."""
    said: BaseException | None = error.orig
    while said is not None and not is_passing(said):
        said = said.__cause__
    return said is not None


def _method_not_allowed(request: Request) -> Response:
    # The router's own Allow names the first matching route's methods only; a path has several routes.
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    allowed = [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]
    detail = f"这个地址只接受 {'、'.join(allowed)}。"
    return _other(405, "method-not-allowed", "请求方法不受支持", detail, headers={"Allow": ", ".join(allowed)})


def _other(
    status: int, code: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **facts: str
) -> Response:
    """Return the problem of something that is no LianbingError."""
    kind = f"urn:lianbing:problem:{code}"
    body = {"type": kind, "title": title, "status": status, "detail": detail, "code": code, **facts}
    return Response(dumps(body), status, headers, "application/problem+json")


def _validation(error: RequestValidationError) -> errors.LianbingError:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return errors.Malformed("请求体不是有效的 JSON，请检查引号、逗号和括号。")
    problems = []
    for item in found:
        where, *path = item["loc"]
        if where != "body":
            path = [where, *path]
        steps = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
        pointer = "".join(f"/{step}" for step in steps).encode(errors="replace").decode()
        problems.append(errors.FieldProblem(pointer, explain(item)))
    return errors.Invalid("提交的内容有误，请按所列各项改正后重试。", errors=problems)


def etag_of(body: bytes) -> str:
    """Return a strong ETag of these bytes."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def conditional(request: Request, body: bytes, *, etag: str) -> Response:
    """Return 304 where the client already holds `etag`, else the JSON body."""
    headers = {"ETag": etag, **POLLED}
    held = ",".join(request.headers.getlist("if-none-match"))
    if held.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in held.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def polled(
    request: Request, body: Mapping[str, Any], *, volatile: tuple[str, ...] = ("server_time", "as_of")
) -> Response:
    """Answer a polling GET: the ETag ignores the members that only tell the time."""
    lasting = {name: value for name, value in body.items() if name not in volatile}
    return conditional(request, dumps(body), etag=etag_of(dumps(lasting)))


def encode_cursor(*values: object) -> str:
    """Return an opaque cursor that holds the sort values of the last item."""
    return base64.urlsafe_b64encode(dumps([v if isinstance(v, int | str) else _plain(v) for v in values])).decode()


def decode_cursor(cursor: str | None, size: int) -> list[Any] | None:
    """Return the sort values of a cursor, None at the beginning; raises Malformed for one we did not give."""
    if cursor is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise errors.Malformed("分页标记无效，请从第一页重新读取。") from error
    if not isinstance(values, list) or len(values) != size or not all(map(_sortable, values)):
        raise errors.Malformed("分页标记无效，请从第一页重新读取。")
    return values


def read_cursor(cursor: str | None, *kinds: type[int | str | uuid.UUID]) -> tuple[Any, ...] | None:
    """Return a cursor's sort values as these kinds, None at the beginning; raises Malformed for one we did not give."""
    values = decode_cursor(cursor, len(kinds))
    if values is None:
        return None
    read = tuple(
        parse_id(str(value)) if kind is uuid.UUID else value for value, kind in zip(values, kinds, strict=True)
    )
    for value, kind in zip(read, kinds, strict=True):
        if not isinstance(value, kind) or (isinstance(value, int) and not -_INTEGER <= value < _INTEGER):
            raise errors.Malformed("分页标记无效，请从第一页重新读取。")
    return read


def _sortable(value: object) -> bool:
    # What a database column cannot hold must not reach it from a cursor that we did not make.
    return (type(value) is str and "\0" not in value) or (type(value) is int and -_BIGINT <= value < _BIGINT)


def next_link(request: Request, response: Response, cursor: str | None) -> None:
    """Put the address of the next page into the `Link` header."""
    if cursor:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'


class Observed:
    """ASGI middleware: request id in and out, metrics, one log line for what failed, a bounded body.

    Plain ASGI, because Starlette's BaseHTTPMiddleware costs the hot path two and a half times its work.
    """

    def __init__(self, app: ASGIApp, *, max_upload: int) -> None:
        self._app = app
        self._max_upload = max_upload
        self._paths: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, length = _head(scope)
        started = time.perf_counter()
        status = 500
        head_sent = False

        async def observe(message: Message) -> None:
            nonlocal status, head_sent
            if message["type"] == "http.response.start":
                status = message["status"]
                head_sent = True
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        reset = REQUEST_ID.set(request_id)
        limit = self._max_upload if "/imports/" in scope["path"] else MAX_BODY
        try:
            if length is not None and length > limit:
                raise errors.TooLarge  # noqa: TRY301 - answered below like one that turns out too large
            # A declared length is kept by the HTTP parser; only a chunked body has to be counted.
            await self._app(scope, receive if length is not None else _bounded(receive, limit), observe)
        except (errors.TooLarge, _BodyTooLarge):
            await problem(errors.TooLarge())(scope, receive, observe)
        except Exception:
            log.exception("unhandled error", method=scope["method"], path=scope["path"])
            if head_sent:
                raise
            await _internal(request_id)(scope, receive, observe)
        finally:
            REQUEST_ID.reset(reset)
            _record(scope, self._path(scope), status, time.perf_counter() - started, request_id)

    def _path(self, scope: Scope) -> str:
        """Return the path of the route that served the request, with the prefixes under which it was included."""
        known: str | None = scope.get("lianbing.route")
        route = scope.get("route")
        if known is not None or route is None:
            return known or "(none)"
        if id(route) not in self._paths:
            contexts = iter_route_contexts(scope["app"].routes)
            self._paths = {id(found.original_route): found.path_format or "" for found in contexts}
            self._paths.setdefault(id(route), "(none)")
        return self._paths[id(route)]


class _BodyTooLarge(HTTPException):
    """FastAPI lets only an HTTPException through from reading a body; any other becomes a 400."""


def _bounded(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _BodyTooLarge(413)
        return message

    return bounded


def _head(scope: Scope) -> tuple[str, int | None]:
    """Return the request's id (the client's, if it is a plain one) and the length of its body, if declared."""
    request_id, length, chunked = "", None, False
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"x-request-id" and len(value) <= _ID_LENGTH and value.replace(b"-", b"").isalnum():
            request_id = value.decode("ascii", "replace")
    if chunked:
        length = None
    elif length is None and scope["method"] in {"GET", "HEAD", "DELETE"}:
        length = 0
    return request_id or f"{_PROCESS}-{next(_NUMBER):x}", length


def _internal(request_id: str) -> Response:
    detail = "系统内部错误，请稍后重试；如再次出现，请把请求编号告诉管理员。"
    return _other(500, "internal", "系统内部错误", detail, request_id=request_id)


def _record(scope: Scope, path: str, status: int, seconds: float, request_id: str) -> None:
    _series(path, scope["method"], status).observe(seconds)
    if status >= 400 and status != 401:  # noqa: PLR2004
        log.info(
            "refused" if status < 500 else "failed",  # noqa: PLR2004
            method=scope["method"],
            route=path,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            request_id=request_id,  # the request's context is over by now
        )


@lru_cache(maxsize=4096)
def _series(path: str, method: str, status: int) -> Histogram:
    return metrics.DURATION.labels(path, method, status)
