"""The guard: parent of the embedded PostgreSQL, which stops it when the owner's end of a pipe closes.

`core.embedded` runs this file as a script (`python -I -S`), so it imports nothing but the standard library. Standard
input is the read end of a pipe whose write end only the owner holds; events go to standard output, one JSON object a
line. A lock of its own says that a guard is at work, also while it stops the server of an owner that is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUPERUSER = DATABASE = "lianbing"
PORT = 5432  # only the name of the socket file
FAST_SECONDS = 20.0
IMMEDIATE_SECONDS = 20.0
LOG_BYTES = 16 * 1024 * 1024
_DELAYS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0)
_SETTLED_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1

# Written into postgresql.conf once, so that an administrator's ALTER SYSTEM still prevails.
TUNING = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Plan:
    """What the owner tells its guard; travels as JSON. `uid` and `gid` only where root hands over to an account."""

    bin_dir: str
    home: str
    log_file: str
    lock_file: str
    uid: int | None
    gid: int | None
    settings: dict[str, str]

    def dumps(self) -> str:
        """Return the plan as one JSON text."""
        return json.dumps(asdict(self))

    @property
    def cluster(self) -> Path:
        """The cluster's own directory (PGDATA)."""
        return Path(self.home, "data")

    @property
    def settings_arguments(self) -> list[str]:
        """What no configuration file may change: the socket in our folder, no TCP, plain stderr; then the caller's."""
        quoted = self.home.replace('"', '""')
        fixed = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        return [part for name, value in {**self.settings, **fixed}.items() for part in ("-c", f"{name}={value}")]


class GuardError(Exception):
    """The cluster cannot be made; the owner tells the user."""


