"""What the calls on templates take and give."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.notices.templates.sandbox import FILTERS, LONGEST_SOURCE, LONGEST_TITLE
from app.notices.templates.service import Place, built_in
from app.notices.templates.vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.notices.models import NoticeTemplate
    from app.notices.text import Text
    from app.roster.models import Unit

TemplateSlot = Literal["08:00", "12:00", "18:00", "22:00", "11:40", "17:40", "12:30", "20:00"]
TemplateKind = Literal["province", "bureau", "branch", "liaison", "leader", "forecast", "nudge"]
Example = Literal["无人参赛", "名次并列", "全员完成", "名次下降", "尚未开始", "差一场对战", "差每日一测和对战"]
_Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE, pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]+$"
    ),
]
_Body = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_SOURCE, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
    ),
]


class TemplateIn(BaseModel):
    """模板的标题和正文；正文一行一段，写出来没有文字的行自动略去."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "{{ 标题 }}",
                    "body": "{{ 进展 }}{{ 各分局情况 }}\n{% if 未完成 %}还有{{ 未完成 }}人未完成，请抓紧。{% endif %}\n{{ 落款 }}",
                }
            ]
        },
    )

    title: _Title
    body: _Body


class TemplateTrial(TemplateIn):
    """要试写的模板."""

    slot: TemplateSlot
    audience: TemplateKind


class NameOut(BaseModel):
    """模板可用的一个名称；piece：内置文字的一段，figure：数值，list：可逐个列出."""

    name: str
    kind: Literal["piece", "figure", "list"]
    description: str


class FilterOut(BaseModel):
    """写在名称之后的一种写法，如“完成率|百分比”."""

    name: str
    description: str


class OwnerRef(BaseModel):
    """模板所属的市局或省厅."""

    id: str
    name: str


class TemplateOut(BaseModel):
    """一个时段、一种受众现行的模板；version 为0的是内置文字."""

    slot: TemplateSlot
    audience: TemplateKind
    version: int
    owner: OwnerRef | None = Field(description="现行模板是谁的；内置文字为 null")
    title: str
    body: str
    created_at: dt.datetime | None


class TemplateList(BaseModel):
    """各时段、各种受众现行的模板."""

    items: list[TemplateOut]


class VersionOut(BaseModel):
    """本单位保存过的一个版本；title、body 为空的是恢复默认."""

    version: int
    title: str | None
    body: str | None
    created_at: dt.datetime
    created_by: str = Field(description="保存人姓名")


class TemplateDetail(TemplateOut):
    """现行模板、可用的名称和写法、内置文字，以及本单位保存过的各个版本."""

    names: list[NameOut]
    filters: list[FilterOut]
    built_in_title: str
    built_in_body: str
    versions: list[VersionOut]


class ExampleOut(BaseModel):
    """在一个示例日写出来的样子."""

    example: Example
    title: str
    body: str


class TrialOut(BaseModel):
    """各示例写成什么：一般是三个示例日（无人参赛、名次并列、全员完成），提示本人的是三种未完成情况；不发的不列."""

    examples: list[ExampleOut]


def template_view(place: Place, template: NoticeTemplate | None, owner: Unit | None) -> dict[str, Any]:
    """Return the template in force at a place; None: the built-in text."""
    title, body = (template.title, template.body) if template else built_in(place)
    return {
        "slot": place[0],
        "audience": place[1],
        "version": template.version if template else 0,
        "owner": {"id": str(owner.id), "name": owner.name} if owner else None,
        "title": title,
        "body": body,
        "created_at": template.created_at if template else None,
    }


def detail_view(
    place: Place,
    template: NoticeTemplate | None,
    owner: Unit | None,
    versions: Sequence[tuple[NoticeTemplate, str]],
) -> dict[str, Any]:
    """Return the template in force with what it may name and the unit's versions, each with who saved it."""
    title, body = built_in(place)
    return {
        **template_view(place, template, owner),
        "names": [named._asdict() for named in vocabulary(*place)],
        "filters": [{"name": name, "description": told} for name, (_, told) in FILTERS.items()],
        "built_in_title": title,
        "built_in_body": body,
        "versions": [
            {
                "version": version.version,
                "title": version.title,
                "body": version.body,
                "created_at": version.created_at,
                "created_by": by,
            }
            for version, by in versions
        ],
    }


def trial_view(texts: Mapping[str, Text]) -> dict[str, Any]:
    """Return what a template writes on the example days."""
    return {"examples": [{"example": name, "title": text.title, "body": text.body} for name, text in texts.items()]}
