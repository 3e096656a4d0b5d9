"""Reads of signing in: accounts, who is signed in, and until when a contest keeps a phone signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select, text

from app.roster.access import assigned_on
from app.roster.models import Assignment, Officer, SignInSession, Unit
from app.roster.sign_in.rules import kept_until

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession


class Account(NamedTuple):
    """What signing in needs to know of an officer."""

    officer_id: uuid.UUID
    employee_no: str
    phone: str | None
    password_hash: str | None


class SignedIn(NamedTuple):
    """An officer with the unit of today."""

    officer: Officer
    unit: Unit


async def account_named(session: AsyncSession, spellings: Sequence[str], day: dt.date) -> Account | None:
    """Return the account under the first of these spellings that is somebody's 工号, else 手机号, on `day`."""
    found = await session.execute(
        select(Officer.id, Officer.employee_no, Officer.phone, Officer.password_hash)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .where(or_(Officer.employee_no.in_(spellings), Officer.phone.in_(spellings)), assigned_on(day))
    )
    accounts = [Account(*row) for row in found]
    by_number = {account.employee_no: account for account in accounts}
    by_phone = {account.phone: account for account in accounts}
    return next((held[s] for held in (by_number, by_phone) for s in spellings if s in held), None)


async def account_of(session: AsyncSession, officer_id: uuid.UUID) -> Account:
    """Return the account of an officer who is known to exist."""
    officer = await session.get_one(Officer, officer_id)
    return Account(officer.id, officer.employee_no, officer.phone, officer.password_hash)


async def signed_in_officer(session: AsyncSession, officer_id: uuid.UUID, day: dt.date) -> SignedIn:
    """Return an officer with the unit of `day`: everybody has one from the first day on."""
    found = await session.execute(
        select(Officer, Unit)
        .join(Assignment, Assignment.officer_id == Officer.id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Officer.id == officer_id, assigned_on(day))
    )
    return SignedIn(*found.one())


# Contests stand above the roster, which therefore cannot import their model: the one place that looks up to them.
_LAST_CONTEST_DAY = text(
    """
    SELECT max(contest.ends_on)
    FROM assignment
    JOIN unit ON unit.id = assignment.unit_id
    JOIN contest ON contest.unit_id = ANY (unit.path)
    WHERE assignment.officer_id = :officer_id
      AND assignment.from_day <= :day AND (assignment.until_day IS NULL OR assignment.until_day > :day)
      AND contest.state <> 'draft' AND contest.ends_on >= :day
    """
)


async def last_contest_day(session: AsyncSession, officer_id: uuid.UUID, day: dt.date) -> dt.date | None:
    """Return the last day of the contests, running or opened ahead, that cover the officer; None without one."""
    found = await session.execute(_LAST_CONTEST_DAY, {"officer_id": officer_id, "day": day})
    last: dt.date | None = found.scalar_one()
    return last


async def contest_outlasts(
    session: AsyncSession, officer_id: uuid.UUID, key: bytes, day: dt.date
) -> dt.datetime | None:
    """Return until when a contest would keep the session under this token hash, where it now ends before that."""
    last = await last_contest_day(session, officer_id, day)
    held = await session.scalar(select(SignInSession.expires_at).where(SignInSession.token_hash == key))
    ends = kept_until(last) if last else None
    return ends if ends and held and held < ends else None
