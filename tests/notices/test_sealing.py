"""Channels' secrets at rest: sealed, the same for the same, opened only by the right key, old rows sealed in passing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from app.commands.place import seal_channels
from app.core.security import Sealer, WrongKey, is_sealed
from tests.notices.helpers import Groups
from tests.notices.shops import with_settings
from tests.notices.test_channels_api import SECRET_URL, new
from tests.times import SECRET


async def stored(groups: Groups) -> dict[str, tuple[str | None, str | None, str | None]]:
    """(url, secret, target) of each channel, by name, as the rows hold them."""
    async with groups.town.services.database.reads() as session:
        rows = await session.execute(text("SELECT name, url, secret, target FROM channel WHERE deleted_at IS NULL"))
        return {row.name: (row.url, row.secret, row.target) for row in rows}


def test_a_text_is_sealed_to_the_same_and_opens_only_under_its_key_and_context() -> None:
    keys = Sealer(SECRET)
    sealed = keys.seal("https://群", context="a")
    assert sealed == Sealer(SECRET).seal("https://群", context="a") != keys.seal("https://群", context="b")
    assert keys.open(sealed, context="a") == "https://群"
    assert keys.open("plain", context="a") == "plain"
    for other, context, form in (
        (Sealer("x" * 32), "a", sealed),
        (keys, "b", sealed),
        (keys, "a", sealed[:-6]),
        (keys, "a", sealed[:-1]),
        (keys, "a", "sealed:1:"),
    ):
        with pytest.raises(WrongKey):
            other.open(form, context=context)


def test_the_key_is_derived_as_rfc_5869_says() -> None:
    from hashlib import sha256
    from hmac import digest

    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    secret = digest(bytes(32), SECRET.encode(), sha256)
    first = digest(secret, b"lianbing sealed texts 1\x01", sha256)
    second = digest(secret, first + b"lianbing sealed texts 1\x02", sha256)
    import base64

    sealed = base64.urlsafe_b64decode(Sealer(SECRET).seal("text", context="c").removeprefix("sealed:1:"))
    assert AESSIV(first + second).decrypt(sealed, [b"c"]) == b"text"


async def test_what_is_entered_lies_sealed_in_the_row(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        assert (await admin.post("/channels", json=new(groups, kind="branch"))).status_code == 201
    url, secret, target = (await stored(groups))["五华群"]
    assert is_sealed(url)
    assert "very-secret-key" not in str(url)
    assert (secret, target) == (None, "qyapi.weixin.qq.com")


async def test_plain_rows_are_read_and_then_sealed_once(groups: Groups) -> None:
    await groups.tick("12:00:10")
    assert len(groups.robot.texts("丰顺")) == 1
    assert await seal_channels(groups.town.services.settings) == 3
    assert await seal_channels(groups.town.services.settings) == 0
    rows = await stored(groups)
    assert all(is_sealed(url) and target == "127.0.0.1" for url, _, target in rows.values())
    await groups.tick("18:00:10")
    assert len(groups.robot.texts("丰顺")) == 2


async def test_two_that_seal_at_once_do_no_harm(groups: Groups) -> None:
    done = await asyncio.gather(*(seal_channels(groups.town.services.settings) for _ in range(2)))
    assert sorted(done) == [0, 3]
    await groups.tick("12:00:10")
    assert len(groups.robot.texts("丰顺")) == 1


async def test_without_plain_rows_no_key_is_asked_for(groups: Groups) -> None:
    keyless = groups.town.services.settings.model_copy(update={"secret_key": None, "data_dir": None})
    with pytest.raises(ValueError, match="LIANBING_SECRET_KEY"):
        await seal_channels(keyless)
    await seal_channels(groups.town.services.settings)
    assert await seal_channels(keyless) == 0


async def test_a_wrong_key_is_a_dead_delivery_that_says_what_to_do(groups: Groups, tmp_path: Path) -> None:
    await seal_channels(groups.town.services.settings)
    with_settings(groups, secret_key="another key of more than 32 characters")
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert delivery.state == "dead"
    assert "LIANBING_SECRET_KEY" in str(delivery.last_error)
    assert groups.robot.requests == []
    path = f"/channels/{groups.channels['丰顺']}"
    async with groups.town.as_("管理员") as admin:
        tested = (await admin.post(f"{path}/test")).json()
        assert (tested["outcome"], "无法解密" in tested["detail"]) == ("dead", True)
        assert (await admin.patch(path, json={"name": "改名"})).status_code == 200
        assert (await admin.patch(path, json={"url": groups.robot.url("anew")})).status_code == 200
        assert (await admin.post(f"{path}/test")).json()["outcome"] == "sent"


async def test_sealing_keeps_one_address_once_a_unit(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        assert (await admin.post("/channels", json=new(groups))).status_code == 201
        again = await admin.post("/channels", json=new(groups))
        elsewhere = await admin.post("/channels", json=new(groups, unit="梅江"))
    assert (again.json()["code"], elsewhere.status_code) == ("channel-exists", 201)
    rows = await stored(groups)
    assert len({url for url, _, _ in rows.values()}) == len(rows)
    assert SECRET_URL not in str(rows)
