"""Use cases of contests: draft, change, open, pause, resume; each is audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app.contests.models import Contest, ContestRules, ContestState
from app.contests.queries import clashing_contest, drawable_counts, rules_versions
from app.contests.rules import (
    KINDS,
    BankTooSmall,
    PlayRules,
    changed_rules_from,
    checked,
    closes_at,
    date_problems,
)
from app.core import audit
from app.core.clock import local_day
from app.core.errors import Conflict, FieldProblem, Invalid, NotFound
from app.roster.models import Unit, UnitKind

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

_CONTESTS_LOCK = 0x636F6E74  # advisory lock number: one change of any contest at a time, so that none overlap
_PLAIN = ("name", "short_name", "issuer", "office_phone")


class ContestOverlaps(Conflict):
    """Another open contest has some of the same officers on some of the same days."""

    code = "contest-overlaps"
    title = "与另一场竞赛的单位和日期重叠"


class ContestNotDraft(Conflict):
    """Only a draft can be opened."""

    code = "contest-not-draft"
    title = "竞赛不是草稿，不能再次开启"


class ContestNotOpen(Conflict):
    """Only an open contest that is not over can be paused."""

    code = "contest-not-open"
    title = "竞赛没有开启，不能暂停"


class ContestNotPaused(Conflict):
    """Only a paused contest can be resumed."""

    code = "contest-not-paused"
    title = "竞赛没有暂停，不能恢复"


class ContestFixed(Conflict):
    """What it asks to change is settled once a contest has been opened."""

    code = "contest-already-opened"
    title = "竞赛开启后不能修改单位和开始日期"


class ContestStartsInPast(Conflict):
    """The first day went by before the contest was opened."""

    code = "contest-starts-in-past"
    title = "开始日期已过"


class ContestOver(Conflict):
    """The last day is past, or too near for what is asked."""

    code = "contest-over"
    title = "竞赛已经结束"


async def create_contest(
    session: AsyncSession,
    *,
    unit_id: uuid.UUID,
    name: str,
    starts_on: dt.date,
    ends_on: dt.date,
    rules: Mapping[str, Any],
    now: dt.datetime,
    actor_id: uuid.UUID | None,
    short_name: str | None = None,
    issuer: str | None = None,
    office_phone: str | None = None,
) -> Contest:
    """Make a draft over a bureau's or province's subtree; `rules` are merged over the defaults.

    Raises Invalid for its dates or unit, InvalidRules for its rules.
    """
    await _checked_unit(session, unit_id)
    _check_dates(starts_on, ends_on)
    play = checked(PlayRules(), rules)
    contest = Contest(
        unit_id=unit_id,
        name=name,
        short_name=short_name,
        issuer=issuer,
        office_phone=office_phone,
        starts_on=starts_on,
        ends_on=ends_on,
        state=ContestState.DRAFT,
        created_at=now,
        opened_at=None,
    )
    session.add(contest)
    await session.flush()
    session.add(_version(contest.id, starts_on, play, now, actor_id))
    await _audit(session, contest, "contest.create", now, actor_id, after={**_facts(contest), "rules": _dump(play)})
    return contest


async def change_contest(
    session: AsyncSession,
    contest: Contest,
    changes: Mapping[str, Any],
    *,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> Contest:
    """Change the given members of a contest.

    A draft may change in everything. Of an opened one: names, issuer and telephone; `ends_on`, not before today;
    `rules`, merged over their newest version and in force from tomorrow (from the first day, if that is later).
    Raises ContestFixed, ContestOver, ContestOverlaps, BankTooSmall, Invalid and InvalidRules.
    """
    await _exclusively(session, contest)
    newest = (await rules_versions(session, [contest.id]))[contest.id][-1]
    before = {**_facts(contest), "rules": newest.rules}
    if contest.state == ContestState.DRAFT:
        after_rules = await _change_draft(session, contest, newest, changes)
    else:
        after_rules = await _change_opened(session, contest, newest, changes, now, actor_id)
    telephone = contest.office_phone
    for name in _PLAIN:
        if name in changes:
            setattr(contest, name, changes[name])
    after = {**_facts(contest), "rules": after_rules}
    changed = [name for name in after if after[name] != before[name]]
    if contest.office_phone != telephone:
        # The audit log holds no telephone numbers, only that one was changed.
        changed, after["office_phone"], before["office_phone"] = [*changed, "office_phone"], "changed", None
    if changed:
        was, became = ({name: facts[name] for name in changed} for facts in (before, after))
        await _audit(session, contest, "contest.change", now, actor_id, before=was, after=became)
    return contest


async def open_contest(
    session: AsyncSession, contest: Contest, *, now: dt.datetime, actor_id: uuid.UUID | None
) -> Contest:
    """Open a draft; opening an open contest again changes nothing.

    Raises ContestNotDraft (paused), ContestOver, ContestStartsInPast, ContestOverlaps and BankTooSmall.
    """
    await _exclusively(session, contest)
    if contest.state == ContestState.OPEN:
        return contest
    if contest.state != ContestState.DRAFT:
        raise ContestNotDraft("竞赛已暂停，请用“恢复”继续。")
    today = local_day(now)
    if contest.ends_on < today:
        raise ContestOver("结束日期已过，请先修改日期再开启。", ends_on=str(contest.ends_on))
    if contest.starts_on < today:
        raise ContestStartsInPast("请先把开始日期改为今天或以后，再开启竞赛。", starts_on=str(contest.starts_on))
    await _refuse_overlap(session, contest, contest.ends_on)
    rules = PlayRules.model_validate((await rules_versions(session, [contest.id]))[contest.id][-1].rules)
    await _refuse_small_bank(session, contest, rules, {contest.starts_on, contest.ends_on})
    contest.state = ContestState.OPEN
    contest.opened_at = now
    await _audit_state(session, contest, "contest.open", ContestState.DRAFT, now, actor_id)
    return contest


async def pause_contest(
    session: AsyncSession, contest: Contest, *, now: dt.datetime, actor_id: uuid.UUID | None
) -> Contest:
    """Pause an open contest (暂停); pausing a paused one again changes nothing. Raises ContestNotOpen."""
    await _exclusively(session, contest)
    if contest.state == ContestState.PAUSED:
        return contest
    newest = (await rules_versions(session, [contest.id]))[contest.id][-1]
    if contest.state != ContestState.OPEN or now >= closes_at(PlayRules.model_validate(newest.rules), contest.ends_on):
        raise ContestNotOpen("只有已开启且尚未结束的竞赛可以暂停。")
    contest.state = ContestState.PAUSED
    await _audit_state(session, contest, "contest.pause", ContestState.OPEN, now, actor_id)
    return contest


async def resume_contest(
    session: AsyncSession, contest: Contest, *, now: dt.datetime, actor_id: uuid.UUID | None
) -> Contest:
    """Resume a paused contest (恢复); resuming an open one again changes nothing. Raises ContestNotPaused."""
    await _exclusively(session, contest)
    if contest.state == ContestState.OPEN:
        return contest
    if contest.state != ContestState.PAUSED:
        raise ContestNotPaused("竞赛还是草稿，请用“开启”。")
    contest.state = ContestState.OPEN
    await _audit_state(session, contest, "contest.resume", ContestState.PAUSED, now, actor_id)
    return contest


async def _exclusively(session: AsyncSession, contest: Contest) -> None:
    # Two openings at once would each miss the other's uncommitted row; the lock makes the second see the first.
    await session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CONTESTS_LOCK})
    await session.refresh(contest)


async def _checked_unit(session: AsyncSession, unit_id: uuid.UUID) -> None:
    unit = await session.get(Unit, unit_id)
    if unit is None:
        raise NotFound("没有找到该单位。")
    if unit.kind not in {UnitKind.BUREAU, UnitKind.PROVINCE}:
        problem = FieldProblem("/unit_id", f"竞赛只能由市局或省厅举办，“{unit.name}”不是，请改选。")
        raise Invalid("举办单位有误。", errors=[problem])


def _check_dates(starts_on: dt.date, ends_on: dt.date) -> None:
    if problems := date_problems(starts_on, ends_on):
        raise Invalid("竞赛日期有误，请改正。", errors=problems)


async def _change_draft(
    session: AsyncSession, contest: Contest, version: ContestRules, changes: Mapping[str, Any]
) -> dict[str, Any]:
    if "unit_id" in changes:
        await _checked_unit(session, changes["unit_id"])
        contest.unit_id = changes["unit_id"]
    starts_on, ends_on = changes.get("starts_on", contest.starts_on), changes.get("ends_on", contest.ends_on)
    _check_dates(starts_on, ends_on)
    rules = _dump(checked(PlayRules.model_validate(version.rules), changes.get("rules", {})))
    contest.starts_on, contest.ends_on = starts_on, ends_on
    version.from_day, version.rules = starts_on, rules
    return rules


async def _change_opened(
    session: AsyncSession,
    contest: Contest,
    newest: ContestRules,
    changes: Mapping[str, Any],
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> dict[str, Any]:
    for name in ("unit_id", "starts_on"):
        if name in changes and changes[name] != getattr(contest, name):
            raise ContestFixed
    today = local_day(now)
    ends_on = changes.get("ends_on", contest.ends_on)
    held = PlayRules.model_validate(newest.rules)
    rules = checked(held, changes.get("rules", {}))
    if ends_on != contest.ends_on:
        await _move_end(session, contest, ends_on, today)
    first = changed_rules_from(contest.starts_on, today)
    if rules != held:
        if first > ends_on:
            raise ContestOver("规则改动从次日起生效，而竞赛届时已经结束，无法再改。", ends_on=str(ends_on))
        if newest.from_day == first:
            newest.rules, newest.created_by, newest.created_at = _dump(rules), actor_id, now
        else:
            session.add(_version(contest.id, first, rules, now, actor_id))
    if rules != held or ends_on != contest.ends_on:
        await _refuse_small_bank(session, contest, rules, {min(first, ends_on), ends_on})
    contest.ends_on = ends_on
    return _dump(rules)


async def _move_end(session: AsyncSession, contest: Contest, ends_on: dt.date, today: dt.date) -> None:
    if contest.ends_on < today:
        # Days between the old end and today would become contest days on which nobody could take part.
        raise ContestOver(f"竞赛已于{contest.ends_on}结束，不能再改结束日期；请新建一场竞赛。")
    _check_dates(contest.starts_on, ends_on)
    if ends_on < today:
        raise Invalid("结束日期有误。", errors=[FieldProblem("/ends_on", "结束日期不能早于今天，请改正。")])
    await _refuse_overlap(session, contest, ends_on)


async def _refuse_overlap(session: AsyncSession, contest: Contest, ends_on: dt.date) -> None:
    other = await clashing_contest(session, contest, ends_on)
    if other is not None:
        raise ContestOverlaps(
            f"“{other.name}”（{other.starts_on}至{other.ends_on}）包含了部分相同的单位和日期，"
            "同一人同一天只能参加一场竞赛；请错开日期。",
            contest={
                "id": str(other.id),
                "name": other.name,
                "starts_on": str(other.starts_on),
                "ends_on": str(other.ends_on),
            },
        )


async def _refuse_small_bank(
    session: AsyncSession, contest: Contest, rules: PlayRules, days: Iterable[dt.date]
) -> None:
    """Raise BankTooSmall unless the bank fills a quiz on these days: laws come into force and lapse between them."""
    path = await session.scalar(select(Unit.path).where(Unit.id == contest.unit_id))
    for day in sorted(days):
        available = await drawable_counts(session, path or [], day)
        for kind in KINDS:
            needed = getattr(rules.daily_quiz, kind)
            if available.get(kind, 0) < needed:
                raise BankTooSmall.of(kind, available=available.get(kind, 0), needed=needed, day=day)


def _version(
    contest_id: uuid.UUID, from_day: dt.date, rules: PlayRules, now: dt.datetime, actor_id: uuid.UUID | None
) -> ContestRules:
    return ContestRules(
        contest_id=contest_id, from_day=from_day, rules=_dump(rules), created_by=actor_id, created_at=now
    )


def _dump(rules: PlayRules) -> dict[str, Any]:
    return rules.model_dump(mode="json")


def _facts(contest: Contest) -> dict[str, Any]:
    return {
        "unit_id": str(contest.unit_id),
        "name": contest.name,
        "short_name": contest.short_name,
        "issuer": contest.issuer,
        "starts_on": str(contest.starts_on),
        "ends_on": str(contest.ends_on),
    }


async def _audit_state(
    session: AsyncSession,
    contest: Contest,
    action: str,
    was: ContestState,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
) -> None:
    before, after = {"state": str(was)}, {"state": str(contest.state)}
    await _audit(session, contest, action, now, actor_id, before=before, after=after)


async def _audit(
    session: AsyncSession,
    contest: Contest,
    action: str,
    now: dt.datetime,
    actor_id: uuid.UUID | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
) -> None:
    await audit.append(
        session,
        now=now,
        actor_id=actor_id,
        action=action,
        subject=("contest", contest.id),
        before=before,
        after=after,
    )
