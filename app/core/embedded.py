"""The embedded PostgreSQL: one owner a data folder runs it through a guard, everybody else joins.

A lock in the data folder says who owns; the kernel drops it when the owner dies, however it dies. `embedded_guard` is
the parent of postgres and stops it when the owner is gone. Linux and macOS only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import structlog

from app.core import embedded_guard
from app.core.embedded_folder import (
    EmbeddedError,
    EmbeddedFolderError,
    EmbeddedUnavailable,
    check_path,
    default_data_dir,
    find_binaries,
    folder_error,
    prepare,
    reachable_binaries,
)
from app.core.embedded_guard import DATABASE, PORT, SUPERUSER, Plan, clean_environment

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = [
    "Embedded",
    "EmbeddedError",
    "EmbeddedFailed",
    "EmbeddedFolderError",
    "EmbeddedServer",
    "EmbeddedUnavailable",
    "default_data_dir",
    "start_or_join",
]

log = structlog.get_logger()

_GIVE_UP_AFTER = 8  # deaths in a row of a server that was never up
_SAY_EVERY = 5.0


class EmbeddedFailed(EmbeddedError):
    """PostgreSQL did not start; the message carries the end of its log."""


@dataclass(frozen=True)
class Embedded:
    """Where the embedded server is, and whether this process owns it."""

    data_dir: Path
    dsn: str
    bin_dir: Path
    owner: bool


class EmbeddedServer:
    """The running server as one process sees it; closing stops it only if this process owns it."""

    def __init__(self, info: Embedded, keeper: _Keeper | None) -> None:
        self.info = info
        self._keeper = keeper

    @property
    def dsn(self) -> str:
        """URL that asyncpg and SQLAlchemy accept."""
        return self.info.dsn

    @property
    def owner(self) -> bool:
        """Whether the server ends with this process."""
        return self.info.owner

    def close(self) -> None:
        """Stop the server and wait until it has stopped; for a joiner nothing. May be called twice."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_or_join(data_dir: Path, *, extra_settings: Mapping[str, str] | None = None) -> EmbeddedServer:
    """Return the server of `data_dir`: started if nobody owns the folder, joined if a live owner runs it.

    Waits as long as it takes (crash recovery may be long). `extra_settings` count for an owner only.
    Raises EmbeddedUnavailable, EmbeddedFolderError, EmbeddedFailed.
    """
    if sys.platform == "win32":
        raise EmbeddedUnavailable(
            "内置数据库只支持 Linux 和 macOS；请用 LIANBING_DATABASE_URL 连接 PostgreSQL。"
            " The embedded server needs Linux or macOS; set LIANBING_DATABASE_URL."
        )
    data_dir = Path(os.path.abspath(data_dir))  # noqa: PTH100 - a symlink may be there to keep the path short
    bin_dir, major = find_binaries()
    home = data_dir / "pg"
    check_path(home)
    lock = _open_lock(data_dir)
    try:
        if not _acquire(lock, home):
            joined = Embedded(data_dir, _dsn(home), bin_dir, owner=False)
            os.close(lock)
            return EmbeddedServer(joined, None)
        account = prepare(data_dir, home, major)
        if account is not None:
            bin_dir = reachable_binaries(bin_dir, account, data_dir)
        log_dir = data_dir / "log"
        log_dir.mkdir(mode=0o700, exist_ok=True)
        plan = Plan(
            bin_dir=str(bin_dir),
            home=str(home),
            log_file=str(log_dir / "postgresql.log"),
            lock_file=str(data_dir / "guard.lock"),
            uid=account.uid if account else None,
            gid=account.gid if account else None,
            settings=dict(extra_settings or {}),
        )
        keeper = _Keeper(plan, lock)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, OSError):
            raise folder_error(data_dir, error) from error
        raise
    try:
        keeper.wait_until_up()
    except BaseException:
        keeper.close()
        raise
    return EmbeddedServer(Embedded(data_dir, _dsn(home), bin_dir, owner=True), keeper)


