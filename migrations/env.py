"""Runs migrations on one asyncpg connection, with a lock timeout and one runner at a time."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

import app
from app.core.database import Base, async_url

_ONE_AT_A_TIME = 0x6C62_6D67  # advisory lock: two `migrate` at once run one after the other

for module in pkgutil.walk_packages(app.__path__, "app."):
    if module.name.endswith((".models", ".audit")):
        importlib.import_module(module.name)


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
        context.run_migrations()


async def _online() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or os.environ["LIANBING_DATABASE_URL"]
    settings = {"lock_timeout": "10s", "application_name": "lianbing-migrate"}
    engine = create_async_engine(async_url(url), connect_args={"server_settings": settings})
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_online())
