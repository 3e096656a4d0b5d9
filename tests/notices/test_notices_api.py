"""Over HTTP: who reads which notices, what a preview says, and how a person settles a delivery."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy import select

from app.contests.models import ContestState
from app.core.audit import AuditEntry
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import play
from tests.times import TODAY, SetClock

DAY = TODAY.isoformat()


@pytest.fixture
async def noon(groups: Groups, clock: SetClock) -> Groups:
    """Noon was planned and sent; 丰顺's robot was gone."""
    groups.robot.faults["丰顺"].append(93000)
    await groups.town.officer("主任", "丰顺", roles=["leader"], takes_part=False)
    await groups.tick("12:00:10")
    clock.at("12:30")
    return groups


async def test_the_bureau_sees_every_notice_with_its_deliveries(noon: Groups) -> None:
    async with noon.town.as_("市局处长") as bureau:
        answer = await bureau.get("/notices", params={"day": DAY})
        items = {item["audience"]["name"]: item for item in answer.json()["items"]}
        (fengshun,) = items["丰顺"]["deliveries"]
        assert answer.json()["items"][0]["audience"]["kind"] == "bureau"
        assert items["丰顺"]["slot_at"] == "2026-11-23T12:00:00+08:00"
        assert items["丰顺"]["stats"]["own"]["expected"] == 2
        assert (items["五华"]["state"], items["五华"]["reason"]) == ("skipped", "nobody-expected")
        assert (items["梅江"]["state"], items["丰顺"]["state"]) == ("sent", "attention")
        assert (fengshun["state"], fengshun["attempts"], fengshun["sent_at"]) == ("dead", 1, None)
        assert "机器人已被移出该群" in fengshun["last_error"]
        assert fengshun["channel"] == {"id": str(noon.channels["丰顺"]), "name": "丰顺群", "kind": "wecom_robot"}
        assert (await bureau.get(f"/notices/{items['丰顺']['id']}")).json() == items["丰顺"]
        assert "key=" not in answer.text


