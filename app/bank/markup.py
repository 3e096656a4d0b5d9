"""Makes sure that nothing of a Word document is lost silently: what cannot be read as plain text is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docx.oxml.ns import nsmap, qn

from app.bank.packages import Hostile

if TYPE_CHECKING:
    from collections.abc import Iterable

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"


def _named(names: str) -> set[str]:
    return {qn(f"w:{name}") for name in names.split()}


_TRACKED = _named("ins del moveFrom moveTo cellIns cellDel cellMerge")
_LOST = {
    **dict.fromkeys(_named("txbxContent"), "文本框"),
    **dict.fromkeys(_named("footnoteReference endnoteReference"), "脚注或尾注"),
    **dict.fromkeys([f"{_MATH}oMath", f"{_MATH}oMathPara"], "公式"),
    **dict.fromkeys(_named("drawing pict object"), "图片或图形"),
    **dict.fromkeys(_named("sym"), "用“插入符号”放进的符号"),
    **dict.fromkeys(_named("ddList checkBox"), "表单域"),
    **dict.fromkeys(_named("altChunk subDoc contentPart"), "嵌入的另一份文档"),
}
_WRAPS = _named("sdt sdtContent smartTag customXml fldSimple bdo dir")
_PLACES = {
    qn(f"w:{inner}"): _named(outer)
    for inner, outer in {
        "t": "r",
        "r": "p hyperlink",
        "hyperlink": "p",
        "p": "body tc",
        "tc": "tr",
        "tr": "tbl",
        "tbl": "body tc",
    }.items()
}
"""Where a text stands that our reader finds: each element and what it stands in."""
_MOST_LINES = 200_000
"""Twenty thousand questions of ten lines."""
_DEEPEST_TABLE = 3


def settle(body: Any) -> None:
    """Take content controls and other wrappers from around their text; raises Hostile for what would be lost.

    That is: tracked changes not yet decided on, text boxes, notes, formulas, pictures, and text in unknown places.
    What would take us minutes to read is refused first.
    """
    _bounded(body)
    for one in body.iter(*_TRACKED):
        raise Hostile(f"文档里有未处理的修订{_near(one)}；请先接受或拒绝全部修订，保存后再上传。")
    for one in _boxes_first(body.iter(*_LOST)):
        raise Hostile(f"文档里有{_LOST[one.tag]}{_near(one)}，读不出来；请改成普通文字或删去后再上传。")
    for one in [*body.iter(*_WRAPS)]:
        for child in list(one):
            one.addprevious(child)
        one.getparent().remove(one)
    for one in body.iter(qn("w:t")):
        if one.text and one.text.strip() and not _is_read(one):
            raise Hostile(f"文档里的“{one.text.strip()[:20]}”读不出来；请把内容粘贴为纯文本后再上传。")


def _bounded(body: Any) -> None:
    breaks = sum(1 for _ in body.iter(*_named("p br cr")))
    if breaks + sum((one.text or "").count("\n") for one in body.iter(qn("w:t"))) > _MOST_LINES:
        raise Hostile(f"文档超过{_MOST_LINES // 10_000}万行，请分几次导入。")
    for table in body.iter(qn("w:tbl")):
        if sum(1 for _ in table.iterancestors(qn("w:tbl"))) >= _DEEPEST_TABLE:
            raise Hostile(f"文档里的表格套了{_DEEPEST_TABLE}层以上，请把里面的表格移到外面后再上传。")


def _boxes_first(found: Iterable[Any]) -> list[Any]:
    """Put text boxes before the drawings that they stand in."""
    return sorted(found, key=lambda one: one.tag != f"{{{nsmap['w']}}}txbxContent")


def _near(one: Any) -> str:
    """Return the begin of the outermost paragraph around an element, for a person to find it."""
    around = list(one.iterancestors(qn("w:p")))
    begin = " ".join(around[-1].text.split())[:20] if around else ""
    return f"（“{begin}”一段）" if begin else ""


def _is_read(one: Any) -> bool:
    while one.tag in _PLACES:
        above = one.getparent()
        if above.tag not in _PLACES[one.tag]:
            return False
        one = above
    return True
