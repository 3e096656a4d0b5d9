"""Scenarios have a group robot on 127.0.0.1, which the application may reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.settings import Settings
from tests.notices.robot import Robot
from tests.times import SECRET


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        data_dir=tmp_path,
        secret_key=SECRET,
        scheduler=False,
        pool_size=8,
        outbound_allow="127.0.0.1",
    )


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as server:
        yield server
