"""Templates over HTTP: reading, saving, trying, going back; and the notices that they write."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.notices.layouts import PLACES
from app.notices.models import NoticeTemplate
from app.notices.text import TEMPLATE_VERSION
from app.roster.models import UnitKind
from tests.notices.helpers import Groups
from tests.people import Town
from tests.times import instant

PATH = "/notice-templates/12:00/bureau"
OWN = {"title": "{{ 标题 }}", "body": "各位：{{ 进展 }}\n{{ 落款 }}"}


async def call(town: Town, who: str, method: str, path: str, **send: Any) -> httpx.Response:
    async with town.as_(who) as client:
        return await client.request(method, path, **send)


async def saved(town: Town, body: dict[str, str] = OWN, path: str = PATH, who: str = "管理员") -> dict[str, Any]:
    answer = await call(town, who, "PUT", path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
async def province_admin(town: Town) -> str:
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    return "省厅管理员"


async def test_without_a_template_the_built_in_one_is_shown(town: Town) -> None:
    listed = (await call(town, "联络员", "GET", "/notice-templates")).json()["items"]
    assert [(one["slot"], one["audience"]) for one in listed] == list(PLACES)
    assert len(listed) == 12 + 4 + 2 + 2 + 2
    assert {(one["version"], one["owner"]) for one in listed} == {(0, None)}
    one = (await call(town, "联络员", "GET", PATH)).json()
    assert (one["title"], one["body"]) == (one["built_in_title"], one["built_in_body"])
    assert one["body"] == "{{ 进展 }}{{ 各分局情况 }}\n{{ 要求 }}\n{{ 落款 }}"
    assert {"name": "应参赛", "kind": "figure", "description": "应参赛人数"} in one["names"]
    assert "百分比" in {one["name"] for one in one["filters"]}


async def test_a_saved_template_writes_the_next_notice(groups: Groups) -> None:
    await saved(groups.town)
    await groups.tick("12:00:10")
    (text,) = groups.robot.texts("市局")
    assert "\n各位：应参赛5人，尚无人参赛。\n统计截至" in text
    notice, branch = await groups.notice("市局", "12:00"), await groups.notice("梅江", "12:00")
    assert (notice.template_version, notice.text_version, notice.warning) == (1, TEMPLATE_VERSION, None)
    assert (branch.template_version, branch.template_id) == (0, None)
    async with groups.town.services.database.reads() as session:
        assert (await session.get_one(NoticeTemplate, notice.template_id)).body == OWN["body"]


async def test_every_version_is_kept_and_the_newest_wins(town: Town) -> None:
    await saved(town)
    second = await saved(town, OWN | {"body": "第二版{{ 落款 }}"})
    assert (second["version"], second["body"], second["owner"]["name"]) == (2, "第二版{{ 落款 }}", "市局")
    assert [(one["version"], one["created_by"]) for one in second["versions"]] == [(2, "管理员"), (1, "管理员")]
    back = (await call(town, "管理员", "DELETE", PATH)).json()
    assert (back["version"], back["owner"], back["body"]) == (0, None, back["built_in_body"])
    assert next((one["version"], one["body"]) for one in back["versions"]) == (3, None)
    assert (await call(town, "管理员", "DELETE", PATH)).json() == back
    assert (await saved(town))["version"] == 4


async def test_the_same_again_is_no_new_version_and_acts_are_audited(town: Town) -> None:
    for _ in range(2):
        assert (await saved(town))["version"] == 1
    await call(town, "管理员", "DELETE", PATH)
    async with town.services.database.reads() as session:
        acts = list(await session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))
    assert acts == ["notice-template.save", "notice-template.delete"]


async def test_deleting_what_never_was_does_nothing(town: Town) -> None:
    assert (await call(town, "管理员", "DELETE", PATH)).json()["versions"] == []


async def test_two_who_save_at_once_both_get_a_version(town: Town) -> None:
    bodies = [OWN | {"body": f"{number}{{{{ 落款 }}}}"} for number in range(4)]
    answers = await asyncio.gather(*(call(town, "管理员", "PUT", PATH, json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [200] * 4
    detail = (await call(town, "管理员", "GET", PATH)).json()
    assert [one["version"] for one in detail["versions"]] == [4, 3, 2, 1]


async def test_a_provinces_template_holds_where_the_bureau_has_none(groups: Groups, province_admin: str) -> None:
    await saved(groups.town, OWN | {"body": "省定{{ 落款 }}"}, who=province_admin)
    seen = (await call(groups.town, "联络员", "GET", PATH)).json()
    assert (seen["body"], seen["owner"]["name"], seen["versions"]) == ("省定{{ 落款 }}", "省厅", [])
    await groups.tick("12:00:10")
    assert "省定统计截至" in groups.robot.texts("市局")[0]
    await saved(groups.town)
    assert (await call(groups.town, "联络员", "GET", PATH)).json()["owner"]["name"] == "市局"


async def test_a_wrong_template_is_refused_with_its_line(town: Town) -> None:
    body = {"title": "{{ 标题 }}", "body": "一\n{{ 完成绿 }}\n打13800000001"}
    for method, path, sent in (
        ("PUT", PATH, body),
        ("POST", "/notice-templates/preview", {**body, "slot": "12:00", "audience": "bureau"}),
    ):
        answer = await call(town, "管理员", method, path, json=sent)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation")
        told = [(one["pointer"], one["detail"][:5]) for one in answer.json()["errors"]]
        assert told == [("/body", "第3行：通"), ("/body", "第2行：没")]
    assert (await call(town, "管理员", "GET", PATH)).json()["versions"] == []


@pytest.mark.parametrize(
    "body", [{"title": "", "body": "x"}, {"title": "a\nb", "body": "x"}, {"title": "x", "body": "y" * 4001}]
)
async def test_what_is_no_template_at_all(town: Town, body: dict[str, str]) -> None:
    assert (await call(town, "管理员", "PUT", PATH, json=body)).status_code == 422


async def test_a_template_is_tried_on_three_days(town: Town) -> None:
    sent = {"slot": "08:00", "audience": "branch", "title": "{{ 标题 }}", "body": "{{ 单位 }}完成{{ 已完成 }}人"}
    answer = await call(town, "管理员", "POST", "/notice-templates/preview", json=sent)
    assert [(one["example"], one["body"]) for one in answer.json()["examples"]] == [
        ("无人参赛", "甲分局完成0人\n统计截至2026年11月22日24:00"),
        ("名次并列", "甲分局完成18人\n统计截至2026年11月22日24:00"),
        ("全员完成", "甲分局完成20人\n统计截至2026年11月22日24:00"),
    ]


@pytest.mark.parametrize("source", ["一\n{{ 昨日同时段完成 }}", "一\n{{ 应参赛|旧写法 }}"])
async def test_a_template_that_fails_after_all_gives_way_to_the_built_in_text(groups: Groups, source: str) -> None:
    async with groups.town.services.database.sessions.begin() as session:
        session.add(
            NoticeTemplate(
                unit_id=groups.town.units["市局"],
                slot="12:00",
                audience_kind="bureau",
                version=1,
                title="题",
                body=source,
                created_by=groups.town.officers["管理员"],
                created_at=instant("08:00"),
            )
        )
    await groups.tick("12:00:10")
    assert "请尚未完成的同志合理安排时间参加" in groups.robot.texts("市局")[0]
    notice = await groups.notice("市局", "12:00")
    assert (notice.template_version, notice.template_id) == (0, None)
    assert "第1版模板写不出这份通报（正文第2行：" in str(notice.warning)
    seen = (await call(groups.town, "管理员", "GET", f"/notices/{notice.id}")).json()
    assert seen["warning"] == notice.warning


@pytest.mark.parametrize(
    ("who", "reads", "writes"),
    [
        ("梅江001", 403, 403),
        ("联络员", 200, 403),
        ("市局处长", 200, 403),
        ("省厅处长", 200, 403),
        ("分局管理员", 200, 403),
    ],
)
async def test_who_may_read_and_write(town: Town, who: str, reads: int, writes: int) -> None:
    await town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    assert (await call(town, who, "GET", "/notice-templates")).status_code == reads
    assert (await call(town, who, "GET", PATH)).status_code == reads
    assert (await call(town, who, "PUT", PATH, json=OWN)).status_code == writes
    assert (await call(town, who, "DELETE", PATH)).status_code == writes


@pytest.mark.parametrize("path", ["/notice-templates/09:00/bureau", "/notice-templates/12:00/organisers"])
async def test_there_are_templates_of_known_slots_and_audiences_only(town: Town, path: str) -> None:
    assert (await call(town, "管理员", "GET", path)).status_code == 422


async def test_another_bureaus_templates_are_its_own(town: Town) -> None:
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市管理员", "邻市", roles=["admin"], takes_part=False)
    await saved(town)
    assert (await call(town, "邻市管理员", "GET", PATH)).json()["version"] == 0
