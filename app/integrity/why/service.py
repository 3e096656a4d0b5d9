"""Use case: do a paper's draw again from what is stored, and say why each of its questions stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, text

from app.bank.life.queries import pool_at
from app.bank.models import QuestionRevision
from app.bank.queries import load_pool, load_revisions
from app.contests.models import Contest
from app.contests.rules import BankTooSmall, PlayRules
from app.core.errors import NotFound
from app.integrity.why.rules import Asked, reasons
from app.matches import making
from app.matches.models import Challenge, Match, Mode
from app.matches.rules import SHORT_STEM
from app.papers.asking import pasts_of
from app.papers.models import Paper
from app.quiz import service as quiz
from app.roster.models import Officer, Unit

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.bank.rules import Pool
    from app.integrity.why.rules import Reason
    from app.papers.asking import Past

# What `app.papers.asking.HISTORY` showed when the paper was drawn. An officer's papers are handed out one after the
# other behind a lock and their ids made there, so ids order them; a challenge is known by its first seat's paper, is
# taken up from the second seat's on, and void where it ended without an answer or was given up.
_PAST = text("""
SELECT officer_id, day, kind, revision_ids FROM paper
WHERE officer_id = ANY(CAST(:officers AS uuid[])) AND day > CAST(:day AS date) - 366 AND id < :before
UNION ALL
SELECT c.to_officer_id, CAST(:day AS date), 'challenge', p.revision_ids
FROM challenge c
JOIN paper p ON p.match_id = c.match_id AND p.seat = 1 AND p.id < :before
JOIN match_run r ON r.id = p.run_id AND (r.forfeited_by IS NULL OR r.ends_at > :at)
                    AND (r.ends_at > :at OR r.masks[1] <> 0)
WHERE c.to_officer_id = ANY(CAST(:officers AS uuid[])) AND c.expires_at > :at
  AND NOT EXISTS (SELECT FROM paper o WHERE o.match_id = c.match_id AND o.seat = 2 AND o.id < :before)
ORDER BY day
""")


@dataclass(frozen=True)
class Explanation:
    """A paper, the draw that filled it, and why each question stands on it.

    `recorded`: the pool is that of the bank's version at the draw; else (a paper from before versions were kept) it is
    today's for that day. `reproduced`: the draw done again gives exactly the questions handed out, in their order.
    `mode` is a match's, None for a quiz; `drawn_for` are the officers whom the draw took into account.
    """

    paper: Paper
    officer: Officer
    mode: str | None
    drawn_for: tuple[uuid.UUID, ...]
    seed: str
    recorded: bool
    bank_version: int | None
    seen: int
    excluded: int
    reproduced: bool
    reasons: list[Reason]


@dataclass(frozen=True)
class _Drawn:
    """What was drawn, for whom and when; `first` is the paper that was made of it first."""

    first: Paper
    revision_ids: Sequence[uuid.UUID]
    officers: tuple[uuid.UUID, ...]
    at: dt.datetime
    match: Match | None
    mode: str | None


async def quiz_of(session: AsyncSession, employee_no: str, day: dt.date) -> Paper:
    """Return an officer's quiz of a day; raises NotFound."""
    found = await session.scalars(
        select(Paper)
        .join(Officer, Officer.id == Paper.officer_id)
        .where(Officer.employee_no == employee_no, Paper.day == day, Paper.kind == "quiz")
        .order_by(Paper.id)
    )
    paper = found.first()
    if paper is None:
        raise NotFound(f"没有找到工号 {employee_no} 在{day}的每日一测，请核对工号和日期。")
    return paper


async def papers_named(session: AsyncSession, key: uuid.UUID) -> Sequence[Paper]:
    """Return the paper of this id, or the papers of the match of this id."""
    found = await session.scalars(select(Paper).where(or_(Paper.id == key, Paper.match_id == key)).order_by(Paper.id))
    return found.all()


async def explain(session: AsyncSession, paper: Paper) -> Explanation:
    """Return why a paper holds its questions."""
    drawn = await _drawn(session, paper)
    contest = await session.get_one(Contest, paper.contest_id)
    unit = await session.get_one(Unit, contest.unit_id)
    day, version = drawn.first.day, drawn.first.bank_version
    if version is None:
        pool = await load_pool(session, owners=unit.path, day=day)
    else:
        pool = await pool_at(session, version, owners=unit.path, day=day)
    pasts = await _pasts(session, drawn, day)
    texts = await load_revisions(session, drawn.revision_ids)
    asked = [
        Asked(one, texts[one].question_id, texts[one].code, texts[one].kind, texts[one].topic)
        for one in drawn.revision_ids
    ]
    seed, seen, excluded, again = _again(drawn, pool, asked, pasts)
    return Explanation(
        paper=paper,
        officer=await session.get_one(Officer, paper.officer_id),
        mode=drawn.mode,
        drawn_for=drawn.officers,
        seed=seed,
        recorded=version is not None,
        bank_version=version,
        seen=len(seen),
        excluded=len(excluded),
        reproduced=again == list(paper.revision_ids),
        reasons=reasons(asked, pool.short(SHORT_STEM) if drawn.match else pool, seen=seen, excluded=excluded),
    )