async def test_a_poll_that_finds_nothing_new_costs_nothing(noon: Groups) -> None:
    async with noon.town.as_("管理员") as admin:
        first = await admin.get("/notices", params={"day": DAY})
        again = await admin.get("/notices", params={"day": DAY}, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(("reader", "sees"), [("联络员", {"梅江"}), ("主任", {"丰顺"})])
async def test_a_branchs_people_see_their_own(noon: Groups, reader: str, sees: set[str]) -> None:
    foreign = await noon.notice("市局", "12:00")
    async with noon.town.as_(reader) as client:
        items = (await client.get("/notices")).json()["items"]
        assert {item["audience"]["name"] for item in items} == sees
        assert (await client.get(f"/notices/{foreign.id}")).json()["code"] == "not-found"


async def test_a_province_reads_and_settles_nothing(noon: Groups) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    async with noon.town.as_("省厅处长") as province:
        assert len((await province.get("/notices")).json()["items"]) == 4
        assert (await province.post(f"/deliveries/{delivery.id}/resend")).status_code == 403


async def test_an_officer_reads_none(noon: Groups) -> None:
    async with noon.town.as_("梅江001") as officer:
        for answer in (
            await officer.get("/notices"),
            await officer.get(f"/notices/{uuid.uuid4()}"),
            await officer.post("/notices/preview", json={}),
            await officer.post(f"/deliveries/{uuid.uuid4()}/confirm"),
            await officer.get("/channels"),
            await officer.post("/channels", json={}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_list_comes_in_pages_the_newest_slot_first(noon: Groups) -> None:
    await noon.tick("18:00:10")
    async with noon.town.as_("管理员") as admin:
        seen = []
        cursor = None
        while True:
            answer = await admin.get("/notices", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
            seen += [(item["slot_at"][11:13], item["audience"]["kind"]) for item in answer.json()["items"]]
            cursor = answer.json()["next"]
            if cursor is None:
                break
            assert 'rel="next"' in answer.headers["link"]
    assert seen == [(hour, kind) for hour in ("18", "12") for kind in ("bureau", "branch", "branch", "branch")]


@pytest.mark.parametrize("cursor", ["x", "W10=", "WzEsMiwzXQ==", "WyIyMDI2LTExLTIzIiwiYnVyZWF1IiwieCJd"])
async def test_a_cursor_of_ones_own_making_is_refused(noon: Groups, cursor: str) -> None:
    async with noon.town.as_("管理员") as admin:
        assert (await admin.get("/notices", params={"cursor": cursor})).json()["code"] == "malformed"


async def test_another_days_list_is_empty(noon: Groups) -> None:
    async with noon.town.as_("管理员") as admin:
        assert (await admin.get("/notices", params={"day": TOMORROW.isoformat()})).json()["items"] == []


def asked(noon: Groups, unit: str, kind: str = "branch", slot: str = "18:00", day: str = DAY) -> dict[str, object]:
    return {"slot": slot, "day": day, "audience": {"kind": kind, "id": str(noon.town.units[unit])}}


async def test_a_preview_says_what_would_be_said_now_and_sends_nothing(noon: Groups) -> None:
    await play(noon.town, "丰顺001", opened="12:10")
    posts, notices = len(noon.robot.requests), await noon.notices()
    async with noon.town.as_("主任") as leader:
        answer = (await leader.post("/notices/preview", json=asked(noon, "丰顺"))).json()
    assert answer["title"] == "丰顺第1日进度（18:00）"
    assert answer["body"].startswith("已完成1人（50.0%），尚有1人未完成；暂列第1位。")
    assert answer["cutoff_at"] == "2026-11-23T12:30:00+08:00"
    assert answer["body"].endswith("统计截至2026年11月23日12:30　执法监督科")
    assert (answer["state"], answer["late"]) == ("planned", False)
    assert (answer["frozen"], answer["notice_id"]) == (False, None)
    assert (len(noon.robot.requests), await noon.notices()) == (posts, notices)


async def previewed(noon: Groups, unit: str, kind: str = "branch", slot: str = "12:00") -> dict[str, object]:
    async with noon.town.as_("管理员") as admin:
        answer = await admin.post("/notices/preview", json=asked(noon, unit, kind, slot))
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.parametrize(
    ("unit", "kind", "state"), [("市局", "bureau", "sent"), ("梅江", "branch", "sent"), ("丰顺", "branch", "attention")]
)
async def test_a_preview_of_a_slot_that_was_written_shows_what_was_written(
    noon: Groups, unit: str, kind: str, state: str
) -> None:
    notice = await noon.notice(unit, "12:00")
    await play(noon.town, "丰顺001", opened="11:00")  # an answer that nobody knew of at 12:00
    answer = await previewed(noon, unit, kind)
    assert (answer["frozen"], answer["notice_id"], answer["state"]) == (True, str(notice.id), state)
    assert (answer["title"], answer["body"], answer["stats"]) == (notice.title, notice.body, notice.stats)
    assert answer["cutoff_at"] == "2026-11-23T12:00:00+08:00"


async def test_a_preview_of_a_slot_that_stayed_silent_says_so(noon: Groups) -> None:
    answer = await previewed(noon, "五华")
    assert (answer["frozen"], answer["state"], answer["reason"]) == (True, "skipped", "nobody-expected")


async def test_a_preview_of_a_slot_that_was_missed_says_so(noon: Groups) -> None:
    await noon.tick("22:00:10")
    answer = await previewed(noon, "梅江", slot="18:00")
    assert (answer["frozen"], answer["state"], answer["reason"]) == (True, "superseded", "missed")
    assert (answer["title"], answer["body"], answer["stats"]) == (None, None, None)


async def test_a_notice_is_planned_until_its_message_is_sent(noon: Groups) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    async with noon.town.as_("主任") as leader:
        await leader.post(f"/deliveries/{delivery.id}/resend")
        path = f"/notices/{delivery.notice_id}"
        assert (await leader.get(path)).json()["state"] == "planned"
        await noon.tick("12:30")
        assert (await leader.get(path)).json()["state"] == "sent"


async def test_a_preview_of_a_silent_slot_says_why(noon: Groups) -> None:
    await noon.set_contest(state=ContestState.PAUSED)
    async with noon.town.as_("管理员") as admin:
        answer = (await admin.post("/notices/preview", json=asked(noon, "市局", "bureau"))).json()
    assert (answer["state"], answer["reason"], answer["body"]) == ("skipped", "contest-paused", None)


@pytest.mark.parametrize(
    ("unit", "kind", "slot", "status", "code"),
    [
        ("市局", "branch", "18:00", 422, "validation"),
        ("省厅", "bureau", "18:00", 404, "not-found"),
        ("丰顺", "branch", "08:00", 409, "no-contest"),
        ("丰顺", "branch", "09:00", 422, "validation"),
    ],
)
async def test_previews_that_cannot_be(noon: Groups, unit: str, kind: str, slot: str, status: int, code: str) -> None:
    async with noon.town.as_("管理员") as admin:
        answer = await admin.post("/notices/preview", json=asked(noon, unit, kind, slot))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_preview_for_a_bureau_beside_the_contest_is_not_found(noon: Groups) -> None:
    await noon.set_contest(unit_id=noon.town.units["丰顺"])
    async with noon.town.as_("管理员") as admin:
        answer = await admin.post("/notices/preview", json=asked(noon, "丰顺"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_resend_pressed_twice_sends_once(noon: Groups) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    async with noon.town.as_("主任") as leader:
        answers = await asyncio.gather(*(leader.post(f"/deliveries/{delivery.id}/resend") for _ in range(2)))
        assert [(a.status_code, a.json()["state"]) for a in answers] == [(200, "retry")] * 2
        await noon.tick("12:30")
        assert len(noon.robot.texts("丰顺")) == 1
        late = await leader.post(f"/deliveries/{delivery.id}/resend")
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "delivery-not-resendable", "sent")
    async with noon.town.services.database.reads() as session:
        acts = list(await session.scalars(select(AuditEntry.action)))
    assert acts == ["delivery.resend"]


async def test_a_resend_after_the_window_gets_an_hour(noon: Groups, clock: SetClock) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    clock.at("15:00")
    async with noon.town.as_("管理员") as admin:
        assert (await admin.post(f"/deliveries/{delivery.id}/resend")).status_code == 200
    await noon.worker("15:59").run()
    assert await noon.states("丰顺") == ["sent"]


async def test_a_resend_to_a_channel_that_is_off_is_refused(noon: Groups) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    await noon.set_channel("丰顺", enabled=False)
    async with noon.town.as_("管理员") as admin:
        answer = await admin.post(f"/deliveries/{delivery.id}/resend")
    assert (answer.status_code, answer.json()["code"]) == (409, "channel-unavailable")


async def test_a_dead_delivery_cannot_be_called_sent(noon: Groups) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    async with noon.town.as_("管理员") as admin:
        answer = await admin.post(f"/deliveries/{delivery.id}/confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery-not-confirmable")


async def test_a_forwarded_message_is_marked_once_with_who_and_when(noon: Groups) -> None:
    await noon.set_channel("梅江", enabled=False)
    await noon.tick("18:00:10")
    delivery = (await noon.deliveries("梅江"))[-1]
    async with noon.town.as_("联络员") as liaison:
        answers = [await liaison.post(f"/deliveries/{delivery.id}/confirm") for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["channel"] == {"id": None, "name": "人工转发", "kind": "manual"}
    assert answers[0].json()["sent_at"] == "2026-11-23T12:30:00+08:00"
    assert "第1日进度（18:00）" in answers[0].json()["text"]
    assert (await noon.deliveries("梅江"))[-1].settled_by == noon.town.officers["联络员"]


@pytest.mark.parametrize("act", ["resend", "confirm"])
async def test_another_branchs_delivery_does_not_exist(noon: Groups, act: str) -> None:
    (delivery,) = await noon.deliveries("丰顺")
    async with noon.town.as_("联络员") as liaison:
        for wanted in (str(delivery.id), str(uuid.uuid4()), "x"):
            assert (await liaison.post(f"/deliveries/{wanted}/{act}")).status_code == 404
