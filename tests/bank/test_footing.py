"""On what law a bureau's own question may be put into use."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from app.bank.checking import Fact, InstrumentEntry, Register
from app.bank.entries import Basis
from app.bank.footing import Footing

DAY = dt.date(2026, 11, 23)
LONG_AGO = dt.date(2020, 1, 1)


def instrument(name: str, *, confirmed: bool = False, last: dt.date | None = None) -> InstrumentEntry:
    return InstrumentEntry(name, name, "厅", LONG_AGO, last, None, "李明" if confirmed else None, None)


def fact(name: str, law: str, article: str = "第三条", **changes) -> Fact:
    return dataclasses.replace(Fact(name, law, article, LONG_AGO, None, "high", None), **changes)


DOUBT = {"confidence": "medium", "force_check": "unverified_after_2026-08-15"}
KNOWN = Register(
    {
        one.name: one
        for one in (
            instrument("法"),
            instrument("办法"),
            instrument("确认的办法", confirmed=True),
            instrument("只有名称"),
            instrument("本地文件", confirmed=True),
            instrument("失效的", last=dt.date(2026, 8, 14)),
        )
    },
    {
        one.id: one
        for one in (
            fact("lf-1", "法", "第三条第一款"),
            fact("lf-2", "法", **DOUBT),
            fact("lf-3", "办法", **DOUBT),
            fact("lf-4", "确认的办法", **DOUBT),
            fact("lf-5", "确认的办法", "第四条", force_check="repealed"),
            fact("lf-6", "法", "第五条", valid_to=dt.date(2026, 11, 22)),
            fact("lf-7", "法", "第六条", valid_from=dt.date(2026, 11, 24)),
        )
    },
)


@pytest.mark.parametrize(
    ("law", "article", "said"),
    [
        ("法", "第三条", None),
        ("法", "第三条第（二）项", None),
        ("法", "第九条", "没有登记条文事实"),
        ("法", "第五条", "在2026-11-23不是现行规定"),
        ("法", "第六条", "在2026-11-23不是现行规定"),
        ("办法", "第三条", "还没有人确认"),
        ("办法", "第九条", "没有登记条文事实"),
        ("确认的办法", "第三条", None),
        ("确认的办法", "第四条", "不是现行规定"),
        ("只有名称", "第一条", "还没有人确认"),
        ("本地文件", "第一条", None),
        ("失效的", "第一条", None),
        ("没有登记", "第一条", None),
    ],
)
def test_a_cited_article_must_be_known_usable_and_in_force(law, article, said):
    found = Footing(KNOWN, DAY).doubts([Basis(law, article)])
    assert [one.instrument for one in found] == ([] if said is None else [law])
    assert all(said in one.said for one in found)


def test_facts_that_a_question_names_must_be_usable_too():
    found = Footing(KNOWN, DAY).doubts([Basis("法", "第三条")], ["lf-1", "lf-3", "lf-99"])
    assert [one.instrument for one in found] == ["办法", ""]
    assert found[1].said.startswith("登记簿里没有条文事实“lf-99”，以它为依据的题目不能启用；请按现行规定核对题目")


def test_what_is_said_for_use_tells_the_way_on():
    [unregistered], [unconfirmed] = (
        Footing(KNOWN, DAY).doubts([Basis(law, article)]) for law, article in (("法", "第九条"), ("办法", "第三条"))
    )
    assert unregistered.said == (
        "《法》第九条没有登记条文事实，无从核对，以它为依据的题目不能启用；请改正条号；条号无误的，请系统运维人员在 "
        "question_bank/law/facts.jsonl 登记该条，再运行 lianbing import-questions。"
    )
    assert "请法制人员核对后确认该文书" in unconfirmed.said


def test_an_instrument_is_told_once():
    assert len(Footing(KNOWN, DAY).doubts([Basis("办法", "第三条"), Basis("办法", "第三条第一款")], ["lf-3"])) == 1
