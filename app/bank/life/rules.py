"""What a question may become, who may say so, and what is told when a legal basis ends (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from app.bank.entries import DRAFT, IN_USE, RETIRED, STATES, TO_CONFIRM
from app.core.errors import Conflict

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from app.bank.footing import Doubt

REVIEWED = "reviewed"
STEPS: dict[str, tuple[str, ...]] = {
    DRAFT: (REVIEWED, RETIRED),
    REVIEWED: (IN_USE, TO_CONFIRM, DRAFT, RETIRED),
    IN_USE: (TO_CONFIRM, RETIRED),
    TO_CONFIRM: (IN_USE, DRAFT, RETIRED),
    RETIRED: (DRAFT,),
}
"""From each state those that a person may put a bureau's own question into; back from 停用 only through a new review."""
FOLLOWS_BASIS = (REVIEWED, IN_USE, TO_CONFIRM)
"""States that end with the basis; a draft stays with its author."""
WARN_DAYS = 30
_NAMED = 10


class StepNotAllowed(Conflict):
    """From its state a question cannot become that; facts: state, wanted, allowed."""

    code = "question-step-not-allowed"
    title = "题目不能这样改变状态"


class QuestionShipped(Conflict):
    """The shared bank's states come from its files; facts: state, wanted, allowed."""

    code = "question-shipped"
    title = "共用题库的题目状态以题库文件为准"


class ReviewerIsAuthor(Conflict):
    """Author and reviewer must be two people (INSTRUMENTS.md section 10, rule 10); facts: author_id."""

    code = "reviewer-is-author"
    title = "出题人不能复核自己的题目"


class QuestionIncomplete(Conflict):
    """A draft that lacks something cannot be reviewed; facts: missing."""

    code = "question-incomplete"
    title = "题目内容不完整"


class BasisNotInForce(Conflict):
    """A question in use must rest on law in force; facts: instruments."""

    code = "basis-not-in-force"
    title = "法律依据不在有效期内"


class BasisNotConfirmed(Conflict):
    """A question in use must rest on law that is registered and confirmed; facts: instruments."""

    code = "basis-not-confirmed"
    title = "法律依据未经确认"


class Force(NamedTuple):
    """The days on which an instrument is in force, both included."""

    instrument: str
    in_force_from: dt.date
    in_force_to: dt.date | None

    def holds(self, day: dt.date) -> bool:
        """Whether it is in force on `day`."""
        return self.in_force_from <= day and not self.ended(day)

    def ended(self, day: dt.date) -> bool:
        """Whether its last day lies before `day`."""
        return self.in_force_to is not None and self.in_force_to < day


@dataclass(frozen=True)
class Standing:
    """What decides over a step: state, ownership, the stop that holds, who wrote and who reviewed the present text.

    `doubts` are about the law that a bureau's own question cites; `would_be` is what the files (or the owner) say of a
    stopped question, None for one that is not stopped.
    """

    state: str
    shipped: bool
    would_be: str | None
    author_id: uuid.UUID | None
    reviewer_ids: AbstractSet[uuid.UUID]
    missing: tuple[str, ...]
    bases: tuple[Force, ...]
    doubts: tuple[Doubt, ...] = ()


def allowed(standing: Standing) -> tuple[str, ...]:
    """Return the states that a person may put the question into.

    A shared one can only be stopped (停用), and a stop lifted: then it is again what its files say.
    """
    if not standing.shipped:
        return STEPS[standing.state]
    if standing.would_be is not None:
        return (standing.would_be,) if standing.would_be != RETIRED else ()
    return (RETIRED,) if standing.state != RETIRED else ()


def check_step(standing: Standing, wanted: str, *, actor_id: uuid.UUID, day: dt.date) -> None:
    """Raise what keeps this person from putting the question into the state `wanted` on `day`.

    QuestionShipped, StepNotAllowed, QuestionIncomplete, ReviewerIsAuthor, BasisNotInForce or BasisNotConfirmed, in this
    order. 已核 and 启用 take the word of somebody who is not the author: the actor's, or a review of the present text by
    another.
    """
    permitted = allowed(standing)
    if wanted not in permitted:
        raise _refused(standing, wanted, permitted)
    if wanted not in {REVIEWED, IN_USE}:
        return
    if standing.missing:
        names = "、".join(standing.missing)
        raise QuestionIncomplete(f"题目还缺{names}，请补全后再办理。", missing=list(standing.missing))
    vouched = {actor_id} if wanted == REVIEWED else {actor_id, *standing.reviewer_ids}
    if not standing.shipped and vouched == {standing.author_id}:
        raise ReviewerIsAuthor(
            "这道题由您录入，须由另一位管理员复核；请联系本单位其他管理员办理。", author_id=str(standing.author_id)
        )
    if wanted == IN_USE and (lapsed := [one for one in standing.bases if not one.holds(day)]):
        names = "、".join(f"《{one.instrument}》" for one in lapsed)
        raise BasisNotInForce(
            f"{names}在{day}不是现行有效，题目不能启用；请按现行规定改写题目，或先更新依据登记。",
            instruments=[
                {
                    "instrument": one.instrument,
                    "in_force_from": str(one.in_force_from),
                    "in_force_to": str(one.in_force_to) if one.in_force_to else None,
                }
                for one in lapsed
            ],
        )
    if wanted == IN_USE and standing.doubts:
        raise BasisNotConfirmed(
            "".join(doubt.said for doubt in standing.doubts),
            instruments=list(dict.fromkeys(doubt.instrument for doubt in standing.doubts if doubt.instrument)),
        )


def _refused(standing: Standing, wanted: str, permitted: tuple[str, ...]) -> Conflict:
    facts: dict[str, Any] = {"state": standing.state, "wanted": wanted, "allowed": list(permitted)}
    ways = "、".join(f"{STATES[state]}（{state}）" for state in permitted)
    if standing.shipped:
        can = f"在本系统只能改为：{ways}" if ways else "它已由题库文件停用"
        return QuestionShipped(f"这是随系统发布的共用题目，状态以题库文件为准，{can}。", **facts)
    return StepNotAllowed(
        f"题目现在是“{STATES[standing.state]}”，不能直接改为“{STATES[wanted]}”；可以改为：{ways}。", **facts
    )


@dataclass(frozen=True)
class Notice:
    """What administrators are told about the end of a basis: words, and the codes of the questions that it touches."""

    title: str
    text: str
    codes: tuple[str, ...]


def basis_notice(full_name: str, ends_on: dt.date, codes: Sequence[str], *, day: dt.date) -> Notice:
    """Return what to tell administrators on `day` about an instrument whose last day is `ends_on`.

    `codes` are the questions that rest on it; at most ten are named in the text.
    """
    last = f"{ends_on.year}年{ends_on.month}月{ends_on.day}日"
    named = "、".join(codes[:_NAMED]) + ("等" if len(codes) > _NAMED else "")
    days = (ends_on - day).days
    if days < 0:
        title = f"法律依据已到期：《{full_name}》"
        text = (
            f"《{full_name}》的效力止于{last}，题库中以它为依据的{len(codes)}道题已停止出题：{named}。"
            "请按现行规定改写这些题目；如该文书已延续施行，请更新依据登记。"
        )
    else:
        title = f"法律依据即将到期：《{full_name}》"
        left = f"还有{days}天" if days else "今天是最后一天"
        text = (
            f"《{full_name}》的效力止于{last}，{left}；题库中有{len(codes)}道题以它为依据，次日起自动停用：{named}。"
            "请在此之前按新规定改写；如该文书延续施行，请更新依据登记。"
        )
    return Notice(title, text, tuple(codes))
