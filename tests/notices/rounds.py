"""Processes that live on and do a round whenever they are told an instant; any may be killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Rounds:
    """One process."""

    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def at(self, instant: dt.datetime) -> str:
        """Do a round at an instant; what it says of it, or nothing where it dies."""
        try:
            self.writer.write(f"{instant.isoformat()}\n".encode())
            return (await self.reader.readline()).decode().strip()
        except ConnectionError:
            return ""

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)
        self.writer.close()

    async def end(self) -> str:
        """Tell it that nothing comes any more, and return its last word."""
        self.writer.write(b"\n")
        said = (await self.reader.readline()).decode().strip()
        self.writer.close()
        return said


@dataclass
class Nursery:
    """Where processes come from."""

    port: int

    async def start(self) -> Rounds:
        """A process that is ready."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Rounds(int(await reader.readline()), reader, writer)


@asynccontextmanager
async def nursery(dsn: str, log: Path, *, wecom_url: str = "") -> AsyncIterator[Nursery]:
    """A nursery for one database; the structured logs of all its processes are appended to a file."""
    more = ["--wecom-url", wecom_url] if wecom_url else []
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.notices.run_tick", dsn, "--rounds", *more,
            stdout=PIPE, stderr=errors, cwd=ROOT,
        )  # fmt: skip
    assert process.stdout
    try:
        port = await process.stdout.readline()
        assert port, log.read_text()[-2000:]
        yield Nursery(int(port))
    finally:
        process.kill()
        await process.wait()
