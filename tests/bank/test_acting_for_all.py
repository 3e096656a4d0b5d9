"""Who acts on what every bureau draws from: the highest unit, the one bureau below it where nobody else can."""

from __future__ import annotations

import pytest

from app.roster.models import UnitKind
from tests.bank.banks import fill, question
from tests.bank.lives import put, states
from tests.bank.test_confirming import load, post, used
from tests.bank.test_questions_api import get, upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook
from tests.people import Town
from tests.roster.test_playing_admin import enter_for_tomorrow

OWN = str(SINGLE[0])
ASK = "请由{}的管理员或系统运维人员办理。"


@pytest.fixture
async def two(town, services, tmp_path):
    """Two bureaus below the province, each with an administrator."""
    await town.unit("乙市局", UnitKind.BUREAU, "省厅")
    await town.officer("乙管理员", "乙市局", roles=["admin"], takes_part=False)
    await load(services, tmp_path)
    return town


async def test_no_bureau_of_several_confirms_or_withdraws(two, services):
    for who in ("管理员", "乙管理员"):
        for what in ("confirm", "withdraw"):
            refused = await post(two, what, who=who)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
            assert refused.json()["detail"].endswith(ASK.format("省厅"))
        assert (await get(two, who, "/instruments")).status_code == 200
    await two.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    assert (await post(two, who="省厅管理员")).json()["moved"] == ["mixed", "rule"]
    assert (await post(two, "withdraw", who="乙管理员")).status_code == 403
    assert await used(services) == {"sure", "mixed", "rule"}
    assert (await post(two, "withdraw", who="省厅管理员")).json()["moved"] == ["mixed", "rule"]


async def test_refused_before_name_and_body_are_judged(two):
    assert (await post(two, name="没有的文书")).status_code == 403
    assert (await post(two, by=" ")).status_code == 403


async def test_no_bureau_of_several_stops_a_shared_question_for_all(two, services):
    refused = await put(two, "sure", "retired", "乙管理员")
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "共用题库的题目停用后对全系统生效，" + ASK.format("省厅"),
    )
    await two.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    assert (await put(two, "sure", "retired", "省厅管理员")).status_code == 200
    assert (await put(two, "sure", "in_use")).status_code == 403
    assert (await states(services))["sure"] == "retired"


async def test_a_bureau_among_several_stops_its_own(two):
    assert (await upload(two, workbook(HEADER, SINGLE))).status_code == 200
    assert (await put(two, OWN, "retired")).json()["state"] == "retired"


async def test_the_one_bureau_acts_until_the_province_has_an_administrator(town, services, tmp_path):
    await load(services, tmp_path)
    await town.officer("参赛省厅管理员", "省厅", roles=["admin"])
    assert (await post(town)).json()["moved"] == ["mixed", "rule"]
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    assert (await post(town, "withdraw")).json()["detail"].endswith(ASK.format("省厅"))
    assert (await post(town, "withdraw", who="省厅管理员")).status_code == 200


async def test_an_administrator_above_who_will_take_part_leaves_it_to_the_one_bureau(town, services, tmp_path):
    await load(services, tmp_path)
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    await enter_for_tomorrow(town, "省厅管理员", takes_part=True)
    assert (await post(town, who="省厅管理员")).json()["code"] == "question-administration-closed"
    assert (await post(town)).json()["moved"] == ["mixed", "rule"]


async def test_a_branch_never_acts_for_its_bureau(town, services, tmp_path):
    await town.officer("分局管理员", "梅江", roles=["admin"], takes_part=False)
    await fill(services, tmp_path, [question("shared")])
    assert (await put(town, "shared", "retired", "分局管理员")).json()["detail"].endswith(ASK.format("市局"))
    assert (await post(town, name="行政处罚法", who="分局管理员")).json()["detail"].endswith(ASK.format("市局"))


async def test_where_nobody_stands_above_all_it_is_the_operators(town, services, tmp_path):
    await town.unit("邻省市局", UnitKind.BUREAU)
    await load(services, tmp_path)
    refused = await post(town)
    assert (refused.status_code, refused.json()["detail"].endswith("请联系系统运维人员办理。")) == (403, True)


async def test_a_bureau_that_stands_highest_acts(app, services, tmp_path):
    town = Town(app)
    await town.unit("市局", UnitKind.BUREAU)
    await town.officer("管理员", "市局", roles=["admin"], takes_part=False)
    await load(services, tmp_path)
    assert (await post(town)).json()["moved"] == ["mixed", "rule"]
