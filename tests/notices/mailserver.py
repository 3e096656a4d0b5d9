"""A mail server on 127.0.0.1 that speaks SMTP: STARTTLS or TLS, AUTH PLAIN, refusals and breaks on request."""

from __future__ import annotations

import asyncio
import base64
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


class MailServer:
    """The server; `refused` maps addresses to codes, `broken` names the phase in which it hangs up or answers oddly.

    Phases: `connect`, `rcpt`, `data-begin`, `data-end` (hang up), `data-taken` (keeps the mail, and then hangs up), `data-4xx`,
    `data-5xx`, `data-hang`, `no-starttls`.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: bool = False, password: str = "") -> None:
        self.refused: dict[str, int] = {}
        self.broken = ""
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.password = password
        self._tls = tls
        self._starttls = starttls
        self._released = asyncio.Event()

    async def __aenter__(self) -> Self:
        tls = None if self._starttls else self._tls
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, limit=4 << 20)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.broken != "connect":
                await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 mail.test")
        sender, people, trusted = "", list[str](), not self.password
        while line := (await reader.readline()).decode().strip():
            verb, argument = line[:4].upper(), line[line.find(":") + 1 :].strip("<> ")
            if verb == "EHLO":
                offered = ["mail.test", "AUTH PLAIN"] if self.password else ["mail.test"]
                if self._starttls and self.broken != "no-starttls" and not writer.get_extra_info("sslcontext"):
                    offered.append("STARTTLS")
                for name in offered[:-1]:
                    say(f"250-{name}")
                say(f"250 {offered[-1]}")
            elif verb == "STAR":
                say("220 go on")
                assert self._tls
                await writer.start_tls(self._tls)
            elif verb == "AUTH":
                given = base64.b64decode(line.split()[2]).split(b"\0")[2].decode()
                trusted = given == self.password
                say("235 welcome" if trusted else "535 wrong password")
            elif verb == "MAIL":
                sender, people = argument.split(">")[0], []
                say("250 ok" if trusted else "530 sign in first")
            elif verb == "RCPT":
                if self.broken == "rcpt":
                    return
                code = self.refused.get(argument, 250)
                people += [argument] if code == 250 else []
                say(f"{code} {'ok' if code == 250 else 'no such user'}")
            elif verb == "DATA":
                if self.broken == "data-begin":
                    return
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                if self.broken == "data-hang":
                    await self._released.wait()
                if self.broken in {"data-end", "data-hang"}:
                    return
                taken = self.broken == "data-taken"
                if self.broken.startswith("data-") and not taken:
                    say("451 come again" if self.broken == "data-4xx" else "554 no spam")
                    continue
                mail = message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                self.mails.append((sender, people, mail))
                if taken:
                    return
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")
