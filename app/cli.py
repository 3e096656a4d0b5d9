"""The `lianbing` command: reads options, calls what does the work, prints what a person needs."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.exc import ProgrammingError

from app.bank.confirming import service as confirming
from app.bank.life.service import Followed, follow_bases
from app.bank.service import check_directory
from app.commands import bench, bench_draw, bench_matches, bench_notices, demo, exchange
from app.commands.place import ROOT, migrate, opened, placed, seal_channels, worker_environment
from app.core.clock import ZONE, host_now, local_day
from app.core.embedded import EmbeddedError, default_data_dir
from app.core.errors import LianbingError
from app.core.logs import configure_logs
from app.core.processes import AddressUnavailable, WorkersFailed, run_server
from app.core.settings import Settings, SettingsError, load_settings
from app.integrity.flags import Watched, watch
from app.integrity.service import verify as verify_all
from app.integrity.why import service as reasons
from app.notices.service import tick as tick_once
from app.roster.imports.service import import_roster_file
from app.roster.service import create_admin, renew_admin
from app.roster.sign_in.rules import check_new_password

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from app.bank.own import PutBack
    from app.core.wiring import Services

FACTORY = "app.main:from_environment"
APP = "app.main:create_app"
BANK = ROOT / "question_bank"
_NO_SUCH_TABLE = "42P01"
_TROUBLE = (SettingsError, EmbeddedError, LianbingError, AddressUnavailable, WorkersFailed, ValueError, OSError)


class Lianbing(click.Group):
    """Prints what went wrong as one clear line, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a trouble that a person can mend ends it with status 1."""
        try:
            return super().invoke(ctx)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_SUCH_TABLE:
                raise
            click.echo("lianbing：数据库还没有建表，请先运行 lianbing migrate。", err=True)
            sys.exit(1)
        except _TROUBLE as error:
            click.echo(f"lianbing：{error}", err=True)
            for problem in getattr(error, "errors", None) or []:
                click.echo(f"  {problem.pointer}  {problem.detail}", err=True)
            sys.exit(1)


def _settings(form: str | None = None, *, level: str | None = None) -> Settings:
    settings = load_settings()
    quiet = level if level and "log_level" not in settings.model_fields_set else None
    configure_logs(form=form or settings.log_format, level=quiet or settings.log_level)
    return settings


def _with_services(work: Callable[[Services], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` on the placed database of the settings."""

    async def run(settings: Settings) -> Any:
        async with opened(settings) as services:
            return await work(services)

    with placed(_settings("console", level="warning")) as settings:
        return asyncio.run(run(settings))


