"""The parent of `serve` and its workers, as real processes that are really killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.processes import AddressUnavailable, listen

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARENT = """
    import contextlib, json, os, sys, time
    from pathlib import Path
    from app.core.processes import run_server

    @contextlib.contextmanager
    def around():
        trace("up")
        try:
            time.sleep(float(os.environ["TINY_SLOW_START"]))
        except BaseException:
            trace("interrupted")
            raise
        yield {"TINY_ADDED": "by around"}
        trace("down")

    def trace(line):
        with open(os.environ["TINY_TRACE"], "a") as file:
            file.write(line + "\\n")

    if __name__ == "__main__":
        given = json.loads(sys.argv[1])
        run_server(
            app_factory=given["factory"], host="127.0.0.1", port=given["port"], workers=given["workers"],
            environ=dict(os.environ), around=around(), scratch_dir=Path(given["scratch"]),
            on_ready=lambda host, port: print(json.dumps({"port": port}), flush=True),
        )
        trace("end")
"""


class Serve:
    """A parent in a process of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        factory: str = "tiny_app:create",
        drain: float = 0,
        slow_start: float = 0,
    ) -> None:
        self.trace_file = folder / "trace"
        self.scratch = folder / "scratch"
        given = {"factory": factory, "port": 0, "workers": workers, "scratch": str(self.scratch)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PARENT), json.dumps(given)],
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}",
                "TINY_TRACE": str(self.trace_file),
                "TINY_SLOW_START": str(slow_start),
                "LIANBING_DRAIN_SECONDS": str(drain),
            },
            stdout=subprocess.PIPE,
        )
        self.port = 0

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(b'{"port"'):
                self.port = json.loads(line)["port"]
                return
        pytest.fail("the parent ended before it was ready")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def pid(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.get("/pid").json()
        return facts

    def trace(self) -> list[str]:
        return self.trace_file.read_text().splitlines()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as name:
        yield Path(name)


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Serve]:
    serve = Serve(folder, **options)
    try:
        serve.wait_ready()
        yield serve
    finally:
        serve.process.kill()
        serve.process.wait()
        if serve.process.stdout is not None:
            serve.process.stdout.close()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def can_listen(port: int) -> bool:
    try:
        listen("127.0.0.1", port).close()
    except AddressUnavailable:
        return False
    return True


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_serves_and_stops_in_order(folder: Path) -> None:
    with serving(folder, workers=2) as serve:
        assert serve.get("/ready").status_code == 200
        facts = serve.pid()
        assert facts["TINY_ADDED"] == "by around"
        assert Path(facts["PROMETHEUS_MULTIPROC_DIR"]).parent == serve.scratch
        assert "server" not in serve.get("/ready").headers
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(60) == 0
        assert serve.trace() == ["up", "worker down", "worker down", "down", "end"]
        assert list(serve.scratch.iterdir()) == []
        assert can_listen(serve.port)


def test_a_taken_port_says_what_to_do() -> None:
    with closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressUnavailable, match=f"端口 {port} 已被占用"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_says_what_to_do() -> None:
    with pytest.raises(AddressUnavailable, match="本机没有地址"):
        listen("192.0.2.1", 0)


def test_an_app_that_does_not_start_ends_the_parent(folder: Path) -> None:
    serve = Serve(folder, factory="tiny_app:create_broken")
    output, _ = serve.process.communicate(timeout=120)
    assert serve.process.returncode != 0
    assert b'{"port"' not in output
    assert serve.trace() == ["up"]  # `around` was left by the exception


def test_a_killed_worker_is_replaced(folder: Path) -> None:
    with serving(folder) as serve:
        first = serve.pid()["pid"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: not alive(first))
        assert serve.pid()["pid"] != first  # the socket lives on in the parent: the request waits, none is refused


def test_workers_end_with_a_killed_parent_and_free_the_port(folder: Path) -> None:
    with serving(folder, workers=2) as serve:
        worker = serve.pid()["pid"]
        serve.process.kill()
        serve.process.wait()
        eventually(lambda: not alive(worker))
        eventually(lambda: can_listen(serve.port))
        left_behind = list(serve.scratch.iterdir())
    with serving(folder) as serve:
        assert len(left_behind) == 1
        assert left_behind[0] not in list(serve.scratch.iterdir())


def test_sigterm_says_not_ready_then_finishes_what_is_in_flight(folder: Path) -> None:
    with serving(folder, drain=4) as serve:
        answers: list[httpx.Response] = []
        request = threading.Thread(target=lambda: answers.append(serve.get("/slow?seconds=6")))
        request.start()
        eventually(lambda: connections(serve.port) > 0)
        time.sleep(0.5)  # the request's bytes are on their way
        serve.process.send_signal(signal.SIGTERM)
        eventually(lambda: serve.get("/ready").status_code == 503)
        request.join()
        assert answers[0].json() == {"done": True}
        assert serve.process.wait(60) == 0
        assert "worker down" in serve.trace()


def test_a_second_signal_ends_quickly(folder: Path) -> None:
    with serving(folder, drain=500) as serve:
        serve.process.send_signal(signal.SIGTERM)
        eventually(lambda: serve.get("/ready").status_code == 503)
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(60) == 0
        assert serve.trace()[-2:] == ["down", "end"]


def test_a_signal_while_the_database_starts_ends_the_wait(folder: Path) -> None:
    serve = Serve(folder, slow_start=500)
    eventually(lambda: serve.trace_file.exists() and serve.trace() == ["up"])
    serve.process.send_signal(signal.SIGTERM)
    serve.process.communicate(timeout=60)
    assert serve.process.returncode == 0
    assert serve.trace() == ["up", "interrupted", "end"]


def connections(port: int) -> int:
    established = "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == established for row in rows)


def test_listen_understands_ipv6_where_there_is_one() -> None:
    if not Path("/proc/net/if_inet6").exists():
        with pytest.raises(AddressUnavailable):
            listen("::1", 0)
        return
    with closing(listen("::1", 0)) as listening:
        assert listening.family == socket.AF_INET6
