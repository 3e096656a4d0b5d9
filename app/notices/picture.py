"""The ranking picture (排名图): a bureau notice's frozen figures in, an SVG of 1080 px width out; pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

from app.notices.stats import short_name
from app.notices.wording import date, moment, points, share, weight
from app.notices.words import CITY, PROVINCE, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH = 1080
MARGIN = 48
FAMILY = "Noto Sans CJK SC"

# Each at least 4.5:1 on white and on the panel.
INK, QUIET, RED, GREEN, OCHRE = "#14181F", "#454D59", "#9B1C1F", "#0B5D3B", "#8A3B0C"
_RULE, _PANEL, _PAPER = "#C9CED6", "#F2F4F7", "#FFFFFF"

MOST = 40
"""Units that a picture lists; of more it lists the first and says so: it must stay small enough for a group."""

_HEIGHTS = ((12, 92, 1.0), (24, 78, 1.0), (MOST, 70, 0.93))
"""Up to so many units: px of a row and the scale of its letters."""

_SMALLEST = 31  # px of the smallest unit name before it takes more lines
_NOTE = 32
_BREAKS = ("全省", "全市", "生态", "保护", "综合", "行政", "执法", "大练兵", "练兵", "网络", "知识", "竞赛")
_NEVER_FIRST = "。，、；）%"
_ASCII = 0.58  # of the size: how wide an ASCII character of the font is at most, digits and capitals
_PRECISE = 10**7
"""Denominators below this are found again in a stored score, so that it rounds as in the text."""


class Column(NamedTuple):
    """A column of the table: its heading, its left edge and width in px."""

    heading: str
    left: int
    width: int

    @property
    def middle(self) -> int:
        """The centre, where headings and figures stand."""
        return self.left + self.width // 2


class Row(NamedTuple):
    """One unit's line; `moved`: places won (positive) or lost, None where nothing can be compared."""

    rank: int | None
    shared: bool
    name: str
    score: str
    completion: str
    participation: str
    moved: int | None


@dataclass
class _Sheet:
    height: float = 0
    parts: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        fill: str = INK,
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """Write words whose middle line lies at `y`."""
        heavy = ' font-weight="700"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y + 0.36 * size:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{heavy}>'
            f"{escape(words)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """Fill a rectangle."""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"/>')

    def svg(self) -> str:
        """Return the whole picture."""
        height = round(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            f' font-family="{FAMILY}" font-weight="400"><rect width="{WIDTH}" height="{height}" fill="{_PAPER}"/>'
            f"{''.join(self.parts)}</svg>"
        )


def has_ranking(stats: Mapping[str, Any] | None) -> bool:
    """Whether a notice's figures hold a ranking: those of a bureau with units do, a branch's do not."""
    return bool(stats and stats.get("units") and "level" in stats)


def _words(stats: Mapping[str, Any]) -> Words:
    return PROVINCE if stats["level"] == "province" else CITY


def draw(stats: Mapping[str, Any]) -> str:
    """Return the picture of a bureau notice's `stats`, for which `has_ranking` holds, as SVG."""
    sheet = _Sheet()
    _head(sheet, stats)
    _totals(sheet, stats)
    _table(sheet, stats)
    _foot(sheet, stats)
    return sheet.svg()


def width_of(words: str, size: float) -> float:
    """Return how wide words are at most, in px at a font size."""
    return size * sum(_ASCII if character.isascii() else 1 for character in words)


