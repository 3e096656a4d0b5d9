"""A prepared world for the crawl: two bureaus in one province's contest, half-way through its first day."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select, text, update

from app.contests.models import Contest, ContestRules, ContestState
from app.contests.rules import PlayRules
from app.core.ids import new_id
from app.core.security import new_token, token_hash
from app.integrity.models import Flag
from app.integrity.rules import FlagState, Kind
from app.matches.models import Ticket
from app.notices.drafts.models import Draft
from app.notices.models import Channel, Delivery, Notice
from app.notices.service import tick
from app.notices.stats import as_json
from app.notices.text import write
from app.participation.models import FrozenDay
from app.roster.models import Officer, SignInSession, UnitKind
from tests.notices import figures as finals
from tests.notices.robot import Robot
from tests.people import Town, small_bureau
from tests.questions import BASIS_CANARY, EXPLANATION_CANARY, add_questions, right
from tests.times import TODAY, SetClock, instant

PASSWORD, ROBOT_KEY = "everybody's password", "the-key-of-a-robot"
ROLES: dict[str, str | None] = {
    "nobody": None,
    "officer": "梅江001",
    "liaison": "联络员",
    "leader": "分局长",
    "bureau": "市局处长",
    "province": "省厅处长",
    "player": "参赛管理员",  # an administrator who takes part
    "admin": "管理员",
}
HERE, BESIDE, ELSEWHERE = "梅江", "丰顺", "邻区"  # own branch, another of the bureau, one of another bureau
BUREAU_OF = {HERE: "市局", BESIDE: "市局", ELSEWHERE: "邻市"}
PHONES = {"联络员": "13800000001", "分局长": "13800000002", "老同志": "13900000003"}
PLAYERS = ("梅江001", "梅江002", "联络员", "分局长", "参赛管理员", "丰顺001", "邻区001")


@dataclass
class World:
    """The town, everybody's papers and matches, and which questions each of them has answered."""

    town: Town
    client: httpx.AsyncClient
    clock: SetClock
    robot: Robot
    papers: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    answered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def request(
        self, who: str | None, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> httpx.Response:
        held = token or (self.town.tokens[who] if who else None)
        headers = {"Authorization": f"Bearer {held}"} if held else {}
        return await self.client.request(method, path, headers=headers, **options)

    async def done(self, who: str, method: str, path: str, **options: Any) -> Any:
        """Do something that succeeds, and return the body."""
        reply = await self.request(who, method, f"/api/v1{path}", **options)
        assert reply.is_success, f"{who} {method} {path}: {reply.text}"
        return reply.json()

    def admin_of(self, place: str) -> str:
        return "管理员" if BUREAU_OF[place] == "市局" else "邻市管理员"

    def unit(self, place: str) -> str:
        return str(self.town.units[place])

    def number(self) -> int:
        """A number that no call has used."""
        return next(self.numbers)

    def robot_url(self) -> str:
        """The address of one more robot; whoever has it may write into a group."""
        return self.robot.url(f"{ROBOT_KEY}-{self.number()}")

    async def newcomer(self, place: str) -> str:
        """The id of an officer whom no call has touched."""
        return str(await self.town.officer(f"{place}新人{self.number()}", place))

    async def leave(self, who: str | None) -> None:
        """Let nobody wait for an opponent, and this officer play nothing."""
        async with self.town.services.database.sessions.begin() as session:
            await session.execute(
                text("UPDATE ticket SET state = 'finished' WHERE state = 'waiting' OR officer_id = :officer"),
                {"officer": self.town.officers.get(who or "")},
            )

    async def ticket(self, who: str) -> str:
        """A ticket with which somebody waits for a live opponent."""
        await self.leave(who)
        asked = await self.done(who, "POST", "/match-tickets", json={"mode": "live"})
        assert asked["status"] == "waiting"
        return str(asked["id"])

    async def match(self, who: str) -> tuple[str, str]:
        """A live match with a newcomer that begins in three seconds, and who the newcomer is."""
        await self.ticket(who)
        opponent = f"{HERE}对手{self.number()}"
        await self.town.officer(opponent, HERE)
        asked = await self.done(opponent, "POST", "/match-tickets", json={"mode": "live"})
        assert asked["status"] == "matched"
        return str(asked["match_id"]), opponent

    async def session_of(self, who: str) -> str:
        """Another signed-in device."""
        token = new_token()
        async with self.town.services.database.sessions.begin() as session:
            session.add(
                SignInSession(
                    token_hash=token_hash(token),
                    officer_id=self.town.officers[who],
                    created_at=self.clock.now,
                    expires_at=self.clock.now + dt.timedelta(days=1),
                )
            )
        return token

    async def contest(self, place: str, *then: str) -> str:
        """A contest of the place's bureau far ahead, and what becomes of it (open, pause)."""
        start = TODAY + dt.timedelta(days=60 + 2 * self.number())
        body = {
            "name": "以后的竞赛",
            "unit_id": self.unit(BUREAU_OF[place]),
            "starts_on": start.isoformat(),
            "ends_on": start.isoformat(),
        }
        drafted = await self.done(self.admin_of(place), "POST", "/contests", json=body)
        for act in then:
            await self.done(self.admin_of(place), "POST", f"/contests/{drafted['id']}/{act}")
        return str(drafted["id"])

    async def delivery(self, place: str, state: str) -> str:
        """The delivery of the place's 12:00 notice, put into a state that a person has to settle."""
        key = self.ids["delivery", place]
        async with self.town.services.database.sessions.begin() as session:
            await session.execute(update(Delivery).where(Delivery.id == key).values(state=state))
        return key

    async def flag(self, place: str) -> str:
        """An open flag about two officers of the place."""
        first, second = sorted([uuid.UUID(await self.newcomer(place)) for _ in range(2)])
        now = self.clock.now
        flag = Flag(
            id=new_id(),
            contest_id=self.town.contest_id,
            kind=Kind.SIMULTANEOUS_ANSWERS,
            first_officer_id=first,
            second_officer_id=second,
            evidence={"matches_total": 0, "matches": [], "span": None, "longest": None},
            last_match_at=now,
            raised_at=now,
            updated_at=now,
            state=FlagState.OPEN,
        )
        async with self.town.services.database.sessions.begin() as session:
            session.add(flag)
        return str(flag.id)

    async def finished(self, place: str) -> tuple[str, str]:
        """A contest of the place's bureau that ended a month ago, and the bureau's final notice of it."""
        held = ("finished", BUREAU_OF[place])
        if held not in self.ids:
            bureau, day = self.town.units[BUREAU_OF[place]], TODAY - dt.timedelta(days=30)
            contest = Contest(
                id=new_id(),
                unit_id=bureau,
                name="以前的竞赛",
                starts_on=day,
                ends_on=day,
                state=ContestState.OPEN,
                created_at=instant("00:00", day),
            )
            figures = finals.bureau("08:00")
            notice = Notice(
                id=new_id(),
                contest_id=contest.id,
                slot_at=instant("08:00", day),
                audience_kind="bureau",
                audience_id=bureau,
                day=day,
                state="planned",
                **write(figures)._asdict(),
                stats=as_json(figures),
                cutoff_at=instant("00:00"),
                created_at=instant("08:00"),
            )
            async with self.town.services.database.sessions.begin() as session:
                session.add(contest)
                await session.flush()
                rules = PlayRules().model_dump(mode="json")
                session.add(
                    ContestRules(contest_id=contest.id, from_day=day, rules=rules, created_at=contest.created_at)
                )
                midnight = instant("00:00")
                session.add(FrozenDay(contest_id=contest.id, day=day, cutoff_at=midnight, frozen_at=midnight))
                session.add(notice)
            self.ids[held], self.ids["final", BUREAU_OF[place]] = str(contest.id), str(notice.id)
        return self.ids[held], self.ids["final", BUREAU_OF[place]]

    async def draft(self, place: str) -> str:
        """A draft about the place that nobody has decided on."""
        contest_id, _ = await self.finished(place)
        draft = Draft(
            id=new_id(),
            contest_id=uuid.UUID(contest_id),
            bureau_id=self.town.units[BUREAU_OF[place]],
            unit_id=self.town.units[place],
            kind="praise",
            day=TODAY - dt.timedelta(days=self.number()),
            state="proposed",
            title="关于表扬的通报",
            body="特提出表扬。",
            evidence={"days": []},
            created_at=self.clock.now,
        )
        async with self.town.services.database.sessions.begin() as session:
            session.add(draft)
        return str(draft.id)

    async def answer(self, who: str, position: int) -> None:
        """Answer one question of one's paper, rightly."""
        paper = self.papers[who]
        question = paper["questions"][position - 1]
        path = f"/daily-quiz/attempts/{paper['id']}/answers/{position}"
        await self.done(who, "PUT", path, json={"option_ids": right(question)})
        self.answered[who].add(question["question_id"])


async def prepared(app: Any, client: httpx.AsyncClient, clock: SetClock, robot: Robot) -> World:
    """People of every role, questions with a canary each, papers half answered, notices, channels, an import, matches."""
    town = await small_bureau(app)
    world = World(town, client, clock, robot)
    await _people(town)
    await _bank(town)
    rules: dict[str, object] = {
        "individual_ranking": True,
        "matches": {"counted_per_day": 2, "required_per_day": 1},
    }
    await town.contest("省厅", starts_on=TODAY - dt.timedelta(days=1), rules=rules)
    clock.at("09:30")
    for who in PLAYERS:
        world.papers[who] = await world.done(who, "POST", "/daily-quiz/today/attempt")
        for position in (1, 3, 5):
            await world.answer(who, position)
    await _channels(world)
    clock.at("12:00:15")
    await tick(town.services)
    clock.at("12:29:57")
    opponents = {who: await _ask(world, who) for who in PLAYERS}
    clock.at("12:30")
    for who, opponent in opponents.items():
        await _meet(world, who, opponent)
    await _ids(world)
    return world


async def _ask(world: World, who: str) -> str:
    match_id, opponent = await world.match(who)
    world.matches[who] = {"id": match_id}
    return opponent


async def _meet(world: World, who: str, opponent: str) -> None:
    """The first question of a match is open; the opponent, who must not be heard of, has answered it."""
    path = f"/matches/{world.matches[who]['id']}"
    shown = await world.done(who, "GET", path)
    await world.done(opponent, "PUT", f"{path}/answers/1", json={"option_ids": right(shown["questions"][0])})
    world.matches[who] = shown
    async with world.town.services.database.reads() as session:
        ticket = select(Ticket.id).where(Ticket.officer_id == world.town.officers[who])
        world.tickets[who] = str((await session.scalars(ticket)).one())


async def _people(town: Town) -> None:
    await town.officer("分局长", "梅江", roles=["leader"], phone=PHONES["分局长"])
    await town.officer("老同志", "梅江", phone=PHONES["老同志"])
    await town.officer("参赛管理员", "市局", roles=["admin"])
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.unit("邻区", UnitKind.BRANCH, "邻市")
    await town.officers_in("邻区", 2)
    await town.officer("邻市管理员", "邻市", roles=["admin"], takes_part=False)
    stored = town.services.passwords.hash_now(PASSWORD)
    async with town.services.database.sessions.begin() as session:
        await session.execute(update(Officer).values(password_hash=stored))


async def _bank(town: Town) -> None:
    """Explanation and article of each question name the question, so that a leak tells which one leaked."""
    await add_questions(town.services, of_each=24)
    async with town.services.database.sessions.begin() as session:
        await session.execute(
            text(
                "UPDATE question_revision SET explanation = :canary || '「' || id || '」',"
                " basis = jsonb_build_array(jsonb_build_object("
                "'instrument', CAST(:basis AS text), 'article', '第「' || id || '」条'))"
            ),
            {"canary": EXPLANATION_CANARY, "basis": BASIS_CANARY},
        )


async def _channels(world: World) -> None:
    for place in BUREAU_OF:
        body = {
            "name": f"{place}群",
            "kind": "wecom_robot",
            "audience": {"kind": "branch", "id": world.unit(place)},
            "url": world.robot_url(),
        }
        added = await world.done(world.admin_of(place), "POST", "/channels", json=body)
        world.ids["channel", place] = added["id"]


async def _ids(world: World) -> None:
    async with world.town.services.database.reads() as session:
        for place in BUREAU_OF:
            noon = select(Notice.id).where(
                Notice.audience_id == world.town.units[place],
                Notice.audience_kind == "branch",
                Notice.slot_at == instant("12:00"),
            )
            notice_id = (await session.scalars(noon)).one()
            found = await session.scalars(
                select(Delivery.id)
                .join(Channel, Channel.id == Delivery.channel_id)
                .where(Delivery.notice_id == notice_id)
            )
            world.ids["notice", place], world.ids["delivery", place] = str(notice_id), str(found.one())
    for place in BUREAU_OF:
        world.ids["contest", place] = await world.contest(place, "open")
        imported = await world.done(
            world.admin_of(place), "POST", "/imports/roster", files={"file": ("名册.csv", roster_of(world, place))}
        )
        world.ids["import", place] = imported["id"]
        questions = {"file": ("题库.csv", questions_of(world))}
        await world.done(world.admin_of(place), "POST", "/imports/questions", files=questions)
        listed = await world.done(world.admin_of(place), "GET", "/questions", params={"q": "own", "limit": 1})
        world.ids["question", place] = listed["items"][0]["id"]


def roster_of(world: World, place: str) -> bytes:
    """A roster file of one new officer of a branch."""
    number = world.number()
    return f"工号,姓名,手机号,单位\n导入{number},导入{number},137{number:08},{place}\n".encode()


def questions_of(world: World) -> bytes:
    """A file with one question of the bureau's own, a draft."""
    number = world.number()
    return (
        "编号,题型,专题,题干,选项A,选项B,选项C,答案,解析,法律依据,状态\n"
        f"own-{number},单选,专题一,这是本局自己出的第{number}道题，正确的是（　）。,"
        f"甲之{number},乙之{number},丙之{number},A,{EXPLANATION_CANARY}「own」,《{BASIS_CANARY}》第一条,草稿\n"
    ).encode()
