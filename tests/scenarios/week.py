"""A week of notices: a bureau, a receiver of every kind with seeded faults, and three processes that are killed now and then."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.roster.models import UnitKind
from tests.notices.mailserver import MailServer
from tests.notices.robot import Robot
from tests.notices.rounds import Nursery, Rounds, nursery
from tests.notices.vendors import (
    SECRET,
    WEBHOOK_SECRET,
    DingTalkServer,
    FeishuServer,
    WebhookServer,
    WecomServer,
)
from tests.participation.rows import exempt, play
from tests.people import Town
from tests.times import TODAY, SetClock, instant

DAYS = [TODAY + dt.timedelta(days=number) for number in range(8)]
"""The contest's seven days, and the morning after."""

BRANCHES = {
    "梅江": "wecom_robot",
    "丰顺": "dingtalk",
    "五华": "feishu",
    "平远": "webhook",
    "蕉岭": "email",
    "兴宁": "manual",
    "高新": "wecom_app",
    "大埔": "wecom_robot",
}
KEYS = dict(
    zip(
        ("市局", *BRANCHES),
        ("bureau", "meijiang", "fengshun", "wuhua", "pingyuan", "jiaoling", "xingning", "gaoxin", "dabu"),
        strict=True,
    )
)
"""By which their vendors know the groups: the names of their channels."""

HELD, DROPPED = instant("18:00", DAYS[1]), instant("12:00", DAYS[2])
UNCOUNTED, PAUSED = DAYS[3], DAYS[4]
MISSED, LATE = instant("18:00", DAYS[5]), instant("08:00", DAYS[6])
EXEMPT, COMPLETE, TWINS = "大埔", "五华", ("平远", "蕉岭")
NO_NUDGES, GONE, REFUSED = "u-fengshun1", "gone", "b@jiaoling.example"

# Seconds and minutes after a slot at which the processes look again.
_SLOT = ("08:00:10", "12:00:10", "18:00:10", "22:00:10")
_OWN = ("07:45:10", "11:40:10", "11:45:10", "12:30:10", "17:40:10", "17:45:10", "20:00:10", "21:45:10")
_AFTER = (
    "08:01:20", "08:12", "08:45", "12:01:20", "12:12", "12:31:20",
    "18:01:20", "18:12", "18:45", "20:01:20", "22:01:20", "22:12", "23:10",
)  # fmt: skip
_GROUP: list[int | str] = ["slow", "slow", "taken", "taken:502", 502, "close", "reset", "html", -1]
FAULTS: dict[str, list[int | str]] = {
    "bureau": [*_GROUP, 45009, 45009],
    "fengshun": [*_GROUP, 130101, 130101],
    "wuhua": [*_GROUP, 11232, 11232],
    "pingyuan": ["slow", "slow", "taken", "taken:502", 502, 504, 429, "close", "reset"],
    "app": ["slow", "slow", "taken", "taken:502", 502, "close", "reset", "html", -1, 45009],
}
_MAIL = ["", "", "connect", "rcpt", "data-begin", "data-end", "data-taken", "data-4xx"]
_KILLED = 0.13  # of the rounds


@dataclass
class Receivers:
    """A vendor of every kind on 127.0.0.1."""

    robot: Robot
    dingtalk: DingTalkServer
    feishu: FeishuServer
    webhook: WebhookServer
    wecom: WecomServer
    mail: MailServer

    def of(self, key: str) -> Robot:
        """Whose key this is."""
        others = {"fengshun": self.dingtalk, "wuhua": self.feishu, "pingyuan": self.webhook, "app": self.wecom}
        return others.get(key, self.robot)

    @property
    def posting(self) -> list[Robot]:
        return [self.robot, self.dingtalk, self.feishu, self.webhook, self.wecom]

    def requests(self) -> int:
        return sum(len(server.requests) for server in self.posting) + len(self.mail.mails)


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    async with AsyncExitStack() as stack:
        made = Receivers(
            stack.enter_context(Robot()),
            stack.enter_context(DingTalkServer()),
            stack.enter_context(FeishuServer()),
            stack.enter_context(WebhookServer()),
            stack.enter_context(WecomServer()),
            await stack.enter_async_context(MailServer()),
        )
        made.wecom.unknown = {GONE}
        yield made


