"""HTTP: Sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.core.clock import local_day
from app.core.errors import Conflict, FieldProblem
from app.core.http import problems
from app.core.security import new_password
from app.core.wiring import Services, Wired
from app.roster.access import Caller
from app.roster.models import Role
from app.roster.rules import normal_employee_no
from app.roster.sign_in import queries, rules, service
from app.roster.sign_in.schemas import (
    Credentials,
    LinkCode,
    Me,
    NewLink,
    NewPassword,
    NudgePreference,
    PasswordChange,
    Preferences,
    Session,
    me,
)
from app.roster.signed_in import COOKIE, AnySignedIn, CallerCache, SignedIn, holding

router = APIRouter(tags=["Sign in"])
_COOKIE_LASTS = 400 * 24 * 3600  # the most that browsers keep; the session's own end decides
_HELPS = holding(Role.LIAISON, Role.ADMIN)


async def _turns(request: Request) -> service.Turns:
    turns: service.Turns = request.app.state.sign_in_turns
    return turns


async def _callers(request: Request) -> CallerCache:
    callers: CallerCache = request.app.state.callers
    return callers


async def _address(request: Request, wired: Wired) -> str:
    return rules.client_address(
        request.client.host if request.client else None,
        request.headers.getlist("x-forwarded-for"),
        wired.settings.trusted_proxies,
    )


TurnsOfProcess = Annotated[service.Turns, Depends(_turns)]
Callers = Annotated[CallerCache, Depends(_callers)]
ClientAddress = Annotated[str, Depends(_address)]


def _session(issued: service.Issued, response: Response, wired: Services, *, cookie: bool) -> Session:
    response.headers["Cache-Control"] = "no-store"
    if cookie:
        response.set_cookie(
            COOKIE,
            issued.token,
            max_age=_COOKIE_LASTS,
            httponly=True,
            samesite="strict",
            secure=wired.settings.public_url.startswith("https:"),
        )
    return Session(token=issued.token, expires_at=issued.expires_at, officer=me(issued.who))


@router.post("/sessions", operation_id="sign_in", status_code=201, responses=problems(401, 422, 429, 503))
async def sign_in(
    body: Credentials, response: Response, wired: Wired, turns: TurnsOfProcess, address: ClientAddress
) -> Session:
    """Sign in with 工号 or 手机号 and password.

    After 5 failures of an account from one address, each further attempt has to wait longer (`Retry-After`).
    """
    async with turns.turn(f"{normal_employee_no(body.account)}:{address}"):
        async with turns.database, wired.database.sessions.begin() as session:
            now = await wired.clock.now(session)
            attempt = await service.reserve(session, body.account, address, now=now)
        # No connection is held here: in a storm of sign-ins this waits long for its turn at argon2.
        account = await service.proven(wired.passwords, attempt, body.password)
        async with turns.database, wired.database.sessions.begin() as session:
            now = await wired.clock.now(session)
            issued = await service.sign_in(session, attempt, account, now=now) if account else None
            if issued is None:
                await service.failed(session, attempt, now=now)
    if issued is None:
        raise rules.BadCredentials("请核对工号（或手机号）和密码后重试；忘记密码请联系本单位联络员重置。")
    return _session(issued, response, wired, cookie=body.cookie)


@router.post("/sessions/link", operation_id="sign_in_by_link", status_code=201, responses=problems(401, 422, 429, 503))
async def sign_in_by_link(
    body: LinkCode, response: Response, wired: Wired, turns: TurnsOfProcess, address: ClientAddress
) -> Session:
    """Sign in with the code of a one-time link that a liaison officer printed."""
    async with turns.turn(address), turns.database, wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        await service.refuse_crowded_address(session, address, now=now)
        issued = await service.sign_in_by_link(session, body.code, address, now=now)
        if issued is None:
            await service.failed_link(session, address, now=now)
    if issued is None:
        raise rules.LinkInvalid("每个登录二维码只能用一次，24小时内有效；请让联络员重新生成一个。")
    return _session(issued, response, wired, cookie=body.cookie)


@router.delete(
    "/sessions/current",
    operation_id="sign_out",
    status_code=204,
    response_class=Response,
    responses=problems(401),
)
async def sign_out(caller: AnySignedIn, response: Response, wired: Wired, callers: Callers) -> None:
    """Sign this device out; its token is dead on every process within a second."""
    async with wired.database.sessions.begin() as session:
        await service.sign_out(session, caller)
    callers.forget(caller.token_hash)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


async def _who(caller: Caller, wired: Services) -> Me:
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        who = await queries.signed_in_officer(session, caller.officer_id, local_day(now))
        ends = await queries.contest_outlasts(session, caller.officer_id, caller.token_hash, local_day(now))
    if ends:
        async with wired.database.sessions.begin() as session:
            await service.prolong(session, caller, ends)
    return me(who)


@router.get("/me", operation_id="read_me", responses=problems(401))
async def read_me(caller: AnySignedIn, wired: Wired) -> Me:
    """Tell who is signed in; the session is prolonged to the end of a contest that was opened meanwhile."""
    return await _who(caller, wired)


@router.patch("/me", operation_id="change_me", responses=problems(401, 403, 422))
async def change_me(body: Preferences, caller: SignedIn, wired: Wired) -> Me:
    """Choose the text size of the pages: 标准, 大, 特大."""
    async with wired.database.sessions.begin() as session:
        await service.set_text_size(session, caller, body.text_size)
    return await _who(caller, wired)


@router.patch("/me/preferences", operation_id="change_my_preferences", responses=problems(401, 403, 422))
async def change_my_preferences(body: NudgePreference, caller: SignedIn, wired: Wired) -> Me:
    """Choose whether to be told, at most twice a day, that today's task is not finished."""
    async with wired.database.sessions.begin() as session:
        await service.set_nudges(session, caller, wanted=body.nudges)
    return await _who(caller, wired)


