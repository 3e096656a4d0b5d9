"""WeCom applications: one person's message reaches nobody else, and without a token nothing has been sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from app.notices.channels import ROBOTS
from app.notices.models import Delivery
from app.roster.models import Officer
from tests.notices.helpers import Groups
from tests.notices.private import People
from tests.notices.shops import APP, Shop, opened, serving
from tests.times import instant


@pytest.fixture
async def shop(groups: Groups) -> AsyncIterator[Shop]:
    with serving("wecom_app") as server:
        yield await opened(groups, "wecom_app", server)


async def test_a_token_that_does_not_come_means_that_nothing_was_sent(shop: Shop) -> None:
    shop.server.faults["GET"].append("hang")
    await shop.groups.only_fengshun()
    assert await shop.groups.worker("12:05", limit=1.0).run() == {"retry": 1}
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert (delivery.doubt_at, shop.server.requests) == (None, [])
    assert "取不到企业微信的访问凭证" in str(delivery.last_error)


async def test_nor_does_one_that_is_to_be_renewed_at_the_very_end(shop: Shop) -> None:
    shop.server.faults["GET"].extend(["", "hang"])
    shop.server.expired = {"token-1"}
    await shop.groups.only_fengshun()
    assert await shop.groups.worker("12:05", limit=1.0).run() == {"retry": 1}
    assert (len(shop.server.requests), shop.texts) == (1, [])


@pytest.mark.parametrize("account", ["@all", "zhang|li", "丰顺"])
async def test_what_is_nobodys_account_is_not_addressed(shop: Shop, account: str) -> None:
    await shop.groups.set_channel("丰顺", blocked_until=instant("12:05"))
    await shop.groups.tick("12:00:10")
    own = shop.groups.channels["丰顺"]
    for recipients, state, said in (([account, "zhang"], "sent", "有1人没有收到"), ([account], "dead", "没有可用")):
        async with shop.groups.town.services.database.sessions.begin() as session:
            await session.execute(
                update(Delivery)
                .where(Delivery.channel_id == own)
                .values(recipients=recipients, state="retry", next_at=instant("12:05"))
            )
        await shop.groups.worker("12:06").run()
        (delivery,) = await shop.groups.deliveries("丰顺")
        assert delivery.state == state
        assert str(delivery.last_error).startswith(said)
        assert f"{account}不是单个账号" in str(delivery.last_error)
    assert [request["body"]["touser"] for request in shop.server.requests] == ["zhang"]


async def test_a_stored_setting_that_names_everybody_sends_nothing(shop: Shop) -> None:
    await shop.groups.set_channel("丰顺", settings={**APP, "recipients": ["@all"]})
    await shop.groups.tick("12:00:10")
    (delivery,) = await shop.groups.deliveries("丰顺")
    assert (delivery.state, shop.server.requests) == ("dead", [])
    assert "设置项不完整或有误" in str(delivery.last_error)


def test_only_a_single_persons_account_is_a_recipient() -> None:
    adapter = ROBOTS["wecom_app"]
    fit = ["zhang", "Zhang.San_1-2@org", "7", "a" * 64]
    unfit = ["@all", "a|b", "", "_a", "a b", "张三", "a" * 65, "a\n"]
    assert [adapter.recipient(one, None) for one in (*fit, *unfit)] == [*fit, *[None] * len(unfit)]


@pytest.mark.parametrize("account", ["@all", "fs-lxy|fs-zr"])
async def test_a_liaison_officer_of_such_an_account_is_left_out(people: People, account: str) -> None:
    town = people.groups.town
    async with town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).where(Officer.name == "丰顺联络员").values(wecom_userid=account))
    await people.groups.tick("12:00:10")
    assert ("丰顺", "skipped", "no-private-account") in await people.all("liaison")
    await town.officer("丰顺联络员二", "丰顺", roles=["liaison"], takes_part=False, wecom_userid="fs-two")
    await people.groups.tick("18:00:10")
    notice = await people.told("丰顺", "liaison", "18:00")
    assert [recipients for _, recipients, _ in await people.messages(notice)] == [["fs-two"]]