@click.group(cls=Lianbing, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """练兵 Lianbing: the training-contest backend."""


@main.command("demo")
@click.option("--port", default=8000, show_default=True, help="Port on this machine.")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of the demo's database.")
@click.option("--fresh", is_flag=True, help="Throw the demo's data away and begin anew.")
def demo_command(port: int, data_dir: Path | None, fresh: bool) -> None:
    """Serve a demo bureau of 8 branches and 354 officers in a running contest."""
    settings = _settings("console", level="warning")
    folder = data_dir or default_data_dir().with_name("lianbing-demo")
    demo.run(settings, folder=folder, port=port, fresh=fresh, factory=FACTORY, bank=BANK)


@main.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API; without LIANBING_DATABASE_URL this process owns the embedded PostgreSQL."""
    settings = _settings()

    @contextmanager
    def around() -> Iterator[dict[str, str]]:
        with placed(settings) as where:
            yield worker_environment(where)

    run_server(app_factory=FACTORY, host=host, port=port, workers=workers, environ=dict(os.environ), around=around())


@main.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    with placed(_settings("console", level="warning")) as settings:
        migrate(settings)
        sealed = asyncio.run(seal_channels(settings))
    click.echo("数据库结构已是最新。")
    if sealed:
        click.echo(f"已将{sealed}个通道的地址和密钥改为加密保存。")


@main.command("create-admin")
@click.option("--employee-no", required=True, help="工号")
@click.option("--name", required=True, help="姓名")
@click.option("--bureau", required=True, help="市局名称；没有则新建")
@click.option("--province", help="省厅名称；没有则新建")
def create_admin_command(employee_no: str, name: str, bureau: str, province: str | None) -> None:
    """Create an administrator; the password comes from the prompt or LIANBING_ADMIN_PASSWORD.

    For the 工号 of an administrator of that very bureau (or province) it sets a new password instead, where the old
    one is lost: all of the administrator's sessions end.
    """

    async def work(services: Services) -> bool:
        password = services.settings.admin_password or click.prompt("密码", hide_input=True, confirmation_prompt=True)
        check_new_password(password, current="", employee_no=employee_no, phone=None)
        password_hash = services.passwords.hash_now(password)
        who = {"employee_no": employee_no, "name": name, "bureau": bureau}
        async with services.database.sessions.begin() as session:
            now = await services.clock.now(session)
            renewed = await renew_admin(session, **who, province=province, password_hash=password_hash, now=now)
            if not renewed:
                await create_admin(session, **who, province=province, password_hash=password_hash, now=now)
        return renewed

    done = "已设置新密码，原有登录全部失效：管理员" if _with_services(work) else "已创建管理员"
    click.echo(f"{done} {name}（{employee_no}）。")


@main.command("import-roster")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--bureau", required=True, help="单位名称（市局或省厅）")
@click.option("--create-units", is_flag=True, help="没有的单位新建为分局")
def import_roster(file: Path, bureau: str, create_units: bool) -> None:
    """Import a roster (.xlsx, .xls, .csv); any bad row is listed and nothing is written."""
    report = _with_services(
        lambda services: import_roster_file(
            services, content=file.read_bytes(), file_name=file.name, bureau_name=bureau, create_units=create_units
        )
    )
    _print_report(report)


@main.command("import-questions")
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=BANK)
@click.option("--bureau", help="题目归哪个单位（市局或省厅）；不写则为共享题库的目录")
@click.option("--dry-run", is_flag=True, help="只检查文件，不写入")
def import_questions(path: Path, bureau: str | None, dry_run: bool) -> None:
    """Load the question bank's files, or a bureau's own file; again and again without harm."""
    report = _with_services(lambda services: exchange.import_path(services, path, bureau=bureau, dry_run=dry_run))
    _print_report(report)
    for name in report.lapsed:
        click.echo(
            f"《{name}》登记的文本有变化，原来的确认已经失效，待它确认的题目回到待复核。请对照新文本核对后重新确认："
            f"lianbing confirm-basis '{name}' --by 姓名 --on 日期"
        )
    _tell_put_back(report.put_back)


@main.command("export-questions")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--bureau", help="导出该单位（市局或省厅）自己的题目；不写则为共享题库")
def export_questions(target: Path, bureau: str | None) -> None:
    """Write questions to a workbook (FILE.xlsx) or to YAML files in a folder without any."""
    count = _with_services(lambda services: exchange.export_to(services, target, bureau=bureau))
    click.echo(f"已导出{count}题：{target}。")


@main.command("confirm-basis")
@click.argument("instrument")
@click.option("--by", help="确认人，如 法制科 李明")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="核对官方文本的日期")
@click.option("--note", help="说明")
@click.option("--withdraw", is_flag=True, help="撤回本系统的确认")
def confirm_basis(instrument: str, by: str | None, on: dt.datetime | None, note: str | None, withdraw: bool) -> None:
    """Confirm that an instrument's registered text is the law; the questions that wait for it come into use."""
    if not withdraw and not (by and on):
        raise click.UsageError("请写明 --by 确认人和 --on 日期；撤回请加 --withdraw。")

    async def work(services: Services) -> Any:
        async with services.database.sessions.begin() as session:
            now = await services.clock.now(session)
            if withdraw or not (by and on):
                return await confirming.withdraw(session, instrument, now=now, actor_id=None, reason=note)
            day = on.date()
            return await confirming.confirm(session, instrument, by=by, on=day, note=note, now=now, actor_id=None)

    done = _with_services(work)
    if not done.changed:
        click.echo(f"《{done.name}》没有变化。")
    elif withdraw:
        click.echo(f"已撤回《{done.name}》的确认，{len(done.questions)}题回到待复核。")
        _tell_put_back(done.put_back)
    else:
        click.echo(f"已确认《{done.name}》，{len(done.questions)}题转为启用。")


@main.command("check-bank")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=BANK)
def check_bank(directory: Path) -> None:
    """Check the question bank's files; ends with status 1 on an error."""
    report = check_directory(directory, local_day(host_now()))
    click.echo(report.render())
    if report.errors:
        sys.exit(1)


