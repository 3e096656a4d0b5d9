"""HTTP: participation: one's own part, standings, lists of officers, reminders, rankings."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response

from app.contests.rules import closes_at
from app.core.errors import Forbidden, NotFound
from app.core.http import UNCHANGED, conditional, dumps, encode_cursor, next_link, polled, problems, read_cursor
from app.core.wiring import Wired
from app.papers.rules import NoContest
from app.participation import exports, queries, schemas, service
from app.participation.rules import Figures, OfficerStatus, RankingDisabled, Span, asked_span, score, weights_of
from app.participation.snapshot import Board, Home, Ranking, Snapshots
from app.roster import access
from app.roster.models import Role, Unit, UnitKind
from app.roster.queries import unit_place, units_page
from app.roster.signed_in import SignedIn

router = APIRouter(tags=["Participation"])

_BRANCHES = (UnitKind.BRANCH, UnitKind.TOWNSHIP, UnitKind.HEADQUARTERS)
_STATUSES = {
    "unfinished": (OfficerStatus.IN_PROGRESS, OfficerStatus.NOT_STARTED),
    "all": tuple(OfficerStatus),
    **{status.value: (status,) for status in OfficerStatus},
}
Listed = Literal["unfinished", "not_started", "in_progress", "done", "exempt", "all"]
Day = Annotated[dt.date | None, Query(description="竞赛日；不填为最近的竞赛日", examples=["2026-11-23"])]
Cursor = Annotated[str | None, Query(description="上一页的 next")]
Limit = Annotated[int, Query(ge=1, le=500)]
_NO_PART = "您没有登记为参赛人员，本单位也没有开始过的竞赛，因此没有个人完成情况；各单位的情况请看单位排名。"
_NOT_TOGETHER = "各市局只在省厅举办并已开始的竞赛中一起排名；市局自办的竞赛，请用单位排名（branches）查看。"


async def _snapshots(request: Request, wired: Wired) -> Snapshots:
    held: Snapshots | None = getattr(request.app.state, "snapshots", None)
    if held is None:
        held = request.app.state.snapshots = (
            Snapshots(max_age=0, rest=0) if wired.clock.fixed else Snapshots()  # a clock set by hand tells no age
        )
    return held


Boards = Annotated[Snapshots, Depends(_snapshots)]


_CHOICE = "一场竞赛；不填为本单位正在进行（没有则为最近一次）的竞赛，本单位没有竞赛时为下级唯一的一场"
ContestId = Annotated[str | None, Query(description=_CHOICE)]


async def _own(wired: Wired, caller: SignedIn, boards: Boards) -> Home:
    try:
        return await boards.of_unit(wired, caller.unit_path)
    except NoContest as error:
        if caller.takes_part:
            raise
        raise NoContest(_NO_PART) from error


async def _ranked(wired: Wired, caller: SignedIn, boards: Boards, contest_id: ContestId = None) -> Home:
    return await boards.of_caller(wired, caller, contest_id)


async def _readable(branch_id: str, wired: Wired, caller: SignedIn) -> Unit:
    async with wired.database.reads() as session:
        return await access.unit_in_bureau(session, caller, branch_id)


async def _watched(branch_id: str, wired: Wired, caller: SignedIn) -> Unit:
    async with wired.database.reads() as session:
        return await access.watched_unit(session, caller, branch_id)


OwnHome = Annotated[Home, Depends(_own)]
RankedHome = Annotated[Home, Depends(_ranked)]


async def _province(wired: Wired, caller: SignedIn, boards: Boards, contest_id: ContestId = None) -> Home:
    if caller.unit_kind != UnitKind.PROVINCE or not caller.has(Role.PROVINCE, Role.ADMIN):
        raise Forbidden("各市局排名只供省厅查看；本市各单位的排名请用单位排名。")
    try:
        home = await boards.of_caller(wired, caller, contest_id)
    except NoContest as error:
        raise NoContest(_NOT_TOGETHER, **error.facts) from error
    if home.board.contest.unit_id not in caller.unit_path:
        raise NoContest(_NOT_TOGETHER)
    return home


async def _individual(home: RankedHome) -> Home:
    if not home.board.rules(home.board.counted.last).individual_ranking:
        raise RankingDisabled("本次竞赛不公布个人排名，可以查看本人和本单位的完成情况。")
    return home


class Days(NamedTuple):
    """The days that a ranking is asked for: one, a range, or (neither) the contest so far."""

    day: dt.date | None
    first: dt.date | None
    last: dt.date | None

    def among(self, board: Board) -> Span:
        """Return them as a span of the contest's days so far; raises Invalid for any other."""
        return asked_span(board.counted, day=self.day, first=self.first, last=self.last)


async def _days(
    day: Annotated[dt.date | None, Query(description="一个竞赛日，不与 from、to 同用")] = None,
    from_: Annotated[dt.date | None, Query(alias="from", description="起始日，含；不填为竞赛首日")] = None,
    to: Annotated[dt.date | None, Query(description="截止日，含；不填为最近的竞赛日")] = None,
) -> Days:
    return Days(day, from_, to)


