"""What is told of a delivery that was not sent."""

from __future__ import annotations

import pytest

from app.notices import reasons
from app.notices.reasons import reason
from app.notices.rules import FAILURES, Failure, Outcome, State

OFFLINE = FAILURES[Failure.NOT_CONNECTED]
BROKEN = FAILURES[Failure.BROKEN]
BUSY = Outcome(State.RETRY, "发送过于频繁（错误码45009），一分钟后自动重试。", block=60)
REFUSED = Outcome(State.DEAD, "对方拒绝接收。")


@pytest.mark.parametrize(
    ("outcome", "state", "in_doubt", "told"),
    [
        (Outcome(State.SENT), State.SENT, False, None),
        (Outcome(State.SENT, "有1人没有收到。"), State.SENT, False, "有1人没有收到。"),
        (OFFLINE, State.RETRY, False, OFFLINE.detail),
        (BROKEN, State.UNCERTAIN, False, BROKEN.detail),
        (BROKEN, State.RETRY, True, "发送途中连接中断，对方可能已收到；稍后自动重试，对方会去掉重复的一条。"),
        (
            BUSY,
            State.UNCERTAIN,
            True,
            "发送过于频繁（错误码45009）。此前的一次发送对方可能已收到，请先核实，再确认或重发。",
        ),
        (
            OFFLINE,
            State.DEAD,
            False,
            "连接不上对方服务器，消息未发出。已多次尝试，不再自动重试；请排除问题后重发。",
        ),
        (REFUSED, State.DEAD, False, "对方拒绝接收。"),
        (BUSY, State.TO_FORWARD, False, f"发送过于频繁（错误码45009）。{reasons.DELETED}"),
        (BUSY, State.TO_FORWARD, True, reasons.DELETED_IN_DOUBT),
        (BUSY, State.EXPIRED, False, f"发送过于频繁（错误码45009）。{reasons.WITHDRAWN}"),
    ],
)
def test_what_is_told(outcome: Outcome, state: State, in_doubt: bool, told: str | None) -> None:
    assert reason(outcome, state, in_doubt=in_doubt) == told
