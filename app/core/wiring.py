"""What a request handler, job or command works with, put together once by `app.main`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from app.core.clock import Clock
    from app.core.database import Database
    from app.core.security import Passwords
    from app.core.settings import Settings


@dataclass(frozen=True)
class Services:
    """Settings, database, clock and password hashing of this process."""

    settings: Settings
    database: Database
    clock: Clock
    passwords: Passwords


async def services(request: Request) -> Services:
    """FastAPI dependency: the services of the application that serves the request."""
    wired: Services = request.app.state.services
    return wired


Wired = Annotated[Services, Depends(services)]
