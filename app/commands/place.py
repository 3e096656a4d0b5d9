"""Where a command's database is: the one of the settings, or the embedded server of the data folder."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from app.core.clock import Clock
from app.core.database import open_database
from app.core.embedded import default_data_dir, start_or_join
from app.core.security import Passwords, secret_key
from app.core.wiring import Services
from app.notices.channels.receivers import fill
from app.notices.channels.sealing import seal_plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from app.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def placed(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a database that runs: given by URL, or started (joined) in the data folder."""
    if settings.database_url is not None:
        yield settings
        return
    data_dir = settings.data_dir or default_data_dir()
    with start_or_join(data_dir) as server:
        yield settings.model_copy(update={"database_url": server.dsn, "data_dir": data_dir})


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return what a placed database adds to the environment of worker processes."""
    added = {"LIANBING_DATABASE_URL": settings.database_url, "LIANBING_DATA_DIR": settings.data_dir}
    return {name: str(value) for name, value in added.items() if value is not None}


def migrate(settings: Settings) -> None:
    """Bring the schema of a placed database to the newest revision."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", (settings.database_url or "").replace("%", "%%"))
    command.upgrade(config, "head")


async def seal_channels(settings: Settings) -> int:
    """Seal the channels' secrets that an older version wrote plainly, and return of how many; the schema is there.

    What such a version did not note of the channels' receivers is noted, too.

    Raises ValueError where there are some and no key is set.
    """
    database = await open_database(settings.database_url or "", pool_size=2)
    try:
        async with database.sessions.begin() as session:
            sealed = await seal_plain(session, settings)
            await fill(session, settings)
            return sealed
    finally:
        await database.close()


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Yield the services of a command on a placed database."""
    database = await open_database(settings.database_url or "", pool_size=max(settings.pool_size, 8))
    try:
        yield Services(
            settings=settings,
            database=database,
            clock=clock or Clock(),
            passwords=Passwords(secret_key(settings.secret_key, settings.data_dir)),
        )
    finally:
        await database.close()
