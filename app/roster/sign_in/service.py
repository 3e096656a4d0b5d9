"""Use cases of signing in: reserved attempts, sessions, passwords, resets and one-time links."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import case, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.core import audit, metrics
from app.core.clock import local_day
from app.core.errors import Busy, Forbidden
from app.core.security import is_generated, new_token, token_hash
from app.roster import access
from app.roster.models import Officer, Role, SignInFailures, SignInLink, SignInSession
from app.roster.sign_in import queries, rules

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.security import Passwords
    from app.roster.access import Caller
    from app.roster.sign_in.queries import Account, SignedIn

log = structlog.get_logger(__name__)
_AT_THE_DATABASE = 2
_MOST_WAITING = 2000
_SWEPT_AT_ONCE = 100

# No row comes back while the account is blocked from this address. The delay grows with the failures, this one included.
_RESERVE = text(
    """
    INSERT INTO sign_in_failures AS held (key, failures, window_from) VALUES (:key, 1, :now)
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN held.window_from <= :stale THEN 1 ELSE held.failures + 1 END,
        window_from = CASE WHEN held.window_from <= :stale THEN :now ELSE held.window_from END,
        blocked_until = CAST(:now AS timestamptz) + make_interval(secs => (CAST(:delays AS float8[]))[
            CASE WHEN held.window_from <= :stale THEN 1
                 ELSE least(held.failures + 1, cardinality(CAST(:delays AS float8[]))) END])
    WHERE held.blocked_until IS NULL OR held.blocked_until <= :now
    RETURNING failures
    """
)


class Turns:
    """Keeps the sign-ins of one process from crowding out everything else.

    One at a time for an account and address, so that double taps never look like guessing; few at a time at the
    database, so that the pool stays free for others; beyond a bound, Busy.
    """

    def __init__(self, *, most_waiting: int = _MOST_WAITING) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._most_waiting = most_waiting
        self._waiting = 0
        self.database = asyncio.Semaphore(_AT_THE_DATABASE)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for this key's turn; raises Busy where too many sign-ins wait already."""
        if self._waiting >= self._most_waiting:
            metrics.SIGN_INS.labels("busy").inc()
            raise Busy("登录的人太多，请稍等几秒再试。")
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        self._waiting += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting -= 1


class Attempt(NamedTuple):
    """A reserved attempt at an account's password: it counts as a failure until it is given back."""

    account: Account | None
    key: str
    address: str


class Issued(NamedTuple):
    """A new session and whose it is."""

    token: str
    expires_at: dt.datetime
    who: SignedIn


async def reserve(session: AsyncSession, account: str, address: str, *, now: dt.datetime) -> Attempt:
    """Look an account up and reserve one attempt at its password from this address.

    The reservation is one statement and comes before the password is looked at, so that guesses sent in parallel,
    over however many processes, get no more attempts than guesses sent in turn. Raises TooManyAttempts.
    """
    spellings = rules.account_spellings(account)
    found = await queries.account_named(session, spellings, local_day(now)) if spellings else None
    return await _reserved(session, found, spellings[0] if spellings else "", address, now=now)


async def reserve_own(session: AsyncSession, caller: Caller, address: str, *, now: dt.datetime) -> Attempt:
    """Reserve one attempt at the caller's own current password; raises TooManyAttempts."""
    account = await queries.account_of(session, caller.officer_id)
    return await _reserved(session, account, "", address, now=now)


async def _reserved(
    session: AsyncSession, account: Account | None, spelling: str, address: str, *, now: dt.datetime
) -> Attempt:
    await refuse_crowded_address(session, address, now=now)
    name = str(account.officer_id) if account else hashlib.sha256(spelling.casefold().encode()).hexdigest()
    key = f"account:{name}:{address}"
    reserved = await session.execute(
        _RESERVE, {"key": key, "now": now, "stale": now - rules.FORGOTTEN_AFTER, "delays": rules.DELAYS}
    )
    if reserved.first() is None:
        until = await session.scalar(select(SignInFailures.blocked_until).where(SignInFailures.key == key))
        _count("too_many_attempts", account.officer_id if account else None, address)
        raise rules.too_many_attempts(now=now, until=until or now)
    return Attempt(account, key, address)


async def refuse_crowded_address(session: AsyncSession, address: str, *, now: dt.datetime) -> None:
    """Raise TooManyAttempts where this address alone has failed too often within the window."""
    held = await session.get(SignInFailures, _address_key(address))
    if held and held.failures >= rules.ADDRESS_FAILURES and now < held.window_from + rules.ADDRESS_WINDOW:
        _count("too_many_attempts", None, address)
        raise rules.too_many_attempts(now=now, until=held.window_from + rules.ADDRESS_WINDOW)


