"""Brings a fresh database to the newest schema, by the migrations."""

from __future__ import annotations

import asyncio

from app.commands.place import migrate
from app.core.settings import Settings


async def build_schema(dsn: str) -> None:
    """Run `lianbing migrate` on the database."""
    await asyncio.to_thread(migrate, Settings(database_url=dsn))
