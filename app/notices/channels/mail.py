"""E-mail over SMTP: phase by phase, so that what was surely not taken is told from what may have arrived."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Annotated, Any, Literal

import aiosmtplib
from pydantic import Field, StringConstraints

from app.core.clock import local
from app.notices.channels.base import Adapter, Message, PictureOptions, Way, named
from app.notices.rules import FAILURES, Failure, Outcome, State

if TYPE_CHECKING:
    from app.notices.channels.line import Line
    from app.notices.channels.targets import Target

_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
_HOST = r"^[A-Za-z0-9.:-]{1,253}$"
_CONNECT_LIMIT = 5.0
_FOR_EVER = 500  # SMTP codes from here on are refusals for good; 4xx asks to come again

Mailbox = Annotated[str, StringConstraints(max_length=254, pattern=_ADDRESS)]


class MailOptions(PictureOptions):
    """The server and the sender; recipients of a group's channel, or (officers' channels) the domain of accounts."""

    host: Annotated[str, StringConstraints(pattern=_HOST)]
    port: Annotated[int, Field(ge=1, le=65535)] = 465
    security: Literal["tls", "starttls", "none"] = "tls"
    sender: Mailbox
    sender_name: Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\r\n]*$")] = ""
    username: Annotated[str, StringConstraints(max_length=254, pattern=r"^[\x21-\x7e]*$")] = ""
    recipients: list[Mailbox] = Field(default_factory=list, max_length=200)
    domain: Annotated[str, StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9.-]*$")] = ""


class Refused(Exception):
    """The server said no before it was given the message."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Email(Adapter):
    """Adapter of the kind `email`."""

    kind = "email"
    hosts = None
    schemes = ("smtp",)
    per_minute = 60
    picture_limit = 2 << 20
    recipients_at_once = 1
    takes_url = False
    keyed = "may"  # a server inside the house may take mail without a password
    options = MailOptions

    def address(self, url: str | None, options: Any, wecom_url: str) -> str:  # noqa: ARG002
        """Return the mail server."""
        host = f"[{options.host}]" if ":" in options.host else options.host
        return f"smtp://{host}:{options.port}"

    def recipient(self, account: str, options: Any) -> str | None:
        """Return an account's mailbox: itself where it is one, else in the channel's domain."""
        mailbox = account if "@" in account or not options.domain else f"{account}@{options.domain}"
        return mailbox if re.fullmatch(_ADDRESS, mailbox) else None

    def identities(self, url: str | None, options: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the mailboxes, by whichever server; of an officers' channel the domain of its accounts."""
        mailboxes = {mailbox.lower(): mailbox for mailbox in options.recipients}
        return mailboxes or {f"@{options.domain.lower()}": options.domain}

    def secret_for(self, url: str | None, options: Any) -> tuple[Any, ...]:  # noqa: ARG002
        """Return the server, how it is reached, and who signs in there: the password is told to it."""
        return options.host.lower(), options.port, options.security, options.username or options.sender

    def parts(self, title: str, body: str, options: Any = None) -> list[str]:  # noqa: ARG002
        """Return the body: the title is the subject."""
        return [body or title]

    async def send(self, line: Line, way: Way, message: Message) -> Outcome:
        """Send once; only from the beginning of DATA on may a message have arrived without our knowing."""
        try:
            async with asyncio.timeout(line.limit / 2):
                client, missed = await self._ready(line.target, way, message.recipients)
        except Refused as refused:
            return refused.outcome
        except (aiosmtplib.SMTPException, OSError) as error:  # TimeoutError is one
            return _not_taken(error)
        try:
            await client.data(written(message, way.options))
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError):
            return FAILURES[Failure.BROKEN]
        finally:
            client.close()
        if not missed:
            return Outcome(State.SENT)
        return Outcome(State.SENT, f"有{len(missed)}个收件地址被拒收：{_told(missed)}；请核对收件地址。")

    async def _ready(
        self, target: Target, way: Way, recipients: tuple[str, ...]
    ) -> tuple[aiosmtplib.SMTP, dict[str, aiosmtplib.SMTPResponse]]:
        """Return a client that may begin DATA, and the recipients that were refused; raises Refused for all of them."""
        options: MailOptions = way.options
        client = aiosmtplib.SMTP(
            hostname=options.host,
            sock=await _connected(target.address, options.port),
            use_tls=options.security == "tls",
            start_tls=options.security == "starttls",
            local_hostname=options.sender.partition("@")[2],
            timeout=None,
        )
        ready = False
        try:
            await client.connect()
            if way.secret:
                await client.login(options.username or options.sender, way.secret)
            await client.mail(options.sender)
            missed = {}
            for recipient in recipients:
                try:
                    await client.rcpt(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    missed[recipient] = aiosmtplib.SMTPResponse(error.code, error.message)
            if len(missed) == len(recipients):
                raise Refused(_all_refused(missed))
            ready = True
        finally:
            if not ready:
                client.close()
        return client, missed


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        async with asyncio.timeout(_CONNECT_LIMIT):
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def written(message: Message, options: MailOptions) -> bytes:
    """Return the message as it goes over the line; the picture is attached."""
    mail = EmailMessage(policy=SMTP_LINES)
    mail["From"] = formataddr((options.sender_name, options.sender))
    mail["To"] = message.recipients[0] if len(message.recipients) == 1 else "undisclosed-recipients:;"
    mail["Subject"] = " ".join(message.title.split())
    mail["Date"] = format_datetime(local(message.at))
    mail["Message-ID"] = f"<{message.key}@{options.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text, cte="base64")
    if message.picture is not None:
        mail.add_attachment(message.picture, maintype="image", subtype="png", filename="ranking.png")
    return mail.as_bytes()


def _not_taken(error: Exception) -> Outcome:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        detail = "邮件服务器的证书无法验证，没有发送；请核对服务器名称，内部证书请由运维加入系统信任。"
        return Outcome(State.DEAD, detail)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= _FOR_EVER:
        return Outcome(State.DEAD, f"邮箱账号或授权码不对（{error.code}）；请在通道中重新填写后重发。")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refusal(error.code, error.message)
    if isinstance(error, aiosmtplib.SMTPServerDisconnected | TimeoutError | OSError):
        return FAILURES[Failure.NOT_CONNECTED]
    return Outcome(State.DEAD, "邮件服务器不支持所选的加密或登录方式；请核对端口和加密方式，改正后重发。")


def _refusal(code: int, words: str) -> Outcome:
    if code < _FOR_EVER:
        return Outcome(State.RETRY, f"邮件服务器暂不接收（{code}），消息未发出，稍后自动重试。")
    said = named([words[:200]])
    return Outcome(State.DEAD, f"邮件服务器拒绝接收（{code}：{said}）；请核对发件地址和账号，改正后重发。")


def _all_refused(missed: dict[str, aiosmtplib.SMTPResponse]) -> Outcome:
    if any(code < _FOR_EVER for code, _ in missed.values()):
        return Outcome(State.RETRY, f"邮件服务器暂不接收：{_told(missed)}；消息未发出，稍后自动重试。")
    return Outcome(State.DEAD, f"收件地址被拒收：{_told(missed)}；请核对收件地址，改正后重发。")


def _told(missed: dict[str, aiosmtplib.SMTPResponse]) -> str:
    return named([f"{recipient}（{code}）" for recipient, (code, _) in missed.items()])
