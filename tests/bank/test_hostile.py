"""Files that would cost minutes or memory, or lose words: refused with a word that says what to do."""

from __future__ import annotations

import pytest
from docx.document import Document
from docx.oxml import parse_xml

from app.bank import markup, packages
from app.bank.packages import check_package
from app.bank.uploads import read_upload
from tests.bank.test_documents import LINES, packed, paragraphs, written
from tests.bank.test_plain import ONE
from tests.bank.test_sheets import HEADER, SINGLE

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def cell(text: str, shape: str = "") -> str:
    return f"<w:tc><w:tcPr>{shape}</w:tcPr><w:p>{run(text)}</w:p></w:tc>"


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def document(xml: str, *, within: bool = False) -> bytes:
    """The one question of LINES; before it, or within its stem's paragraph, stands a piece of WordprocessingML."""

    def fill(made: Document) -> None:
        paragraphs(made, LINES)
        tag, _, rest = xml.partition(">")
        name, slash = (tag[:-1], "/") if tag.endswith("/") else (tag, "")
        element = parse_xml(f"{name} {W}{slash}>{rest}")
        made.paragraphs[0]._p.append(element) if within else made.element.body.insert(0, element)

    return written(fill)


def told(content: bytes) -> str:
    """What is said about a document of which nothing is taken."""
    reading = read_upload("a.docx", content)
    assert reading.questions == []
    (problem,) = reading.problems
    return problem.detail


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (
            f'<w:ins w:id="1">{run("不得")}</w:ins>',
            "未处理的修订（“1. 听证的期限是（ ）。”一段）；请先接受或拒绝全部修订",
        ),
        ('<w:del w:id="1"><w:r><w:delText>不</w:delText></w:r></w:del>', "请先接受或拒绝全部修订"),
        (f'<w:moveTo w:id="1">{run("不得")}</w:moveTo>', "请先接受或拒绝全部修订"),
        (f"<w:r><w:pict><w:txbxContent><w:p>{run('x')}</w:p></w:txbxContent></w:pict></w:r>", "文档里有文本框"),
        ("<w:r><w:pict/></w:r>", "图片或图形"),
        ('<w:r><w:footnoteReference w:id="2"/></w:r>', "脚注或尾注"),
        ('<w:r><w:sym w:font="Wingdings 2" w:char="F050"/></w:r>', "插入符号"),
        (f"<m:oMath {M}><m:r><m:t>x</m:t></m:r></m:oMath>", "公式"),
        (f"<w:r><w:ruby><w:rubyBase>{run('听')}</w:rubyBase></w:ruby></w:r>", "文档里的“听”读不出来"),
    ],
)
def test_a_document_of_which_words_would_vanish_is_refused(xml, said):
    assert said in told(document(xml, within=True))


@pytest.mark.parametrize(
    "xml",
    [
        f"<w:sdt><w:sdtPr/><w:sdtContent>{run('甲')}</w:sdtContent></w:sdt>",
        f'<w:smartTag w:element="x"><w:smartTag w:element="y">{run("甲")}</w:smartTag></w:smartTag>',
    ],
)
def test_text_in_content_controls_is_read(xml):
    reading = read_upload("a.docx", document(xml, within=True))
    assert (reading.problems, reading.questions[0].entry.stem) == ([], "听证的期限是（　）。甲")


def test_paragraphs_and_rows_in_content_controls_are_read():
    xml = f"<w:sdt><w:sdtContent><w:p>{run('0. 应当告知（√）')}</w:p></w:sdtContent></w:sdt>"
    assert [one.entry.kind for one in read_upload("a.docx", document(xml)).questions] == ["true_false", "single"]
    row = f"<w:sdt><w:sdtContent><w:tr>{cell('0. 应当告知（√）')}</w:tr></w:sdtContent></w:sdt>"
    content = document(f"<w:tbl>{row}</w:tbl>")
    assert [one.entry.kind for one in read_upload("a.docx", content).questions] == ["true_false", "single"]


