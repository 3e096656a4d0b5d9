"""Logs: lines for machines, with the request's id and without anything secret."""

from __future__ import annotations

import io
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.core.http import Observed, install_errors
from app.core.logs import REQUEST_ID, configure_logs, redact

Lines = Callable[[], list[dict[str, Any]]]
HIDDEN = "[redacted]"


@pytest.fixture
def shown() -> Iterator[io.StringIO]:
    """What `configured` sends to standard error; the process's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def configured(shown: io.StringIO, form: str, level: str = "info") -> None:
    with redirect_stderr(shown):
        configure_logs(form=form, level=level)


@pytest.fixture
def lines(shown: io.StringIO) -> Lines:
    """The lines logged as JSON so far."""
    configured(shown, "json")
    return lambda: [json.loads(line) for line in shown.getvalue().splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "电话13800000001不通",
        "tel 138-0000-0001",
        "138 0000 0001",
        "+8613800000001",
        "Key (phone)=(13800000001) already exists.",
        "Authorization: Bearer 13aZ_-9.kkkkkkkkkk",
        "sub-protocol bearer, 13aZ_-9.kkkkkkkkkk",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=13aZ_-9.kkkkkkkkkk",
        "https://oapi.dingtalk.com/robot/send?access_token=13aZ_-9.kkkkkkkkkk&x=1",
        "https://open.feishu.cn/open-apis/bot/v2/hook/13aZ_-9.kkkkkkkkkk",
        "postgresql://lianbing:13aZ_-9.kkkkkkkkkk@db/lianbing",
        "User(name='a', password='13aZ_-9.kkkkkkkkkk')",
        "{'password': '13aZ_-9.kkkkkkkkkk'}",
        '{"secret": "13aZ_-9.kkkkkkkkkk", "n": 1}',
    ],
)
def test_secrets_within_a_text_are_blanked(text: str) -> None:
    blanked = redact(text)
    assert HIDDEN in blanked
    for secret in ("13800000001", "0000", "kkkkkkkkkk"):
        assert secret not in blanked


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T08:00:00+08:00",
        "postgresql://lianbing@db:5432/lianbing",
        "每日一测 10 题，正确率 0.85",
        "a13800000001f4e2",
        "018f-138-0000-0001a",
        "GET /api/v1/matches?day=2026-11-23",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text) == text


@given(st.uuids())
def test_ids_stay_whole(one: uuid.UUID) -> None:
    assert redact(str(one)) == str(one)
    assert redact(one.hex) == one.hex
    assert redact(one.hex[:16]) == one.hex[:16]


def test_secrets_are_blanked_by_the_name_that_holds_them() -> None:
    held = {
        "password": "a",
        "Token": "b",
        "联系人手机号": 1,
        "session_cookie": "c",
        "key": "B",
        "url": "https://x",
        "pass": 1,
    }
    assert redact(held) == dict.fromkeys(held, HIDDEN)
    assert redact({"phone": None, "passed": 3, "keys": 2, "bypass": 1}) == {
        "phone": None,
        "passed": 3,
        "keys": 2,
        "bypass": 1,
    }


def test_secrets_are_blanked_however_deep_they_lie() -> None:
    held = {"rows": [("13800000001", {"inner": {"token": "x", "n": 1.5}}), {13800000001}], "13800000001": True}
    assert redact(held) == {
        "rows": [[HIDDEN, {"inner": {"token": HIDDEN, "n": 1.5}}], [HIDDEN]],
        HIDDEN: True,
    }


def test_exceptions_and_objects_are_blanked() -> None:
    assert redact(ValueError("13800000001")) == f"ValueError('{HIDDEN}')"
    assert "13800000001" not in redact(httpx.URL("https://x/?tel=13800000001"))


SECRET = st.sampled_from(["13800000001", "bearer abcdefgh12345678", "?key=abcdefgh12345678"])
VALUES = st.recursive(
    SECRET | st.none() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3) | SECRET, inner) | st.tuples(inner, inner),
)


@given(VALUES)
def test_no_secret_survives_in_any_shape(value: Any) -> None:
    shown = repr(redact(value))
    assert "13800000001" not in shown
    assert "abcdefgh12345678" not in shown


def test_a_line_is_one_json_object(lines: Lines) -> None:
    structlog.get_logger("lianbing.test").warning("第一行\n第二行", count=2, token="t0")
    (line,) = lines()
    assert (line["event"], line["count"], line["level"], line["logger"]) == (
        "第一行\n第二行",
        2,
        "warning",
        "lianbing.test",
    )
    assert line["token"] == HIDDEN
    assert line["timestamp"].endswith("Z")


def test_the_standard_librarys_loggers_go_the_same_way(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").warning("call %s", "13800000001")
    logging.getLogger("httpx").info("POST https://robot/?key=abc")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == (f"call {HIDDEN}", "warning", "uvicorn.error")


def test_the_least_level_is_kept(shown: io.StringIO) -> None:
    configured(shown, "json", "warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert len(shown.getvalue().splitlines()) == 1


def test_a_traceback_is_redacted_too(lines: Lines) -> None:
    for log in (structlog.get_logger(), logging.getLogger("other")):
        try:
            os.environ["13800000001"]
        except LookupError:
            log.exception("lookup failed")
    for line in lines():
        assert line["exception"].endswith(f"KeyError: '{HIDDEN}'")


def test_lines_within_a_request_carry_its_id(lines: Lines) -> None:
    reset = REQUEST_ID.set("req-1")
    structlog.get_logger().info("within")
    logging.getLogger("other").warning("within too")
    REQUEST_ID.reset(reset)
    structlog.get_logger().info("outside")
    assert [line.get("request_id") for line in lines()] == ["req-1", "req-1", None]


def test_the_console_form_is_for_people(shown: io.StringIO) -> None:
    configured(shown, "console")
    structlog.get_logger().info("ready", port=8000, secret="s0")
    assert "ready" in shown.getvalue()
    assert "port=8000" in shown.getvalue()
    assert "s0" not in shown.getvalue()


async def test_what_a_request_logs_carries_its_id(lines: Lines) -> None:
    app = FastAPI()
    install_errors(app)
    app.add_middleware(Observed, max_upload=1)

    @app.get("/crash/{phone}")
    async def crash(phone: str) -> None:
        structlog.get_logger().info("about to crash")
        raise RuntimeError(phone)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await client.get("/crash/13800000001", headers={"X-Request-ID": "req-7"})
    logged = lines()
    assert [line["event"] for line in logged] == ["about to crash", "unhandled error", "failed"]
    assert {line["request_id"] for line in logged} == {"req-7"}
    assert (logged[2]["route"], logged[2]["status"], logged[2]["method"]) == ("/crash/{phone}", 500, "GET")
    assert "13800000001" not in json.dumps(logged)
