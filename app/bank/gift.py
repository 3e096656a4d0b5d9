"""Reads Moodle GIFT: single and multiple choice, true and false; what we have no kind for is told by name."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.bank.entries import DRAFT, LETTERS, TRUE_FALSE
from app.bank.files import MOST_QUESTIONS, Raw
from app.bank.texts import NO_TOPIC, code_of, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.bank.files import Reading

_MARKERS = re.compile(r"\s*(?:::|\$CATEGORY:|//)")
_CATEGORY = re.compile(r"\s*\$CATEGORY:\s*(.*)")
_OUR_CODE = re.compile(r"[A-Za-z一-鿿]+(?:-[A-Za-z一-鿿]+)*-[0-9]{1,6}")
_FORMAT = re.compile(r"\s*\[(html|moodle|plain|markdown)\]\s*")
_TAG = re.compile(r"<[^<>]*>")
_WEIGHTED = re.compile(r"\A\s*%(-?[0-9]+(?:\.[0-9]+)?)%")
_TRUTH = {"T": "A", "TRUE": "A", "F": "B", "FALSE": "B"}
_ESCAPES = {sign: chr(0xE000 + number) for number, sign in enumerate(r"\~=#{}:")}
"""Escaped signs stand as private ones while the text is taken apart; the backslash is the first of them."""
_LONGEST_TOPIC = 30
_WHOLE = 100.0


class _Unfit(Exception):
    """A question that cannot be taken over; the message says why and what to do."""


@dataclass(frozen=True)
class _Block:
    row: int
    text: str
    topic: str


def looks_like(text: str) -> bool:
    """Whether a text begins as GIFT does: with a title, a category or a comment."""
    return _MARKERS.match(text) is not None


def read(reading: Reading, text: str) -> None:
    """Add the questions of a GIFT text to `reading` as drafts; a question's row is its first line."""
    long = [(row, said) for row, line in enumerate(text.split("\n"), start=1) if (said := too_long(line))]
    for row, said in long:
        reading.wrong("", row, said)
    if long:
        return
    blocks = list(_blocks(_hidden(text)))
    if len(blocks) > MOST_QUESTIONS:
        reading.wrong("", None, f"一次最多{MOST_QUESTIONS}题，请分几次导入。")
        return
    if not blocks:
        reading.wrong("", None, "没有认出题目；GIFT 的题目写成“题干 {=正确选项 ~错误选项}”，题与题之间空一行。")
    raws = []
    for block in blocks:
        try:
            raws.append(_question(block))
        except _Unfit as error:
            reading.rows += 1
            reading.wrong("", block.row, f"“{_begin(block.text)}”{error}")
    reading.take("", raws)


def _hidden(text: str) -> str:
    def private(found: re.Match[str]) -> str:
        return "\n" if found[1] == "n" else _ESCAPES[found[1]]

    return re.sub(r"\\([\\~=#{}:n])", private, text)


