"""A real `lianbing serve` on a data folder of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from app.commands.bench_seed import SEED, reset
from app.commands.place import migrate
from app.core.embedded import start_or_join
from app.core.settings import Settings
from tests.times import SECRET

PATIENCE = 120.0
LIANBING = [sys.executable, "-c", "from app.cli import main; main()"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.05)


@dataclass
class Served:
    """One data folder, and the server on it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LIANBING_")}
        return kept | {"LIANBING_DATA_DIR": str(self.folder / "data"), "LIANBING_SCHEDULER": "0"}

    def start(self, *, workers: int = 1) -> None:
        command = [*LIANBING, "serve", "--port", str(self.port), "--workers", str(workers)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
        wait_for(self.ready, "the server is ready")

    def status(self, path: str) -> int | None:
        try:
            return httpx.get(f"{self.url}{path}", trust_env=False, timeout=5).status_code
        except httpx.TransportError:
            return None

    def ready(self) -> bool:
        return self.status("/health/ready") == 200

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def complaints(self) -> str:
        """What the server logged as an error: shown where a test did not get the reply it wants."""
        lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if '"level": "error"' in line or not line.startswith("{")][-20:])

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def postmaster(self) -> int:
        return int((self.folder / "data" / "pg" / "data" / "postmaster.pid").read_text().split()[0])

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*LIANBING, *arguments], env=self.environ, capture_output=True, text=True, check=False)


async def _seed(dsn: str, officers: int) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in SEED:
        await connection.execute(statement.replace(":officers", str(officers)))
    await connection.close()
    await reset(dsn)


@contextmanager
def seeded(officers: int) -> Iterator[Served]:
    """A folder with `officers` officers, each with an open paper of ten questions."""
    folder = Path(tempfile.mkdtemp(prefix="lbk-"))
    folder.chmod(0o755)
    served = Served(folder, free_port())
    try:
        with start_or_join(folder / "data") as server:
            migrate(Settings(database_url=server.dsn))
            asyncio.run(_seed(server.dsn, officers))
        yield served
    finally:
        served.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Fleet:
    """Several `lianbing serve` on one database, each of its own; any may be killed and started again."""

    environ: dict[str, str]
    ports: list[int]
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        return [f"http://127.0.0.1:{port}/api/v1" for port in self.ports]

    def start(self, *ports: int) -> None:
        for port in ports:
            command = [*LIANBING, "serve", "--port", str(port)]
            self.processes[port] = subprocess.Popen(command, env=self.environ, stderr=subprocess.DEVNULL)
        for port in ports:
            wait_for(lambda port=port: self.ready(port), "a server is ready")  # type: ignore[misc]

    def ready(self, port: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def kill(self, port: int) -> None:
        self.processes[port].kill()
        self.processes[port].wait()

    def stop(self) -> None:
        for server in self.processes.values():
            server.terminate()
        for server in self.processes.values():
            server.wait(60)


@contextmanager
def fleet(database_url: str, folder: Path, count: int, *, scheduler: bool) -> Iterator[Fleet]:
    """`count` servers, started; their clocks ring where `scheduler` says so."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIANBING_")}
    environ = kept | {
        "LIANBING_DATABASE_URL": database_url,
        "LIANBING_SECRET_KEY": SECRET,
        "LIANBING_SCHEDULER": str(int(scheduler)),
        "LIANBING_DATA_DIR": str(folder),
    }
    servers = Fleet(environ, [free_port() for _ in range(count)])
    try:
        servers.start(*servers.ports)
        yield servers
    finally:
        servers.stop()


@contextmanager
def two_servers(database_url: str, folder: Path) -> Iterator[list[str]]:
    """Two `lianbing serve` of their own; yields their API addresses."""
    with fleet(database_url, folder, 2, scheduler=False) as servers:
        yield servers.addresses
