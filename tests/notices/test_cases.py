"""Clauses of NOTICES.md's eleven cases that need several receivers at once, or what people see of them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from app.roster.models import Officer
from tests.notices.helpers import Groups
from tests.notices.mailserver import MailServer
from tests.notices.rounds import nursery
from tests.notices.shops import KINDS, add, opened, serving
from tests.notices.test_alerts import with_officers_channel
from tests.notices.test_mail import MAIL
from tests.times import instant

PHONE = "13800000001"


async def seen(groups: Groups, unit: str) -> dict[str, Any]:
    """The notice to a unit's group as the administrator reads it."""
    async with groups.town.as_("管理员") as admin:
        items = (await admin.get("/notices", params={"kind": "branch"})).json()["items"]
    (item,) = [item for item in items if item["audience"]["name"] == unit]
    return dict(item)


async def test_130101_rests_that_channel_for_ten_minutes_and_the_others_go_on(groups: Groups) -> None:
    """Case 4."""
    await groups.set_channel("丰顺", enabled=False)
    groups.robot.faults["梅江"].append(-1)  # busy: sent a little later, while the other rests
    with serving("dingtalk") as server:
        server.faults["fengshun"].append(130101)
        await add(groups, "丰顺", "dingtalk", url=server.url("fengshun"), secret=KINDS["dingtalk"].secret)
        await groups.tick("12:00:10")
        assert [await groups.states(unit) for unit in ("市局", "梅江", "丰顺")] == [["sent"], ["retry"], ["retry"]]
        await groups.tick("12:10:09")
        assert (await groups.states("梅江"), len(server.requests)) == (["sent"], 1)
        await groups.tick("12:10:10")
        assert (await groups.states("丰顺"), len(server.accepted)) == (["sent"], 1)


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [("wecom_robot", 93000, "移出该群"), ("dingtalk", 310000, "安全设置"), ("feishu", 19021, "签名不对")],
)
async def test_a_configuration_code_is_dead_visible_and_alerted(
    groups: Groups, kind: str, code: int, said: str
) -> None:
    """Case 5."""
    with serving(kind) as server, serving("wecom_app") as wecom:
        shop = await opened(groups, kind, server)
        await with_officers_channel(groups, wecom)
        shop.fault(code)
        for time in ("12:00:10", "12:05", "13:00"):
            await groups.tick(time)
        notice = await seen(groups, "丰顺")
        (own,) = [one for one in notice["deliveries"] if one["kind"] == "text"]
        (alert,) = wecom.kept
        assert (notice["state"], own["state"], own["attempts"]) == ("attention", "dead", 1)
        assert said in own["last_error"]
        assert (server.accepted, len(server.requests)) == ([], 1)
    assert (alert["body"]["touser"], own["last_error"] in alert["body"]["text"]["content"]) == ("admin", True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_receiver_that_hangs_leaves_a_doubt(groups: Groups, kind: str) -> None:
    """Case 5: a group robot's is left to a person, others are sent again where a second copy is dropped."""
    with serving(kind) as server:
        shop = await opened(groups, kind, server)
        shop.fault("hang")
        await groups.set_channel("丰顺", blocked_until=instant("12:05"))
        await groups.tick("12:00:10")
        await groups.worker("12:05", limit=0.5).run()
        (delivery,) = await groups.deliveries("丰顺")
        repeated = kind in {"webhook", "wecom_app"}
        assert (delivery.state, delivery.doubt_at is not None) == ("retry" if repeated else "uncertain", repeated)
        await groups.worker("12:10").run()
        assert (await shop.state(), len(shop.texts)) == (("sent", 1) if repeated else ("uncertain", 0))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_connection_is_tried_again(groups: Groups, kind: str) -> None:
    """Case 5."""
    with serving(kind) as server:
        shop = await opened(groups, kind, server)
        server.go_away()
        await groups.tick("12:00:10")
        (delivery,) = await groups.deliveries("丰顺")
        assert (delivery.state, delivery.doubt_at) == ("retry", None)
        server.come_back()
        await groups.tick("12:05")
        assert (await shop.state(), len(shop.texts)) == ("sent", 1)


async def test_a_partial_refusal_by_mail_is_seen_by_people(groups: Groups) -> None:
    """Case 7."""
    await groups.set_channel("丰顺", enabled=False)
    async with MailServer() as server:
        server.refused = {"a@example.org": 550}
        people = ["a@example.org", "b@example.org"]
        await add(groups, "丰顺", "email", settings={**MAIL, "port": server.port, "recipients": people})
        await groups.tick("12:00:10")
        notice = await seen(groups, "丰顺")
    assert notice["state"] == "attention"
    assert [(one["recipients"], one["state"]) for one in notice["deliveries"]] == [
        (["a@example.org"], "dead"),
        (["b@example.org"], "sent"),
    ]
    assert notice["deliveries"][0]["last_error"].startswith("收件地址被拒收：a@example.org（550）")


async def test_no_phone_in_any_group_message_or_log_of_a_process(groups: Groups, tmp_path: Path) -> None:
    """Case 10: also where an organisation takes phones for accounts, and messages go wrong."""
    town, log = groups.town, tmp_path / "log"
    async with town.services.database.sessions.begin() as session:
        (await session.get_one(Officer, town.officers["联络员"])).wecom_userid = PHONE
    groups.robot.faults["丰顺"].append(93000)
    groups.robot.faults["梅江"].append("close")
    with serving("wecom_app") as wecom:
        await with_officers_channel(groups, wecom)
        wecom.unknown = {PHONE}
        async with nursery(str(town.services.settings.database_url), log, wecom_url=wecom.base) as processes:
            process = await processes.start()
            for time in ("11:40:10", "12:00:10", "12:30:10", "18:00:10"):
                assert (await process.at(instant(time))).endswith(" 0")
            await process.end()
        assert PHONE in str([one["body"]["touser"] for one in wecom.requests])  # what went wrong was about it
    lines = log.read_text()
    assert '"event": "notice not delivered"' in lines
    groups_heard = str([request["body"] for request in groups.robot.requests])
    assert not re.search(r"1[3-9]\d{9}", lines + groups_heard)


async def test_in_a_year_without_known_holidays_every_day_has_its_notices(groups: Groups) -> None:
    """Case 11."""
    new_year = dt.date(2027, 1, 1)
    await groups.set_contest(starts_on=new_year, ends_on=new_year + dt.timedelta(days=3))
    await groups.tick("12:00:10", new_year)
    assert [state for _, unit, state, _ in await groups.notices() if unit == "丰顺"] == ["planned"]
    async with groups.town.as_("管理员") as admin:
        calendar = (await admin.get(f"/contests/{groups.town.contest_id}/calendar")).json()
    assert "2027年" in calendar["warnings"][0]
    assert all(day["counts"] for day in calendar["days"])
