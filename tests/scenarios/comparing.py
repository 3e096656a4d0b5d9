"""Everything that the API publishes about a contest day, compared with what the log of the day gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from app.core.clock import wire
from tests.scenarios import expected_texts as expect
from tests.scenarios.arithmetic import FORMULA, QUESTIONS, Count, Played, ahead, changes, overtake, ranks
from tests.scenarios.day import MOVED, TOMORROW, Day
from tests.scenarios.expected_texts import Body
from tests.scenarios.people_of_354 import BUREAU, TICK, TOWNSHIP
from tests.times import TODAY, instant

DAY = dt.timedelta(days=1)
ISSUER = "市生态环境局执法监督科"


def now_inclusive(day: Day) -> dt.datetime:
    """Everything up to and with the present instant."""
    return day.clock.now + TICK


async def standings_agree(day: Day, on: dt.date, before: dt.datetime) -> None:
    """`/branches/{id}/participation` of every unit, read by an officer of another one."""
    closing = instant("00:00", on + DAY)
    for unit in [*day.branches(), TOWNSHIP, BUREAU]:
        shown = await day.get("大埔009", f"/branches/{day.units[unit]}/participation", day=on.isoformat())
        expected = day.count(unit, on, before)
        assert {name: shown[name] for name in expected.standing()} == expected.standing(), unit
        assert day.unit_of(shown["unit"]["id"]) == unit
        assert (shown["day"], shown["as_of"]) == (on.isoformat(), wire(min(day.clock.now, closing)))


async def ranking_agrees(
    day: Day, now: dict[str, Count], earlier: dict[str, Count] | None, *, asked: dict[str, str], as_of: dt.datetime
) -> None:
    """`/rankings/branches`: rows in order, figures, ranks and their change."""
    places = ranks(now)
    moved = changes(ranks(earlier), places) if earlier else dict.fromkeys(now)
    order = sorted(now, key=lambda name: places[name] or len(now) + 1)
    shown = await day.get("机关001", "/rankings/branches", **asked)
    assert shown["as_of"] == wire(as_of)
    assert shown["scope"]["name"] == BUREAU
    assert shown["formula"] == FORMULA
    assert [day.unit_of(row["unit"]["id"]) for row in shown["rows"]] == order
    for row in shown["rows"]:
        name = day.unit_of(row["unit"]["id"])
        figures = now[name].standing()
        assert {member: row[member] for member in figures} == figures, name
        assert (row["rank"], row["rank_change"]) == (places[name], moved[name]), name


async def own_parts_agree(day: Day, people: Iterable[str], *days: dt.date) -> None:
    """`/participation/me` of several officers on each day, with their totals over the contest so far."""
    did = {on: day.did(on, now_inclusive(day)) for on in (TODAY, TOMORROW)}
    for who in people:
        mine = [one.get(who, Played()) for one in did.values()]
        for on in days:
            one = did[on].get(who, Played())
            shown = await day.get(who, "/participation/me", day=on.isoformat())
            over = day.clock.now >= instant("00:00", on + DAY)
            quiz = {"status": _quiz(one, over=over), "answered": one.answered, "points": 10 * one.correct}
            assert (shown["day"], shown["quiz"], shown["done"]) == (on.isoformat(), quiz, one.status == "done"), who
            points = one.points - 10 * one.correct
            assert shown["matches"] == {"counted": len(one.matches), "required": 1, "points": points}, who
            assert shown["contest"] == {
                "days_done": sum(each.status == "done" for each in mine),
                "answered": sum(each.answered for each in mine),
                "correct": sum(each.correct for each in mine),
                "points": sum(each.points for each in mine),
            }, who


def _quiz(one: Played, *, over: bool) -> str:
    if one.answered == QUESTIONS:
        return "finished"
    return ("closed" if over else "in_progress") if one.quiz else "not_started"


async def lists_agree(day: Day, who: str, unit: str, on: dt.date) -> None:
    """`/branches/{id}/officers` under every status, page by page, with phones as the caller may see them."""
    exempt, now = day.exempt.get(on, set()), day.did(on, now_inclusive(day))
    did = {name: now.get(name, Played()) for name in day.members(unit, on)}
    status = {name: "exempt" if name in exempt else one.status for name, one in did.items()}
    phones = {one.name: one.phone for one in day.people if who != "机关处长" or one.roles}
    statuses = ["in_progress", "not_started", "done", "exempt"]
    for asked, wanted in {**{one: [one] for one in statuses}, "unfinished": statuses[:2], "all": statuses}.items():
        path, query = f"/branches/{day.units[unit]}/officers", {"day": on.isoformat(), "status": asked}
        items = await day.listed(who, path, **query, limit=17 if asked == "all" else 500)
        assert {item["officer"]["employee_no"] for item in items} == {n for n, one in status.items() if one in wanted}
        assert [item["status"] for item in items] == sorted((i["status"] for i in items), key=statuses.index)
        for item in items:
            name = item["officer"]["employee_no"]
            assert item["status"] == status[name], name
            assert (item["quiz"]["answered"], item["quiz"]["points"]) == (did[name].answered, 10 * did[name].correct)
            assert item["done"] == (did[name].status == "done"), name
            ended = [20 * right for match, right in did[name].matches if day.ends[match, name] <= day.clock.now]
            matches = {"counted": len(did[name].matches), "required": 1, "points": sum(ended)}
            assert item["matches"] == matches, name
            assert item["officer"]["phone"] == phones.get(name)
            assert (item["exemption"] is not None) == (name in exempt)


class Slot(NamedTuple):
    """A slot of the notices: its clock time on a calendar day, and the contest day that it reports."""

    time: str
    on: dt.date

    @property
    def at(self) -> dt.datetime:
        return instant(self.time, self.on)

    @property
    def final(self) -> bool:
        return self.time == "08:00"

    @property
    def day(self) -> dt.date:
        return self.on - DAY if self.final else self.on

    @property
    def cutoff(self) -> dt.datetime:
        return instant("00:00", self.on) if self.final else self.at

    @property
    def number(self) -> int:
        return (self.day - TODAY).days + 1

    @property
    def as_of(self) -> str:
        clock = "24:00" if self.final else self.time
        return f"统计截至{self.day.year}年{self.day.month}月{self.day.day}日{clock}"


async def notices_agree(day: Day, slot: Slot, *, silent: dict[str, str]) -> list[dict[str, Any]]:
    """The notices of a slot to the bureau and to every branch: state, `stats` and text; `silent`: why one says nothing."""
    listed = await day.listed("机关处长", "/notices", day=slot.on.isoformat(), limit=7)
    notices = {day.unit_of(one["audience"]["id"]): one for one in listed if one["slot_at"] == wire(slot.at)}
    assert set(notices) == {BUREAU, *day.branches()}
    for name, notice in notices.items():
        assert (notice["day"], notice["cutoff_at"], notice["late"]) == (slot.day.isoformat(), wire(slot.cutoff), False)
        if name in silent:
            assert (notice["state"], notice["reason"], notice["body"]) == ("skipped", silent[name], None), name
            continue
        assert notice["state"] in {"sent", "attention"}, name  # by a robot, or left to be forwarded
        assert notice["reason"] is None, name
        if name == BUREAU:
            _bureau(day, slot, notice)
        else:
            _branch(day, slot, name, notice)
    return list(notices.values())


def _common(slot: Slot, one: Count) -> dict[str, Any]:
    return {
        "day": slot.day.isoformat(),
        "day_number": slot.number,
        "cutoff_at": wire(slot.cutoff),
        "complete": one.complete,
        "formula": FORMULA,
    }


def _unit(day: Day, name: str, branches: dict[str, Count]) -> dict[str, Any]:
    unit = {"id": day.units[name], "name": f"{name}分局"}
    return {"unit": unit, "rank": ranks(branches)[name], **branches[name].standing()}


def _bureau(day: Day, slot: Slot, notice: dict[str, Any]) -> None:
    branches = day.counts(slot.day, slot.cutoff)
    total, staff = (day.count(unit, slot.day, slot.cutoff) for unit in (BUREAU, "市本级"))
    yesterday = None
    if slot.day > TODAY and not slot.final:
        yesterday = day.count(BUREAU, slot.day - DAY, slot.cutoff - DAY).done
    compared = ranks(day.counts(slot.day, instant("18:00", slot.day))) if slot.time == "22:00" else {}
    assert notice["stats"] == _common(slot, total) | {
        "total": total.counts(),
        "headquarters": staff.counts(),
        "done_yesterday": yesterday,
        "contest": "网络知识竞赛",
        "issuer": ISSUER,
        "slot": slot.time,
        "late": False,
        "level": "bureau",
        "earlier": "18:00" if compared else None,
        "province_place": None,
        "units": [
            _unit(day, name, branches) | {"group": None, "earlier_rank": compared.get(name)} for name in branches
        ],
    }
    body = Body(notice["body"])
    _BUREAU_SAYS[slot.time](body, slot, total, staff, branches, yesterday)
    body.says(slot.as_of)
    body.says_no_other_figure()
    progress = f"网络知识竞赛第{slot.number}日进度（{'截至' if slot.time == '22:00' else ''}{slot.time}）"
    final = f"关于网络知识竞赛第{slot.number}日情况的通报（第{slot.number}期）"
    assert notice["title"] == (final if slot.final else progress)


def _so_far(total: Count, between: str) -> str:
    part = (
        f"应参赛{total.expected}人，已参赛{total.participated}人（{expect.rate(total.participated, total.expected)}）"
    )
    return f"{part}{between}已完成{total.done}人（{expect.completion(total)}）"


def _noon(body: Body, _: Slot, total: Count, __: Count, branches: dict[str, Count], yesterday: int | None) -> None:
    compared = ""
    if yesterday is not None:
        more = total.done - yesterday
        word = f"比昨日同时段{'多' if more > 0 else '少'}{abs(more)}人" if more else "与昨日同时段持平"
        compared = f"，完成人数{word}"
    body.says(f"{_so_far(total, '；')}{compared}。{expect.completion_rates(branches)}")


def _evening(body: Body, _: Slot, total: Count, staff: Count, branches: dict[str, Count], __: int | None) -> None:
    body.says(f"{_so_far(total, '；')}，尚有{total.unfinished}人未完成。{expect.left_over(branches, staff)}")
    body.says(expect.all_done(branches), "距今日截止还有6小时")


def _night(body: Body, _: Slot, total: Count, __: Count, branches: dict[str, Count], ___: int | None) -> None:
    body.says(f"{_so_far(total, '，')}，{expect.accuracy(total)}。暂列名次如下。")
    body.says(expect.ranking(branches, rates=False), expect.all_done(branches), "今日24:00截止", "明日8:00通报")


def _final(body: Body, slot: Slot, total: Count, _: Count, branches: dict[str, Count], __: int | None) -> None:
    took_part = expect.rate(total.participated, total.expected)
    body.says(
        f"现将{slot.day.month}月{slot.day.day}日竞赛情况通报如下",
        f"应参赛{total.expected}人{expect.exempt(total)}，实际参赛{total.participated}人，参赛率{took_part}；"
        f"完成当日任务{total.done}人，完成率{expect.completion(total)}；答题{expect.accuracy(total)}。",
        f"（括号内为完成率）。{expect.ranking(branches, rates=True)}",
        f"第{slot.number + 1}日竞赛已开始，24:00截止",
        "综合得分满分100分，其中参赛率占20%、完成率占50%、答题正确率占30%",
        f"{ISSUER}（电话：0753-1234567）　{slot.on.year}年{slot.on.month}月{slot.on.day}日8:00",
    )
    if any(one.completion_rate < Fraction(9, 10) for one in branches.values() if one.completion_rate is not None):
        body.says("请完成率低于90%的分局查明原因")


_BUREAU_SAYS = {"12:00": _noon, "18:00": _evening, "22:00": _night, "08:00": _final}


def _branch(day: Day, slot: Slot, name: str, notice: dict[str, Any]) -> None:
    branches = day.counts(slot.day, slot.cutoff)
    own, before, earlier = branches[name], None, ""
    if slot.time == "22:00":
        earlier, before = "18:00", ranks(day.counts(slot.day, instant("18:00", slot.day)))[name]
    above, rise = ahead(branches, name), overtake(branches, name)
    assert notice["stats"] == _common(slot, own) | {
        "own": _unit(day, name, branches),
        "earlier_rank": before,
        "ahead": {"rank": above[0], "gap": float(above[1])} if above else None,
        "overtake": {"people": rise[0], "place": rise[1]} if rise else None,
    }, name
    body = Body(notice["body"])
    body.says(f"{_branch_says(slot, own, branches, name, earlier, before)}。", slot.as_of)
    if slot.final:
        body.says(f"第{slot.number + 1}日竞赛已开始，24:00截止")
    elif slot.time == "12:00" and not own.complete:
        body.says("请利用休息间隙完成每日一测和匹配对战")
    elif not own.complete:
        body.says(expect.could_rise(branches, name), "今日24:00截止")
    body.says_no_other_figure()
    progress = f"进度（{'截至' if slot.time == '22:00' else ''}{slot.time}）"
    assert notice["title"] == f"{name}分局第{slot.number}日{'竞赛结果' if slot.final else progress}"


def _branch_says(
    slot: Slot, own: Count, branches: dict[str, Count], name: str, earlier: str, before: int | None
) -> str:
    left = f"已完成{own.done}人（{expect.completion(own)}），尚有{own.unfinished}人未完成"
    if not own.done:
        left = f"应参赛{own.expected}人，尚无人完成"
    if slot.final:
        done = f"参赛{own.participated}人，完成{own.done}人（{expect.completion(own)}）"
        scored = "，".join(
            [f"综合得分{expect.index(own)}", *expect.place(branches, name), *expect.distance(branches, name)]
        )
        head = f"应参赛{own.expected}人{expect.exempt(own)}，{'已全员完成' if own.complete else done}"
        return f"{head}，{expect.accuracy(own)}；{scored}"
    gap = [] if slot.time == "12:00" else expect.distance(branches, name)
    place = "，".join([*expect.place(branches, name, "暂", earlier, before), *gap])
    if own.complete:
        left = f"应参赛{own.expected}人，已全员完成今日任务"
    elif slot.time == "12:00":
        left = f"已完成{own.done}人，进行中{own.in_progress}人，未开始{own.not_started}人"
        if own.not_started == own.expected:
            left = f"应参赛{own.expected}人，尚无人参赛"
    return f"{left}；{place}"


def no_phone_in(day: Day, *texts: object) -> None:
    """No officer's phone stands in a text, whole or with spaces and hyphens."""
    plain = "".join(str(text) for text in texts).replace(" ", "").replace("-", "")
    assert plain
    assert not [one.name for one in day.people if one.phone in plain]


async def moved_officer_is_in(day: Day, unit: str, other: str) -> None:
    """On the second day the transferred officer is listed, counted and shown in the new branch only."""
    for name, there in ((unit, True), (other, False)):
        path = f"/branches/{day.units[name]}/officers"
        listed = await day.listed(f"{name}002", path, day=TOMORROW.isoformat(), limit=500)
        assert (MOVED in {one["officer"]["employee_no"] for one in listed}) is there
    assert day.unit_of((await day.get(MOVED, "/me"))["unit"]["id"]) == unit
