"""What a question of the bank must be like, what changed about it, and the ids of its options."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from app.bank.shown import shown_answer, shows_itself_right
from app.contests.rules import KINDS
from app.core.wording import near

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

STATES = {"draft": "草稿", "reviewed": "已核", "in_use": "启用", "to_confirm": "待复核", "retired": "停用"}
IN_USE = "in_use"
DRAFT = "draft"
TO_CONFIRM = "to_confirm"
RETIRED = "retired"
LETTERS = "ABCDEF"
TRUE_FALSE = (("A", "正确"), ("B", "错误"))
LEAST_OPTIONS = 3
HARDEST = 3
_FIELDS = (
    "code", "kind", "topic", "difficulty", "stem", "options", "key", "explanation", "basis", "facts", "state",
)  # fmt: skip
_LONGEST_CODE = 60
_MOST_LISTED = 50
_MOST_UNKNOWN = 5  # fields of one question that are told by name
_NAMED_OF_UNKNOWN = 40
_FACT_ID = re.compile(r"[^\s、,，;；]+")  # a table's cell names several, with such a sign or a blank between them
_CODE = re.compile(r"[A-Za-z0-9一-鿿][A-Za-z0-9一-鿿_.-]{0,59}")
_NUMERAL = "零〇一二三四五六七八九十百千"
_ARTICLE = re.compile(
    rf"第[{_NUMERAL}\d]+条(之[{_NUMERAL}]+)?(第[{_NUMERAL}\d]+款)?(第?[（(]?[{_NUMERAL}\d]+[）)]?项)?"
)
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LUMPS_OPTIONS = re.compile(
    r"(以上|上述|前述)?(选项|各项|各选项|说法|答案|[两三四五]项|[两三四五]者)?"
    r"(都|均|皆|全部?)(不|没有?)?(对|错|正确|错误|准确|是|属于|符合)[。.]?"
    r"|(没有|无)(正确|对的)?(选项|答案)[。.]?|[A-F]([、和与及,，]?[A-F])+(都|均)?(对|正确)?[。.]?"
)
_NAMES_LETTER = re.compile(r"选项\s*[A-F](?![A-Za-z0-9])|(?<![A-Za-z0-9])[A-F]\s*(选项|答案|项(?!目))")


@dataclass(frozen=True, order=True)
class Basis:
    """One legal basis: an instrument of the register under its short name, and an article of it."""

    instrument: str
    article: str


@dataclass(frozen=True)
class Entry:
    """A question as its author wrote it; options and key by letter."""

    code: str
    kind: str
    topic: str
    difficulty: int
    stem: str
    options: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    explanation: str
    basis: tuple[Basis, ...]
    facts: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where (file, row or line, code, field) and what to do about it."""

    file: str
    row: int | None
    code: str
    field: str
    detail: str


@dataclass
class _Fields:
    """The values of one question, and the problems found in them so far."""

    values: Mapping[str, Any]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, name: str, detail: str) -> None:
        self.problems.append((name, detail))

    def text(self, name: str, most: int) -> str:
        return self.one_text(name, self.values.get(name), most)

    def one_text(self, name: str, value: object, most: int) -> str:
        if value is None or value == "":
            self.wrong(name, "缺少内容，请补写。")
            return ""
        if not isinstance(value, str):
            self.wrong(name, f"应当是文字，请给 {str(value)[:40]} 加上引号。")
            return ""
        text = value.strip()
        if not text:
            self.wrong(name, "缺少内容，请补写。")
        elif len(text) > most:
            self.wrong(name, f"有{len(text)}个字，最多{most}个字，请删减。")
            return ""  # what is judged further is quoted
        elif _UNPRINTABLE.search(text):
            self.wrong(name, "含有不能显示的字符，请删除后重新填写。")
        return text

    def among(self, name: str, known: Mapping[str, str]) -> str:
        value = self.values.get(name)
        if isinstance(value, str) and value in known:
            return value
        allowed = "、".join(f"{word}（{chinese}）" for word, chinese in known.items())
        self.wrong(name, f"应当是其中之一：{allowed}。")
        return ""

    def listed(self, name: str, *, may_be_empty: bool = False) -> list[Any]:
        value = self.values.get(name, [] if may_be_empty else None)
        if isinstance(value, list) and len(value) > _MOST_LISTED:
            self.wrong(name, f"有{len(value)}项，最多{_MOST_LISTED}项，请删减。")
            return []
        if isinstance(value, list) and (value or may_be_empty):
            return value
        self.wrong(name, "应当是一个列表，并且至少有一项。" if not may_be_empty else "应当是一个列表。")
        return []


