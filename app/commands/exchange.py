"""Questions between files and tables, as an operator asks for it: `import-questions` and `export-questions`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.bank.queries import entries_of
from app.bank.service import import_directory, import_upload
from app.bank.uploads import YAML, read_upload
from app.bank.writing import workbook, yaml_files
from app.core.errors import NotFound
from app.roster.service import own_unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.entries import Entry
    from app.bank.files import Reading
    from app.bank.reporting import ImportReport
    from app.core.wiring import Services


async def import_path(services: Services, path: Path, *, bureau: str | None, dry_run: bool) -> ImportReport:
    """Take over a folder (the shared bank, or with `bureau` that unit's own questions) or a bureau's file.

    Raises ValueError for what does not go together, NotFound for an unknown bureau, UnsupportedMedia.
    """
    reading = await asyncio.to_thread(_read, path, bureau, dry_run)
    async with services.database.sessions.begin() as session:
        now = await services.clock.now(session)
        unit_id = await _unit_id(session, bureau, now) if bureau else None
        if reading is None or unit_id is None:
            return await import_directory(session, path, unit_id=unit_id, now=now, actor_id=None)
        sheet = not path.name.lower().endswith(YAML)
        return await import_upload(
            session, reading, unit_id=unit_id, sheet=sheet, dry_run=dry_run, now=now, actor_id=None
        )


async def export_to(services: Services, target: Path, *, bureau: str | None) -> int:
    """Write the shared questions, or a bureau's own, to a workbook or a folder; return how many.

    Raises ValueError for a folder that holds questions already, NotFound for an unknown bureau.
    """
    async with services.database.reads() as session:
        now = await services.clock.now(session)
        unit_id = await _unit_id(session, bureau, now) if bureau else None
        found = await entries_of(session, unit_id, authored=True)
    await asyncio.to_thread(_write, target, found)
    return len(found)


def _read(path: Path, bureau: str | None, dry_run: bool) -> Reading | None:
    """Return what a file holds, None for a folder."""
    if path.is_dir():
        if dry_run:
            raise ValueError("--dry-run 只用于单个文件；目录请用 lianbing check-bank 检查。")
        return None
    if bureau is None:
        raise ValueError("单个文件要用 --bureau 写明题目归哪个市局或省厅；共享题库只从目录导入。")
    return read_upload(path.name, path.read_bytes())


def _write(target: Path, found: list[Entry]) -> None:
    if target.suffix.lower() == ".xlsx":
        target.write_bytes(workbook(found))
        return
    if target.is_dir() and any(target.glob("*.yaml")):
        raise ValueError(f"目录 {target} 里已有题目文件，请另选一个空目录。")
    target.mkdir(parents=True, exist_ok=True)
    for name, content in yaml_files(found).items():
        (target / name).write_bytes(content)


async def _unit_id(session: AsyncSession, bureau: str, now: dt.datetime) -> uuid.UUID:
    try:
        return (await own_unit(session, name=bureau, province=None, create=False, now=now)).id
    except NotFound as error:
        raise NotFound(f"没有找到市局或省厅“{bureau}”，请核对名称。") from error
