"""HTTP: administration of the question bank; nobody who takes part comes near it."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile

from app.bank import queries
from app.bank.entries import LETTERS
from app.bank.reporting import ImportReport
from app.bank.schemas import ImportResult, QuestionDetail, QuestionPage, RevisionOut, State
from app.bank.service import import_upload
from app.bank.uploads import YAML, read_upload
from app.bank.writing import workbook
from app.core.clock import local, local_day
from app.core.errors import Forbidden, Invalid, Malformed
from app.core.http import decode_cursor, encode_cursor, next_link, problems
from app.core.ids import parse_id
from app.core.wiring import Wired
from app.roster import access
from app.roster.access import Caller
from app.roster.models import Role, UnitKind
from app.roster.signed_in import holding

if TYPE_CHECKING:
    from app.bank.models import QuestionRevision

router = APIRouter(tags=["Questions"])

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WORDS = Query(max_length=100, pattern=r"^[^\x00]*$")


class QuestionAdministrationClosed(Forbidden):
    """Who takes part, now or later, must not see keys."""

    code = "question-administration-closed"
    title = "参赛人员不能管理题库"


class QuestionsInvalid(Invalid):
    """An import's file has errors; `report` lists them all, and nothing was written."""

    title = "题目文件有误，没有写入任何内容"


async def question_administrator(caller: Annotated[Caller, holding(Role.ADMIN)], wired: Wired) -> Caller:
    """Return the caller, an administrator who takes part neither today nor on any later day."""
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        if await access.ever_takes_part(session, caller, day):
            raise QuestionAdministrationClosed(
                "您已登记为参赛人员，为保证公平不能查看或导入题目；请由不参赛的管理员办理。"
            )
    return caller


QuestionAdministrator = Annotated[Caller, Depends(question_administrator)]


@router.get("/questions", operation_id="list_questions", responses=problems(400, 401, 403, 422))
async def list_questions(
    request: Request,
    response: Response,
    caller: QuestionAdministrator,
    wired: Wired,
    state: State | None = None,
    topic: Annotated[str | None, _WORDS] = None,
    q: Annotated[str | None, _WORDS] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> QuestionPage:
    """List the shared questions and those of the caller's units, by code; `q` looks in stem and code."""
    after = _place(cursor)
    async with wired.database.reads() as session:
        found = await queries.questions_of(
            session, caller, state=state, topic=topic, words=q, after=after, limit=limit + 1
        )
    page = found[:limit]
    last = page[-1].question if len(found) > limit else None
    following = encode_cursor(last.code, last.id) if last else None
    next_link(request, response, following)
    return QuestionPage.model_validate({"items": [_summary(one) for one in page], "next": following})


@router.get("/questions/{question_id}", operation_id="get_question", responses=problems(401, 403, 404))
async def get_question(question_id: str, caller: QuestionAdministrator, wired: Wired) -> QuestionDetail:
    """Return one question with all its texts and its use."""
    async with wired.database.reads() as session:
        administered, revisions = await queries.question_of(session, caller, question_id)
        use = await queries.use_of(session, caller, [revision.id for revision in revisions])
    shown = [_revision(revision) for revision in revisions]
    return QuestionDetail.model_validate({**_summary(administered), "revisions": shown, "use": use})


@router.post("/imports/questions", operation_id="import_questions", responses=problems(400, 401, 403, 413, 415, 422))
async def import_questions(
    file: Annotated[UploadFile, File(description=".xlsx, .xls, .csv, .docx, .txt, .gift or .yaml")],
    caller: QuestionAdministrator,
    wired: Wired,
    dry_run: bool = False,
) -> ImportResult:
    """Take over a bureau's own questions, idempotent by code; any error: 422 with `report`, nothing is written.

    Columns: 编号, 题型 (单选/多选/判断), 专题, 难度 (1..3, empty = 2), 题干, 选项A … 选项F, 答案 (ABD; 正确/错误),
    解析, 法律依据 (《行政处罚法》第六十三条；…), 事实, 状态 (草稿, 已核, 启用, 待复核, 停用; empty: as it stands); 序号 and 备注
    may be there and are not read, any other is an error; a template is at `GET /imports/questions/template`. At most
    1,000 errors are listed, and the last then tells how many more there are. Also the plain layout pasted from Word
    (.txt, .docx: numbered stems, A., B., C., 答案：, 解析：) and Moodle GIFT: what brings no code gets one made from its
    stem, and what a file does not say stays as it stands.

    A new text is a draft until another administrator has reviewed it, whatever its file says (`drafts`, `advice`); an
    unchanged text keeps its state, and what was retired stays so (`kept`). Law that nobody confirmed or registered is
    told in `advice`; it keeps the question from 启用, not from the bank.
    """
    if caller.unit_kind not in {UnitKind.BUREAU, UnitKind.PROVINCE}:
        raise Forbidden("题目归市局或省厅所有，请由市局或省厅的管理员导入。")
    name = file.filename or ""
    reading = await asyncio.to_thread(read_upload, name, await file.read())
    async with wired.database.sessions.begin() as session:
        now = await wired.clock.now(session)
        report = await import_upload(
            session,
            reading,
            unit_id=caller.unit_id,
            sheet=not name.lower().endswith(YAML),
            dry_run=dry_run,
            now=now,
            actor_id=caller.officer_id,
        )
    if report.errors:
        found = report.unlisted + len(report.errors) - bool(report.unlisted)  # the last one only counts the others
        raise QuestionsInvalid(f"共{found}处错误，请按所列各行改正后重新导入。", report=_wire(report, dry_run))
    return ImportResult.model_validate(_wire(report, dry_run))


@router.get(
    "/imports/questions/template",
    operation_id="questions_template",
    summary="题目导入模板（Excel）",
    dependencies=[Depends(question_administrator)],
    response_class=Response,
    responses={200: {"content": {_XLSX: {}}}, **problems(401, 403)},
)
async def questions_template() -> Response:
    """Return an empty workbook with our columns, choices for 题型, 难度 and 状态, and how to fill it."""
    return _book(await asyncio.to_thread(workbook, []), "题目导入模板")


@router.get(
    "/exports/questions",
    operation_id="export_questions",
    summary="导出题目（Excel）",
    response_class=Response,
    responses={200: {"content": {_XLSX: {}}}, **problems(401, 403, 422)},
)
async def export_questions(
    caller: QuestionAdministrator,
    wired: Wired,
    owner: Literal["own", "shared"] = "own",
    state: State | None = None,
    topic: Annotated[str | None, _WORDS] = None,
) -> Response:
    """Return the unit's own questions, or the shared ones, as a workbook that `POST /imports/questions` takes.

    `state` is the one that they have now; the workbook says of an own question that its basis retired what it was.
    """
    async with wired.database.reads() as session:
        day = local_day(await wired.clock.now(session))
        unit_id = caller.unit_id if owner == "own" else None
        found = await queries.entries_of(session, unit_id, state=state, topic=topic)
    return _book(await asyncio.to_thread(workbook, found), f"题库-{day:%Y%m%d}")


def _book(content: bytes, name: str) -> Response:
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f"attachment; filename=\"questions.xlsx\"; filename*=UTF-8''{quote(name)}.xlsx",
    }
    return Response(content, headers=headers, media_type=_XLSX)


