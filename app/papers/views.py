"""What leaves the server of a paper: nothing of a key before that question's answer is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core.clock import wire
from app.papers.rules import PaperStatus, shuffled, status

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from app.bank.queries import RevisionView
    from app.papers.service import Recorded


def answer_view(recorded: Recorded, revision: RevisionView, *, holder: str = "attempt") -> dict[str, Any]:
    """Return the AnswerResult of a committed answer; the same for every repeat."""
    state = status(answered=recorded.after_answered, questions=recorded.questions, over=False)
    return {
        "position": recorded.position,
        "option_ids": recorded.choice.split(","),
        "correct": recorded.correct,
        "correct_option_ids": list(revision.key),
        "explanation": revision.explanation,
        "legal_basis": list(revision.basis),
        "points": recorded.points,
        "answered_at": wire(recorded.answered_at),
        holder: {
            "status": state,
            "answered": recorded.after_answered,
            "correct": recorded.after_correct,
            "points": recorded.after_points,
        },
    }


def question_view(
    paper_id: uuid.UUID, position: int, revision: RevisionView, answer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the Question at a position of a paper, with the answer once there is one."""
    return {
        "position": position,
        "question_id": str(revision.id),
        "kind": revision.kind,
        "topic": revision.topic,
        "stem": revision.stem,
        "options": [
            {"id": key, "text": text} for key, text in shuffled(paper_id, revision.kind, list(revision.options))
        ],
        "answer": answer,
    }


def paper_view(
    paper: Any,
    recorded: Sequence[Recorded],
    revisions: Mapping[uuid.UUID, RevisionView],
    *,
    now: dt.datetime,
) -> dict[str, Any]:
    """Return the Attempt: a paper row, its answers, and the texts of its revisions."""
    ids: list[uuid.UUID] = list(paper["revision_ids"])
    answers = {answer.position: answer for answer in recorded}
    over = now >= paper["closes_at"]
    state = status(answered=len(answers), questions=len(ids), over=over)
    finished_at = max((answer.answered_at for answer in recorded), default=None)
    return {
        "id": str(paper["id"]),
        "day": paper["day"].isoformat(),
        "status": state,
        "started_at": wire(paper["opened_at"]),
        "finished_at": wire(finished_at) if finished_at and state is PaperStatus.FINISHED else None,
        "closes_at": wire(paper["closes_at"]),
        "question_count": len(ids),
        "answered": len(answers),
        "correct": sum(answer.correct for answer in recorded),
        "points": sum(answer.points for answer in recorded),
        "questions": [
            question_view(
                paper["id"],
                position,
                revisions[revision_id],
                answer_view(answers[position], revisions[revision_id]) if position in answers else None,
            )
            for position, revision_id in enumerate(ids, start=1)
        ],
    }
