"""HTTP: every error is a problem, every answer names its request, polls cost nothing, pages have cursors."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, File, Query, Request, Response, UploadFile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Message

from app.core import errors
from app.core.http import (
    MAX_BODY,
    STATUS,
    Observed,
    decode_cursor,
    encode_cursor,
    install_errors,
    next_link,
    polled,
    problems,
)
from tests.times import instant

UPLOAD = MAX_BODY + 1000


class Order(BaseModel):
    title: str = Field(max_length=5)
    lines: dict[str, int] = {}


class SoldOut(errors.Conflict):
    code = "sold-out"
    title = "已经没有了"


def shop() -> FastAPI:
    """A small application behind the same middleware and handlers as ours."""
    app = FastAPI(redirect_slashes=False)
    install_errors(app)
    router = APIRouter(prefix="/api")

    @router.get("/raise/{name}")
    async def raising(name: str) -> None:
        raise next(kind for kind in STATUS if kind.__name__ == name)

    @router.get("/sold-out")
    async def sold_out() -> None:
        raise SoldOut("请改日再来。", since=instant("12:00"), order_id=uuid.UUID(int=7))

    @router.get("/http/{status}")
    async def framework(status: int) -> None:
        raise HTTPException(status, headers={"X-Why": "test"})

    @router.get("/crash")
    async def crash() -> None:
        raise RuntimeError("the key is B")

    @router.post("/orders")
    async def order(order: Order) -> Order:
        return order

    @router.get("/orders")
    async def orders(limit: Annotated[int, Query(ge=1)] = 1) -> int:
        return limit

    @router.put("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.post("/imports/orders")
    async def imports(file: Annotated[UploadFile, File()]) -> int:
        return len(await file.read())

    @router.get("/board")
    async def board(request: Request, n: int = 1, as_of: str = "") -> Response:
        return polled(request, {"n": n, "as_of": as_of})

    @router.get("/pages")
    async def pages(request: Request, response: Response, cursor: str | None = None) -> list[Any] | None:
        next_link(request, response, encode_cursor("甲", 2) if cursor is None else None)
        return decode_cursor(cursor, 2)

    app.include_router(router)
    app.add_middleware(Observed, max_upload=UPLOAD)
    return app


@pytest.fixture
async def shopper() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop()), base_url="http://shop/api") as client:
        yield client


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert {"type", "title", "detail"} <= body.keys()
    assert re.search("[一-鿿]", body["title"])
    assert re.search("[一-鿿].*。$", body["detail"])
    return body


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
async def test_every_kind_of_error_is_a_problem(
    shopper: httpx.AsyncClient, kind: type[errors.LianbingError], status: int
) -> None:
    response = await shopper.get(f"/raise/{kind.__name__}")
    body = assert_problem(response, status, kind.code)
    assert body["type"] == f"urn:lianbing:problem:{kind.code}"
    assert (body["title"], body["detail"]) == (kind.title, kind.advice)
    assert response.headers.get("retry-after") == (str(kind.retry_after) if status in {429, 503} else None)
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_facts_are_members_of_the_problem(shopper: httpx.AsyncClient) -> None:
    body = assert_problem(await shopper.get("/sold-out"), 409, "sold-out")
    assert body["detail"] == "请改日再来。"
    assert body["since"] == "2026-11-23T12:00:00+08:00"
    assert body["order_id"] == str(uuid.UUID(int=7))
    assert "errors" not in body


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
async def test_the_frameworks_own_errors_are_the_same_problems(
    shopper: httpx.AsyncClient, kind: type[errors.LianbingError], status: int
) -> None:
    assert_problem(await shopper.get(f"/http/{status}"), status, kind.code)


async def test_an_unusual_framework_error_keeps_its_status_and_headers(shopper: httpx.AsyncClient) -> None:
    response = await shopper.get("/http/418")
    body = assert_problem(response, 418, "http-error")
    assert (response.headers["x-why"], body["detail"][:5]) == ("test", "请求无法处")


async def test_wrong_members_are_pointed_at(shopper: httpx.AsyncClient) -> None:
    response = await shopper.post("/orders", json={"title": "太长的标题了", "lines": {"a/b~c": "x"}})
    body = assert_problem(response, 422, "validation")
    assert body["errors"] == [
        {"pointer": "/title", "detail": "最多5个字，请删减。"},
        {"pointer": "/lines/a~1b~0c", "detail": "应当是整数，请改正。"},
    ]


@pytest.mark.parametrize(
    ("method", "path", "pointer"), [("POST", "/orders", ""), ("GET", "/orders?limit=0", "/query/limit")]
)
async def test_a_missing_body_and_a_wrong_query_are_pointed_at(
    shopper: httpx.AsyncClient, method: str, path: str, pointer: str
) -> None:
    body = assert_problem(await shopper.request(method, path), 422, "validation")
    assert [problem["pointer"] for problem in body["errors"]] == [pointer]


@pytest.mark.parametrize("content", [b"{", b'{"title": }', b'{"title": "\xff"}', b"[" * 100_000])
async def test_json_that_is_none_is_malformed(shopper: httpx.AsyncClient, content: bytes) -> None:
    response = await shopper.post("/orders", content=content, headers={"content-type": "application/json"})
    assert_problem(response, 400, "malformed")


async def test_a_member_name_that_utf8_cannot_hold_is_still_answered(shopper: httpx.AsyncClient) -> None:
    content = b'{"title": "a", "lines": {"\\ud800": "x"}}'
    response = await shopper.post("/orders", content=content, headers={"content-type": "application/json"})
    assert_problem(response, 422, "validation")


@pytest.mark.parametrize("path", ["/nowhere", "/orders/", "/raise"])
async def test_an_unknown_path_is_not_found(shopper: httpx.AsyncClient, path: str) -> None:
    assert_problem(await shopper.get(path), 404, "not-found")


async def test_a_wrong_method_names_every_right_one(shopper: httpx.AsyncClient) -> None:
    response = await shopper.delete("/orders")
    body = assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, POST"
    assert body["detail"] == "这个地址只接受 GET、POST。"


@pytest.mark.parametrize("path", ["/orders", "/raw"])
async def test_a_declared_length_beyond_the_limit_is_refused_unread(shopper: httpx.AsyncClient, path: str) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        sent += 1
        yield b"x"

    headers = {"content-length": str(MAX_BODY + 1)}
    response = await shopper.request("POST" if path == "/orders" else "PUT", path, content=body(), headers=headers)
    assert_problem(response, 413, "too-large")
    assert response.headers["x-request-id"]
    assert sent == 0


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body in pieces goes without a declared length."""
    for start in range(0, len(body), 1 << 16):
        yield body[start : start + (1 << 16)]


@pytest.mark.parametrize(("method", "path"), [("POST", "/orders"), ("PUT", "/raw")])
async def test_a_chunked_body_is_counted(shopper: httpx.AsyncClient, method: str, path: str) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(
        await shopper.request(method, path, content=pieces(b" " * (MAX_BODY + 1)), headers=headers), 413, "too-large"
    )
    fits = await shopper.put("/raw", content=pieces(b" " * MAX_BODY))
    assert (fits.status_code, fits.json()) == (200, MAX_BODY)


async def test_imports_may_be_larger_but_not_for_ever(shopper: httpx.AsyncClient) -> None:
    fits = await shopper.post("/imports/orders", files={"file": b"x" * MAX_BODY})
    assert (fits.status_code, fits.json()) == (200, MAX_BODY)
    assert_problem(await shopper.post("/imports/orders", files={"file": b"x" * UPLOAD}), 413, "too-large")
    whole = shopper.build_request("POST", "/imports/orders", files={"file": b"x" * UPLOAD})
    headers = {"content-type": whole.headers["content-type"]}
    chunked = await shopper.post("/imports/orders", content=pieces(whole.read()), headers=headers)
    assert_problem(chunked, 413, "too-large")


async def test_a_crash_tells_the_request_id_and_nothing_else(shopper: httpx.AsyncClient) -> None:
    response = await shopper.get("/crash", headers={"X-Request-ID": "abc-123"})
    body = assert_problem(response, 500, "internal")
    assert body["request_id"] == response.headers["x-request-id"] == "abc-123"
    assert "key" not in response.text


async def test_a_crash_after_the_head_is_not_answered_twice() -> None:
    async def torn(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("torn")

    async def nothing() -> Message:
        return {"type": "http.request"}

    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="torn"):
        await Observed(torn, max_upload=1)({"type": "http", "method": "GET", "path": "/", "headers": []}, nothing, keep)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_each_request_has_an_id(shopper: httpx.AsyncClient) -> None:
    ids = [(await shopper.get("/orders")).headers["x-request-id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", one) for one in ids)


