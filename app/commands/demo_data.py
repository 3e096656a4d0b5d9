"""The demo's bureau and its ten days of history; names, phones and figures are plainly artificial."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, text, update

from app.bank.cache import BankCache
from app.bank.service import import_directory
from app.contests.service import create_contest, open_contest
from app.core.clock import at, local_day
from app.core.ids import new_id
from app.core.security import new_token, token_hash
from app.notices.service import tick
from app.papers.rules import choice_of
from app.papers.service import AnswerDesk, Submission
from app.participation.schemas import NewReminder
from app.participation.service import log_reminder
from app.quiz.service import Opening, QuizDesk
from app.roster.imports.service import import_roster_file
from app.roster.models import Assignment, Officer, Role, SignInSession, Unit
from app.roster.queries import caller_of
from app.roster.service import add_exemption, create_admin, transfer

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.core.wiring import Services
    from app.roster.access import Caller

BUREAU, PROVINCE = "梅州市生态环境局", "广东省生态环境厅"
BRANCHES = {"梅江": 39, "梅县": 45, "兴宁": 51, "平远": 30, "蕉岭": 28, "大埔": 35, "丰顺": 38, "五华": 40}
OWN_STAFF = 48  # 354 in all
DAYS_BEFORE = 10
PASSWORD = "lianbing2026"  # noqa: S105 - the demo's own, printed at its start
ADMIN, PROVINCE_CLERK = "管理员001", "省厅001"
SIGN_INS = (
    ("参赛人员", "梅江003"),
    ("联络员", "梅江002"),
    ("单位负责人", "梅江001"),
    ("市局", "机关001"),
    ("省厅", PROVINCE_CLERK),
    ("管理员", ADMIN),
)
_DESKS = 2
_FRESH_TODAY = {account for _, account in SIGN_INS}  # whoever tries the demo finds today's quiz to do
_HALF_WAY_TODAY = {"梅江005", "梅江012", "梅江020"}
_DILIGENCE = {
    "蕉岭": 0.97,
    "平远": 0.95,
    "梅江": 0.92,
    "大埔": 0.9,
    "梅县": 0.87,
    "兴宁": 0.82,
    "丰顺": 0.8,
    "五华": 0.72,
}


@dataclass(frozen=True)
class Player:
    """An officer of the history: how likely to finish a day, how likely to be right."""

    account: str
    officer_id: uuid.UUID
    key: bytes
    diligence: float
    skill: float


@dataclass(frozen=True)
class Desks:
    """The desks of one worker process: two of them keep the database busy while the other's batch is made."""

    quizzes: QuizDesk
    answers: AnswerDesk

    @classmethod
    def of(cls, services: Services, cache: BankCache) -> Desks:
        """Open desks of their own."""
        return cls(QuizDesk(services.database, cache), AnswerDesk(services.database.answers))


def roster_csv() -> bytes:
    """Return the demo's roster as a liaison officer would fill it in."""
    rows = [("工号", "姓名", "手机号", "单位", "股室", "职务", "角色", "参赛")]
    for index, (branch, size) in enumerate(BRANCHES.items(), start=1):
        for number in range(1, size + 1):
            position, role = {1: ("分局局长", "单位负责人"), 2: ("股长", "联络员")}.get(number, ("执法人员", ""))
            section = ("办公室", "执法一股", "执法二股", "监测站")[number % 4]
            name = f"{branch}{number:03}"
            rows.append((name, name, f"199{index:04}{number:04}", f"{branch}分局", section, position, role, "是"))
    for number in range(1, OWN_STAFF + 1):
        name = f"机关{number:03}"
        role = "市局" if number == 1 else ""
        rows.append((name, name, f"1990000{number:04}", BUREAU, "执法监督科", "科员", role, "是"))
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue().encode("utf-8-sig")


