"""Live matches: two officers under one clock."""

from __future__ import annotations

from tests.matches.conftest import Hall
from tests.questions import right, wrong


async def test_two_who_ask_meet(hall: Hall) -> None:
    waiting = await hall.ask("梅江001")
    assert (waiting["status"], waiting["match_id"], waiting["relay_offered"]) == ("waiting", None, False)
    ticket = await hall.ask("丰顺001")
    assert ticket["status"] == "matched"
    found = await hall.call("梅江001", "GET", f"/match-tickets/{waiting['id']}")
    assert found.json() == waiting | {"status": "matched", "match_id": ticket["match_id"]}
    body = await hall.match("梅江001", ticket["match_id"])
    assert body["mode"] == "live"
    assert [(seat["name"], seat["unit_name"]) for seat in body["seats"]] == [("梅江001", "梅江"), ("丰顺001", "丰顺")]
    assert body["questions"] == []


async def test_a_match_from_beginning_to_end(hall: Hall) -> None:
    match_id = await hall.pair()
    await hall.play(match_id, {"梅江001": [True] * 5, "丰顺001": [True, False, None, True, True]})
    mine, theirs = await hall.match("梅江001", match_id), await hall.match("丰顺001", match_id)
    assert mine["status"] == theirs["status"] == "finished"
    assert mine["result"] == {"outcome": "win", "my_points": 100, "opponent_points": 60}
    assert theirs["result"] == {"outcome": "loss", "my_points": 60, "opponent_points": 100}
    assert [question["opponent_correct"] for question in mine["questions"]] == [True, False, None, True, True]
    assert [question["opponent_answered"] for question in mine["questions"]] == [True, True, False, True, True]
    assert mine["counted"] is True


async def test_the_next_question_opens_three_seconds_after_both_answered(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    await hall.answer("梅江001", match_id, 1)
    hall.wait(4)
    await hall.answer("丰顺001", match_id, 1)
    hall.wait(2.9)
    assert len((await hall.match("梅江001", match_id))["questions"]) == 1
    hall.wait(0.1)
    assert len((await hall.match("梅江001", match_id))["questions"]) == 2


async def test_an_answer_is_too_early_or_too_late(hall: Hall) -> None:
    match_id = await hall.pair()
    assert (await hall.put("梅江001", match_id, 1, ["a"])).json()["code"] == "question-not-open"
    hall.wait(3)
    question = (await hall.match("梅江001", match_id))["questions"][0]
    hall.wait(30.999)
    assert (await hall.put("梅江001", match_id, 1, right(question))).status_code == 200
    hall.wait(0.001)
    assert (await hall.put("丰顺001", match_id, 1, right(question))).json()["code"] == "question-closed"
    assert (await hall.put("丰顺001", match_id, 2, ["a"])).json()["code"] == "question-not-open"


async def test_the_same_answer_again_gets_the_same_reply_and_another_is_refused(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(3)
    question = (await hall.match("梅江001", match_id))["questions"][0]
    first = await hall.put("梅江001", match_id, 1, right(question))
    hall.wait(600)
    assert (await hall.put("梅江001", match_id, 1, right(question))).json() == first.json()
    assert (await hall.put("梅江001", match_id, 1, wrong(question))).json()["code"] == "answer-already-recorded"


async def test_who_gives_up_has_lost(hall: Hall) -> None:
    match_id = await hall.pair()
    hall.wait(4)
    await hall.answer("梅江001", match_id, 1)
    body = (await hall.call("梅江001", "POST", f"/matches/{match_id}/forfeit")).json()
    assert body["result"] == {"outcome": "loss", "my_points": 20, "opponent_points": 0}
    assert (await hall.match("丰顺001", match_id))["result"]["outcome"] == "win"
    assert (await hall.put("丰顺001", match_id, 1, ["a"])).json()["code"] in {"question-closed", "validation"}
    assert (await hall.ask("梅江001"))["status"] == "waiting"


async def test_relay_and_challenge(hall: Hall) -> None:
    await hall.play(await hall.pair(), {"梅江001": [True] * 5, "丰顺001": [True] * 5})
    ticket = await hall.ask("梅江002")
    body = await hall.match("梅江002", ticket["match_id"])
    assert (body["mode"], body["seats"][1]["recorded"]) == ("relay", True)
    await hall.play(ticket["match_id"], {"梅江002": [True, True, True, False, False]})
    assert (await hall.match("梅江002", ticket["match_id"]))["result"]["outcome"] == "loss"
    ticket = await hall.ask("丰顺002", "challenge", opponent_employee_no="梅江002")
    await hall.play(ticket["match_id"], {"丰顺002": [True, False, True, False, False]})
    [offered] = (await hall.call("梅江002", "GET", "/challenges")).json()["items"]
    taken = await hall.ask("梅江002", "challenge", opponent_employee_no=offered["challenger"]["employee_no"])
    assert taken["match_id"] == ticket["match_id"]
    await hall.play(ticket["match_id"], {"梅江002": [True, False, False, False, False]})
    assert (await hall.match("丰顺002", ticket["match_id"]))["result"]["outcome"] == "win"
