"""What becomes of deliveries in one process: every answer a robot can give, rates, parts, leases, deadlines."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from app.notices.channels.posting import outbound
from app.notices.models import Delivery, DeliveryAttempt
from app.roster.models import UnitKind
from tests.notices.helpers import TOMORROW, Groups
from tests.times import instant


async def attempts(groups: Groups, unit: str) -> list[tuple[int, str | None]]:
    async with groups.town.services.database.reads() as session:
        (delivery,) = await groups.deliveries(unit)
        found = await session.scalars(
            select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == delivery.id).order_by(DeliveryAttempt.number)
        )
        return [(attempt.number, attempt.outcome) for attempt in found]


async def test_the_message_is_the_notice_as_plain_text(groups: Groups) -> None:
    await groups.tick("12:00:10")
    (text,) = groups.robot.texts("丰顺")
    notice = await groups.notice("丰顺", "12:00")
    assert text == f"{notice.title}\n{notice.body}"
    (request,) = [r for r in groups.robot.requests if r["key"] == "丰顺"]
    assert request["headers"]["Host"] == f"127.0.0.1:{groups.robot.port}"
    assert request["body"]["msgtype"] == "text"


async def test_45009_twice_then_0_is_accepted_once_and_the_others_go_on(groups: Groups) -> None:
    groups.robot.faults["丰顺"].extend([45009, 45009])
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert delivery.state == "retry"
    assert "错误码45009" in str(delivery.last_error)
    assert (await groups.states("梅江"), await groups.states("市局")) == (["sent"], ["sent"])
    await groups.tick("12:00:50")  # the channel rests for a minute
    assert len(await attempts(groups, "丰顺")) == 1
    await groups.tick("12:01:10")
    await groups.tick("12:02:40")
    assert await attempts(groups, "丰顺") == [(1, "retry"), (2, "retry"), (3, "sent")]
    assert len(groups.robot.texts("丰顺")) == 1


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [
        (93000, "dead", "机器人已被移出该群"),
        (40058, "dead", "超出长度限制"),
        (40008, "dead", "错误码40008"),
        (404, "dead", "HTTP 404"),
        ("redirect", "dead", "HTTP 302"),
        (-1, "retry", "系统繁忙"),
        (429, "retry", "HTTP 429"),
        (502, "uncertain", "HTTP 502"),
        ("close", "uncertain", "连接中断"),
        ("reset", "uncertain", "连接中断"),
        ("html", "uncertain", "无法辨认"),
        ("list", "uncertain", "无法辨认"),
        ("endless", "uncertain", "无法辨认"),
    ],
)
async def test_what_each_answer_means(groups: Groups, fault: int | str, state: str, said: str) -> None:
    groups.robot.faults["丰顺"].append(fault)
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert delivery.state == state
    assert said in str(delivery.last_error)
    assert "key=" not in str(delivery.last_error)
    posts = len(groups.robot.requests)
    await groups.tick("12:00:15")
    assert len(groups.robot.requests) == posts  # nothing is sent again at once, and a doubt never


async def test_a_robot_that_hangs_leaves_a_doubt(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append("hang")
    await groups.only_fengshun()
    assert await groups.worker("12:05", limit=0.5).run() == {"uncertain": 1}
    (delivery,) = await groups.deliveries("丰顺")
    assert "等候对方答复超时" in str(delivery.last_error)


async def test_a_refused_connection_is_tried_again(groups: Groups) -> None:
    await groups.set_channel("丰顺", url="http://127.0.0.1:9/send?key=x")
    await groups.tick("12:00:10")
    assert await groups.states("丰顺") == ["retry"]
    await groups.set_channel("丰顺", url=groups.robot.url("丰顺"))
    await groups.tick("12:00:30")
    assert await groups.states("丰顺") == ["sent"]


async def test_attempts_used_up_end_dead(groups: Groups) -> None:
    await groups.set_channel("丰顺", url="http://127.0.0.1:9/send?key=x")
    await groups.tick("08:00:10", TOMORROW)
    for minutes in range(10, 200, 15):
        at = instant("08:00:10", TOMORROW) + dt.timedelta(minutes=minutes)
        await groups.tick(f"{at:%H:%M:%S}", TOMORROW)
    (delivery,) = await groups.deliveries("丰顺")
    assert (delivery.state, delivery.attempts) == ("dead", 10)


async def test_an_address_that_is_not_allowed_is_never_posted_to(groups: Groups) -> None:
    await groups.set_channel("丰顺", url="http://169.254.169.254/send?key=x")
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert delivery.state == "dead"
    assert "不允许向 169.254.169.254 发送" in str(delivery.last_error)
    assert await attempts(groups, "丰顺") == [(1, "dead")]


async def test_past_its_deadline_a_delivery_expires(groups: Groups) -> None:
    await groups.set_channel("丰顺", url="http://127.0.0.1:9/send?key=x")
    await groups.tick("22:00:10")
    await groups.tick("23:00")
    assert await groups.states("丰顺") == ["expired"]


async def test_one_channels_21st_message_of_a_minute_waits(groups: Groups) -> None:
    groups.robot.rate_limited = True
    full = [instant("12:00:00") + dt.timedelta(milliseconds=n) for n in range(20)]
    await groups.set_channel("丰顺", posted_at=full)
    await groups.tick("12:00:10")
    (delivery,) = await groups.deliveries("丰顺")
    assert (delivery.state, delivery.attempts, delivery.next_at) == ("retry", 0, instant("12:01:01"))
    await groups.tick("12:01:01")
    assert await groups.states("丰顺") == ["sent"]


async def test_a_lease_lost_before_the_fence_posts_nothing(groups: Groups) -> None:
    await groups.only_fengshun()
    moments = iter(["12:05", "12:05", "12:06", "12:06"])  # sweep, claim, fence, the next claim
    assert await groups.worker(lambda: instant(next(moments))).run() == {}
    assert groups.robot.requests == []
    assert await groups.states("丰顺") == ["claimed"]
    assert await groups.worker("12:06").run() == {"sent": 1}


@pytest.mark.parametrize("change", [{"enabled": False}, {"url": "https://qyapi.weixin.qq.com/other"}])
async def test_a_channel_changed_after_the_claim_is_not_posted_to(groups: Groups, change: dict[str, object]) -> None:
    await groups.only_fengshun()
    worker = groups.worker("12:05")
    (claim,) = await worker._claim()
    await groups.set_channel("丰顺", **change)
    async with outbound() as client:
        await worker._deliver(client, claim)
    (delivery,) = await groups.deliveries("丰顺")
    assert (delivery.state, delivery.next_at) == ("retry", instant("12:06"))
    assert groups.robot.requests == []


async def test_a_known_answer_settles_a_doubt_that_the_sweep_left(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append("hold")
    await groups.only_fengshun()
    slow = await groups.posting(groups.worker("12:05"))
    await groups.worker("12:10").run()
    assert await groups.states("丰顺") == ["uncertain"]
    groups.robot.release.set()
    await slow
    assert await groups.states("丰顺") == ["sent"]
    assert await attempts(groups, "丰顺") == [(1, "sent")]


async def test_an_answer_after_a_person_decided_changes_nothing(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append("hold:93000")
    await groups.only_fengshun()
    slow = await groups.posting(groups.worker("12:05"))
    await groups.worker("12:10").run()
    (delivery,) = await groups.deliveries("丰顺")
    async with groups.town.as_("联络员") as liaison:
        assert (await liaison.post(f"/deliveries/{delivery.id}/confirm")).status_code == 404
    async with groups.town.as_("管理员") as admin:
        assert (await admin.post(f"/deliveries/{delivery.id}/confirm")).status_code == 200
    groups.robot.release.set()
    assert await slow == {}
    assert await groups.states("丰顺") == ["sent"]


async def test_a_channel_deleted_while_its_message_is_refused_leaves_it_to_a_person(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append("hold:-1")
    await groups.only_fengshun()
    slow = await groups.posting(groups.worker("12:05"))
    async with groups.town.as_("管理员") as admin:
        assert (await admin.delete(f"/channels/{groups.channels['丰顺']}")).status_code == 204
    groups.robot.release.set()
    assert await slow == {"to_forward": 1}


async def test_a_delivery_broken_off_before_its_record_is_left_in_doubt(groups: Groups) -> None:
    await groups.only_fengshun()
    calls = iter(range(100))

    def clock() -> dt.datetime:
        if next(calls) == 3:  # sweep, claim, fence; the record finds the database away
            raise ConnectionError
        return instant("12:05")

    assert await groups.worker(clock).run() == {}
    assert await groups.states("丰顺") == ["posting"]
    assert len(groups.robot.texts("丰顺")) == 1
    await groups.worker("12:06:01").run()
    assert await groups.states("丰顺") == ["uncertain"]
    assert len(groups.robot.texts("丰顺")) == 1


async def long_notice(groups: Groups) -> list[Delivery]:
    """A bureau whose evening notice takes several messages."""
    for number in range(60):
        name = f"第{number:02}号很长很长的分局名称"
        await groups.town.unit(name, UnitKind.BRANCH, "市局")
        await groups.town.officers_in(name, 1)
    await groups.tick("18:00:10")
    parts = await groups.deliveries("市局")
    assert len(parts) > 1
    return parts


async def test_a_long_notice_goes_in_parts_within_the_limit_in_order(groups: Groups) -> None:
    parts = await long_notice(groups)
    texts = groups.robot.texts("市局")
    assert [part.payload for part in parts] == texts
    assert all(len(text.encode()) <= 2048 for text in texts)
    title = "网络知识竞赛第1日进度（18:00）"
    assert [text.split("\n")[0] for text in texts] == [f"{title}（{n}/{len(texts)}）" for n in range(1, len(texts) + 1)]


async def test_part_two_waits_until_a_person_settles_part_one(groups: Groups) -> None:
    groups.robot.faults["市局"].append(502)
    parts = await long_notice(groups)
    assert [part.state for part in parts] == ["uncertain", *["pending"] * (len(parts) - 1)]
    async with groups.town.as_("管理员") as admin:
        assert (await admin.post(f"/deliveries/{parts[0].id}/confirm")).status_code == 200
    await groups.tick("18:01")
    assert set(await groups.states("市局")) == {"sent"}
    assert len(groups.robot.texts("市局")) == len(parts) - 1