def spanned(width: object) -> str:
    return cell("x", f'<w:gridSpan w:val="{width}"/>')


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (table(spanned(99_999_999_999)), "超过63列"),
        (table(spanned(40) + spanned(40)), "超过63列"),
        ('<w:tbl><w:tr><w:trPr><w:gridBefore w:val="64"/></w:trPr></w:tr></w:tbl>', "超过63列"),
        (table(spanned("abc")), "文件无法读取"),
        (
            f"<w:p><w:pPr><w:numPr><w:ilvl w:val='x'/><w:numId w:val='1'/></w:numPr></w:pPr>{run('x')}</w:p>",
            "文件无法读取",
        ),
        ("<w:tbl><w:tr><w:tc>" * 4 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 4, "套了3层以上"),
    ],
)
def test_a_document_that_lies_about_its_shape_is_refused(xml, said):
    assert said in told(document(xml))


def test_a_number_without_its_list_is_told():
    def fill(made: Document) -> None:
        paragraphs(made, LINES)
        made.part.numbering_part.element.append(parse_xml(f'<w:num {W} w:numId="99"/>'))

    assert "文件无法读取" in told(written(fill))


def test_merged_cells_are_read_once_and_stand_in_every_place_of_a_sheet():
    once = table(cell("0. 应当告知（√）", '<w:gridSpan w:val="3"/>'), cell("", "<w:vMerge/>"))
    assert [one.row for one in read_upload("a.docx", document(once)).questions] == [1, 3]

    topic = HEADER.index("专题")
    rows = [
        [str(value) for value in row] for row in (HEADER, SINGLE, ["市-002", *SINGLE[1:4], "复议（　）。", *SINGLE[5:]])
    ]
    merged = ["", '<w:vMerge w:val="restart"/>', '<w:vMerge w:val="continue"/>']
    xml = table(
        *(
            "".join(
                cell("" if number == 2 and place == topic else text, shape if place == topic else "")
                for place, text in enumerate(row)
            )
            for number, (row, shape) in enumerate(zip(rows, merged, strict=True))
        )
    )
    reading = read_upload("a.docx", document(xml))
    assert [one.entry.topic for one in reading.questions[:2]] == [SINGLE[topic]] * 2


def test_a_table_within_a_table_is_read():
    inner = table(cell("0. 应当告知（√）"))
    xml = f"<w:tbl><w:tr><w:tc>{inner}<w:p/></w:tc></w:tr><w:tr/></w:tbl>"
    assert [one.entry.kind for one in read_upload("a.docx", document(xml)).questions] == ["true_false", "single"]


def test_a_document_of_too_many_lines_is_refused():
    assert "超过20万行" in told(document("<w:p><w:r>" + "<w:br/>" * markup._MOST_LINES + "</w:r></w:p>"))


def test_a_document_of_too_many_tags_is_not_built():
    tags = packed(**{"word__document.xml": b"<w:p/>" * (packages.MOST_MARKS + 1)})
    assert told(tags) == "文档的内容过多，请分几次导入。"
    check_package(tags)


def test_too_many_rows_are_refused():
    rows = [f"<w:tr>{''.join(cell(str(name)) for name in HEADER)}</w:tr>", "<w:tr/>" * 20_001]
    assert "一次最多20000题" in told(document(f"<w:tbl>{''.join(rows)}</w:tbl>"))


@pytest.mark.parametrize("place", ["是（　）", "三日", "答案：B", "解析：见"])
def test_a_line_of_blanks_without_end_is_told(place):
    text = ONE.replace(place, place + " " * 100_000 + "x")
    problems = read_upload("a.txt", text.encode()).problems
    assert ["最多5000个字" in one.detail for one in problems if "这一行有" in one.detail] == [True]


@pytest.mark.parametrize("place", ["三日", "答案：B"])
def test_a_run_of_blanks_that_fits_is_blanks(place):
    reading = read_upload("a.txt", ONE.replace(place, place + " " * 4_000).encode())
    assert (reading.problems, len(reading.questions[0].entry.options)) == ([], 4)
