"""A week of notices with flaky receivers and processes that are killed: no group is told anything twice, nothing is lost
without a reason that somebody can read.

`LIANBING_TEST_SEED` chooses another week.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.scenarios.week import (
    BRANCHES,
    COMPLETE,
    DAYS,
    DROPPED,
    EXEMPT,
    HELD,
    LATE,
    MISSED,
    NO_NUDGES,
    PAUSED,
    UNCOUNTED,
    Week,
    week,
)
from tests.times import SetClock, instant

SEED = int(os.environ.get("LIANBING_TEST_SEED", "20261123"))
KINDS = ("bureau", "branch", "liaison", "leader", "forecast", "nudge", "organisers")
SETTLED = {"sent", "dead", "uncertain", "expired", "to_forward"}
PHONE = re.compile(r"(?<![0-9a-f])139\d{8}(?![0-9a-f])")
SLOTS = [instant(time, day) for day in DAYS[:7] for time in ("12:00", "18:00", "22:00")]
SLOTS = sorted([*SLOTS, *(instant("08:00", day) for day in DAYS[1:])])

Told = dict[str, list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _the_seed_is_told() -> None:
    print(f"LIANBING_TEST_SEED={SEED}")  # noqa: T201 - shown with a failure


@pytest.mark.timeout(900)
async def test_a_week_with_kills_and_flaky_receivers(app: FastAPI, clock: SetClock, tmp_path: Path) -> None:
    log = tmp_path / "rounds.log"
    async with week(app, clock, log, SEED) as lived:
        await lived.live()
        told = await everything_told(lived)
        await lived.end()
        nothing_failed(lived)
        every_slot_has_one_notice_an_audience(told)
        groups_stand_as_the_week_says(told)
        private_ones_follow_the_groups(told)
        everything_is_settled_with_a_reason(told)
        nobody_was_told_twice(lived, told)
        nobody_was_told_of_a_phone(lived, log.read_text())
        it_was_no_easier_than_meant(lived, told)


async def everything_told(lived: Week) -> Told:
    """All notices with their deliveries, by kind of audience, as the API shows them."""
    told: Told = {}
    for kind in KINDS:
        told[kind], cursor = [], None
        while True:
            page = {"kind": kind, "limit": 200} | ({"cursor": cursor} if cursor else {})
            answer = await lived.call("GET", "/notices", params=page)
            told[kind] += answer["items"]
            if not (cursor := answer["next"]):
                break
    return told


def nothing_failed(lived: Week) -> None:
    """Every round ended well, or its process was killed in it."""
    assert Counter(said.split(" ")[0] for said in lived.said).keys() <= {"done", ""}, SEED
    assert {said.split(" ")[2] for said in lived.said if said} == {"0"}
    assert sum(not said for said in lived.said) <= lived.kills


def every_slot_has_one_notice_an_audience(told: Told) -> None:
    made = Counter((one["slot_at"], one["audience"]["name"]) for one in (*told["bureau"], *told["branch"]))
    expected = {(slot.isoformat(), unit) for slot in SLOTS for unit in ("市局", *BRANCHES)}
    assert made == dict.fromkeys(expected, 1)
    counted = [day for day in DAYS[:7] if day != UNCOUNTED]
    nudges = {instant(time, day).isoformat() for day in counted for time in ("12:30", "20:00")}
    nudges -= {instant("20:00", MISSED.date()).isoformat()}  # no process was alive
    assert Counter(one["slot_at"] for one in told["nudge"]) == dict.fromkeys(nudges, 1)


def groups_stand_as_the_week_says(told: Told) -> None:
    """Which slots said something to whom, why the others did not, and which came late: chance has no part in it."""
    thanked = set()
    for one in sorted((*told["bureau"], *told["branch"]), key=lambda one: str(one["slot_at"])):
        slot, unit, day = one["slot_at"], one["audience"]["name"], one["day"]
        complete = unit == COMPLETE and not slot.endswith("08:00:00+08:00")
        reason = {
            day == UNCOUNTED.isoformat(): "day-not-counted",
            slot == DROPPED.isoformat(): "held-and-dropped",
            slot == MISSED.isoformat(): "missed",
            day == PAUSED.isoformat() and "T08:" not in slot: "contest-paused",
        }.get(True)
        if reason is None and unit == EXEMPT:
            reason = "nobody-expected"
        if reason is None and complete:
            reason = "already-thanked" if day in thanked else None
            thanked.add(day)
        said = one["state"] in {"sent", "attention"}
        assert (one["reason"], said) == (reason, reason is None), (slot, unit, SEED)
        assert one["late"] == (said and slot in {HELD.isoformat(), LATE.isoformat()}), (slot, unit, SEED)


def private_ones_follow_the_groups(told: Told) -> None:
    """The liaison officers of a branch hear whenever its group does, once."""
    said = {(one["slot_at"], one["audience"]["name"]) for one in told["branch"] if one["body"]}
    heard = Counter((one["slot_at"], one["audience"]["name"]) for one in told["liaison"])
    assert heard == dict.fromkeys(said, 1)


def deliveries(told: Told) -> list[dict[str, Any]]:
    return [one for notices in told.values() for notice in notices for one in notice["deliveries"]]


def everything_is_settled_with_a_reason(told: Told) -> None:
    for notice in [one for notices in told.values() for one in notices]:
        assert notice["state"] in {"sent", "attention", "skipped", "superseded"}, (notice, SEED)
        assert (notice["reason"] is not None) == (notice["state"] in {"skipped", "superseded"}), (notice, SEED)
    for delivery in deliveries(told):
        assert delivery["state"] in SETTLED, (delivery, SEED)
        assert delivery["state"] == "sent" or delivery["last_error"], (delivery, SEED)


def key(delivery: dict[str, Any]) -> Hashable:
    """By what its receiver knows a delivery."""
    kind, name = delivery["channel"]["kind"], delivery["channel"]["name"]
    if kind in {"webhook", "email"}:
        return str(delivery["id"])
    if kind == "wecom_app":
        return "|".join(delivery["recipients"]), delivery["text"]
    return name, delivery["text"]


def kept(lived: Week) -> list[Hashable]:
    """What the receivers accepted, by the same keys; no pictures."""
    to = lived.to
    groups = [one for server in (to.robot, to.dingtalk, to.feishu) for one in server.accepted]
    hooks = [head for one in to.webhook.kept for name, head in one["headers"].items() if name.lower() == "webhook-id"]
    app = [(one["body"]["touser"], to.wecom.content(one["body"])) for one in to.wecom.kept]
    mails = [str(mail["message-id"]).strip("<>").split("@")[0] for _, _, mail in to.mail.mails]
    return [*(one for one in groups if not re.fullmatch("[0-9a-f]{32}", one[1])), *hooks, *app, *mails]


def nobody_was_told_twice(lived: Week, told: Told) -> None:
    """Each message was accepted at most once; those called sent were, and others only where that is called a doubt."""
    accepted = Counter(kept(lived))
    assert [one for one, times in accepted.items() if times > 1] == [], SEED
    states: dict[Hashable, set[str]] = defaultdict(set)
    for one in deliveries(told):
        if one["kind"] != "image" and one["channel"]["kind"] != "manual":
            states[key(one)].add(one["state"])
    sent = {one for one, held in states.items() if "sent" in held}
    doubtful = {one for one, held in states.items() if "uncertain" in held and "sent" not in held}
    assert accepted.keys() <= sent | doubtful, SEED
    assert sent <= accepted.keys(), SEED
    assert len(sent) == len(accepted) - len(accepted.keys() & doubtful)
    pictures = [text for name, text in lived.to.robot.accepted if re.fullmatch("[0-9a-f]{32}", text)]
    shown = Counter(one["state"] for one in deliveries(told) if one["kind"] == "image")
    assert len(set(pictures)) == len(pictures), SEED
    assert shown["sent"] <= len(pictures) <= shown["sent"] + shown["uncertain"], SEED


def nobody_was_told_of_a_phone(lived: Week, lines: str) -> None:
    """No phone in any message or log line, and no nudge to who wants none."""
    posts = [f"{one['path']} {one['raw'].decode()}" for server in lived.to.posting for one in server.requests]
    mails = [mail.as_string() + str(mail.get_content()) for _, _, mail in lived.to.mail.mails]
    assert '"event": "notice"' in lines
    assert [text for text in (*posts, *mails, *lines.splitlines()) if PHONE.search(text)] == []
    assert not [one for one in lived.to.wecom.requests if NO_NUDGES in one["body"]["touser"].split("|")]


def it_was_no_easier_than_meant(lived: Week, told: Told) -> None:
    every = deliveries(told)
    assert Counter(one["state"] for one in every).keys() == SETTLED
    assert lived.kills >= 5
    assert sum(one["attempts"] > 1 for one in every) > 10
    assert [one for one in every if one["state"] == "sent" and one["last_error"]], "nobody was left out"
    ties(told["bureau"])


def ties(notices: Iterable[dict[str, Any]]) -> None:
    """The twin branches shared a place on some day."""
    assert any("并列" in str(one["body"]) for one in notices)
