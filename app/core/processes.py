"""The parent of `serve`: owns the listening socket and N workers, and ends what it started in the right order."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client.multiprocess import mark_process_dead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import FrameType

log = structlog.get_logger()

_BACKLOG = 2048
_TICK = 0.05
_DELAYS = (0.2, 1.0, 3.0, 10.0, 30.0)
_SETTLED_SECONDS = 60.0
_QUICK_SECONDS = 3.0
_METRICS = "lianbing-metrics-"


class AddressUnavailable(Exception):
    """The host and port cannot be listened on; the message says what to do."""


class WorkersFailed(Exception):
    """The first workers did not come up; their own messages stand in the log."""


def run_server(
    *,
    app_factory: str,
    host: str,
    port: int,
    workers: int,
    environ: Mapping[str, str],
    ready_timeout: float = 120.0,
    grace_seconds: int = 20,
    around: AbstractContextManager[Mapping[str, str] | None] | None = None,
    scratch_dir: Path | None = None,
    on_ready: Callable[[str, int], None] | None = None,
) -> None:
    """Serve `app_factory` ("module:function") with `workers` processes until SIGTERM or SIGINT.

    `around` (the embedded server, migrations) is entered before the workers start and left after they ended; what it
    yields is added to their environment. `on_ready(host, port)` is called once, when all workers accept. Must run in
    the main thread. Raises AddressUnavailable, WorkersFailed, and whatever `around` raises.
    """
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(listen(host, port)))
        signals = stack.enter_context(_Signals().installed())
        added: Mapping[str, str] | None = None
        with signals.interrupting():
            added = stack.enter_context(around) if around is not None else None
        if signals.count:
            return
        metrics = stack.enter_context(_metrics_dir(scratch_dir))
        root = str(Path(__file__).resolve().parents[2])  # -P: an `app` folder in the working directory is not ours
        paths = [root, *filter(None, [environ.get("PYTHONPATH")])]
        settings = {
            **environ,
            **(added or {}),
            "PYTHONPATH": os.pathsep.join(paths),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        drain = float(settings.get("LIANBING_DRAIN_SECONDS") or 0)
        pool = _Pool(app_factory, listening, settings, grace_seconds, ready_timeout, metrics)
        stack.callback(pool.close)
        pool.start(workers)
        announced = False
        while not signals.count:
            pool.tend()
            if not announced and pool.all_ready():
                announced = True
                bound = listening.getsockname()
                log.info("ready", host=bound[0], port=bound[1], workers=workers)
                if on_ready is not None:
                    on_ready(bound[0], bound[1])
            time.sleep(_TICK)
        pool.stop(signals, patience=drain + grace_seconds + 5)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; raise AddressUnavailable with what to do if the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _address_error(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _address_error(host, port, error) from error
    return listening


def _address_error(host: str, port: int, error: OSError) -> AddressUnavailable:
    if error.errno == errno.EADDRINUSE:
        reason = (
            f"端口 {port} 已被占用，可能已有一个实例在运行。请先停止它（ss -ltnp 'sport = :{port}' 可查），或换一个端口"
        )
    elif error.errno == errno.EACCES:
        reason = f"没有权限监听端口 {port}。小于 1024 的端口需要特权，请换用 8000 等端口，由反向代理转发"
    else:
        reason = f"本机没有地址 {host}。请改用 127.0.0.1（仅本机）或 0.0.0.0（所有网卡）"
    return AddressUnavailable(f"{reason}。 Cannot listen on {host}:{port}: {error}")


class _Interrupted(BaseException):
    """A signal to stop arrived while something long was being entered."""


class _Signals:
    """Counts the requests to stop; while entering something long the first of them interrupts it."""

    def __init__(self) -> None:
        self.count = 0
        self._interrupt = False

    def _handle(self, _signum: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupt:
            self._interrupt = False
            raise _Interrupted

    @contextlib.contextmanager
    def installed(self) -> Iterator[_Signals]:
        """Handle SIGTERM and SIGINT within, and put back the handlers of before."""
        before: dict[signal.Signals, Any] = {
            number: signal.signal(number, self._handle) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a signal end what is done within by an exception, which goes no further."""
        try:
            self._interrupt = True
            yield
        except _Interrupted:
            log.info("told to stop while starting")
        finally:
            self._interrupt = False


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    started: int  # read end of a pipe: one byte when it accepts, end of file when it died
    since: float
    ready: bool = False


@dataclass
class _Slot:
    """A place for a worker; `failures` in a row make the pause before the next one longer."""

    worker: _Worker | None = None
    failures: int = 0
    start_at: float = 0.0