@dataclass
class Week:
    """The bureau and its week; `rng` decides everything that is left to chance."""

    town: Town
    clock: SetClock
    to: Receivers
    nursery: Nursery
    rng: random.Random
    processes: list[Rounds] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    kills: int = 0

    async def call(self, method: str, path: str, *, who: str = "管理员", **options: Any) -> Any:
        async with self.town.as_(who) as client:
            answer = await client.request(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    # The processes.

    async def all_start(self) -> None:
        self.processes = [await self.nursery.start() for _ in range(3)]

    async def all_die(self) -> None:
        for process in self.processes:
            process.kill()
        self.processes = []

    async def end(self) -> None:
        """Let what runs end by itself."""
        assert [await process.end() for process in self.processes] == ["ended"] * 3
        self.processes = []

    async def round(self, at: dt.datetime) -> None:
        """One round of all processes at an instant, or of some; one of them may be killed in it."""
        many = at.strftime("%H:%M:%S") in {*_SLOT, *_OWN}
        chosen = self.processes if many else self.rng.sample(self.processes, self.rng.randint(1, 2))
        struck = self.rng.choice(chosen) if self.rng.random() < _KILLED else None
        posts, pause = self.rng.randint(0, 8), self.rng.uniform(0, 0.05)
        told = [asyncio.create_task(process.at(at)) for process in chosen]
        if struck:
            enough = self.to.requests() + posts
            while self.to.requests() < enough and not all(task.done() for task in told):  # noqa: ASYNC110 - threads count
                await asyncio.sleep(0.002)
            await asyncio.sleep(pause)
            struck.kill()
            self.kills += 1
            self.processes[self.processes.index(struck)] = await self.nursery.start()
        self.said += await asyncio.gather(*told)

    # The week.

    def spread_faults(self) -> None:
        """What the receivers will play at the coming slot."""
        for key, faults in FAULTS.items():
            most = 4 if key == "app" else 2
            if self.rng.random() < 0.45:
                self.to.of(key).faults[key].extend(self.rng.choices(faults, k=self.rng.randint(1, most)))
        self.to.mail.broken = self.rng.choice(_MAIL)

    async def live(self) -> None:
        """Live through the week: what people do, and the rounds, in the order of their instants."""
        rounds = {instant(time, day): None for day in DAYS for time in (*_SLOT, *_OWN, *_AFTER)}
        acts: dict[dt.datetime, Callable[[], Awaitable[None]] | None] = {**rounds, **self._acts()}
        begin, end = instant("11:40:10"), instant("08:45", DAYS[7])
        for at, act in sorted(acts.items()):
            if not begin <= at <= end:
                continue
            self.clock.now = at
            if act:
                await act()
            elif self.processes:
                if at.strftime("%H:%M:%S") in _SLOT:
                    self.spread_faults()
                if at.strftime("%H:%M:%S") in _AFTER:
                    self.to.mail.broken = ""
                await self.round(at)
        for hours in range(3, 16, 3):  # past every deadline, also of the alerts that these rounds raise
            await self.round(end + dt.timedelta(hours=hours))

    def _acts(self) -> dict[dt.datetime, Callable[[], Awaitable[None]]]:
        contest = f"/contests/{self.town.contest_id}"
        taken_out = {"days": [{"day": UNCOUNTED.isoformat(), "counts": False, "note": "休息"}]}
        return {
            instant("11:41"): lambda: self.call("PUT", f"{contest}/calendar", json=taken_out),
            instant("11:50", DAYS[1]): lambda: self._robot_of_meijiang(there=False),
            instant("17:50", DAYS[1]): lambda: self._hold(HELD),
            instant("18:40", DAYS[1]): lambda: self._decide(HELD, "release"),
            instant("22:00:05", DAYS[1]): lambda: asyncio.to_thread(self.to.webhook.go_away),
            instant("23:20", DAYS[1]): lambda: asyncio.to_thread(self.to.webhook.come_back),
            instant("11:50", DAYS[2]): lambda: self._hold(DROPPED),
            instant("11:55", DAYS[2]): lambda: self._decide(DROPPED, "drop"),
            instant("17:00", DAYS[2]): lambda: self._robot_of_meijiang(there=True),
            instant("18:00:05", DAYS[2]): lambda: asyncio.to_thread(self.to.robot.go_away),
            instant("18:05", DAYS[2]): lambda: asyncio.to_thread(self.to.robot.come_back),
            instant("00:10", DAYS[4]): lambda: self.call("POST", f"{contest}/pause"),
            instant("23:30", DAYS[4]): lambda: self.call("POST", f"{contest}/resume"),
            instant("17:50", DAYS[5]): self.all_die,
            instant("21:35", DAYS[5]): self.all_start,
            instant("07:50", DAYS[6]): self.all_die,
            instant("08:40", DAYS[6]): self.all_start,
        }

    async def _robot_of_meijiang(self, *, there: bool) -> None:
        """It is removed from its group, and put back; the last message lost is then sent again, on two taps."""
        if not there:
            self.to.robot.removed.add("meijiang")
            self.to.mail.refused[REFUSED] = 550
            return
        self.to.robot.removed.clear()
        self.to.mail.refused.clear()
        listed = await self.call("GET", "/notices", params={"day": DAYS[2].isoformat(), "kind": "branch"})
        own = [one for one in listed["items"] if one["audience"]["name"] == "梅江"]
        (lost,) = [one for notice in own for one in notice["deliveries"] if one["kind"] == "text"]
        assert lost["state"] == "dead"
        for _ in range(2):
            await self.call("POST", f"/deliveries/{lost['id']}/resend")

    async def _hold(self, slot: dt.datetime) -> None:
        body = {"slot": slot.strftime("%H:%M"), "day": slot.date().isoformat(), "reason": "上级检查组在场"}
        await self.call("POST", "/slots/hold", who="市局处长", json=body)

    async def _decide(self, slot: dt.datetime, act: str) -> None:
        items = (await self.call("GET", "/slots", params={"day": slot.date().isoformat()}))["items"]
        (held,) = [one["hold"] for one in items if one["slot_at"] == slot.isoformat()]
        await self.call("POST", f"/slots/{held['id']}/{act}", who="市局处长")

    # Before it.

    async def prepare(self) -> None:
        """The bureau, its people, who all have phones, its channels, and everything that they will play."""
        self.clock.now = instant("09:00", TODAY - dt.timedelta(days=1))
        services = self.town.services
        settings = services.settings.model_copy(update={"wecom_url": self.to.wecom.base})
        self.town.app.state.services = replace(services, settings=settings)
        await self.town.unit("市局", UnitKind.BUREAU)
        await self._person("管理员", "市局", roles=["admin", "bureau"], wecom_userid="admin")
        await self._person("市局处长", "市局", roles=["bureau"])
        for branch in BRANCHES:
            await self.town.unit(branch, UnitKind.BRANCH, "市局")
            await self._person(f"{branch}联络员", branch, roles=["liaison"], wecom_userid=f"lxy-{KEYS[branch]}")
            for number in (1, 2, 3):
                account = f"u-{KEYS[branch]}{number}" if number < 3 else None
                await self._person(f"{branch}00{number}", branch, takes_part=True, wecom_userid=account)
        await self._person("丰顺副联络员", "丰顺", roles=["liaison"], wecom_userid=GONE)
        await self._person("平远主任", "平远", roles=["leader"], wecom_userid="leader-pingyuan")
        await self.town.contest("市局", ends_on=DAYS[6])
        await self.call("PATCH", "/me/preferences", who="丰顺001", json={"nudges": False})
        await self._channels()
        await self._play()

    async def _person(self, name: str, unit: str, *, takes_part: bool = False, **more: Any) -> None:
        phone = f"139{len(self.town.officers):08}"
        await self.town.officer(name, unit, takes_part=takes_part, phone=phone, **more)

    async def _channels(self) -> None:
        app = {"corp_id": "ww01", "agent_id": 1000002}
        mail = {"host": "127.0.0.1", "port": self.to.mail.port, "security": "none", "sender": "l@example.org"}
        given: dict[str, dict[str, Any]] = {
            "dingtalk": {"secret": SECRET},
            "webhook": {"secret": WEBHOOK_SECRET},
            "wecom_app": {"secret": "corp-secret", "settings": {**app, "recipients": ["gx-1", GONE]}},
            "email": {"settings": {**mail, "recipients": ["a@jiaoling.example", REFUSED]}},
            "feishu": {"secret": SECRET},
        }
        for unit, kind in {"市局": "wecom_robot", **BRANCHES}.items():
            audience = {"kind": "bureau" if unit == "市局" else "branch", "id": str(self.town.units[unit])}
            url = {} if kind in {"manual", "wecom_app", "email"} else {"url": self.to.of(KEYS[unit]).url(KEYS[unit])}
            body = {"name": KEYS[unit], "kind": kind, "audience": audience, **url, **given.get(kind, {})}
            await self.call("POST", "/channels", json=body)
        audience = {"kind": "officers", "id": str(self.town.units["市局"])}
        private = {"name": "app", "kind": "wecom_app", "audience": audience, "secret": "corp-secret", "settings": app}
        await self.call("POST", "/channels", json=private)

    async def _play(self) -> None:
        for number in (1, 2, 3):
            await exempt(self.town, f"{EXEMPT}00{number}", *DAYS[:7])
        for day in DAYS[:7]:
            if day in {UNCOUNTED, PAUSED}:
                continue
            for number in (1, 2, 3):
                await play(self.town, f"{COMPLETE}00{number}", day=day, opened="07:00")
                shared = self._chance(number)
                for branch in [one for one in BRANCHES if one not in {COMPLETE, EXEMPT}]:
                    chance = shared if branch in TWINS else self._chance(number)
                    if chance:
                        await play(self.town, f"{branch}00{number}", day=day, **chance)

    def _chance(self, number: int) -> dict[str, Any] | None:
        """What somebody does on a day, if anything; the third of a branch never finishes, so that no branch is thanked."""
        answered = self.rng.choice([10, 10, 10, 4]) if number < 3 else 4
        opened = f"{self.rng.randint(6, 22):02}:{self.rng.randint(0, 59):02}"
        idle = self.rng.random() < 0.25
        return None if idle else {"answered": answered, "correct": self.rng.randint(1, answered), "opened": opened}


@asynccontextmanager
async def week(app: FastAPI, clock: SetClock, log: Path, seed: int) -> AsyncIterator[Week]:
    """A week that is ready to be lived."""
    town = Town(app)
    url = town.services.settings.database_url
    assert url
    async with receivers() as to, nursery(url, log, wecom_url=to.wecom.base) as processes:
        made = Week(town, clock, to, processes, random.Random(seed))
        await made.prepare()
        await made.all_start()
        try:
            yield made
        finally:
            await made.all_die()
