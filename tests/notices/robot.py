"""A group robot on 127.0.0.1 that speaks WeCom's protocol: limits in bytes, 20 a minute if asked, scripted faults."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_LIMITS = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
_MINUTE = 60.0


class Robot:
    """The server; `faults[key]` are played, one a request, before it behaves again.

    Faults: an errcode, an HTTP status of at least 400, or `hang`, `hold` (`hold:-1`: and then that errcode), `slow`,
    `close`, `reset`, `taken` (accepts, and then hangs up; `taken:502`: answers that), `html`, `redirect`, `list`, `endless`.
    """

    def __init__(self, *, rate_limited: bool = False) -> None:
        self.rate_limited = rate_limited
        self.removed: set[str] = set()
        self.faults: dict[str, deque[int | str]] = defaultdict(deque)
        self.accepted: list[tuple[str, str]] = []
        self.kept: list[dict[str, Any]] = []
        """The requests whose messages were accepted."""
        self.requests: list[dict[str, Any]] = []
        self.rejections: list[int] = []
        self.held = threading.Event()
        self.release = threading.Event()
        self._lock = threading.Lock()
        self._minute: dict[str, deque[float]] = defaultdict(deque)
        self._gone: socket.socket | None = None
        self.port = 0
        self._listen()

    def _listen(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._end()

    def _end(self) -> None:
        if self._gone:
            self._gone.close()
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def go_away(self) -> None:
        """Refuse connections; the port stays taken, so that nobody else gets it."""
        self._end()
        self._gone = socket.socket()
        self._gone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._gone.bind(("127.0.0.1", self.port))

    def come_back(self) -> None:
        """Listen at the same port again."""
        held, self._gone = self._gone, None
        self._listen()
        self._thread.start()
        if held:
            held.close()

    def url(self, key: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/cgi-bin/webhook/send?key={key}"

    def texts(self, key: str) -> list[str]:
        return [text for held, text in self.accepted if held == key]

    def looked_up(self, path: str) -> dict[str, Any]:
        """What a GET is told; WeCom's robot has none."""
        raise NotImplementedError(path)

    def fault(self, key: str) -> int | str | None:
        with self._lock:
            return self.faults[key].popleft() if self.faults[key] else None

    def key_of(self, path: str) -> str:
        """What of the address names the robot."""
        return parse_qs(urlsplit(path).query)["key"][0]

    def said(self, code: int) -> dict[str, Any]:
        """The body that gives a code."""
        return {"errcode": code, "errmsg": "ok" if code == 0 else f"failed, hint: [{code}], from ip: 203.0.113.7"}

    def content(self, body: dict[str, Any]) -> str:
        """What of a message is kept."""
        held = body[body["msgtype"]]
        return str(held["md5"] if body["msgtype"] == "image" else held["content"])

    def judge(self, request: dict[str, Any]) -> int:
        """Accept or refuse a message as the vendor does, and return the code."""
        with self._lock:
            code = self.refusal(request) or self._too_often(request["key"])
            if code:
                self.rejections.append(code)
            else:
                self.accepted.append((request["key"], self.content(request["body"])))
                self.kept.append(request)
            return code

    def refusal(self, request: dict[str, Any]) -> int:
        """Why the vendor refuses a message for what is in it; 0: it does not."""
        if request["key"] in self.removed:
            return 93000
        body = request["body"]
        kind = body.get("msgtype")
        if kind == "image":
            picture = base64.b64decode(body["image"]["base64"], validate=True)
            if hashlib.md5(picture, usedforsecurity=False).hexdigest() != body["image"][
                "md5"
            ] or not picture.startswith(b"\x89PNG"):
                return 40009
            return 40009 if len(picture) > 2 << 20 else 0
        if kind not in _LIMITS:
            return 40008
        return 40058 if len(body[kind]["content"].encode()) > _LIMITS[kind] else 0

    def _too_often(self, key: str) -> int:
        minute = self._minute[key]
        while minute and minute[0] < time.monotonic() - _MINUTE:
            minute.popleft()
        if self.rate_limited and len(minute) >= 20:
            return 45009
        minute.append(time.monotonic())
        return 0


def _handler(robot: Robot) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            key = robot.key_of(self.path)
            request = {"key": key, "body": json.loads(raw), "headers": dict(self.headers.items())}
            request |= {"path": self.path, "raw": raw}
            robot.requests.append(request)
            fault = robot.fault(key)
            if fault is None:
                self._errcode(robot.judge(request))
            elif isinstance(fault, int) and 400 <= fault < 600:
                self._answer(fault, b"Bad Gateway", "text/plain")
            elif isinstance(fault, int):
                robot.rejections.append(fault)
                self._errcode(fault)
            else:
                name, _, code = fault.partition(":")
                getattr(self, f"_{name}")(request, *([int(code)] if code else []))

        def _errcode(self, code: int) -> None:
            self._answer(200, json.dumps(robot.said(code)).encode())

        def _answer(self, status: int, content: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _hang(self, *_: object) -> None:
            robot.held.set()
            robot.release.wait(60)
            self.close_connection = True

        def _hold(self, request: dict[str, Any], code: int | None = None) -> None:
            robot.held.set()
            robot.release.wait(60)
            if code is None:
                code = robot.judge(request)  # it may have arrived although its sender is dead
            try:
                self._errcode(code)
            except OSError:
                self.close_connection = True

        def _slow(self, request: dict[str, Any]) -> None:
            time.sleep(0.3)  # seconds in which a sender may be killed
            self._errcode(robot.judge(request))

        def _taken(self, request: dict[str, Any], status: int | None = None) -> None:
            robot.judge(request)
            self.close_connection = True
            if status is not None:
                self._answer(status, b"Bad Gateway", "text/plain")

        def _close(self, *_: object) -> None:
            self.close_connection = True

        def _reset(self, *_: object) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def _html(self, *_: object) -> None:
            self._answer(200, "<html>请先登录</html>".encode(), "text/html")

        def _list(self, *_: object) -> None:
            self._answer(200, b"[]")

        def _endless(self, *_: object) -> None:
            self._answer(200, b'{"errcode": 0, "errmsg": "' + b"x" * (1 << 20) + b'"}')

        def _redirect(self, *_: object) -> None:
            self.send_response(302)
            self.send_header("Location", robot.url("elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):  # a reset connection has nothing to flush into
                self.close_connection = True

        def do_GET(self) -> None:
            fault = robot.fault("GET")
            if fault:
                getattr(self, f"_{fault}")()
            else:
                self._answer(200, json.dumps(robot.looked_up(self.path)).encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler
