"""The interactive API page, from files of our own server, and what the OpenAPI document needs beside the routes."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from app.core.http import problems

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import HTMLResponse

_ASSETS = "/docs-assets"
_OPEN_CALLS = {("/api/v1/sessions", "post"), ("/api/v1/sessions/link", "post")}
_REFERENCE = "#/components/schemas/{model}"
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")  # ours is a Problem
_JSON, _FORM = (400, 413, 422), (400, 413, 415, 422)


class FieldError(BaseModel):
    """One thing wrong with one member of the request."""

    pointer: str = Field(
        description="出错的位置。请求体的成员：指向它的 JSON Pointer（RFC 6901），如 /rules/daily_quiz/single，整个请求体为空串；"
        "其他参数：/query/、/path/、/header/ 或 /cookie/ 加参数名，如 /query/day。",
        examples=["/rules/daily_quiz/single", "/query/day"],
    )
    detail: str = Field(description="哪里不对、怎么改", examples=["应当是整数，请改正。"])


class Problem(BaseModel):
    """An RFC 9457 problem: every error has this form; facts stand as further members.

    `errors` names each wrong member: of the body by its JSON Pointer (`/rules/daily_quiz/single`), any other parameter
    by where it stands and its name (`/query/day`, `/path/…`, `/header/…`, `/cookie/…`).
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str = Field(description="一句话说明，可以直接显示给用户")
    code: str = Field(description="稳定的错误代码", examples=["validation"])
    errors: list[FieldError] | None = Field(None, description="逐项列出请求中的错误（422）")


def install_docs(app: FastAPI) -> None:
    """Serve `/docs` without any outside address: an office network may reach none."""
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs-assets")

    async def page(_request: Request) -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "",
            title=f"{app.title} 接口文档",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS}/favicon.png",
        )

    app.add_route("/docs", page, include_in_schema=False)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    shown = Problem.model_json_schema(ref_template=_REFERENCE)
    schemas.update({**shown.pop("$defs"), "Problem": shown})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if path.startswith("/api/v1/") and (path, method) not in _OPEN_CALLS:
                call["security"] = [{"bearer": []}]
            _complete(call)
    return document


def _complete(call: dict[str, Any]) -> None:
    """Add the errors that any call of its form has: of a body, and of parameters that are not just text in the path."""
    responses = call["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # the framework's own form
    also: tuple[int, ...] = ()
    if body := call.get("requestBody"):
        also = _JSON if "application/json" in body["content"] else _FORM
    elif any(one["in"] != "path" or one["schema"] != _text(one) for one in call.get("parameters", [])):
        also = (422,)
    for status, described in problems(*also).items():
        responses.setdefault(str(status), described)
    call["responses"] = dict(sorted(responses.items()))


def _text(parameter: dict[str, Any]) -> dict[str, str]:
    return {"type": "string", "title": parameter["schema"].get("title", "")}
