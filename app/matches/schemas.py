"""Shapes of matches on the wire, as API.md gives them; they document what `views` builds."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.clock import wire
from app.matches.models import TicketState
from app.papers.schemas import Basis, Instant, Option

if TYPE_CHECKING:
    from collections.abc import Mapping


EmployeeNo = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\x00]*$")]


class NewTicket(BaseModel):
    """A wish for a match; `any` takes a live opponent if one waits, else a recorded one at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"mode": "any"}]})

    mode: Literal["any", "live", "relay", "challenge"] = "any"
    opponent_employee_no: EmployeeNo | None = Field(None, examples=["丰顺002"])


class TicketOut(BaseModel):
    """A ticket; once matched it names the match."""

    id: str
    mode: Literal["any", "live", "relay", "challenge"]
    status: Literal["waiting", "matched", "expired", "cancelled"]
    match_id: str | None
    created_at: Instant
    expires_at: Instant
    relay_offered: bool


class MatchState(BaseModel):
    """The player's part of a match just after an answer."""

    status: Literal["running", "finished"]
    answered: int
    correct: int
    points: int


class MatchAnswerResult(BaseModel):
    """A committed answer, with what is right and why."""

    position: int
    option_ids: list[str]
    correct: bool
    correct_option_ids: list[str]
    explanation: str
    legal_basis: list[Basis]
    points: int
    answered_at: Instant
    match: MatchState


class SeatOut(BaseModel):
    """A seat; of the opponent's only what shows by now."""

    seat: Literal[1, 2]
    name: str
    unit_name: str
    recorded: bool
    points: int
    answered: int


class MatchQuestion(BaseModel):
    """A question that is open or over; `opponent_correct` is null until it is over."""

    position: int
    question_id: str
    kind: Literal["single", "multiple", "true_false"]
    topic: str
    stem: str
    options: list[Option]
    answer: MatchAnswerResult | None
    opens_at: Instant
    closes_at: Instant
    opponent_answered: bool
    opponent_correct: bool | None


class ResultOut(BaseModel):
    """How it ended for the caller; a challenge is compared once both played."""

    outcome: Literal["win", "draw", "loss"]
    my_points: int
    opponent_points: int


class MatchOut(BaseModel):
    """A match as one player sees it at `server_time`."""

    id: str
    mode: Literal["live", "relay", "challenge"]
    status: Literal["running", "finished"]
    day: dt.date
    counted: bool
    server_time: Instant
    question_count: int
    seconds_per_question: int
    started_at: Instant
    finished_at: Instant | None
    my_seat: Literal[1, 2]
    seats: list[SeatOut]
    questions: list[MatchQuestion]
    result: ResultOut | None


class MatchPage(BaseModel):
    """Own matches of a day, the latest first."""

    items: list[MatchOut]
    next: str | None


class Challenger(BaseModel):
    """Who challenges."""

    employee_no: str
    name: str
    unit_name: str


class ChallengeOut(BaseModel):
    """A challenge that waits for the caller: take it up by a ticket of mode `challenge` naming its challenger."""

    id: str
    match_id: str
    challenger: Challenger
    question_count: int
    seconds_per_question: int
    created_at: Instant
    expires_at: Instant


class ChallengePage(BaseModel):
    """Challenges that wait for the caller, the oldest first."""

    items: list[ChallengeOut]
    next: str | None


_STATUS = {
    TicketState.WAITING: "waiting",
    TicketState.PLAYING: "matched",
    TicketState.FINISHED: "matched",
    TicketState.EXPIRED: "expired",
    TicketState.CANCELLED: "cancelled",
}


def ticket_view(row: Mapping[str, Any], *, now: dt.datetime | None = None) -> dict[str, Any]:
    """Return a Ticket; a wait that is over by `now` shows as expired before anybody settled it."""
    status = _STATUS[TicketState(row["state"])]
    if status == "waiting" and now is not None and row["expires_at"] <= now:
        status = "expired"
    return {
        "id": str(row["id"]),
        "mode": row["mode"],
        "status": status,
        "match_id": str(row["match_id"]) if row["match_id"] else None,
        "created_at": wire(row["created_at"]),
        "expires_at": wire(row["expires_at"]),
        "relay_offered": row["relay_offered"],
    }


def challenge_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Challenge of a WAITING row."""
    return {
        "id": str(row["match_id"]),
        "match_id": str(row["match_id"]),
        "challenger": {"employee_no": row["employee_no"], "name": row["name"], "unit_name": row["unit_name"] or ""},
        "question_count": row["questions"],
        "seconds_per_question": row["seconds"],
        "created_at": wire(row["created_at"]),
        "expires_at": wire(row["expires_at"]),
    }
