"""The demo's bureau and its ten days of history; names, phones and figures are plainly artificial."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select, text, update

from app.bank.cache import BankCache
from app.bank.service import import_directory
from app.commands.demo_matches import LONGEST, Hall, Player, Session, chosen
from app.commands.demo_roster import BUREAU, roster_csv
from app.contests.service import change_contest, create_contest, open_contest
from app.core.clock import at, local_day
from app.core.ids import new_id
from app.core.security import new_token, token_hash
from app.notices.service import tick
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

PROVINCE = "广东省生态环境厅"
DAYS_BEFORE = 10
_DAYS_WITH_MATCHES = 4  # the last ones; today is one more
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
_GROUPS = 2
_CHALLENGER = "丰顺010"
_FRESH_TODAY = {account for _, account in SIGN_INS} | {_CHALLENGER}  # who tries the demo finds today's task to do
_HALF_WAY_TODAY = {"梅江005", "梅江012", "梅江020"}
_SLOTS = (dt.time(7, 20), dt.time(12), dt.time(18), dt.time(20, 20))  # quizzes begin within an hour and a half of each
_EVENING = (2, 3)
_CROWD = (3, 5, 4, 2)
_AFTER = (dt.time(9, 5), dt.time(13, 45), dt.time(19, 45), dt.time(22, 5))  # the quizzes of the slot are over
_LUNCH, _LATE = dt.time(12, 40), dt.time(22, 40)
_ONCE_MORE = dt.timedelta(minutes=10)
_EARLY = 0.2
_MATCHES = (0.03, 0.86, 0.11)  # the chances of none, one, two
_MATCHES_OF_THE_HALF_HEARTED = (0.7, 0.3, 0)
_DILIGENCE = {
    "蕉岭": 1.0,
    "平远": 0.99,
    "梅江": 0.97,
    "大埔": 0.96,
    "梅县": 0.94,
    "兴宁": 0.91,
    "丰顺": 0.9,
    "五华": 0.88,
}


@dataclass(frozen=True)
class Desks:
    """The desks of a group: while one group's batch is made, the other keeps the database busy."""

    cache: BankCache
    quizzes: QuizDesk
    answers: AnswerDesk
    hall: Hall

    @classmethod
    def of(cls, services: Services, cache: BankCache) -> Desks:
        """Open desks of their own."""
        answers = AnswerDesk(services.database.answers)
        return cls(cache, QuizDesk(services.database, cache), answers, Hall(services, cache))

    async def close(self) -> None:
        """Finish what is in flight."""
        await self.quizzes.close()
        await self.answers.close()
        await self.hall.close()


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
                rules={
                    "day_opens_at": "00:00",  # a demo is tried at any hour
                    "matches": {"counted_per_day": 0, "required_per_day": 0},
                },
                now=before,
                actor_id=admin.officer_id,
            )
            await open_contest(session, contest, now=before, actor_id=admin.officer_id)
        # The contest began with quizzes alone; the rules were changed on the day before its first matches.
        async with self._services.database.sessions.begin() as session:
            with_matches = {"rules": {"matches": {"counted_per_day": 2, "required_per_day": 1}}}
            changed = before + dt.timedelta(days=DAYS_BEFORE - _DAYS_WITH_MATCHES)
            await change_contest(
                session,
                await session.merge(contest),
                with_matches,
                now=changed,
                actor_id=admin.officer_id,
            )

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
                diligence = _DILIGENCE.get(account[:2], 0.94) + self._random.uniform(-0.12, 0.08)
                players.append(Player(account, officer_id, key, diligence, self._random.uniform(0.62, 0.97)))
        return players

    async def _history(self, players: list[Player], first: dt.date, now: dt.datetime) -> None:
        """Let them play day after day, in groups that meet nobody of another and so never wait for each other."""
        cache = BankCache()
        days = [first + dt.timedelta(days=n) for n in range(DAYS_BEFORE + 1)]
        groups = [players[n::_GROUPS] for n in range(_GROUPS)]
        desks = [Desks.of(self._services, cache) for _ in groups]
        for some in (days[:1], days[1:]):
            await asyncio.gather(*(_live(group, some, now, at) for group, at in zip(groups, desks, strict=True)))
            await self._analyze()
        await _with_colleagues(desks[0], players, now)
        for desk in desks:
            await desk.close()

    async def _analyze(self) -> None:
        """Let the database plan on tables that were empty a moment ago."""
        async with self._services.database.reads() as session:
            await session.execute(text("ANALYZE"))

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