class _Pool:
    """The workers of one parent."""

    def __init__(
        self,
        factory: str,
        listening: socket.socket,
        environ: Mapping[str, str],
        grace: int,
        ready_timeout: float,
        metrics: Path,
    ) -> None:
        self._factory = factory
        self._listening = listening
        self._environ = environ
        self._grace = grace
        self._ready_timeout = ready_timeout
        self._metrics = metrics
        self._slots: list[_Slot] = []
        self._once_ready = False
        self._alive_reading, self._alive_writing = os.pipe()  # workers see its end of file when this process dies

    def start(self, count: int) -> None:
        """Start `count` workers."""
        self._slots = [_Slot(worker=self._spawn()) for _ in range(count)]

    def all_ready(self) -> bool:
        """Whether every worker accepts; from the first time on a death leads to a restart, not to the end."""
        ready = all(slot.worker is not None and slot.worker.ready for slot in self._slots)
        self._once_ready = self._once_ready or ready
        return ready

    def tend(self) -> None:
        """Notice workers that became ready or died, and start the next ones when their pause is over."""
        now = time.monotonic()
        for slot in self._slots:
            worker = slot.worker
            if worker is None:
                if now >= slot.start_at:
                    slot.worker = self._spawn()
                continue
            self._look(worker)
            if not worker.ready and now - worker.since > self._ready_timeout:
                log.error("worker was not ready in time", pid=worker.process.pid, seconds=self._ready_timeout)
                worker.process.kill()
                worker.process.wait()
            status = worker.process.poll()
            if status is None:
                continue
            self._bury(slot)
            if not self._once_ready:
                raise WorkersFailed(
                    f"服务进程启动失败（退出码 {status}），原因见上面的日志；改正后再启动。"
                    f" A worker ended with status {status} before it was ready."
                )
            slot.failures = 0 if now - worker.since > _SETTLED_SECONDS else slot.failures + 1
            pause = _DELAYS[min(slot.failures, len(_DELAYS) - 1)]
            slot.start_at = now + pause
            log.error("worker died; starting another", pid=worker.process.pid, status=status, pause=pause)

    def stop(self, signals: _Signals, *, patience: float) -> None:
        """Let the workers drain and finish; a further signal, or the end of `patience`, makes it quick."""
        log.info("stopping")
        self._listening.close()  # the workers' copies still accept, until each has drained
        self._signal(signal.SIGTERM)
        first = signals.count
        deadline = time.monotonic() + patience
        while self._living() and time.monotonic() < deadline and signals.count == first:
            time.sleep(_TICK)

    def close(self) -> None:
        """End whatever still runs, quickly, and wait for it."""
        self._signal(signal.SIGINT, ready=True)
        self._signal(signal.SIGTERM, ready=False)  # still importing: no traceback of a KeyboardInterrupt
        deadline = time.monotonic() + _QUICK_SECONDS
        while self._living() and time.monotonic() < deadline:
            time.sleep(_TICK)
        self._signal(signal.SIGKILL)
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.process.wait()
                self._bury(slot)
        os.close(self._alive_reading)
        os.close(self._alive_writing)

    def _spawn(self) -> _Worker:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        listening = self._listening.fileno()
        command = [sys.executable, "-P", "-m", "app.core.worker", "--factory", self._factory]
        numbers = {
            "--socket": listening,
            "--parent-pipe": self._alive_reading,
            "--parent-pid": os.getpid(),
            "--started": writing,
            "--grace": self._grace,
        }
        for name, number in numbers.items():
            command += [name, str(number)]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
                command,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                pass_fds=(listening, self._alive_reading, writing),
                process_group=0,  # Ctrl-C in a terminal reaches only this parent, which decides
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return _Worker(process, reading, time.monotonic())

    def _look(self, worker: _Worker) -> None:
        if not worker.ready:
            with contextlib.suppress(BlockingIOError):
                worker.ready = os.read(worker.started, 1) == b"1"

    def _bury(self, slot: _Slot) -> None:
        worker, slot.worker = slot.worker, None
        if worker is not None:
            os.close(worker.started)
            mark_process_dead(worker.process.pid, str(self._metrics))  # type: ignore[no-untyped-call]

    def _living(self) -> bool:
        return any(slot.worker is not None and slot.worker.process.poll() is None for slot in self._slots)

    def _signal(self, number: signal.Signals, *, ready: bool | None = None) -> None:
        for slot in self._slots:
            if slot.worker is not None and ready in {None, slot.worker.ready} and slot.worker.process.poll() is None:
                slot.worker.process.send_signal(number)


@contextlib.contextmanager
def _metrics_dir(scratch_dir: Path | None) -> Iterator[Path]:
    """Make a fresh directory for the workers' metrics, removed at the end; remove those of parents that were killed.

    A lock on the directory tells one in use from one left behind.
    """
    base = scratch_dir or Path(tempfile.gettempdir())
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in base.glob(f"{_METRICS}*"):
        with contextlib.suppress(OSError), _locked(old):
            shutil.rmtree(old)
    made = Path(tempfile.mkdtemp(prefix=_METRICS, dir=base))
    try:
        with _locked(made):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
