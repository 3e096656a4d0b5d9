"""The texts for single people: liaison officers, leaders, and officers who have not finished yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core.clock import wire
from app.notices.audiences import FORECASTS, MOST_NAMES, Left, Missing, concern, minutes_needed
from app.notices.text import Text
from app.notices.wording import clock, listed_names, moment, percent, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.contests.rules import PlayRules
    from app.notices.stats import BranchStats, Occasion


@dataclass(frozen=True)
class LiaisonStats:
    """A branch's figures with who has not finished; of those reminded that day, how many have.

    `link` is the address of the pages, empty where it is not configured.
    """

    branch: BranchStats
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
    return "；".join(lists)


def _begun(left: Sequence[Left]) -> list[Left]:
    return [one for one in left if one.missing.started]


def _not_begun(left: Sequence[Left]) -> list[Left]:
    return [one for one in left if not one.missing.started]


def _signed(occasion: Occasion) -> str:
    return f"{'补发，' if occasion.late else ''}统计截至{moment(occasion.cutoff_at)}"


def _list_of(people: Sequence[Left]) -> str:
    # One list of several groups, in the order given.
    names = [name for one in people for name in one.names][:MOST_NAMES]
    return listed_names(names, sum(one.officers for one in people))


# Liaison officers.


def write_liaison(stats: LiaisonStats) -> Text:
    """Return what a branch's liaison officers are told at a slot."""
    occasion, own = stats.branch.occasion, stats.branch.own
    number = f"第{occasion.number}日"
    if occasion.slot.final:
        title = f"{own.name}{number}未完成情况" if stats.left else f"{own.name}{number}完成情况"
        said, call = _final(stats), "查看名单"
    else:
        at = "截至22:00" if occasion.slot.name == "22:00" else occasion.slot.name
        title = f"{own.name}{number}未完成情况（{at}）" if stats.left else f"{own.name}{number}进度（{at}）"
        said, call = _PROGRESS[occasion.slot.name](stats), "打开电话名单"
    link = f"{call}：{stats.link}" if stats.link and stats.left else ""
    return Text(title, "\n".join(filter(None, [said, link, _signed(occasion)])))


def _final(stats: LiaisonStats) -> str:
    expected = stats.branch.own.figures.expected
    if not stats.left:
        return f"昨日应参赛{expected}人，已全员完成，感谢您的细致工作。"
    asked = "请了解原因；符合免参赛条件的，请按程序报批，自批准之日起计，不追溯。"
    if stats.branch.occasion.next_opens_at is None:
        asked = "本次竞赛已全部结束，请了解原因，做好总结。"
    if not stats.begun and stats.unfinished == expected:
        return f"昨日应参赛{expected}人，均未参赛：{_list_of(stats.left)}。{asked}"
    return f"昨日{stats.unfinished}人未完成。{_lists([*_not_begun(stats.left), *_begun(stats.left)])}。{asked}"


def _all_done(stats: LiaisonStats) -> str:
    return f"应参赛{stats.branch.own.figures.expected}人，已全员完成今日任务，感谢您的细致工作。今日不再发送提醒。"


def _head(stats: LiaisonStats) -> str:
    if stats.begun:
        return f"尚有{stats.unfinished}人未完成"
    if stats.unfinished == stats.branch.own.figures.expected:
        return f"应参赛{stats.unfinished}人，均未开始"
    return f"尚有{stats.unfinished}人未完成，均未开始"


def _closed(stats: LiaisonStats) -> str:
    return f"今日竞赛已于{clock(stats.branch.occasion.closes_at)}截止，不再需要提醒。"


def _noon(stats: LiaisonStats) -> str:
    if not stats.left:
        return _all_done(stats)
    begun, waiting = _begun(stats.left), _not_begun(stats.left)
    head = _head(stats)
    if begun:
        waits = stats.unfinished - stats.begun
        head += f"：进行中{stats.begun}人，未开始{waits}人" if waits else "，均已开始"
    if stats.branch.occasion.closed:
        return f"{head}。{_closed(stats)}"
    if begun and waiting:
        return f"{head}。建议先提醒进行中的同志：{_list_of(begun)}。"
    if begun:
        return f"{head}：{_list_of(begun)}。请提醒大家抓紧完成。"
    return f"{head}：{_list_of(waiting)}。请提醒大家利用休息间隙参加。"


def _evening(stats: LiaisonStats) -> str:
    if not stats.left:
        return _all_done(stats)
    begun, waiting = _begun(stats.left), _not_begun(stats.left)
    named, room = [], MOST_NAMES
    for head, people in (("进行中", begun), ("未开始", waiting)):
        count = sum(one.officers for one in people)
        names = [name for one in people for name in one.names][:room]
        room -= len(names)
        if count:
            named.append(f"{head}：{listed_names(names, count)}" if names else f"{head}{count}人")
    head = f"{_head(stats)}。{'；'.join(named)}。" if begun else f"{_head(stats)}：{_list_of(waiting)}。"
    return head + (_closed(stats) if stats.branch.occasion.closed else _reminded(stats))


