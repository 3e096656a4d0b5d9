"""Contracts of the whole code base, walked without exemptions."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
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


def test_operation_ids_are_unique() -> None:
    assert [name for name, count in Counter(route.operation_id for route in ROUTES).items() if count > 1] == []


def test_routes_lie_under_the_api_or_are_operations() -> None:
    outside = {route.path for route in ROUTES if not (route.path or "").startswith("/api/v1/")}
    assert outside == {"/health/live", "/health/ready", "/metrics"}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_described_here_and_in_the_readme(name: str) -> None:
    assert Settings.model_fields[name].description
    assert re.search(rf"\b{PREFIX}{name.upper()}\b", (ROOT / "README.md").read_text(encoding="utf-8"))
