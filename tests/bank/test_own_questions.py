"""Who puts a bureau's own question into use, on what law, and what the same file again leaves as it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.bank.life.service import follow_bases
from app.bank.own import PutBack
from app.core.audit import AuditEntry
from tests.bank.banks import FACTS, INSTRUMENTS, fill, question
from tests.bank.lives import ask, id_of, put, states
from tests.bank.test_confirming import REGISTER, RULE, WAITING_FACTS, post
from tests.bank.test_exchange import book_of
from tests.bank.test_import import held, version
from tests.bank.test_queries import RESTS, drawable, own
from tests.bank.test_questions_api import get, upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook
from tests.times import instant

OWN = str(SINGLE[0])
RULES = f"《{RULE}》第三条"


@pytest.fixture
async def bureau(town, services, tmp_path):
    """A bureau with two administrators and a shared bank, whose register holds rules that nobody confirmed."""
    await town.officer("法制员", "市局", roles=["admin"], takes_part=False)
    await fill(services, tmp_path / "s", [question("shared")], instruments=REGISTER, facts=WAITING_FACTS)
    return town


def row(basis: str = str(SINGLE[11]), state: str = "启用", **cells: str) -> list[object]:
    made = dict(zip(HEADER, SINGLE, strict=True)) | {"法律依据": basis, "状态": state} | cells
    return list(made.values())


async def take(town, *rows: list[object], header: list[str] = HEADER) -> dict[str, Any]:
    answer = await upload(town, workbook(header, *rows))
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def use(town, code: str = OWN) -> None:
    for state in ("reviewed", "in_use"):
        assert (await put(town, code, state, "法制员")).status_code == 200


async def test_an_import_alone_puts_nothing_into_use(bureau, services):
    report = await take(bureau, row())
    assert (report["created"], report["drafts"]) == (1, 1)
    assert "由另一位管理员复核后启用" in report["advice"]
    assert OWN not in await drawable(services, owners=[bureau.units["市局"]])
    assert (await put(bureau, OWN, "reviewed")).json()["code"] == "reviewer-is-author"
    await use(bureau)
    assert OWN in await drawable(services, owners=[bureau.units["市局"]])


async def test_a_dry_run_tells_of_drafts_too(bureau):
    report = (await upload(bureau, workbook(HEADER, row()), dry_run="true")).json()
    assert (report["drafts"], report["advice"]) == (1, "1题存为草稿，由另一位管理员复核后启用。")


async def test_an_export_imported_again_loses_nothing(bureau, services):
    others = [row(编号=f"市-10{number}", 题干=f"{stem}（　）。") for number, stem in enumerate(("甲", "乙丙"))]
    await take(bureau, row(), *others)
    await use(bureau)
    await put(bureau, "市-100", "reviewed", "法制员")
    before, at = await states(services), await version(services)
    book = (await get(bureau, "管理员", "/exports/questions")).content
    assert {line[-1] for line in book_of(book)[1:]} == {"启用", "已核", "草稿"}
    report = (await upload(bureau, book)).json()
    assert (report["unchanged"], report["changed"], report["kept"], report["advice"]) == (3, 0, 0, None)
    assert (await states(services), await version(services)) == (before, at)


async def test_an_import_lifts_no_retirement(bureau, services):
    await take(bureau, row())
    await put(bureau, OWN, "retired", "法制员", "答案有误")
    report = await take(bureau, row())
    assert (report["unchanged"], report["kept"]) == (1, 1)
    assert "也不恢复停用的题目" in report["advice"]
    assert (await take(bureau, row(题干="改写了的题干（　）。")))["changed"] == 1
    assert (await states(services))[OWN] == "retired"


async def test_each_state_that_an_import_changes_is_a_step(bureau, services):
    await take(bureau, row())
    await use(bureau)
    await take(bureau, row(state="待复核"))
    await take(bureau, row(题干="改写了的题干（　）。"))
    life = (await ask(bureau, "管理员", "GET", f"/questions/{await id_of(bureau, OWN)}/life")).json()
    assert [(one["from_state"], one["to_state"], one["by"]["name"], one["note"]) for one in life["steps"][:2]] == [
        ("to_confirm", "draft", "管理员", "导入题目文件"),
        ("in_use", "to_confirm", "管理员", "导入题目文件"),
    ]
    assert (life["steps"][0]["revision_id"] != life["steps"][1]["revision_id"], life["reviews"]) == (True, [])


async def test_a_shared_bank_that_drops_a_question_leaves_a_step(bureau, services, tmp_path):
    other = [question("other", stem="另外一题（　）。")]
    await fill(services, tmp_path / "s", other, instruments=REGISTER, facts=WAITING_FACTS)
    life = (await ask(bureau, "管理员", "GET", f"/questions/{await id_of(bureau, 'shared')}/life")).json()
    assert [(one["from_state"], one["to_state"], one["by"]) for one in life["steps"]] == [("in_use", "retired", None)]


TXT = "1. 听证的期限是（　）。\nA. 五日\nB. 七日\nC. 十日\n答案：B\n解析：见本条。\n"
GIFT = "听证的期限是（　）。{~五日 =七日 ~十日}"


@pytest.mark.parametrize(("file", "content"), [("题.txt", TXT), ("题.gift", GIFT)])
async def test_the_same_text_file_again_leaves_use_and_basis_alone(bureau, services, file, content):
    await upload(bureau, content.encode(), file=file)
    [code] = [code for code in await states(services) if code != "shared"]
    await take(bureau, row(编号=code, state="草稿"))
    await use(bureau, code)
    report = (await upload(bureau, content.encode(), file=file)).json()
    assert (report["unchanged"], report["changed"]) == (1, 0)
    report = (await upload(bureau, content.replace("七日", "七天").encode(), file=file)).json()
    assert (report["changed"], report["drafts"]) == (1, 1)
    question_now, text_now = await held(services, code)
    assert (question_now.state, text_now.basis[0]["article"], text_now.topic) == ("draft", "第六十三条", "水")


async def test_a_sheet_without_a_state_column_keeps_the_state(bureau, services):
    await take(bureau, row())
    await use(bureau)
    assert (await take(bureau, row()[:-1], header=HEADER[:-1]))["unchanged"] == 1
    assert (await states(services))[OWN] == "in_use"
    new = await take(bureau, row(编号="市-7", 题干="毫不相干的题（　）。")[:-1], header=HEADER[:-1])
    assert (new["created"], new["drafts"]) == (1, 1)


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (RULES, f"《{RULE}》的现行效力还没有人确认"),
        (f"《{RULE}》第九百九十九条", "没有登记条文事实，无从核对"),
    ],
)
async def test_law_in_doubt_is_told_by_an_import_and_refused_for_use(bureau, services, basis, said):
    for dry_run in ("true", "false"):
        report = (await upload(bureau, workbook(HEADER, row(basis)), dry_run=dry_run)).json()
        assert (report["created"], report["drafts"], said in report["advice"]) == (1, 1, True)
    await put(bureau, OWN, "reviewed", "法制员")
    refused = (await put(bureau, OWN, "in_use")).json()
    assert (refused["code"], refused["instruments"], said in refused["detail"]) == ("basis-not-confirmed", [RULE], True)


async def test_own_questions_come_and_go_with_the_confirmation(bureau, services):
    await post(bureau)
    await take(bureau, row(RULES), row(编号="市-8", 题干="毫不相干的题（　）。"))
    await use(bureau)
    await use(bureau, "市-8")
    withdrawn = (await post(bureau, "withdraw")).json()
    assert (withdrawn["moved"], withdrawn["put_back"]) == ([], [{"unit": "市局", "questions": 1}])
    assert ((await states(services))[OWN], (await states(services))["市-8"]) == ("to_confirm", "in_use")
    life = (await ask(bureau, "管理员", "GET", f"/questions/{await id_of(bureau, OWN)}/life")).json()
    assert (life["steps"][0]["cause"], life["steps"][0]["to_state"]) == ("basis", "to_confirm")
    assert (await put(bureau, OWN, "in_use")).json()["code"] == "basis-not-confirmed"
    async with services.database.reads() as session:
        told = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "questions.put_back"))).one()
    assert told.after == {"unit_id": str(bureau.units["市局"]), "to_confirm": [OWN]}
    await post(bureau)
    assert (await put(bureau, OWN, "in_use")).status_code == 200


async def test_a_register_that_no_longer_vouches_puts_own_questions_back(bureau, services, tmp_path):
    await post(bureau)
    await take(bureau, row(RULES))
    await use(bureau)
    newer = [{**one, "in_force_from": dt.date(2026, 11, 21)} if one["name"] == RULE else one for one in REGISTER]
    report = await fill(services, tmp_path / "s", [question("shared")], instruments=newer, facts=WAITING_FACTS)
    assert (report.put_back, (await states(services))[OWN]) == ((PutBack("市局", 1),), "to_confirm")
    again = await fill(services, tmp_path / "s", [question("shared")], instruments=newer, facts=WAITING_FACTS)
    assert again.put_back == ()


async def test_a_master_file_is_taken_although_some_of_it_waits(bureau, services):
    await post(bureau)
    await take(bureau, row(RULES))
    await use(bureau)
    await post(bureau, "withdraw")
    report = await take(bureau, row(RULES), row(编号="市-8", 题干="毫不相干的题（　）。"))
    assert (report["created"], report["unchanged"], report["kept"]) == (1, 1, 1)
    assert "1题的依据还不能用" in report["advice"]
    assert f"《{RULE}》的现行效力还没有人确认，请法制人员核对后确认该文书" in report["advice"]
    assert (await states(services))[OWN] == "to_confirm"


async def test_a_file_on_a_withdrawn_basis_keeps_what_waits(bureau, services):
    await post(bureau)
    await take(bureau, row(RULES))
    await use(bureau)
    await post(bureau, "withdraw")
    assert (await take(bureau, row(RULES)[:-1], header=HEADER[:-1]))["unchanged"] == 1
    assert (await states(services))[OWN] == "to_confirm"


AFTER = dt.date(2027, 1, 1)
EXTENDED = [INSTRUMENTS[0], {**INSTRUMENTS[1], "in_force_to": dt.date(2028, 1, 1)}]


@pytest.mark.parametrize("vouched", [True, False])
async def test_an_own_question_returns_with_its_basis_if_that_is_sure(town, services, tmp_path, vouched):
    await fill(services, tmp_path / "s", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("市-1", **RESTS)])
    await follow_bases(services, now=instant("06:00", AFTER))
    book = (await get(town, "管理员", "/exports/questions")).content
    assert (await upload(town, book)).json()["unchanged"] == 1
    facts = FACTS if vouched else [FACTS[0], {**FACTS[1], "confidence": "medium"}]
    await fill(services, tmp_path / "s", [question("shared")], instruments=EXTENDED, facts=facts)
    assert (await follow_bases(services, now=instant("06:00", AFTER))).returned == 1
    assert (await states(services))["市-1"] == ("in_use" if vouched else "to_confirm")


async def test_an_own_question_does_not_rest_on_a_fact_that_a_release_withdrew(town, services, tmp_path):
    await fill(services, tmp_path / "s", [question("shared")])
    await own(services, town, tmp_path / "own", "市局", [question("市-1", stem="另一题（　）。")])
    other = {"facts": [FACTS[1]["id"]], "basis": RESTS["basis"]}
    kept = [{**FACTS[0], "id": "lf-9", "article": "第六十四条"}, FACTS[1]]
    report = await fill(services, tmp_path / "s", [question("shared", **other)], facts=kept)
    assert (report.put_back, (await states(services))["市-1"]) == ((PutBack("市局", 1),), "to_confirm")
