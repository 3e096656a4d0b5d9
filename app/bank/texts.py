"""Text files as offices save them, and what questions without a table or a code lack."""

from __future__ import annotations

import hashlib
import unicodedata

NO_TOPIC = "未分类"
"""Topic (专题) of a question whose file names none."""
LONGEST_LINE = 5_000
"""Signs of a line: a whole question with everything that its fields may hold takes less."""
_ENCODINGS = ("utf-8-sig", "gb18030")


class NotText(Exception):
    """The file is no text; the message says what to do about it."""


def decoded(content: bytes) -> str:
    """Return a text file's text with plain line ends: UTF-8 with or without a mark, GB18030, UTF-16 with one."""
    if not content.strip():
        raise NotText("文件是空的，请选择写好的文件。")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise NotText("这不是文本文件，或无法识别它的编码；请用记事本另存为 UTF-8 编码的 .txt 再上传。")


def too_long(line: str) -> str | None:
    """Return what to do about a line that no question of ours can fill, None about any other."""
    if len(line) <= LONGEST_LINE:
        return None
    return f"这一行有{len(line)}个字，最多{LONGEST_LINE}个字；请按题分行，删去多余的空格后再导入。"


def code_of(stem: str) -> str:
    """Return the code of a question that brings none: by its stem, so that the same file again is the same question.

    Widths of letters and blanks do not matter; an edited stem is another question.
    """
    meant = "".join(unicodedata.normalize("NFKC", stem).split())
    return f"auto-{hashlib.sha256(meant.encode('utf-8', 'replace')).hexdigest()[:12]}"