def clean_environment() -> dict[str, str]:
    """Return an environment without PG* variables and without the program's secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def running_postmaster(cluster: Path) -> int | None:
    """Return the pid in postmaster.pid if that process really is a server on `cluster`, else None.

    A pid alone says nothing: after a crash or a restart of the container another process may have it.
    """
    try:
        pid = int((cluster / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 0 and _is_server(pid, cluster) else None


def _is_server(pid: int, cluster: Path) -> bool:
    process = Path("/proc", str(pid))
    try:
        if process.parent.joinpath("self").exists():
            arguments = process.joinpath("cmdline").read_bytes().split(b"\0")  # empty for a zombie
            if Path(os.fsdecode(arguments[0])).name != "postgres":
                return False  # backends call themselves "postgres: ..."
            try:
                return process.joinpath("cwd").samefile(cluster)
            except PermissionError:  # containers forbid it even to root
                return os.fsencode(cluster) in arguments
        command = ["/bin/ps", "-ww", "-o", "stat=,command=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603 - fixed command
    except OSError:
        return False
    state, _, line = shown.strip().partition(b" ")
    return not state.startswith(b"Z") and b"postgres -D " + os.fsencode(cluster) in line


class Guard:
    """One guard, from taking its lock until its server has stopped."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.log = os.open(plan.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self.child_signal, wakeup = os.pipe()
        for end in (self.child_signal, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, lambda *_: None)  # the pipe alone says when to stop; SIG_IGN would be inherited

    def run(self) -> int:
        """Keep the server running until the owner is gone or wants it stopped; return the exit status."""
        lock = os.open(self.plan.lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        while not _try_lock(lock):  # the guard of the owner before is still stopping its server
            if self.owner_gone(0.05):
                return 0
        try:
            if not self.plan.cluster.joinpath("PG_VERSION").exists():
                self.event("initialising")
                self.make_cluster()
            _make_private(self.plan.cluster)
            self.keep_running()
        except (GuardError, OSError) as error:
            self.event("failed", message=str(error))
            return 1
        return 0

    def event(self, name: str, **facts: object) -> None:
        """Tell the owner; nobody may be listening any more."""
        with contextlib.suppress(OSError):
            os.write(1, json.dumps({"event": name, **facts}).encode() + b"\n")

    def owner_gone(self, seconds: float) -> bool:
        """Wait up to `seconds`, or until a child ends; return whether the owner's end of the pipe has closed."""
        ready, _, _ = select.select([0, self.child_signal], [], [], seconds)
        if self.child_signal in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.child_signal, 4096)
        return 0 in ready and os.read(0, 4096) == b""

    def keep_running(self) -> None:
        """Start the server again whenever it dies, with growing pauses."""
        failures = 0
        while not self.owner_gone(0):
            self.clear_leftovers()
            started = time.monotonic()
            server = self.start_server()
            self.event("started", postmaster=server.pid)
            while server.poll() is None:
                if self.owner_gone(10.0):
                    self.event("stopping")
                    _stop(server.pid, lambda: server.poll() is None)  # noqa: B023 - called before the next round
                    return
                self.bound_log()
            failures = 0 if time.monotonic() - started > _SETTLED_SECONDS else failures + 1
            self.event("exited", status=server.returncode, failures=failures)
            again = time.monotonic() + _DELAYS[min(failures, len(_DELAYS) - 1)]
            while (left := again - time.monotonic()) > 0:
                if self.owner_gone(left):
                    return

    def as_account(self) -> dict[str, object]:
        """Return the arguments of subprocess that make a child run as the unprivileged account."""
        common: dict[str, object] = {
            "cwd": "/",
            "env": clean_environment(),
            "umask": 0o077,
            "stdin": subprocess.DEVNULL,
        }
        if self.plan.uid is None:
            return common
        return {**common, "user": self.plan.uid, "group": self.plan.gid, "extra_groups": []}

    def start_server(self) -> subprocess.Popen[bytes]:
        """Start postgres as a child that, on Linux, is told to stop (fast) even when this guard is killed."""
        command = [f"{self.plan.bin_dir}/postgres", "-D", str(self.plan.cluster), *self.plan.settings_arguments]
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - our own binaries
            command,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=_stop_with_parent(os.getpid()),  # noqa: PLW1509 - this process has one thread
            **self.as_account(),
        )

    def clear_leftovers(self) -> None:
        """Stop a server that outlived its guard, or drop stale lock files: their pid may be another process now."""
        leftover = running_postmaster(self.plan.cluster)
        if leftover is not None:
            self.event("leftover", postmaster=leftover)
            _stop(leftover, lambda: running_postmaster(self.plan.cluster) == leftover)
            return
        # Safe without the file's shared memory id too: the key derives from the directory's inode, so postgres
        # still refuses to start while children of a killed postmaster live.
        self.plan.cluster.joinpath("postmaster.pid").unlink(missing_ok=True)
        Path(self.plan.home, f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def make_cluster(self) -> None:
        """Make the cluster with its database under another name and move it into place when it is complete."""
        home = Path(self.plan.home)
        for unfinished in home.glob("new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        if self.plan.uid is not None and self.plan.gid is not None:
            os.chown(new, self.plan.uid, self.plan.gid)
        options = ["-U", SUPERUSER, "--encoding=UTF8", "--locale-provider=libc", "--locale=C", "--no-sync"]
        options += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        tuned = [part for name, value in TUNING.items() for part in ("-c", f"{name}={value}")]
        self.call("initdb", "-D", str(new), *options, *tuned)
        self.call("postgres", "--single", "-D", str(new), "postgres", text=f"CREATE DATABASE {DATABASE}\n")
        if self.plan.settings.get("fsync") != "off":
            self.call("initdb", "-D", str(new), "--sync-only")
        new.rename(self.plan.cluster)
        directory = os.open(home, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def call(self, program: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's programs as the account; raise GuardError with what it said if it fails."""
        how: Mapping[str, object] = {k: v for k, v in self.as_account().items() if k != "stdin"}
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own binaries
            [f"{self.plan.bin_dir}/{program}", *arguments],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **how,
        )
        os.write(self.log, done.stdout)
        if done.returncode != 0 or b"ERROR:" in done.stdout:  # --single ends with 0 after an error
            raise GuardError(f"{program}: {done.stdout.decode(errors='replace').strip()[-2000:]}")

    def bound_log(self) -> None:
        """Keep at most two log files of LOG_BYTES: copy and truncate, since the server keeps its descriptor."""
        if os.fstat(self.log).st_size > LOG_BYTES:
            with contextlib.suppress(OSError):
                shutil.copyfile(self.plan.log_file, self.plan.log_file + ".1", follow_symlinks=False)
            os.ftruncate(self.log, 0)  # also where the disk was too full for the copy


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_private(directory: Path) -> None:
    """Set 0700 again where something widened it (Kubernetes' fsGroup does); postgres refuses to start otherwise."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _stop(pid: int, alive: Callable[[], bool]) -> None:
    for order, patience in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, order)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not alive():
                return
            time.sleep(0.02)


def _stop_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what a child calls so that the kernel sends it SIGINT (fast shutdown) when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


if __name__ == "__main__":
    sys.exit(Guard(Plan(**json.loads(sys.argv[1]))).run())
