"""Use cases: confirm an instrument, withdraw that, and keep both through imports of the shipped register."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select, update

from app.bank.changing import lock_bank, raise_version
from app.bank.checking import Register, settled, usable
from app.bank.confirming.rules import same_text
from app.bank.entries import IN_USE, TO_CONFIRM
from app.bank.life.models import Cause
from app.bank.life.steps import step_of
from app.bank.models import Instrument, InstrumentConfirmation, Question, QuestionRevision
from app.bank.own import put_back_own
from app.bank.queries import register, whole_register
from app.core import audit
from app.core.clock import local_day
from app.core.errors import Conflict, FieldProblem, Invalid, NotFound
from app.core.wording import near

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.own import PutBack


class InstrumentRepealed(Conflict):
    """What is no longer the law cannot be confirmed to be it."""

    code = "instrument-repealed"
    title = "该文书已经失效"
    advice = "该文书已经失效，不能确认；请改用现行的文书。"


@dataclasses.dataclass(frozen=True)
class Confirmed:
    """An instrument after the act, the codes of the shared questions that it moved, and whose own ones wait again."""

    name: str
    questions: tuple[str, ...]
    changed: bool
    put_back: tuple[PutBack, ...] = ()


async def confirm(
    session: AsyncSession,
    name: str,
    *,
    by: str,
    on: dt.date,
    note: str | None,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> Confirmed:
    """Note that `by` has found on day `on` that the instrument's registered text is the law; the same again is nothing.

    The shared questions that wait for it alone come into use. Raises NotFound for a name that is not registered,
    InstrumentRepealed, and Invalid for a day to come or before the text was in force.
    """
    await lock_bank(session)
    one = await _instrument(session, name)
    today = local_day(now)
    if one.in_force_to is not None and one.in_force_to < today:
        raise InstrumentRepealed(f"《{one.name}》的效力止于{one.in_force_to}，不能确认；请改用现行的文书。")
    _refuse_day(one, on, today)
    held = await session.get(InstrumentConfirmation, one.name)
    values = {"confirmed_by": by, "confirmed_on": on, "note": note}
    changed = held is None or any(getattr(held, member) != value for member, value in values.items())
    before = _shown(one, held)
    if held is None:
        held = InstrumentConfirmation(
            instrument=one.name,
            **values,
            confirmed_at=now,
            shipped_by=one.confirmed_by,
            shipped_checked_to=one.checked_to,
        )
        session.add(held)
    elif changed:
        for member, value in {**values, "confirmed_at": now}.items():
            setattr(held, member, value)
    one.confirmed_by = by
    one.checked_to = max(on, held.shipped_checked_to or on)
    await session.flush()
    moved = await _free(session, today, now)
    freed = _noted(session, moved, IN_USE, f"确认《{one.name}》", now, actor_id)
    if changed or freed:
        await _told(session, "instrument.confirm", one, before, _shown(one, held), "freed", freed, now, actor_id)
    return Confirmed(one.name, tuple(freed), changed or bool(freed))


async def withdraw(
    session: AsyncSession, name: str, *, now: dt.datetime, actor_id: uuid.UUID | None, reason: str | None = None
) -> Confirmed:
    """Take an installation's confirmation back; the questions that rested on it wait again. Without one: nothing.

    Raises NotFound for a name that is not registered.
    """
    await lock_bank(session)
    one = await _instrument(session, name)
    held = await session.get(InstrumentConfirmation, one.name)
    if held is None:
        return Confirmed(one.name, (), changed=False)
    before = _shown(one, held)
    one.confirmed_by, one.checked_to = held.shipped_by, held.shipped_checked_to
    await session.delete(held)
    await session.flush()
    moved = await _put_back(session, local_day(now))
    back = _noted(session, moved, TO_CONFIRM, f"撤回对《{one.name}》的确认", now, actor_id)
    put_back = await put_back_own(session, now)
    await _told(session, "instrument.withdraw", one, before, _shown(one, None), "waiting", back, now, actor_id, reason)
    return Confirmed(one.name, tuple(back), changed=True, put_back=put_back)


async def _instrument(session: AsyncSession, name: str) -> Instrument:
    known = await register(session)
    one = await session.get(Instrument, known.short_name(name.strip()))
    if one is None:
        bare = [known_name.partition("(")[0] for known_name in known.instruments]
        hint = near(name, [*known.instruments, *bare], quoted="《{}》")
        raise NotFound(f"没有登记《{name}》{hint}；请核对名称，或先用 import-questions 导入登记簿。")
    return one


def _refuse_day(one: Instrument, on: dt.date, today: dt.date) -> None:
    said = None
    if on > today:
        said = f"确认日期 {on} 还没有到，请填写今天或以前的日期。"
    elif on < one.in_force_from:
        said = f"《{one.name}》的现行文本自{one.in_force_from}起施行，确认日期不能更早，请改正。"
    if said:
        raise Invalid(said, errors=[FieldProblem("/on", said)])


def _shown(one: Instrument, held: InstrumentConfirmation | None) -> dict[str, Any]:
    return {
        "confirmed_by": one.confirmed_by,
        "checked_to": one.checked_to.isoformat() if one.checked_to else None,
        "note": held.note if held else None,
    }


async def _told(
    session: AsyncSession,
    action: str,
    one: Instrument,
    before: dict[str, Any],
    after: dict[str, Any],
    moved: str,
    codes: list[str],
    now: dt.datetime,
    actor_id: uuid.UUID | None,
    reason: str | None = None,
) -> None:
    await raise_version(session)
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("instrument", one.name),
        before=before,
        after={**after, moved: codes},
        reason=reason,
    )


async def confirmations(session: AsyncSession) -> dict[str, InstrumentConfirmation]:
    """Return what is confirmed in this installation, by instrument."""
    return {one.instrument: one for one in await session.scalars(select(InstrumentConfirmation))}


async def _shared(session: AsyncSession, *conditions: Any) -> list[Any]:
    rows = await session.execute(
        select(Question.id, Question.code, Question.state, Question.current_revision_id, Question.freed_at)
        .add_columns(QuestionRevision.facts)
        .join(QuestionRevision, QuestionRevision.id == Question.current_revision_id)
        .where(Question.unit_id.is_(None), *conditions)
        .order_by(Question.code)
    )
    return list(rows)


async def _settles(session: AsyncSession) -> tuple[Register, frozenset[str]]:
    return await whole_register(session), frozenset(await confirmations(session))


async def _free(session: AsyncSession, day: dt.date, now: dt.datetime) -> list[Any]:
    known, confirmed = await _settles(session)
    waiting = await _shared(session, Question.state == TO_CONFIRM)
    free = [row for row in waiting if settled(row.facts, known, confirmed, day)]
    if free:
        values = [{"id": row.id, "state": IN_USE, "freed_at": now} for row in free]
        await session.execute(update(Question), values)
    return free


async def _put_back(session: AsyncSession, day: dt.date) -> list[Any]:
    """Let the questions wait again that nothing settles any more.

    What the files themselves have in use rests on usable facts only: one in use on another was freed, mark or no mark.
    """
    known, confirmed = await _settles(session)
    facts = known.facts or {}

    def doubtful(name: str) -> bool:
        fact = facts.get(name)
        return fact is not None and not usable(fact, known.instruments.get(fact.instrument))

    rows = await _shared(session, Question.state == IN_USE)
    back = [
        row
        for row in rows
        if any(map(doubtful, row.facts)) or (row.freed_at and not settled(row.facts, known, confirmed, day))
    ]
    if back:
        await session.execute(update(Question), [{"id": row.id, "state": TO_CONFIRM, "freed_at": None} for row in back])
    return back


def _noted(
    session: AsyncSession, moved: Iterable[Any], state: str, note: str, now: dt.datetime, actor_id: uuid.UUID | None
) -> list[str]:
    """Write the step of each moved question into its life; return their codes."""
    rows = list(moved)
    session.add_all(step_of(row, row.state, state, Cause.PERSON, now, actor_id=actor_id, note=note) for row in rows)
    return [row.code for row in rows]


class Kept(NamedTuple):
    """The shipped register with what is confirmed here, which instruments that are, and whose confirmation lapsed."""

    register: Register
    confirmed: frozenset[str]
    lapsed: tuple[str, ...]


async def keep_confirmations(session: AsyncSession, shipped: Register) -> Kept:
    """Return the shipped register with this installation's confirmations in it, before it is written.

    A confirmation was given of the text that the tables still hold: where the shipped one is another it lapses, and
    its questions wait again.
    """
    instruments = dict(shipped.instruments)
    held = await whole_register(session)
    kept, lapsed = set(), []
    for name, given in (await confirmations(session)).items():
        one = instruments.get(name)
        if one is None:
            continue
        if not same_text(name, held, shipped, confirmed_on=given.confirmed_on):
            await session.delete(given)
            lapsed.append(name)
            continue
        given.shipped_by, given.shipped_checked_to = one.confirmed_by, one.checked_to
        checked_to = max(given.confirmed_on, one.checked_to or given.confirmed_on)
        instruments[name] = dataclasses.replace(one, confirmed_by=given.confirmed_by, checked_to=checked_to)
        kept.add(name)
    await session.flush()
    return Kept(Register(instruments, shipped.facts), frozenset(kept), tuple(sorted(lapsed)))


async def mark_freed(session: AsyncSession, codes: Iterable[str], now: dt.datetime) -> None:
    """Note which shared questions are in use by a confirmation only, after an import has written their states."""
    shared = update(Question).where(Question.unit_id.is_(None))
    freed = list(codes)
    await session.execute(shared.where(Question.freed_at.is_(None), Question.code.in_(freed)).values(freed_at=now))
    await session.execute(
        shared.where(Question.freed_at.is_not(None), Question.code.not_in(freed)).values(freed_at=None)
    )
