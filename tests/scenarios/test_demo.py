"""The demo as its first user meets it: one command, every role, `kill -9`, started again."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core.clock import host_now, local
from tests.scenarios.serving import LIANBING, free_port, wait_for


class Demo:
    """`lianbing demo` in a process of its own, with an empty home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output"

    def launch(self, *more: str) -> subprocess.Popen[bytes]:
        """The demo's process, just started."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LIANBING_")}
        command = [*LIANBING, "demo", "--port", str(self.port), "--data", str(self.folder / "data"), *more]
        with self.output.open("w") as output:
            return subprocess.Popen(
                command, env=kept | {"HOME": str(self.folder / "home")}, stdout=output, stderr=subprocess.STDOUT
            )

    def start(self, *more: str) -> None:
        self.process = self.launch(*more)
        wait_for(lambda: "停止" in self.output.read_text() or self.process.poll() is not None, "the demo is ready")
        assert self.process.poll() is None, self.output.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(60)

    def client(self, account: str) -> httpx.Client:
        text = self.output.read_text()
        password = re.findall(r"密码均为 (\S+)）", text)[0]
        assert account in text
        base = f"http://127.0.0.1:{self.port}/api/v1"
        body = {"account": account, "password": password}
        signed_in = httpx.post(f"{base}/sessions", json=body, trust_env=False, timeout=30)
        assert signed_in.status_code == 201, signed_in.text
        headers = {"Authorization": f"Bearer {signed_in.json()['token']}"}
        return httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    folder = Path(tempfile.mkdtemp(prefix="lbd-"))
    folder.chmod(0o755)
    running = Demo(folder)
    running.start()
    yield running
    if running.process.poll() is None:
        running.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_bureau_of_the_demo(demo: Demo) -> None:
    with demo.client("机关001") as bureau:
        ranking = bureau.get("/rankings/branches").json()
        notices = bureau.get("/notices").json()["items"]
        listed = bureau.get("/branches").json()["items"]
    assert len(ranking["rows"]) == 8
    assert min(row["rank"] for row in ranking["rows"]) == 1
    days = (dt.date.fromisoformat(ranking["to"]) - dt.date.fromisoformat(ranking["from"])).days + 1
    assert (days, sum(row["enrolled"] for row in ranking["rows"])) == (11, 306 * 11)
    assert {unit["name"] for unit in listed} >= {"梅江分局", "五华分局"}
    # Without robots, every message is left to a person.
    assert all(bool(notice["body"]) == (notice["state"] == "attention") for notice in notices)


def test_each_role_has_its_view(demo: Demo) -> None:
    with demo.client("梅江003") as officer:
        assert officer.get("/me").json()["unit"]["name"] == "梅江分局"
        attempt = officer.post("/daily-quiz/today/attempt")
        assert attempt.status_code in {200, 201}
        assert len(attempt.json()["questions"]) == 10
        assert officer.get("/notices").status_code == 403
    with demo.client("梅江002") as liaison:
        branch_id = liaison.get("/me").json()["unit"]["id"]
        unfinished = liaison.get(f"/branches/{branch_id}/officers", params={"status": "unfinished"}).json()["items"]
        assert all(item["officer"]["phone"] for item in unfinished)
    with demo.client("管理员001") as admin:
        assert admin.get("/questions").status_code == 200
        assert admin.get("/contests").json()["items"][0]["state"] == "open"
    with demo.client("梅江001") as leader, demo.client("省厅001") as province:
        assert leader.get("/rankings/branches").status_code == 200
        assert province.get("/me").json()["roles"] == ["province"]
        assert len(province.get("/rankings/branches").json()["rows"]) == 8


@pytest.fixture
def an_hour_for_matches() -> None:
    if local(host_now()).time() >= dt.time(23, 50):
        pytest.skip("no match begins in the last minutes of a day")


@pytest.mark.usefixtures("an_hour_for_matches")
def test_two_of_the_sign_ins_play_each_other(demo: Demo) -> None:
    asked = re.findall(r"curl .*/match-tickets .*-d '(.*)'", demo.output.read_text())
    with demo.client("梅江003") as one, demo.client("梅江002") as other:
        waiting = one.post("/match-tickets", json=json.loads(asked[0])).json()
        matched = other.post("/match-tickets", json=json.loads(asked[0])).json()
        assert (waiting["status"], matched["status"]) == ("waiting", "matched")
        path = f"/matches/{matched['match_id']}"
        wait_for(lambda: bool(other.get(path).json()["questions"]), "the first question opens")
        [question] = other.get(path).json()["questions"]
        answer = {"option_ids": [question["options"][0]["id"]]}
        assert one.put(f"{path}/answers/1", json=answer).status_code == 200
        assert one.get("/participation/me").json()["matches"]["counted"] == 1
        given_up = other.post(f"{path}/forfeit").json()
    assert ([seat["name"] for seat in given_up["seats"]], given_up["result"]["outcome"]) == (
        ["梅江003", "梅江002"],
        "loss",
    )


@pytest.mark.usefixtures("an_hour_for_matches")
def test_with_nobody_there_a_recorded_run_is_offered_at_once(demo: Demo) -> None:
    with demo.client("梅江001") as leader:
        ticket = leader.post("/match-tickets", json={}).json()
        match = leader.get(f"/matches/{ticket['match_id']}").json()
        assert (ticket["status"], match["mode"], [seat["recorded"] for seat in match["seats"]]) == (
            "matched",
            "relay",
            [False, True],
        )


def test_a_colleagues_challenge_waits(demo: Demo) -> None:
    with demo.client("梅江003") as officer:
        [waiting] = officer.get("/challenges").json()["items"]
    assert waiting["challenger"]["employee_no"] == "丰顺010"


def test_most_days_were_done_with_quiz_and_match(demo: Demo) -> None:
    with demo.client("机关001") as bureau:
        ranking = bureau.get("/rankings/branches").json()
        yesterday = dt.date.fromisoformat(ranking["to"]) - dt.timedelta(days=1)
        rows = bureau.get("/rankings/branches", params={"to": yesterday.isoformat()}).json()["rows"]
        rates = [row["completion_rate"] for row in rows]
        contest = bureau.get("/contests").json()["items"][0]
        assert 0.7 < min(rates) < max(rates) < 1
        rules = bureau.get(f"/contests/{contest['id']}").json()["rules"]["matches"]
        assert (rules["counted_per_day"], rules["required_per_day"]) == (2, 1)


def test_the_interactive_page_needs_no_other_host(demo: Demo) -> None:
    root = f"http://127.0.0.1:{demo.port}"
    page = httpx.get(f"{root}/docs", trust_env=False).text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert assets
    assert all(asset.startswith("/") for asset in assets)
    assert {httpx.get(root + asset, trust_env=False).status_code for asset in assets} == {200}


def test_kill_9_keeps_nothing_serving_and_loses_nothing(demo: Demo) -> None:
    with demo.client("梅江003") as officer:
        attempt = officer.post("/daily-quiz/today/attempt").json()
        question = next((q for q in attempt["questions"] if q["answer"] is None), None)
        if question is not None:
            path = f"/daily-quiz/attempts/{attempt['id']}/answers/{question['position']}"
            officer.put(path, json={"option_ids": [question["options"][0]["id"]]}).raise_for_status()
        before = officer.get(f"/daily-quiz/attempts/{attempt['id']}").json()
    demo.stop(signal.SIGKILL)

    def refused() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{demo.port}/health/live", trust_env=False)
        except httpx.TransportError:
            return True
        return False

    wait_for(refused, "nothing serves")
    demo.start()
    with demo.client("梅江003") as officer:
        assert officer.get(f"/daily-quiz/attempts/{attempt['id']}").json() == before
        answered = [q for q in before["questions"] if q["answer"]]
    assert answered
    verified = subprocess.run(
        [*LIANBING, "verify"],
        env=os.environ | {"LIANBING_DATA_DIR": str(demo.folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "全部相符" in verified.stdout


def quizzes(bureau: httpx.Client) -> list[tuple[str, int, int]]:
    """Branches with what was finished and right on the contest's first day, which is the same in every demo."""
    first = bureau.get("/contests").json()["items"][0]["starts_on"]
    rows = bureau.get("/rankings/branches", params={"day": first}).json()["rows"]
    return sorted((row["unit"]["name"], row["quiz_finished"], row["correct"]) for row in rows)


def test_a_first_start_that_was_killed_begins_anew(demo: Demo) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lbd-"))
    folder.chmod(0o755)
    other = Demo(folder)
    try:
        killed = other.launch()
        wait_for(lambda: "正在准备" in other.output.read_text(), "the history is being made")
        killed.kill()
        killed.wait()
        other.start()
        assert "正在准备" in other.output.read_text()
        with other.client("机关001") as anew, demo.client("机关001") as bureau:
            assert quizzes(anew) == quizzes(bureau)
        other.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_fresh_refuses_a_folder_that_is_not_the_demos(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    refused = subprocess.run(
        [*LIANBING, "demo", "--fresh", "--data", str(tmp_path), "--port", str(free_port())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "不是演示数据目录" in refused.stderr
    assert (tmp_path / "letter.txt").read_text() == "mine"
