"""The sandbox in which a bureau's own texts are checked and written: plain values in, plain text out, bounded work."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.core.phones import holds_mobile
from app.notices import wording
from app.notices.templates.vocabulary import LISTS, PARTS, ROW_KEYS
from app.notices.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

LONGEST_SOURCE = 4000
LONGEST_TITLE = 200
LONGEST = 8000
"""Characters of a written title and body together."""

# Each word in two halves: no source of the program holds them whole, and neither may a notice.
NOT_SAID = tuple(
    "".join(halves)
    for halves in (("积", "分"), ("打", "卡"), ("在线", "时长"), ("登录", "率"), ("垫", "底"), ("表", "彰"))
)
"""Words that are not used in notices (DESIGN, section 2)."""

_LOOP = frozenset({"index", "first", "last", "length"})
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.CondExpr,
    nodes.Filter, nodes.Getattr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub,
    nodes.Concat,
)  # fmt: skip
"""Without calls, assignments, blocks, inclusion, powers and products, work grows with the source and the lists only."""


class TemplateProblem(NamedTuple):
    """What is wrong with a template: in `title` or `body`, on which line (from 1), and what to do about it."""

    part: str
    line: int
    detail: str


class WritingFailed(Exception):
    """A template could not be written out for some figures; `problem` says why."""

    def __init__(self, problem: TemplateProblem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class _Unwritable(Exception):
    """A value that has no text of its own; the message says what to write instead."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """No attributes but those of the loop, and no calls at all: values are reached by their names only."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - jinja's signature
        return isinstance(obj, LoopContext) and attr in _LOOP

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002 - jinja's signature
        return False


_UNKNOWN = "用到了没有的名称或项目，请对照名称表改正。"


def _shown(value: Any) -> Any:
    """Return what `{{ value }}` may print: text and whole numbers; all else must be written by a filter."""
    if isinstance(value, str) or type(value) is int:
        return value
    if value is None:
        raise _Unwritable("这里的数值可能为空，请放进“{% if … %}…{% endif %}”里，为空时不写。")
    if isinstance(value, Undefined):
        raise _Unwritable(_UNKNOWN)
    if isinstance(value, dt.date):
        raise _Unwritable("日期和时刻不能直接写出，请加“|月日”“|时刻”或“|钟点”。")
    if isinstance(value, Fraction | float):
        raise _Unwritable("比率和得分不能直接写出，请加“|百分比”或“|分数”。")
    raise _Unwritable("列表和是否类的名称不能直接写出，请用“{% for … %}”逐个列出，或用于“{% if … %}”。")


def _of(kind: type | tuple[type, ...], write: Callable[[Any], str], told: str) -> Callable[[Any], str]:
    def filtered(value: Any) -> str:
        if value is None:
            raise _Unwritable("这里的数值可能为空，请放进“{% if … %}…{% endif %}”里，为空时不写。")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _Unwritable(told)
        return write(value)

    return filtered


def _exact(write: Callable[[Fraction], str]) -> Callable[[Any], str]:
    return lambda value: write(Fraction(value))


FILTERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "百分比": (_of((Fraction, int), _exact(wording.percent), "“|百分比”只用于比率。"), "比率写成62.9%"),
    "分数": (_of((Fraction, int), _exact(wording.points), "“|分数”只用于综合得分。"), "综合得分写成95.9"),
    "月日": (_of(dt.date, wording.date, "“|月日”只用于日期。"), "日期写成11月23日"),
    "时刻": (_of(dt.datetime, wording.moment, "“|时刻”只用于时刻。"), "时刻写成2026年11月23日12:00"),
    "钟点": (_of(dt.datetime, wording.clock, "“|钟点”只用于时刻。"), "时刻写成12:00，午夜写成24:00"),
    "个数": (_of((list, str), lambda value: str(len(value)), "“|个数”只用于列表。"), "列表中有几个"),
}
"""Filters by name, with what each does."""