def _reminded(stats: LiaisonStats) -> str:
    if not stats.reminded:
        return "今日尚无提醒记录，请逐一提醒并做好记录。"
    if not stats.reminded_done:
        return f"今日已提醒{stats.reminded}人，均尚未完成。"
    done = "均已完成" if stats.reminded_done == stats.reminded else f"其中{stats.reminded_done}人已完成"
    return f"今日已提醒{stats.reminded}人，{done}。"


def _night(stats: LiaisonStats) -> str:
    if not stats.left:
        return _all_done(stats)
    head = f"{_head(stats)}。{_lists(stats.left)}。" if stats.begun else f"{_head(stats)}：{_list_of(stats.left)}。"
    if stats.branch.occasion.closed:
        return head + _closed(stats)
    return f"{head}时间已晚，不再要求电话提醒，本人{clock(stats.branch.occasion.closes_at)}前仍可完成。"


_PROGRESS = {"12:00": _noon, "18:00": _evening, "22:00": _night}


def write_forecast(branch: BranchStats) -> Text:
    """Return what liaison officers are told 20 minutes before a slot: what they will be asked to do at it."""
    occasion, own = branch.occasion, branch.own.figures
    comes = clock(occasion.slot.at.replace(hour=int(FORECASTS[occasion.slot.name][:2]), minute=0))
    done = f"已完成{own.done}人" if own.done else "尚无人完成"
    parts = [f"进行中{own.in_progress}人"] if own.in_progress else []
    parts += [f"未开始{own.not_started}人"] if own.not_started else []
    first = "，可先联系进行中的同志" if own.in_progress and own.not_started else ""
    body = (
        f"应参赛{own.expected}人，{'，'.join([done, *parts])}。"
        f"{comes}将发送进度提醒，届时请您提醒尚未完成的同志{first}。\n{_signed(occasion)}"
    )
    return Text(f"{branch.own.name}第{occasion.number}日进度预告（{comes}）", body)


# Leaders.


def write_leader(branch: BranchStats) -> Text | None:
    """Return the leader's one line of 18:00; of 8:00 only where something is wrong, else None."""
    occasion, own = branch.occasion, branch.own
    if not occasion.slot.final:
        return Text(
            f"{own.name}第{occasion.number}日进度（{occasion.slot.name}）", f"{_line(branch)}\n{_signed(occasion)}"
        )
    wrong = concern(own.score.completion_rate, own.rank, branch.earlier_rank)
    if wrong is None:
        return None
    said = []
    if wrong.low_rate is not None:
        expected, done = own.figures.expected, own.figures.done
        rate = f"完成率{percent(wrong.low_rate)}（应参赛{expected}人，完成{done}人），低于60%"
        said.append(rate if done else f"应参赛{expected}人，无人完成")
    if wrong.fallen:
        said.append(f"综合得分{_placed(branch)}，较{branch.earlier}下降{wrong.fallen}位")
    asked = "本次竞赛已全部结束，请了解原因，做好总结" if occasion.next_opens_at is None else "请了解原因，加强组织督促"
    body = f"昨日{'；'.join(said)}。{asked}。\n{_signed(occasion)}"
    return Text(f"{own.name}第{occasion.number}日竞赛情况提示", body)


def _placed(branch: BranchStats) -> str:
    return f"{'并' if branch.equals else ''}列{branch.own.group or ''}第{branch.own.rank}位"


def _line(branch: BranchStats) -> str:
    occasion, own = branch.occasion, branch.own
    figures = own.figures
    if branch.complete:
        return f"应参赛{figures.expected}人，已全员完成今日任务，感谢支持。"
    done = f"已完成{figures.done}人（{share(figures.done, figures.expected)}），尚有{figures.unfinished}人未完成"
    placed = f"，暂{_placed(branch)}" if own.rank is not None and branch.ranks_mean_something else ""
    end = clock(occasion.closes_at)
    closing = f"今日竞赛已于{end}截止。" if occasion.closed else f"今日{end}截止，请予关注。"
    return f"应参赛{figures.expected}人，{done if figures.done else '尚无人完成'}{placed}。{closing}"


# Officers who have not finished yet.


def write_nudge(occasion: Occasion, missing: Missing, rules: PlayRules) -> Text:
    """Return the nudge to officers who lack the same: what, about how long it takes, until when."""
    end = f"今日{clock(occasion.closes_at)}截止。"
    minutes = minutes_needed(missing, rules)
    said = (
        f"还差{_tasks(missing)}，约{minutes}分钟"
        if missing.started
        else f"今日任务尚未开始：{_tasks(missing)}，约{minutes}分钟"
    )
    return Text(f"{occasion.contest}第{occasion.number}日", f"{said}。{end}")


def write_nudges(occasion: Occasion, texts: Sequence[tuple[Text, int]]) -> Text:
    """Return the notice that keeps what was said to how many: it is read by the organisers, not sent."""
    lines = [f"发给{count}人：{text.body}" for text, count in texts]
    return Text(
        f"{occasion.contest}第{occasion.number}日提示（{occasion.slot.name}）", "\n".join([*lines, _signed(occasion)])
    )


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
