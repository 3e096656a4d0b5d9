"""`lianbing bench matches`: sockets held at one server process while answers come through another, and a poll's cost."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import click
import httpx
import orjson
import uvloop
from sqlalchemy import event
from uvicorn.importer import import_from_string

from app.commands.bench import SECRET, execute, machine, percentile, process_cpu, served
from app.commands.bench_players import CYCLE, Players
from app.commands.bench_seed import BEGIN, MATCH_SEED, SEED, match_id, reset, token
from app.commands.place import migrate
from app.core.broadcast import Broadcast
from app.core.embedded import start_or_join
from app.core.settings import Settings
from app.core.worker import allow_many_connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.wiring import Services

_LEAD = 3.0
"""Seconds until the matches begin, once everybody is told that they will."""


class Statement(NamedTuple):
    """A statement of a poll, and which connection it ran on."""

    text: str
    values: Sequence[Any]
    hot: bool


def matches(*, sockets: int, seconds: int, papers: int, app_factory: str) -> None:
    """Hold `sockets` sockets for `seconds` at one process while answers come through another; print what was measured.

    `papers` quiz papers are there besides; `app_factory` names `create_app`, for the look at one poll.
    """
    allow_many_connections()
    folder = Path(tempfile.mkdtemp(prefix="lb-bench-"))
    folder.chmod(0o755)
    try:
        with start_or_join(folder / "data") as server:
            migrate(Settings(database_url=server.dsn, data_dir=folder))
            officers = max(papers, sockets)
            asyncio.run(execute(server.dsn, SEED, officers))
            asyncio.run(reset(server.dsn))
            asyncio.run(execute(server.dsn, _for(MATCH_SEED, sockets, seconds), officers))
            click.echo(machine(server.dsn))
            with served(server.dsn, folder) as watched, served(server.dsn, folder) as answering:
                _play(server.dsn, watched, answering, sockets=sockets, seconds=seconds)
            asyncio.run(_poll(server.dsn, folder, app_factory))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _for(statements: Sequence[str], sockets: int, seconds: int) -> list[str]:
    values = {
        ":matches": sockets // 2,
        ":questions": int(seconds / CYCLE) + 2,
        ":cycle": CYCLE,
        ":lead": _LEAD,
    }
    filled = list(statements)
    for name, value in values.items():
        filled = [statement.replace(name, str(value)) for statement in filled]
    return filled


def _play(dsn: str, watched: tuple[int, int], answering: tuple[int, int], *, sockets: int, seconds: int) -> None:
    (watch_port, watch_pid), (answer_port, answer_pid) = watched, answering
    start: list[float] = []

    def used() -> list[float]:
        return [time.process_time(), process_cpu(watch_pid), process_cpu(answer_pid)]

    async def begin() -> float:
        await execute(dsn, _for([BEGIN], sockets, seconds), 0)
        broadcast = Broadcast(dsn)
        broadcast.publish(match_id(number) for number in range(sockets // 2))
        await broadcast.close()
        start[:] = used()
        return _LEAD

    players = Players(sockets, watch_port, answer_port)
    held, until = uvloop.run(players.play(begin, seconds=seconds))
    shares = [f"{(now - then) / held:.2f}" for now, then in zip(used(), start, strict=True)]
    board = players.board
    click.echo(f"sockets: {sockets - len(board.lost)} of {sockets} at one process stayed open for {held:.0f} s")
    for reason in board.lost[:3]:
        click.echo(f"  lost: {reason}")
    click.echo(
        f"answers through the other process: {len(board.stamped)}, {len(board.stamped) / seconds:.0f}/s; "
        f"not told within a second or more: {board.missing(before=until)}"
    )
    for name, since in (("stamp (before its commit)", board.stamped), ("reply at its sender", board.acknowledged)):
        latencies = board.latencies(since, before=until)
        if not latencies:
            raise click.ClickException("no answer reached a socket: play for longer")
        half, most = percentile(latencies, 0.5), percentile(latencies, 0.99)
        click.echo(
            f"from an answer's {name} to the opponent's socket: "
            f"p50 {half:.1f} ms   p99 {most:.1f} ms   max {latencies[-1]:.1f} ms"
        )
    click.echo(
        f"{board.messages} messages, {board.characters / board.messages / 1000:.1f} kB each; "
        f"CPU of clients {shares[0]}, of the sockets' process {shares[1]}, of the answers' process {shares[2]}"
    )


async def _poll(dsn: str, folder: Path, app_factory: str) -> None:
    """Show what one `GET /matches/{id}` reads, of a player whom the process has not seen within a second."""
    settings = Settings(database_url=dsn, data_dir=folder, secret_key=SECRET, scheduler=False)
    app = import_from_string(app_factory)(settings)
    async with app.router.lifespan_context(app):
        services: Services = app.state.services
        headers = {"Authorization": f"Bearer {token(0)}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as client:
            path = f"/api/v1/matches/{match_id(0)}"
            (await client.get(path, headers=headers)).raise_for_status()
            app.state.callers.forget()
            statements = await _noted(services)
            (await client.get(path, headers=headers)).raise_for_status()
            seen = statements[:]
        reading = [(one, *await _plan(services, dsn, one)) for one in seen]
    reads = [(by_index, in_order) for _, by_index, in_order in reading if by_index or in_order]
    click.echo(f"a poll: {len(seen)} statements, {len(reads)} of them read tables")
    for by_index, in_order in reads:
        click.echo(f"  by index: {', '.join(by_index)}; sequentially: {', '.join(in_order) or 'none'}")


async def _noted(services: Services) -> list[Statement]:
    """Return a list to which every statement of this process is added from now on."""
    statements: list[Statement] = []

    def hot(query: asyncpg.connection.LoggedQuery) -> None:
        statements.append(Statement(query.query, query.args, hot=True))

    def plain(_connection: object, _cursor: object, text: str, values: Any, *_more: object) -> None:
        statements.append(Statement(text, values, hot=False))

    async with AsyncExitStack() as stack:
        for _ in range(services.database.answers.get_max_size()):
            connection = await stack.enter_async_context(services.database.answers.acquire())
            connection.add_query_logger(hot)
    event.listen(services.database.engine.sync_engine, "before_cursor_execute", plain)
    return statements


async def _plan(services: Services, dsn: str, statement: Statement) -> tuple[list[str], list[str]]:
    """Return the tables that a statement reads by an index, and those that it reads in order."""
    explain = f"EXPLAIN (FORMAT JSON) {statement.text}"
    if statement.hot:
        plan = await services.database.answers.fetchval(explain, *statement.values)
    else:
        connection = await asyncpg.connect(dsn)
        plan = await connection.fetchval(explain, *statement.values)
        await connection.close()
    nodes = list(_nodes(orjson.loads(plan)[0]["Plan"]))
    by_index = [node["Relation Name"] for node in nodes if "Relation Name" in node and node["Node Type"] != "Seq Scan"]
    return by_index, [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
