"""Changing passwords, resets, and one-time sign-in links, over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from app.core.clock import Clock
from app.main import create_app
from app.roster.models import UnitKind
from tests.conftest import serving
from tests.roster.signing import PASSWORD, bearer, set_officer, sign_in, with_password
from tests.times import TODAY

NEW = "a better horse"


@pytest.fixture
async def mei(town):
    """梅江001 with a chosen password and a phone."""
    await with_password(town, "梅江001", phone="13900000001")
    return "梅江001"


async def change(client, new=NEW, current=PASSWORD, **headers):
    body = {"current_password": current, "new_password": new}
    return await client.put("/me/password", json=body, headers=headers or None)


async def test_the_new_password_opens_and_the_old_one_does_not(client, town, mei):
    async with town.as_(mei) as officer:
        changed = await change(officer)
        assert (changed.status_code, changed.content, changed.headers.get("content-type")) == (204, b"", None)
        assert (await sign_in(client, mei)).status_code == 401
        assert (await sign_in(client, mei, NEW)).status_code == 201


async def test_other_sessions_end_and_the_own_one_stays(client, town, mei):
    elsewhere = await sign_in(client, mei)
    assert (await client.get("/me", headers=bearer(elsewhere))).status_code == 200
    async with town.as_(mei) as officer:
        await change(officer)
        assert (await officer.get("/me")).status_code == 200
    assert (await client.get("/me", headers=bearer(elsewhere))).status_code == 401


async def test_a_generated_password_must_be_changed_first(client, town):
    await set_officer(
        town, "梅江001", password_hash=town.services.passwords.keyed("k7m2qxw4ta9hd"), must_change_password=True
    )
    signed = await sign_in(client, "梅江001", "k7m2qxw4ta9hd")
    refused = await client.patch("/me", json={"text_size": "large"}, headers=bearer(signed))
    assert refused.json()["code"] == "password-change-required"
    assert (await change(client, current="k7m2qxw4ta9hd", **bearer(signed))).status_code == 204
    assert (await client.get("/me", headers=bearer(signed))).json()["must_change_password"] is False
    assert (await client.patch("/me", json={"text_size": "large"}, headers=bearer(signed))).status_code == 200


@pytest.mark.parametrize("new", ["1234567", "x" * 129, PASSWORD, "13900000001", "12345678", "aaaaaaaa", "P@ssw0rd"])
async def test_what_a_new_password_may_not_be(client, town, mei, new):
    async with town.as_(mei) as officer:
        answer = await change(officer, new)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/new_password"
    assert (await sign_in(client, mei)).status_code == 201


async def test_a_wrong_current_password_changes_nothing(client, town, mei):
    async with town.as_(mei) as officer:
        answer = await change(officer, current="wrong")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong-current-password")
    assert answer.json()["errors"][0]["pointer"] == "/current_password"
    assert (await sign_in(client, mei)).status_code == 201


async def test_of_two_changes_at_once_one_wins(client, settings, clock, town, mei):
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as other, town.as_(mei) as officer:
        other.headers.update(officer.headers)
        answers = await asyncio.gather(change(officer, "new password 1"), change(other, "new password 2"))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 409, 422}
    won = f"new password {statuses.index(204) + 1}"
    assert (await sign_in(client, mei, won)).status_code == 201


async def test_a_change_that_comes_second_is_told_so(town, mei):
    async with town.as_(mei) as officer, town.as_("联络员") as liaison:
        async with town.services.passwords._one_at_a_time:
            waiting = asyncio.create_task(change(officer))
            await asyncio.sleep(0.2)  # long enough for the attempt to be reserved
            reset = await liaison.post(f"/officers/{town.officers[mei]}/password-reset")
        assert reset.status_code == 201
        assert (await waiting).status_code in {401, 409}


async def test_a_reset_gives_a_password_that_must_be_changed(client, town, mei):
    phone = await sign_in(client, mei)
    async with town.as_("联络员") as liaison:
        answer = await liaison.post(f"/officers/{town.officers[mei]}/password-reset")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert (await client.get("/me", headers=bearer(phone))).status_code == 401
    assert (await sign_in(client, mei)).status_code == 401
    signed = await sign_in(client, mei, answer.json()["password"])
    assert signed.json()["officer"]["must_change_password"] is True


async def test_a_link_signs_in_once(client, settings, clock, town, mei):
    await set_officer(town, mei, must_change_password=True)
    async with town.as_("联络员") as liaison:
        link = (await liaison.post(f"/officers/{town.officers[mei]}/sign-in-link")).json()
    assert link["url"] == f"/#link={link['code']}"
    assert link["expires_at"] == "2026-11-24T09:00:00+08:00"
    async with serving(create_app(settings, clock=Clock(lambda: clock.now))) as other:
        uses = [who.post("/sessions/link", json={"code": link["code"], "cookie": True}) for who in (client, other) * 3]
        answers = await asyncio.gather(*uses)
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 5
    signed = next(answer for answer in answers if answer.status_code == 201)
    assert signed.json()["officer"]["must_change_password"] is False
    assert "HttpOnly" in signed.headers["set-cookie"]
    refused = next(answer for answer in answers if answer.status_code == 401)
    assert refused.json()["code"] == "sign-in-link-invalid"


async def test_a_link_lasts_a_day_and_only_the_newest_counts(client, town, mei, clock):
    async with town.as_("联络员") as liaison:
        links = [(await liaison.post(f"/officers/{town.officers[mei]}/sign-in-link")).json() for _ in range(2)]
    assert (await client.post("/sessions/link", json={"code": links[0]["code"]})).status_code == 401
    clock.at("09:00", TODAY + dt.timedelta(days=1))
    assert (await client.post("/sessions/link", json={"code": links[1]["code"]})).status_code == 401
    clock.at("08:59:59", TODAY + dt.timedelta(days=1))
    assert (await client.post("/sessions/link", json={"code": links[1]["code"]})).status_code == 201


async def test_after_a_link_a_generated_password_still_must_be_changed(client, town):
    async with town.as_("联络员") as liaison:
        path = f"/officers/{town.officers['梅江001']}"
        password = (await liaison.post(f"{path}/password-reset")).json()["password"]
        code = (await liaison.post(f"{path}/sign-in-link")).json()["code"]
    by_link = await client.post("/sessions/link", json={"code": code})
    assert by_link.json()["officer"]["must_change_password"] is False
    assert (await sign_in(client, "梅江001", password)).json()["officer"]["must_change_password"] is True


async def test_the_link_leads_to_the_pages_address(settings, clock, town):
    public = settings.model_copy(update={"public_url": "https://lianbing.example.cn/"})
    async with serving(create_app(public, clock=Clock(lambda: clock.now))) as proxied:
        headers = {"Authorization": f"Bearer {town.tokens['联络员']}"}
        link = (await proxied.post(f"/officers/{town.officers['梅江001']}/sign-in-link", headers=headers)).json()
        assert link["url"] == f"https://lianbing.example.cn/#link={link['code']}"
        body = {"code": link["code"], "cookie": True}
        assert "Secure" in (await proxied.post("/sessions/link", json=body)).headers["set-cookie"]


@pytest.mark.parametrize("what", ["password-reset", "sign-in-link"])
async def test_who_may_give_whom_a_new_secret(town, what):
    await town.officer("省厅管理员", "省厅", roles=["admin"], takes_part=False)
    await town.officer("第二管理员", "市局", roles=["admin"], takes_part=False)
    await town.officer("借调", "市局", roles=["province"], takes_part=False)
    await town.officer("负责人", "梅江", roles=["leader"])
    await town.officer("分局管理员", "梅江", roles=["admin"])
    allowed = {
        ("联络员", "梅江001"): 201,
        ("联络员", "联络员"): 403,
        ("联络员", "分局管理员"): 403,
        ("联络员", "丰顺001"): 404,
        ("联络员", "管理员"): 404,
        ("负责人", "梅江001"): 403,
        ("市局处长", "梅江001"): 403,
        ("梅江002", "梅江001"): 403,
        ("联络员", "负责人"): 201,
        ("管理员", "联络员"): 201,
        ("管理员", "市局处长"): 201,
        ("管理员", "分局管理员"): 201,
        ("管理员", "第二管理员"): 403,
        ("管理员", "借调"): 403,
        ("管理员", "省厅处长"): 404,
        ("省厅管理员", "借调"): 201,
        ("省厅管理员", "管理员"): 201,
    }
    for (by, of), status in allowed.items():
        async with town.as_(by) as client:
            answer = await client.post(f"/officers/{town.officers[of]}/{what}")
            assert answer.status_code == status, (by, of)


async def test_resets_and_links_are_audited_without_the_secret(town):
    async with town.as_("联络员") as liaison, town.as_("管理员") as admin:
        path = f"/officers/{town.officers['梅江001']}"
        password = (await liaison.post(f"{path}/password-reset")).json()["password"]
        code = (await liaison.post(f"{path}/sign-in-link")).json()["code"]
        acts = (await admin.get("/audit")).json()["items"]
    assert [act["action"] for act in acts] == ["officer.sign_in_link", "officer.password_reset"]
    assert {act["actor"]["name"] for act in acts} == {"联络员"}
    assert password not in str(acts)
    assert code not in str(acts)


async def test_an_officer_of_another_bureau_is_not_found(town):
    await town.unit("邻市", UnitKind.BUREAU, "省厅")
    await town.officer("邻市001", "邻市")
    async with town.as_("管理员") as admin:
        for key in (town.officers["邻市001"], "nonsense"):
            assert (await admin.post(f"/officers/{key}/password-reset")).status_code == 404