class _Plan(NamedTuple):
    """What an officer does on a day: the quiz, begun at `begins_at`, and so many matches, `early` ones before it."""

    player: Player
    slot: int
    begins_at: dt.datetime
    questions: int
    matches: int
    early: bool
    rng: random.Random


def _plan(player: Player, day: dt.date, now: dt.datetime) -> _Plan | None:
    """One officer's day: not begun, left half-way, or finished."""
    rng = random.Random(f"{day}:{player.diligence}")  # noqa: S311 - as above
    mood = rng.random()
    today = day == local_day(now)
    if mood > player.diligence + 0.05 or (today and player.account in _FRESH_TODAY):
        return None
    slot = rng.choices(range(len(_SLOTS)), _CROWD)[0]
    begins_at = at(day, _SLOTS[slot]) + dt.timedelta(seconds=rng.uniform(0, 5400))
    finishes = mood <= player.diligence
    questions = 10 if finishes else rng.randint(0, 8)
    matches = rng.choices((0, 1, 2), _MATCHES if finishes else _MATCHES_OF_THE_HALF_HEARTED)[0]
    if local_day(now) - day > dt.timedelta(days=_DAYS_WITH_MATCHES):
        matches = 0
    if today and player.account in _HALF_WAY_TODAY:
        questions, matches = 4, 0
    early = matches > 0 and slot in _EVENING and rng.random() < _EARLY
    return _Plan(player, slot, begins_at, questions, matches, early, rng)


async def _live(players: list[Player], days: list[dt.date], now: dt.datetime, desks: Desks) -> None:
    """Let officers live through the days: some play at noon, all do the quiz, most play after it, some once more."""
    for day in days:
        plans = [plan for player in players if (plan := _plan(player, day, now))]
        wanted = Counter({plan.player: plan.matches for plan in plans})
        lunch = Session(at(day, _LUNCH), [plan.player for plan in plans if plan.early])
        wanted -= Counter(await desks.hall.round(_past([lunch], now)))
        await asyncio.gather(*(_quiz(plan, now, desks) for plan in plans))
        for later in (dt.timedelta(), _ONCE_MORE):
            plans.sort(key=lambda plan: wanted[plan.player] < plan.matches)  # who has not played yet comes first
            sessions = [
                Session(
                    at(day, ends) + later, [plan.player for plan in plans if plan.slot == slot and wanted[plan.player]]
                )
                for slot, ends in enumerate(_AFTER)
            ]
            wanted -= Counter(await desks.hall.round(_past(sessions, now)))


async def _quiz(plan: _Plan, now: dt.datetime, desks: Desks) -> None:
    """Do the quiz of an officer's day; nothing at or after `now`."""
    player, rng, moment = plan.player, plan.rng, plan.begins_at
    if moment >= now:
        return
    attempt = (await desks.quizzes.open(Opening(player.key, moment))).attempt
    handed_in = []
    for question in attempt["questions"][: plan.questions]:
        moment += dt.timedelta(seconds=rng.uniform(15, 60))
        if moment >= now:
            break
        revision = desks.cache.held(uuid.UUID(question["question_id"]))
        choice = chosen(revision, rng, player.skill) if revision else question["options"][0]["id"]
        handed_in.append(
            desks.answers.hand_in(Submission(player.key, attempt["id"], question["position"], choice, moment))
        )
    await asyncio.gather(*handed_in)


def _past(sessions: list[Session], now: dt.datetime) -> list[Session]:
    """Return those that are over by `now`."""
    return [session for session in sessions if session.begins_at + LONGEST < now]


async def _with_colleagues(desks: Desks, players: list[Player], now: dt.datetime) -> None:
    """Let some play against recorded runs, yesterday late, and one challenge whoever tries the demo, half an hour ago."""
    yesterday = local_day(now) - dt.timedelta(days=1)
    await desks.hall.relays(Session(at(yesterday, _LATE), players[100:106]))
    challenger = next(player for player in players if player.account == _CHALLENGER)
    lately = now - dt.timedelta(minutes=30)
    if local_day(lately) == yesterday:  # nothing begins in the last minutes of a day, nor may its answers lie ahead
        lately = at(yesterday, dt.time(23))
    await desks.hall.challenge(challenger, SIGN_INS[0][1], lately)


def _add_session(session: AsyncSession, officer_id: uuid.UUID, now: dt.datetime) -> bytes:
    key = token_hash(new_token())
    expires = now + dt.timedelta(hours=1)
    session.add(SignInSession(token_hash=key, officer_id=officer_id, created_at=now, expires_at=expires))
    return key


async def _officer(session: AsyncSession, account: str) -> Officer:
    found: Officer = (await session.scalars(select(Officer).where(Officer.employee_no == account))).one()
    return found
