"""A crawl of every endpoint as every role: no key leaves early, and each role gets what it may have and no more."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute, iter_route_contexts
from structlog.testing import capture_logs

from app.core.settings import Settings
from app.main import create_app
from tests.notices.robot import Robot
from tests.questions import BASIS_CANARY, EXPLANATION_CANARY
from tests.scenarios.access_table import ABOVE, BESIDE_TABLE, ELSEWHERE_TABLE, HERE_TABLE
from tests.scenarios.calls import CALLS
from tests.scenarios.world import BESIDE, ELSEWHERE, HERE, PASSWORD, PHONES, ROBOT_KEY, ROLES, World, prepared
from tests.times import SECRET, TODAY, SetClock

TELLING: dict[str, type | tuple[type, ...]] = {
    "correct_option_ids": list,
    "explanation": str,
    "legal_basis": list,
    "basis": list,
    "key": (str, list),
}
"""Members that tell a key, by the type that they have in an answer (in the API document they are schemas)."""

SEES_PHONES = {
    "联络员": PHONES.keys(),
    "分局长": PHONES.keys(),
    "参赛管理员": PHONES.keys(),
    "管理员": PHONES.keys(),
    "市局处长": {"联络员", "分局长"},
}
QUERIES = {
    "attempt": str(uuid.UUID(int=7)),
    "action": "contest.open",
    "branch_officers": "2",
    "bureau_officers": "2",
    "collectives": "2",
    "cursor": "MQ==",
    "day": TODAY.isoformat(),
    "least": "10",
    "from": TODAY.isoformat(),
    "kind": "liaison",
    "limit": "5",
    "order": "discrimination",
    "owner": "own",
    "month": "2026-11",
    "q": "题",
    "state": "in_use",
    "status": "unfinished",
    "subject_id": "x",
    "to": TODAY.isoformat(),
    "topic": "专题1",
    "waiting": "true",
    "within": "30",
}
FILE = {"file": ("a.csv", b"a,b\n1,2\n")}


@pytest.fixture
async def world(app: FastAPI, client: httpx.AsyncClient, clock: SetClock, robot: Robot) -> World:
    client.base_url = httpx.URL("http://test")
    return await prepared(app, client, clock, robot)


def endpoints(app: FastAPI) -> list[str]:
    """Every route as `METHOD /path`, also those that the API document does not list; a mount as a file in it.

    Sockets show what `GET` of their thing shows; they have tests of their own.
    """
    found = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIWebSocketRoute):
            continue
        methods = getattr(route.original_route, "methods", None)
        found += [f"{method} {route.path}" for method in (methods or set()) - {"HEAD"}]
        found += [] if methods else [f"GET {route.path}/{{file}}"]
    return sorted(found)


def table(text: str) -> dict[str, dict[str, int]]:
    """A table of `access_table` by endpoint and role."""
    title, *lines = [line.split() for line in text.strip().splitlines()]
    assert title == list(ROLES)
    return {f"{method} {path}": dict(zip(ROLES, map(int, codes), strict=True)) for method, path, *codes in lines}


def reading_first(endpoint: str) -> tuple[bool, bool]:
    """Reading before writing, and last what ends sessions."""
    return not endpoint.startswith("GET"), endpoint.endswith(("/password", "/sessions/current"))


class Watch:
    """Makes calls and looks into every reply for what its reader must not know (yet)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.told: set[str] = set()

    async def call(self, endpoint: str, who: str | None, place: str = HERE, **more: Any) -> httpx.Response:
        """Make the endpoint's call on a target of its own, and look."""
        method, path = endpoint.split()
        made = await CALLS[endpoint](self._world, who, place)
        send = {**made.send, **more}
        return await self.send(endpoint, who, method, path.format(**made.path), token=made.token, **send)

    async def send(self, endpoint: str, who: str | None, method: str, path: str, **send: Any) -> httpx.Response:
        reply = await self._world.request(who, method, path, **send)
        where = f"{who} {method} {reply.request.url}"
        assert reply.status_code < 500, f"{where}: {reply.text}"
        assert reply.status_code != 204 or not (reply.content or "content-type" in reply.headers), where
        about = self._note_answers(endpoint, who, reply)
        text = _readable(reply)
        assert PASSWORD not in text, where
        assert ROBOT_KEY not in text, where
        shown = {name for name, phone in PHONES.items() if phone in text}
        assert shown <= SEES_PHONES.get(who or "", set()) | {who}, f"{where} shows the phones of {shown}"
        if who == "管理员" and ("/questions" in endpoint or "/instruments" in endpoint):
            return reply
        self._canaries(where, text, self._world.answered[who or ""])
        if "json" in reply.headers.get("content-type", "") and reply.content:
            self._members(where, reply.json(), who, about)
        return reply

    def _note_answers(self, endpoint: str, who: str | None, reply: httpx.Response) -> str:
        """What has just been answered may be told from now on; returns the question that an answer of a match is about."""
        if "/answers" not in endpoint or not reply.is_success or who not in self._world.papers:
            return ""
        if "/matches/" in endpoint:
            question = str(self._world.matches[who]["questions"][0]["question_id"])
            self._world.answered[who].add(question)
            return question
        body = reply.json()
        for result in body.get("results", [body]):
            if "correct" in result:
                self._world.answered[who].add(self._question(who, result["position"]))
        return ""

    def _question(self, who: str, position: int) -> str:
        return str(self._world.papers[who]["questions"][position - 1]["question_id"])

    def _canaries(self, where: str, text: str, answered: set[str]) -> None:
        explained = re.findall(f"{EXPLANATION_CANARY}(?:「(.*?)」)?", text)
        cited = re.findall("第「(.*?)」条", text)
        assert {*explained, *cited} <= answered, f"{where} tells {set(explained + cited) - answered}"
        assert text.count(BASIS_CANARY) <= len(cited), f"{where} tells a legal basis"
        self.told |= {*explained, *cited}

    def _members(self, where: str, value: Any, who: str | None, question: str) -> None:
        if isinstance(value, list):
            for one in value:
                self._members(where, one, who, question)
        if not isinstance(value, dict):
            return
        question = value.get("question_id") or question
        if not question and who in self._world.papers and type(value.get("position")) is int:
            question = self._question(who, value["position"])
        tells = [name for name, kind in TELLING.items() if isinstance(value.get(name), kind)]
        tells += [name for name in ("correct", "opponent_correct") if isinstance(value.get(name), bool)]
        assert not tells or question in self._world.answered[who or ""], f"{where}: {tells} of {question or '?'}"
        for one in value.values():
            self._members(where, one, who, question)