Asked = Annotated[Days, Depends(_days)]


def _one_day(board: Board, day: dt.date | None) -> dt.date:
    return asked_span(board.counted, day=day or board.counted.last).last


@router.get(
    "/participation/me",
    operation_id="participation_me",
    summary="本人的完成情况",
    response_model=schemas.OwnPart,
    responses=problems(401, 403, 409, 422),
)
async def own_part(wired: Wired, caller: SignedIn, home: OwnHome, day: Day = None) -> Response:
    """Return the caller's quiz and task of a contest day, and totals over the contest."""
    board = home.board
    asked = _one_day(board, day)
    rules = board.rules(asked)
    async with wired.database.reads() as session:
        enrolled = await queries.is_enrolled(session, board.contest.unit_id, caller.officer_id, asked)
        played, totals = await queries.own_part(session, board.contest.id, caller.officer_id, asked)
    over = board.now >= closes_at(rules, asked)
    required = rules.matches.required_per_day
    body = schemas.own_view(asked, played, totals, enrolled=enrolled, over=over, required=required)
    return Response(dumps(body | {"counts": board.calendar.counts(asked)}), media_type="application/json")


@router.get(
    "/branches",
    operation_id="branches_list",
    summary="可查看的单位",
    response_model=schemas.BranchList,
    responses={**UNCHANGED, **problems(400, 401, 403)},
)
async def branches(
    request: Request, wired: Wired, caller: SignedIn, cursor: Cursor = None, limit: Limit = 200
) -> Response:
    """Return the units of the caller's bureau (a province's staff: of the province) below it, one's own first."""
    after = read_cursor(cursor, int, int, int, str, uuid.UUID)
    async with wired.database.reads() as session:
        units = await units_page(session, caller, kinds=_BRANCHES, after=after, limit=limit + 1)
    page = units[:limit]
    following = encode_cursor(*unit_place(caller, page[-1])) if len(units) > limit else None
    response = polled(request, {"items": [schemas.unit_listed(unit) for unit in page], "next": following})
    next_link(request, response, following)
    return response


