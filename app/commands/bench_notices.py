"""`lianbing bench notices`: how long and in how much memory a contest of a whole province is planned, slot by slot."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from sqlalchemy import func, select

from app.commands.bench import SECRET, execute, machine, process_cpu
from app.commands.bench_notices_seed import CONTEST, FORGET, NOTICES_SEED, TODAY, YESTERDAY
from app.commands.place import migrate, opened
from app.contests.models import Contest
from app.core.clock import at
from app.core.embedded import start_or_join
from app.core.logs import configure_logs
from app.core.settings import Settings
from app.notices.models import Channel, Delivery, Notice
from app.notices.service import plan_round
from app.papers.models import Answer, Paper
from app.participation.service import freeze_finished_days
from app.roster.models import Officer, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.wiring import Services

TARGET = 5.0
"""Seconds within which a slot of 2,000 branches and 100,000 officers is to be planned."""

SLOTS = {
    "08:00": "通报",
    "11:40": "预告",
    "11:45": "预览",
    "12:00": "进度",
    "12:30": "提示",
    "15:00": "无通报",
    "18:00": "进度",
    "22:00": "进度",
}
"""Instants of a day in order, with what is planned at each; at 15:00 nothing is, as in most rounds."""

_BRANCHES_A_BUREAU = 20
_LATER = dt.timedelta(seconds=15)  # a round begins so long after its slot
_PROCESS = Path("/proc/self")


class Planned(NamedTuple):
    """One planning: seconds, those of CPU here and in the database, seconds of the plain scan beside it, rows, MB."""

    seconds: float
    cpu: float
    database_cpu: float
    scan: float
    notices: int
    deliveries: int
    memory: float


def notices(*, officers: int, branches: int, rounds: int) -> None:
    """Plan the day of a contest of so many officers and branches `rounds` times over, and print what each slot took."""
    configure_logs(form="console", level="warning")
    bureaus = max(1, branches // _BRANCHES_A_BUREAU)
    seed = [
        statement.replace(":branches", str(branches)).replace(":bureaus", str(bureaus)) for statement in NOTICES_SEED
    ]
    folder = Path(tempfile.mkdtemp(prefix="lb-bench-"))
    folder.chmod(0o755)
    try:
        with start_or_join(folder / "data") as server:
            settings = Settings(database_url=server.dsn, data_dir=folder, secret_key=SECRET, scheduler=False)
            migrate(settings)
            asyncio.run(execute(server.dsn, seed, officers))
            click.echo(machine(server.dsn))
            asyncio.run(_measure(settings, rounds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(settings: Settings, rounds: int) -> None:
    async with opened(settings) as services:
        await _say_size(services)
        before = _memory("VmRSS")
        await _plan(services, at(YESTERDAY, dt.time(22)) + _LATER)
        frozen = await _freeze(services)
        click.echo(f"次日0:00固定前一日成绩 {frozen:.2f} 秒")
        found: dict[str, list[Planned]] = {name: [] for name in SLOTS}
        for _ in range(rounds):
            await execute(settings.database_url or "", FORGET, 0)
            for name in SLOTS:
                found[name].append(await _one(services, name, before))
    for name, results in found.items():
        click.echo(_line(name, results))
    slowest = max(statistics.median(one.seconds for one in results) for results in found.values())
    most = max(one.memory for results in found.values() for one in results)
    verdict = "达到" if slowest < TARGET else "未达到"
    click.echo(
        f"最慢的时段 {slowest:.2f} 秒，目标 {TARGET:g} 秒以内：{verdict}；"
        f"规划前进程占内存 {before:.0f} MB，最多增加 {most:.0f} MB"
    )


async def _say_size(services: Services) -> None:
    async with services.database.reads() as session:
        sizes = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (Unit, Officer, Paper, Answer, Channel)
        ]
    units, officers, papers, answers, channels = sizes
    click.echo(f"单位{units}个，人员{officers}人，试卷{papers}份，答案{answers}条，通道{channels}个")


async def _freeze(services: Services) -> float:
    began = time.perf_counter()
    async with services.database.sessions.begin() as session:
        contest = await session.get_one(Contest, CONTEST)
        await freeze_finished_days(session, contest, now=at(TODAY, dt.time()) + _LATER)
    return time.perf_counter() - began


async def _one(services: Services, name: str, before: float) -> Planned:
    slot_at = at(TODAY, dt.time.fromisoformat(name))
    async with services.database.reads() as session:
        began = time.perf_counter()
        await session.scalar(select(func.count()).where(Answer.answered_at < slot_at))
        scan = time.perf_counter() - began
    _forget_peak()
    own, began = time.process_time(), time.perf_counter()
    database_cpu = await _plan(services, slot_at + _LATER)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    memory = _memory("VmHWM") - before
    async with services.database.reads() as session:
        made = await session.scalar(select(func.count()).where(Notice.slot_at == slot_at))
        sent = await session.scalar(
            select(func.count()).where(Notice.slot_at == slot_at, Delivery.notice_id == Notice.id)
        )
    return Planned(seconds, own, database_cpu, scan, made or 0, sent or 0, memory)


async def _plan(services: Services, now: dt.datetime) -> float:
    """Plan what is due as a round does, and return the seconds of CPU that the database's processes used for it."""
    sessions = services.database.sessions
    async with sessions.begin() as session, sessions.begin() as helper:
        pids = [await own.scalar(select(func.pg_backend_pid())) or 0 for own in (session, helper)]
        before = sum(map(process_cpu, pids))
        contest = await session.get_one(Contest, CONTEST)
        await plan_round(session, helper, contest, now=now, link="https://bench")
    return sum(map(process_cpu, pids)) - before


def _forget_peak() -> None:
    """Let the system count the process's peak of memory anew, where it can."""
    marks = _PROCESS / "clear_refs"
    if marks.exists():
        marks.write_text("5")


def _memory(field: str) -> float:
    """Return a figure of this process's memory in MB; 0 where the system does not tell."""
    status = _PROCESS / "status"
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), 0.0)


def _line(name: str, results: Sequence[Planned]) -> str:
    seconds, cpu, database_cpu, scan = (statistics.median(values) for values in list(zip(*results, strict=True))[:4])
    ratio = statistics.median(one.seconds / one.scan for one in results)
    return (
        f"{name} {SLOTS[name]}：{seconds:.2f} 秒（CPU 程序 {cpu:.2f}、数据库 {database_cpu:.2f}），"
        f"为数一遍答案（{scan:.2f} 秒）的 {ratio:.1f} 倍；"
        f"通报{results[0].notices}份，消息{results[0].deliveries}条，内存增加至多 {max(one.memory for one in results):.0f} MB"
    )
