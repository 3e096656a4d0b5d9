"""The hall of the matches' tests: flags are about what was played there."""

from __future__ import annotations

from tests.matches.conftest import contest, hall

__all__ = ["contest", "hall"]