def parse_entry(values: Mapping[str, Any]) -> tuple[Entry, list[tuple[str, str]]]:
    """Return the question that `values` hold and every problem as (field, what to do).

    A draft may still lack its explanation and its basis; nothing draws it.
    With problems the question is good for further checks only: a member that cannot be read is empty.
    """
    fields = _Fields(values)
    unknown = [str(name)[:_NAMED_OF_UNKNOWN] for name in values if name not in _FIELDS]
    for name in unknown[:_MOST_UNKNOWN]:
        fields.wrong(name, f"没有这个字段{near(name, _FIELDS)}，请改正或删除。")
    if len(unknown) > _MOST_UNKNOWN:
        fields.wrong("", f"共有{len(unknown)}个不认识的字段，请改正或删除。")
    entry = Entry(
        code=_code(fields),
        kind=fields.among("kind", KINDS),
        topic=fields.text("topic", 30),
        difficulty=_difficulty(fields),
        stem=fields.text("stem", 500),
        options=_options(fields),
        key=_key(fields),
        explanation=_explanation(fields),
        basis=_basis(fields),
        facts=_facts(fields),
        state=fields.among("state", STATES),
    )
    wrong = {name.partition(".")[0] for name, _ in fields.problems}
    if not wrong & {"kind", "options", "key"}:
        _fits_kind(entry, fields)
    _wording(entry, fields)
    return entry, fields.problems


def _code(fields: _Fields) -> str:
    code = fields.text("code", _LONGEST_CODE)
    if 0 < len(code) <= _LONGEST_CODE and not _CODE.fullmatch(code):
        fields.wrong("code", "编号只能用字母、数字、汉字、连字符、下划线和点，以字母、数字或汉字开头，请改正。")
    return code


def _difficulty(fields: _Fields) -> int:
    value = fields.values.get("difficulty")
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= HARDEST:
        return value
    fields.wrong("difficulty", "难度应当是 1（易）、2（中）或 3（难）。")
    return 0


def _options(fields: _Fields) -> tuple[tuple[str, str], ...]:
    value = fields.values.get("options")
    if not isinstance(value, dict) or not value:
        fields.wrong("options", "缺少选项，请按 A、B、C…… 逐一列出。")
        return ()
    wanted = LETTERS[: len(value)]
    if list(value) != list(wanted):
        given = "、".join(str(letter)[:10] for letter in itertools.islice(value, 10))
        fields.wrong(
            "options", f"选项应当从 A 起依次排列、最多到 {LETTERS[-1]}，中间不能空缺，现在是 {given}，请改正。"
        )
        return ()
    options = tuple((letter, fields.one_text(f"options.{letter}", text, 200)) for letter, text in value.items())
    texts = [text for _, text in options if text]
    for letter, text in options:
        if text and texts.count(text) > 1:
            fields.wrong(f"options.{letter}", "与另一个选项文字相同，请改写。")
    return options


def _key(fields: _Fields) -> tuple[str, ...]:
    given = fields.listed("key")
    options = fields.values.get("options")
    letters = options if isinstance(options, dict) else LETTERS
    for letter in given:
        if not isinstance(letter, str) or letter not in letters:
            fields.wrong("key", f"答案 {str(letter)[:20]} 不在选项之中，请改正。")
    texts = [str(letter) for letter in given]
    if len(set(texts)) < len(texts):
        fields.wrong("key", "答案有重复，请删去重复的。")
    return tuple(sorted(texts))


def _explanation(fields: _Fields) -> str:
    if _is_draft(fields) and not fields.values.get("explanation"):
        return ""
    return fields.text("explanation", 1000)


def _is_draft(fields: _Fields) -> bool:
    return fields.values.get("state") == DRAFT


def _basis(fields: _Fields) -> tuple[Basis, ...]:
    found: list[Basis] = []
    for item in fields.listed("basis", may_be_empty=_is_draft(fields)):
        if not isinstance(item, dict) or set(item) != {"instrument", "article"}:
            fields.wrong("basis", "每条法律依据要写明 instrument（文书简称）和 article（条号），不写其他内容。")
            continue
        one = Basis(fields.one_text("basis", item["instrument"], 100), fields.one_text("basis", item["article"], 40))
        if one.article and not _ARTICLE.fullmatch(one.article):
            fields.wrong("basis", f"条号 {one.article} 应当写成“第六十三条”的样子，一条依据只写一个条号。")
        if one in found and one.instrument and one.article:
            fields.wrong("basis", f"《{one.instrument}》{one.article}写了两次，请删去一次。")
        found.append(one)
    return tuple(found)


