"""Contracts of the whole code base, walked without exemptions."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

import app
from app.core.errors import LianbingError
from app.core.http import STATUS, status_of
from app.core.settings import PREFIX, Settings
from app.main import create_app
from tests.times import SECRET

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "app").rglob("*.py"))
CLOCK = ROOT / "app" / "core" / "clock.py"
KEBAB = re.compile(r"[a-z]+(-[a-z]+)*")
SNAKE = re.compile(r"[a-z]+(_[a-z0-9]+)*")
CHINESE = re.compile("[一-鿿]")
READS_A_CLOCK = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
NOT_SAID = ("积分", "打卡", "在线时长", "登录率", "垫底", "表彰")  # DESIGN, section 2


def parametrized(files: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("source", files, ids=lambda path: str(path.relative_to(ROOT)))


def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"))


def error_classes() -> Iterator[type[LianbingError]]:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        importlib.import_module(module.name)
    found = [LianbingError]
    for kind in found:
        found += [derived for derived in kind.__subclasses__() if derived.__module__.startswith("app.")]
    return iter(dict.fromkeys(found[1:]))


ERRORS = list(error_classes())


def routes() -> list[RouteContext]:
    application = create_app(Settings(database_url="postgresql://db/x", secret_key=SECRET))
    found = iter_route_contexts(application.routes)
    return [route for route in found if isinstance(route.original_route, APIRoute)]


ROUTES = routes()


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_has_a_code_a_chinese_title_and_a_status(kind: type[LianbingError]) -> None:
    assert KEBAB.fullmatch(kind.code)
    assert CHINESE.search(kind.title)
    assert kind.__doc__
    assert kind is not LianbingError
    assert status_of(kind) in STATUS.values()


def test_a_code_is_declared_once() -> None:
    codes = Counter(kind.code for kind in ERRORS if "code" in vars(kind))
    assert [code for code, count in codes.items() if count > 1] == []


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_says_in_chinese_what_to_do_where_nothing_better_is_known(kind: type[LianbingError]) -> None:
    assert CHINESE.search(kind.advice)
    assert kind.advice.endswith("。")
    assert not kind.title.endswith("。")  # the title of a class of its own becomes a sentence


@parametrized(SOURCES)
def test_what_an_error_says_is_a_chinese_sentence(source: Path) -> None:
    for text in told(source):
        assert text.endswith("。"), text


@parametrized(SOURCES)
def test_a_pointer_begins_at_the_root(source: Path) -> None:
    pointers = [first_text(call.args[0]) for call in calls_of(source, {"FieldProblem"}) if call.args]
    assert all(pointer.startswith("/") for pointer in pointers if pointer is not None)


def calls_of(source: Path, names: set[str]) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree(source)) if isinstance(node, ast.Call)]
    return [call for call in calls if (getattr(call.func, "id", None) or getattr(call.func, "attr", None)) in names]


def first_text(node: ast.expr) -> str | None:
    """How a literal text begins; None where a variable stands there."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return parts[0].value if isinstance(parts[0], ast.Constant) and isinstance(parts[0].value, str) else None


def told(source: Path) -> Iterator[str]:
    """The ends of the details written out where errors are made; those put together elsewhere end in a variable."""
    details = [call.args[0] for call in calls_of(source, {kind.__name__ for kind in ERRORS}) if call.args]
    details += [call.args[1] for call in calls_of(source, {"FieldProblem"}) if len(call.args) > 1]
    for node in details:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        if isinstance(parts[-1], ast.Constant) and isinstance(parts[-1].value, str):
            yield parts[-1].value


def test_only_a_validation_error_goes_by_its_kinds_code() -> None:
    assert {kind.code for kind in ERRORS if "code" not in vars(kind)} <= {"validation"}


@parametrized(SOURCES)
def test_nothing_commits_but_the_route(source: Path) -> None:
    calls = [node for node in ast.walk(tree(source)) if isinstance(node, ast.Call)]
    names = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute)]
    assert not {"commit", "rollback"} & set(names)


@parametrized([source for source in SOURCES if source != CLOCK])
def test_only_the_clock_reads_the_time(source: Path) -> None:
    imported = [node for node in ast.walk(tree(source)) if isinstance(node, ast.ImportFrom) and node.module == "time"]
    assert not {"time", "time_ns"} & {alias.name for node in imported for alias in node.names}
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Attribute):
            holder = getattr(node.value, "attr", None) or getattr(node.value, "id", None)
            assert (holder, node.attr) not in READS_A_CLOCK, f"line {node.lineno}"


@parametrized(SOURCES)
def test_a_module_opens_with_a_sentence(source: Path) -> None:
    said = ast.get_docstring(tree(source))
    assert said
    assert said.splitlines()[0].rstrip().endswith((".", ":"))


@parametrized(SOURCES)
def test_a_file_fits_a_readers_head(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) < 400


@parametrized(SOURCES)
def test_words_that_are_not_said(source: Path) -> None:
    texts = [
        node.value for node in ast.walk(tree(source)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [word for word in NOT_SAID for text in texts if word in text] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_a_route_is_documented(route: RouteContext) -> None:
    assert route.operation_id
    assert SNAKE.fullmatch(route.operation_id)
    assert route.tags
    assert route.summary or (route.endpoint and route.endpoint.__doc__)


def test_an_answer_without_a_body_names_no_type_of_one() -> None:
    """A route that returns nothing leaves the answer to FastAPI, which makes it a JSON one unless told otherwise."""
    routes = [route for route in ROUTES if route.endpoint and route.endpoint.__annotations__["return"] == "None"]
    assert len(routes) >= 3
    assert [route.path for route in routes if route.response_class is not Response] == []


def test_operation_ids_are_unique() -> None:
    assert [name for name, count in Counter(route.operation_id for route in ROUTES).items() if count > 1] == []


def document() -> dict[str, Any]:
    return create_app(Settings(database_url="postgresql://db/x", secret_key=SECRET)).openapi()


DOCUMENT = document()
CALLS = {
    f"{method.upper()} {path}": call for path, calls in DOCUMENT["paths"].items() for method, call in calls.items()
}


@pytest.mark.parametrize("name", sorted(name for name in CALLS if "requestBody" in CALLS[name]))
def test_a_call_with_a_body_tells_the_errors_of_bodies(name: str) -> None:
    call = CALLS[name]
    upload = "multipart/form-data" in call["requestBody"]["content"]
    assert {"400", "413", "422"} | ({"415"} if upload else set()) <= call["responses"].keys()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_error_of_the_document_is_a_problem(name: str) -> None:
    errors = {status: told for status, told in CALLS[name]["responses"].items() if status >= "400"}
    if "/api/v1/" not in name:
        return
    for told in errors.values():
        schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
        assert told["content"] == {"application/problem+json": schema}


def test_every_schema_that_the_document_names_is_in_it() -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert "#/$defs/" not in json.dumps(DOCUMENT)
    assert {"Problem", "FieldError"} <= named <= DOCUMENT["components"]["schemas"].keys()
    assert not {"HTTPValidationError", "ValidationError"} & named


def test_routes_lie_under_the_api_or_are_operations() -> None:
    outside = {route.path for route in ROUTES if not (route.path or "").startswith("/api/v1/")}
    assert outside == {"/health/live", "/health/ready", "/metrics"}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_described_here_and_in_the_readme(name: str) -> None:
    assert Settings.model_fields[name].description
    assert re.search(rf"\b{PREFIX}{name.upper()}\b", (ROOT / "README.md").read_text(encoding="utf-8"))
