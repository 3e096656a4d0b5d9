"""Templates (通报模板) of a bureau or province: every version kept, the newest in force, the built-in text behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from app.core import audit
from app.core.errors import FieldProblem, Invalid
from app.notices.layouts import PLACES, TITLE, layout_of
from app.notices.models import NoticeTemplate
from app.notices.templates.examples import examples
from app.notices.templates.sandbox import TemplateProblem, WritingFailed, Written, problems_of
from app.notices.templates.vocabulary import values, vocabulary
from app.notices.text import Text, audience_of, write
from app.notices.wording import as_of
from app.roster.models import Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.notices.templates.vocabulary import Value
    from app.notices.text import Stats

log = structlog.get_logger(__name__)

Place = tuple[str, str]
"""A slot's name and a kind of audience."""


class TemplateInvalid(Invalid):
    """A template cannot be used; `errors` name the line of title or body, and what to do."""

    title = "模板有误"


class NoSuchNotice(Invalid):
    """A slot tells this kind of audience nothing, so that there is no template of it."""

    title = "该时段没有发给此受众的通报"


class Source(NamedTuple):
    """Which template wrote a text (None, 0: the built-in one), and what went wrong with one that should have."""

    id: uuid.UUID | None = None
    version: int = 0
    warning: str | None = None


BUILT_IN = Source()


def both(one: Source, other: Source) -> Source:
    """Return the source of a notice of several texts: the template if it wrote any, the first warning if there is any."""
    template = one if one.id else other
    return Source(template.id, template.version, one.warning or other.warning)


def place_of(slot: str, audience: str) -> Place:
    """Return the place of a slot and kind of audience. Raises NoSuchNotice where the slot tells it nothing."""
    if (slot, audience) in PLACES:
        return slot, audience
    when = "、".join(name for name, told in PLACES if told == audience)
    raise NoSuchNotice(
        f"{slot}没有发给此受众的通报，请改选时段。",
        errors=[FieldProblem("/slot", f"此受众的通报只有{when}，请从中选择。")],
    )


def built_in(place: Place) -> tuple[str, str]:
    """Return the built-in title and body as a template that writes the same."""
    lines = ("".join("{{ %s }}" % name for name in line) for line in layout_of(*place))  # noqa: UP031 - braces
    return "{{ %s }}" % TITLE, "\n".join(lines)  # noqa: UP031 - the same


def tried(place: Place, title: str, body: str) -> dict[str, Text]:
    """Return what a template writes on each example day, by the day's name. Raises TemplateInvalid."""
    problems = problems_of(title, body, [named.name for named in vocabulary(*place)])
    if problems:
        raise _invalid(dict.fromkeys(problems, ""))
    template, texts = Written(title, body), {}
    failed: dict[TemplateProblem, str] = {}
    for name, stats in examples(*place).items():
        try:
            texts[name] = _written(template, stats)
        except WritingFailed as error:
            failed.setdefault(error.problem, f"（例：{name}{'的一天' if place[1] != 'nudge' else ''}）")
    if failed:
        raise _invalid(failed)
    return texts


_AS_OF = "统计截至"
_LATE = "补发"
_QUOTED = "全省情况"
"""A piece that may speak of another as-of instant than the notice's own."""


def _written(template: Written, stats: Stats) -> Text:
    """Write a notice; one that leaves out as of when it speaks, or that it comes late, ends with the line that says so.

    A nudge is too short to carry one. Raises WritingFailed.
    """
    named = values(stats)
    text = template.write(named)
    return text if _dated(text, stats, named) else Text(text.title, f"{text.body}\n{as_of(stats.occasion)}")


def _dated(text: Text, stats: Stats, named: Mapping[str, Value]) -> bool:
    if audience_of(stats) == "nudge":
        return True
    said = "".join(text)
    if quoted := named.get(_QUOTED):
        said = said.replace(str(quoted), "")
    return _AS_OF in said and (_LATE in said or not stats.occasion.late)


def _invalid(problems: Mapping[TemplateProblem, str]) -> TemplateInvalid:
    errors = [
        FieldProblem(f"/{problem.part}", f"第{problem.line}行：{problem.detail}{on}")
        for problem, on in problems.items()
    ]
    return TemplateInvalid("模板有误，没有保存；请按所列各行改正后重试。", errors=errors)


