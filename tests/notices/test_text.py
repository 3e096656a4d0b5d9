"""The texts of every slot and audience, compared with the golden files, and what no text may say."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notices import wording
from app.notices.text import write
from tests.notices.audience_cases import AUDIENCE_CASES
from tests.notices.cases import CASES
from tests.notices.figures import bureau

GOLDEN = Path(__file__).parent / "golden"
BANNED = re.compile("积分|打卡|在线时长|登录率|垫底|表彰")


@pytest.mark.parametrize("name", CASES)
def test_text_is_the_golden_one(name: str) -> None:
    text = write(CASES[name])
    assert f"{text.title}\n{text.body}\n" == (GOLDEN / f"{name}.txt").read_text()


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*CASES, *AUDIENCE_CASES}


@pytest.mark.parametrize("name", CASES)
def test_text_uses_no_banned_word_and_no_phone(name: str) -> None:
    text = "".join(write(CASES[name]))
    assert not BANNED.search(text)
    assert not re.search(r"1\d{10}", text)
    assert not re.search("[，；。：][，；。]", text)
    assert "统计截至2026年" in text


def test_a_mobile_number_as_office_phone_is_left_out() -> None:
    for phone in ("13800000001", "138 0000 0001", "+86-138-0000-0001", "１３８·００００·０００１"):
        assert "电话" not in write(bureau("08:00", office_phone=phone)).body
    assert "（电话：0753-1234567）" in write(bureau("08:00", office_phone="0753-1234567")).body


@given(st.fractions(0, 1))
def test_percentages_never_claim_all_or_nothing(rate: Fraction) -> None:
    shown = wording.percent(rate)
    assert (shown == "100%") == (rate == 1)
    assert (shown == "0%") == (rate == 0)
    assert shown not in {"100.0%", "0.0%"}
    assert abs(Fraction(shown.removesuffix("%")) / 100 - rate) <= Fraction(1, 1000)


@given(st.fractions(0, 100))
def test_scores_have_one_decimal_and_only_100_shows_as_100(score: Fraction) -> None:
    shown = wording.points(score)
    assert re.fullmatch(r"\d+\.\d", shown)
    assert (shown == "100.0") == (score == 100)
    assert (shown == "0.0") == (score == 0)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("梅州市生态环境局丰顺分局", "丰顺"),
        ("丰顺分局", "丰顺"),
        ("丰顺", "丰顺"),
        ("分局", "分局"),
        ("直属大队", "直属大队"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    from app.notices.stats import short_name

    assert short_name(name) == short


@pytest.mark.parametrize(
    ("issuer", "short"),
    [("市生态环境局执法监督科", "执法监督科"), ("梅州市生态环境局", "梅州市生态环境局"), ("执法支队", "执法支队")],
)
def test_issuer_of_the_short_signature(issuer: str, short: str) -> None:
    assert wording.short_issuer(issuer) == short


def test_units_whose_short_names_clash_keep_their_names() -> None:
    field = {"丰顺": CASES["branch-0800"].own.figures, "生态环境局丰顺": CASES["branch-0800"].own.figures}  # type: ignore[union-attr]
    assert [s.short for s in bureau("08:00", field).standings] == ["丰顺分局", "生态环境局丰顺分局"]
