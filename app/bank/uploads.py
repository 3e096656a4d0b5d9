"""Leads an uploaded file to the reader of its kind."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from app.bank import gift, plain
from app.bank.documents import read_document
from app.bank.files import Reading, read_yaml
from app.bank.sheets import read_table
from app.bank.texts import NotText, decoded
from app.core.errors import UnsupportedMedia
from app.roster.imports.spreadsheet import KINDS as TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

YAML = (".yaml", ".yml")
TEXTS = (".txt", ".gift")
DOCUMENT = ".docx"
_MOST_PROBLEMS = 10_000  # kept of one file; fewer are told
ENDINGS = (*TABLES, *YAML, *TEXTS, DOCUMENT)


def kind_of(name: str) -> str:
    """Return the ending of a question file's name in small letters; raises UnsupportedMedia for any other file."""
    kind = PurePath(name).suffix.lower()
    if kind == ".doc":
        raise UnsupportedMedia("旧格式的 .doc 不能读取，请在 Word 里另存为 .docx 后再上传。")
    if kind not in ENDINGS:
        raise UnsupportedMedia(
            "题目文件应当是 .xlsx、.xls、.csv、.docx、.txt、.gift 或 .yaml，请另存为其中一种后再上传。"
        )
    return kind


def read_upload(name: str, content: bytes) -> Reading:
    """Read the questions of an uploaded file; whatever is wrong with it is a problem of the reading.

    Raises UnsupportedMedia for a name with another ending.
    """
    reading = Reading(most=_MOST_PROBLEMS)
    kind = kind_of(name)
    if kind in YAML:
        read_yaml(reading, "", content)
    elif kind == DOCUMENT:
        read_document(reading, content)
    elif kind in TEXTS:
        _text(reading, content, gift.read if kind == ".gift" else None)
    else:
        read_table(reading, content, kind)
    return reading


def _text(reading: Reading, content: bytes, reader: Callable[[Reading, str], None] | None) -> None:
    try:
        text = decoded(content)
    except NotText as error:
        reading.wrong("", None, str(error))
        return
    if reader is None:
        reader = gift.read if gift.looks_like(text) else plain.read
    reader(reading, text)