class Seed:
    """Fills an empty database; every step goes the way a real bureau's data goes, at the instants of the past."""

    def __init__(self, services: Services, bank: Path) -> None:
        self._services = services
        self._bank = bank
        self._random = random.Random("lianbing demo")  # noqa: S311 - a plausible history, the same every time

    async def sow(self) -> None:
        """Make the bureau, the contest, ten finished days and today so far."""
        async with self._services.database.reads() as session:
            now = await self._services.clock.now(session)
        first = local_day(now) - dt.timedelta(days=DAYS_BEFORE)
        before = at(first - dt.timedelta(days=1), dt.time(9))
        admin = await self._people(before, now)
        await self._contest(admin, first, before)
        await self._absences(admin, first, before)
        players = await self._players(now)
        await self._history(players, first, now)
        await self._reminders(players, now)
        await self._notices(now)
        async with self._services.database.sessions.begin() as session:
            await session.execute(delete(SignInSession))

    async def _people(self, before: dt.datetime, now: dt.datetime) -> Caller:
        chosen = self._services.passwords.hash_now(PASSWORD)
        async with self._services.database.sessions.begin() as session:
            await create_admin(
                session,
                employee_no=ADMIN,
                name=ADMIN,
                bureau=BUREAU,
                province=PROVINCE,
                password_hash=chosen,
                now=before,
            )
        await import_roster_file(
            self._services,
            content=roster_csv(),
            file_name="演示名册.csv",
            bureau_name=BUREAU,
            create_units=True,
            now=before,
        )
        async with self._services.database.sessions.begin() as session:
            province = (await session.scalars(select(Unit).where(Unit.name == PROVINCE))).one()
            clerk = Officer(
                id=new_id(), employee_no=PROVINCE_CLERK, name=PROVINCE_CLERK, roles=[Role.PROVINCE], created_at=before
            )
            session.add(clerk)
            await session.flush()
            session.add(
                Assignment(
                    officer_id=clerk.id,
                    unit_id=province.id,
                    takes_part=False,
                    from_day=local_day(before),
                    created_at=before,
                )
            )
            accounts = [account for _, account in SIGN_INS]
            for officer in await session.scalars(select(Officer).where(Officer.employee_no.in_(accounts))):
                officer.password_hash = chosen
            # Whoever has a history has signed in and changed the initial password.
            await session.execute(update(Officer).values(must_change_password=False))
            chief = await _officer(session, ADMIN)
            key = _add_session(session, chief.id, now)
        async with self._services.database.reads() as session:
            caller = await caller_of(session, key, now=now, day=local_day(before))
        if caller is None:
            raise RuntimeError("the demo's administrator belongs nowhere")
        return caller

    async def _contest(self, admin: Caller, first: dt.date, before: dt.datetime) -> None:
        async with self._services.database.sessions.begin() as session:
            await import_directory(session, self._bank, unit_id=None, now=before, actor_id=admin.officer_id)
        async with self._services.database.sessions.begin() as session:
            bureau = (await session.scalars(select(Unit).where(Unit.name == BUREAU))).one()
            contest = await create_contest(
                session,
                unit_id=bureau.id,
                name="生态环境执法大练兵网络知识竞赛",
                short_name="网络知识竞赛",
                issuer="市生态环境局执法监督科",
                starts_on=first,
                ends_on=first + dt.timedelta(days=29),
                rules={"day_opens_at": "00:00"},  # a demo is tried at any hour
                now=before,
                actor_id=admin.officer_id,
            )
            await open_contest(session, contest, now=before, actor_id=admin.officer_id)

    async def _absences(self, admin: Caller, first: dt.date, before: dt.datetime) -> None:
        absent = {
            "梅县017": "产假",
            "兴宁021": "病假",
            "兴宁038": "借调",
            "丰顺009": "病假",
            "丰顺027": "借调",
            "五华033": "产假",
        }
        async with self._services.database.sessions.begin() as session:
            for account, reason in absent.items():
                officer = await _officer(session, account)
                await add_exemption(
                    session,
                    admin,
                    str(officer.id),
                    first=first,
                    last=first + dt.timedelta(days=29),
                    reason=reason,
                    now=before,
                )
            moved = await _officer(session, "梅江039")
            unit = (await session.scalars(select(Unit).where(Unit.name == "梅县分局"))).one()
            day = first + dt.timedelta(days=5)
            await transfer(session, admin, str(moved.id), str(unit.id), from_day=day, now=before)

    async def _players(self, now: dt.datetime) -> list[Player]:
        players = []
        async with self._services.database.sessions.begin() as session:
            found = await session.execute(
                select(Officer.id, Officer.employee_no)
                .join(Assignment, Assignment.officer_id == Officer.id)
                .where(Assignment.takes_part, Assignment.until_day.is_(None))
                .order_by(Officer.employee_no)
            )
            for officer_id, account in found.all():
                key = _add_session(session, officer_id, now)
                diligence = _DILIGENCE.get(account[:2], 0.88) + self._random.uniform(-0.12, 0.08)
                players.append(Player(account, officer_id, key, diligence, self._random.uniform(0.62, 0.97)))
        return players

    async def _history(self, players: list[Player], first: dt.date, now: dt.datetime) -> None:
        cache = BankCache()
        desks = [Desks.of(self._services, cache) for _ in range(_DESKS)]
        for day in (first + dt.timedelta(days=n) for n in range(DAYS_BEFORE + 1)):
            await asyncio.gather(
                *(_play(player, day, now, desks[number % _DESKS], cache) for number, player in enumerate(players))
            )
        for desk in desks:
            await desk.quizzes.close()
            await desk.answers.close()
        async with self._services.database.reads() as session:
            await session.execute(text("ANALYZE"))  # what follows plans on tables that were empty a moment ago

    async def _reminders(self, players: list[Player], now: dt.datetime) -> None:
        """Two telephone calls of the liaison officer, yesterday evening."""
        evening = at(local_day(now) - dt.timedelta(days=1), dt.time(19, 30))
        async with self._services.database.sessions.begin() as session:
            liaison = await _officer(session, "梅江002")
            key = next(player.key for player in players if player.officer_id == liaison.id)
            caller = await caller_of(session, key, now=now, day=local_day(evening))
            unit = (await session.scalars(select(Unit).where(Unit.name == "梅江分局"))).one()
            for account, outcome in (("梅江011", "reached"), ("梅江024", "no_answer")):
                officer = await _officer(session, account)
                call = NewReminder(officer_id=str(officer.id), channel="phone", outcome=outcome)
                if caller is not None:
                    await log_reminder(session, caller, unit, call, now=evening)

    async def _notices(self, now: dt.datetime) -> None:
        """Let the clock strike the slots of yesterday and today, up to now."""
        travelling = self._services.settings.model_copy(update={"allow_time_travel": True})
        services = type(self._services)(
            travelling, self._services.database, self._services.clock, self._services.passwords
        )
        for day in (local_day(now) - dt.timedelta(days=1), local_day(now)):
            for hour in (8, 12, 18, 22):
                struck = at(day, dt.time(hour, 0, 15))
                if struck < now:
                    await tick(services, now=struck)


