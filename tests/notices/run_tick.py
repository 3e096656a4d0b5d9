"""`python -m tests.notices.run_tick DSN --at INSTANT`: one round in a process of its own, which may kill itself."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import signal
import sys
from typing import Any

import httpx
from sqlalchemy import event

from app.core.clock import Clock
from app.core.database import open_database
from app.core.security import Passwords
from app.core.settings import Settings
from app.core.wiring import Services
from app.notices.service import tick
from tests.times import SECRET


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesWithTheAnswer(httpx.AsyncHTTPTransport):
    """Kills its process when the answer is there and nothing of it is recorded yet."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        die()
        return response


def die_at_the_fence(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("UPDATE delivery SET state=") and "attempts=" in statement:
        die()


async def run(dsn: str, at: dt.datetime, death: str | None) -> None:
    settings = Settings(
        database_url=dsn, secret_key=SECRET, outbound_allow="127.0.0.1", allow_time_travel=True, scheduler=False
    )
    database = await open_database(dsn, pool_size=8)
    if death == "after-claim":
        event.listen(database.engine.sync_engine, "before_cursor_execute", die_at_the_fence)
    services = Services(settings=settings, database=database, clock=Clock(), passwords=Passwords(SECRET))
    try:
        report = await tick(services, now=at, transport=DiesWithTheAnswer() if death == "after-answer" else None)
        sys.stdout.write(report.render())
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dsn")
    parser.add_argument("--at", type=dt.datetime.fromisoformat, required=True)
    parser.add_argument("--die", choices=["after-claim", "after-answer"])
    given = parser.parse_args()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()  # the test lets several go at once
    asyncio.run(run(given.dsn, given.at, given.die))


if __name__ == "__main__":
    main()
