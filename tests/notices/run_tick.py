"""`python -m tests.notices.run_tick DSN --at INSTANT`: one round in a process of its own, which may kill itself.

With `--rounds` it stays, prints a port, and forks a process for each connection to it: that process does a round at each
instant that a line names, and so begins without the cost of starting Python.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlalchemy import event

from app.core.clock import Clock
from app.core.database import open_database
from app.core.logs import configure_logs
from app.core.security import Passwords
from app.core.settings import Settings
from app.core.wiring import Services
from app.notices.service import tick
from tests.times import SECRET


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


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


@asynccontextmanager
async def services(dsn: str, **more: str) -> AsyncIterator[Services]:
    """What a round works with, in this process."""
    settings = Settings(
        database_url=dsn,
        secret_key=SECRET,
        outbound_allow="127.0.0.1",
        allow_time_travel=True,
        scheduler=False,
        **more,
    )
    database = await open_database(dsn, pool_size=8)
    try:
        yield Services(settings=settings, database=database, clock=Clock(), passwords=Passwords(SECRET))
    finally:
        await database.close()


async def run(dsn: str, at: dt.datetime, death: str | None, **more: str) -> None:
    async with services(dsn, **more) as wired:
        if death == "after-claim":
            event.listen(wired.database.engine.sync_engine, "before_cursor_execute", die_at_the_fence)
        report = await tick(wired, now=at, transport=DiesWithTheAnswer() if death == "after-answer" else None)
        sys.stdout.write(report.render())


async def rounds(connection: socket.socket, dsn: str, wecom_url: str) -> None:
    """Do a round for each line, an instant, and say after each what became of it; logs go to standard error."""
    configure_logs(form="json", level="info")
    reader, writer = await asyncio.open_connection(sock=connection)
    async with services(dsn, **({"wecom_url": wecom_url} if wecom_url else {})) as wired:
        writer.write(f"{os.getpid()}\n".encode())
        while line := (await reader.readline()).decode().strip():
            try:
                report = await tick(wired, now=dt.datetime.fromisoformat(line))
            except Exception as error:  # noqa: BLE001 - as the clock does: the next round tries again
                writer.write(f"failed {type(error).__name__}\n".encode())
            else:
                writer.write(f"done {len(report.made) + len(report.private)} {len(report.failed)}\n".encode())
    writer.write(b"ended\n")
    await writer.drain()


def nursery(dsn: str, wecom_url: str) -> None:
    """Fork a process for every connection, until killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.create_server(("127.0.0.1", 0)) as door:
        say(str(door.getsockname()[1]))
        while True:
            connection, _ = door.accept()
            if os.fork() == 0:
                door.close()
                asyncio.run(rounds(connection, dsn, wecom_url))
                os._exit(0)
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dsn")
    parser.add_argument("--at", type=dt.datetime.fromisoformat)
    parser.add_argument("--rounds", action="store_true")
    parser.add_argument("--wecom-url", default="")
    parser.add_argument("--die", choices=["after-claim", "after-answer"])
    given = parser.parse_args()
    if given.rounds:
        nursery(given.dsn, given.wecom_url)
        return
    say("ready")
    sys.stdin.readline()  # the test lets several go at once
    asyncio.run(run(given.dsn, given.at, given.die, **({"wecom_url": given.wecom_url} if given.wecom_url else {})))


if __name__ == "__main__":
    main()