@pytest.mark.parametrize("path", ["/orders", "/nowhere", "/sold-out"])
async def test_a_plain_id_of_the_clients_is_kept(shopper: httpx.AsyncClient, path: str) -> None:
    response = await shopper.get(path, headers={"X-Request-ID": "4f2a-XYZ"})
    assert response.headers.get_list("x-request-id") == ["4f2a-XYZ"]


async def test_a_chunked_requests_id_is_kept_wherever_it_stands(shopper: httpx.AsyncClient) -> None:
    response = await shopper.put(
        "/raw", content=pieces(b"x"), headers=[("Transfer-Encoding", "chunked"), ("X-Request-ID", "a1")]
    )
    assert response.headers["x-request-id"] == "a1"


@pytest.mark.parametrize("given_id", ["a b", "é".encode(), "x" * 65, "a\tb", "--", ""])
async def test_an_odd_id_of_the_clients_is_replaced(shopper: httpx.AsyncClient, given_id: str | bytes) -> None:
    value = given_id if isinstance(given_id, bytes) else given_id.encode()
    response = await shopper.get("/orders", headers=[(b"x-request-id", value)])
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", response.headers["x-request-id"])


async def test_a_poll_of_the_same_figures_is_not_modified(shopper: httpx.AsyncClient) -> None:
    first = await shopper.get("/board?as_of=9")
    again = await shopper.get("/board?as_of=10", headers={"If-None-Match": first.headers["etag"]})
    changed = await shopper.get("/board?n=2", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["cache-control"] == again.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (changed.status_code, changed.json()["n"]) == (200, 2)
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("form", "status"),
    [("{}", 304), ("W/{}", 304), ('"a", W/{}', 304), ('{},"b"', 304), ("*", 304), ('"a"', 200), ("", 200)],
)
async def test_the_forms_of_if_none_match(shopper: httpx.AsyncClient, form: str, status: int) -> None:
    etag = (await shopper.get("/board")).headers["etag"]
    response = await shopper.get("/board", headers={"If-None-Match": form.format(etag)})
    assert response.status_code == status


async def test_if_none_match_over_several_lines(shopper: httpx.AsyncClient) -> None:
    etag = (await shopper.get("/board")).headers["etag"]
    response = await shopper.get("/board", headers=[("If-None-Match", '"a"'), ("If-None-Match", etag)])
    assert response.status_code == 304


async def test_the_link_header_leads_to_the_next_page(shopper: httpx.AsyncClient) -> None:
    first = await shopper.get("/pages?size=5")
    assert first.links["next"]["url"].startswith("http://shop/api/pages?size=5&cursor=")
    second = await shopper.get(first.links["next"]["url"])
    assert second.json() == ["甲", 2]
    assert "link" not in second.headers


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.integers(-(2**63), 2**63 - 1)
    )
)
def test_a_cursor_gives_back_what_it_holds(values: list[str | int]) -> None:
    assert decode_cursor(encode_cursor(*values), len(values)) == values


def test_a_cursor_holds_days_instants_and_ids() -> None:
    one = uuid.UUID(int=7)
    cursor = encode_cursor(dt.date(2026, 11, 23), instant("08:00"), one)
    assert decode_cursor(cursor, 3) == ["2026-11-23", "2026-11-23T08:00:00+08:00", str(one)]
    assert decode_cursor(None, 3) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "\ud800", "bnVsbA==", "e30=", "WzFd", "WzEsMiwzXQ==", "WzEsbnVsbF0=", "WzEsMS41XQ==", "WzEsdHJ1ZV0=",
     "WzEsW11d", "WzEsIlx1MDAwMCJd", "WzEsMTg0NDY3NDQwNzM3MDk1NTE2MTVd"],
)  # fmt: skip
def test_a_cursor_that_we_did_not_give_is_malformed(cursor: str) -> None:
    with pytest.raises(errors.Malformed):
        decode_cursor(cursor, 2)


def test_the_document_describes_problems() -> None:
    described = problems(404, 503)
    assert [described[status]["description"] for status in (404, 503)] == ["没有找到", "系统繁忙，请稍后重试"]
    assert set(described[404]["content"]) == {"application/problem+json"}


async def test_other_protocols_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def unused(*_: Any) -> Any:
        raise AssertionError

    await Observed(app, max_upload=1)({"type": "lifespan"}, unused, unused)
    assert seen == ["lifespan"]