def _shown(text: str) -> str:
    for sign, private in _ESCAPES.items():
        text = text.replace(private, sign)
    return text


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the questions: what stands between blank lines, but for a blank line within braces."""
    held: list[str] = []
    start, topic, depth = 0, NO_TOPIC, 0
    for row, line in enumerate([*text.split("\n"), ""], start=1):
        if line.lstrip().startswith("//"):
            continue
        if depth == 0 and (category := _CATEGORY.fullmatch(line)):
            topic = _topic(category[1])
        elif line.strip() or depth > 0:
            start = start or row
            held.append(line)
            depth = max(0, depth + line.count("{") - line.count("}"))
        elif held:
            yield _Block(start, "\n".join(held), topic)
            held, start = [], 0
    if held:
        yield _Block(start, "\n".join(held), topic)


def _topic(path: str) -> str:
    last = _shown(path).strip().rstrip("/").rpartition("/")[2].strip()
    return last[:_LONGEST_TOPIC] if last and not last.startswith("$") and last != "top" else NO_TOPIC


def _begin(text: str) -> str:
    return " ".join(_shown(_titled(text)[1].partition("{")[0]).split())[:20]


def _titled(text: str) -> tuple[str, str]:
    """Split the title ::…:: from the rest."""
    bare = text.strip()
    if bare.startswith("::") and "::" in bare[2:]:
        title, _, rest = bare[2:].partition("::")
        return _shown(title).strip(), rest
    return "", bare


def _question(block: _Block) -> Raw:
    title, text = _titled(block.text)
    before, opened, rest = text.partition("{")
    inside, closed, after = rest.partition("}")
    if not opened:
        raise _Unfit("没有花括号中的答案，是说明文字或缺少答案；请补写或删去。")
    if not closed or "{" in after or "{" in inside:
        raise _Unfit("的花括号不成对，或有两处；请检查，文字中的花括号要写成 \\{ \\}。")
    asked = before.rstrip() + (f"（　）{after.strip()}" if after.strip() else "")
    form, stem = _formatted(asked)
    answers, _, general = inside.partition("####")
    kind, options, key, remarks = _answers(answers.strip(), form)
    explanation = _formatted(general, form)[1] or "\n".join(dict.fromkeys(filter(None, remarks)))
    values = {
        "code": title if _OUR_CODE.fullmatch(title) else code_of(stem),
        "kind": kind,
        "topic": block.topic,
        "difficulty": 2,
        "stem": stem,
        "options": options,
        "key": key,
        "explanation": explanation,
        "basis": [],
        "state": DRAFT,
    }
    silent = {name for name in ("topic", "explanation") if values[name] in {"", NO_TOPIC}}
    return Raw(block.row, values, unsaid=frozenset({*silent, "difficulty", "basis", "facts", "state"}))


def _formatted(text: str, form: str = "moodle") -> tuple[str, str]:
    """Return the format that a text begins with, or the one around it, and the text without marks of it."""
    if found := _FORMAT.match(text):
        form, text = found[1], text[found.end() :]
    if form == "html":
        text = html.unescape(_TAG.sub("", text))
    return form, _shown(text).strip()


def _answers(text: str, form: str) -> tuple[str, dict[str, str], list[str], list[str]]:
    """Return kind, options, key and the remarks of the right answers; raises _Unfit."""
    truth, *remarks = text.split("#")
    if mark := _TRUTH.get(truth.strip().upper()):
        return "true_false", dict(TRUE_FALSE), [mark], [_formatted(remark, form)[1] for remark in remarks[-1:]]
    if not text:
        raise _Unfit("是问答题（空的花括号），题库没有这种题型；请改成选择题或判断题。")
    if text.startswith("#"):
        raise _Unfit("是数值题，题库没有这种题型；请改成选择题。")
    parts = re.findall(r"([=~])([^=~]*)", text)
    if any(mark == "=" and "->" in part for mark, part in parts):
        raise _Unfit("是匹配题，题库没有这种题型；请改成选择题。")
    if not parts or all(mark == "=" for mark, _ in parts):
        raise _Unfit("是填空题（只有正确答案），题库没有这种题型；请补写以 ~ 开头的错误选项。")
    right = [mark == "=" or (_weight(part) or 0) > 0 for mark, part in parts]
    if sum(mark == "=" for mark, _ in parts) > 1:
        raise _Unfit("有几个以 = 开头的答案；多选题的每个正确选项请写成 ~%50% 的样子。")
    if any(mark == "=" and _weight(part) not in {None, _WHOLE} for mark, part in parts):
        raise _Unfit(
            "有带部分分值的 = 答案（如 =%50%），题库没有部分得分；请写成 =正确选项，多选题的每个正确选项写成 ~%50%。"
        )
    if any(mark == "=" for mark, _ in parts) and sum(right) > 1:
        raise _Unfit(
            "既有 = 答案，又有给分的 ~ 答案，题库没有部分得分；单选题请去掉 ~ 的分值，多选题的正确选项都写成 ~%50%。"
        )
    if len(parts) > len(LETTERS):
        raise _Unfit(f"有{len(parts)}个选项，最多{len(LETTERS)}个，请删减。")
    texts = [_WEIGHTED.sub("", part, count=1).partition("#") for _, part in parts]
    options = {letter: _formatted(option[0], form)[1] for letter, option in zip(LETTERS, texts, strict=False)}
    key = [letter for letter, correct in zip(LETTERS, right, strict=False) if correct]
    remarks = [_formatted(option[2], form)[1] for option, correct in zip(texts, right, strict=True) if correct]
    return ("multiple" if len(key) > 1 else "single"), options, key, remarks


def _weight(part: str) -> float | None:
    found = _WEIGHTED.match(part)
    return float(found[1]) if found else None
