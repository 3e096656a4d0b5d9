"""Reads the bank's files: YAML questions with their lines, the register of instruments, the facts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from app.bank.checking import Fact, InstrumentEntry, Located, Register
from app.bank.entries import DRAFT, Problem, is_fact_id, parse_entry
from app.bank.expecting import EXPECTS, Expected, expected_of
from app.core.wording import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_LOADER: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
_DEEPEST = 8
_MOST_DIGITS = 20
MOST_QUESTIONS = 20_000
INSTRUMENTS = "law/instruments.yaml"
FACTS = "law/facts.jsonl"
_TEXTS = ("name", "full_name", "issuer")
_DAYS = ("in_force_from", "in_force_to", "checked_to")
_MAY_BE_EMPTY = ("in_force_to", "checked_to", "confirmed_by", "note")
_INSTRUMENT_FIELDS = (*_TEXTS, *_DAYS, "confirmed_by", "note")


class _TooLong(Exception):
    """An integer that no field of ours holds, and whose digits Python may refuse to write; carries its line."""


def _integer(loader: Any, node: Any) -> Any:
    if len(node.value) > _MOST_DIGITS:
        raise _TooLong(_line(node))
    return loader.construct_yaml_int(node)


_LOADER.add_constructor("tag:yaml.org,2002:int", _integer)


@dataclass(frozen=True)
class Raw:
    """One question as it stands in a file, not yet judged; `problems` are the reader's, by field.

    `unsaid` are the fields of which the file says nothing: their values are only what a new question gets.
    """

    row: int
    values: Mapping[str, Any]
    problems: tuple[tuple[str, str], ...] = ()
    unsaid: frozenset[str] = frozenset()


@dataclass
class Reading:
    """The questions of some files, how many rows there were, and every problem found in them."""

    questions: list[Located] = field(default_factory=list)
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    register: Register = field(default_factory=lambda: Register({}, {}))
    most: int | None = None
    """Problems to keep, None for all of them; `unlisted` counts the others."""
    unlisted: int = 0

    def wrong(self, file: str, row: int | None, detail: str) -> None:
        """Note a problem of a file that is no single question's."""
        self._keep([Problem(file, row, "", "", detail)])

    def _keep(self, found: Sequence[Problem]) -> None:
        kept = found if self.most is None else found[: self.most - len(self.problems)]
        self.problems += kept
        self.unlisted += len(found) - len(kept)

    def take(self, file: str, raws: Iterable[Raw]) -> None:
        """Judge questions one by one; a field that the reader refused is not judged again."""
        for raw in raws:
            self.rows += 1
            entry, found = parse_entry(raw.values)
            refused = {name for name, _ in raw.problems}
            found = [*raw.problems, *(one for one in found if one[0].partition(".")[0] not in refused)]
            code = str(raw.values.get("code") or "")[:60]
            self._keep([Problem(file, raw.row, code, name, detail) for name, detail in found])
            if "state" in raw.unsaid:
                entry = replace(entry, state=DRAFT)
            self.questions.append(Located(file, raw.row, entry, whole=not found, unsaid=raw.unsaid))


def read_yaml(reading: Reading, file: str, content: bytes) -> None:
    """Add the questions of one YAML file to `reading`; a question's row is its first line."""
    reading.take(file, list(_items(reading, file, content)))


def _items(reading: Reading, file: str, content: bytes) -> Iterator[Raw]:
    """Yield the mappings of a YAML list with their lines.

    Aliases and deep nesting are refused before anything is built: they let a small file become a huge one.
    """
    try:
        depth = 0
        for event in yaml.parse(content, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST or isinstance(event, yaml.AliasEvent):
                reading.wrong(file, _line(event), "不能使用引用（*、&）或过深的嵌套，请逐项写出。")
                return
        loader: Any = _LOADER(content)
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            reading.wrong(file, 1, "文件应当是一个列表，每项以“- ”开头。")
            return
        if len(root.value) > MOST_QUESTIONS:
            reading.wrong(file, None, f"一次最多{MOST_QUESTIONS}项，请分几次导入。")
            return
        for node in root.value:
            yield from _item(reading, file, node, loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        reading.wrong(file, line, "不是有效的 YAML，请检查这一处前后的缩进、引号和冒号。")
    except _TooLong as error:
        reading.wrong(file, error.args[0], f"整数最多{_MOST_DIGITS}位；是编号或文字的，请加上引号。")
    except (yaml.YAMLError, ValueError, ArithmeticError):
        reading.wrong(file, None, "文件无法读取，请另存为 UTF-8 编码，并检查其中的日期和数字。")


def _item(reading: Reading, file: str, node: Any, loader: Any) -> Iterator[Raw]:
    line = _line(node)
    if not isinstance(node, yaml.MappingNode):
        reading.rows += 1
        reading.wrong(file, line, "每项应当由“字段: 内容”组成，请改正。")
        return
    nested = [node, *(value for _, value in node.value if isinstance(value, yaml.MappingNode))]
    names = [Counter(str(name.value) for name, _ in one.value) for one in nested]
    twice = [name for counter in names for name, count in counter.items() if count > 1]
    values = {str(name): value for name, value in loader.construct_object(node, deep=True).items()}
    yield Raw(line, values, tuple((name, "同一项里写了两次，请删去一次。") for name in twice))


def _line(part: Any) -> int:
    line: int = part.start_mark.line
    return line + 1


def read_directory(directory: Path) -> Reading:
    """Read all questions of a bank's folder and the register in its `law` folder; problems are collected."""
    reading = Reading()
    paths = sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])
    if not paths:
        reading.wrong(str(directory), None, "这个文件夹里没有题目文件（*.yaml），请检查路径。")
    for path in paths:
        read_yaml(reading, path.name, path.read_bytes())
    return reading


