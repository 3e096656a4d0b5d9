"""The texts for the province, single people and corrections: the golden files, and what none of them may say."""

from __future__ import annotations

import re

import pytest

from app.notices.audiences import MOST_NAMES
from app.notices.text import write
from app.notices.wording import listed_names
from tests.notices.audience_cases import AUDIENCE_CASES, EVERYONE, LEFT, liaison
from tests.notices.test_text import BANNED, GOLDEN

WITHOUT_FIGURES = ("nudge-", "basis-")  # of a day: they carry no 统计截至


@pytest.mark.parametrize("name", AUDIENCE_CASES)
def test_text_is_the_golden_one(name: str) -> None:
    text = AUDIENCE_CASES[name]
    assert f"{text.title}\n{text.body}\n" == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", AUDIENCE_CASES)
def test_text_uses_no_banned_word_and_no_phone(name: str) -> None:
    text = "".join(AUDIENCE_CASES[name])
    assert not BANNED.search(text)
    assert not re.search(r"1\d{10}", text)
    assert not re.search("[，；。：、][，；。、]", text)
    assert "统计截至2026年" in text or name.startswith(WITHOUT_FIGURES)


@pytest.mark.parametrize("name", [name for name in AUDIENCE_CASES if name.startswith("province")])
def test_a_provinces_text_speaks_of_no_branches(name: str) -> None:
    assert not re.search("分局|市本级|全市", "".join(AUDIENCE_CASES[name]))


@pytest.mark.parametrize("name", [name for name in AUDIENCE_CASES if name.startswith("correction")])
def test_a_correction_says_so(name: str) -> None:
    title, body = AUDIENCE_CASES[name]
    told = "关于第7日竞赛情况复核结果的通报" if name == "correction-unchanged" else "关于更正第7日竞赛情况的通报"
    assert title == told
    assert "更正" in body


@pytest.mark.parametrize(
    ("names", "count", "listed"),
    [
        (("丰顺003", "丰顺017", "丰顺029"), 3, "丰顺003、017、029"),
        (("丰顺003",), 1, "丰顺003"),
        (("丰顺003", "大埔001", "大埔002"), 3, "丰顺003、大埔001、002"),
        (("张伟", "张伟明", "李静"), 3, "张伟、张伟明、李静"),
        (("张伟1", "张伟2"), 2, "张伟1、张伟2"),
        (("张伟", "李静"), 5, "张伟、李静等5人"),
        (("003", "004"), 2, "003、004"),
    ],
)
def test_names_are_shortened_only_where_they_share_a_stem(names: tuple[str, ...], count: int, listed: str) -> None:
    assert listed_names(names, count) == listed


def test_no_more_than_forty_names_are_listed_in_all() -> None:
    evening = AUDIENCE_CASES["liaison-1800-many"].body.split("\n")[0]
    assert len(re.findall("志远|晓燕|国庆|文静", evening)) == MOST_NAMES
    assert "等43人；未开始12人" in evening
    assert "丰顺036" not in write(liaison("12:00", LEFT["12:00"])).body
    assert "、036。" in write(liaison("12:00", EVERYONE["12:00"])).body