@router.get(
    "/branches/{branch_id}/participation",
    operation_id="branch_participation",
    summary="一个单位某日的参赛情况",
    response_model=schemas.UnitStanding,
    responses={**UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def standing(
    request: Request, wired: Wired, unit: Annotated[Unit, Depends(_readable)], boards: Boards, day: Day = None
) -> Response:
    """Return the Standing of a unit with all units below it; every officer of its bureau may read it."""
    board, _ = await boards.of_unit(wired, unit.path)
    asked = _one_day(board, day)
    span = Span(asked, asked)
    figures = (await board.figures(span)).get(unit.id, Figures())
    weights = weights_of(board.rules(asked).index)
    body = {"as_of": board.as_of(span), "day": asked, **schemas.standing_view(unit, figures, score(figures, weights))}
    return polled(request, body | {"counts": board.calendar.counts(asked)})


class OfficerPage(NamedTuple):
    """One page of officers as it is answered."""

    as_of: dt.datetime
    day: dt.date
    items: list[dict[str, Any]]
    next: str | None


async def _officers(
    wired: Wired,
    caller: access.Caller,
    unit: Unit,
    board: Board,
    day: dt.date | None,
    status: Listed,
    after: Any = None,
    limit: int | None = None,
) -> OfficerPage:
    asked = _one_day(board, day)
    closing = closes_at(board.rules(asked), asked)
    async with wired.database.reads() as session:
        now = await wired.clock.now(session)
        rows = await queries.officers_of(
            session,
            board.contest.id,
            unit.id,
            asked,
            now=now,
            statuses=_STATUSES[status],
            after=after,
            limit=limit and limit + 1,
        )
    page = rows[:limit]
    required = board.rules(asked).matches.required_per_day
    items = [
        schemas.officer_view(row, phone=access.sees_phone(caller, row.officer), over=now >= closing, required=required)
        for row in page
    ]
    following = encode_cursor(*page[-1].cursor) if len(rows) > len(page) else None
    return OfficerPage(min(now, closing), asked, items, following)


@router.get(
    "/branches/{branch_id}/officers",
    operation_id="branch_officers",
    summary="某日人员名单，进行中在前",
    response_model=schemas.OfficersOfDay,
    responses={**UNCHANGED, **problems(400, 401, 403, 404, 409, 422)},
)
async def officers(
    request: Request,
    wired: Wired,
    caller: SignedIn,
    unit: Annotated[Unit, Depends(_watched)],
    boards: Boards,
    day: Day = None,
    status: Listed = "all",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Return who stands where on a contest day: in progress, not started, done, exempt; with the last reminder."""
    board, _ = await boards.of_unit(wired, unit.path)
    after = read_cursor(cursor, int, int, str, str)
    page = await _officers(wired, caller, unit, board, day, status, after, limit)
    response = polled(request, page._asdict())
    next_link(request, response, page.next)
    return response


@router.post(
    "/branches/{branch_id}/reminders",
    operation_id="branch_remind",
    summary="记录一次提醒",
    status_code=201,
    response_model=schemas.Reminded,
    responses=problems(400, 401, 403, 404, 409, 422),
)
async def remind(
    wired: Wired, caller: SignedIn, unit: Annotated[Unit, Depends(_watched)], body: schemas.NewReminder
) -> Response:
    """Note a call or message to an officer of the unit, and how it went."""
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        logged = await service.log_reminder(session, caller, unit, body, now=now)
    answer = {name: getattr(logged, name) for name in schemas.Reminded.model_fields}
    return Response(dumps(answer), 201, media_type="application/json")


@router.get(
    "/rankings/branches",
    operation_id="rankings_branches",
    summary="单位排名",
    response_model=schemas.RankingBody,
    responses={**UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def branch_ranking(request: Request, home: RankedHome, asked: Asked) -> Response:
    """Rank the branches of the caller's bureau (a province's staff: of the contest's unit) over the days asked for.

    409 `no-contest`: none has begun; with `contests`, several units below have one of their own: name it as `contest_id`.
    """
    ranking = await _of_branches(home, asked)
    return conditional(request, ranking.body, etag=ranking.etag)


@router.get(
    "/rankings/bureaus",
    operation_id="rankings_bureaus",
    summary="各市局排名（省厅）",
    response_model=schemas.RankingBody,
    responses={**UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def bureau_ranking(request: Request, home: Annotated[Home, Depends(_province)], asked: Asked) -> Response:
    """Rank the bureaus of the caller's province, each with its whole subtree, in a contest of the province."""
    ranking = await home.board.ranking(home.scope, UnitKind.BUREAU, asked.among(home.board))
    return conditional(request, ranking.body, etag=ranking.etag)


@router.get(
    "/rankings/officers",
    operation_id="rankings_officers",
    summary="个人排名（竞赛允许时）",
    response_model=schemas.OfficerRanking,
    responses={**UNCHANGED, **problems(400, 401, 403, 404, 409, 422)},
)
async def officer_ranking(
    request: Request,
    wired: Wired,
    caller: SignedIn,
    home: Annotated[Home, Depends(_individual)],
    asked: Asked,
    branch_id: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Rank the officers of the caller's bureau, or of one unit in it, by days done, points and accuracy."""
    board = home.board
    async with wired.database.reads() as session:
        scope = await access.unit_in_bureau(session, caller, branch_id) if branch_id else home.scope
        if home.scope.id not in scope.path:
            raise NotFound("该单位不在这场竞赛的排名范围内，请改选单位或竞赛。")
        span = asked.among(board)
        after = read_cursor(cursor, int, str)
        now, contest_id = await wired.clock.now(session), board.contest.id
        rows = await queries.ranked_officers(session, contest_id, scope.id, span, now=now, after=after, limit=limit + 1)
    page = rows[:limit]
    following = encode_cursor(page[-1].rank, page[-1].employee_no) if len(rows) > limit else None
    body = {
        "as_of": min(now, closes_at(board.rules(span.last), span.last)),
        "scope": schemas.unit_ref(scope),
        "contest": schemas.contest_ref(board.contest),
        "from": span.first,
        "to": span.last,
        "rows": [schemas.ranked_officer_view(row, board.units[row.unit_id]) for row in page],
        "next": following,
    }
    response = polled(request, body)
    next_link(request, response, following)
    return response


@router.get(
    "/rankings/branches.xlsx",
    operation_id="rankings_branches_xlsx",
    summary="单位排名（Excel）",
    response_class=Response,
    responses={200: {"content": {exports.XLSX: {}}}, **UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def branch_ranking_xlsx(request: Request, home: RankedHome, asked: Asked) -> Response:
    """Return the ranking of branches as a workbook."""
    return await exports.ranking_file(request, await _of_branches(home, asked), "xlsx")


@router.get(
    "/rankings/branches.csv",
    operation_id="rankings_branches_csv",
    summary="单位排名（CSV）",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def branch_ranking_csv(request: Request, home: RankedHome, asked: Asked) -> Response:
    """Return the ranking of branches as CSV, UTF-8 with a byte order mark."""
    return await exports.ranking_file(request, await _of_branches(home, asked), "csv")


@router.get(
    "/branches/{branch_id}/officers.xlsx",
    operation_id="branch_officers_xlsx",
    summary="某日人员名单（Excel）",
    response_class=Response,
    responses={200: {"content": {exports.XLSX: {}}}, **UNCHANGED, **problems(401, 403, 404, 409, 422)},
)
async def officers_xlsx(
    request: Request,
    wired: Wired,
    caller: SignedIn,
    unit: Annotated[Unit, Depends(_watched)],
    boards: Boards,
    day: Day = None,
    status: Listed = "all",
) -> Response:
    """Return the list of officers as a workbook, phones by the same rule as in the list."""
    board, _ = await boards.of_unit(wired, unit.path)
    page = await _officers(wired, caller, unit, board, day, status)
    return await exports.officers_file(request, unit, page.day, page.items, as_of=page.as_of)


async def _of_branches(home: Home, asked: Days) -> Ranking:
    return await home.board.ranking(home.scope, UnitKind.BRANCH, asked.among(home.board))
