"""`lianbing demo`: a bureau of 8 branches and 354 officers in a running contest, made through the same services."""

from __future__ import annotations

import gc
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import uvloop
from sqlalchemy import func, select

from app.commands.demo_data import PASSWORD, SIGN_INS, Seed
from app.commands.place import migrate, opened, placed, seal_channels, worker_environment
from app.core.processes import run_server
from app.roster.models import Officer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.core.settings import Settings

HOST = "127.0.0.1"
_MARK = ".lianbing-demo"
_SOWING = ".lianbing-demo-sowing"


def run(settings: Settings, *, folder: Path, port: int, fresh: bool, factory: str, bank: Path) -> None:
    """Serve the demo until stopped; data is kept between starts unless `fresh`."""
    if fresh or (folder / _SOWING).exists():  # a first start that was stopped half-way left half a history
        _forget(folder)

    @contextmanager
    def around() -> Iterator[dict[str, str]]:
        with placed(settings.model_copy(update={"database_url": None, "data_dir": folder})) as where:
            (folder / _MARK).touch()
            migrate(where)
            uvloop.run(seal_channels(where))
            if uvloop.run(_empty(where)):
                (folder / _SOWING).touch()  # never beside anything that there is to lose
                uvloop.run(_sow(where, bank))
                (folder / _SOWING).unlink()
            yield worker_environment(where)

    run_server(
        app_factory=factory,
        host=HOST,
        port=port,
        workers=1,
        environ={"LIANBING_LOG_FORMAT": "console", "LIANBING_LOG_LEVEL": "warning", **os.environ},
        around=around(),
        on_ready=_announce,
    )


def _forget(folder: Path) -> None:
    """Remove the demo's folder; one that the demo did not make is left alone."""
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ValueError(f"{folder} 不是演示数据目录，没有删除；请换一个目录，或自行清空后再试。")
    shutil.rmtree(folder)


async def _empty(settings: Settings) -> bool:
    async with opened(settings) as services, services.database.reads() as session:
        return not await session.scalar(select(func.count()).select_from(Officer))


async def _sow(settings: Settings, bank: Path) -> None:
    click.echo("正在准备演示数据：8个分局、354名参赛人员、10天的答题和对战记录……")
    gc.freeze()
    gc.disable()  # millions of small objects, none in a cycle that matters: collecting took a fifth of the time
    try:
        async with opened(settings) as services:
            await Seed(services, bank).sow()
    finally:
        gc.enable()


def _announce(host: str, port: int) -> None:
    address = f"http://{host}:{port}"
    first, second = SIGN_INS[0][1], SIGN_INS[1][1]
    json = '-H "Content-Type: application/json"'
    bearer = '-H "Authorization: Bearer $TOKEN"'
    lines = [
        "",
        "练兵演示已就绪 Lianbing is ready",
        f"  地址      {address}",
        f"  接口文档  {address}/docs",
        f"  登录（密码均为 {PASSWORD}）：",
        *(f"    {label:<6}\t{account}" for label, account in SIGN_INS),
        f"""  试一试    curl -s {address}/api/v1/sessions {json} -d '{{"account": "{first}", "password": "{PASSWORD}"}}'""",
        f"  对战      {first} 和 {second} 各用自己的 token 请求，即相互匹配；无人等待时 any 立即与记录对战：",
        f"""    curl -s {address}/api/v1/match-tickets {bearer} {json} -d '{{"mode": "live"}}'""",
        f"    curl -s {address}/api/v1/matches/$MATCH_ID {bearer}",
        "  停止      Ctrl+C（数据保留；--fresh 重新开始）",
        "",
    ]
    click.echo("\n".join(lines))