def _readable(reply: httpx.Response) -> str:
    if not reply.content.startswith(b"PK"):
        return reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


def test_every_route_has_its_call_and_its_line() -> None:
    app = create_app(Settings(database_url="postgresql://db/x", secret_key=SECRET))
    assert endpoints(app) == sorted(CALLS) == sorted(table(HERE_TABLE))


@pytest.mark.parametrize("endpoint", sorted(CALLS))
def test_everything_is_open_to_somebody(endpoint: str) -> None:
    assert min(*table(HERE_TABLE)[endpoint].values(), ABOVE.get(endpoint, 403)) < 300


async def test_what_all_share_is_open_to_the_administrator_above(world: World) -> None:
    await world.town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    answered = {}
    for endpoint in ABOVE:
        method, path = endpoint.split()
        made = await CALLS[endpoint](world, "省厅管理员", HERE)
        reply = await world.request("省厅管理员", method, path.format(**made.path), **made.send)
        answered[endpoint] = reply.status_code
    assert answered == ABOVE


@pytest.mark.parametrize(
    ("place", "stated"), [(HERE, HERE_TABLE), (BESIDE, BESIDE_TABLE), (ELSEWHERE, ELSEWHERE_TABLE)]
)
async def test_each_role_gets_what_it_may_have(world: World, place: str, stated: str) -> None:
    expected, watch = table(stated), Watch(world)
    answered = {}
    for endpoint in sorted(expected, key=reading_first):
        replies = {role: await watch.call(endpoint, who, place) for role, who in ROLES.items()}
        answered[endpoint] = {role: reply.status_code for role, reply in replies.items()}
    assert answered == expected


async def test_nobody_learns_a_key_early(world: World, app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(world)
    with capture_logs() as logged:
        for endpoint in sorted(CALLS, key=reading_first):
            for who in ROLES.values():
                await _ask_oddly(watch, world, app.openapi()["paths"], endpoint, who)
                await watch.call(endpoint, who)
    told = set().union(*(world.answered[who] for who in ROLES.values() if who in world.papers))
    # How many questions the papers share is chance; that some were answered and told is not.
    assert (len(told) > 5, watch.told) == (True, told)
    lines = f"{logged}{caplog.text}"
    assert "refused" in lines
    for secret in (EXPLANATION_CANARY, BASIS_CANARY, "correct_option_ids", ROBOT_KEY, PASSWORD, *PHONES.values()):
        assert secret not in lines


async def _ask_oddly(watch: Watch, world: World, document: dict[str, Any], endpoint: str, who: str | None) -> None:
    """The same endpoint with each query parameter in turn, with ids that are none, with bodies that are none."""
    method, path = endpoint.split()
    units, officers = world.town.units, world.town.officers
    known = {
        "branch_id": units[HERE],
        "contest_id": world.town.contest_id,
        "unit_id": units[HERE],
        "officer_id": officers["梅江002"],
    }
    described = document.get(path, {}).get(method.lower(), {}).get("parameters", [])
    for name in [one["name"] for one in described if one["in"] == "query" and method == "GET"]:
        value = known[name] if name in known else QUERIES[name]
        await watch.call(endpoint, who, params={name: str(value)})
    if endpoint.endswith("/sessions/current"):
        return
    for odd, send in ((str(uuid.uuid4()), {"json": {}}), ("x", {"content": b"{"}), ("x", {"files": FILE})):
        await watch.send(endpoint, who, method, re.sub(r"\{\w+\}", odd, path), **send)