def _head(sheet: _Sheet, stats: Mapping[str, Any]) -> None:
    day, final = dt.date.fromisoformat(stats["day"]), stats["slot"] == "08:00"
    middle, room, number = WIDTH / 2, WIDTH - 2 * MARGIN, stats["day_number"]
    first = f"{stats['contest']}第{number}日{'' if final else '进度'}"
    lines = [first] if width_of(first, 48) <= room else _halves(first)
    size = min(62, *(62 * room / width_of(line, 62) for line in lines))
    y = 84.0
    for line in lines:
        sheet.text(middle, y, line, size, bold=True)
        y += 1.32 * size
    sheet.text(
        middle, y + 2, f"{_words(stats).each}综合得分{'排名' if final else '暂列名次'}", min(52, size), bold=True
    )
    when = f"第{number}期　{{}}全天" if final else f"{{}}　截至{stats['slot'].lstrip('0')}"
    sheet.text(middle, y + 76, when.format(f"{day.year}年{date(day)}"), 36, fill=QUIET)
    sheet.box(MARGIN, y + 124, room, 6, RED)
    sheet.box(MARGIN, y + 134, room, 2, RED)
    sheet.height = y + 164


def _halves(words: str) -> list[str]:
    """Break a long title in two, near the middle and between words where it has known ones."""
    middle = len(words) / 2
    starts = [found.start() for word in _BREAKS for found in re.finditer(word, words) if found.start()]
    place = min(starts or [round(middle)], key=lambda start: abs(start - middle))
    return [words[:place], words[place:]]


def _totals(sheet: _Sheet, stats: Mapping[str, Any]) -> None:
    whole = stats["total"]
    expected, answered = whole["expected"], whole["answered"]
    cells = [
        ("应参赛", f"{expected}人"),
        ("参赛率", share(whole["participated"], expected) if expected else "—"),
        ("完成率", share(whole["done"], expected) if expected else "—"),
        ("正确率", share(whole["correct"], answered) if answered else "—"),
    ]
    top, height, width = sheet.height, 138, (WIDTH - 2 * MARGIN) / len(cells)
    sheet.box(MARGIN, top, WIDTH - 2 * MARGIN, height, _PANEL)
    for place, (name, value) in enumerate(cells):
        x = MARGIN + width * (place + 0.5)
        if place:
            sheet.box(MARGIN + width * place, top + 30, 2, height - 60, _RULE)
        size = min(50, 50 * (width - 24) / width_of(value, 50))
        sheet.text(x, top + 50, value, size, bold=True)
        sheet.text(x, top + 104, f"{_words(stats).whole}{name}", 30, fill=QUIET)
    sheet.height = top + height + 30


def _table(sheet: _Sheet, stats: Mapping[str, Any]) -> None:
    units = [unit for unit in stats["units"] if unit["rank"] is not None]
    shown, scored = _names(units), any(unit["index"] for unit in units)
    groups: dict[str | None, list[Mapping[str, Any]]] = {unit["group"]: [] for unit in units}
    for unit in sorted(units, key=lambda unit: unit["rank"])[:MOST]:
        groups[unit["group"]].append(unit)
    blocks = {
        group: rows_of(members, shown, scored=scored, compared=stats["earlier"] is not None)
        for group, members in groups.items()
        if members
    }
    aside = any(row.shared for rows in blocks.values() for row in rows)
    columns = _columns(stats["earlier"], aside=aside)
    _headings(sheet, columns)
    height, scale = next((tall, by) for most, tall, by in _HEIGHTS if min(len(units), MOST) <= most)
    for group, rows in blocks.items():
        if len(groups) > 1:
            _group(sheet, group or _words(stats).others)
        for row in rows:
            _row(sheet, row, columns, height, scale)
    sheet.box(MARGIN, sheet.height, WIDTH - 2 * MARGIN, 3, INK)
    sheet.height += 3


def _columns(earlier: str | None, *, aside: bool) -> list[Column]:
    headings = ["名次", "单位", "综合得分", "完成率", "参赛率"]
    widths = [142, 246, 160, 150, 150, 136]
    if earlier is None:
        widths = [160, 300, 184, 170, 170]
    else:
        headings.append(f"较{earlier}")
    left, columns = MARGIN, []
    for heading, width in zip(headings, widths, strict=True):
        columns.append(Column(heading, left, width))
        left += width
    if aside:  # 「并列」 stands left of the figure, and all figures below each other
        columns[0] = Column("名次", MARGIN + 62, 78)
        columns[1] = Column("单位", columns[1].left + 14, widths[1] - 14)
    return columns


