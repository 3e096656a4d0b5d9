"""What an explanation of a draw shows."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from app.bank.schemas import Kind
from app.roster.schemas import Instant, OfficerName

if TYPE_CHECKING:
    from app.integrity.why.rules import Reason
    from app.integrity.why.service import Explanation


class DrawOut(BaseModel):
    """The draw behind a paper, done again from what is stored."""

    paper_id: uuid.UUID
    kind: Literal["quiz", "match"]
    mode: Literal["live", "relay", "challenge"] | None = Field(description="对战方式；每日一测为 null")
    day: dt.date
    officer: OfficerName
    opened_at: Instant
    seed: str
    bank_version: int | None = Field(description="出卷时的题库版本；null：当时没有记录，按该日现有题库重算")
    seen: int = Field(description="一年内见过的题数")
    excluded: int = Field(description="当日已有试卷和待应战约战排除的题数")
    reproduced: bool = Field(description="重新抽取是否与试卷完全一致（含次序）")


class ReasonOut(BaseModel):
    """Why the question stands on the paper; pool figures are those of the instant of the draw."""

    position: int
    question_id: uuid.UUID
    code: str
    kind: Kind
    slot: int = Field(description="本题型的第几题")
    slots: int
    topic: str
    on_topic: int = Field(description="本卷该专题的题数")
    topics: int = Field(description="题池中该题型的专题数")
    eligible: int = Field(description="可选的该题型题数")
    alike: int = Field(description="其中该专题的题数")
    unseen: int = Field(description="其中未见过的题数")
    last_seen: dt.date | None = Field(description="上次见到的日期；null：从未见过")
    in_pool: bool
    text: str


class WhyOut(BaseModel):
    """Why a question stands on somebody's paper."""

    draw: DrawOut
    reason: ReasonOut


def why_view(found: Explanation, reason: Reason) -> dict[str, Any]:
    """Return what `WhyOut` shows."""
    officer, paper = found.officer, found.paper
    return {
        "draw": {
            "paper_id": paper.id,
            "kind": paper.kind,
            "mode": found.mode,
            "day": paper.day,
            "officer": {"id": officer.id, "employee_no": officer.employee_no, "name": officer.name},
            "opened_at": paper.opened_at,
            "seed": found.seed,
            "bank_version": found.bank_version,
            "seen": found.seen,
            "excluded": found.excluded,
            "reproduced": found.reproduced,
        },
        "reason": {
            "position": reason.position,
            "question_id": reason.asked.question_id,
            "code": reason.asked.code,
            "kind": reason.asked.kind,
            "slot": reason.slot,
            "slots": reason.slots,
            "topic": reason.asked.topic,
            "on_topic": reason.on_topic,
            "topics": reason.topics,
            "eligible": reason.eligible,
            "alike": reason.alike,
            "unseen": reason.unseen,
            "last_seen": reason.last_seen,
            "in_pool": reason.in_pool,
            "text": reason.sentence(),
        },
    }
