"""A draft's text may be written anew before it is sent; what is sent was approved by two people as it reads."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.notices.helpers import TOMORROW, Groups
from tests.notices.test_drafts import act, draft_of, listed, proposals

__all__ = ["proposals"]


async def edit(groups: Groups, who: str, draft: str, **changes: Any) -> httpx.Response:
    body = {"title": "关于表扬梅江分局的通报", "body": "梅江分局连续三日全员完成，提出表扬。", "revision": 1, **changes}
    async with groups.town.as_(who) as client:
        return await client.patch(f"/drafts/{draft}", json=body)


async def approve(groups: Groups, who: str, draft: str, revision: int) -> httpx.Response:
    async with groups.town.as_(who) as client:
        return await client.post(f"/drafts/{draft}/approve", json={"revision": revision})


async def test_what_is_sent_is_the_text_that_both_approved(proposals: Groups) -> None:
    draft = await draft_of(proposals)
    await approve(proposals, "市局处长", draft, 1)
    edited = (await edit(proposals, "科长", draft)).json()
    assert (edited["revision"], edited["approvals"], edited["edited"]["name"]) == (2, [], "科长")
    unread = await approve(proposals, "管理员", draft, 1)
    assert (unread.status_code, unread.json()["code"], unread.json()["revision"]) == (409, "draft-changed", 2)
    assert (await approve(proposals, "科长", draft, 2)).json()["state"] == "proposed"
    assert (await approve(proposals, "市局处长", draft, 2)).json()["state"] == "sent"
    await proposals.tick("09:00:10", TOMORROW)
    assert "关于表扬梅江分局的通报\n梅江分局连续三日全员完成，提出表扬。" in proposals.robot.texts("市局")


async def test_the_same_text_again_changes_nothing(proposals: Groups) -> None:
    draft = await draft_of(proposals)
    first = await edit(proposals, "科长", draft)
    assert (await edit(proposals, "科长", draft)).json() == first.json()


async def test_of_two_editors_at_once_one_is_told(proposals: Groups) -> None:
    draft = await draft_of(proposals)
    answers = await asyncio.gather(*(edit(proposals, "科长", draft, body=f"第{n}种写法。") for n in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_sent_or_rejected_draft_is_not_written_anew(proposals: Groups) -> None:
    draft = await draft_of(proposals)
    await act(proposals, "科长", draft, "reject")
    refused = await edit(proposals, "市局处长", draft)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft-decided")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"body": "请拨打13812345678。"}, "/body"),
        ({"body": "完成打" + "卡的同志。"}, "/body"),
        ({"revision": 0}, "/revision"),
    ],
)
async def test_what_a_notice_cannot_say_is_refused(proposals: Groups, changes: dict[str, Any], pointer: str) -> None:
    draft = await draft_of(proposals)
    answer = await edit(proposals, "科长", draft, **changes)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert {item["revision"] for item in await listed(proposals)} == {1}
