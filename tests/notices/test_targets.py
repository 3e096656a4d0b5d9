"""Where a channel may post, and nowhere else."""

from __future__ import annotations

from functools import partial

import pytest

from app.notices.channels.base import Way
from app.notices.channels.posting import send_once, target_of
from app.notices.channels.targets import Allowed, TargetRefused, TargetUnknown, allowed, check_target, host_of
from app.notices.channels.wecom_robot import WecomRobot
from app.notices.rules import State
from tests.notices.robot import Robot
from tests.times import instant

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x"
KNOWN = WecomRobot.hosts
NOTHING = allowed("")


async def refused(url: str, allow: Allowed = NOTHING, known: frozenset[str] = KNOWN) -> str:
    with pytest.raises(TargetRefused) as error:
        await check_target(url, known=known, allow=allow)
    return str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://2130706433/x",
        "https://127.1/x",
        "https://localhost/x",
        "https://qyapi.weixin.qq.com.evil.example/x",
        "https://example.com/x",
    ],
)
async def test_by_default_only_the_vendors_host(url: str) -> None:
    assert "不允许向" in await refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://qyapi.weixin.qq.com/x",
        "//qyapi.weixin.qq.com/x",
        "https:///x",
        "https://user:pass@qyapi.weixin.qq.com/x",
        "群机器人",
    ],
)
async def test_addresses_that_are_none(url: str) -> None:
    assert "https://" in await refused(url)


async def test_an_address_that_cannot_be_read() -> None:
    assert "格式有误" in await refused("https://[::1/x")


async def test_the_vendors_host_is_reached_by_https_alone_even_where_networks_are_listed() -> None:
    assert "应当以 https:// 开头" in await refused("http://qyapi.weixin.qq.com/x", allowed("127.0.0.0/8"))


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.1", "224.0.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808",
     "::127.0.0.1", "::10.0.0.1", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1", "fec0::1", "2002:808:808::1", "2001:0:808::1", "fd00::1", "fe80::1"],
)  # fmt: skip
async def test_a_vendors_host_at_an_address_that_is_not_public_is_refused(address: str) -> None:
    url = f"https://[{address}]/x" if ":" in address else f"https://{address}/x"
    assert "非公网地址" in await refused(url, known=frozenset({address}))


async def test_a_public_literal_of_the_vendor_passes() -> None:
    target = await check_target("https://8.8.8.8/x", known={"8.8.8.8"}, allow=NOTHING)
    assert target.address == "8.8.8.8"
    sixth = await check_target("https://[2001:4860:4860::8888]/x", known={"2001:4860:4860::8888"}, allow=NOTHING)
    assert sixth.address == "2001:4860:4860::8888"


async def test_listed_networks_and_hosts_may_be_plain_http() -> None:
    listed = allowed("127.0.0.0/8, localhost, yzy.example")
    assert (await check_target("http://127.0.0.1:8080/x", known=KNOWN, allow=listed)).address == "127.0.0.1"
    assert (await check_target("http://LOCALHOST./x", known=KNOWN, allow=listed)).address in {"127.0.0.1", "::1"}
    assert "不允许向 10.0.0.1" in await refused("http://10.0.0.1/x", listed)


async def test_a_name_all_of_whose_addresses_are_listed_passes() -> None:
    listed = allowed("127.0.0.0/8,::1")
    assert (await check_target("http://localhost/x", known=KNOWN, allow=listed)).address in {"127.0.0.1", "::1"}
    assert "不允许向 localhost" in await refused("http://localhost/x", allowed("10.0.0.0/8"))


async def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    with pytest.raises(TargetUnknown):
        await check_target("https://nothing.invalid/x", known={"nothing.invalid"}, allow=NOTHING)
    for listed in ("nothing.invalid", "10.0.0.0/8"):
        later = await target_of(WecomRobot(), "https://nothing.invalid/x", allowed(listed))
        assert getattr(later, "state", None) is State.RETRY


def test_of_an_address_only_the_host_is_shown() -> None:
    assert host_of(WECOM) == "qyapi.weixin.qq.com"
    assert host_of(None) is None


async def test_one_post_by_itself(robot: Robot) -> None:
    once = partial(
        send_once, WecomRobot(), Way(robot.url("k")), key="k", title="标题", body="测试", at=instant("12:00")
    )
    assert (await once(allow=allowed("127.0.0.1"))).state is State.SENT
    assert robot.texts("k") == ["标题\n测试"]
    assert (await once(allow=NOTHING)).state is State.DEAD
