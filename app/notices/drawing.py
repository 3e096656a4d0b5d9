"""Pictures as PNG: rendered by a process of its own with the bundled fonts only, so that every machine draws the same."""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from app.core.errors import Busy
from app.notices.picture import FAMILY, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

FONTS = Path(__file__).with_name("fonts")
FONT_FILES = (FONTS / "NotoSansCJKsc-Regular.otf", FONTS / "NotoSansCJKsc-Bold.otf")
BOX = "□"
"""What stands for a character that the fonts lack: visible, never nothing."""

_LIMIT = 60.0  # seconds for one picture; usually one
_ONE_AT_A_TIME = ThreadPoolExecutor(1, "pictures")
_KEPT = 32  # pictures, of some 200 kB each
_TEXT = re.compile(r"(?<=>)[^<]+")
_FORMAT_4 = 4


@cache
def glyphs() -> frozenset[str]:
    """Return the characters that every bundled font has."""
    return frozenset.intersection(*(_characters(path.read_bytes()) for path in FONT_FILES))


def _characters(font: bytes) -> frozenset[str]:
    """Read the character map (OpenType `cmap`, format 4) of a font file."""
    tables = {
        font[at : at + 4]: struct.unpack_from(">I", font, at + 8)[0]
        for at in range(12, 12 + 16 * struct.unpack_from(">H", font, 4)[0], 16)
    }
    cmap = tables[b"cmap"]
    offsets = [
        cmap + struct.unpack_from(">HHI", font, cmap + 4 + 8 * number)[2]
        for number in range(struct.unpack_from(">H", font, cmap + 2)[0])
    ]
    start = next(at for at in offsets if struct.unpack_from(">H", font, at)[0] == _FORMAT_4)
    count = struct.unpack_from(">H", font, start + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", font, start + 14)
    begins = struct.unpack_from(f">{count}H", font, start + 16 + 2 * count)
    return frozenset(
        chr(code)
        for first, last in zip(begins, ends, strict=True)
        for code in range(first, last + 1)
        if code < 0xFFFF  # noqa: PLR2004
    )


def drawable(svg: str) -> str:
    """Return the SVG with a box for each character that the fonts lack, and log which these are."""
    held, missing = glyphs(), set()

    def boxed(found: re.Match[str]) -> str:
        missing.update(set(found[0]) - held)
        return "".join(character if character in held else BOX for character in found[0])

    replaced = _TEXT.sub(boxed, svg)
    if missing:
        log.warning("glyphs missing in the picture's fonts", characters="".join(sorted(missing)))
    return replaced


async def ranking_png(stats: Mapping[str, Any]) -> bytes:
    """Return the ranking picture (排名图) of a bureau notice's `stats` as PNG, under 500 kB; the newest are kept.

    `picture.has_ranking(stats)` must hold. Raises Busy where the renderer fails.
    """
    return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, render, draw(stats))


@lru_cache(maxsize=_KEPT)
def render(svg: str) -> bytes:
    """Return the PNG of an SVG; raises Busy where the renderer fails. Takes about a second: not for the event loop.

    In a process of its own, because resvg holds the interpreter's lock all the while: a thread alone would stop answers.
    """
    asked = orjson.dumps({"svg": drawable(svg), "fonts": [str(path) for path in FONT_FILES], "family": FAMILY})
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-P", "-c", _RENDERER], input=asked, capture_output=True, timeout=_LIMIT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        log.exception("picture not rendered", said=said.decode(errors="replace")[-500:])
        raise Busy("排名图暂时无法生成，请稍后重试。") from error
    return done.stdout


_RENDERER = """
import json, sys
import resvg_py
asked = json.load(sys.stdin.buffer)
sys.stdout.buffer.write(bytes(resvg_py.svg_to_bytes(
    svg_string=asked["svg"], skip_system_fonts=True, font_files=asked["fonts"],
    font_family=asked["family"], sans_serif_family=asked["family"])))
"""
