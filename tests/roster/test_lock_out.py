"""The lock-out: an account with an address, an address alone, and success, over HTTP and over two processes."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import update

from app.core.clock import Clock
from app.main import create_app
from app.roster.models import SignInFailures
from app.roster.sign_in.rules import ADDRESS_FAILURES
from tests.conftest import serving
from tests.roster.signing import PASSWORD, failures_kept, set_officer, sign_in, with_password
from tests.times import TODAY


@pytest.fixture
async def mei(town):
    """梅江001 with a chosen password and a phone."""
    await with_password(town, "梅江001", phone="13900000001")
    return "梅江001"


@pytest.fixture
async def elsewhere(settings, clock, app):
    """A second process on the same database."""
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as client:
        yield client


async def wrong(client, account, times):
    return [(await sign_in(client, account, f"guess {n}")).status_code for n in range(times)]


async def test_five_failures_then_growing_delays(client, mei, clock):
    assert await wrong(client, mei, 6) == [401] * 5 + [429]
    refused = await sign_in(client, mei)
    assert refused.json()["code"] == "too-many-attempts"
    assert refused.headers["retry-after"] == "30"
    assert refused.json()["retry_at"] == "2026-11-23T09:00:30+08:00"
    clock.at("09:00:30")
    assert await wrong(client, mei, 2) == [401, 429]
    assert (await sign_in(client, mei)).headers["retry-after"] == "60"
    clock.at("09:01:30")
    assert (await sign_in(client, mei)).status_code == 201


async def test_success_forgets_the_failures(client, town, mei):
    for _ in range(3):
        assert await wrong(client, mei, 4) == [401] * 4
        assert (await sign_in(client, mei)).status_code == 201
    assert not any(key.startswith("account:") for key in await failures_kept(town))


async def test_number_and_phone_are_one_account(client, mei):
    assert await wrong(client, mei, 3) + await wrong(client, "13900000001", 3) == [401] * 5 + [429]


async def test_an_unknown_account_is_locked_out_the_same_way(client):
    assert await wrong(client, "Nobody", 3) + await wrong(client, "NOBODY", 3) == [401] * 5 + [429]


async def test_failures_are_forgotten_after_a_day(client, mei, clock):
    await wrong(client, mei, 4)
    clock.at("09:00", TODAY + dt.timedelta(days=1))
    assert await wrong(client, mei, 6) == [401] * 5 + [429]


async def test_guesses_in_parallel_over_two_processes_get_five_attempts(client, elsewhere, mei):
    both = [client, elsewhere]
    answers = await asyncio.gather(*(sign_in(both[n % 2], mei, f"guess {n}") for n in range(100)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 95


async def test_double_taps_with_the_right_password_all_succeed(client, elsewhere, mei):
    both = [client, elsewhere]
    answers = await asyncio.gather(*(sign_in(both[n % 2], mei) for n in range(20)))
    assert {answer.status_code for answer in answers} == {201}


async def test_a_lock_out_here_holds_elsewhere(client, elsewhere, mei):
    await wrong(client, mei, 5)
    assert (await sign_in(elsewhere, mei)).status_code == 429


async def test_an_address_alone_may_fail_two_hundred_times_in_ten_minutes(client, town, mei, clock):
    await wrong(client, mei, 1)
    await set_failures(town, ADDRESS_FAILURES - 1)
    assert await wrong(client, "丰顺001", 2) == [401, 429]
    refused = await sign_in(client, "丰顺002")
    assert refused.headers["retry-after"] == "600"
    clock.at("09:10")
    assert (await sign_in(client, mei)).status_code == 201
    assert await wrong(client, "丰顺001", 1) == [401]
    assert (await failures_kept(town))["address:127.0.0.1"] == 1


async def set_failures(town, failures, **values):
    async with town.services.database.sessions.begin() as session:
        address = SignInFailures.key.startswith("address:")
        await session.execute(update(SignInFailures).where(address).values(failures=failures, **values))


async def test_success_never_counts_against_an_address(client, town, mei):
    await wrong(client, "丰顺001", 1)
    await set_failures(town, ADDRESS_FAILURES - 1)
    answers = await asyncio.gather(*(sign_in(client, mei) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert (await failures_kept(town))["address:127.0.0.1"] == ADDRESS_FAILURES - 1


async def test_old_failures_are_swept(client, town, mei, clock):
    await wrong(client, "谁", 1)
    clock.at("09:00", TODAY + dt.timedelta(days=3))
    await wrong(client, mei, 1)
    assert set(await failures_kept(town)) == {f"account:{town.officers[mei]}:127.0.0.1", "address:127.0.0.1"}


async def test_wrong_link_codes_count_against_the_address(client, town, mei):
    assert (await client.post("/sessions/link", json={"code": "made up"})).status_code == 401
    await set_failures(town, ADDRESS_FAILURES)
    assert (await client.post("/sessions/link", json={"code": "made up"})).status_code == 429
    assert (await sign_in(client, mei)).status_code == 429


async def test_a_wrong_current_password_counts_as_well(client, town, mei):
    async with town.as_(mei) as officer:
        body = {"current_password": "wrong", "new_password": "a new one 1"}
        answers = [(await officer.put("/me/password", json=body)).status_code for _ in range(6)]
        assert answers == [422] * 5 + [429]
        assert (await sign_in(client, mei)).status_code == 429


async def test_the_address_is_the_clients_where_a_trusted_proxy_says_so(settings, clock, town, mei):
    trusting = settings.model_copy(update={"trusted_proxies": "127.0.0.0/8"})
    async with serving(create_app(trusting, clock=Clock(lambda: clock.now))) as proxied:
        branch, attacker = {"X-Forwarded-For": "192.0.2.9, 203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
        for _ in range(6):
            last = await sign_in(proxied, mei, "wrong", **attacker)
        assert last.status_code == 429
        assert (await sign_in(proxied, mei, PASSWORD, **branch)).status_code == 201


async def test_an_untrusted_peer_cannot_choose_its_address(client, mei):
    answers = [await sign_in(client, mei, "wrong", **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_a_liaison_officers_reset_lifts_the_lock_out(client, town, mei):
    await wrong(client, mei, 6)
    async with town.as_("联络员") as liaison:
        answer = await liaison.post(f"/officers/{town.officers[mei]}/password-reset")
    assert (await sign_in(client, mei, answer.json()["password"])).status_code == 201


async def test_the_same_time_is_spent_on_every_kind_of_failure(town):
    """Each kind of failure takes exactly one turn at argon2: while another holds it, none is answered."""
    passwords = town.services.passwords
    stored = [None, passwords.keyed("k7m2qxw4ta9hd"), passwords.hash_now("chosen"), "not a hash at all"]
    async with passwords._one_at_a_time:
        tasks = [asyncio.create_task(passwords.verify(kept, "wrong")) for kept in stored]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in tasks)
    assert await asyncio.gather(*tasks) == [False] * 4


async def test_no_secret_reaches_the_log(client, town, mei, capsys):
    await set_officer(town, "梅江002", phone="13900000002")
    await sign_in(client, "13900000002", "hunter2-hunter2")
    token = (await sign_in(client, mei)).json()["token"]
    written = "".join(capsys.readouterr())
    assert "bad_credentials" in written
    assert not any(secret in written for secret in ("hunter2", PASSWORD, token, "13900000002"))
