"""Over HTTP: channels are written, never read back, tested, and deleted without losing a message."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.roster.models import UnitKind
from tests.notices.helpers import Groups
from tests.times import SetClock, instant

SECRET_URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=very-secret-key"


def new(groups: Groups, unit: str = "五华", kind: str = "branch", **more: object) -> dict[str, Any]:
    audience = {"kind": kind, "id": str(groups.town.units[unit])}
    return {"name": "五华群", "kind": "wecom_robot", "audience": audience, "url": SECRET_URL, **more}


async def audited(groups: Groups) -> list[AuditEntry]:
    async with groups.town.services.database.reads() as session:
        return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))


async def test_secrets_are_written_and_never_read_back(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        made = await admin.post("/channels", json=new(groups, secret="another-secret"))
        assert made.status_code == 201
        channel = made.json()
        assert (channel["target"], channel["has_secret"], channel["enabled"]) == ("qyapi.weixin.qq.com", True, True)
        assert channel["audience"] == {"kind": "branch", "id": str(groups.town.units["五华"]), "name": "五华"}
        listed = await admin.get("/channels")
        changed = await admin.patch(f"/channels/{channel['id']}", json={"url": SECRET_URL + "2", "enabled": False})
        assert changed.json() == {**channel, "enabled": False}
    said = made.text + listed.text + changed.text
    kept = orjson.dumps([[e.before, e.after] for e in await audited(groups)]).decode()
    assert "secret-key" not in said + kept
    assert "another-secret" not in said + kept
    assert [e.action for e in await audited(groups)] == ["channel.create", "channel.change"]
    assert (await audited(groups))[1].after is not None
    assert (await audited(groups))[1].after["replaced"] == ["url"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "https://evil.example/x"}, "/url"),
        ({"url": "http://qyapi.weixin.qq.com/x"}, "/url"),
        ({"url": None}, "/url"),
        ({"kind": "manual"}, "/url"),
        ({"kind": "telegram"}, "/kind"),
        ({"name": ""}, "/name"),
        ({"audience": "市局 as branch"}, "/audience/kind"),
        ({"audience": "镇街"}, "/audience/kind"),
    ],
)
async def test_what_is_wrong_with_a_channel_is_named(groups: Groups, change: dict[str, Any], pointer: str) -> None:
    await groups.town.unit("镇街", UnitKind.TOWNSHIP, "丰顺")
    if "audience" in change:
        unit = change["audience"].split(" ")[0]
        change = {"audience": {"kind": "branch", "id": str(groups.town.units[unit])}}
    async with groups.town.as_("管理员") as admin:
        answer = await admin.post("/channels", json={**new(groups), **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_only_administrators_of_the_subtree_touch_channels(groups: Groups) -> None:
    path = f"/channels/{groups.channels['丰顺']}"

    async def everything(client: httpx.AsyncClient) -> set[int]:
        return {
            (await client.post("/channels", json=new(groups))).status_code,
            (await client.patch(path, json={"enabled": "perhaps"})).status_code,
            (await client.delete(path)).status_code,
            (await client.post(f"{path}/test")).status_code,
        }

    await groups.town.unit("邻市局", UnitKind.BUREAU, "省厅")
    await groups.town.officer("邻管理员", "邻市局", roles=["admin"], takes_part=False)
    for name in ("市局处长", "联络员", "省厅处长", "梅江001"):
        async with groups.town.as_(name) as client:
            assert await everything(client) == {403}
            assert (await client.get("/channels")).status_code == 403
    async with groups.town.as_("邻管理员") as client:
        assert await everything(client) == {404}
        assert (await client.get("/channels")).json()["items"] == []


async def test_the_same_address_twice_in_one_group_is_refused(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        made = await admin.post("/channels", json=new(groups))
        assert made.status_code == 201
        again = await admin.post("/channels", json=new(groups))
        other = await admin.post("/channels", json=new(groups, url=SECRET_URL + "2"))
        moved = await admin.patch(f"/channels/{other.json()['id']}", json={"url": SECRET_URL})
        assert (await admin.delete(f"/channels/{made.json()['id']}")).status_code == 204
        assert (await admin.post("/channels", json=new(groups))).status_code == 201
    assert [a.json()["code"] for a in (again, moved)] == ["channel-exists", "channel-exists"]


async def test_a_manual_channel_needs_no_address(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        made = (await admin.post("/channels", json={**new(groups), "kind": "manual", "url": None})).json()
        assert (made["kind"], made["target"]) == ("manual", None)
        tested = await admin.post(f"/channels/{made['id']}/test")
    assert (tested.status_code, tested.json()["code"]) == (409, "channel-not-testable")


async def test_channels_are_listed_in_pages(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        first = await admin.get("/channels", params={"limit": 2})
        rest = await admin.get("/channels", params={"limit": 2, "cursor": first.json()["next"]})
        names = {item["name"] for answer in (first, rest) for item in answer.json()["items"]}
        assert names == {"市局群", "梅江群", "丰顺群"}
        assert rest.json()["next"] is None
        assert (await admin.get("/channels", params={"cursor": "WzFd"})).json()["code"] == "malformed"


async def test_a_deleted_channel_keeps_its_history_and_leaves_the_rest_to_a_person(
    groups: Groups, clock: SetClock
) -> None:
    await groups.tick("12:00:10")
    await groups.set_channel("丰顺", blocked_until=instant("19:00"))
    await groups.tick("18:00:10")
    path = f"/channels/{groups.channels['丰顺']}"
    async with groups.town.as_("管理员") as admin:
        assert (await admin.delete(path)).status_code == 204
        assert (await admin.delete(path)).status_code == 404
        assert len((await admin.get("/channels")).json()["items"]) == 2
        items = (await admin.get("/notices")).json()["items"]
    shown = [d for item in items if item["audience"]["name"] == "丰顺" for d in item["deliveries"]]
    assert [(d["state"], d["channel"]["name"]) for d in shown] == [("to_forward", "丰顺群"), ("sent", "丰顺群")]
    await groups.tick("22:00:10")
    assert (await groups.states("丰顺"))[-1] == "to_forward"
    assert len(groups.robot.texts("丰顺")) == 1


async def test_a_test_message_is_labelled_and_told_about(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        answer = await admin.post(f"/channels/{groups.channels['丰顺']}/test")
    assert answer.json() == {"outcome": "sent", "detail": "测试消息已发出，请到群内查看。"}
    (text,) = groups.robot.texts("丰顺")
    assert text.startswith("【测试消息】")
    assert "丰顺" in text
    assert [e.action for e in await audited(groups)] == ["channel.test"]


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        (93000, "dead", "机器人已被移出该群"),
        (45009, "retry", "请一分钟后再测试"),
        (502, "uncertain", "请到群内查看，没有收到的再测试一次"),
        (-1, "retry", "请稍后再测试"),
    ],
)
async def test_a_failed_test_says_what_to_do(groups: Groups, fault: int, outcome: str, said: str) -> None:
    groups.robot.faults["丰顺"].append(fault)
    path = f"/channels/{groups.channels['丰顺']}"
    async with groups.town.as_("管理员") as admin:
        answer = (await admin.post(f"{path}/test")).json()
        assert answer["outcome"] == outcome
        assert said in answer["detail"]
        listed = (await admin.get("/channels")).json()["items"]
        again = await admin.post(f"{path}/test")
    assert next(item for item in listed if item["name"] == "丰顺群")["last_error"]
    assert again.status_code == (429 if fault == 45009 else 200)


async def test_tests_keep_the_robots_rate(groups: Groups, clock: SetClock) -> None:
    await groups.set_channel("丰顺", posted_at=[clock.now] * 20)
    async with groups.town.as_("管理员") as admin:
        answer = await admin.post(f"/channels/{groups.channels['丰顺']}/test")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate-limited", "61")
    assert groups.robot.requests == []


async def test_a_new_address_starts_with_a_clean_slate(groups: Groups, clock: SetClock) -> None:
    await groups.set_channel("丰顺", posted_at=[clock.now] * 20, blocked_until=instant("23:00"), last_error="x")
    path = f"/channels/{groups.channels['丰顺']}"
    async with groups.town.as_("管理员") as admin:
        kept = await admin.patch(path, json={"name": "新名称", "secret": None})
        assert (kept.json()["name"], kept.json()["last_error"]) == ("新名称", "x")
        moved = await admin.patch(path, json={"url": groups.robot.url("newgroup")})
        assert (moved.json()["last_error"], moved.json()["blocked_until"]) == (None, None)
        assert (await admin.post(f"{path}/test")).json()["outcome"] == "sent"
        refused = await admin.patch(path, json={"url": "https://evil.example/x"})
        assert refused.json()["errors"][0]["pointer"] == "/url"
        assert (await admin.patch(f"/channels/{uuid.uuid4()}", json={})).status_code == 404
    assert len(groups.robot.texts("newgroup")) == 1


async def test_an_address_whose_name_does_not_resolve_now_is_kept(groups: Groups) -> None:
    async with groups.town.as_("管理员") as admin:
        answer = await admin.post("/channels", json=new(groups, url="https://nothing.invalid/send?key=x"))
        assert answer.status_code == 201
        tested = (await admin.post(f"/channels/{answer.json()['id']}/test")).json()
    assert tested["outcome"] == "retry"
    assert "解析不到地址" in tested["detail"]
