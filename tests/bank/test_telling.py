"""Words beside a question that tell its answer, and letters in brackets that do not: units, names, codes of waste."""

from __future__ import annotations

import pytest

from app.bank.entries import parse_entry
from app.bank.uploads import read_upload
from tests.bank.banks import as_yaml, fill, question
from tests.bank.test_questions_api import get, upload
from tests.bank.test_sheets import HEADER, SINGLE, workbook

OPTIONS = "\nA. 三日\nB. 五日\nC. 七日\n"


def problems_of(text: str) -> list[tuple[str, str]]:
    return [(one.field, one.detail) for one in read_upload("a.txt", f"{text}\n".encode()).problems]


@pytest.mark.parametrize("line", ["答案 B", "答案B。", "正确答案是B", "参考答案：B", "标准答案为 Ｂ", "答案选B"])
@pytest.mark.parametrize("stem", ["期限是（B）。", "期限是（　）。"])
def test_a_line_that_tells_the_answer_is_the_answer(line, stem):
    (one,) = read_upload("a.txt", f"1. {stem}{OPTIONS}{line}\n".encode()).questions
    assert (one.entry.stem, one.entry.options[2][1], one.entry.key) == ("期限是（　）。", "七日", ("B",))
    assert one.whole


def test_a_telling_line_within_an_explanation_belongs_to_it():
    text = f"1. 期限是（　）。{OPTIONS}答案：B\n解析：见本条，\n答案是B。\n"
    (one,) = read_upload("a.txt", text.encode()).questions
    assert one.entry.explanation == "见本条，\n答案是B。"


@pytest.mark.parametrize("line", ["理由：应当是五日，见本条。", "选第二项"])
def test_a_last_option_that_goes_on_is_told_where_the_stem_held_the_answer(line):
    ((field, said),) = problems_of(f"1. 期限是（B）。{OPTIONS}{line}")
    assert field == "options"
    assert said.startswith(f"第5行“{line}”接在选项C后面；")
    assert problems_of(f"1. 期限是（B）。{OPTIONS.replace('三日', '三日' + chr(10) + '之内')}") == []


@pytest.mark.parametrize(
    "text",
    [
        "1. 期限为三日。（×）应为五日。",
        "1. 期限为三日。（×）\n改正：三日改为五日。",
        "1. 期限为三日（×），应当为五日。\n答案：错误",
        "1. （×）期限为三日。\n改正：三日改为五日。",
    ],
)
def test_a_correction_behind_a_statements_mark_is_told(text):
    ((field, said),) = problems_of(f"判断题\n{text}")
    assert field == "stem"
    assert "改正的话另起一行写成“解析：…”" in said


@pytest.mark.parametrize(
    "text",
    [
        "期限是几日？正确答案是B",
        "期限是几日？答案 B",
        "期限是几日？\n参考答案Ｂ",
        "期限是几日？故选B。",
        "期限是五日，答案为错误。",
        "期限是几日？答案√",
    ],
)
def test_a_telling_is_refused_in_a_stem_and_in_an_option(text):
    assert [name for name, _ in parse_entry(question(stem=text))[1]] == ["stem"]
    options = {"A": "五日", "B": "七日", "C": f"十日 {text}"}
    assert "options.C" in dict(parse_entry(question(options=options))[1])


def test_a_multiples_letters_beside_a_blank_are_told_where_they_are_the_key():
    for letters, fields in (("A、B", ["stem"]), ("B、C", [])):
        stem = f"依照（　）属于（{letters}）。"
        assert [name for name, _ in parse_entry(question("q-1", "multiple", stem=stem))[1]] == fields


@pytest.mark.parametrize(
    "text", ["下列答案是否正确？", "答案A卷共几页？", "提供答案的是谁？", "应选B级防护的是谁？", "答案为错误的有哪些？"]
)
def test_words_that_are_like_a_telling_are_taken(text):
    assert parse_entry(question(stem=text))[1] == []


