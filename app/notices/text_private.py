"""The texts for single people: liaison officers, leaders, and officers who have not finished: figures in, named pieces out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from app.core.clock import wire
from app.notices.audiences import FORECASTS, MOST_NAMES, Left, Missing, concern, minutes_needed
from app.notices.layouts import TITLE
from app.notices.wording import as_of, clock, listed_names, percent, share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.contests.rules import PlayRules
    from app.notices.audiences import Concern
    from app.notices.layouts import Paragraphs
    from app.notices.stats import BranchStats, Occasion

_TO_LEADERS = ("08:00", "18:00")


@dataclass(frozen=True)
class _OfBranch:
    """What single people are told of a branch."""

    branch: BranchStats

    @property
    def occasion(self) -> Occasion:
        """The slot's occasion."""
        return self.branch.occasion


@dataclass(frozen=True)
class LiaisonStats(_OfBranch):
    """A branch's figures with who has not finished; of those reminded that day, how many have.

    `link` is the address of the pages, empty where it is not configured.
    """

    audience: ClassVar = "liaison"

    left: tuple[Left, ...]
    reminded: int = 0
    reminded_done: int = 0
    link: str = ""

    @property
    def unfinished(self) -> int:
        """Officers who have not finished."""
        return sum(left.officers for left in self.left)

    @property
    def begun(self) -> int:
        """Those of them who have begun."""
        return sum(left.officers for left in self.left if left.missing.started)


@dataclass(frozen=True)
class LeaderStats(_OfBranch):
    """A branch's figures for its leader; `wrong`: what is wrong with the finished day, None while the day goes on."""

    audience: ClassVar = "leader"

    wrong: Concern | None = None


@dataclass(frozen=True)
class ForecastStats(_OfBranch):
    """A branch's figures 20 minutes before the slot of which its liaison officers are told."""

    audience: ClassVar = "forecast"

    @property
    def comes(self) -> str:
        """The time of the slot to come, as it is written."""
        slot = self.occasion.slot
        return clock(slot.at.replace(hour=int(FORECASTS[slot.name][:2]), minute=0))


@dataclass(frozen=True)
class NudgeStats:
    """What officers who are nudged lack, all of them the same, under the rules of the day."""

    audience: ClassVar = "nudge"

    occasion: Occasion
    missing: Missing
    rules: PlayRules

    @property
    def minutes(self) -> int:
        """About how many minutes it takes."""
        return minutes_needed(self.missing, self.rules)

    @property
    def tasks(self) -> str:
        """What is missing: 每日一测和1场对战."""
        return _tasks(self.missing)


def lacking(missing: Missing) -> str:
    """Return what officers lack, as the head of their list: 未开始, 差1场对战, 差每日一测和1场对战."""
    return f"差{_tasks(missing)}" if missing.started else "未开始"


def _tasks(missing: Missing) -> str:
    quiz = ["每日一测"] if missing.quiz else []
    return "和".join([*quiz, *([f"{missing.matches}场对战"] if missing.matches else [])])


def _lists(left: Sequence[Left]) -> str:
    """Name the people by what they lack, at most 40 names in all; after that only numbers."""
    room, lists = MOST_NAMES, []
    for missing, count, names in left:
        shown = names[:room]
        room -= len(shown)
        lists.append(f"{lacking(missing)}：{listed_names(shown, count)}" if shown else f"{lacking(missing)}{count}人")
    return f"{'；'.join(lists)}。"


def _begun(left: Sequence[Left]) -> list[Left]:
    return [one for one in left if one.missing.started]


def _not_begun(left: Sequence[Left]) -> list[Left]:
    return [one for one in left if not one.missing.started]


def _list_of(people: Sequence[Left]) -> str:
    # One list of several groups, in the order given.
    names = [name for one in people for name in one.names][:MOST_NAMES]
    return listed_names(names, sum(one.officers for one in people))


# Liaison officers.


def liaison(stats: LiaisonStats) -> Paragraphs:
    """Return what a branch's liaison officers are told at a slot."""
    occasion, own = stats.occasion, stats.branch.own
    number = f"第{occasion.number}日"
    if occasion.slot.final:
        title, call = f"{own.name}{number}{'未' if stats.left else ''}完成情况", "查看名单"
    else:
        at = "截至22:00" if occasion.slot.name == "22:00" else occasion.slot.name
        title, call = f"{own.name}{number}{'未完成情况' if stats.left else '进度'}（{at}）", "打开电话名单"
    link = f"{call}：{stats.link}" if stats.link and stats.left else ""
    said = _LIAISON[occasion.slot.name](stats) if stats.left else _all_done(stats)
    return {TITLE: title, **said, "链接": link, "统计截至": as_of(occasion)}


