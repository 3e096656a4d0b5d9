"""An answer that stands in its own question: taken out of pasted text, refused on every other way in."""

from __future__ import annotations

import pytest

from app.bank.entries import parse_entry
from app.bank.uploads import read_upload
from tests.bank.banks import as_yaml, fill, question
from tests.bank.test_questions_api import upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook

OPTIONS = "\nA. 三日\nB. 五日\nC. 七日\n"


def plain(text: str) -> tuple[str, str, str]:
    """Kind, stem and key of the one question of a text."""
    reading = read_upload("a.txt", text.encode())
    assert reading.problems == []
    (located,) = reading.questions
    return located.entry.kind, located.entry.stem, "".join(located.entry.key)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"1. 期限是（B）。{OPTIONS}答案：B", ("single", "期限是（　）。", "B")),
        (f"1. 期限是（ Ｂ ）。{OPTIONS}", ("single", "期限是（　）。", "B")),
        (f"1. 期限是 __B__。{OPTIONS}", ("single", "期限是 （　）。", "B")),
        (f"1. 期限是（ＡＢ）。{OPTIONS}", ("multiple", "期限是（　）。", "AB")),
        (f"1. 期限是【A、B】。{OPTIONS}答案：BA", ("multiple", "期限是（　）。", "AB")),
        ("1. 应当告知（√）。\n答案：对", ("true_false", "应当告知（　）。", "A")),
        ("1. 应当告知。（错）", ("true_false", "应当告知。（　）", "B")),
        ("1. （T）应当告知。", ("true_false", "（　）应当告知。", "A")),
        ("判断题\n1. 应当告知。（B）\n答案：错", ("true_false", "应当告知。（　）", "B")),
    ],
)
def test_a_pasted_answer_is_taken_out_of_its_brackets(text, found):
    assert plain(text + "\n") == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"1. 期限是（A）。{OPTIONS}答案：B", "题干的括号里写着“A”，与“答案：B”不同"),
        ("1. 应当告知（√）。\n答案：错", "题干的括号里写着“√”，与“答案：错”不同"),
        (f"1. 期限是（A）或（B）。{OPTIONS}", "题干里的“（A）”写出了答案"),
        (f"1. 期限是（A）或（B）。{OPTIONS}答案：AB", "题干里的“（A）”写出了答案"),
        ("判断题\n1. 应当告知（B）\n答案：错", "题干里的“（B）”写出了答案"),
        (f"1. 期限是（√）。{OPTIONS}答案：B", "题干里的“（√）”写出了答案"),
    ],
)
def test_an_answer_that_contradicts_or_is_not_certain_is_told(text, said):
    problems = [one for one in read_upload("a.txt", f"{text}\n".encode()).problems if one.field == "stem"]
    assert [said in one.detail for one in problems] == [True]


def stem_problems(stem: str, kind: str = "single", **changes: object) -> list[str]:
    return [said for name, said in parse_entry(question("q-1", kind, stem=stem, **changes))[1] if name == "stem"]


@pytest.mark.parametrize(
    "stem",
    [
        "期限是（B）。",
        "期限是(b)。",
        "期限是（ＡＢ）。",
        "期限是（对）",
        "√期限是（　）。",
        "期限是（　）。答案：B",
        "期限是__C__。",
    ],
)
def test_a_stem_that_shows_an_answer_is_refused(stem):
    (said,) = stem_problems(stem)
    assert "请只留空的括号“（　）”" in said


@pytest.mark.parametrize(
    "stem",
    ["应当告知（√）。", "应当告知。（×）", "（对）应当告知。", "应当告知（A）", "应当告知（T）。", "（F）应当告知。"],
)
def test_a_statement_that_shows_its_answer_is_refused(stem):
    assert len(stem_problems(stem, "true_false")) == 1


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("镉（Cd）的限值是（　）。", "single"),
        ("苯并[a]芘、苯并（b）荧蒽的限值是多少？", "single"),
        ("甲公司（C）应当在（　）内改正。", "single"),
        ("甲公司（A）应当改正。", "true_false"),
        ("是否（是）一词有误", "single"),
        ("编码（AA）的含义是（　）。", "single"),
    ],
)
def test_brackets_that_show_no_answer_are_taken(stem, kind):
    changes = {"key": ["B"]} if kind == "single" else {}
    assert stem_problems(stem, kind, **changes) == []


@pytest.mark.parametrize("text", ["七日√", "七日（√）", "七日（正确答案）"])
def test_an_option_that_shows_itself_right_is_refused(text):
    problems = dict(parse_entry(question(options={"A": "五日", "B": text, "C": "十日"}))[1])
    assert "标明了哪个是答案" in problems["options.B"]


async def test_no_way_in_lets_a_shown_answer_through(town, services, tmp_path):
    await fill(services, tmp_path, [question("shared")])
    files = {
        "a.xlsx": workbook(HEADER, [*SINGLE[:4], "期限是（B）。", *SINGLE[5:]]),
        "a.yaml": as_yaml([question("市-9", stem="期限是（B）。")]),
        "a.gift": "期限是（B）。{=五日 ~三日 ~七日}".encode(),
    }
    for name, content in files.items():
        answer = await upload(town, content, file=name)
        assert answer.status_code == 422, name
        assert any("题干里的“（B）”写出了答案" in one["detail"] for one in answer.json()["report"]["errors"]), name
