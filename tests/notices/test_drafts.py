"""Drafts of praise and criticism: proposed by the figures, sent only when two people approved them, once."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from app.contests.models import ContestState
from app.core.audit import AuditEntry
from app.notices.drafts.models import Draft
from app.notices.drafts.rules import (
    Approved,
    DraftDecided,
    DraftState,
    Kind,
    SecondPersonNeeded,
    next_approval,
    proposed,
)
from app.notices.drafts.wording import DayOf, write_draft
from app.notices.models import Delivery, Notice
from app.participation.rules import Figures
from tests.notices.figures import people
from tests.notices.helpers import TOMORROW, Groups
from tests.participation.rows import exempt, play
from tests.times import TODAY, SetClock, instant

DAY = dt.timedelta(days=1)
BEGIN = TODAY - 2 * DAY
FULL, LOW, HALF, NOBODY = people(10, 10, 10, 90), people(10, 6, 5, 40), people(10, 10, 6, 80), Figures()


def run(*days: Figures) -> dict[dt.date, Figures]:
    return {TODAY + number * DAY: figures for number, figures in enumerate(days)}


@pytest.mark.parametrize(
    ("days", "kinds"),
    [
        ([FULL, FULL, FULL], [Kind.PRAISE]),
        ([FULL, FULL], []),
        ([FULL, HALF, FULL], []),
        ([FULL, NOBODY, FULL], []),
        ([FULL, LOW, LOW], [Kind.CRITICISM]),
        ([LOW, LOW], [Kind.CRITICISM]),
        ([LOW], []),
        ([LOW, HALF], []),  # 60 % is not below 60 %
        ([NOBODY, NOBODY], []),
        ([], []),
    ],
)
def test_what_a_run_of_days_gives(days: list[Figures], kinds: list[Kind]) -> None:
    assert proposed(run(*days), {}) == kinds


def test_a_run_that_gave_a_draft_gives_none_until_as_many_days_more() -> None:
    days = run(FULL, FULL, FULL)
    assert proposed(days, {Kind.PRAISE: [TODAY]}) == []
    assert proposed(days, {Kind.PRAISE: [TODAY - DAY]}) == [Kind.PRAISE]
    assert proposed(days, {Kind.CRITICISM: [TODAY]}) == [Kind.PRAISE]


@given(st.lists(st.sampled_from([FULL, LOW, HALF]), max_size=12))
def test_over_a_contest_no_day_stands_in_two_drafts_of_a_kind(days: list[Figures]) -> None:
    told: dict[Kind, list[dt.date]] = {}
    for number in range(1, len(days) + 1):
        newest = dict(list(run(*days).items())[max(0, number - 3) : number])
        for kind in proposed(newest, told):
            told.setdefault(kind, []).append(max(newest))
    for kind, needed in ((Kind.PRAISE, 3), (Kind.CRITICISM, 2)):
        ends = told.get(kind, [])
        assert all(later - earlier >= needed * DAY for earlier, later in pairwise(ends))


def test_who_may_approve_what() -> None:
    assert next_approval(None, None, "proposed", "甲")
    assert next_approval("甲", None, "proposed", "乙")
    assert not next_approval("甲", "乙", "sent", "乙")
    assert not next_approval("甲", "乙", "sent", "甲")
    with pytest.raises(SecondPersonNeeded):
        next_approval("甲", None, "proposed", "甲")
    for state in (DraftState.SENT, DraftState.REJECTED):
        with pytest.raises(DraftDecided):
            next_approval("甲", "乙", state, "丙")


@pytest.mark.parametrize(
    ("approved", "goes_out", "deadline"),
    [
        ("09:30", instant("09:30"), instant("11:30")),
        ("21:59", instant("21:59"), instant("23:00")),
        ("22:00", instant("08:00", TOMORROW), instant("10:00", TOMORROW)),
        ("03:00", instant("08:00"), instant("10:00")),
    ],
)
def test_what_is_approved_at_night_goes_out_in_the_morning(
    approved: str, goes_out: dt.datetime, deadline: dt.datetime
) -> None:
    slot = Approved(instant(approved))
    assert (slot.goes_out_at, slot.deadline) == (goes_out, deadline)


def test_what_the_drafts_say() -> None:
    days = [DayOf(number, TODAY + (number - 5) * DAY, figures) for number, figures in ((5, FULL), (6, FULL), (7, FULL))]
    praise = write_draft(Kind.PRAISE, contest="网络知识竞赛", issuer="执法监督科", unit="丰顺分局", days=days)
    assert praise.title == "关于表扬丰顺分局的通报"
    assert praise.body == (
        "丰顺分局在网络知识竞赛第5日至第7日（11月23日至11月25日）连续3个竞赛日全员完成当日任务，答题正确率90.0%，"
        "组织有力，参赛积极，特提出表扬。希望继续保持，统筹好执法任务与学习训练；也请其他单位学习借鉴。\n"
        "统计截至2026年11月25日24:00　执法监督科"
    )
    days = [DayOf(5, TODAY, LOW), DayOf(6, TODAY + DAY, people(10, 0, 0, 0))]
    criticism = write_draft(Kind.CRITICISM, contest="网络知识竞赛", issuer="执法监督科", unit="丰顺分局", days=days)
    assert criticism.title == "关于丰顺分局参赛情况的工作通报"
    assert "连续2个竞赛日完成率低于60%（第5日50.0%、第6日0%）。请该单位查明原因" in criticism.body


def test_praise_of_a_branch_that_answered_nothing_states_no_accuracy() -> None:
    days = [DayOf(1, TODAY, Figures(1, 0, 1, 1, 1))]
    assert "正确率" not in write_draft(Kind.PRAISE, contest="竞赛", issuer="科", unit="丰顺", days=days).body


# Over HTTP.


@pytest.fixture
async def proposals(groups: Groups, clock: SetClock) -> Groups:
    """Three days over: 梅江 in full on each, 丰顺 with nobody; the third 8:00 final has just been planned."""
    await groups.set_contest(starts_on=BEGIN)
    await groups.town.officer("科长", "市局", roles=["bureau"], takes_part=False)
    for day in (BEGIN, BEGIN + DAY, TODAY):
        for name in ("梅江001", "梅江002", "联络员"):
            await play(groups.town, name, day=day)
    await groups.tick("08:00:10", TOMORROW)
    clock.at("09:00", TOMORROW)
    return groups


async def listed(groups: Groups, who: str = "市局处长", **params: Any) -> list[dict[str, Any]]:
    async with groups.town.as_(who) as client:
        answer = await client.get("/drafts", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def draft_of(groups: Groups, unit: str = "梅江") -> str:
    return next(str(item["id"]) for item in await listed(groups) if item["unit"]["name"] == unit)


async def act(groups: Groups, who: str, draft: str, what: str = "approve") -> httpx.Response:
    body = {"json": {"reason": "情况特殊。"}} if what == "reject" else {}
    async with groups.town.as_(who) as client:
        return await client.post(f"/drafts/{draft}/{what}", **body)  # type: ignore[arg-type]


async def count(groups: Groups, table: Any) -> int:
    async with groups.town.services.database.reads() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def test_the_final_proposes_and_shows_its_evidence(proposals: Groups) -> None:
    items = {item["unit"]["name"]: item for item in await listed(proposals)}
    assert items.keys() == {"梅江", "丰顺"}
    assert (items["梅江"]["kind"], items["丰顺"]["kind"]) == ("praise", "criticism")
    assert {item["state"] for item in items.values()} == {"proposed"}
    assert [day["day"] for day in items["梅江"]["evidence"]["days"]] == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert [day["completion_rate"] for day in items["丰顺"]["evidence"]["days"]] == [0, 0]
    assert [day["day_number"] for day in items["丰顺"]["evidence"]["days"]] == [2, 3]
    assert items["梅江"]["title"] == "关于表扬梅江的通报"
    assert (items["梅江"]["approvals"], items["梅江"]["rejection"], items["梅江"]["notice_id"]) == ([], None, None)
    assert not [text for text in proposals.robot.texts("市局") if "表扬" in text]


async def test_another_round_and_the_next_day_propose_nothing_twice(proposals: Groups) -> None:
    await proposals.tick("08:00:40", TOMORROW)
    for name in ("梅江001", "梅江002", "联络员"):
        await play(proposals.town, name, day=TOMORROW)
    await proposals.tick("08:00:10", TOMORROW + DAY)
    assert [item["unit"]["name"] for item in await listed(proposals)].count("梅江") == 1


async def test_one_approval_sends_nothing(proposals: Groups) -> None:
    draft, notices = await draft_of(proposals), await count(proposals, Notice)
    answer = (await act(proposals, "市局处长", draft)).json()
    assert answer["state"] == "proposed"
    assert [(one["name"], one["at"]) for one in answer["approvals"]] == [("市局处长", "2026-11-24T09:00:00+08:00")]
    await proposals.tick("09:00:10", TOMORROW)
    assert await count(proposals, Notice) == notices


async def test_the_same_person_twice_sends_nothing(proposals: Groups) -> None:
    draft, notices = await draft_of(proposals), await count(proposals, Notice)
    await act(proposals, "管理员", draft)
    again = await act(proposals, "管理员", draft)
    assert (again.status_code, again.json()["code"]) == (409, "second-person-needed")
    assert await count(proposals, Notice) == notices


async def test_two_people_send_it_to_the_bureaus_group_once(proposals: Groups) -> None:
    draft = await draft_of(proposals)
    await act(proposals, "市局处长", draft)
    taps = await asyncio.gather(*(act(proposals, "科长", draft) for _ in range(3)), act(proposals, "市局处长", draft))
    sent = taps[0].json()
    assert {tap.status_code for tap in taps} <= {200, 409}  # the first person's tap may come before the second's
    assert (sent["state"], [one["name"] for one in sent["approvals"]]) == ("sent", ["市局处长", "科长"])
    await proposals.tick("09:00:10", TOMORROW)
    (text,) = [text for text in proposals.robot.texts("市局") if "表扬" in text]
    assert text == f"{sent['title']}\n{sent['body']}"
    async with proposals.town.as_("市局处长") as bureau:
        notice = (await bureau.get(f"/notices/{sent['notice_id']}")).json()
        assert (await bureau.get(f"/notices/{sent['notice_id']}/ranking.png")).status_code == 404
        assert (await bureau.get(f"/notices/{sent['notice_id']}/notice.docx")).status_code == 404
    assert (notice["state"], notice["title"], notice["body"]) == ("sent", sent["title"], sent["body"])
    assert notice["audience"]["kind"] == "bureau"
    late = await act(proposals, "管理员", draft)
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "draft-decided", "sent")


async def test_without_a_channel_it_waits_to_be_forwarded(proposals: Groups) -> None:
    await proposals.set_channel("市局", enabled=False)
    draft = await draft_of(proposals)
    for who in ("市局处长", "管理员"):
        await act(proposals, who, draft)
    assert (await proposals.states("市局"))[-1] == "to_forward"


async def test_at_night_it_waits_for_the_morning(proposals: Groups, clock: SetClock) -> None:
    clock.at("23:10", TOMORROW)
    draft = await draft_of(proposals)
    for who in ("市局处长", "管理员"):
        await act(proposals, who, draft)
    await proposals.tick("23:30", TOMORROW)
    assert (await proposals.states("市局"))[-1] == "pending"
    await proposals.tick("08:00:30", TOMORROW + DAY)
    assert [text for text in proposals.robot.texts("市局") if "表扬" in text]


async def test_two_drafts_approved_at_a_slots_own_instant_leave_the_slot_its_notice(
    proposals: Groups, clock: SetClock
) -> None:
    clock.at("12:00", TOMORROW)
    drafts = [await draft_of(proposals, unit) for unit in ("梅江", "丰顺")]
    for who in ("市局处长", "管理员"):
        assert [(await act(proposals, who, draft)).status_code for draft in drafts] == [200, 200]
    await proposals.tick("12:00:10", TOMORROW)
    texts = "".join(proposals.robot.texts("市局"))
    assert ("特提出表扬" in texts, "工作通报" in texts, "进度（12:00）" in texts) == (True, True, True)


async def test_a_rejected_draft_is_over(proposals: Groups) -> None:
    draft = await draft_of(proposals, "丰顺")
    await act(proposals, "市局处长", draft)
    answers = [await act(proposals, "管理员", draft, "reject") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    rejection = answers[0].json()["rejection"]
    assert (answers[0].json()["state"], rejection["name"], rejection["reason"]) == ("rejected", "管理员", "情况特殊。")
    for who, what in (("科长", "approve"), ("科长", "reject")):
        late = await act(proposals, who, draft, what)
        assert (late.status_code, late.json()["code"]) == (409, "draft-decided")


async def test_every_act_is_in_the_log(proposals: Groups) -> None:
    praise, criticism = await draft_of(proposals), await draft_of(proposals, "丰顺")
    for who in ("市局处长", "管理员"):
        await act(proposals, who, praise)
    await act(proposals, "管理员", criticism, "reject")
    async with proposals.town.services.database.reads() as session:
        acts = list(await session.execute(select(AuditEntry.action, AuditEntry.subject_id).order_by(AuditEntry.seq)))
    assert [tuple(row) for row in acts] == [
        ("draft.approve", praise),
        ("draft.send", praise),
        ("draft.reject", criticism),
    ]


async def test_the_database_itself_wants_two_people(proposals: Groups) -> None:
    draft = uuid.UUID(await draft_of(proposals))
    person = proposals.town.officers["管理员"]
    with pytest.raises(IntegrityError, match="two_people"):
        async with proposals.town.services.database.sessions.begin() as session:
            await session.execute(
                update(Draft).where(Draft.id == draft).values(first_approved_by=person, second_approved_by=person)
            )
    with pytest.raises(IntegrityError, match="ck_draft_sent"):
        async with proposals.town.services.database.sessions.begin() as session:
            await session.execute(update(Draft).where(Draft.id == draft).values(state="sent"))


@pytest.mark.parametrize("who", ["联络员", "省厅处长", "梅江001"])
async def test_others_see_and_approve_none(proposals: Groups, who: str) -> None:
    draft = await draft_of(proposals)
    assert (await act(proposals, who, draft)).status_code == 403
    async with proposals.town.as_(who) as client:
        assert (await client.get("/drafts")).status_code == 403


async def test_a_draft_of_another_bureau_does_not_exist(proposals: Groups) -> None:
    await proposals.town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    draft = await draft_of(proposals)
    for wanted in (draft, str(uuid.uuid4()), "x"):
        assert (await act(proposals, "分局管理员", wanted)).status_code == 404
    assert await listed(proposals, "分局管理员") == []


async def test_the_list_comes_in_pages_and_by_state(proposals: Groups) -> None:
    await act(proposals, "管理员", await draft_of(proposals, "丰顺"), "reject")
    assert [item["unit"]["name"] for item in await listed(proposals, state="rejected")] == ["丰顺"]
    async with proposals.town.as_("管理员") as admin:
        first = await admin.get("/drafts", params={"limit": 1})
        second = await admin.get("/drafts", params={"limit": 1, "cursor": first.json()["next"]})
        held = await admin.get("/drafts", params={"limit": 1}, headers={"If-None-Match": first.headers["etag"]})
        assert (await admin.get("/drafts", params={"cursor": "x"})).status_code == 400
    assert 'rel="next"' in first.headers["link"]
    assert {first.json()["items"][0]["id"], second.json()["items"][0]["id"]} == {
        i["id"] for i in await listed(proposals)
    }
    assert (second.json()["next"], held.status_code) == (None, 304)


async def test_a_slot_that_was_missed_still_proposes(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY)
    await groups.tick("12:00:10", TOMORROW)
    assert {item["unit"]["name"] for item in await listed(groups)} == {"梅江", "丰顺"}


async def test_a_paused_contest_proposes_nothing(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY, state=ContestState.PAUSED)
    await groups.tick("08:00:10", TOMORROW)
    assert await count(groups, Draft) == 0


async def test_a_first_day_and_an_exempt_branch_give_nothing(groups: Groups) -> None:
    for name in ("丰顺001", "丰顺002"):
        await exempt(groups.town, name, TODAY - DAY, TODAY)
    await groups.set_contest(starts_on=TODAY - DAY)
    await groups.tick("08:00:10", TODAY)
    assert await count(groups, Draft) == 0
    await groups.tick("08:00:10", TOMORROW)
    assert [item["unit"]["name"] for item in await listed(groups)] == ["梅江"]


async def test_a_trial_run_writes_no_draft(groups: Groups) -> None:
    await groups.set_contest(starts_on=TODAY - DAY)
    await groups.tick("08:00:10", TOMORROW, dry_run=True)
    assert (await count(groups, Draft), await count(groups, Delivery)) == (0, 0)
