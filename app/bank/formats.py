"""Says which numbers of a workbook show otherwise than they are stored: percents, fixed decimals, units."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 1 << 20  # bytes
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_PLAIN_IDS = {0, 1, 3, 37, 38, 49}  # General, 0, #,##0 and text, of those that Excel keeps without writing them down
_PLAIN = {"", "general", "g/通用格式", "0", "#", "@", "#,##0"}
_SHOWS_NOTHING = re.compile(r'\[[^\]]*\]|_.|\*.|\\\s|"\s*"|\s')  # colours, padding, blanks
_ADDRESS = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


def shown_otherwise(content: bytes) -> frozenset[tuple[int, int]] | None:
    """Return the cells (row from 1, place from 0) whose number the first visible sheet shows in another form.

    None where the formats cannot be told: an old .xls, or a package made otherwise than offices do. The package must
    have been looked through before.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sheet, styles = _parts(archive)
            return frozenset(_cells(archive, sheet, _odd_styles(archive, styles)))
    except (LookupError, ValueError, OSError, zlib.error, zipfile.BadZipFile, expat.ExpatError):
        return None


def _tags(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the elements of a part as they begin: name without prefix, attributes."""
    found: list[tuple[str, Mapping[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: found.append((tag.rpartition(":")[2], attributes))
    with archive.open(name) as part:
        while piece := part.read(_CHUNK):
            parser.Parse(piece)
            yield from found
            found.clear()
    parser.Parse(b"", True)


def _parts(archive: zipfile.ZipFile) -> tuple[str, str]:
    """Return the names of the first visible sheet and of the styles; raises LookupError."""
    relations = [attributes for tag, attributes in _tags(archive, _RELATIONS) if tag == "Relationship"]
    targets = {one["Id"]: posixpath.join("/xl", one["Target"])[1:] for one in relations}
    styles = [targets[one["Id"]] for one in relations if one["Type"].endswith("/styles")]
    sheets = [attributes for tag, attributes in _tags(archive, _WORKBOOK) if tag == "sheet"]
    shown = [one for one in sheets if one.get("state", "visible") == "visible"] or sheets
    pointers = [value for name, value in shown[0].items() if name.endswith(":id")]
    return targets[pointers[0]], styles[0]


def _odd_styles(archive: zipfile.ZipFile, name: str) -> set[int]:
    """Return the numbers of the cell styles that are not plain."""
    own: dict[str, str] = {}
    odd: set[int] = set()
    count, of_cells = 0, False
    for tag, attributes in _tags(archive, name):
        if tag in {"cellStyleXfs", "cellXfs", "cellStyles", "dxfs"}:
            of_cells = tag == "cellXfs"
        elif tag == "numFmt":
            own[attributes["numFmtId"]] = attributes["formatCode"]
        elif tag == "xf" and of_cells:
            if not _is_plain(attributes.get("numFmtId", "0"), own):
                odd.add(count)
            count += 1
    return odd


def _is_plain(format_id: str, own: Mapping[str, str]) -> bool:
    if format_id not in own:
        return int(format_id) in _PLAIN_IDS
    code = own[format_id].partition(";")[0].lower()  # the part for positive numbers
    return "[dbnum" not in code and _SHOWS_NOTHING.sub("", code) in _PLAIN  # DBNum writes 五 for 5


def _cells(archive: zipfile.ZipFile, name: str, odd: set[int]) -> Iterator[tuple[int, int]]:
    row = place = 0
    for tag, attributes in _tags(archive, name):
        if tag == "row":
            row, place = int(attributes.get("r", row + 1)), 0
        elif tag == "c":
            if found := _ADDRESS.fullmatch(attributes.get("r", "")):
                row, place = int(found[2]), _place(found[1])
            if int(attributes.get("s", 0)) in odd and attributes.get("t", "n") == "n":
                yield row, place
            place += 1


def _place(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1