class _Keeper:
    """The owner's side: holds the lock and the pipe, listens to the guard, replaces a guard that dies."""

    def __init__(self, plan: Plan, lock: int) -> None:
        self._plan = plan
        self._lock = lock
        self._closing = threading.Event()
        self._spawning = threading.Lock()
        self._up = False
        self._deaths = 0
        self._postmaster: int | None = None
        self._failure: str | None = None
        self._spawn()
        self._listener = threading.Thread(target=self._listen, name="embedded-guard", daemon=True)
        self._listener.start()

    def wait_until_up(self) -> None:
        """Return once a connection works; raise EmbeddedFailed if the server dies again and again."""
        begun = time.monotonic()
        say_at = begun + _SAY_EVERY
        while self._failure is None:
            # Only after "started": before it, a server may answer that the guard is about to stop.
            answer = _greet(Path(self._plan.home)) if self._postmaster is not None else "waiting for the guard"
            if answer is None:
                self._up = True
                os.pwrite(self._lock, b"ready\n", 0)
                log.info("embedded PostgreSQL is up", seconds=round(time.monotonic() - begun, 2))
                return
            if time.monotonic() >= say_at:
                say_at += _SAY_EVERY
                log.info("embedded PostgreSQL is starting", seconds=round(time.monotonic() - begun), state=answer)
            time.sleep(0.02)
        raise EmbeddedFailed(
            f"内置数据库未能启动。请查看日志 {self._plan.log_file}，排除所述原因（磁盘已满、文件损坏等）后再启动。"
            f" The embedded PostgreSQL did not start: {self._failure}"
        )

    def close(self) -> None:
        """Have the guard stop the server, wait for both, and give up the folder."""
        with self._spawning:
            self._closing.set()
        os.ftruncate(self._lock, 0)
        os.close(self._pipe)
        try:
            self._guard.wait(embedded_guard.FAST_SECONDS + embedded_guard.IMMEDIATE_SECONDS + 20)
        except subprocess.TimeoutExpired:
            log.error("the guard of the embedded PostgreSQL hangs; killing it")  # noqa: TRY400 - no traceback wanted
            self._guard.kill()
        self._listener.join()
        os.close(self._lock)

    def _spawn(self) -> None:
        reading, self._pipe = os.pipe()
        errors = os.open(self._plan.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            self._guard = subprocess.Popen(  # noqa: S603 - our own script under our own interpreter
                [sys.executable, "-I", "-S", embedded_guard.__file__, self._plan.dumps()],
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                cwd="/",
                env=clean_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is the owner's business
            )
        finally:
            os.close(reading)
            os.close(errors)

    def _listen(self) -> None:
        while True:
            self._hear_out()
            status = self._guard.wait()
            self._postmaster = None
            self._deaths += 1
            if not self._up and self._deaths >= _GIVE_UP_AFTER:
                self._failure = self._failure or self._log_end()
            if self._closing.is_set() or (self._failure is not None and not self._up):
                return
            log.error("the guard of the embedded PostgreSQL died; starting another", status=status)
            self._closing.wait(min(0.1 * self._deaths, 5))
            with self._spawning:
                if self._closing.is_set():
                    return
                os.close(self._pipe)
                self._spawn()

    def _hear_out(self) -> None:
        """Take the guard's events until it ends; reads the descriptor, as a buffered file would lock at exit."""
        stream = self._guard.stdout
        assert stream is not None  # noqa: S101 - asked for above
        rest = b""
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))

    def _hear(self, facts: dict[str, object]) -> None:
        event = facts.pop("event")
        expected = event in {"started", "stopping", "initialising"}
        (log.info if expected else log.warning)(f"embedded PostgreSQL: {event}", **facts)
        if event == "started":
            self._postmaster = int(str(facts["postmaster"]))
        elif event == "failed":
            self._failure = str(facts["message"])
        elif event == "exited":
            self._postmaster = None
            told = self._log_end()
            waiting = "is still in use" in told[-600:]  # children of a killed postmaster: they end, and then it starts
            if not self._up and int(str(facts["failures"])) >= _GIVE_UP_AFTER and not waiting:
                self._failure = told

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            return Path(self._plan.log_file).read_text(errors="replace")[-1500:].strip()
        return "no log"


def _dsn(home: Path) -> str:
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(home))}&port={PORT}"


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(data_dir / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise folder_error(data_dir, error) from error


def _acquire(lock: int, home: Path) -> bool:
    """Wait until this process owns the folder (True) or its owner says "ready" and a connection works (False)."""
    say_at = time.monotonic() + _SAY_EVERY
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if os.pread(lock, 5, 0) == b"ready" and _greet(home) is None:
                return False
        else:
            os.ftruncate(lock, 0)
            return True
        if time.monotonic() >= say_at:
            say_at += _SAY_EVERY
            log.info("waiting for the process that owns the embedded PostgreSQL", folder=str(home.parent))
        time.sleep(0.05)


def _greet(home: Path) -> str | None:
    """Make a real connection; return None if it works, else what the server (or the system) said."""
    pairs = f"user\0{SUPERUSER}\0database\0{DATABASE}\0application_name\0lianbing-up\0\0".encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        try:
            connection.connect(str(home / f".s.PGSQL.{PORT}"))
            connection.sendall(struct.pack("!ii", 8 + len(pairs), 3 << 16) + pairs)
            with connection.makefile("rb") as stream:
                while len(head := stream.read(5)) == 5:  # noqa: PLR2004 - a type and a length
                    body = stream.read(int.from_bytes(head[1:], "big") - 4)
                    if head[:1] == b"E":
                        fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0")}
                        return fields.get(b"M", "an error")
                    if head[:1] == b"Z":
                        connection.sendall(b"X\0\0\0\4")
                        return None
        except PermissionError as error:
            raise folder_error(home.parent, error) from error
        except OSError as error:
            return str(error)
    return "the server closed the connection"