@dataclass(frozen=True)
class Wording:
    """The templates in force for one bureau (or province) and what lies below it, each made ready once."""

    held: Mapping[Place, NoticeTemplate]
    ready: dict[Place, Written] = field(default_factory=dict)

    def say(self, stats: Stats) -> tuple[Text, Source]:
        """Return the notice for these figures, by the template in force.

        Where that fails the built-in text goes out, and the source's warning tells so.
        """
        place = (stats.occasion.slot.name, audience_of(stats))
        template = self.held.get(place)
        if template is None or template.title is None or template.body is None:
            return write(stats), BUILT_IN
        try:
            if place not in self.ready:
                self.ready[place] = Written(template.title, template.body)
            return _written(self.ready[place], stats), Source(template.id, template.version)
        except WritingFailed as error:
            where = f"{'标题' if error.problem.part == 'title' else '正文'}第{error.problem.line}行"
            warning = (
                f"第{template.version}版模板写不出这份通报（{where}：{error.problem.detail}），"
                "已改用内置文字；请管理员修改模板。"
            )
            log.warning("template failed", template=str(template.id), why=error.problem.detail)
            return write(stats), Source(warning=warning)


async def wording_for(session: AsyncSession, path: Sequence[uuid.UUID]) -> Wording:
    """Return the templates in force for a unit, given by its path."""
    return (await wordings_for(session, [path]))[0]


async def wordings_for(session: AsyncSession, paths: Sequence[Sequence[uuid.UUID]]) -> list[Wording]:
    """Return the templates in force for units, each given by its path: its own, else those of the nearest unit above."""
    newest = await newest_of(session, {unit_id for path in paths for unit_id in path})
    by_unit: dict[uuid.UUID, dict[Place, NoticeTemplate]] = {}
    for (unit_id, place), one in newest.items():
        if one.body is not None:
            by_unit.setdefault(unit_id, {})[place] = one
    wordings = []
    for path in paths:
        held: dict[Place, NoticeTemplate] = {}
        for unit_id in path:  # root first: the nearest is the last word
            held |= by_unit.get(unit_id, {})
        wordings.append(Wording(held))
    return wordings


async def newest_of(
    session: AsyncSession, unit_ids: Iterable[uuid.UUID]
) -> dict[tuple[uuid.UUID, Place], NoticeTemplate]:
    """Return the newest version of each template of these units, deletions included, by unit and place."""
    key = (NoticeTemplate.unit_id, NoticeTemplate.slot, NoticeTemplate.audience_kind)
    found = await session.scalars(
        select(NoticeTemplate)
        .where(NoticeTemplate.unit_id.in_(list(unit_ids)))
        .ext(distinct_on(*key))
        .order_by(*key, NoticeTemplate.version.desc())
    )
    return {(one.unit_id, (one.slot, one.audience_kind)): one for one in found}


async def versions_of(session: AsyncSession, unit_id: uuid.UUID, place: Place) -> list[NoticeTemplate]:
    """Return every version of a unit's template, the newest first."""
    found = await session.scalars(
        select(NoticeTemplate)
        .where(
            NoticeTemplate.unit_id == unit_id,
            NoticeTemplate.slot == place[0],
            NoticeTemplate.audience_kind == place[1],
        )
        .order_by(NoticeTemplate.version.desc())
    )
    return list(found.all())


async def save(
    session: AsyncSession,
    unit: Unit,
    place: Place,
    text: tuple[str, str] | None,
    *,
    now: dt.datetime,
    actor_id: uuid.UUID,
) -> NoticeTemplate | None:
    """Add a version: title and body, which `tried` found good, or None to have no text of one's own again.

    What is already in force is not saved again. Returns the newest version, None where there never was one.
    """
    # The unit's row is the lock: two at once get two version numbers, one after the other.
    await session.execute(select(Unit.id).where(Unit.id == unit.id).with_for_update(key_share=True))
    newest = (await newest_of(session, [unit.id])).get((unit.id, place))
    title, body = text or (None, None)
    if (newest.title, newest.body) == (title, body) if newest else text is None:
        return newest
    template = NoticeTemplate(
        unit_id=unit.id,
        slot=place[0],
        audience_kind=place[1],
        version=newest.version + 1 if newest else 1,
        title=title,
        body=body,
        created_by=actor_id,
        created_at=now,
    )
    session.add(template)
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action="notice-template.save" if text else "notice-template.delete",
        subject=("notice_template", template.id),
        before=_facts(newest) if newest else None,
        after={**_facts(template), "unit_id": str(unit.id), "slot": place[0], "audience": place[1]},
    )
    return template


def _facts(template: NoticeTemplate) -> dict[str, str | int | None]:
    return {"version": template.version, "title": template.title, "body": template.body}
