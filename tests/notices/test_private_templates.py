"""Templates of what single people are told: tried and saved over HTTP, and the messages that they write."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.notices.layouts import PLACES
from app.notices.models import NoticeTemplate
from app.notices.stats import Provincial
from app.notices.templates.sandbox import NOT_SAID
from app.notices.templates.service import BUILT_IN, Source, Wording, both, built_in
from app.notices.text import Stats, audience_of
from app.notices.words import PROVINCE
from tests.notices.audience_cases import PRIVATE_CASES
from tests.notices.cases import CASES
from tests.notices.figures import YESTERDAY, bureau
from tests.notices.helpers import TOMORROW
from tests.notices.private import People
from tests.notices.test_templates_api import call, saved
from tests.participation.rows import play
from tests.people import Town
from tests.times import SetClock, instant

PRIVATE = [place for place in PLACES if place[1] not in {"province", "bureau", "branch"}]
KEY = uuid.uuid5(uuid.NAMESPACE_OID, "模板")
AS_OF = "统计截至2026年11月23日"


def path(slot: str, audience: str) -> str:
    return f"/notice-templates/{slot}/{audience}"


def of(body: str, title: str = "{{ 标题 }}") -> dict[str, str]:
    return {"title": title, "body": body}


async def tried(town: Town, slot: str, audience: str, body: str) -> Any:
    sent = of(body) | {"slot": slot, "audience": audience}
    return (await call(town, "管理员", "POST", "/notice-templates/preview", json=sent)).json()


def said(stats: Stats, body: str) -> str:
    """What a template in force says of these figures."""
    place = (stats.occasion.slot.name, audience_of(stats))
    text, source = Wording({place: NoticeTemplate(version=1, title="题", body=body)}).say(stats)
    assert source.warning is None
    return text.body


@pytest.mark.parametrize(("slot", "audience"), PRIVATE)
async def test_each_is_shown_with_its_names_and_saved(town: Town, slot: str, audience: str) -> None:
    shown = (await call(town, "联络员", "GET", path(slot, audience))).json()
    assert (shown["version"], shown["title"], shown["body"]) == (0, *built_in((slot, audience)))
    assert {"标题", "情况", "竞赛", "截止"} <= {one["name"] for one in shown["names"]}
    body = "您好！" + shown["body"]
    assert (await saved(town, of(body), path(slot, audience)))["body"] == body


@pytest.mark.parametrize(
    ("slot", "audience", "names"),
    [
        ("18:00", "liaison", ["无人参赛", "名次并列", "全员完成"]),
        ("08:00", "leader", ["无人参赛", "名次下降"]),
        ("18:00", "leader", ["无人参赛", "名次并列", "全员完成"]),
        ("11:40", "forecast", ["无人参赛", "名次并列"]),
        ("20:00", "nudge", ["尚未开始", "差一场对战", "差每日一测和对战"]),
    ],
)
async def test_it_is_tried_on_what_its_readers_may_meet(
    town: Town, slot: str, audience: str, names: Sequence[str]
) -> None:
    answer = await tried(town, slot, audience, "{{ 情况 }}")
    assert [one["example"] for one in answer["examples"]] == names
    assert all(("统计截至" in one["body"]) == (audience != "nudge") for one in answer["examples"])


async def test_an_example_names_invented_people(town: Town) -> None:
    answer = await tried(town, "18:00", "liaison", "{{ 情况 }}{{ 提醒情况 }}\n{{ 链接 }}\n{{ 统计截至 }}")
    assert answer["examples"][1]["body"] == (
        "尚有2人未完成。进行中：甲001；未开始：甲002。今日已提醒2人，其中1人已完成。\n"
        "打开电话名单：https://lianbing.example.cn\n统计截至2026年11月23日18:00"
    )


@pytest.mark.parametrize(
    ("slot", "audience", "when"),
    [("12:00", "leader", "08:00、18:00"), ("12:00", "nudge", "12:30、20:00"), ("12:30", "liaison", "08:00、12:00")],
)
async def test_a_slot_that_tells_an_audience_nothing_has_no_template(
    town: Town, slot: str, audience: str, when: str
) -> None:
    for method, body in (("GET", None), ("PUT", of("甲")), ("DELETE", None)):
        answer = await call(town, "管理员", method, path(slot, audience), json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation")
        assert f"只有{when}" in answer.json()["errors"][0]["detail"]
    assert (await tried(town, slot, audience, "甲"))["errors"][0]["pointer"] == "/slot"


@pytest.mark.parametrize(
    ("body", "told"),
    [(f"今日{NOT_SAID[0]}", "不使用"), ("电话13800000001", "手机号"), ("{{ 市本级.应参赛 }}", "市本级")],
)
async def test_what_no_message_may_say_is_refused(town: Town, body: str, told: str) -> None:
    answer = await call(town, "管理员", "PUT", path("12:30", "nudge"), json=of(body))
    assert answer.status_code == 422
    assert told in answer.json()["errors"][0]["detail"]


async def test_what_cannot_be_written_names_its_example(town: Town) -> None:
    answer = await tried(town, "12:30", "nudge", "{% if not 已开始 %}{{ 补发 }}{% endif %}甲")
    assert answer["errors"][0]["detail"].endswith("（例：尚未开始）")


async def test_a_liaison_officers_message_is_written_by_the_template(people: People) -> None:
    await saved(people.groups.town, of("{{ 概况 }}\n{{ 名单 }}\n{{ 统计截至 }}"), path("12:00", "liaison"))
    await people.groups.tick("12:00:10")
    notice = await people.told("丰顺", "liaison", "12:00")
    assert notice.body == f"应参赛2人，均未开始。\n未开始：丰顺001、002。\n{AS_OF}12:00"
    assert (notice.template_version, notice.template_id is None, notice.warning) == (1, False, None)
    assert [text for _, _, text in await people.messages(notice)] == [f"{notice.title}\n{notice.body}"]


async def test_a_leaders_message_is_written_by_the_template_also_in_the_preview(
    people: People, clock: SetClock
) -> None:
    town = people.groups.town
    await saved(town, of("{{ 单位 }}还有{{ 未完成 }}人"), path("18:00", "leader"))
    clock.at("12:30")
    sent = {"slot": "18:00", "day": "2026-11-23", "audience": {"kind": "leader", "id": str(town.units["丰顺"])}}
    seen = (await call(town, "丰顺主任", "POST", "/notices/preview", json=sent)).json()
    assert seen["body"] == f"丰顺还有2人\n{AS_OF}12:30"
    await people.groups.tick("18:00:10")
    notice = await people.told("丰顺", "leader", "18:00")
    assert (notice.body, notice.template_version) == (f"丰顺还有2人\n{AS_OF}18:00", 1)


async def test_a_leader_is_still_told_in_the_morning_of_trouble_only(people: People) -> None:
    await saved(people.groups.town, of("请关注：{{ 情况 }}"), path("08:00", "leader"))
    for name in ("丰顺001", "丰顺002"):
        await play(people.groups.town, name, opened="09:00")
    await people.groups.tick("08:00:10", TOMORROW)
    assert await people.all("leader") == []


async def test_a_forecast_is_written_by_the_template(people: People) -> None:
    await saved(people.groups.town, of("{{ 预告时段 }}前请联系{{ 未完成 }}位同志"), path("11:40", "forecast"))
    await people.groups.tick("11:40:10")
    notice = await people.told("丰顺", "forecast", "11:40")
    assert (notice.body, notice.template_version) == (f"12:00前请联系2位同志\n{AS_OF}11:40", 1)


async def test_a_nudge_is_written_by_the_template_and_carries_no_as_of_line(people: People) -> None:
    town = people.groups.town
    await town.officer("丰顺009", "丰顺", wecom_userid="fs-9")
    await saved(town, of("{{ 还差 }}，约{{ 分钟 }}分钟", "提示"), path("12:30", "nudge"))
    await people.groups.tick("12:30:10")
    notice = await people.told("市局", "nudge", "12:30")
    assert {text for _, _, text in await people.messages(notice)} == {"提示\n每日一测，约5分钟"}
    assert notice.body == f"发给1人：每日一测，约5分钟\n{AS_OF}12:30"
    assert (notice.template_version, notice.warning) == (1, None)


async def test_a_private_template_that_fails_gives_way_to_the_built_in_text(people: People) -> None:
    town = people.groups.town
    await town.officer("丰顺009", "丰顺", wecom_userid="fs-9")
    places = [("12:00", "liaison"), ("12:30", "nudge")]
    async with town.services.database.sessions.begin() as session:
        for slot, audience in places:
            session.add(
                NoticeTemplate(
                    unit_id=town.units["市局"],
                    slot=slot,
                    audience_kind=audience,
                    version=3,
                    title="题",
                    body="一\n{{ 以前有过 }}",
                    created_by=town.officers["管理员"],
                    created_at=instant("08:00"),
                )
            )
    await people.groups.tick("12:00:10")
    await people.groups.tick("12:30:10")
    liaison, nudge = await people.told("丰顺", "liaison", "12:00"), await people.told("市局", "nudge", "12:30")
    assert str(liaison.body).startswith("应参赛3人，均未开始：丰顺001、002、009。")
    assert str(nudge.body).startswith("发给1人：今日任务尚未开始：每日一测，约5分钟。")
    for notice in (liaison, nudge):
        assert (notice.template_version, notice.template_id) == (0, None)
        assert "第3版模板写不出这份通报（正文第2行：" in str(notice.warning)


def test_a_notice_of_several_texts_keeps_the_template_and_the_first_warning() -> None:
    own, failed = Source(KEY, 2), Source(warning="甲")
    assert both(BUILT_IN, own) == own
    assert both(failed, own) == both(own, failed) == Source(KEY, 2, "甲")
    assert both(failed, Source(warning="乙")) == failed


@pytest.mark.parametrize(
    "stats",
    [
        CASES["bureau-1200"],
        CASES["branch-2200"],
        replace(bureau("22:00"), words=PROVINCE),
        *(PRIVATE_CASES[name] for name in ("liaison-1800", "leader-0800-both", "forecast-1140")),
    ],
    ids=audience_of,
)
def test_what_leaves_out_the_as_of_line_gets_it(stats: Stats) -> None:
    assert said(stats, "甲").startswith("甲\n统计截至2026年11月2")
    assert said(stats, "统计截至{{ 截至|钟点 }}") == said(stats, "统计截至{{ 截至|钟点 }}\n\n")
    assert said(stats, "统计截至{{ 截至|钟点 }}").count("统计截至") == 1


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("甲", ["甲", f"补发，{AS_OF}18:00"]),
        ("甲，统计截至{{ 截至|钟点 }}", ["甲，统计截至18:00", f"补发，{AS_OF}18:00"]),
        ("补发：甲，统计截至{{ 截至|钟点 }}", ["补发：甲，统计截至18:00"]),
        ("甲\n{{ 落款 }}", ["甲", f"补发，{AS_OF}18:00　执法监督科"]),
    ],
)
def test_what_comes_late_says_so(body: str, lines: list[str]) -> None:
    assert said(CASES["bureau-1800-late"], body).split("\n") == lines


def test_the_as_of_line_of_what_the_province_told_is_not_the_notices_own() -> None:
    stats = bureau("08:00", provincial=Provincial(7, told_as_of=instant("21:00", YESTERDAY)))
    assert said(stats, "{{ 全省情况 }}").split("\n") == [
        "三、全省情况。据省厅通报（统计截至2026年11月22日21:00），我市列全省第7位。",
        "统计截至2026年11月22日24:00",
    ]


def test_a_nudge_is_left_as_short_as_it_was_written() -> None:
    assert said(PRIVATE_CASES["nudge-match"], "{{ 情况 }}") == "还差1场对战，约2分钟。"
