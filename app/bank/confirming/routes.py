"""HTTP: the register of instruments, and confirming them one by one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app.bank.confirming import service
from app.bank.confirming.queries import Registered, instruments
from app.bank.confirming.schemas import ConfirmIn, ConfirmOut, InstrumentPage, WithdrawIn
from app.bank.routes import QuestionAdministrator, question_administrator
from app.core.clock import local_day
from app.core.http import encode_cursor, next_link, problems, read_cursor
from app.core.wiring import Services, Wired
from app.roster.access import Caller, require_for_all

router = APIRouter(tags=["Questions"])


async def keeper(caller: QuestionAdministrator, wired: Wired) -> Caller:
    """Return the caller, who may confirm for every unit that draws from the shared bank."""
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        await require_for_all(session, caller, day=day, what="法律依据的确认对全系统的共用题库生效")
    return caller


Keeper = Annotated[Caller, Depends(keeper)]


@router.get(
    "/instruments",
    operation_id="list_instruments",
    dependencies=[Depends(question_administrator)],
    responses=problems(400, 401, 403, 422),
)
async def list_instruments(
    request: Request,
    response: Response,
    wired: Wired,
    waiting: bool = False,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> InstrumentPage:
    """List the register's instruments by name; `waiting`: only those for which questions wait to be confirmed."""
    place = read_cursor(cursor, str)
    async with wired.database.reads() as session:
        found = await instruments(session, after=place[0] if place else None, limit=limit + 1, waiting=waiting)
    following = encode_cursor(found[limit - 1].instrument.name) if len(found) > limit else None
    next_link(request, response, following)
    return InstrumentPage.model_validate({"items": [_wire(one) for one in found[:limit]], "next": following})


@router.post(
    "/instruments/{name}/confirm", operation_id="confirm_instrument", responses=problems(400, 401, 403, 404, 409, 422)
)
async def confirm_instrument(name: str, body: ConfirmIn, caller: Keeper, wired: Wired) -> ConfirmOut:
    """Note who has found the registered text to be the law; the questions that waited for it come into use.

    The same again changes nothing. A later import of the register keeps it while the text stays the same.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        done = await service.confirm(
            session, name, by=body.by, on=body.on, note=body.note, now=now, actor_id=caller.officer_id
        )
    return await _done(wired, done)


@router.post(
    "/instruments/{name}/withdraw", operation_id="withdraw_instrument", responses=problems(400, 401, 403, 404, 422)
)
async def withdraw_instrument(name: str, caller: Keeper, wired: Wired, body: WithdrawIn | None = None) -> ConfirmOut:
    """Take this installation's confirmation back; the questions that rested on it wait again.

    That is also so for units' own questions (`put_back`): each comes into use again by an administrator's step.
    """
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        reason = body.reason if body else None
        done = await service.withdraw(session, name, now=now, actor_id=caller.officer_id, reason=reason)
    return await _done(wired, done)


async def _done(wired: Services, done: service.Confirmed) -> ConfirmOut:
    async with wired.database.reads() as session:
        (one,) = await instruments(session, only=done.name)
    put_back = [each._asdict() for each in done.put_back]
    return ConfirmOut.model_validate(
        {"instrument": _wire(one), "changed": done.changed, "moved": done.questions, "put_back": put_back}
    )


def _wire(one: Registered) -> dict[str, Any]:
    instrument, confirmation, in_use, to_confirm = one
    return {
        "name": instrument.name,
        "full_name": instrument.full_name,
        "issuer": instrument.issuer,
        "in_force_from": instrument.in_force_from,
        "in_force_to": instrument.in_force_to,
        "checked_to": instrument.checked_to,
        "confirmed_by": instrument.confirmed_by,
        "confirmed_on": confirmation.confirmed_on if confirmation else None,
        "confirmation_note": confirmation.note if confirmation else None,
        "note": instrument.note,
        "questions": {"in_use": in_use, "to_confirm": to_confirm},
    }
