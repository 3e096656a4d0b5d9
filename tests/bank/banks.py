"""Small banks for tests: question dicts that are right, folders of files, and tables filled from them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from app.bank.reporting import ImportReport
from app.bank.service import import_directory
from app.core.wiring import Services
from tests.times import instant

ART = "第六十三条"
INSTRUMENTS: list[dict[str, Any]] = [
    {
        "name": "行政处罚法",
        "full_name": "中华人民共和国行政处罚法",
        "issuer": "全国人大常委会",
        "in_force_from": dt.date(2021, 7, 15),
        "in_force_to": None,
        "checked_to": dt.date(2026, 7, 17),
        "confirmed_by": None,
        "note": None,
    },
    {
        "name": "裁量权规定(2022)",
        "full_name": "广东省生态环境行政处罚自由裁量权规定",
        "issuer": "广东省生态环境厅",
        "in_force_from": dt.date(2022, 1, 1),
        "in_force_to": dt.date(2026, 12, 31),
        "checked_to": None,
        "confirmed_by": None,
        "note": None,
    },
]
FACT: dict[str, Any] = {
    "id": "lf-1",
    "instrument": "行政处罚法",
    "article": ART,
    "fact": "……",
    "topic": "行政处罚程序",
    "valid_from": "2021-07-15",
    "valid_to": None,
    "confidence": "high",
    "force_checked_to": "2026-07-17",
}
FACTS = [FACT, {**FACT, "id": "lf-2", "instrument": "裁量权规定(2022)", "article": "第五条"}]
SHAPES: dict[str, dict[str, Any]] = {
    "single": {"options": {"A": "五日", "B": "七日", "C": "十日", "D": "十五日"}, "key": ["B"]},
    "multiple": {"options": {"A": "罚款", "B": "警告", "C": "没收", "D": "劝导"}, "key": ["A", "B"]},
    "true_false": {"options": {"A": "正确", "B": "错误"}, "key": ["A"]},
}


class _Plainly(yaml.SafeDumper):
    """Writes an object that is used twice out twice: banks take no references."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def question(code: str = "q-001", kind: str = "single", **changes: Any) -> dict[str, Any]:
    """A question that is right, unless a change makes it wrong; None leaves a field out."""
    mark = hashlib.sha256(code.encode()).hexdigest()[:16]
    values = {
        "code": code,
        "kind": kind,
        "topic": "行政处罚程序",
        "difficulty": 1,
        "stem": f"{mark}属于（　）。",
        **SHAPES[kind],
        "explanation": f"《行政处罚法》{ART}。",
        "basis": [{"instrument": "行政处罚法", "article": ART}],
        "facts": ["lf-1"],
        "state": "in_use",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def questions(single: int = 0, multiple: int = 0, true_false: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """That many of each kind: single-001, …"""
    counts = {"single": single, "multiple": multiple, "true_false": true_false}
    return [
        question(f"{kind}-{number:03}", kind, **changes)
        for kind, count in counts.items()
        for number in range(1, count + 1)
    ]


def write_bank(
    folder: Path,
    items: list[dict[str, Any]],
    *,
    instruments: list[dict[str, Any]] | None = None,
    facts: list[dict[str, Any]] | None = None,
) -> Path:
    """Write a bank's folder with its register; the questions stand in one file."""
    (folder / "law").mkdir(parents=True, exist_ok=True)
    (folder / "law" / "instruments.yaml").write_bytes(as_yaml(INSTRUMENTS if instruments is None else instruments))
    lines = [json.dumps(fact, ensure_ascii=False) for fact in (FACTS if facts is None else facts)]
    (folder / "law" / "facts.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "penalty.yaml").write_bytes(as_yaml(items))
    return folder


def as_yaml(items: list[dict[str, Any]]) -> bytes:
    return yaml.dump(items, Dumper=_Plainly, allow_unicode=True, sort_keys=False).encode()


async def fill(
    services: Services, folder: Path, items: list[dict[str, Any]], *, now: dt.datetime | None = None, **more: Any
) -> ImportReport:
    """Import a folder of these questions as the shipped bank."""
    write_bank(folder, items, **more)
    async with services.database.sessions.begin() as session:
        return await import_directory(session, folder, unit_id=None, now=now or instant("06:00"), actor_id=None)