async def _play(player: Player, day: dt.date, now: dt.datetime, desks: Desks, cache: BankCache) -> None:
    """One officer's day: not begun, left half-way, or finished; nothing at or after `now`."""
    rng = random.Random(f"{day}:{player.diligence}")  # noqa: S311 - as above
    mood = rng.random()
    if mood > player.diligence + 0.05:
        return
    moment = at(day, dt.time(7)) + dt.timedelta(minutes=rng.choices([20, 300, 660, 800], [3, 5, 4, 2])[0])
    moment += dt.timedelta(seconds=rng.uniform(0, 5400))
    if moment >= now or (day == local_day(now) and player.account in _FRESH_TODAY):
        return
    attempt = (await desks.quizzes.open(Opening(player.key, moment))).attempt
    wanted = len(attempt["questions"]) if mood <= player.diligence else rng.randint(0, 8)
    if day == local_day(now) and player.account in _HALF_WAY_TODAY:
        wanted = 4
    handed_in = []
    for question in attempt["questions"][:wanted]:
        moment += dt.timedelta(seconds=rng.uniform(15, 60))
        if moment >= now:
            break
        handed_in.append(
            desks.answers.record(
                Submission(
                    player.key,
                    attempt["id"],
                    question["position"],
                    _choice(question, cache, rng, player.skill),
                    moment,
                )
            )
        )
    await asyncio.gather(*handed_in)


def _add_session(session: AsyncSession, officer_id: uuid.UUID, now: dt.datetime) -> bytes:
    key = token_hash(new_token())
    expires = now + dt.timedelta(hours=1)
    session.add(SignInSession(token_hash=key, officer_id=officer_id, created_at=now, expires_at=expires))
    return key


async def _officer(session: AsyncSession, account: str) -> Officer:
    found: Officer = (await session.scalars(select(Officer).where(Officer.employee_no == account))).one()
    return found


def _choice(question: dict[str, Any], cache: BankCache, rng: random.Random, skill: float) -> str:
    revision = cache.held(uuid.UUID(question["question_id"]))
    if revision is None or rng.random() < skill:
        return choice_of(revision.key) if revision else question["options"][0]["id"]
    right = set(revision.key)
    return next((key for key, _ in revision.options if {key} != right), revision.options[0][0])