async def _drawn(session: AsyncSession, paper: Paper) -> _Drawn:
    """Return the draw behind a paper; a match against a recorded run has that run's questions, as often as it takes."""
    if paper.match_id is None:
        return _Drawn(paper, paper.revision_ids, (paper.officer_id,), paper.opened_at, None, None)
    match = await session.get_one(Match, paper.match_id)
    mode = match.mode
    while match.recorded_paper_id is not None:
        recorded = await session.get_one(Paper, match.recorded_paper_id)
        match = await session.get_one(Match, recorded.match_id)
    papers = (await session.scalars(select(Paper).where(Paper.match_id == match.id).order_by(Paper.id))).all()
    officers = [one.officer_id for one in papers]
    if match.mode == Mode.CHALLENGE:
        challenge = await session.get_one(Challenge, match.id)
        officers = [challenge.from_officer_id, challenge.to_officer_id]
    return _Drawn(papers[0], match.revision_ids, tuple(officers), match.created_at, match, mode)


async def _pasts(session: AsyncSession, drawn: _Drawn, day: dt.date) -> list[Past]:
    parameters = {"officers": list(drawn.officers), "day": day, "before": drawn.first.id, "at": drawn.at}
    rows = [dict(row) for row in (await session.execute(_PAST, parameters)).mappings()]
    shown = {revision for row in rows for revision in row["revision_ids"]}
    found = await session.execute(
        select(QuestionRevision.id, QuestionRevision.question_id).where(QuestionRevision.id == func.any(list(shown)))
    )
    question_of = {row.id: row.question_id for row in found}
    return list(pasts_of(rows, question_of, drawn.officers, day=day).values())


def _again(
    drawn: _Drawn, pool: Pool, asked: Sequence[Asked], pasts: Sequence[Past]
) -> tuple[str, Mapping[uuid.UUID, dt.date], AbstractSet[uuid.UUID], list[uuid.UUID] | None]:
    """Return the seed, what was seen, what was barred, and the questions that the same draw gives (None: too few)."""
    barred = {question for past in pasts for question in past.barred}
    if drawn.match is not None:
        seen: dict[uuid.UUID, dt.date] = {}
        for past in pasts:
            for question, day in past.seen.items():
                seen[question] = max(day, seen.get(question, day))
        return f"match:{drawn.match.id}", seen, barred, _match_again(drawn, pool, pasts)
    [past] = pasts
    counts = {kind: sum(one.kind == kind for one in asked) for kind in {one.kind for one in asked}}
    available = pool.available(barred)
    if any(available[kind] < count for kind, count in counts.items()):
        barred -= past.promised  # as the quiz does: challenges wait
    whose = (drawn.first.contest_id, drawn.first.officer_id, drawn.first.day)
    try:
        again = quiz.drawn(pool, whose, counts, past)
    except BankTooSmall:
        again = None
    return quiz.seed_of(*whose), past.seen, barred, again


def _match_again(drawn: _Drawn, pool: Pool, pasts: Sequence[Past]) -> list[uuid.UUID] | None:
    usual, match = PlayRules(), drawn.match
    rules = usual.model_copy(
        update={"matches": usual.matches.model_copy(update={"questions": len(drawn.revision_ids)})}
    )
    try:
        return making.drawn(pool, rules, match.id, pasts) if match else None
    except BankTooSmall:
        return None


def lines(found: Explanation, position: int | None = None) -> list[str]:
    """Return what the command prints: the draw, and a line for each question or for one."""
    when = found.paper.day
    kind = "每日一测" if found.mode is None else "匹配对战"
    chosen = [one for one in found.reasons if position in {None, one.position}]
    if not chosen:
        raise NotFound(f"这份试卷有{len(found.reasons)}题，没有第{position}题。")
    pool = f"出卷时的题库第{found.bank_version}版" if found.recorded else "该日现有的题库（出卷时没有记录版本）"
    verdict = "重新抽取的结果与试卷完全一致" if found.reproduced else "重新抽取的结果与试卷不一致"
    return [
        f"{found.officer.name}（{found.officer.employee_no}）{when} {kind}，试卷 {found.paper.id}",
        f"种子 {found.seed}；{pool}；一年内见过{found.seen}题，当日试卷和待应战的约战排除{found.excluded}题；{verdict}。",
        *(f"{one.position:>3}  {one.asked.code}  {one.sentence()}" for one in chosen),
    ]
