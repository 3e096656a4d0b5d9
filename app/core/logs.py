"""Structured logs: JSON or console lines with the request's id, and nothing secret in them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being served; every log line within carries it."""

_HIDDEN = "[redacted]"
_SECRET_NAMES = re.compile(
    r"passw|(^|_)pass($|_)|token|secret|authorization|cookie|phone|手机号|密码|^key$|webhook|^url$", re.IGNORECASE
)
# Not within hexadecimal digits: request ids and UUIDs hold eleven digits in a row now and then.
_PHONE = re.compile(r"(?<![0-9a-f])(?:\+?86[ -]?)?1\d{2}[ -]?\d{4}[ -]?\d{4}(?![0-9a-f])", re.IGNORECASE)
_BEARER = re.compile(r"(bearer[ ,]+)[A-Za-z0-9_\-.]{8,}", re.IGNORECASE)
_NAMED = re.compile(
    r"""((?<![a-z])(?:key|token|sign|secret|password|passwd)['"]?\s?[=:]\s?)("[^"]*"|'[^']*'|[^&\s"',;)}\]]+)""",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(://[^:/?#\s@]*:)[^@/\s]+(?=@)")
_HOOK = re.compile(r"(/hook/)[^/?\s\"']+")
_SECRETS = (
    (_PHONE, _HIDDEN),
    (_BEARER, rf"\1{_HIDDEN}"),
    (_NAMED, rf"\1{_HIDDEN}"),
    (_USERINFO, rf"\1{_HIDDEN}"),
    (_HOOK, rf"\1{_HIDDEN}"),
)


def redact(value: Any) -> Any:
    """Return `value` with phone numbers, tokens, passwords and secrets of URLs blanked, however deep they lie."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return _HIDDEN if _PHONE.fullmatch(str(value)) else value
    if isinstance(value, str):
        for pattern, blank in _SECRETS:
            value = pattern.sub(blank, value)
        return value
    if isinstance(value, Mapping):
        return {
            redact(str(name)): _HIDDEN if _SECRET_NAMES.search(str(name)) and held is not None else redact(held)
            for name, held in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return redact(repr(value))


def _redact_event(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    redacted: MutableMapping[str, Any] = redact(event)
    return redacted


def _add_request_id(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request_id := REQUEST_ID.get():
        event.setdefault("request_id", request_id)
    return event


def configure_logs(*, form: str, level: str) -> None:
    """Send structlog and the standard library's loggers through one redacting chain to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "apscheduler", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
