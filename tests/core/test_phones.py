"""A person's mobile number is found however it is written, and figures are not taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.phones import holds_mobile


@pytest.mark.parametrize(
    "text",
    ["13800138000", "138 0013 8000", "138-0013-8000", "138.0013.8000", "138·0013·8000", "138—0013—8000", "(138)0013-8000",
     "+8613800138000", "8613800138000", "008613800138000", "+86 138 0013 8000", "+86-138-00138000", "013800138000",
     "１３８００１３８０００", "＋８６１３８　００１３　８０００", "138 00 13 80 00", "1 3 8 0 0 1 3 8 0 0 0", "138\u200b00138000",
     "联系人张三：13800138000转", "0753-2234567 13800138000"],
)  # fmt: skip
def test_a_mobile_number_in_every_dress(text: str) -> None:
    assert holds_mobile(text)


@pytest.mark.parametrize(
    "text",
    ["", "0753-1234567", "（电话：0753-1234567）", "0753-2234567、2234568", "0753-2234567转8012", "12345", "12345678901",
     "441402199001011234", "4001381234567", "2026-11-23 08:00", "13.5 97.2 88.1 76.5", "138人（13.5%）", "138001380001"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert not holds_mobile(text)


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", " ", "-", ".", "·", "　", "–"]))
def test_any_number_grouped_as_people_write_it(number: str, gap: str) -> None:
    assert holds_mobile(f"电话{number[:3]}{gap}{number[3:7]}{gap}{number[7:]}。")