def _all_done(stats: LiaisonStats) -> Paragraphs:
    expected = stats.branch.own.figures.expected
    if stats.occasion.slot.final:
        said = f"昨日应参赛{expected}人，已全员完成，感谢您的细致工作。"
    else:
        said = f"应参赛{expected}人，已全员完成今日任务，感谢您的细致工作。今日不再发送提醒。"
    return {"情况": said, "概况": said}


def _final(stats: LiaisonStats) -> Paragraphs:
    expected = stats.branch.own.figures.expected
    asked = "请了解原因；符合免参赛条件的，请按程序报批，自批准之日起计，不追溯。"
    if stats.occasion.next_opens_at is None:
        asked = "本次竞赛已全部结束，请了解原因，做好总结。"
    people = _lists([*_not_begun(stats.left), *_begun(stats.left)])
    if not stats.begun and stats.unfinished == expected:
        outline = f"昨日应参赛{expected}人，均未参赛"
        said = f"{outline}：{_list_of(stats.left)}。"
    else:
        outline = f"昨日{stats.unfinished}人未完成"
        said = f"{outline}。{people}"
    return {"情况": said, "概况": f"{outline}。", "名单": people, "要求": asked}


def _head(stats: LiaisonStats) -> str:
    if stats.begun:
        return f"尚有{stats.unfinished}人未完成"
    if stats.unfinished == stats.branch.own.figures.expected:
        return f"应参赛{stats.unfinished}人，均未开始"
    return f"尚有{stats.unfinished}人未完成，均未开始"


def _closed(stats: LiaisonStats) -> str:
    return f"今日竞赛已于{clock(stats.occasion.closes_at)}截止，不再需要提醒。"


def _noon(stats: LiaisonStats) -> Paragraphs:
    begun, waiting = _begun(stats.left), _not_begun(stats.left)
    head, asked = _head(stats), ""
    if begun:
        waits = stats.unfinished - stats.begun
        head += f"：进行中{stats.begun}人，未开始{waits}人" if waits else "，均已开始"
    if stats.occasion.closed:
        said, asked = f"{head}。", _closed(stats)
    elif begun and waiting:
        said = f"{head}。建议先提醒进行中的同志：{_list_of(begun)}。"
    else:
        said = f"{head}：{_list_of(stats.left)}。"
        asked = "请提醒大家抓紧完成。" if begun else "请提醒大家利用休息间隙参加。"
    return {"情况": said, "概况": f"{head}。", "名单": _lists(stats.left), "要求": asked}


def _evening(stats: LiaisonStats) -> Paragraphs:
    named, room = [], MOST_NAMES
    for head, people in (("进行中", _begun(stats.left)), ("未开始", _not_begun(stats.left))):
        count = sum(one.officers for one in people)
        names = [name for one in people for name in one.names][:room]
        room -= len(names)
        if count:
            named.append(f"{head}：{listed_names(names, count)}" if names else f"{head}{count}人")
    listed = f"{'；'.join(named)}。"
    after = {"要求": _closed(stats)} if stats.occasion.closed else {"提醒情况": _reminded(stats)}
    return _left(stats, listed) | after


def _left(stats: LiaisonStats, listed: str) -> Paragraphs:
    # Where nobody has begun, the names follow what was just said of them; else they stand by what they lack.
    head = _head(stats)
    said = f"{head}。{listed}" if stats.begun else f"{head}：{_list_of(stats.left)}。"
    return {"情况": said, "概况": f"{head}。", "名单": listed}


def _reminded(stats: LiaisonStats) -> str:
    if not stats.reminded:
        return "今日尚无提醒记录，请逐一提醒并做好记录。"
    if not stats.reminded_done:
        return f"今日已提醒{stats.reminded}人，均尚未完成。"
    done = "均已完成" if stats.reminded_done == stats.reminded else f"其中{stats.reminded_done}人已完成"
    return f"今日已提醒{stats.reminded}人，{done}。"


def _night(stats: LiaisonStats) -> Paragraphs:
    occasion = stats.occasion
    still = f"时间已晚，不再要求电话提醒，本人{clock(occasion.closes_at)}前仍可完成。"
    return _left(stats, _lists(stats.left)) | {"要求": _closed(stats) if occasion.closed else still}


_LIAISON: dict[str, Callable[[LiaisonStats], Paragraphs]] = {
    "08:00": _final,
    "12:00": _noon,
    "18:00": _evening,
    "22:00": _night,
}


