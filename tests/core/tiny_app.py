"""A tiny app for the process tests: health, a slow request, its pid, and ways to fail."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    if trace := os.environ.get("TINY_TRACE"):
        with Path(trace).open("a") as file:
            file.write("worker down\n")


def create() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready(request: Request) -> Response:
        return Response(status_code=503 if request.app.state.draining else 200)

    @app.get("/pid")
    async def pid() -> dict[str, object]:
        keys = ("PROMETHEUS_MULTIPROC_DIR", "TINY_ADDED")
        return {"pid": os.getpid(), **{key: os.environ.get(key) for key in keys}}

    @app.get("/slow")
    async def slow(seconds: float) -> dict[str, bool]:
        await asyncio.sleep(seconds)
        return {"done": True}

    return app


def create_broken() -> FastAPI:
    raise RuntimeError("this app does not start")
