"""Holding a slot back: its notices are frozen and wait; released they go out, late if need be, dropped they never do."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.contests.models import ContestDay, ContestState
from app.core.audit import AuditEntry
from app.notices.models import Delivery, SlotHold
from app.roster.models import UnitKind
from tests.notices.helpers import TOMORROW, Groups, go
from tests.participation.rows import play
from tests.times import TODAY, SetClock, instant


async def call(groups: Groups, method: str, path: str, who: str = "市局处长", **send: Any) -> httpx.Response:
    async with groups.town.as_(who) as client:
        return await client.request(method, path, **send)


async def hold(
    groups: Groups, slot: str = "12:00", day: dt.date = TODAY, who: str = "市局处长", **more: Any
) -> httpx.Response:
    body = {"slot": slot, "day": day.isoformat(), "reason": "上级检查组在场", **more}
    return await call(groups, "POST", "/slots/hold", who, json=body)


async def act(groups: Groups, what: str, held: dict[str, Any], who: str = "市局处长") -> httpx.Response:
    return await call(groups, "POST", f"/slots/{held['id']}/{what}", who)


async def slot(groups: Groups, name: str = "12:00", day: dt.date = TODAY) -> dict[str, Any]:
    answer = await call(groups, "GET", "/slots", params={"day": day.isoformat()})
    assert answer.status_code == 200, answer.text
    return next(one for one in answer.json()["items"] if one["slot"] == name)


async def count(groups: Groups, table: type[Any]) -> int:
    async with groups.town.services.database.reads() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
async def noon_held(groups: Groups, clock: SetClock) -> dict[str, Any]:
    """12:00 held back at 11:50, its notices planned."""
    clock.at("11:50")
    held = (await hold(groups)).json()
    await play(groups.town, "梅江001", opened="11:00")
    await play(groups.town, "梅江002", opened="12:01")
    await groups.tick("12:00:10")
    return dict(held)


async def test_a_held_slot_freezes_its_figures_and_sends_nothing(groups: Groups, noon_held: dict[str, Any]) -> None:
    await groups.tick("12:05")
    assert {(unit, state) for _, unit, state, _ in await groups.notices()} == {
        ("市局", "held"),
        ("梅江", "held"),
        ("丰顺", "held"),
        ("五华", "skipped"),
    }
    assert (await count(groups, Delivery), groups.robot.accepted) == (0, [])
    notice = await groups.notice("梅江", "12:00")
    assert notice.stats is not None
    assert (notice.stats["own"]["done"], notice.cutoff_at) == (1, instant("12:00"))
    shown = await slot(groups)
    assert (shown["state"], shown["hold"]["held_by"], shown["hold"]["reason"]) == ("held", "市局处长", "上级检查组在场")
    assert [one["state"] for one in shown["notices"] if one["audience"]["kind"] == "bureau"] == ["held"]


async def test_released_late_it_goes_out_and_says_so(
    groups: Groups, noon_held: dict[str, Any], clock: SetClock
) -> None:
    clock.at("12:40")
    answer = await act(groups, "release", noon_held)
    assert (answer.status_code, answer.json()["released_at"]) == (200, "2026-11-23T12:40:00+08:00")
    await groups.tick("12:40:30")
    (text,) = groups.robot.texts("梅江")
    assert "已完成1人" in text
    assert "补发，统计截至2026年11月23日12:00" in text
    assert (await groups.notice("梅江", "12:00")).late
    assert (await slot(groups))["state"] == "out"


async def test_released_in_time_it_says_what_was_frozen(
    groups: Groups, noon_held: dict[str, Any], clock: SetClock
) -> None:
    before = (await groups.notice("梅江", "12:00")).body
    clock.at("12:02")
    await act(groups, "release", noon_held)
    await groups.tick("12:02:30")
    assert "补发" not in groups.robot.texts("梅江")[0]
    assert (await groups.notice("梅江", "12:00")).body == before


async def test_released_before_its_time_it_goes_out_as_usual_and_may_be_held_again(
    groups: Groups, clock: SetClock
) -> None:
    clock.at("11:50")
    first = (await hold(groups)).json()
    await act(groups, "release", first)
    second = await hold(groups)
    assert (second.status_code, second.json()["id"] != first["id"]) == (201, True)
    await act(groups, "release", second.json())
    assert (await slot(groups))["state"] == "upcoming"
    await groups.tick("12:00:10")
    assert len(groups.robot.texts("市局")) == 1


async def test_dropped_it_never_goes_out(groups: Groups, noon_held: dict[str, Any], clock: SetClock) -> None:
    clock.at("12:10")
    dropped = [await act(groups, "drop", noon_held) for _ in range(2)]
    assert [answer.status_code for answer in dropped] == [200, 200]
    assert dropped[0].json() == dropped[1].json()
    await groups.tick("12:10:30")
    await groups.tick("18:00:10")
    states = {(time, unit): (state, reason) for time, unit, state, reason in await groups.notices()}
    assert states["12:00", "市局"] == ("skipped", "held-and-dropped")
    assert len(groups.robot.texts("市局")) == 1
    refused = await act(groups, "release", noon_held)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot-dropped")
    assert (await hold(groups)).json()["code"] == "slot-dropped"
    assert (await slot(groups))["state"] == "dropped"


async def test_dropped_before_its_time_nothing_is_written(groups: Groups, clock: SetClock) -> None:
    clock.at("11:50")
    await act(groups, "drop", (await hold(groups)).json())
    await groups.tick("12:00:10")
    assert {(state, reason) for _, _, state, reason in await groups.notices()} == {("skipped", "held-and-dropped")}


async def test_held_past_its_window_it_can_only_be_dropped(
    groups: Groups, noon_held: dict[str, Any], clock: SetClock
) -> None:
    clock.at("14:00")
    await groups.tick("14:00")
    assert ("12:00", "市局", "superseded", "held-past-window") in await groups.notices()
    refused = await act(groups, "release", noon_held)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot-over")
    assert (await act(groups, "drop", noon_held)).status_code == 200
    assert ("12:00", "市局", "skipped", "held-and-dropped") in await groups.notices()


async def test_what_was_not_thanked_is_thanked_later(groups: Groups, clock: SetClock) -> None:
    for name in ("丰顺001", "丰顺002"):
        await play(groups.town, name, opened="09:00")
    clock.at("11:50")
    await act(groups, "drop", (await hold(groups)).json())
    await groups.tick("12:00:10")
    await groups.tick("18:00:10")
    assert "已全员完成" in groups.robot.texts("丰顺")[0]


async def test_a_slot_that_is_out_cannot_be_held(groups: Groups, clock: SetClock) -> None:
    await groups.tick("12:00:10")
    clock.at("12:01")
    refused = await hold(groups)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot-already-out")
    assert await count(groups, SlotHold) == 0


async def test_a_slot_whose_window_is_over_cannot_be_held(groups: Groups, clock: SetClock) -> None:
    clock.at("14:00")
    assert (await hold(groups)).json()["code"] == "slot-over"


async def test_a_slot_that_the_rules_do_not_ask_for_cannot_be_held(groups: Groups, clock: SetClock) -> None:
    await groups.set_contest(state=ContestState.DRAFT)
    await groups.town.contest("市局", rules={"notices": {"slots": ["18:00"]}})
    refused = await hold(groups)
    assert (refused.status_code, refused.json()["code"], refused.json()["slots"]) == (409, "slot-not-asked", ["18:00"])
    assert (await hold(groups, "08:00")).json()["code"] == "no-contest"


async def test_released_while_the_contest_is_paused_it_is_skipped(
    groups: Groups, noon_held: dict[str, Any], clock: SetClock
) -> None:
    await groups.set_contest(state=ContestState.PAUSED)
    clock.at("12:30")
    assert (await act(groups, "release", noon_held)).status_code == 200
    assert ("12:00", "市局", "skipped", "contest-paused") in await groups.notices()
    assert await count(groups, Delivery) == 0


async def test_double_taps_and_two_people_make_one_hold_and_one_message(groups: Groups, clock: SetClock) -> None:
    clock.at("11:50")
    answers = await asyncio.gather(*(hold(groups, who=who) for who in ("市局处长", "管理员", "市局处长", "管理员")))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    await groups.tick("12:00:10")
    clock.at("12:10")
    held = answers[0].json()
    again = await asyncio.gather(*(act(groups, "release", held, who) for who in ("市局处长", "管理员", "市局处长")))
    assert {answer.status_code for answer in again} == {200}
    await groups.tick("12:10:30")
    assert len(groups.robot.texts("市局")) == 1
    late = await act(groups, "drop", held)
    assert (late.status_code, late.json()["code"]) == (409, "slot-released")


async def test_one_releases_while_another_drops(groups: Groups, noon_held: dict[str, Any], clock: SetClock) -> None:
    clock.at("12:10")
    answers = await asyncio.gather(act(groups, "release", noon_held), act(groups, "drop", noon_held, "管理员"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    await groups.tick("12:10:30")
    released = answers[0].status_code == 200
    assert len(groups.robot.texts("市局")) == int(released)


async def test_a_hold_and_two_planners_at_the_same_moment(groups: Groups, clock: SetClock) -> None:
    clock.at("12:00:10")
    processes = [await groups.process("12:00:10") for _ in range(2)]
    answer, _ = await asyncio.gather(hold(groups), go(*processes))
    await groups.tick("12:00:40")
    texts = groups.robot.texts("市局")
    if answer.status_code == 201:
        assert (texts, (await groups.notice("市局", "12:00")).state) == ([], "held")
    else:
        assert (answer.json()["code"], len(texts)) == ("slot-already-out", 1)


async def test_acts_are_audited(groups: Groups, clock: SetClock) -> None:
    clock.at("11:50")
    await act(groups, "drop", (await hold(groups)).json())
    await act(groups, "release", (await hold(groups, "18:00")).json())
    async with groups.town.services.database.reads() as session:
        rows = await session.execute(select(AuditEntry.action, AuditEntry.reason).order_by(AuditEntry.seq))
    assert [tuple(row) for row in rows] == [
        ("slot.hold", "上级检查组在场"),
        ("slot.drop", None),
        ("slot.hold", "上级检查组在场"),
        ("slot.release", None),
    ]


async def test_the_slots_of_a_day(groups: Groups, clock: SetClock) -> None:
    await groups.tick("12:00:10")
    clock.at("18:00:20")
    answer = await call(groups, "GET", "/slots")
    items = answer.json()["items"]
    assert [(one["slot"], one["state"]) for one in items] == [("12:00", "out"), ("18:00", "due"), ("22:00", "upcoming")]
    assert [one["state"] for one in items[0]["notices"]][:1] == ["sent"]
    assert (items[0]["deadline"], items[0]["counts"]) == ("2026-11-23T14:00:00+08:00", True)
    assert items[2]["preview"] == {
        "slot": "22:00",
        "day": "2026-11-23",
        "audience": {"kind": "bureau", "id": str(groups.town.units["市局"])},
    }
    drafted = await call(groups, "POST", "/notices/preview", json=items[2]["preview"])
    assert drafted.json()["title"] == "网络知识竞赛第1日进度（截至22:00）"
    async with groups.town.as_("市局处长") as client:
        again = await client.get("/slots", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


async def test_the_final_is_the_next_days_slot_of_the_day_before(groups: Groups, clock: SetClock) -> None:
    assert [one["slot"] for one in (await call(groups, "GET", "/slots")).json()["items"]] == ["12:00", "18:00", "22:00"]
    final = await slot(groups, "08:00", TOMORROW)
    assert (final["slot_at"], final["day"]) == ("2026-11-24T08:00:00+08:00", "2026-11-23")


async def test_slots_of_an_uncounted_day_say_so(groups: Groups) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        held = {"counts": False, "note": None, "source": "manual"}
        session.add(ContestDay(contest_id=groups.town.contest_id, day=TODAY, **held))
    await groups.tick("12:00:10")
    shown = await slot(groups)
    assert (shown["counts"], shown["state"], shown["notices"][0]["reason"]) == (False, "skipped", "day-not-counted")


@pytest.mark.parametrize(
    ("who", "reads", "holds"),
    [
        ("梅江001", 403, 403),
        ("联络员", 403, 403),
        ("省厅处长", 200, 403),
        ("分局管理员", 404, 404),
        ("管理员", 200, 201),
    ],
)
async def test_who_may_see_and_hold(groups: Groups, who: str, reads: int, holds: int) -> None:
    await groups.town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    assert (await call(groups, "GET", "/slots", who)).status_code == reads
    assert (await hold(groups, who=who)).status_code == holds


async def test_a_neighbours_hold_does_not_exist(groups: Groups, noon_held: dict[str, Any]) -> None:
    await groups.town.unit("邻市", UnitKind.BUREAU, "省厅")
    await groups.town.officer("邻市处长", "邻市", roles=["bureau"], takes_part=False)
    for what in ("release", "drop"):
        for wanted in (noon_held, {"id": str(uuid.uuid4())}, {"id": "x"}):
            assert (await act(groups, what, wanted, "邻市处长")).status_code == 404


async def test_an_administrator_of_the_province_names_the_bureau(groups: Groups, clock: SetClock) -> None:
    await groups.town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    units = {name: str(key) for name, key in groups.town.units.items()}
    made = await hold(groups, who="省厅管理员", unit_id=units["市局"])
    assert (made.status_code, made.json()["unit_id"]) == (201, units["市局"])
    assert (await hold(groups, who="省厅管理员")).json()["code"] == "no-contest"
    assert (await hold(groups, who="省厅管理员", unit_id=units["梅江"])).status_code == 422


async def test_a_provinces_group_is_held_apart_from_its_bureaus(groups: Groups, clock: SetClock) -> None:
    await groups.set_contest(unit_id=groups.town.units["省厅"])
    await groups.town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    clock.at("11:50")
    held = (await hold(groups, who="省厅管理员")).json()
    await groups.tick("12:00:10")
    assert (await groups.notice("省厅", "12:00", kind="province")).state == "held"
    assert len(groups.robot.texts("市局")) == 1
    clock.at("12:20")
    assert (await act(groups, "release", held, "省厅管理员")).status_code == 200
    notice = await groups.notice("省厅", "12:00", kind="province")
    assert (notice.state, notice.late) == ("planned", True)
