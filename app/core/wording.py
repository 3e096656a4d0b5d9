"""Chinese words for what is wrong with one member of a request or file."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WHOLE = "应当是整数，请改正。"
_NUMBER = "应当是数字，请改正。"
_TRUTH = "应当是 true 或 false，请改正。"
_DAY = "应当是日期，写成 2026-11-23 的样子。"
_INSTANT = "应当是时间，写成 2026-11-23T08:00:00+08:00 的样子。"
_OBJECT = "应当是一个对象（{{…}}），请改正。"
_LIST = "应当是一个列表（[…]），请改正。"
_WORDS = {
    "missing": "缺少这一项，请补上。",
    "extra_forbidden": "没有这一项，请改正名称或删除。",
    "string_type": "应当是文字，请改正。",
    "string_unicode": "含有不能识别的字符，请重新填写。",
    "string_too_short": "至少要有{min_length}个字，请补充。",
    "string_too_long": "最多{max_length}个字，请删减。",
    "string_pattern_mismatch": "格式不对，或含有不能使用的字符，请改正。",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "greater_than_equal": "不能小于{ge}，请改正。",
    "greater_than": "应当大于{gt}，请改正。",
    "less_than_equal": "不能大于{le}，请改正。",
    "less_than": "应当小于{lt}，请改正。",
    "literal_error": "应当是其中之一：{expected}。",
    "enum": "应当是其中之一：{expected}。",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "too_short": "至少要有{min_length}项，请补充。",
    "too_long": "最多{max_length}项，请删减。",
    "uuid_parsing": "不是有效的编号，请改正。",
    "uuid_type": "不是有效的编号，请改正。",
}
_NEAR = 0.6  # difflib's ratio from which on two names look like one mistyped
_BY_PREFIX = {"datetime_": _INSTANT, "timezone_": _INSTANT, "date_": _DAY}


def explain(problem: Mapping[str, Any]) -> str:
    """Return in Chinese what one of pydantic's errors says and what to do; a rule's own words stay as they are."""
    kind: str = problem["type"]
    facts = {name: str(value) for name, value in problem.get("ctx", {}).items()}
    if kind == "value_error":
        said = facts["error"]
        return said if said.endswith("。") else f"{said}，请改正。"
    if "expected" in facts:  # 'a', 'b' or 'c'
        facts["expected"] = "、".join(part.strip("'") for part in re.split(", | or ", facts["expected"]))
    words = _WORDS.get(kind)
    if words is None:
        words = next((said for prefix, said in _BY_PREFIX.items() if kind.startswith(prefix)), "填写有误，请改正。")
    return words.format(**facts)


def near(name: str, known: Iterable[str], *, quoted: str = " {}") -> str:
    """Return the hint 「，最接近的是 …」 for the known name that `name` seems to mistype, or nothing."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return f"，最接近的是{quoted.format(found[0])}" if found else ""
