"""What an adapter must offer: how a kind of channel splits, addresses, signs and judges; the posting is shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import httpx
import orjson
from pydantic import BaseModel, ConfigDict

from app.core.logs import redact
from app.notices.channels.identity import identity_of
from app.notices.rules import UNREADABLE, Outcome, State, outcome_of_status
from app.notices.splitting import split

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from app.notices.channels.line import Answer, Line, Post

JSON = {"Content-Type": "application/json"}
_NUMBERING = "（999/999）"


class Options(BaseModel):
    """A kind's settings that are no secret; most kinds have none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PictureOptions(Options):
    """Settings of a kind that can carry the ranking picture; a new channel's ask for it unless told otherwise."""

    picture: bool = False


@dataclass(frozen=True)
class Way:
    """Where a channel leads, unsealed: the whole address, the secret, and the kind's settings."""

    url: str
    secret: str | None = field(default=None, repr=False)
    options: Any = None


@dataclass(frozen=True)
class Message:
    """One message on its way: `key` and `about` are the same at every attempt, `at` is the attempt's own instant."""

    key: str
    title: str
    text: str
    at: dt.datetime
    about: dt.datetime
    recipients: tuple[str, ...] = ()
    picture: bytes | None = None


class Adapter:
    """A kind of channel that the machine posts to; kinds differ from these defaults where their vendor does."""

    kind: ClassVar[str]
    hosts: ClassVar[frozenset[str] | None] = frozenset()
    """The vendor's public hosts, reachable without being listed; None: any public host."""
    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    per_minute: ClassVar[int] = 20
    per_second: ClassVar[int | None] = None
    repeats_for: ClassVar[dt.timedelta | None] = None
    """How long after a first copy the receiver drops a second one; None: it never does."""
    picture_limit: ClassVar[int] = 0
    """Bytes of a PNG that a message can be; 0: none."""
    recipients_at_once: ClassVar[int] = 0
    """How many people one message is addressed to; 0: it goes to a group."""
    takes_url: ClassVar[bool] = True
    keyed: ClassVar[Literal["no", "may", "must"]] = "no"
    options: ClassVar[type[Options]] = Options

    def address(self, url: str | None, options: Any, wecom_url: str) -> str:  # noqa: ARG002 - some need them
        """Return the whole address that a channel of these settings is reached at."""
        return url or ""

    def recipient(self, account: str, options: Any) -> str | None:  # noqa: ARG002 - some need them
        """Return how the channel addresses an officer by their 企业微信账号; None where it cannot."""
        return account

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002 - some need them
        """Return who gets a channel's messages: the group, or each person, with the name by which people know it.

        However an address is written, it gives the same; it has no name, because it is a secret.
        """
        return {identity_of(url): ""} if url else {}

    def secret_for(self, url: str | None, options: Any) -> Hashable:  # noqa: ARG002 - some need them
        """Return where the secret goes, or its signatures: when that changes, the secret must be given anew."""
        return None if self.keyed == "no" or not url else str(httpx.URL(url))

    def secret_problem(self, secret: str) -> str | None:  # noqa: ARG002 - some need it
        """Return what is wrong with the form of a secret."""
        return None

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:
        """Return the notice as texts within the vendor's limit."""
        raise NotImplementedError

    def post(self, way: Way, message: Message) -> Post:
        """Return the POST that carries the message."""
        raise NotImplementedError

    def judge(self, answer: Answer) -> Outcome:
        """Return what the answer says became of the message: first by its status, then by its code."""
        return outcome_of_status(answer.status) or self.judge_body(answer.body)

    def judge_body(self, body: bytes) -> Outcome:
        """Return what the body of a 2xx answer says became of the message."""
        raise NotImplementedError

    async def send(self, line: Line, way: Way, message: Message) -> Outcome:
        """Send once over a line to the checked address; the line's errors are mapped by the caller."""
        return self.judge(await line.exchange(self.post(way, message)))


def in_parts(
    title: str,
    body: str,
    *,
    limit: int,
    form: Callable[[str, str], str] = "{}\n{}".format,
    size: Callable[[str], int] = lambda text: len(text.encode()),
) -> list[str]:
    """Return the notice as texts of at most `limit`, in the vendor's measure; several are numbered in their titles."""
    whole = form(title, body)
    if size(whole) <= limit:
        return [whole]
    short = split(title, limit // 4)[0] if len(title.encode()) > limit // 4 else title
    room = limit - size(form(short + _NUMBERING, ""))
    while True:
        texts = split(body, room)
        made = [form(f"{short}（{number}/{len(texts)}）", text) for number, text in enumerate(texts, 1)]
        if all(size(text) <= limit for text in made):
            return made
        room = room * 3 // 4  # what the vendor counts beyond the text itself, such as escapes


def answered(body: bytes, *names: str) -> tuple[int, dict[str, Any]] | None:
    """Return the code that an answer gives under the first of these names, and the answer; None where it has none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(answer, dict):
        for name in names:
            if type(code := answer.get(name)) is int:
                return code, answer
    return None


def said(answer: Mapping[str, Any], name: str) -> str:
    """Return a vendor's own words, without what looks secret."""
    return str(redact(str(answer.get(name, ""))))[:200]


@dataclass(frozen=True)
class Codes:
    """A vendor's codes: which say that the rate is exceeded (and seconds to rest), that it is busy, and what others mean."""

    vendor: str
    rate: Mapping[int, int]
    busy: frozenset[int]
    explained: Mapping[int, str]

    def judge(self, code: int, words: str) -> Outcome:
        """Return what a code other than success means."""
        if seconds := self.rate.get(code):
            rest = "一分钟" if seconds == 60 else f"{seconds // 60}分钟"  # noqa: PLR2004 - seconds of a minute
            return Outcome(State.RETRY, f"发送过于频繁（错误码{code}），{rest}后自动重试。", block=seconds)
        if code in self.busy:
            return Outcome(State.RETRY, f"{self.vendor}系统繁忙（错误码{code}），稍后自动重试。")
        explained = self.explained.get(code, "请检查通道设置，改正后重发。")
        return Outcome(State.DEAD, f"{self.vendor}拒绝接收（错误码{code}：{words}）。{explained}")


def judged(codes: Codes, body: bytes, *names: str, words: str) -> Outcome:
    """Return what a body means whose code 0 is success."""
    found = answered(body, *names)
    if found is None:
        return UNREADABLE
    code, answer = found
    return Outcome(State.SENT) if code == 0 else codes.judge(code, said(answer, words))


def named(people: Sequence[str], most: int = 10) -> str:
    """Return accounts as a short list, phones blanked: some organisations use them as accounts."""
    listed = "、".join(str(redact(person)) for person in people[:most])
    return listed if len(people) <= most else f"{listed}等{len(people)}人"
