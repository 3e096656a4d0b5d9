"""E-mail against a mail server on loopback: TLS, signing in, one delivery a recipient, and what each break means."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.notices.channels import lots
from app.notices.models import Delivery
from tests.notices.helpers import Groups
from tests.notices.mailserver import MailServer
from tests.notices.shops import add

MAIL = {"host": "127.0.0.1", "security": "none", "sender": "lianbing@example.org", "recipients": ["a@example.org"]}


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with MailServer() as server:
        yield server


async def noon(groups: Groups, server: MailServer, secret: str | None = None, **settings: Any) -> list[Delivery]:
    """丰顺's noon by e-mail."""
    for unit in ("市局", "梅江", "丰顺"):
        await groups.set_channel(unit, enabled=False)
    await add(groups, "丰顺", "email", secret=secret, settings={**MAIL, "port": server.port, **settings})
    await groups.tick("12:00:10")
    return await groups.deliveries("丰顺")


async def test_one_delivery_a_recipient_with_the_title_as_subject(groups: Groups, mail: MailServer) -> None:
    people = ["a@example.org", "b@example.org"]
    deliveries = await noon(groups, mail, recipients=people, sender_name="执法监督科")
    notice = await groups.notice("丰顺", "12:00")
    assert [(d.recipients, d.lot, d.state) for d in deliveries] == [([p], n, "sent") for n, p in enumerate(people, 1)]
    sent = {to[0]: message for _, to, message in mail.mails}
    assert sorted(sent) == people
    message = sent["a@example.org"]
    assert (message["subject"], message["to"]) == (notice.title, "a@example.org")
    assert message["from"] == "执法监督科 <lianbing@example.org>"
    assert message["message-id"] == f"<{deliveries[0].id}@example.org>"
    assert message.get_content().split() == str(notice.body).split()


async def test_one_refused_recipient_is_visible_and_the_others_get_theirs(groups: Groups, mail: MailServer) -> None:
    mail.refused = {"a@example.org": 550}
    first, second = await noon(groups, mail, recipients=["a@example.org", "b@example.org"])
    assert (first.state, second.state) == ("dead", "sent")
    assert str(first.last_error).startswith("收件地址被拒收：a@example.org（550）")


async def test_the_picture_comes_as_an_attachment_of_its_own_mail(groups: Groups, mail: MailServer) -> None:
    for unit in ("市局", "梅江", "丰顺"):
        await groups.set_channel(unit, enabled=False)
    await add(groups, "市局", "email", settings={**MAIL, "port": mail.port, "picture": True})
    await groups.tick("12:00:10")
    (_, _, text), (_, _, picture) = mail.mails
    assert list(text.iter_attachments()) == []
    (attached,) = picture.iter_attachments()
    assert attached.get_content_type() == "image/png"
    assert attached.get_content().startswith(b"\x89PNG")


async def test_a_test_to_several_tells_who_was_refused(groups: Groups, mail: MailServer) -> None:
    mail.refused = {"a@example.org": 550}
    await noon(groups, mail, recipients=["a@example.org", "b@example.org"])
    async with groups.town.as_("管理员") as admin:
        told = (await admin.post(f"/channels/{groups.channels['丰顺']}/test")).json()
    assert told["outcome"] == "sent"
    assert "有1个收件地址被拒收：a@example.org（550）" in told["detail"]
    assert mail.mails[-1][2]["to"] == "undisclosed-recipients:;"


@pytest.mark.parametrize(
    ("broken", "state"),
    [
        ("connect", "retry"),
        ("rcpt", "retry"),
        ("data-begin", "uncertain"),
        ("data-end", "uncertain"),
        ("data-4xx", "retry"),
        ("data-5xx", "dead"),
    ],
)
async def test_what_each_break_means(groups: Groups, mail: MailServer, broken: str, state: str) -> None:
    mail.broken = broken
    (delivery,) = await noon(groups, mail)
    assert delivery.state == state
    assert delivery.last_error


async def test_a_server_that_hangs_at_the_end_leaves_a_doubt(groups: Groups, mail: MailServer) -> None:
    mail.broken = "data-hang"
    await groups.set_channel("丰顺", enabled=False)
    await add(groups, "丰顺", "email", settings={**MAIL, "port": mail.port})
    await groups.only_fengshun()
    assert await groups.worker("12:05", limit=1.0).run() == {"uncertain": 1}


@pytest.mark.parametrize(("code", "state"), [(451, "retry"), (550, "dead")])
async def test_a_recipient_refused_for_now_or_for_good(groups: Groups, mail: MailServer, code: int, state: str) -> None:
    mail.refused = {"a@example.org": code}
    (delivery,) = await noon(groups, mail)
    assert delivery.state == state


async def test_a_refused_connection_is_tried_again(groups: Groups) -> None:
    async with MailServer() as gone:
        pass
    (delivery,) = await noon(groups, gone)
    assert delivery.state == "retry"


async def test_resend_after_a_refusal_sends_once(groups: Groups, mail: MailServer) -> None:
    mail.refused = {"a@example.org": 550}
    (delivery,) = await noon(groups, mail)
    mail.refused = {}
    async with groups.town.as_("管理员") as admin:
        for _ in range(2):
            assert (await admin.post(f"/deliveries/{delivery.id}/resend")).status_code == 200
    await groups.tick("12:05")
    await groups.tick("12:10")
    assert len(mail.mails) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_secured_and_signed_in(
    groups: Groups, certificate: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with MailServer(tls=context(certificate), starttls=security == "starttls", password="right") as server:
        (delivery,) = await noon(groups, server, secret="right", security=security)
        assert (delivery.state, len(server.mails)) == ("sent", 1)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    groups: Groups, certificate: Path, security: str
) -> None:
    async with MailServer(tls=context(certificate), starttls=security == "starttls", password="right") as server:
        (delivery,) = await noon(groups, server, secret="right", security=security)
        assert (delivery.state, server.mails) == ("dead", [])
        assert "证书无法验证" in str(delivery.last_error)


async def test_a_wrong_password_is_told_and_not_shown(groups: Groups) -> None:
    async with MailServer(password="right") as server:
        (delivery,) = await noon(groups, server, secret="wrong-one")
    assert delivery.state == "dead"
    assert "邮箱账号或授权码不对" in str(delivery.last_error)
    assert "wrong-one" not in str(delivery.last_error)


async def test_a_server_without_starttls_gets_nothing(groups: Groups, mail: MailServer) -> None:
    (delivery,) = await noon(groups, mail, security="starttls")
    assert (delivery.state, mail.mails) == ("dead", [])
    assert "加密" in str(delivery.last_error)


def test_accounts_become_mailboxes_of_the_channels_domain() -> None:
    settings = {**MAIL, "recipients": [], "domain": "bureau.example"}
    accounts = ["zhang", "li@other.example", "zhang", "王"]
    assert lots("email", settings, accounts) == [["zhang@bureau.example"], ["li@other.example"]]
    assert lots("email", {**settings, "domain": ""}, ["zhang"]) == []


def test_1001_people_are_two_messages_of_the_application() -> None:
    settings = {"corp_id": "ww01", "agent_id": 1}
    assert [len(lot or []) for lot in lots("wecom_app", settings, [f"p{n}" for n in range(1001)])] == [1000, 1]
    assert lots("wecom_robot", {}, ["zhang"]) == [None]


async def test_a_channel_whose_settings_were_spoilt_says_so(groups: Groups, mail: MailServer) -> None:
    (delivery,) = await noon(groups, mail, port="twenty")
    assert delivery.state == "dead"
    assert "设置项不完整或有误" in str(delivery.last_error)
