"""A document in the usual form of Chinese offices (GB/T 9704): page, fonts, lines, table, signature; as .docx bytes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from app.core.clock import local

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from docx.document import Document
    from docx.table import _Cell
    from docx.text.paragraph import Paragraph

TITLE_FONT, BODY_FONT, HEAD_FONT = "方正小标宋简体", "仿宋_GB2312", "黑体"
_INSTEAD = {
    TITLE_FONT: "方正小标宋_GBK,小标宋,宋体,SimSun,Noto Serif CJK SC",
    BODY_FONT: "仿宋,FangSong,STFangsong,Noto Serif CJK SC",
    HEAD_FONT: "SimHei,STHeiti,Noto Sans CJK SC",
}
"""What a machine without the usual fonts shows instead, best first."""

_LATIN = "Times New Roman"
_TITLE, _BODY, _TABLE, _SMALL = Pt(22), Pt(16), Pt(12), Pt(10.5)  # 二号、三号、小四、五号
_LINE = Pt(28)
_MARGINS = (Mm(37), Mm(26), Mm(35), Mm(28))  # top, right, bottom, left
_EPOCH = (1980, 1, 1, 0, 0, 0)
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


class Table(NamedTuple):
    """A table with its caption; all cells are text."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Official:
    """A document that is written from top to bottom."""

    def __init__(self, title: str, *, number: str | None = None) -> None:
        self._title = title
        self._document: Document = docx.Document()
        rels = self._document.part.package.rels
        for key in [key for key, rel in rels.items() if rel.reltype.endswith("/thumbnail")]:
            del rels[key]  # a picture of the template's empty page
        self._page()
        self._line(title, TITLE_FONT, _TITLE, WD_ALIGN_PARAGRAPH.CENTER, spacing=Pt(34))
        if number:
            self._line(number, BODY_FONT, _BODY, WD_ALIGN_PARAGRAPH.CENTER)
        self._line("", BODY_FONT, _BODY, WD_ALIGN_PARAGRAPH.LEFT)

    def _page(self) -> None:
        section = self._document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin, section.right_margin, section.bottom_margin, section.left_margin = _MARGINS
        names = "".join(
            f'<w:font w:name="{name}"><w:altName w:val="{instead}"/><w:charset w:val="86"/></w:font>'
            for name, instead in _INSTEAD.items()
        )
        part = next(part for part in self._document.part.package.iter_parts() if part.partname == "/word/fontTable.xml")
        part._blob = part.blob.replace(b"</w:fonts>", names.encode() + b"</w:fonts>")  # noqa: SLF001 - no other way

    def _line(
        self,
        words: str,
        font: str,
        size: Pt,
        alignment: WD_ALIGN_PARAGRAPH,
        *,
        spacing: Pt = _LINE,
        indent: bool = False,
    ) -> Paragraph:
        paragraph = self._document.add_paragraph()
        _written(paragraph, words, font, size)
        form = paragraph.paragraph_format
        form.alignment, form.space_before, form.space_after = alignment, Pt(0), Pt(0)
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, spacing
        if indent:  # two characters
            form.first_line_indent = Pt(2 * size.pt)
        return paragraph

    def heading(self, words: str) -> None:
        """Add a heading of the first level (一、……)."""
        self._line(words, HEAD_FONT, _BODY, WD_ALIGN_PARAGRAPH.JUSTIFY, indent=True)

    def body(self, words: str) -> None:
        """Add a paragraph; one that opens with 「：」 at its end addresses the readers and stands flush."""
        self._line(words, BODY_FONT, _BODY, WD_ALIGN_PARAGRAPH.JUSTIFY, indent=not words.endswith("："))

    def small(self, words: str) -> None:
        """Add a note in small letters."""
        self._line(words, BODY_FONT, _SMALL, WD_ALIGN_PARAGRAPH.LEFT, spacing=Pt(18))

    def table(self, table: Table) -> None:
        """Add a table with a caption and ruled lines; its heading row is repeated on every page."""
        caption = self._line(table.caption, HEAD_FONT, Pt(14), WD_ALIGN_PARAGRAPH.CENTER)
        caption.paragraph_format.keep_with_next = True
        grid = self._document.add_table(rows=0, cols=len(table.headings), style="Table Grid")
        grid.alignment = WD_TABLE_ALIGNMENT.CENTER
        for number, cells in enumerate([table.headings, *table.rows]):
            row = grid.add_row()
            row._tr.get_or_add_trPr().append(parse_xml(f"<w:cantSplit {_W}/>"))  # noqa: SLF001 - no other way
            for cell, words in zip(row.cells, cells, strict=True):
                _cell(cell, words, HEAD_FONT if number == 0 else BODY_FONT)
            if number == 0:
                row._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {_W}/>"))  # noqa: SLF001 - the same
        self._line("", BODY_FONT, _BODY, WD_ALIGN_PARAGRAPH.LEFT)

    def signed(self, issuer: str, day: dt.date) -> None:
        """Add issuer and date, at the right."""
        for words, indent in ((issuer, Pt(32)), (f"{day.year}年{day.month}月{day.day}日", Pt(48))):
            paragraph = self._line(words, BODY_FONT, _BODY, WD_ALIGN_PARAGRAPH.RIGHT)
            paragraph.paragraph_format.right_indent = indent

    def bytes(self, *, author: str, made_at: dt.datetime) -> bytes:
        """Return the file; the same content gives the same bytes."""
        about = self._document.core_properties
        about.title, about.author, about.last_modified_by, about.comments = self._title, author, author, ""
        about.created = about.modified = local(made_at).replace(tzinfo=None, microsecond=0)
        written, settled = io.BytesIO(), io.BytesIO()
        self._document.save(written)
        with zipfile.ZipFile(written) as made, zipfile.ZipFile(settled, "w", zipfile.ZIP_DEFLATED) as file:
            for name in made.namelist():
                file.writestr(zipfile.ZipInfo(name, _EPOCH), made.read(name), zipfile.ZIP_DEFLATED)
        return settled.getvalue()


def _written(paragraph: Paragraph, words: str, font: str, size: Pt) -> None:
    run = paragraph.add_run(words)
    run.font.name, run.font.size = _LATIN, size
    fonts = run._element.get_or_add_rPr().get_or_add_rFonts()  # noqa: SLF001 - the East Asian font has no other name
    fonts.set(qn("w:eastAsia"), font)
    fonts.set(qn("w:hint"), "eastAsia")  # Chinese punctuation is drawn by the Chinese font


def _cell(cell: _Cell, words: str, font: str) -> None:
    paragraph = cell.paragraphs[0]
    _written(paragraph, words, font, _TABLE)
    form = paragraph.paragraph_format
    form.alignment, form.space_before, form.space_after = WD_ALIGN_PARAGRAPH.CENTER, Pt(2), Pt(2)
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(20)
