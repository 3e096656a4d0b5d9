"""Roster files as offices make them: .xlsx, old .xls, and .csv."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import openpyxl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx

HEADER = ("工号", "姓名", "手机号", "单位", "股室", "职务", "角色", "参赛")


def person(number: int, unit: str = "梅江", **more: object) -> dict[str, object]:
    """A good row: ZF001, 张001, 13700000001, …"""
    return {
        "工号": f"ZF{number:03}",
        "姓名": f"张{number:03}",
        "手机号": f"{13700000000 + number}",
        "单位": unit,
        **more,
    }


def table(people: Iterable[dict[str, object]], header: Sequence[str] = HEADER) -> list[list[object]]:
    return [list(header), *([row.get(column, "") for column in header] for row in people)]


def xlsx(rows: Iterable[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def csv(rows: Iterable[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    return "\r\n".join(delimiter.join(str(cell) for cell in row) for row in rows).encode(encoding)


def locked() -> bytes:
    """What Excel makes of a workbook with a password: a compound file around an encrypted package."""
    return _compound(bytes(4096), "EncryptedPackage")


def xls(rows: Iterable[Sequence[object]]) -> bytes:
    """A workbook of Excel 97: BIFF8 records in a compound file of 512-byte sectors."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    cells = b""
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, int | float):
                cells += record(0x0203, struct.pack("<HHHd", r, c, 0, value))
            elif value != "":
                text = str(value).encode("utf-16-le")
                cells += record(0x0204, struct.pack("<HHHHB", r, c, 0, len(text) // 2, 1) + text)
    first = begin(0x0005)
    name = struct.pack("<BB", 6, 0) + b"Sheet1"
    end = record(0x000A, b"")
    offset = len(first) + 4 + 6 + len(name) + len(end)
    stream = first + record(0x0085, struct.pack("<IH", offset, 0) + name) + end + begin(0x0010) + cells + end
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    return _compound(stream)


def _compound(stream: bytes, name: str = "Workbook") -> bytes:
    count, last, free = len(stream) // 512, 0xFFFFFFFE, 0xFFFFFFFF
    chain = [0xFFFFFFFD, last, *(n + 3 for n in range(count - 1)), last]
    fat = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, last, 0, last, 0) + struct.pack("<109I", 0, *[free] * 108)

    def entry(called: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (called + "\0").encode("utf-16-le") if called else b""
        return text.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", len(text), kind, 1, free, free, child, start, size)

    folder = entry("Root Entry", 5, 1, last, 0) + entry(name, 2, free, 2, len(stream)) + entry("", 0, free, 0, 0) * 2
    return head + fat + folder + stream


async def send(client: httpx.AsyncClient, content: bytes, name: str = "名册.xlsx", **params: object) -> httpx.Response:
    """Import a file."""
    return await client.post(
        "/imports/roster", params={k: str(v).lower() for k, v in params.items()}, files={"file": (name, content)}
    )


def errors(answer: httpx.Response) -> list[tuple[int, str]]:
    """Row and column of every error of a refused file."""
    assert answer.status_code == 422, answer.text
    return [(error["row"], error["column"]) for error in answer.json()["report"]["errors"]]