@router.put(
    "/me/password",
    operation_id="change_password",
    status_code=204,
    response_class=Response,
    responses=problems(401, 409, 422, 429, 503),
)
async def change_password(
    body: PasswordChange,
    caller: AnySignedIn,
    wired: Wired,
    turns: TurnsOfProcess,
    callers: Callers,
    address: ClientAddress,
) -> None:
    """Change the password; all other sessions end. Wrong current passwords count towards the lock-out."""
    async with turns.turn(f"{caller.officer_id}:{address}"):
        async with turns.database, wired.database.sessions.begin() as session:
            now = await wired.clock.now(session)
            attempt = await service.reserve_own(session, caller, address, now=now)
        account = await service.proven(wired.passwords, attempt, body.current_password)
        async with turns.database, wired.database.sessions.begin() as session:
            if account:
                await service.give_back(session, attempt)
            else:
                await service.failed(session, attempt, now=await wired.clock.now(session))
        if account is None:
            detail = "当前密码不正确，请核对后重试。"
            raise rules.WrongCurrentPassword(detail, errors=[FieldProblem("/current_password", detail)])
        rules.check_new_password(
            body.new_password, current=body.current_password, employee_no=account.employee_no, phone=account.phone
        )
        new_hash = await wired.passwords.hash(body.new_password)
        async with turns.database, wired.database.sessions.begin() as session:
            changed = await service.change_password(session, caller, account, new_hash)
    callers.forget()
    if not changed:
        raise Conflict("密码刚刚在别处被修改，请重新登录。")


@router.post(
    "/officers/{officer_id}/password-reset",
    operation_id="reset_password",
    status_code=201,
    responses=problems(401, 403, 404),
)
async def reset_password(
    officer_id: str,
    caller: Annotated[Caller, _HELPS],
    response: Response,
    wired: Wired,
    callers: Callers,
) -> NewPassword:
    """Give an officer of one's own unit a new password, shown once; all of the officer's sessions end."""
    password = new_password()
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        await service.reset_password(session, caller, officer_id, wired.passwords.keyed(password), now=now)
    callers.forget()
    response.headers["Cache-Control"] = "no-store"
    return NewPassword(password=password)


@router.post(
    "/officers/{officer_id}/sign-in-link",
    operation_id="hand_out_sign_in_link",
    status_code=201,
    responses=problems(401, 403, 404),
)
async def hand_out_sign_in_link(
    officer_id: str, caller: Annotated[Caller, _HELPS], response: Response, wired: Wired
) -> NewLink:
    """Return a one-time sign-in link for an officer of one's own unit, valid for 24 hours, shown once."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        code, expires_at = await service.hand_out_link(session, caller, officer_id, now=now)
    response.headers["Cache-Control"] = "no-store"
    return NewLink(code=code, url=rules.link_url(wired.settings.public_url, code), expires_at=expires_at)