def _environment() -> _Sandbox:
    sandbox = _Sandbox(
        undefined=StrictUndefined, autoescape=False, finalize=_shown, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    sandbox.globals.clear()
    sandbox.filters.clear()
    sandbox.filters.update({name: made for name, (made, _) in FILTERS.items()})
    sandbox.tests.clear()
    return sandbox


_SANDBOX = _environment()
_TOO_DEEP = "模板嵌套过深，请写得简单一些。"


class Written:
    """A checked template: writes any number of notices."""

    def __init__(self, title: str, body: str) -> None:
        """Take over sources that `problems_of` found nothing wrong with; raises WritingFailed for others.

        What an older version of the program took may be one of those.
        """
        self._title, self._body = _compiled("title", title), _compiled("body", body)

    def write(self, values: Mapping[str, Any]) -> Text:
        """Return the notice for these values; lines without text fall away. Raises WritingFailed."""
        title = " ".join(_written("title", self._title, values).split())
        lines = (line.strip() for line in _written("body", self._body, values).splitlines())
        text = Text(title, "\n".join(line for line in lines if line))
        for part, written in zip(("title", "body"), text, strict=True):
            if not written:
                raise WritingFailed(TemplateProblem(part, 1, "写出来是空的，请至少写一句。"))
            if told := unsaid(written):
                raise WritingFailed(TemplateProblem(part, 1, told))
        if len(text.title) > LONGEST_TITLE:
            raise WritingFailed(TemplateProblem("title", 1, f"写出来的标题超过{LONGEST_TITLE}字，请缩短。"))
        return text


def _compiled(part: str, source: str) -> Any:
    try:
        return _SANDBOX.from_string(source)
    except TemplateSyntaxError as error:
        raise WritingFailed(TemplateProblem(part, error.lineno, _syntax_told(error))) from error
    except (TemplateError, RecursionError, MemoryError, SyntaxError, OverflowError) as error:
        raise WritingFailed(TemplateProblem(part, 1, _TOO_DEEP)) from error


def _written(part: str, template: Any, values: Mapping[str, Any]) -> str:
    pieces, length = [], 0
    try:
        for piece in template.generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST:
                break
    except Exception as error:  # whatever a text written by hand may provoke ends here, as words
        raise WritingFailed(TemplateProblem(part, _line_of(error), _told(error))) from error
    if length > LONGEST:
        raise WritingFailed(TemplateProblem(part, 1, f"写出来超过{LONGEST}字，请缩短，或少列一些单位。"))
    return "".join(pieces)


def _line_of(error: BaseException) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _told(error: Exception) -> str:
    if isinstance(error, _Unwritable):
        return str(error)
    if isinstance(error, UndefinedError):
        return _UNKNOWN
    if isinstance(error, TypeError):
        return "不同种类的数值不能相加或比较；可能为空的，请先用“{% if … %}”判断。"
    return "这里写不出来，请简化后重试。"


def problems_of(title: str, body: str, names: Collection[str]) -> list[TemplateProblem]:
    """Return what is wrong with a template whose names are these, in the order of its lines; empty: it may be used."""
    found: list[TemplateProblem] = []
    for part, source in (("title", title), ("body", body)):
        for line, text in enumerate(source.split("\n"), 1):
            if told := unsaid(text):
                found.append(TemplateProblem(part, line, told))
        found += _syntax(part, source, names)
    return found


def unsaid(text: str) -> str | None:
    """Return why a notice cannot say this and what to do: a word that is not used, or a person's phone; else None."""
    if said := [word for word in NOT_SAID if word in text]:
        return f"通报中不使用“{said[0]}”一词，请换一种说法。"
    if holds_mobile(text):
        return "通报中不能写个人手机号，请去掉；需要电话的，写单位的办公电话。"
    return None


def _syntax(part: str, source: str, names: Collection[str]) -> list[TemplateProblem]:
    try:
        tree = _SANDBOX.parse(source)
        found = [TemplateProblem(part, line, detail) for line, detail in _Check(names).problems(tree)]
        if not found:
            _SANDBOX.from_string(source)
    except TemplateSyntaxError as error:
        return [TemplateProblem(part, error.lineno, _syntax_told(error))]
    except (TemplateError, RecursionError, MemoryError, SyntaxError, OverflowError):
        return [TemplateProblem(part, 1, _TOO_DEEP)]
    return sorted(set(found))


def _syntax_told(error: TemplateSyntaxError) -> str:
    said = str(error.message)
    if filter_name := re.search(r"No filter named '(.*?)'", said):
        return f"没有“|{filter_name[1]}”这种写法{_near(filter_name[1], FILTERS)}，请改正。"
    if tag := re.search(r"unknown tag '(\w+)'", said):
        return f"“{{% {tag[1]} %}}”不能用；只能用“if”和“for”，并用“endif”“endfor”结束。"
    return "写法有误：请检查括号“{{ }}”“{% %}”是否成对，“if”“for”是否有“endif”“endfor”结束。"


def _near(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.3)
    return f"，最接近的是“{close[0]}”" if close else ""


class _Check:
    """Walks a template and tells what it may not do, by line."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)

    def problems(self, tree: nodes.Template) -> Iterator[tuple[int, str]]:
        for node in tree.body:
            yield from self._walk(node, {})

    def _walk(self, node: nodes.Node, loops: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str]]:
        if not isinstance(node, _ALLOWED):
            yield node.lineno, "模板里只能写名称、“|”写法、“if”和“for”，请去掉其他写法。"
            return
        if isinstance(node, nodes.For):
            yield from self._loop(node, loops)
            return
        if isinstance(node, nodes.Name):
            yield from self._name(node, loops)
        elif isinstance(node, nodes.Getattr):
            yield from self._part(node, loops)
            return
        elif isinstance(node, nodes.Filter) and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
            yield node.lineno, f"“|{node.name}”后面不带括号，请去掉。"
        for child in node.iter_child_nodes():
            yield from self._walk(child, loops)

    def _loop(self, node: nodes.For, loops: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str]]:
        if loops:
            yield node.lineno, "“for”里面不能再套“for”，请分开写。"
            return
        known = [name for name in LISTS if name in self._names]
        if not known:
            yield node.lineno, "这里没有可以逐个列出的名称，请去掉“for”。"
            return
        if not isinstance(node.iter, nodes.Name) or node.iter.name not in known:
            yield node.lineno, f"“for”只能逐个列出{'、'.join(known)}，请改正。"
            return
        if not isinstance(node.target, nodes.Name) or node.recursive:
            yield node.lineno, "“for”应写成“{% for 单位 in " + node.iter.name + " %}”，请改正。"
            return
        inner = {node.target.name: ROW_KEYS, "loop": _LOOP}
        for child in (*node.body, *([node.test] if node.test else [])):
            yield from self._walk(child, inner)
        for child in node.else_:
            yield from self._walk(child, loops)

    def _name(self, node: nodes.Name, loops: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str]]:
        if node.name in loops:
            yield node.lineno, f"“{node.name}”要写出其中的项目，如“{node.name}.{min(loops[node.name])}”。"
        elif node.name not in self._names:
            near = _near(node.name, self._names | loops.keys())
            yield node.lineno, f"没有“{node.name}”这个名称{near}；请对照名称表改正。"
        elif loops and node.name in LISTS:
            # A list within a list's loop would make the work grow with the square of the units.
            yield node.lineno, f"“for”里面不能再用整个“{node.name}”，请移到外面。"

    def _part(self, node: nodes.Getattr, loops: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str]]:
        whole = node.node
        if not isinstance(whole, nodes.Name):
            yield node.lineno, "只能写一层“名称.项目”，请改正。"
            return
        known = loops.get(whole.name) or (PARTS.get(whole.name) if whole.name in self._names else None)
        if known is None or (whole.name in LISTS and whole.name not in loops):
            told = f"“{whole.name}”没有“{node.attr}”这一项；列表要先用“for”逐个列出，再写“名称.项目”。"
            yield node.lineno, told
        elif node.attr not in known:
            yield node.lineno, f"“{whole.name}”没有“{node.attr}”这一项{_near(node.attr, known)}；请对照名称表改正。"