async def proven(passwords: Passwords, attempt: Attempt, password: str) -> Account | None:
    """Return the account where the password is its own.

    Call it outside any transaction: it waits for its turn at argon2.
    """
    account = attempt.account
    stored = account.password_hash if account else None
    if is_generated(stored):
        password = rules.as_typed_from_paper(password)
    return account if await passwords.verify(stored, password) else None


async def failed(session: AsyncSession, attempt: Attempt, *, now: dt.datetime) -> None:
    """Count a wrong password against the address; against the account it was counted when it was reserved."""
    await _count_address(session, attempt.address, now=now)
    _count("bad_credentials", attempt.account.officer_id if attempt.account else None, attempt.address)


async def failed_link(session: AsyncSession, address: str, *, now: dt.datetime) -> None:
    """Count a sign-in link that is none against the address."""
    await _count_address(session, address, now=now)
    _count("bad_link", None, address)


async def give_back(session: AsyncSession, attempt: Attempt) -> None:
    """Forget an account's failures from this address: the password was right."""
    await session.execute(delete(SignInFailures).where(SignInFailures.key == attempt.key))


async def _count_address(session: AsyncSession, address: str, *, now: dt.datetime) -> None:
    held = SignInFailures
    over = held.window_from <= now - rules.ADDRESS_WINDOW
    await session.execute(
        insert(held)
        .values(key=_address_key(address), failures=1, window_from=now, blocked_until=None)
        .on_conflict_do_update(
            index_elements=[held.key],
            set_={
                "failures": case((over, 1), else_=held.failures + 1),
                "window_from": case((over, now), else_=held.window_from),
            },
        )
    )
    # SKIP LOCKED: two that sweep at once must not wait for each other while they hold their own rows.
    old = (
        select(held.key)
        .where(held.window_from <= now - 2 * rules.FORGOTTEN_AFTER)
        .limit(_SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(held).where(held.key.in_(old)))


def _address_key(address: str) -> str:
    return f"address:{address}"


def _count(outcome: str, officer_id: uuid.UUID | None, address: str) -> None:
    metrics.SIGN_INS.labels(outcome).inc()
    log.info("sign-in", outcome=outcome, officer_id=str(officer_id) if officer_id else None, address=address)


async def sign_in(session: AsyncSession, attempt: Attempt, account: Account, *, now: dt.datetime) -> Issued | None:
    """Give the attempt back and open a session; None where the password was changed while it was being checked.

    Who comes with a generated password must change it, also where a sign-in link had lifted that demand.
    """
    changed = await session.execute(
        update(Officer)
        .where(Officer.id == account.officer_id, Officer.password_hash == account.password_hash)
        .values(
            first_signed_in_at=func.coalesce(Officer.first_signed_in_at, now),
            must_change_password=literal(is_generated(account.password_hash)) | Officer.must_change_password,
        )
        .returning(Officer.id)
    )
    if changed.first() is None:
        return None
    await give_back(session, attempt)
    _count("success", account.officer_id, attempt.address)
    return await _open_session(session, account.officer_id, now=now)


async def sign_in_by_link(session: AsyncSession, code: str, address: str, *, now: dt.datetime) -> Issued | None:
    """Use a one-time link up and open a session; None where it is used, expired or unknown.

    The demand to change the password is lifted: who came by the link does not know the current one.
    """
    used = await session.execute(
        update(SignInLink)
        .where(SignInLink.code_hash == token_hash(code), SignInLink.used_at.is_(None), SignInLink.expires_at > now)
        .values(used_at=now)
        .returning(SignInLink.officer_id)
    )
    officer_id = used.scalar_one_or_none()
    if officer_id is None:
        return None
    await session.execute(
        update(Officer)
        .where(Officer.id == officer_id)
        .values(first_signed_in_at=func.coalesce(Officer.first_signed_in_at, now), must_change_password=False)
    )
    _count("link", officer_id, address)
    return await _open_session(session, officer_id, now=now)


async def _open_session(session: AsyncSession, officer_id: uuid.UUID, *, now: dt.datetime) -> Issued:
    who = await queries.signed_in_officer(session, officer_id, local_day(now))
    token = new_token()
    ends = rules.session_ends(now, await queries.last_contest_day(session, officer_id, local_day(now)))
    await session.execute(
        delete(SignInSession).where(SignInSession.officer_id == officer_id, SignInSession.expires_at <= now)
    )
    session.add(SignInSession(token_hash=token_hash(token), officer_id=officer_id, created_at=now, expires_at=ends))
    await session.flush()
    return Issued(token, ends, who)


async def prolong(session: AsyncSession, caller: Caller, ends: dt.datetime) -> None:
    """Let the caller's session last until `ends` where it would end before: a contest opened since signing in."""
    await session.execute(
        update(SignInSession)
        .where(SignInSession.token_hash == caller.token_hash, SignInSession.expires_at < ends)
        .values(expires_at=ends)
    )


async def sign_out(session: AsyncSession, caller: Caller) -> None:
    """End the caller's session."""
    await session.execute(delete(SignInSession).where(SignInSession.token_hash == caller.token_hash))


async def change_password(session: AsyncSession, caller: Caller, account: Account, new_hash: str) -> bool:
    """Set the caller's new password and end all other sessions and links; False where another change came first."""
    changed = await session.execute(
        update(Officer)
        .where(Officer.id == account.officer_id, Officer.password_hash == account.password_hash)
        .values(password_hash=new_hash, must_change_password=False)
        .returning(Officer.id)
    )
    if changed.first() is None:
        return False
    await end_sign_ins(session, [caller.officer_id], but=caller.token_hash)
    return True


async def end_sign_ins(session: AsyncSession, officer_ids: Sequence[uuid.UUID], *, but: bytes | None = None) -> None:
    """End the sessions of these officers, `but` one, and their unused sign-in links."""
    ended = delete(SignInSession).where(SignInSession.officer_id.in_(officer_ids))
    await session.execute(ended.where(SignInSession.token_hash != but) if but else ended)
    await session.execute(
        delete(SignInLink).where(SignInLink.officer_id.in_(officer_ids), SignInLink.used_at.is_(None))
    )


async def renew_password(
    session: AsyncSession, officer_id: uuid.UUID, new_hash: str, *, must_change_password: bool
) -> None:
    """Set an officer's password by another's hand; end all sign-ins, lift the lock-out."""
    values = {"password_hash": new_hash, "must_change_password": must_change_password}
    await session.execute(update(Officer).where(Officer.id == officer_id).values(values))
    await end_sign_ins(session, [officer_id])
    await session.execute(delete(SignInFailures).where(SignInFailures.key.startswith(f"account:{officer_id}:")))


async def set_text_size(session: AsyncSession, caller: Caller, text_size: str) -> None:
    """Keep the caller's text size."""
    await session.execute(update(Officer).where(Officer.id == caller.officer_id).values(text_size=text_size))


async def set_nudges(session: AsyncSession, caller: Caller, *, wanted: bool) -> None:
    """Keep whether the caller wants nudges."""
    await session.execute(update(Officer).where(Officer.id == caller.officer_id).values(nudges=wanted))


async def _resettable(session: AsyncSession, caller: Caller, officer_id: str, day: dt.date) -> Officer:
    """Return the officer whose sign-in the caller may renew.

    Raises Forbidden by role, also for the caller and for those above, NotFound by place.
    """
    access.require(caller, Role.LIAISON, Role.ADMIN)
    officer, unit = await access.officer_below(session, caller, officer_id, day)
    if officer.id == caller.officer_id:
        raise Forbidden("修改自己的密码请用“修改密码”。")
    # An import may be making the officer an administrator: judge the roles behind it, and let it end this secret.
    await session.refresh(officer, with_for_update={"key_share": True})
    await access.require_over(session, caller, officer, unit, day=day)
    return officer


async def reset_password(
    session: AsyncSession, caller: Caller, officer_id: str, new_hash: str, *, now: dt.datetime
) -> None:
    """Give an officer a generated password that must be changed at sign-in; end all sign-ins, lift the lock-out.

    Raises Forbidden, NotFound.
    """
    officer = await _resettable(session, caller, officer_id, local_day(now))
    await renew_password(session, officer.id, new_hash, must_change_password=True)
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="officer.password_reset",
        subject=("officer", officer.id),
    )


async def hand_out_link(
    session: AsyncSession, caller: Caller, officer_id: str, *, now: dt.datetime
) -> tuple[str, dt.datetime]:
    """Return a one-time sign-in code for an officer and when it expires; earlier unused ones end.

    Raises Forbidden, NotFound.
    """
    officer = await _resettable(session, caller, officer_id, local_day(now))
    await session.execute(delete(SignInLink).where(SignInLink.officer_id == officer.id, SignInLink.used_at.is_(None)))
    code = secrets.token_urlsafe(18)  # 144 bits
    expires_at = now + rules.LINK_LASTS
    session.add(
        SignInLink(
            code_hash=token_hash(code),
            officer_id=officer.id,
            created_by=caller.officer_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await audit.append(
        session,
        now=now,
        actor_id=caller.officer_id,
        action="officer.sign_in_link",
        subject=("officer", officer.id),
        after={"expires_at": expires_at.isoformat()},
    )
    return code, expires_at