def _wire(report: ImportReport, dry_run: bool) -> dict[str, Any]:
    shown = dataclasses.asdict(report)
    del shown["lapsed"]  # of the shared register, which no upload brings
    del shown["put_back"]
    del shown["unlisted"]
    shown["errors"] = [error._asdict() for error in report.errors]
    return {**shown, "id": str(report.id) if report.id else None, "dry_run": dry_run}


def _summary(one: queries.Administered) -> dict[str, Any]:
    question, revision, unit = one
    return {
        "id": question.id,
        "code": question.code,
        "owner": {"id": unit.id, "name": unit.name, "kind": unit.kind} if unit else None,
        "state": question.state,
        "kind": revision.kind,
        "topic": revision.topic,
        "difficulty": revision.difficulty,
        "stem": revision.stem,
        "revision": revision.number,
        "revised_at": local(revision.created_at),
    }


def _revision(revision: QuestionRevision) -> RevisionOut:
    right = set(revision.key.split(","))
    options = [
        {"letter": letter, "id": option_id, "text": words, "correct": option_id in right}
        for letter, option_id, words in zip(LETTERS, revision.option_ids, revision.option_texts, strict=False)
    ]
    return RevisionOut.model_validate(
        {
            "id": revision.id,
            "number": revision.number,
            "kind": revision.kind,
            "topic": revision.topic,
            "difficulty": revision.difficulty,
            "stem": revision.stem,
            "options": options,
            "key": [option["letter"] for option in options if option["correct"]],
            "explanation": revision.explanation,
            "legal_basis": revision.basis,
            "facts": revision.facts,
            "created_at": local(revision.created_at),
        }
    )


def _place(cursor: str | None) -> tuple[str, uuid.UUID] | None:
    values = decode_cursor(cursor, 2)
    if values is None:
        return None
    code, question_id = values[0], parse_id(str(values[1]))
    if not isinstance(code, str) or question_id is None:
        raise Malformed("分页标记无效，请从第一页重新读取。")
    return code, question_id
