"""Why a delivery has not been sent, in words that say what to do: texts and their choice."""

from __future__ import annotations

import re

from app.notices.rules import LOOK, Outcome, State

BROKEN_OFF = f"发送进程中断，对方可能已收到；{LOOK}"
REPEATED = "发送进程中断，对方可能已收到；稍后自动重试，对方会去掉重复的一条。"
NOT_REPEATED = f"已不能自动重发；此前的一次发送对方可能已收到，{LOOK}"
TOO_LATE = "已过发送时限，没有发出。"
OVERDUE = f"{TOO_LATE}可能是通道停用、受限，或前一条尚未确认送达；本条内容以后一时段的通报为准。"
BY_HAND = "没有可自动发送的群通道；请复制全文转发到群内，再标记“已转发”。"
DELETED = "通道已删除，请复制全文转发到群内。"
DELETED_IN_DOUBT = "通道已删除；此前的一次发送对方可能已收到，请先核实，未收到的再复制全文转发。"
WITHDRAWN = "私信通道已删除，没有发出；内容涉及个人，不要转发到群内，需要时请另行告知本人。"
WITHDRAWN_IN_DOUBT = "私信通道已删除；此前的一次发送对方可能已收到，请向本人核实后确认。"

_AGAIN = re.compile(r"，(稍后|一分钟后|\d+分钟后)自动重试")
_IN_VAIN = "已多次尝试，不再自动重试；请排除问题后重发。"


def reason(outcome: Outcome, state: State, *, in_doubt: bool = False) -> str | None:
    """Return what is told of a delivery that an outcome left in a state; None: nothing.

    `in_doubt`: an attempt may have arrived, and is repeated because the receiver drops a second copy. To be forwarded,
    or expired, a delivery is left by an outcome only where its channel was deleted meanwhile.
    """
    detail = outcome.detail
    if state is State.RETRY and outcome.state is State.UNCERTAIN:
        return detail.replace(LOOK, "稍后自动重试，对方会去掉重复的一条。")
    if state is State.UNCERTAIN and outcome.state is not State.UNCERTAIN:
        return f"{_AGAIN.sub('', detail)}此前的一次发送对方可能已收到，请先核实，再确认或重发。"
    if state is State.DEAD and outcome.state is State.RETRY:
        return _AGAIN.sub("", detail) + _IN_VAIN
    if state is State.TO_FORWARD:
        return DELETED_IN_DOUBT if in_doubt else _AGAIN.sub("", detail) + DELETED
    if state is State.EXPIRED:
        return _AGAIN.sub("", detail) + WITHDRAWN
    return detail or None