@main.command("tick")
@click.option("--at", "instant", help="RFC 3339; without an offset Shanghai is meant")
@click.option("--dry-run", is_flag=True, help="say what would be done")
def tick(instant: str | None, dry_run: bool) -> None:
    """Run one round: freeze finished days, write due notices, deliver, follow legal bases, look at finished matches."""
    at = dt.datetime.fromisoformat(instant) if instant else None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=ZONE)

    async def work(services: Services) -> Any:
        if at is not None and not dry_run and not services.settings.allow_time_travel:
            raise ValueError("指定其他时刻须加 --dry-run，或设置 LIANBING_ALLOW_TIME_TRAVEL=1。")
        report = await tick_once(services, now=at, dry_run=dry_run)
        followed = Followed(0, 0, 0) if dry_run else await follow_bases(services, now=at)
        return report, followed, Watched(0, 0) if dry_run else await watch(services, now=at)

    report, followed, watched = _with_services(work)
    click.echo(report.render())
    if any(followed):
        click.echo(
            f"题库：依据到期停用{followed.retired}题，依据恢复启用{followed.returned}题，新发现即将到期的依据{followed.noticed}部。"
        )
    if watched.flags:
        click.echo(f"异常提示：新增或补充{watched.flags}条，请管理员核查。")


@main.command("why")
@click.argument("officer")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("position", required=False, type=click.IntRange(min=1))
def why(officer: str, day: dt.datetime, position: int | None) -> None:
    """Say why an officer's (工号) quiz of a day holds its questions, or the one at a position."""

    async def work(services: Services) -> list[str]:
        async with services.database.reads() as session:
            paper = await reasons.quiz_of(session, officer, day.date())
            return reasons.lines(await reasons.explain(session, paper), position)

    for line in _with_services(work):
        click.echo(line)


@main.command("verify")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="only this contest day")
def verify(day: dt.datetime | None) -> None:
    """Count everything again from the answers; ends with status 1 if anything does not add up."""

    async def work(services: Services) -> Any:
        async with services.database.sessions() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return await verify_all(session, day=day.date() if day else None)

    found = _with_services(work)
    click.echo(
        f"核对：答题日统计{found.officer_days}条，答案{found.answers}条，对战{found.matches}场，已固定的日{found.frozen_days}个，"
        f"审计记录{found.audit_entries}条。"
    )
    for line in found.discrepancies:
        click.echo(f"  {line}")
    click.echo("全部相符。" if found.sound else f"发现{len(found.discrepancies)}处不符，请保留现场并联系管理员。")
    if not found.sound:
        sys.exit(1)


@main.group("bench")
def bench_group() -> None:
    """Measure; nothing here is part of the tests."""


@bench_group.command("answers")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 50))
@click.option("--seconds", default=6, show_default=True, type=click.IntRange(1, 120))
@click.option("--clients", default=32, show_default=True, type=click.IntRange(1, 512))
def bench_answers(rounds: int, seconds: int, clients: int) -> None:
    """Answers per second over HTTP against pgbench doing the same work, side by side."""
    bench.answers(rounds=rounds, seconds=seconds, clients=clients)


@bench_group.command("matches")
@click.option("--sockets", default=1000, show_default=True, type=click.IntRange(2, 5000))
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(2, 90))
@click.option("--papers", default=100_000, show_default=True, type=click.IntRange(100, 1_000_000))
def bench_matches_command(sockets: int, seconds: int, papers: int) -> None:
    """Sockets held at one process while answers (a fifth as many a second) come through another."""
    bench_matches.matches(sockets=sockets, seconds=seconds, papers=papers, app_factory=APP)


@bench_group.command("draw")
@click.option("--rounds", default=300, show_default=True, type=click.IntRange(1, 10_000))
def bench_draw_command(rounds: int) -> None:
    """One paper's draw from 600 and 10,000 questions, beside a plain pick out of a list of the unseen."""
    bench_draw.draws(rounds=rounds)


@bench_group.command("notices")
@click.option("--officers", default=100_000, show_default=True, type=click.IntRange(20, 1_000_000))
@click.option("--branches", default=2000, show_default=True, type=click.IntRange(2, 20_000))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
def bench_notices_command(officers: int, branches: int, rounds: int) -> None:
    """Seconds and memory in which the notices of a whole province's contest are planned, slot by slot."""
    bench_notices.notices(officers=officers, branches=branches, rounds=rounds)


def _tell_put_back(put_back: Sequence[PutBack]) -> None:
    if put_back:
        units = "、".join(f"{one.unit}{one.questions}题" for one in put_back)
        click.echo(
            f"各单位自己的题目中，有{sum(one.questions for one in put_back)}题的依据不再可靠，回到待复核：{units}。"
            "请转告这些单位的管理员：依据确认或改正后，在题目状态中重新启用。"
        )


def _print_report(report: Any) -> None:
    click.echo(f"共{report.rows}行：新增{report.created}，更改{report.changed}，未变{report.unchanged}。")
    if advice := getattr(report, "advice", None):
        click.echo(advice)
    for error in report.errors:
        click.echo(f"  第{error.row}行 {error.column}：{error.detail}", err=True)
    if report.errors:
        click.echo("有错误，什么也没有写入；改正后请重新导入。", err=True)
        sys.exit(1)