def read_expected(reading: Reading, directory: Path) -> Expected:
    """Return what a bank's folder promises of itself; nothing where it has no such file."""
    path = directory / EXPECTS
    expected, wrong = expected_of(path.read_bytes() if path.is_file() else b"")
    for said in wrong:
        reading.wrong(EXPECTS, None, said)
    return expected


def read_register(reading: Reading, directory: Path) -> None:
    """Add the register of a bank's folder (instruments and facts) to `reading`."""
    instruments = _read_instruments(reading, directory / INSTRUMENTS)
    facts = _read_facts(reading, directory / FACTS)
    for fact in facts.values():
        if fact.instrument not in instruments:
            reading.wrong(FACTS, None, f"事实 {fact.id} 的文书《{fact.instrument}》没有登记，请改正。")
    reading.register = Register(instruments, facts)


def _read_instruments(reading: Reading, path: Path) -> dict[str, InstrumentEntry]:
    found: dict[str, InstrumentEntry] = {}
    if not path.is_file():
        reading.wrong(INSTRUMENTS, None, "缺少文书登记，请补上这个文件。")
        return found
    for raw in list(_items(reading, INSTRUMENTS, path.read_bytes())):
        wrong = [*(f"{name}：{said}" for name, said in raw.problems), *_instrument_problems(raw.values)]
        if raw.values.get("name") in found:
            wrong.append(f"文书《{raw.values['name']}》登记了两次，请删去一次。")
        for said in wrong:
            reading.wrong(INSTRUMENTS, raw.row, said)
        if not wrong:
            values: dict[str, Any] = {name: raw.values.get(name) for name in _INSTRUMENT_FIELDS}
            one = InstrumentEntry(**values)
            found[one.name] = one
    return found


def _instrument_problems(values: Mapping[str, Any]) -> Iterator[str]:
    for name in values:
        if name not in _INSTRUMENT_FIELDS:
            yield f"没有字段 {name}{near(name, _INSTRUMENT_FIELDS)}，请改正或删除。"
    for name in _INSTRUMENT_FIELDS:
        value = values.get(name)
        if value is None and name in _MAY_BE_EMPTY:
            continue
        wanted = dt.date if name in _DAYS else str
        if type(value) is not wanted or value == "":
            yield f"{name} 应当是{'日期，如 2026-08-15' if name in _DAYS else '文字'}，请改正。"
    first, last = values.get("in_force_from"), values.get("in_force_to")
    if type(first) is dt.date and type(last) is dt.date and last < first:
        yield "in_force_to 早于 in_force_from，请改正。"


def _read_facts(reading: Reading, path: Path) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    if not path.is_file():
        reading.wrong(FACTS, None, "缺少条文事实，请补上这个文件。")
        return found
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            fact = _fact(orjson.loads(line))
        except (ValueError, KeyError, TypeError):
            reading.wrong(FACTS, number, "这一行不是完整的条文事实，请对照登记簿第十三节改正。")
            continue
        if not is_fact_id(fact.id):
            reading.wrong(FACTS, number, f"事实编号“{fact.id[:40]}”含有空白或分隔号，表格里会被拆开；请改正。")
            continue
        if fact.id in found:
            reading.wrong(FACTS, number, f"事实 {fact.id} 写了两次，请删去一次。")
        found[fact.id] = fact
    return found


def _fact(values: Mapping[str, Any]) -> Fact:
    last = values["valid_to"]
    return Fact(
        id=str(values["id"]),
        instrument=str(values["instrument"]),
        article=str(values["article"]),
        valid_from=dt.date.fromisoformat(values["valid_from"]),
        valid_to=None if last is None else dt.date.fromisoformat(last),
        confidence=str(values["confidence"]),
        force_check=values.get("force_check"),
    )