def _headings(sheet: _Sheet, columns: Sequence[Column]) -> None:
    middle = sheet.height + 38
    for number, column in enumerate(columns):
        size = min(34, 34 * (column.width - 4) / width_of(column.heading, 34))
        x = column.left + 8 if number == 1 else column.middle
        anchor = "start" if number == 1 else "middle"
        sheet.text(x, middle, column.heading, size, fill=QUIET, anchor=anchor, bold=True)
    sheet.box(MARGIN, sheet.height + 76, WIDTH - 2 * MARGIN, 3, INK)
    sheet.height += 79


def _group(sheet: _Sheet, name: str) -> None:
    sheet.box(MARGIN, sheet.height, WIDTH - 2 * MARGIN, 62, _PANEL)
    sheet.text(MARGIN + 24, sheet.height + 31, name, 34, anchor="start", bold=True)
    sheet.height += 62


def _names(units: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    # As officials shorten them, where that leaves no two alike.
    full = [unit["unit"]["name"] for unit in units]
    short = [short_name(name) + ("分局" if name.endswith("分局") else "") for name in full]
    return dict(zip(full, short if len(set(short)) == len(full) else full, strict=True))


def rows_of(units: Sequence[Mapping[str, Any]], names: Mapping[str, str], *, scored: bool, compared: bool) -> list[Row]:
    """Return the lines of units sorted by rank; not `scored`: nobody has a score, so that nobody has a place."""
    ranks = [unit["rank"] for unit in units]
    return [
        Row(
            rank=unit["rank"] if scored else None,
            shared=scored and ranks.count(unit["rank"]) > 1,
            name=names[unit["unit"]["name"]],
            score=points(Fraction(unit["index"]).limit_denominator(_PRECISE)),
            completion=share(unit["done"], unit["expected"]),
            participation=share(unit["participated"], unit["expected"]),
            moved=unit["earlier_rank"] - unit["rank"] if scored and compared and unit["earlier_rank"] else None,
        )
        for unit in units
    ]


def _row(sheet: _Sheet, row: Row, columns: Sequence[Column], height: int, scale: float) -> None:
    rank, name, *figures = columns
    lines = _lines(row.name, name.width - 16, 42 * scale)
    height = max(height, round(sum(1.25 * size for _, size in lines)) + 22)
    middle = sheet.height + height / 2
    if row.rank is None:
        sheet.text(rank.middle, middle, "—", 40, fill=QUIET)
    else:
        sheet.text(rank.middle, middle, str(row.rank), 46 * scale, bold=True)
    if row.shared:
        sheet.text(rank.left - 2, middle, "并列", 30, fill=QUIET, anchor="end")
    for number, (line, size) in enumerate(lines):
        shift = (number - (len(lines) - 1) / 2) * 1.25 * size
        sheet.text(name.left + 8, middle + shift, line, size, anchor="start", bold=True)
    sheet.text(figures[0].middle, middle, row.score, 44 * scale, bold=True)
    sheet.text(figures[1].middle, middle, row.completion, 38 * scale)
    sheet.text(figures[2].middle, middle, row.participation, 38 * scale)
    if len(figures) > 3:  # noqa: PLR2004 - there is something to compare with
        _moved(sheet, row.moved, figures[3].middle, middle)
    sheet.height += height
    sheet.box(MARGIN, sheet.height - 2, WIDTH - 2 * MARGIN, 2, _RULE)


def _lines(name: str, room: float, size: float) -> list[tuple[str, float]]:
    """Return a unit's name as lines of one size that fit: a little smaller, else on as many lines as it takes."""
    fitting = min(size, size * room / width_of(name, size))
    if fitting >= _SMALLEST:
        return [(name, fitting)]
    count = math.ceil(width_of(name, _SMALLEST) / room)
    each = math.ceil(len(name) / count)
    cut = [name[start : start + each] for start in range(0, len(name), each)]
    return [(line, min(_SMALLEST, *(_SMALLEST * room / width_of(one, _SMALLEST) for one in cut))) for line in cut]


def _moved(sheet: _Sheet, moved: int | None, x: float, y: float) -> None:
    if moved is None:
        sheet.text(x, y, "—", 36, fill=QUIET)
    elif moved == 0:
        sheet.text(x, y, "持平", 34, fill=QUIET)
    else:
        sheet.text(x, y, f"{'▲' if moved > 0 else '▼'}{abs(moved)}", 40, fill=GREEN if moved > 0 else OCHRE, bold=True)


def _foot(sheet: _Sheet, stats: Mapping[str, Any]) -> None:
    y, notes = sheet.height + 54, _notes(stats)
    for number, note in enumerate(notes, 1):
        mark = f"注{number}：" if len(notes) > 1 else "注："
        indent = width_of(mark, _NOTE)
        sheet.text(MARGIN, y, mark, _NOTE, fill=QUIET, anchor="start")
        for line in wrapped(note, _NOTE, WIDTH - 2 * MARGIN - indent):
            sheet.text(MARGIN + indent, y, line, _NOTE, fill=QUIET, anchor="start")
            y += 48
    y += 28
    late = "补发，" if stats["late"] else ""
    cutoff = dt.datetime.fromisoformat(stats["cutoff_at"])
    for line in (f"{late}统计截至{moment(cutoff)}", stats["issuer"]):
        size = min(36, 36 * (WIDTH - 2 * MARGIN) / width_of(line, 36))
        sheet.text(WIDTH - MARGIN, y, line, size, anchor="end")
        y += 56
    sheet.height = y + 12


def _notes(stats: Mapping[str, Any]) -> list[str]:
    units, words = stats["units"], _words(stats)
    ranked = [unit for unit in units if unit["rank"] is not None]
    unranked = [unit["unit"]["name"] for unit in units if unit["rank"] is None]
    named = (("参赛率", "participation"), ("完成率", "completion"), ("正确率", "accuracy"))
    weights = {name: Fraction(str(stats["formula"][key])) for name, key in named}
    notes = [f"综合得分＝{'＋'.join(f'{name}×{weight(value)}' for name, value in weights.items() if value)}。"]
    if len(ranked) > MOST:
        notes.append(f"仅列前{MOST}位，其余单位见通报文字。")
    if ranked and not any(unit["index"] for unit in ranked):
        notes.append("各单位均无得分，不列名次。")
    elif _looks_equal(ranked):
        notes.append("得分显示相同而名次不同的，依次按未取整的得分、完成率、正确率排列。")
    if unranked:
        notes.append(
            f"{'、'.join(_names({'unit': {'name': name}} for name in unranked).values())}无应参赛人员，不参加排名。"
        )
    if stats["headquarters"]["enrolled"]:
        notes.append(f"{words.headquarters}计入{words.whole}合计，不参加{words.ranking}。")
    return notes


def _looks_equal(ranked: Sequence[Mapping[str, Any]]) -> bool:
    places = sorted({(unit["group"] or "", unit["rank"], unit["index"]) for unit in ranked})
    texts = [(group, points(Fraction(index).limit_denominator(_PRECISE))) for group, _, index in places]
    return any(one == other for one, other in pairwise(texts))


def wrapped(words: str, size: float, room: float) -> list[str]:
    """Return words as lines no wider than `room` px; a closing mark may hang over, but begins no line."""
    lines = [""]
    for character in words:
        if width_of(lines[-1] + character, size) > room and character not in _NEVER_FIRST:
            lines.append("")
        lines[-1] += character
    return lines
