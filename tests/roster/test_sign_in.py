"""Signing in and out, `/me`, and how long a session lasts, over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select

from app.core.clock import Clock
from app.core.metrics import SIGN_INS
from app.main import create_app
from app.roster.models import Officer, SignInSession
from app.roster.sign_in.service import Turns
from app.roster.signed_in import COOKIE
from tests.conftest import serving
from tests.roster.signing import PASSWORD, bearer, failures_kept, set_officer, sign_in, with_password
from tests.times import TODAY, instant


@pytest.fixture
async def mei(town):
    """梅江001 with a chosen password and a phone."""
    await with_password(town, "梅江001", phone="13900000001")
    return "梅江001"


async def test_signing_in_gives_a_token_and_who_it_is(client, mei):
    answer = await sign_in(client, mei)
    assert answer.status_code == 201
    body = answer.json()
    assert body["expires_at"] == "2026-12-23T09:00:00+08:00"
    assert body["officer"]["unit"]["name"] == "梅江"
    me = await client.get("/me", headers=bearer(answer))
    assert me.json() == body["officer"]
    assert set(me.json()) == {
        "id", "employee_no", "name", "roles", "position", "unit", "must_change_password", "text_size", "nudges"
    }  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "account", ["13900000001", " 139 0000-0001 ", "１３９０００００００１", "+8613900000001", "梅江００１"]
)
async def test_the_account_is_taken_however_it_is_typed(client, mei, account):
    assert (await sign_in(client, account)).status_code == 201


async def test_a_phone_keyboards_capital_letter_does_no_harm(client, town):
    await with_password(town, "丰顺001")
    await set_officer(town, "丰顺001", employee_no="zf-17")
    assert (await sign_in(client, "Zf-17")).status_code == 201


async def test_a_number_that_is_one_persons_and_anothers_phone_means_the_number(client, town, mei):
    await with_password(town, "丰顺001", "another one")
    await set_officer(town, "丰顺001", employee_no="13900000001")
    assert (await sign_in(client, "13900000001", "another one")).json()["officer"]["name"] == "丰顺001"


@pytest.mark.parametrize("account", ["梅江001", "没有这个人", "", "\x00", "x" * 64, "' OR 1=1 --"])
async def test_a_wrong_password_and_an_unknown_account_get_one_answer(client, mei, account):
    answer = await sign_in(client, account, "wrong")
    assert answer.status_code == 401
    assert answer.json()["code"] == "bad-credentials"
    assert answer.json()["detail"] == (await sign_in(client, "谁也不是", "wrong")).json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_who_has_no_password_cannot_sign_in(client, town):
    assert (await sign_in(client, "梅江002", "")).status_code == 401


async def test_a_generated_password_may_be_typed_in_capitals(client, town):
    await set_officer(town, "梅江001", password_hash=town.services.passwords.keyed("k7m2qxw4ta9hd"))
    answer = await sign_in(client, "梅江001", " K7m2qxw4ta9hd ")
    assert answer.status_code == 201
    assert answer.json()["officer"]["must_change_password"] is True
    assert (await sign_in(client, "梅江001", "k7m2qxw4ta9he")).status_code == 401


async def test_oversized_or_missing_members_are_refused_by_name(client):
    answer = await client.post("/sessions", json={"account": "a" * 65})
    assert answer.status_code == 422
    assert {problem["pointer"] for problem in answer.json()["errors"]} == {"/account", "/password"}


async def test_sign_ins_are_counted_by_outcome(client, mei):
    def counts():
        return [SIGN_INS.labels(outcome)._value.get() for outcome in ("success", "bad_credentials")]

    before = counts()
    await sign_in(client, mei)
    await sign_in(client, mei, "wrong")
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 1]


async def test_a_phone_stays_signed_in_until_the_contest_ends(client, town, mei):
    await town.contest("市局", ends_on=TODAY + dt.timedelta(days=59))
    answer = await sign_in(client, mei)
    assert answer.json()["expires_at"] == "2027-01-23T00:00:00+08:00"


async def test_a_contest_opened_after_signing_in_prolongs_the_session(client, town, mei, clock):
    answer = await sign_in(client, mei)
    await town.contest("省厅", ends_on=TODAY + dt.timedelta(days=59))
    assert (await client.get("/me", headers=bearer(answer))).status_code == 200
    town.app.state.callers.forget()
    clock.at("23:00", TODAY + dt.timedelta(days=60))
    assert (await client.get("/me", headers=bearer(answer))).status_code == 200
    town.app.state.callers.forget()
    clock.at("00:00", TODAY + dt.timedelta(days=61))
    assert (await client.get("/me", headers=bearer(answer))).status_code == 401


async def test_signing_in_clears_ones_own_expired_sessions(client, town, mei, clock):
    await sign_in(client, mei)
    clock.at("09:00", TODAY + dt.timedelta(days=30))
    await sign_in(client, mei)
    async with town.services.database.reads() as session:
        kept = await session.scalars(
            select(SignInSession.expires_at).where(
                SignInSession.officer_id == town.officers[mei],
                SignInSession.expires_at < instant("00:00", TODAY.replace(year=2030)),
            )
        )
        assert [expires.date() for expires in kept] == [TODAY + dt.timedelta(days=60)]


async def test_the_first_sign_in_is_remembered_once(client, town, mei, clock):
    await sign_in(client, mei)
    clock.at("21:00")
    await sign_in(client, mei)
    async with town.services.database.reads() as session:
        first = await session.scalar(select(Officer.first_signed_in_at).where(Officer.employee_no == mei))
    assert first == instant("09:00")


async def test_pages_get_a_cookie_that_scripts_cannot_read(client, mei):
    answer = await client.post("/sessions", json={"account": mei, "password": PASSWORD, "cookie": True})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={answer.json()['token']};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await client.get("/me")).json()["employee_no"] == mei
    gone = await client.delete("/sessions/current")
    assert f'{COOKIE}=""' in gone.headers["set-cookie"]
    assert (await client.get("/me")).status_code == 401


async def test_signing_out_ends_the_session_here_at_once(client, mei):
    answer = await sign_in(client, mei)
    assert (await client.get("/me", headers=bearer(answer))).status_code == 200
    gone = await client.delete("/sessions/current", headers=bearer(answer))
    assert (gone.status_code, gone.content, gone.headers.get("content-type")) == (204, b"", None)
    assert (await client.get("/me", headers=bearer(answer))).status_code == 401
    assert (await client.delete("/sessions/current", headers=bearer(answer))).status_code == 401


async def test_signing_out_ends_the_session_elsewhere_within_a_second(client, settings, clock, mei):
    answer = await sign_in(client, mei)
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as elsewhere:
        assert (await elsewhere.get("/me", headers=bearer(answer))).status_code == 200
        await client.delete("/sessions/current", headers=bearer(answer))
        await asyncio.sleep(1.01)  # the longest that another process may still believe it
        assert (await elsewhere.get("/me", headers=bearer(answer))).status_code == 401


async def test_me_needs_a_session(client):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = await client.get("/me", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthenticated"


async def test_me_tells_the_unit_of_the_day(town, clock):
    async with town.as_("管理员") as admin, town.as_("梅江001") as officer:
        moved = {"officer_id": str(town.officers["梅江001"]), "unit_id": str(town.units["丰顺"]), "from": "2026-11-24"}
        assert (await admin.post("/transfers", json=moved)).status_code == 201
        clock.at("23:59:59.9")
        assert (await officer.get("/me")).json()["unit"]["name"] == "梅江"
        clock.at("00:00", TODAY + dt.timedelta(days=1))
        assert (await officer.get("/me")).json()["unit"]["name"] == "丰顺"


async def test_who_wants_no_nudges_says_so(town):
    async with town.as_("梅江001") as officer:
        assert (await officer.get("/me")).json()["nudges"] is True
        assert (await officer.patch("/me/preferences", json={"nudges": False})).json()["nudges"] is False
        assert (await officer.get("/me")).json()["nudges"] is False
        assert (await officer.patch("/me/preferences", json={"nudges": "ja, bitte"})).status_code == 422


async def test_the_text_size_is_kept(town):
    async with town.as_("梅江001") as officer:
        assert (await officer.patch("/me", json={"text_size": "extra_large"})).json()["text_size"] == "extra_large"
        assert (await officer.get("/me")).json()["text_size"] == "extra_large"
        assert (await officer.patch("/me", json={"text_size": "huge"})).status_code == 422


async def test_before_the_first_change_of_password_only_signing_in_is_open(town):
    await set_officer(town, "梅江001", must_change_password=True)
    async with town.as_("梅江001") as officer:
        assert (await officer.get("/me")).json()["must_change_password"] is True
        refused = await officer.patch("/me", json={"text_size": "large"})
        assert refused.status_code == 403
        assert refused.json()["code"] == "password-change-required"


async def test_sign_ins_waiting_for_argon2_leave_the_pool_to_others(client, town, mei):
    await with_password(town, "丰顺001")
    async with town.as_("梅江002") as other:
        async with town.services.passwords._one_at_a_time:
            storm = [asyncio.create_task(sign_in(client, name)) for name in [mei, "丰顺001"] * 15]
            for _ in range(3):
                town.app.state.callers.forget()
                assert (await other.get("/me")).status_code == 200
            assert not any(task.done() for task in storm)
        assert {answer.status_code for answer in await asyncio.gather(*storm)} == {201}


async def test_beyond_a_bound_of_waiting_sign_ins_the_server_says_busy(client, town, mei):
    town.app.state.sign_in_turns = Turns(most_waiting=1)
    answers = await asyncio.gather(*(sign_in(client, mei) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 503, 503]
    assert next(a for a in answers if a.status_code == 503).headers["retry-after"]


async def test_a_storm_over_two_processes_lets_everybody_in(client, settings, clock, town):
    names = ["梅江001", "梅江002", "丰顺001", "丰顺002"]
    for name in names:
        await with_password(town, name)
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as elsewhere:
        both = [client, elsewhere]
        answers = await asyncio.gather(*(sign_in(both[n % 2], name) for n in range(8) for name in names))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["token"] for answer in answers}) == 32


async def test_a_password_changed_while_it_was_being_checked_no_longer_opens_anything(client, town, mei):
    async with town.services.passwords._one_at_a_time:
        waiting = asyncio.create_task(sign_in(client, mei))
        for _ in range(500):
            if await failures_kept(town):
                break
            await asyncio.sleep(0.01)
        await with_password(town, mei, "changed meanwhile")
    assert (await waiting).status_code == 401
