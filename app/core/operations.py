"""HTTP for operators: health and metrics."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from app.core import metrics
from app.core.http import dumps
from app.core.wiring import Wired  # noqa: TC001 - FastAPI reads it at run time

router = APIRouter(tags=["Operations"])


@router.get("/health/live", operation_id="health_live")
async def live() -> dict[str, str]:
    """Answer 200 for as long as the process serves."""
    return {"status": "live"}


@router.get("/health/ready", operation_id="health_ready", responses={503: {"description": "Not ready"}})
async def ready(request: Request, wired: Wired) -> Response:
    """Answer 200 where requests can be served; 503 while starting, draining, or without a migrated database."""
    if request.app.state.draining:
        return _not_ready("draining")
    try:
        async with asyncio.timeout(3), wired.database.reads() as session:
            await session.execute(text("SELECT 1 FROM bank_version"))
    except Exception:  # noqa: BLE001 - whatever keeps us from the database, the answer is the same
        return _not_ready("database")
    return Response(dumps({"status": "ready"}), media_type="application/json")


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def prometheus() -> Response:
    """Prometheus metrics of all workers."""
    body, content_type = metrics.exposition()
    return Response(b"".join(body), media_type=content_type)


def _not_ready(reason: str) -> Response:
    return Response(
        dumps({"status": "not ready", "reason": reason}), 503, {"Retry-After": "2"}, media_type="application/json"
    )
