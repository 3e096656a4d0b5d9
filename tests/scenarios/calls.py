"""One well-formed call of every endpoint, on targets that no other call has touched."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from app.bank.models import QuestionRevision
from tests.questions import BASIS_CANARY, right
from tests.scenarios.world import BUREAU_OF, HERE, PASSWORD, World, questions_of, roster_of
from tests.times import TODAY


class Call(NamedTuple):
    """What to fill the path with, what to send, and (else the caller's own) with which token."""

    path: dict[str, str]
    send: dict[str, Any]
    token: str | None = None


Maker = Callable[[World, str | None, str], Awaitable[Call]]
CALLS: dict[str, Maker] = {}


def call(*endpoints: str) -> Callable[[Maker], Maker]:
    """Say how these endpoints are called, by a person or (None) anonymously, on things of a place."""

    def remember(maker: Maker) -> Maker:
        CALLS.update(dict.fromkeys(endpoints, maker))
        return maker

    return remember


def json(**body: Any) -> dict[str, Any]:
    return {"json": {name.rstrip("_"): value for name, value in body.items()}}


@call(
    "GET /api/v1/audit",
    "GET /api/v1/branches",
    "GET /api/v1/challenges",
    "GET /api/v1/channels",
    "GET /api/v1/contests",
    "GET /api/v1/daily-quiz/today",
    "GET /api/v1/drafts",
    "GET /api/v1/exemptions",
    "GET /api/v1/exports/questions",
    "GET /api/v1/flags",
    "GET /api/v1/imports/questions/template",
    "GET /api/v1/instruments",
    "GET /api/v1/matches",
    "GET /api/v1/me",
    "GET /api/v1/notices",
    "GET /api/v1/notice-templates",
    "GET /api/v1/officers",
    "GET /api/v1/participation/me",
    "GET /api/v1/questions",
    "GET /api/v1/questions/expiring",
    "GET /api/v1/questions/statistics",
    "GET /api/v1/questions/suspicious",
    "GET /api/v1/questions/warnings",
    "GET /api/v1/rankings/branches",
    "GET /api/v1/rankings/branches.csv",
    "GET /api/v1/rankings/branches.xlsx",
    "GET /api/v1/rankings/bureaus",
    "GET /api/v1/rankings/officers",
    "GET /api/v1/slots",
    "GET /api/v1/units",
    "GET /docs",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /openapi.json",
    "POST /api/v1/daily-quiz/today/attempt",
)
async def _plain(_world: World, _who: str | None, _place: str) -> Call:
    return Call({}, {})


@call("GET /docs-assets/{file}")
async def _asset(_world: World, _who: str | None, _place: str) -> Call:
    return Call({"file": "swagger-ui.css"}, {})


@call(
    "GET /api/v1/branches/{branch_id}/participation",
    "GET /api/v1/branches/{branch_id}/officers",
    "GET /api/v1/branches/{branch_id}/officers.xlsx",
    "GET /api/v1/contests/{contest_id}",
    "GET /api/v1/contests/{contest_id}/calendar",
    "GET /api/v1/imports/{import_id}/credentials.xlsx",
    "GET /api/v1/notices/{notice_id}",
    "GET /api/v1/questions/{question_id}",
    "GET /api/v1/questions/{question_id}/life",
    "GET /api/v1/questions/{question_id}/statistics",
)
async def _one_thing(world: World, _who: str | None, place: str) -> Call:
    things = ("contest", "import", "notice", "question")
    return Call({"branch_id": world.unit(place), **{f"{one}_id": world.ids[one, place] for one in things}}, {})


# Signing in.


@call("POST /api/v1/sessions")
async def _sign_in(_world: World, who: str | None, _place: str) -> Call:
    return Call({}, json(account=who or "梅江002", password=PASSWORD))


@call("POST /api/v1/sessions/link")
async def _link(world: World, _who: str | None, place: str) -> Call:
    newcomer = await world.newcomer(place)
    made = await world.done(world.admin_of(place), "POST", f"/officers/{newcomer}/sign-in-link")
    return Call({}, json(code=made["code"]))


@call("DELETE /api/v1/sessions/current")
async def _sign_out(world: World, who: str | None, _place: str) -> Call:
    return Call({}, {}, await world.session_of(who) if who else None)


@call("PATCH /api/v1/me")
async def _text_size(_world: World, _who: str | None, _place: str) -> Call:
    return Call({}, json(text_size="large"))


@call("PATCH /api/v1/me/preferences")
async def _preferences(_world: World, _who: str | None, _place: str) -> Call:
    return Call({}, json(nudges=False))


@call("PUT /api/v1/me/password")
async def _password(world: World, _who: str | None, _place: str) -> Call:
    return Call({}, json(current_password=PASSWORD, new_password=f"a new password {world.number()}"))


@call("POST /api/v1/officers/{officer_id}/password-reset", "POST /api/v1/officers/{officer_id}/sign-in-link")
async def _help(world: World, _who: str | None, place: str) -> Call:
    return Call({"officer_id": await world.newcomer(place)}, {})


# The roster.


@call("POST /api/v1/units")
async def _unit(world: World, _who: str | None, place: str) -> Call:
    return Call({}, json(name=f"镇街{world.number()}", kind="township", parent_id=world.unit(place)))


@call("POST /api/v1/exemptions")
async def _exempt(world: World, _who: str | None, place: str) -> Call:
    day, officer = TODAY.isoformat(), await world.newcomer(place)
    return Call({}, json(officer_id=officer, from_=day, to=day, reason="病假"))


@call("DELETE /api/v1/exemptions/{exemption_id}")
async def _end_exemption(world: World, who: str | None, place: str) -> Call:
    body = (await _exempt(world, who, place)).send
    added = await world.done(world.admin_of(place), "POST", "/exemptions", **body)
    return Call({"exemption_id": added["id"]}, {})


@call("POST /api/v1/transfers")
async def _transfer(world: World, _who: str | None, place: str) -> Call:
    tomorrow, bureau = TODAY + dt.timedelta(days=1), world.unit(BUREAU_OF[place])
    return Call({}, json(officer_id=await world.newcomer(place), unit_id=bureau, from_=tomorrow.isoformat()))


@call("POST /api/v1/imports/roster")
async def _roster(world: World, _who: str | None, place: str) -> Call:
    return Call({}, {"files": {"file": ("名册.csv", roster_of(world, place))}})


# Contests and questions.


@call("POST /api/v1/contests")
async def _draft(world: World, _who: str | None, place: str) -> Call:
    day = (TODAY + dt.timedelta(days=40)).isoformat()
    return Call({}, json(name="一场竞赛", unit_id=world.unit(BUREAU_OF[place]), starts_on=day, ends_on=day))


@call("PATCH /api/v1/contests/{contest_id}")
async def _change(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": await world.contest(place)}, json(name="改了名的竞赛"))


@call("POST /api/v1/contests/{contest_id}/open")
async def _open(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": await world.contest(place)}, {})


@call("POST /api/v1/contests/{contest_id}/pause")
async def _pause(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": await world.contest(place, "open")}, {})


@call("POST /api/v1/contests/{contest_id}/resume")
async def _resume(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": await world.contest(place, "open", "pause")}, {})


@call("PUT /api/v1/contests/{contest_id}/calendar")
async def _calendar(world: World, _who: str | None, place: str) -> Call:
    contest_id = await world.contest(place)
    contest = await world.done(world.admin_of(place), "GET", f"/contests/{contest_id}")
    return Call({"contest_id": contest_id}, json(days=[{"day": contest["starts_on"], "counts": True}]))


@call("POST /api/v1/contests/{contest_id}/calendar/fill")
async def _fill(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": await world.contest(place)}, {})


@call("POST /api/v1/imports/questions")
async def _questions(world: World, _who: str | None, _place: str) -> Call:
    return Call({}, {"files": {"file": ("题库.csv", questions_of(world))}})


@call("POST /api/v1/instruments/{name}/confirm")
async def _confirm_instrument(_world: World, _who: str | None, _place: str) -> Call:
    return Call({"name": BASIS_CANARY}, json(by="法制科 李明", on=TODAY.isoformat()))


@call("POST /api/v1/instruments/{name}/withdraw")
async def _withdraw_instrument(_world: World, _who: str | None, _place: str) -> Call:
    return Call({"name": BASIS_CANARY}, json(reason="文本已修订"))


@call("POST /api/v1/questions/{question_id}/state")
async def _retire(world: World, _who: str | None, place: str) -> Call:
    return Call({"question_id": world.ids["question", place]}, json(state="retired"))


@call("GET /api/v1/questions/{question_id}/why")
async def _why(world: World, _who: str | None, place: str) -> Call:
    paper = world.papers[f"{place}001"]
    async with world.town.services.database.reads() as session:  # papers name texts, administration names questions
        text = await session.get_one(QuestionRevision, uuid.UUID(paper["questions"][0]["question_id"]))
    return Call({"question_id": str(text.question_id)}, {"params": {"attempt": paper["id"]}})


# The daily quiz: one's own paper, or (who has none, or elsewhere) an officer's.


def _paper(world: World, who: str | None, place: str) -> dict[str, Any]:
    return world.papers[who if place == HERE and who in world.papers else f"{place}001"]


@call("GET /api/v1/daily-quiz/attempts/{attempt_id}")
async def _attempt(world: World, who: str | None, place: str) -> Call:
    return Call({"attempt_id": _paper(world, who, place)["id"]}, {})


@call("PUT /api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}")
async def _answer(world: World, who: str | None, place: str) -> Call:
    paper = _paper(world, who, place)
    return Call({"attempt_id": paper["id"], "position": "7"}, json(option_ids=right(paper["questions"][6])))


@call("POST /api/v1/daily-quiz/attempts/{attempt_id}/answers")
async def _outbox(world: World, who: str | None, place: str) -> Call:
    paper = _paper(world, who, place)
    held = [{"position": n, "option_ids": right(paper["questions"][n - 1])} for n in (1, 9)]
    return Call({"attempt_id": paper["id"]}, json(answers=[*held, {"position": 2, "option_ids": ["none"]}]))


# Matches: one's own, whose first question is open, or (who plays none, or elsewhere) an officer's.


def _player(world: World, who: str | None, place: str) -> str:
    return who if who is not None and place == HERE and who in world.matches else f"{place}001"


@call("POST /api/v1/match-tickets")
async def _ask(world: World, who: str | None, place: str) -> Call:
    await world.leave(who)
    if place == HERE:
        return Call({}, json(mode="live"))
    return Call({}, json(mode="challenge", opponent_employee_no=f"{place}002"))


@call("GET /api/v1/match-tickets/{ticket_id}")
async def _ticket(world: World, who: str | None, place: str) -> Call:
    return Call({"ticket_id": world.tickets[_player(world, who, place)]}, {})


@call("DELETE /api/v1/match-tickets/{ticket_id}")
async def _cancel(world: World, who: str | None, place: str) -> Call:
    player = _player(world, who, place)
    return Call({"ticket_id": await world.ticket(player) if player == who else world.tickets[player]}, {})


@call("GET /api/v1/matches/{match_id}")
async def _match(world: World, who: str | None, place: str) -> Call:
    return Call({"match_id": world.matches[_player(world, who, place)]["id"]}, {})


@call("PUT /api/v1/matches/{match_id}/answers/{position}")
async def _answer_match(world: World, who: str | None, place: str) -> Call:
    match = world.matches[_player(world, who, place)]
    return Call({"match_id": match["id"], "position": "1"}, json(option_ids=right(match["questions"][0])))


@call("POST /api/v1/matches/{match_id}/forfeit")
async def _forfeit(world: World, who: str | None, place: str) -> Call:
    player = _player(world, who, place)
    match_id = (await world.match(player))[0] if player == who else world.matches[player]["id"]
    return Call({"match_id": match_id}, {})


# Participation and notices.


@call("POST /api/v1/branches/{branch_id}/reminders")
async def _remind(world: World, _who: str | None, place: str) -> Call:
    officer = str(world.town.officers[f"{place}002"])
    return Call({"branch_id": world.unit(place)}, json(officer_id=officer, channel="phone", outcome="reached"))


@call("POST /api/v1/notices/preview")
async def _preview(world: World, _who: str | None, place: str) -> Call:
    audience = {"kind": "branch", "id": world.unit(place)}
    return Call({}, json(slot="18:00", day=TODAY.isoformat(), audience=audience))


@call("GET /api/v1/notice-templates/{slot}/{audience}", "DELETE /api/v1/notice-templates/{slot}/{audience}")
async def _template(_world: World, _who: str | None, _place: str) -> Call:
    return Call({"slot": "12:00", "audience": "branch"}, {})


TEMPLATE = {"title": "{{ 标题 }}", "body": "{{ 进展 }}{{ 要求 }}{{ 致谢 }}\n{{ 落款 }}"}


@call("PUT /api/v1/notice-templates/{slot}/{audience}")
async def _save_template(_world: World, _who: str | None, _place: str) -> Call:
    return Call({"slot": "12:00", "audience": "branch"}, json(**TEMPLATE))


@call("POST /api/v1/notice-templates/preview")
async def _try_template(_world: World, _who: str | None, _place: str) -> Call:
    return Call({}, json(slot="12:00", audience="branch", **TEMPLATE))


@call("POST /api/v1/slots/hold")
async def _hold(world: World, _who: str | None, place: str) -> Call:
    used = int(world.ids.get(("holds", BUREAU_OF[place]), 0))
    world.ids["holds", BUREAU_OF[place]] = str(used + 1)
    day, slot = TODAY + dt.timedelta(days=1 + used // 4), ("08:00", "12:00", "18:00", "22:00")[used % 4]
    bureau = world.unit(BUREAU_OF[place])
    return Call({}, json(slot=slot, day=day.isoformat(), reason="检查组在场", unit_id=bureau))


@call("POST /api/v1/slots/{hold_id}/release", "POST /api/v1/slots/{hold_id}/drop")
async def _held(world: World, who: str | None, place: str) -> Call:
    body = (await _hold(world, who, place)).send
    held = await world.done(world.admin_of(place), "POST", "/slots/hold", **body)
    return Call({"hold_id": held["id"]}, {})


@call("POST /api/v1/deliveries/{delivery_id}/resend")
async def _resend(world: World, _who: str | None, place: str) -> Call:
    return Call({"delivery_id": await world.delivery(place, "dead")}, {})


@call("POST /api/v1/deliveries/{delivery_id}/confirm")
async def _confirm(world: World, _who: str | None, place: str) -> Call:
    return Call({"delivery_id": await world.delivery(place, "uncertain")}, {})


@call("POST /api/v1/channels")
async def _channel(world: World, _who: str | None, place: str) -> Call:
    audience = {"kind": "branch", "id": world.unit(place)}
    return Call({}, json(name="又一个群", kind="wecom_robot", audience=audience, url=world.robot_url()))


@call("PATCH /api/v1/channels/{channel_id}")
async def _rename(world: World, _who: str | None, place: str) -> Call:
    return Call({"channel_id": world.ids["channel", place]}, json(name="改了名的群"))


@call("POST /api/v1/channels/{channel_id}/test")
async def _test(world: World, _who: str | None, place: str) -> Call:
    return Call({"channel_id": world.ids["channel", place]}, {})


@call("DELETE /api/v1/channels/{channel_id}")
async def _delete(world: World, who: str | None, place: str) -> Call:
    body = (await _channel(world, who, place)).send
    added = await world.done(world.admin_of(place), "POST", "/channels", **body)
    return Call({"channel_id": added["id"]}, {})


# Documents, drafts of praise and criticism.


@call("GET /api/v1/notices/{notice_id}/ranking.png", "GET /api/v1/notices/{notice_id}/notice.docx")
async def _final_notice(world: World, _who: str | None, place: str) -> Call:
    return Call({"notice_id": (await world.finished(place))[1]}, {})


@call(
    "GET /api/v1/contests/{contest_id}/commendation",
    "GET /api/v1/contests/{contest_id}/commendation.docx",
    "GET /api/v1/contests/{contest_id}/report.docx",
)
async def _finished(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": (await world.finished(place))[0]}, {})


@call("GET /api/v1/contests/{contest_id}/brief.docx")
async def _brief(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": (await world.finished(place))[0]}, {"params": {"month": "2026-11"}})


@call("POST /api/v1/drafts/{draft_id}/approve")
async def _approve(world: World, _who: str | None, place: str) -> Call:
    return Call({"draft_id": await world.draft(place)}, {})


@call("PATCH /api/v1/drafts/{draft_id}")
async def _edit(world: World, _who: str | None, place: str) -> Call:
    return Call({"draft_id": await world.draft(place)}, json(title="关于表扬的通报", body="请各单位学习。", revision=1))


@call("POST /api/v1/drafts/{draft_id}/reject")
async def _reject(world: World, _who: str | None, place: str) -> Call:
    return Call({"draft_id": await world.draft(place)}, json(reason="情况特殊。"))


# The place in the province.


@call("GET /api/v1/contests/{contest_id}/province-places")
async def _places(world: World, _who: str | None, place: str) -> Call:
    return Call({"contest_id": (await world.finished(place))[0]}, {})


@call("PUT /api/v1/contests/{contest_id}/province-places/{day}")
async def _place(world: World, _who: str | None, place: str) -> Call:
    day = (TODAY - dt.timedelta(days=30)).isoformat()
    told = json(place=7, as_of=f"{day}T21:00:00+08:00")
    return Call({"contest_id": (await world.finished(place))[0], "day": day}, told)


@call("DELETE /api/v1/contests/{contest_id}/province-places/{day}")
async def _no_place(world: World, _who: str | None, place: str) -> Call:
    day = (TODAY - dt.timedelta(days=30)).isoformat()
    return Call({"contest_id": (await world.finished(place))[0], "day": day}, {})


# Integrity.


@call("POST /api/v1/flags/{flag_id}/decide")
async def _decide(world: World, _who: str | None, place: str) -> Call:
    return Call({"flag_id": await world.flag(place)}, json(decision="dismissed", note="已核实，属正常。"))
