"""The only assembly: `create_app(settings)` puts routes, errors, database and clock together."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.bank import routes as bank
from app.bank.cache import BankCache
from app.bank.confirming import routes as confirming
from app.bank.life import routes as question_life
from app.bank.life.service import follow_bases
from app.bank.statistics import routes as question_statistics
from app.contests import routes as contests
from app.core import operations
from app.core.clock import Clock
from app.core.database import open_database
from app.core.docs import install_docs
from app.core.http import Observed, install_errors
from app.core.logs import configure_logs
from app.core.security import Passwords, secret_key
from app.core.settings import Settings, load_settings
from app.core.wiring import Services
from app.integrity import routes as integrity
from app.integrity.flags import watch
from app.integrity.why import routes as why
from app.matches import routes as matches
from app.notices import routes as notices
from app.notices.channels import routes as channels
from app.notices.documents import routes as documents
from app.notices.drafts import routes as drafts
from app.notices.places import routes as places
from app.notices.slots import routes as slots
from app.notices.templates import routes as templates
from app.papers.answering import AnswerEndpoint
from app.participation import routes as participation
from app.quiz import routes as quiz
from app.roster import routes as roster
from app.roster.imports import routes as roster_imports
from app.roster.sign_in import routes as sign_in
from app.roster.sign_in.service import Turns
from app.roster.signed_in import CallerCache

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

log = structlog.get_logger(__name__)
MAX_UPLOAD = 64 << 20

DESCRIPTION = """生态环境执法练兵的竞赛后台：每日一测、参赛统计、分局排名与四时段通报。

除登录外，所有接口都要求 `Authorization: Bearer <token>`。错误一律为 `application/problem+json`。"""


class Lianbing(FastAPI):
    """FastAPI that leads single answers past its own stack: see `app.papers.answering`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._answers = Observed(AnswerEndpoint(self), max_upload=MAX_UPLOAD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if AnswerEndpoint.takes(scope):
            await self._answers(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application for these settings; `clock` is set only by tests and simulations."""
    app = Lianbing(
        telemetry={"tracing": False, "metrics": False, "logs": False},
        title="练兵 Lianbing",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.clock = clock or Clock()
    app.state.callers = CallerCache()
    app.state.sign_in_turns = Turns()
    app.state.draining = False
    app.state.bank_cache = BankCache()
    app.state.answering = {}
    install_errors(app)
    for part in (
        sign_in,
        roster,
        roster_imports,
        contests,
        question_life,  # before `bank`, whose /questions/{question_id} would take their paths
        question_statistics,
        bank,
        confirming,
        quiz,
        matches,
        participation,
        notices,
        channels,
        documents,
        drafts,
        places,
        slots,
        templates,
        integrity,
        why,
    ):
        app.include_router(part.router, prefix="/api/v1")
    app.include_router(operations.router)
    install_docs(app)
    app.add_middleware(Observed, max_upload=MAX_UPLOAD)
    # FastAPI works out included routes at the first request, for a second or more: do it before anybody waits.
    deque(iter_route_contexts(app.routes), maxlen=0)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    if settings.database_url is None:
        raise RuntimeError("LIANBING_DATABASE_URL is not set; `lianbing serve` sets it for the embedded server")
    database = await open_database(settings.database_url, pool_size=settings.pool_size)
    services = Services(
        settings=settings,
        database=database,
        clock=app.state.clock,
        passwords=Passwords(secret_key(settings.secret_key, settings.data_dir)),
    )
    app.state.services = services
    try:
        async with (
            quiz.hot_path(app, services),
            matches.playing(app, services),
            notices.clockwork(app, services, follow_bases, watch),
        ):
            yield
    finally:
        await database.close()


def from_environment() -> FastAPI:
    """Return the application for the environment's settings: what worker processes serve."""
    settings = load_settings()
    configure_logs(form=settings.log_format, level=settings.log_level)
    return create_app(settings)