LEGITIMATE = [
    ("true_false", "夜间限值为50dB（A）。", "AB"),
    ("true_false", "夜间限值为50 dB (A)。", "AB"),
    ("true_false", "昼间限值为60分贝（A）。", "AB"),
    ("true_false", "废矿物油的危险特性为毒性（T）。", "AB"),
    ("true_false", "废酸的危险特性为腐蚀性（C）。", "AB"),
    ("true_false", "甲公司（A）应当改正。", "AB"),
    ("single", "夜间限值为多少dB（A）？", "ABC"),
    ("single", "夜间限值为（　）dB（A）。", "ABC"),
    ("single", "执行一级标准（A），应当（　）。", "BC"),
    ("single", "下列哪项属于国家标准（GB）的特点？", "ABC"),
    ("single", "苯并（a）芘、苯并 (b) 荧蒽的限值是多少？", "ABC"),
    ("single", "具有腐蚀性（C）的废物是哪一种？", "ABC"),
    ("single", "下列做法（错误）的是哪一项？", "ABC"),
    ("single", "甲公司（A）把危废交给乙公司（B），应当处罚谁？", "ABC"),
    ("single", "甲公司（A）排污，应当受何处罚？", "BC"),
    ("single", "某地（A）的期限多长，应当（　）？", "BC"),
    ("single", "甲公司（A）排污，应当（　）。", "ABC"),
    ("single", "关于曝气生物滤池（BAF），正确的是哪一项？", "ABC"),
]


@pytest.mark.parametrize(("kind", "stem", "keys"), LEGITIMATE)
def test_a_letter_that_is_no_answer_is_left_and_taken(kind, stem, keys):
    for key in keys:
        answer = {"A": "对", "B": "错"}[key] if kind == "true_false" else key
        options = "\n" if kind == "true_false" else OPTIONS
        (one,) = read_upload("a.txt", f"1. {stem}{options}答案：{answer}\n".encode()).questions
        assert (one.entry.kind, one.entry.stem, one.entry.key, one.whole) == (kind, stem, (key,), True)


def test_two_firms_with_letters_are_names_in_a_multiple_too():
    stem = "甲公司（A）和乙公司（B）谁应当受罚，如何处罚？"
    (one,) = read_upload("a.txt", f"1. {stem}{OPTIONS}答案：AB\n".encode()).questions
    assert (one.entry.stem, one.whole) == (stem, True)


@pytest.mark.parametrize("stem", ["甲公司（A）排污，应当受何处罚？", "某地（A）与（B）的期限多长？"])
def test_a_letter_that_may_be_a_name_never_makes_an_answer_out_of_none(stem):
    (one,) = read_upload("a.txt", f"1. {stem}{OPTIONS}".encode()).questions
    assert (one.entry.stem, one.entry.key, one.whole) == (stem, (), False)


def test_a_firms_letter_that_equals_the_key_is_told_and_not_taken_out():
    ((_, said),) = problems_of(f"1. 甲公司（A）排污，应当受何处罚？{OPTIONS}答案：A")
    assert said.startswith("题干里的“（A）”写出了答案")


async def test_what_an_export_holds_comes_in_again(town, services, tmp_path):
    await fill(services, tmp_path, [question("shared")])
    rows = [
        ["市-1", "判断", *SINGLE[2:4], "夜间限值为50dB（A）。", "", "", "", "", "正确", *SINGLE[10:]],
        ["市-2", *SINGLE[1:4], "昼间限值为多少dB（A）？", *SINGLE[5:9], "A", *SINGLE[10:]],
    ]
    assert (await upload(town, workbook(HEADER, *rows))).status_code == 200
    book = (await get(town, "管理员", "/exports/questions")).content
    assert (await upload(town, book)).json()["unchanged"] == 2
    judged = question("市-3", "true_false", stem="毒性（T）。")
    assert (await upload(town, as_yaml([judged]), file="a.yaml")).status_code == 200
    gift = "::市-4::昼间限值为70dB(A)。{T}".encode()
    assert (await upload(town, gift, file="a.gift")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "stem", "answer"),
    [
        ("single", "甲为（　），乙为（B）。", "B"),
        ("true_false", "应当经主管部门批准（T）", "对"),
        ("true_false", "须征得相邻企业（F）。", "错"),
        ("single", "处以（B）罚款。", "A"),
        ("single", "某地（A）的期限多长？", "B"),
    ],
)
def test_a_letter_that_may_be_the_answer_is_refused(kind, stem, answer):
    options = "\n" if kind == "true_false" else OPTIONS
    reading = read_upload("a.txt", f"1. {stem}{options}答案：{answer}\n".encode())
    assert [problem.field for problem in reading.problems] == ["stem"]


@pytest.mark.parametrize(
    ("stem", "rest"), [("自收到之日起15（B）内提出。", "15（　）内"), ("责令改正，并（B）。", "并（　）。")]
)
def test_a_blanks_letter_behind_a_number_or_a_word_is_taken_out(stem, rest):
    (one,) = read_upload("a.txt", f"1. {stem}{OPTIONS}答案：B\n".encode()).questions
    assert rest in one.entry.stem
    assert one.whole
