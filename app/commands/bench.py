"""`lianbing bench answers`: the answer path over HTTP beside pgbench doing the same work as separate statements."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import click
import httpx
import uvloop

from app.commands.bench_client import drive
from app.commands.bench_seed import OFFICERS_A_SECOND, SEED, WORK, reset
from app.commands.place import migrate
from app.core.embedded import start_or_join
from app.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.embedded import EmbeddedServer

_START_LIMIT = 60.0
SECRET = "bench-" * 8


@dataclass(frozen=True)
class Round:
    """One measured stretch: answers a second, latencies in milliseconds, CPU shares (1.0 = one core)."""

    rate: float
    p50: float
    p99: float
    client_cpu: float | None = None
    server_cpu: float | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie."""
    return values[min(len(values) - 1, int(len(values) * share))]


def answers(*, rounds: int, seconds: int, clients: int) -> None:
    """Run both in turn, `rounds` times on one database, and print each round and the medians."""
    folder = Path(tempfile.mkdtemp(prefix="lb-bench-"))
    folder.chmod(0o755)
    try:
        with start_or_join(folder / "data") as server:
            settings = Settings(database_url=server.dsn, data_dir=folder)
            migrate(settings)
            officers = OFFICERS_A_SECOND * seconds
            asyncio.run(execute(server.dsn, SEED, officers))
            click.echo(machine(server.dsn))
            pairs = [_pair(server, folder, seconds, clients, officers) for _ in range(rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ratio = statistics.median(b.rate / a.rate for a, b in pairs)
    click.echo(_summary("pgbench", [a for a, _ in pairs]))
    click.echo(_summary("lianbing", [b for _, b in pairs]))
    click.echo(f"median ratio lianbing / pgbench: {ratio:.2f}")


def _pair(server: EmbeddedServer, folder: Path, seconds: int, clients: int, officers: int) -> tuple[Round, Round]:
    asyncio.run(reset(server.dsn))
    first = _pgbench(server, folder, seconds, clients)
    click.echo(_line("pgbench ", first))
    asyncio.run(reset(server.dsn))
    second = _over_http(server.dsn, folder, seconds, clients, officers)
    click.echo(_line("lianbing", second))
    return first, second


def _pgbench(server: EmbeddedServer, folder: Path, seconds: int, clients: int) -> Round:
    script = folder / "work.sql"
    script.write_text(WORK)
    for old in folder.glob("log.*"):
        old.unlink()
    program = server.info.bin_dir / "pgbench"
    host = server.dsn.partition("host=")[2].partition("&")[0]
    arguments = [program, "-n", "-M", "prepared", "-c", clients, "-j", 2, "-T", seconds, "-f", script]
    more = ["-D", "i=-1", "-D", f"clients={clients}", "-l", f"--log-prefix={folder}/log"]
    place = ["-h", host.replace("%2F", "/"), "-U", "lianbing", "lianbing"]
    done = subprocess.run(  # noqa: S603 - the program of the embedded server's own folder
        [str(part) for part in (*arguments, *more, *place)],
        capture_output=True,
        text=True,
        check=True,
        env=_libraries(),
    )
    rate = next(float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("tps ="))
    latencies = sorted(
        int(line.split()[2]) / 1000 for log in folder.glob("log.*") for line in log.read_text().splitlines()
    )
    return Round(rate, percentile(latencies, 0.5), percentile(latencies, 0.99))


def _libraries() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _over_http(dsn: str, folder: Path, seconds: int, clients: int, officers: int) -> Round:
    with served(dsn, folder) as (port, pid):
        cpu_before = process_cpu(pid)
        own_before, started = time.process_time(), time.perf_counter()
        latencies = uvloop.run(drive(port, seconds=seconds, clients=clients, officers=officers))
        elapsed = time.perf_counter() - started
        own, theirs = time.process_time() - own_before, process_cpu(pid) - cpu_before
    latencies.sort()
    rate = len(latencies) / elapsed
    return Round(
        rate, percentile(latencies, 0.5) * 1000, percentile(latencies, 0.99) * 1000, own / elapsed, theirs / elapsed
    )


@contextmanager
def served(dsn: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Serve with one worker for as long as the caller looks; yields the port and the worker's pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIANBING_")}
    environ = kept | {
        "LIANBING_DATABASE_URL": dsn,
        "LIANBING_SECRET_KEY": SECRET,
        "LIANBING_SCHEDULER": "0",
        "LIANBING_LOG_LEVEL": "warning",
        "LIANBING_DATA_DIR": str(folder),
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    parent = subprocess.Popen(command, env=environ)  # noqa: S603 - this program itself
    try:
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and not _ready(port):
            time.sleep(0.1)
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        workers = children.read_text().split() if children.exists() else []
        yield port, int(workers[0]) if workers else parent.pid
    finally:
        parent.terminate()
        parent.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def process_cpu(pid: int) -> float:
    """Return the seconds of CPU that a process used so far; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def execute(dsn: str, statements: Sequence[str], officers: int) -> None:
    """Run these statements for so many officers."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement.replace(":officers", str(officers)))
    finally:
        await connection.close()


def machine(dsn: str) -> str:
    """Return what the figures were measured on."""

    async def settings() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            return [
                f"{name} {await connection.fetchval(f'SHOW {name}')}"
                for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
            ]
        finally:
            await connection.close()

    return f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}, PostgreSQL " + ", ".join(asyncio.run(settings()))


def _line(name: str, result: Round) -> str:
    line = f"{name}  {result.rate:8.0f} answers/s   p50 {result.p50:6.2f} ms   p99 {result.p99:6.2f} ms"
    if result.client_cpu is not None and result.server_cpu is not None:
        line += f"   client CPU {result.client_cpu:4.2f}   server CPU {result.server_cpu:4.2f}"
    return line


def _summary(name: str, results: Sequence[Round]) -> str:
    rate, p50, p99 = (
        statistics.median(values)
        for values in ([r.rate for r in results], [r.p50 for r in results], [r.p99 for r in results])
    )
    return f"median {name}: {rate:.0f} answers/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
