"""What a robot's adapter must offer: how to split, address and judge; the posting itself is the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from app.notices.rules import Outcome


class Post(NamedTuple):
    """One HTTP POST as a robot wants it; the address is a secret."""

    url: str
    content: bytes
    headers: dict[str, str]


class Robot(Protocol):
    """A kind of channel that the machine posts to."""

    @property
    def kind(self) -> str:
        """The kind's name in the API and in the database."""

    @property
    def hosts(self) -> frozenset[str]:
        """The vendor's public hosts: a channel of this kind may reach them without being listed."""

    @property
    def per_minute(self) -> int:
        """Posts that one robot takes in any minute."""

    def parts(self, title: str, body: str) -> list[str]:
        """Return the notice as texts within the vendor's limit."""

    def post(self, url: str, secret: str | None, text: str) -> Post:
        """Return the POST that carries `text`."""

    def judge(self, body: bytes) -> Outcome:
        """Return what the body of a 2xx answer says became of the message."""