def _facts(fields: _Fields) -> tuple[str, ...]:
    found = tuple(fields.one_text("facts", item, 40) for item in fields.listed("facts", may_be_empty=True))
    named = [name for name in found if name]
    if len(set(named)) < len(named):
        fields.wrong("facts", "同一条事实写了两次，请删去一次。")
    for name in named:
        if not is_fact_id(name):
            fields.wrong("facts", f"事实编号“{name}”含有空白或分隔号，表格里会被拆开；请改正。")
    return found


def is_fact_id(name: str) -> bool:
    """Whether a fact may have this id: it must stay one name among others in a table's cell."""
    return _FACT_ID.fullmatch(name) is not None


def _fits_kind(entry: Entry, fields: _Fields) -> None:
    right, options = len(entry.key), len(entry.options)
    if entry.kind == "true_false":
        if entry.options != TRUE_FALSE:
            fields.wrong("options", "判断题的选项固定为 A 正确、B 错误，请改正。")
        if right != 1:
            fields.wrong("key", "判断题只能有一个答案。")
        return
    if options < LEAST_OPTIONS:
        fields.wrong("options", f"{KINDS[entry.kind]}题要有{LEAST_OPTIONS}至{len(LETTERS)}个选项，请补写。")
    if entry.kind == "single" and right != 1:
        fields.wrong("key", "单选题只能有一个答案。")
    if entry.kind == "multiple" and right == 1:
        fields.wrong("key", "多选题至少有两个答案；只有一个的请改为单选题。")
    if entry.kind == "multiple" and right == options:
        fields.wrong("key", "多选题不能全部选项都是答案，请增加至少一个干扰项。")


def _wording(entry: Entry, fields: _Fields) -> None:
    for letter, text in entry.options:
        if _LUMPS_OPTIONS.fullmatch(text):
            fields.wrong(f"options.{letter}", f"“{text[:20]}”不能作选项：选项次序会打乱。请换成独立的说法。")
        if shows_itself_right(text):
            fields.wrong(
                f"options.{letter}", "选项里标明了哪个是答案，作答的人会看到；请从选项里删去，只在答案里写明。"
            )
    if shown := shown_answer(entry.stem, entry.key, entry.kind):
        fields.wrong(
            "stem",
            f"题干里的“{shown[:20]}”写出了答案，作答的人会看到；请只留空的括号“（　）”。不是答案的，请换一种写法。",
        )
    named = [("stem", entry.stem), ("explanation", entry.explanation)]
    named += [(f"options.{letter}", text) for letter, text in entry.options]
    for name, text in named:
        if found := _NAMES_LETTER.search(text):
            fields.wrong(name, f"不能用“{found.group()[:20]}”指选项：选项次序会打乱。请直接写出内容。")


def content_hash(entry: Entry) -> str:
    """Return the SHA-256 over the question's meaning: all of it but code and state."""
    meaning = [
        entry.kind,
        entry.topic,
        entry.difficulty,
        entry.stem,
        entry.options,
        entry.key,
        entry.explanation,
        [(one.instrument, one.article) for one in entry.basis],
        entry.facts,
    ]
    return hashlib.sha256(orjson.dumps(meaning)).hexdigest()


def option_ids(revision_id: uuid.UUID, letters: Sequence[str], *, length: int = 8) -> list[str]:
    """Return an opaque id for each option of a revision: fixed by both, unique within the revision."""
    digests = [hashlib.sha256(f"{revision_id}:{letter}".encode()).hexdigest() for letter in letters]
    while len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return [digest[:length] for digest in digests]


@dataclass(frozen=True)
class Held:
    """What the tables hold of a question under its code."""

    code: str
    question_id: uuid.UUID
    number: int
    state: str
    content_hash: str


@dataclass(frozen=True)
class Plan:
    """What an import does: new questions, new texts, changed states; and what the files no longer hold."""

    created: tuple[Entry, ...]
    revised: tuple[tuple[Held, Entry], ...]
    restated: tuple[tuple[Held, Entry], ...]
    unchanged: int
    missing: tuple[Held, ...]

    @property
    def changed(self) -> int:
        """Questions that the tables held and that get a new text or state."""
        return len(self.revised) + len(self.restated)


def plan_import(entries: Iterable[Entry], held: Mapping[str, Held]) -> Plan:
    """Compare the files' questions with the tables', by code; a retired one that is gone is not missing."""
    created, revised, restated = [], [], []
    unchanged = 0
    gone = dict(held)
    for entry in entries:
        known = gone.pop(entry.code, None)
        if known is None:
            created.append(entry)
        elif known.content_hash != content_hash(entry):
            revised.append((known, entry))
        elif known.state != entry.state:
            restated.append((known, entry))
        else:
            unchanged += 1
    missing = tuple(known for known in gone.values() if known.state != RETIRED)
    return Plan(tuple(created), tuple(revised), tuple(restated), unchanged, missing)
