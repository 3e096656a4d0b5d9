"""`python -m tests.check_schema`: `alembic check` and a downgrade and upgrade, on a database of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from app.commands.place import ROOT
from app.core.embedded import start_or_join


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lbs-"))
    folder.chmod(0o755)
    try:
        with start_or_join(folder / "data") as server:
            config = Config(str(ROOT / "alembic.ini"))
            config.set_main_option("sqlalchemy.url", server.dsn.replace("%", "%%"))
            command.upgrade(config, "head")
            command.check(config)
            command.downgrade(config, "base")
            command.upgrade(config, "head")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