def forecast(stats: ForecastStats) -> Paragraphs:
    """Return what liaison officers are told 20 minutes before a slot: what they will be asked to do at it."""
    occasion, own = stats.occasion, stats.branch.own.figures
    done = f"已完成{own.done}人" if own.done else "尚无人完成"
    parts = [f"进行中{own.in_progress}人"] if own.in_progress else []
    parts += [f"未开始{own.not_started}人"] if own.not_started else []
    first = "，可先联系进行中的同志" if own.in_progress and own.not_started else ""
    return {
        TITLE: f"{stats.branch.own.name}第{occasion.number}日进度预告（{stats.comes}）",
        "情况": f"应参赛{own.expected}人，{'，'.join([done, *parts])}。",
        "要求": f"{stats.comes}将发送进度提醒，届时请您提醒尚未完成的同志{first}。",
        "统计截至": as_of(occasion),
    }


# Leaders.


def leader_stats(branch: BranchStats) -> LeaderStats | None:
    """Return what the leader is told at 18:00, and at 8:00 only where something is wrong; else None."""
    slot, own = branch.occasion.slot, branch.own
    if slot.name not in _TO_LEADERS:
        return None
    if not slot.final:
        return LeaderStats(branch)
    wrong = concern(own.score.completion_rate, own.rank, branch.earlier_rank)
    return LeaderStats(branch, wrong) if wrong else None


def leader(stats: LeaderStats) -> Paragraphs:
    """Return the leader's few words: how the day goes, or what was wrong with the finished one."""
    occasion, name = stats.occasion, stats.branch.own.name
    if stats.wrong:
        title = f"{name}第{occasion.number}日竞赛情况提示"
        said = _trouble(stats.branch, stats.wrong)
    else:
        title = f"{name}第{occasion.number}日进度（{occasion.slot.name}）"
        said = _line(stats.branch)
    return {TITLE: title, **said, "统计截至": as_of(occasion)}


def _trouble(branch: BranchStats, wrong: Concern) -> Paragraphs:
    said = []
    if wrong.low_rate is not None:
        expected, done = branch.own.figures.expected, branch.own.figures.done
        rate = f"完成率{percent(wrong.low_rate)}（应参赛{expected}人，完成{done}人），低于60%"
        said.append(rate if done else f"应参赛{expected}人，无人完成")
    if wrong.fallen:
        said.append(f"综合得分{_placed(branch)}，较{branch.earlier}下降{wrong.fallen}位")
    over = branch.occasion.next_opens_at is None
    asked = "本次竞赛已全部结束，请了解原因，做好总结。" if over else "请了解原因，加强组织督促。"
    return {"情况": f"昨日{'；'.join(said)}。", "要求": asked}


def _placed(branch: BranchStats) -> str:
    return f"{'并' if branch.equals else ''}列{branch.own.group or ''}第{branch.own.rank}位"


def _line(branch: BranchStats) -> Paragraphs:
    occasion, own = branch.occasion, branch.own
    figures = own.figures
    if branch.complete:
        return {"情况": f"应参赛{figures.expected}人，已全员完成今日任务，感谢支持。"}
    done = f"已完成{figures.done}人（{share(figures.done, figures.expected)}），尚有{figures.unfinished}人未完成"
    placed = f"，暂{_placed(branch)}" if own.rank is not None and branch.ranks_mean_something else ""
    end = clock(occasion.closes_at)
    asked = f"今日竞赛已于{end}截止。" if occasion.closed else f"今日{end}截止，请予关注。"
    return {"情况": f"应参赛{figures.expected}人，{done if figures.done else '尚无人完成'}{placed}。", "要求": asked}


# Officers who have not finished yet.


def nudge(stats: NudgeStats) -> Paragraphs:
    """Return the nudge to officers who lack the same: what, about how long it takes, until when."""
    head = "还差" if stats.missing.started else "今日任务尚未开始："
    return {
        TITLE: f"{stats.occasion.contest}第{stats.occasion.number}日",
        "情况": f"{head}{stats.tasks}，约{stats.minutes}分钟。",
        "时限": f"今日{clock(stats.occasion.closes_at)}截止。",
        "还差": stats.tasks,
    }


def liaison_json(stats: LiaisonStats) -> dict[str, Any]:
    """Return the figures of a private notice as they are stored: numbers only, names stand in the text alone."""
    return {
        "unfinished": stats.unfinished,
        "in_progress": stats.begun,
        "not_started": stats.unfinished - stats.begun,
        "missing": [
            {"started": m.started, "quiz": m.quiz, "matches": m.matches, "officers": count}
            for m, count, _ in stats.left
        ],
        "reminded": stats.reminded,
        "reminded_done": stats.reminded_done,
        "cutoff_at": wire(stats.branch.occasion.cutoff_at),
    }
