"""Real processes: several at once, and killed at every point where a message could be lost or doubled."""

from __future__ import annotations

import asyncio
import signal

import pytest

from app.core.ids import new_id
from app.notices.models import Delivery, Notice
from tests.notices.helpers import Groups, go
from tests.participation.rows import play
from tests.times import TODAY, instant

KILLED = -signal.SIGKILL


async def test_three_processes_at_the_same_slot_send_each_group_its_notice_once(groups: Groups) -> None:
    await play(groups.town, "梅江001", opened="09:00")
    processes = [await groups.process("12:00:10") for _ in range(3)]
    await go(*processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [(unit, state) for _, unit, state, _ in await groups.notices()] == [
        ("市局", "planned"),
        ("梅江", "planned"),
        ("丰顺", "planned"),
        ("五华", "skipped"),
    ]
    await groups.tick("12:00:40")  # what the three left to each other
    assert sorted(key for key, _ in groups.robot.accepted) == sorted(["丰顺", "市局", "梅江"])
    for unit in ("市局", "梅江", "丰顺"):
        assert [(d.state, d.attempts) for d in await groups.deliveries(unit)] == [("sent", 1)]


async def test_killed_after_the_claim_another_sends(groups: Groups) -> None:
    await groups.only_fengshun()
    process = await groups.process("12:05", die="after-claim")
    await go(process)
    assert process.returncode == KILLED
    assert await groups.states("丰顺") == ["claimed"]
    await groups.worker("12:05:59").run()
    assert groups.robot.requests == []
    assert await groups.worker("12:06").run() == {"sent": 1}


async def test_killed_during_the_post_it_is_in_doubt_and_not_sent_again(groups: Groups) -> None:
    groups.robot.faults["丰顺"].append("hold")
    await groups.only_fengshun()
    process = await groups.process("12:05")
    run = asyncio.create_task(go(process))
    assert await asyncio.to_thread(groups.robot.held.wait, 60)
    process.kill()
    await run
    groups.robot.release.set()
    assert await groups.states("丰顺") == ["posting"]
    for time in ("12:06", "12:07", "13:00"):
        await groups.worker(time).run()
    assert await groups.states("丰顺") == ["uncertain"]
    assert len(groups.robot.requests) == 1


async def test_killed_between_the_answer_and_the_commit_it_is_in_doubt(groups: Groups) -> None:
    await groups.only_fengshun()
    process = await groups.process("12:05", die="after-answer")
    await go(process)
    assert process.returncode == KILLED
    assert len(groups.robot.texts("丰顺")) == 1
    await groups.worker("12:06").run()
    (delivery,) = await groups.deliveries("丰顺")
    assert delivery.state == "uncertain"
    assert "发送进程中断" in str(delivery.last_error)
    async with groups.town.as_("管理员") as admin:
        for _ in range(2):
            answer = await admin.post(f"/deliveries/{delivery.id}/confirm")
            assert (answer.status_code, answer.json()["state"]) == (200, "sent")
    assert len(groups.robot.requests) == 1


async def test_25_messages_from_three_processes_are_never_rejected(groups: Groups) -> None:
    groups.robot.rate_limited = True
    async with groups.town.services.database.sessions.begin() as session:
        for number in range(25):
            notice = Notice(
                id=new_id(),
                contest_id=groups.town.contest_id,
                slot_at=instant(f"00:{number:02}"),
                audience_kind="branch",
                audience_id=groups.town.units["丰顺"],
                day=TODAY,
                state="planned",
                title="标题",
                body="正文",
                cutoff_at=instant("00:00"),
                template_version=1,
                created_at=instant("00:00"),
            )
            session.add(notice)
            await session.flush()
            session.add(
                Delivery(
                    notice_id=notice.id,
                    channel_id=groups.channels["丰顺"],
                    part=1,
                    state="pending",
                    payload=f"第{number}条",
                    attempts_allowed=10,
                    next_at=instant("09:00"),
                    deadline=instant("11:00"),
                )
            )
    await go(*[await groups.process("09:00") for _ in range(3)])
    assert groups.robot.rejections == []
    assert len(groups.robot.texts("丰顺")) == 20
    groups.robot.rate_limited = False  # its minute is a real one
    await go(await groups.process("09:01:01"))
    assert len(groups.robot.texts("丰顺")) == len(set(groups.robot.texts("丰顺"))) == 25


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
async def test_a_container_in_another_zone_means_the_same_instants(groups: Groups, zone: str) -> None:
    (printed,) = await go(await groups.process("08:00:10", instant("00:00").date().replace(day=24), TZ=zone))
    assert "11-24 08:00  市局：关于网络知识竞赛第1日情况的通报（第1期）" in printed
    assert "统计截至2026年11月23日24:00" in groups.robot.texts("市局")[0]
