"""Every kind that is posted to, against its vendor on loopback: limits, rates, codes, doubts (cases 4, 5, 6, 7, 10)."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from app.notices.channels import ROBOTS, parts
from app.notices.channels.base import Message, Way
from app.notices.models import Channel, Delivery, DeliveryAttempt, Notice
from tests.notices.helpers import Groups
from tests.notices.shops import APP, KINDS, Shop, opened, serving
from tests.times import instant

GROUPS = ("wecom_robot", "dingtalk", "feishu")
REPEATED = ("webhook", "wecom_app")


@pytest.fixture
async def shop(groups: Groups, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    with serving(request.param) as server:
        yield await opened(groups, request.param, server)


def each(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", kinds or tuple(KINDS), indirect=True)


async def attempts(shop: Shop) -> list[str | None]:
    async with shop.groups.town.services.database.reads() as session:
        found = await session.scalars(select(DeliveryAttempt.outcome).order_by(DeliveryAttempt.number))
        return list(found.all())


async def channel(shop: Shop) -> Channel:
    async with shop.groups.town.services.database.reads() as session:
        return await session.get_one(Channel, shop.groups.channels["丰顺"])


@each()
async def test_the_notice_arrives_once_and_without_anybodys_phone(shop: Shop) -> None:
    await shop.groups.tick("12:00:10")
    notice = await shop.groups.notice("丰顺", "12:00")
    (text,) = shop.texts
    assert str(notice.body).split("\n")[0] in text
    assert await shop.state() == "sent"
    assert not re.search(r"1\d{10}", str(shop.server.requests[0]["body"]))


@each()
async def test_resend_pressed_twice_sends_once(shop: Shop) -> None:
    shop.fault(404)
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    async with shop.groups.town.as_("管理员") as admin:
        answers = await asyncio.gather(*(admin.post(f"/deliveries/{delivery.id}/resend") for _ in range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    await shop.groups.tick("12:10")
    assert (await shop.state(), len(shop.texts)) == ("sent", 1)


@pytest.mark.parametrize(
    ("shop", "code", "rest"),
    [
        ("dingtalk", 130101, 600),
        ("dingtalk", 410100, 600),
        ("feishu", 11232, 60),
        ("wecom_app", 45009, 60),
        ("webhook", 429, 60),
    ],
    indirect=["shop"],
)
async def test_a_rate_code_blocks_the_channel_and_twice_then_0_is_one_message(shop: Shop, code: int, rest: int) -> None:
    shop.fault(code, code)
    await shop.groups.tick("12:00:10")
    assert (await channel(shop)).blocked_until == instant("12:00:10") + dt.timedelta(seconds=rest)
    assert await shop.groups.worker("12:00:50").run() == {}
    for time in ("12:12", "12:24"):
        await shop.groups.tick(time)
    assert await attempts(shop) == ["retry", "retry", "sent"]
    assert len(shop.texts) == 1


@pytest.mark.parametrize(
    ("shop", "fault", "state", "said"),
    [
        ("dingtalk", 310000, "dead", "自定义关键词"),
        ("dingtalk", 300001, "dead", "重新添加机器人"),
        ("dingtalk", -1, "retry", "系统繁忙"),
        ("feishu", 19021, "dead", "签名不对"),
        ("feishu", 19022, "dead", "IP白名单"),
        ("feishu", 19024, "dead", "关键词"),
        ("feishu", 9499, "dead", "格式不符"),
        ("feishu", 12345, "dead", "错误码12345"),
        ("wecom_app", 60020, "dead", "企业可信IP"),
        ("wecom_app", 81013, "dead", "可见范围"),
        ("wecom_app", 404, "dead", "HTTP 404"),
        ("webhook", 404, "dead", "HTTP 404"),
        ("webhook", 410, "dead", "永久停用"),
    ],
    indirect=["shop"],
)
async def test_what_each_code_means(shop: Shop, fault: int, state: str, said: str) -> None:
    shop.fault(fault)
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == state
    assert said in str(delivery.last_error)
    assert "SEC" not in str(delivery.last_error)


@pytest.mark.parametrize("fault", ["close", "reset", 502, "html"])
@each(*GROUPS)
async def test_a_group_robots_doubt_is_left_to_a_person(shop: Shop, fault: int | str) -> None:
    shop.fault(fault)
    await shop.groups.tick("12:00:10")
    assert await shop.state() == "uncertain"
    await shop.groups.tick("12:30")
    assert len(shop.server.requests) == 1


@pytest.mark.parametrize("fault", ["close", "reset", 502, 504])
@each(*REPEATED)
async def test_where_the_receiver_drops_a_second_copy_a_doubt_is_repeated(shop: Shop, fault: int | str) -> None:
    shop.fault(fault)
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert (delivery.state, delivery.doubt_at) == ("retry", instant("12:00:10"))
    assert "去掉重复" in str(delivery.last_error)
    await shop.groups.tick("12:05")
    assert (await shop.state(), len(shop.texts)) == ("sent", 1)
    assert await attempts(shop) == ["uncertain", "sent"]


@each(*REPEATED)
async def test_a_message_that_arrived_in_doubt_is_kept_once_by_the_receiver(shop: Shop) -> None:
    shop.fault("hold")
    await shop.groups.tick("11:59")
    run = asyncio.create_task(shop.groups.tick("12:00:10"))
    await asyncio.to_thread(shop.server.held.wait, 30)
    await shop.groups.worker("12:02").run()  # the lease is over: in doubt, and sent again
    shop.server.release.set()
    await run
    await shop.groups.worker("12:03").run()
    assert (await shop.state(), len(shop.texts)) == ("sent", 1)
    assert len(shop.server.requests) == 2


async def test_a_doubt_is_repeated_only_while_a_second_copy_would_be_dropped(groups: Groups) -> None:
    with serving("wecom_app") as server:
        shop = await opened(groups, "wecom_app", server)
        shop.fault("close")
        await groups.tick("12:00:10")
        await groups.worker("12:40").run()
        assert await shop.state() == "uncertain"
        assert len(server.requests) == 1


@each("webhook")
async def test_past_its_deadline_a_doubt_stays_a_doubt(shop: Shop) -> None:
    shop.fault("close")
    await shop.groups.tick("12:00:10")
    await shop.groups.tick("14:30")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == "uncertain"


@each("webhook")
async def test_a_refusal_after_a_doubt_does_not_say_that_nothing_came(shop: Shop) -> None:
    shop.fault("close", 404)
    await shop.groups.tick("12:00:10")
    await shop.groups.tick("12:01")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == "uncertain"
    assert "此前的一次发送对方可能已收到" in str(delivery.last_error)


@each("webhook")
async def test_410_switches_the_channel_off(shop: Shop) -> None:
    shop.fault(410)
    await shop.groups.tick("12:00:10")
    assert (await channel(shop)).enabled is False
    async with shop.groups.town.as_("管理员") as admin:
        acts = (await admin.get("/audit")).json()["items"]
    assert [act["action"] for act in acts] == ["channel.close"]


@each("webhook")
async def test_each_attempt_has_the_same_id_and_body(shop: Shop) -> None:
    shop.fault(502)
    await shop.groups.tick("12:00:10")
    await shop.groups.tick("12:05")
    first, second = shop.server.requests
    names = ("webhook-id", "webhook-timestamp")
    heads = [{n.lower(): v for n, v in request["headers"].items()} for request in (first, second)]
    assert heads[0][names[0]] == heads[1][names[0]]
    assert heads[0][names[1]] < heads[1][names[1]]
    assert first["raw"] == second["raw"]
    assert first["body"]["type"] == "notice.published"
    assert first["body"]["timestamp"] == "2026-11-23T12:00:00+08:00"


@each("feishu")
async def test_feishus_older_form_of_success(shop: Shop) -> None:
    shop.server.old_form = True
    await shop.groups.tick("12:00:10")
    assert await shop.state() == "sent"


@pytest.mark.parametrize(("shop", "wrong"), [("dingtalk", 310000), ("feishu", 19021)], indirect=["shop"])
async def test_a_wrong_secret_is_told(shop: Shop, wrong: int) -> None:
    await shop.groups.set_channel("丰顺", secret="SECwrong")
    await shop.groups.tick("12:00:10")
    assert shop.server.rejections == [wrong]
    assert await shop.state() == "dead"


@each("wecom_app")
async def test_people_who_cannot_be_reached_are_a_visible_partial_failure(shop: Shop) -> None:
    shop.server.unknown, shop.server.unlicensed = {"zhang"}, set()
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == "sent"
    assert str(delivery.last_error).startswith("有1人没有收到：zhang账号不存在或不在应用的可见范围内")
    async with shop.groups.town.as_("管理员") as admin:
        (item,) = [i for i in (await admin.get("/notices")).json()["items"] if i["audience"]["name"] == "丰顺"]
        metrics = (await admin.get("http://test/metrics")).text
    assert item["deliveries"][0]["recipients"] == ["zhang", "li"]
    assert item["deliveries"][0]["history"][0]["detail"] == delivery.last_error
    assert 'lianbing_deliveries_total{channel="wecom_app",outcome="partial"}' in metrics


@each("wecom_app")
async def test_nobody_reached_is_a_failure(shop: Shop) -> None:
    shop.server.unlicensed = {"zhang", "li"}
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == "dead"
    assert "没有企业微信接口许可" in str(delivery.last_error)


@each("wecom_app")
async def test_a_token_is_kept_and_renewed_once_when_it_is_over(shop: Shop) -> None:
    await shop.groups.tick("12:00:10")
    await shop.groups.tick("18:00:10")
    assert shop.server.tokens == ["token-1"]
    shop.server.expired = {"token-1"}
    await shop.groups.tick("22:00:10")
    assert (shop.server.tokens, len(shop.texts)) == (["token-1", "token-2"], 3)


@each("wecom_app")
async def test_a_token_that_is_over_at_once_is_not_renewed_for_ever(shop: Shop) -> None:
    shop.server.expired = {f"token-{number}" for number in range(9)}
    await shop.groups.tick("12:00:10")
    assert await shop.state() == "retry"
    assert len(shop.server.requests) == 2


@pytest.mark.parametrize("fault", ["html", "list", "close"])
@each("wecom_app")
async def test_without_a_token_nothing_is_sent_and_it_is_tried_again(shop: Shop, fault: str) -> None:
    shop.server.faults["GET"].append(fault)
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert (delivery.state, delivery.doubt_at, shop.server.requests) == ("retry", None, [])
    assert "取不到企业微信的访问凭证" in str(delivery.last_error)
    await shop.groups.tick("12:05")
    assert await shop.state() == "sent"


@each("wecom_app")
async def test_an_answer_that_nobody_can_read_is_a_doubt(shop: Shop) -> None:
    shop.fault("html")
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.doubt_at == instant("12:00:10")


@each("dingtalk")
async def test_a_picture_for_a_kind_that_has_none_is_left_to_a_person(shop: Shop) -> None:
    await shop.groups.set_channel("丰顺", blocked_until=instant("12:01"))
    await shop.groups.tick("12:00:10")
    stats = (await shop.groups.notice("市局", "12:00")).stats
    async with shop.groups.town.services.database.sessions.begin() as session:
        (delivery,) = await shop.groups.deliveries("丰顺")
        (await session.get_one(Delivery, delivery.id)).kind = "image"
        (await session.get_one(Notice, delivery.notice_id)).stats = stats
    await shop.groups.worker("12:01").run()
    assert (await shop.state(), shop.server.requests) == ("dead", [])


@each("wecom_app")
async def test_a_wrong_corp_secret_is_told(shop: Shop) -> None:
    shop.server.secrets["ww01"] = "another"
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert delivery.state == "dead"
    assert "corpsecret" in str(delivery.last_error)
    assert "corp-secret" not in str(delivery.last_error)


def body_of(title: str, size: int) -> str:
    """A Chinese text of exactly `size` bytes with its title, the line end counted."""
    left = size - len(title.encode()) - 1
    return "通" * (left // 3) + "x" * (left % 3)


@pytest.mark.parametrize(
    ("kind", "settings", "limit", "beside"),
    [
        ("wecom_robot", {}, 2048, 0),
        ("wecom_robot", {"format": "markdown"}, 4096, 4),
        ("wecom_robot", {"format": "markdown_v2"}, 4096, 4),
        ("wecom_app", APP, 2048, 0),
    ],
)
def test_one_byte_over_the_limit_makes_two_parts(
    kind: str, settings: dict[str, object], limit: int, beside: int
) -> None:
    whole = body_of("标题", limit - beside)
    assert [len(text.encode()) for text in parts(kind, "标题", whole, settings)] == [limit]
    texts = parts(kind, "标题", whole + "x", settings)
    assert len(texts) == 2
    assert all(len(text.encode()) <= limit for text in texts)
    assert sum(text.count("通") for text in texts) == whole.count("通")


@pytest.mark.parametrize(("kind", "limit"), [("dingtalk", 20000), ("feishu", 20480)])
def test_bodies_stay_within_the_vendors_limit_however_full_of_line_ends(kind: str, limit: int) -> None:
    def posted(text: str) -> int:
        message = Message("k", "标题", text, instant("12:00"), instant("12:00"))
        return len(ROBOTS[kind].post(Way("https://v.example/", "s"), message).content)

    for body in ("通\n" * 6000, "通" * 20000, "\n".join(["很长的一行" * 40] * 60)):
        texts = parts(kind, "标题", body)
        assert len(texts) > 1
        assert all(posted(text) <= limit for text in texts)
        assert sum(text.count(body[0]) for text in texts) == body.count(body[0])
    assert len(parts(kind, "标题", "通" * (limit // 3 - 200))) == 1


def test_a_very_long_title_leaves_room_for_the_text() -> None:
    texts = parts("wecom_robot", "题" * 900, "通" * 900)
    assert all(len(text.encode()) <= 2048 for text in texts)
    assert sum(text.count("通") for text in texts) == 900
