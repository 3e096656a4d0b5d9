"""A bureau's contest driven over HTTP, with a log of everything that was done from which all figures are counted."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import openpyxl
from fastapi import FastAPI
from sqlalchemy import update

from app.core.security import new_token, token_hash
from app.core.wiring import Services
from app.notices.service import tick
from app.roster.models import Officer, SignInSession
from app.roster.service import create_admin
from tests.questions import add_questions
from tests.scenarios.arithmetic import Act, Count, Played, count, played
from tests.scenarios.duels import Duel, Hall, Move, begun, chosen, short, take, whole
from tests.scenarios.people_of_354 import (
    BRANCHES,
    BUREAU,
    PROVINCE,
    TICK,
    TOWNSHIP,
    Person,
    Step,
    a_day,
    around,
    as_csv,
    as_others,
    at_the_last_moment,
    roster,
)
from tests.times import TODAY, SetClock, instant

YESTERDAY, TOMORROW = TODAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=1)
MIDNIGHT = instant("00:00", TOMORROW)
ADMIN, PROVINCE_ADMIN, CLERK, PASSWORD = "总管理员", "省厅管理员", "省厅处长", "a long password 2026"
LIAISONS = [f"{branch}002" for branch in BRANCHES if branch != "高新"] + ["高新001"]
SIGN_IN_THEMSELVES = [*LIAISONS, "梅江001", "梅江003", "机关001", "机关处长", "题库管理员"]
MOVED, FROM, TO = "兴宁040", "兴宁", "梅县"
SCHOOL = "兴宁041"
SPECIAL = ("梅江", "兴宁", "梅县", "丰顺")


@dataclass
class Day:
    """The bureau, its people's tokens, the steps to come and the log of those taken."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: SetClock
    people: list[Person] = field(default_factory=roster)
    tokens: dict[str, str] = field(default_factory=dict)
    officers: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    contest_id: str = ""
    exempt: dict[dt.date, set[str]] = field(default_factory=dict)
    steps: list[Step | Move] = field(default_factory=list)
    challenges: list[Duel] = field(default_factory=list)
    papers: dict[tuple[dt.date, str], dict[str, Any]] = field(default_factory=dict)
    ends: dict[tuple[str, str], dt.datetime] = field(default_factory=dict)
    runs: int = 0
    log: list[Act] = field(default_factory=list)
    counted: dict[tuple[dt.date, dt.datetime, int], dict[str, Played]] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        wired: Services = self.app.state.services
        return wired

    async def call(self, who: str | None, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        """Call as somebody and return the body; another status than the expected one fails."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        reply = await self.client.request(method, path, headers=headers, **options)
        assert reply.status_code == status, f"{who} {method} {path}: {reply.status_code} {reply.text}"
        if not reply.content or "json" not in reply.headers["content-type"]:
            return reply.content
        return reply.json()

    async def get(self, who: str, path: str, **query: Any) -> Any:
        return await self.call(who, "GET", path, params=query)

    async def listed(self, who: str, path: str, **query: Any) -> list[Any]:
        """All items of a list, page by page."""
        items, cursor = [], None
        while True:
            page = await self.get(who, path, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            if not (cursor := page["next"]):
                return items

    # Before the contest.

    async def sign_in(self, who: str, password: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.call(
            None, "POST", "/sessions", json={"account": who, "password": password}, status=201
        )
        self.tokens[who] = answer["token"]
        return answer

    async def administrators(self) -> None:
        """The first administrators of bureau and province come from the command line."""
        for name, bureau in ((ADMIN, BUREAU), (PROVINCE_ADMIN, PROVINCE)):
            stored = await self.services.passwords.hash(PASSWORD)
            async with self.services.database.sessions.begin() as session:
                await create_admin(
                    session,
                    employee_no=name,
                    name=name,
                    bureau=bureau,
                    province=PROVINCE,
                    password_hash=stored,
                    now=self.clock.now,
                )
            await self.sign_in(name, PASSWORD)

    async def import_roster(self, who: str, file: bytes) -> dict[str, str]:
        """Try a roster, land it, and return the passwords to be handed out, by 工号."""
        upload = {"file": ("名册.csv", file, "text/csv")}
        tried = await self.call(who, "POST", "/imports/roster?create_units=true&dry_run=true", files=upload)
        report = await self.call(who, "POST", "/imports/roster?create_units=true", files=upload)
        assert (report["errors"], report["created"]) == ([], report["rows"])
        assert tried == {**report, "id": None, "dry_run": True}
        book = openpyxl.load_workbook(io.BytesIO(await self.get(who, f"/imports/{report['id']}/credentials.xlsx")))
        title, *rows = book.worksheets[0].iter_rows(values_only=True)
        account, password = title.index("工号"), next(n for n, name in enumerate(title) if "密码" in str(name))
        return {str(row[account]): str(row[password]) for row in rows if row[account] is not None}

    async def names(self) -> None:
        """Learn the ids of units and officers."""
        for unit in await self.listed(ADMIN, "/units"):
            self.units[unit["name"].removesuffix("分局")] = unit["id"]
        for officer in await self.listed(ADMIN, "/officers", limit=150):
            self.officers[officer["employee_no"]] = officer["id"]

    async def first_sign_in(self, who: str, password: str) -> None:
        """Sign in with the password handed out; nothing works before it is changed."""
        signed_in = await self.sign_in(who, password)
        assert signed_in["officer"]["must_change_password"] is True
        refused = await self.call(who, "GET", "/branches", status=403)
        assert refused["code"] == "password-change-required"
        change = {"current_password": password, "new_password": f"{who} chose this"}
        await self.call(who, "PUT", "/me/password", json=change, status=204)
        assert (await self.get(who, "/me"))["must_change_password"] is False

    async def printed_links(self) -> None:
        """Two colleagues of each unit sign in with the QR code that the liaison officer (or administrator) printed."""
        helpers = {name[:2]: name for name in LIAISONS} | {"汤坑": "丰顺002", "机关": ADMIN}
        for who in [f"{unit}{number:03}" for unit in helpers for number in (4, 5) if unit != "高新"]:
            path = f"/officers/{self.officers[who]}/sign-in-link"
            link = await self.call(helpers[who[:2]], "POST", path, status=201)
            signed_in = await self.call(None, "POST", "/sessions/link", json={"code": link["code"]}, status=201)
            assert signed_in["officer"]["employee_no"] == who
            self.tokens[who] = signed_in["token"]

    async def placed_sessions(self) -> None:
        """The others have signed in too: their sessions are placed in the table, which costs no time."""
        others = [one.name for one in self.people if one.name not in self.tokens]
        self.tokens |= {name: new_token() for name in others}
        async with self.services.database.sessions.begin() as session:
            session.add_all(
                SignInSession(
                    token_hash=token_hash(self.tokens[name]),
                    officer_id=uuid.UUID(self.officers[name]),
                    created_at=self.clock.now,
                    expires_at=self.clock.now + dt.timedelta(days=30),
                )
                for name in others
            )
            await session.execute(
                update(Officer).where(Officer.employee_no.in_(others)).values(must_change_password=False)
            )

    async def contest(self) -> None:
        """Draft the contest and open it."""
        body = {
            "name": "2026年生态环境执法大练兵网络知识竞赛",
            "short_name": "网络知识竞赛",
            "unit_id": self.units[BUREAU],
            "starts_on": TODAY.isoformat(),
            "ends_on": (TODAY + dt.timedelta(days=20)).isoformat(),
            "issuer": "市生态环境局执法监督科",
            "office_phone": "0753-1234567",
        }
        drafted = await self.call(ADMIN, "POST", "/contests", json=body, status=201)
        assert (drafted["state"], drafted["phase"]) == ("draft", "draft")
        opened = await self.call(ADMIN, "POST", f"/contests/{drafted['id']}/open")
        assert (opened["state"], opened["phase"]) == ("open", "upcoming")
        self.contest_id = opened["id"]

    async def exemption(self, who: str, *, first: dt.date, last: dt.date, reason: str) -> None:
        body = {"officer_id": self.officers[who], "from": first.isoformat(), "to": last.isoformat(), "reason": reason}
        await self.call(ADMIN, "POST", "/exemptions", json=body, status=201)
        for number in range((last - first).days + 1):
            self.exempt.setdefault(first + dt.timedelta(days=number), set()).add(who)

    async def prepare(self) -> None:
        """The day before: units, roster, sign-ins, contest, two exemptions."""
        self.clock.at("15:00", YESTERDAY)
        await add_questions(self.services, of_each=40)
        await self.administrators()
        bureau = (await self.get(ADMIN, "/me"))["unit"]["id"]
        for name, kind, parent in (("丰顺分局", "branch", bureau), (TOWNSHIP, "township", "丰顺分局")):
            body = {"name": name, "kind": kind, "parent_id": self.units.get(parent, parent)}
            self.units[name] = (await self.call(ADMIN, "POST", "/units", json=body, status=201))["id"]
        handed_out = await self.import_roster(ADMIN, as_csv(self.people))
        clerk = as_csv([Person(CLERK, "13700000000", PROVINCE, "处长", "省厅", takes_part=False)])
        handed_out |= await self.import_roster(PROVINCE_ADMIN, clerk)
        self.units.clear()
        await self.names()
        for who in [*SIGN_IN_THEMSELVES, CLERK]:
            await self.first_sign_in(who, handed_out[who])
        await self.printed_links()
        await self.placed_sessions()
        await self.contest()
        await self.exemption("梅江005", first=TODAY, last=TODAY + dt.timedelta(days=4), reason="病假")
        await self.exemption("高新001", first=TODAY, last=TODAY, reason="借调")

    # The people of a unit.

    def members(self, unit: str, day: dt.date) -> list[str]:
        """Who takes part in a unit's subtree on a day."""
        wanted = {"丰顺": {"丰顺分局", TOWNSHIP}, TOWNSHIP: {TOWNSHIP}, "市本级": {BUREAU}}.get(unit, {f"{unit}分局"})
        names = [one.name for one in self.people if one.takes_part and (unit == BUREAU or one.unit in wanted)]
        if day > TODAY and unit in {FROM, TO}:
            names = [name for name in names if name != MOVED] + [MOVED] * (unit == TO)
        return names

    def branches(self) -> list[str]:
        """The branches in roster order."""
        return [name for name in self.units if name in BRANCHES]

    # Playing.

    def plan_today(self) -> None:
        """Draw what everybody will do today."""
        rng, hall = random.Random(354), Hall(random.Random(355))
        named = {MOVED, SCHOOL}
        people = {
            name: [one for one in self.members(name, TODAY) if one not in named] for name in [*BRANCHES, "市本级"]
        }
        chosen = {f"{branch}{number:03}" for branch in SPECIAL for number in range(10, 18)}
        for branch in SPECIAL:
            people[branch] = [name for name in people[branch] if name not in chosen]
        whole_day = ("06:00", "23:40")
        steps: list[Step] = []
        for slot, branch in (("12:00", "梅江"), ("18:00", "兴宁"), ("22:00", "梅县")):
            names = [f"{branch}{number:03}" for number in range(10, 18)]
            steps += around(instant(slot), names)
            hall.around(instant(slot), names)
        late = [f"丰顺{number:03}" for number in range(10, 16)]
        steps += at_the_last_moment(MIDNIGHT, late)
        hall.at_the_last_moment(MIDNIGHT, late)
        edges = begun(steps)
        for name, lazy, skill in (("梅江", 0.2, 0.9), ("梅县", 0.3, 0.8), ("兴宁", 0.45, 0.75), ("市本级", 0.25, 0.85)):
            steps += a_day(TODAY, people[name], rng, begin=whole_day, lazy=lazy, skill=skill)
        steps += a_day(TODAY, people["大埔"], rng, begin=("12:30", "23:30"), lazy=0.3, skill=0.7)
        steps += a_day(TODAY, people["丰顺"], rng, begin=whole_day, lazy=0.35, skill=0.6)
        begins = {who: at for who, at in begun(steps).items() if who not in edges}
        hall.beside_quizzes(begins, lazy=0.15)
        twin_of = dict(zip(people["平远"], people["蕉岭"], strict=True))
        twins = a_day(TODAY, people["平远"], rng, begin=("06:30", "17:40"), lazy=0, skill=0.9)
        hall.twins(begun(twins), twin_of)
        steps += [*twins, *as_others(twins, twin_of)]
        steps += a_day(TODAY, [MOVED], rng, begin=("20:00", "21:00"), lazy=0, skill=0.5)
        steps += a_day(TODAY, [SCHOOL], rng, begin=("08:00", "09:00"), lazy=0, skill=0.5)
        hall.live(instant("09:20"), {SCHOOL: short(True), MOVED: short(False)})
        hall.live(instant("16:00"), {"高新001": whole([True] * 5), "梅江005": short(True)})  # both exempt
        self.challenges = hall.more(sorted(begins))
        self.steps = sorted([*steps, *hall.moves], key=lambda step: (step.at, step.first))

    def plan_tomorrow(self) -> None:
        """Draw what the early ones will do tomorrow."""
        rng, hall = random.Random(356), Hall(random.Random(357))
        steps: list[Step] = []
        for name, lazy in (("梅江", 0.9), ("梅县", 0.5), ("平远", 0.7), ("大埔", 0.2), ("高新", 0), ("市本级", 0.6)):
            early = [one for one in self.members(name, TOMORROW) if one != MOVED]
            steps += a_day(TOMORROW, early, rng, begin=("06:00", "11:00"), lazy=lazy, skill=0.8)
        steps += a_day(TOMORROW, [MOVED], rng, begin=("07:00", "08:00"), lazy=0, skill=1)
        hall.beside_quizzes(begun(steps), lazy=0)
        for duel in self.challenges[:2]:  # the others lapse
            hall.take_up(instant("11:40", TOMORROW), duel, whole([True] * 5, 6))
        self.steps += sorted([*steps, *hall.moves], key=lambda step: (step.at, step.first))

    async def play(self, *, until: dt.datetime) -> None:
        """Take every step that lies before an instant, those of one instant at once; then it is that instant."""
        while self.steps and self.steps[0].at < until:
            self.clock.now = self.steps[0].at
            at_once = [step for step in self.steps if step.at == self.clock.now]
            self.steps = self.steps[len(at_once) :]
            await asyncio.gather(*(self._take(step) for step in at_once))
        self.clock.now = until

    async def _take(self, step: Step | Move) -> None:
        if isinstance(step, Move):
            await take(self, step)
            return
        day = (step.at - TICK if step.refused else step.at).astimezone(instant("00:00").tzinfo).date()
        if not step.first:
            await self._open(step, day)
            return
        paper = self.papers[day, step.who]
        given = [
            {"position": position, "option_ids": chosen(paper["questions"][position - 1], correct)}
            for position, correct in enumerate(step.right, start=step.first)
        ]
        path = f"/daily-quiz/attempts/{paper['id']}/answers"
        if len(given) > 1:
            results = (await self.call(step.who, "POST", path, json={"answers": given}))["results"]
        else:
            one, status = given[0], 409 if step.refused else 200
            results = [await self.call(step.who, "PUT", f"{path}/{one['position']}", json=one, status=status)]
        if step.refused:
            assert results[0]["code"] == step.refused
            return
        assert [result["correct"] for result in results] == list(step.right)
        self.log += [Act(step.at, day, step.who, correct) for correct in step.right]

    async def _open(self, step: Step, day: dt.date) -> None:
        path = "/daily-quiz/today/attempt"
        if step.refused:
            assert (await self.call(step.who, "POST", path, status=409))["code"] == step.refused
            return
        paper = await self.call(step.who, "POST", path, status=201)
        assert (paper["day"], paper["question_count"]) == (day.isoformat(), 10)
        self.papers[day, step.who] = paper
        self.log.append(Act(step.at, day, step.who, None))

    async def tick(self, time: str, day: dt.date = TODAY) -> None:
        """Live until 15 seconds after a slot and let its clock strike."""
        await self.play(until=instant(time, day) + dt.timedelta(seconds=15))
        report = await tick(self.services)
        assert report.failed == []

    # Counting.

    def did(self, day: dt.date, before: dt.datetime) -> dict[str, Played]:
        key = day, before, len(self.log)
        if key not in self.counted:
            self.counted[key] = played(self.log, day, before)
        return self.counted[key]

    def count(self, unit: str, day: dt.date, before: dt.datetime) -> Count:
        """The figures of a unit's subtree as the log gives them."""
        return count(self.members(unit, day), self.exempt.get(day, set()), self.did(day, before))

    def counts(self, day: dt.date, before: dt.datetime) -> dict[str, Count]:
        """The figures of every branch, in roster order."""
        return {name: self.count(name, day, before) for name in self.branches()}

    def over_days(self, count_of: Callable[[dt.date], dict[str, Count]], *days: dt.date) -> dict[str, Count]:
        """The sums over several days."""
        return {name: sum((count_of(day)[name] for day in days), Count()) for name in self.branches()}

    def unit_of(self, unit_id: uuid.UUID | str) -> str:
        return next(name for name, held in self.units.items() if held == str(unit_id))
