"""The ranking picture: what stands in the SVG, and that every machine draws the same PNG of it."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.core.errors import Busy
from app.notices.drawing import BOX, FONT_FILES, drawable, glyphs, ranking_png, render
from app.notices.picture import FAMILY, GREEN, INK, MOST, OCHRE, QUIET, RED, draw, has_ranking, width_of, wrapped
from app.notices.stats import BureauStats, as_json
from app.notices.words import PROVINCE
from tests.notices.figures import FINAL, Field, branch, bureau, people

PANEL, PAPER = "#F2F4F7", "#FFFFFF"


def many(count: int) -> Field:
    return {f"第{n}": people(30, 30 - n % 3, 28 - n % 5, 200 - n) for n in range(count)}


def compared(stats: BureauStats, ranks: list[int | None], earlier: str = "前一日") -> dict[str, Any]:
    units = [standing.unit_id for standing in stats.standings]
    return as_json(replace(stats, earlier=earlier, earlier_ranks=dict(zip(units, ranks, strict=True))))


def texts(stats: dict[str, Any]) -> list[str]:
    return re.findall(r"(?<=>)[^<]+(?=</text>)", draw(stats))


def size_of(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_picture_shows_every_unit_with_its_figures_best_first() -> None:
    shown = texts(compared(bureau("08:00"), [1, 6, 5, 2, 3, 4, 7, None]))
    assert shown[:3] == ["网络知识竞赛第7日", "各分局综合得分排名", "第7期　2026年11月22日全天"]
    assert shown[3:11] == ["345人", "全市应参赛", "96.5%", "全市参赛率", "92.8%", "全市完成率", "86.3%", "全市正确率"]
    assert shown[11:17] == ["名次", "单位", "综合得分", "完成率", "参赛率", "较前一日"]
    assert shown[17:24] == ["1", "并列", "平远分局", "97.0", "100%", "100%", "▲1"]
    assert shown[24:31] == ["1", "并列", "蕉岭分局", "97.0", "100%", "100%", "▲2"]
    assert shown[31:37] == ["3", "梅江分局", "95.2", "97.4%", "97.4%", "▼2"]
    assert shown[37:43] == ["4", "大埔分局", "94.5", "97.1%", "97.1%", "持平"]
    assert shown[-2:] == ["统计截至2026年11月22日24:00", "市生态环境局执法监督科"]


def test_the_first_day_compares_nothing() -> None:
    shown = texts(as_json(bureau("12:00")))
    assert shown[:3] == ["网络知识竞赛第8日进度", "各分局综合得分暂列名次", "2026年11月23日　截至12:00"]
    assert not [text for text in shown if text.startswith(("较", "▲", "▼", "持平"))]


def test_a_unit_that_had_no_rank_before_has_no_change() -> None:
    row = texts(compared(bureau("08:00", {"丰顺": FINAL["丰顺"]}), [None]))
    assert row[17:23] == ["1", "丰顺分局", "85.8", "83.3%", "91.7%", "—"]


def test_units_without_rank_and_headquarters_stand_in_the_notes() -> None:
    shown = texts(as_json(bureau("08:00", FINAL | {"五华": people(0, 0, 0, 0, exempt=40)})))
    assert "五华分局" not in shown
    assert "综合得分＝参赛率×20%＋完成率×50%＋正确率×30%。" in shown
    assert "五华分局无应参赛人员，不参加排名。" in shown
    assert "市本级计入全市合计，不参加分局排名。" in shown


def test_nobody_with_a_score_has_a_place() -> None:
    shown = texts(compared(bureau("08:00", {"丰顺": people(30, 0, 0, 0)}), [1]))
    assert "各单位均无得分，不列名次。" in shown
    assert shown[17:23] == ["—", "丰顺分局", "0.0", "0%", "0%", "—"]


def test_groups_are_ranked_under_their_names() -> None:
    shown = texts(as_json(bureau("08:00", group={"梅江": "城区组", "兴宁": "城区组"})))
    assert shown.index("城区组") < shown.index("梅江分局") < shown.index("兴宁分局") < shown.index("其他分局")
    assert shown.index("其他分局") < shown.index("平远分局")


def test_scores_that_look_equal_are_explained_and_a_late_notice_says_so() -> None:
    field = {"梅江": people(5000, 4999, 4999, 49989), "丰顺": people(5000, 4999, 4998, 49979)}
    shown = texts(as_json(bureau("08:00", field, late=True)))
    assert any(text.startswith("得分显示相同而名次不同的") for text in shown)
    assert "补发，统计截至2026年11月22日24:00" in shown


def test_a_province_speaks_of_its_cities() -> None:
    shown = texts(as_json(replace(bureau("08:00"), words=PROVINCE)))
    assert "各市综合得分排名" in shown
    assert "全省完成率" in shown
    assert "省本级计入全省合计，不参加各市排名。" in shown


def test_a_scope_with_nobody_expected_shows_dashes() -> None:
    stats = as_json(bureau("08:00", {"丰顺": people(0, 0, 0, 0)}, headquarters=people(0, 0, 0, 0)))
    assert texts(stats)[3:11] == ["0人", "全市应参赛", "—", "全市参赛率", "—", "全市完成率", "—", "全市正确率"]


def test_beyond_forty_the_first_are_listed() -> None:
    shown = texts(as_json(bureau("08:00", many(MOST + 5))))
    assert len([text for text in shown if text.endswith("分局")]) == MOST
    assert f"仅列前{MOST}位，其余单位见通报文字。" in shown


def test_a_long_name_takes_several_lines_and_a_long_title_two() -> None:
    field = {"兴宁市生态环境综合行政执法大队东部片区": FINAL["丰顺"], "梅江": FINAL["梅江"]}
    shown = texts(as_json(bureau("08:00", field, contest="2026年全省生态环境保护综合行政执法大练兵网络知识竞赛")))
    assert shown[:2] == ["2026年全省生态环境保护综合", "行政执法大练兵网络知识竞赛第7日"]
    at = shown.index("兴宁市生态环境")
    assert shown[at : at + 3] == ["兴宁市生态环境", "综合行政执法大", "队东部片区分局"]


def test_a_title_without_known_words_breaks_in_the_middle() -> None:
    shown = texts(as_json(bureau("08:00", contest="甲" * 40)))
    assert shown[:2] == ["甲" * 22, "甲" * 18 + "第7日"]


def test_names_that_would_look_alike_stay_whole() -> None:
    field = {"甲市生态环境局城区": FINAL["丰顺"], "乙市生态环境局城区": FINAL["梅江"]}
    whole = "".join(texts(as_json(bureau("08:00", field))))
    assert "甲市生态环境局城区分局" in whole
    assert "乙市生态环境局城区分局" in whole


def test_text_is_escaped() -> None:
    assert "甲&lt;乙&amp;丙" in draw(as_json(bureau("08:00", contest="甲<乙&丙")))


def test_a_closing_mark_begins_no_line() -> None:
    lines = wrapped("一二三四，五六七八。", 10, 40)
    assert lines == ["一二三四，", "五六七八。"]
    assert width_of("ab一", 10) < 30


def test_only_a_bureaus_figures_hold_a_ranking() -> None:
    assert has_ranking(as_json(bureau("08:00")))
    assert not has_ranking(as_json(branch("丰顺", "08:00")))
    assert not has_ranking(as_json(bureau("08:00", {})))
    assert not has_ranking(None)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ink", [INK, QUIET, RED, GREEN, OCHRE])
@pytest.mark.parametrize("ground", [PANEL, PAPER])
def test_everything_can_be_read_in_the_sun(ink: str, ground: str) -> None:
    assert (luminance(ground) + 0.05) / (luminance(ink) + 0.05) >= 4.5


@pytest.mark.parametrize("count", [1, 8, 21, 40])
async def test_a_picture_is_1080_wide_and_fits_into_a_message(count: int) -> None:
    png = await ranking_png(as_json(bureau("08:00", many(count))))
    assert size_of(png)[0] == 1080
    assert len(png) < 500_000


async def test_more_units_make_a_taller_picture() -> None:
    heights = [size_of(await ranking_png(as_json(bureau("08:00", many(count)))))[1] for count in (1, 8, 21, 40)]
    assert all(lower < taller for lower, taller in pairwise(heights))


async def test_the_same_figures_give_the_same_bytes() -> None:
    stats = as_json(bureau("22:00"))
    first = await ranking_png(stats)
    render.cache_clear()
    assert await ranking_png(stats) == first
    assert await ranking_png(as_json(bureau("18:00"))) != first


def test_the_fonts_hold_what_official_chinese_needs() -> None:
    level_one = {bytes([row, cell]).decode("gb2312") for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFA)}
    assert level_one <= glyphs()
    assert set("0123456789%.：（）。，、“”▲▼—＝＋×□ABCxyz埔塱") <= glyphs()
    assert sum(path.stat().st_size for path in FONT_FILES) < 3_000_000
    assert "SIL OPEN FONT LICENSE" in FONT_FILES[0].with_name("OFL.txt").read_text(encoding="utf-8")


def test_all_that_a_picture_says_can_be_drawn() -> None:
    with capture_logs() as logged:
        for stats in (bureau("08:00"), bureau("12:00", late=True), replace(bureau("22:00"), words=PROVINCE)):
            svg = draw(as_json(stats))
            assert drawable(svg) == svg
    assert logged == []


def test_a_character_that_the_fonts_lack_is_boxed_and_logged() -> None:
    with capture_logs() as logged:
        svg = drawable(draw(as_json(bureau("08:00", {"𠮷水": FINAL["丰顺"]}))))
    assert f"{BOX}水分局" in svg
    assert "𠮷" not in svg
    assert [entry["characters"] for entry in logged] == ["𠮷"]


def test_a_renderer_that_fails_is_busy_not_empty() -> None:
    with capture_logs() as logged, pytest.raises(Busy):
        render("<svg")
    assert logged[0]["event"] == "picture not rendered"


def test_only_the_bundled_fonts_are_used() -> None:
    """A font of the machine draws nothing: what one machine has and another lacks changes no picture."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60" font-family="{}"><text y="40">{}</text></svg>'
    )
    assert render(svg.format("DejaVu Sans", "abc")) == render(svg.format("DejaVu Sans", " "))
    assert render(svg.format(FAMILY, "abc")) != render(svg.format(FAMILY, " "))
