"""Typed errors that carry facts; `core.http` turns each kind into one RFC 9457 answer.

LianbingError
  Malformed 400 · Unauthenticated 401 · Forbidden 403 · NotFound 404 · Conflict 409 · TooLarge 413
  UnsupportedMedia 415 · Invalid 422 · RateLimited 429 · Busy 503
A concrete error stands beside its rule (`QuizClosed(Conflict)`), with a stable `code`, a Chinese `title`
and facts as keyword arguments (instants, ids, numbers) that become members of the answer.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple


class FieldProblem(NamedTuple):
    """One thing wrong with one member of the request: where (see `core.docs.FieldError`) and what to do about it."""

    pointer: str
    detail: str


class LianbingError(Exception):
    """Base of every error that a client is told about; concrete kinds set code and title.

    `advice` is a kind's detail where nothing better is known; an error with a title of its own is told by that.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "出错了"
    advice: ClassVar[str] = "出错了，请稍后重试。"
    retry_after: int | None = None

    def __init__(self, detail: str = "", *, errors: list[FieldProblem] | None = None, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors or []
        self.facts = facts


class Malformed(LianbingError):
    """The request cannot be read at all."""

    code = "malformed"
    title = "请求格式有误"
    advice = "请求格式有误，请对照接口文档检查后重试。"


class Unauthenticated(LianbingError):
    """No valid session."""

    code = "unauthenticated"
    title = "请先登录"
    advice = "请先登录。"


class Forbidden(LianbingError):
    """The role may not do this at all."""

    code = "forbidden"
    title = "没有权限进行此操作"
    advice = "您没有权限进行此操作；如确有需要，请联系本单位管理员。"


class NotFound(LianbingError):
    """It does not exist, or the caller may not see it: the two are not told apart."""

    code = "not-found"
    title = "没有找到"
    advice = "没有找到，请核对地址和编号后重试。"


class Conflict(LianbingError):
    """The state of things does not allow it."""

    code = "conflict"
    title = "与当前状态冲突"
    advice = "与当前状态冲突，请刷新后重试。"


class TooLarge(LianbingError):
    """The body is larger than this call takes."""

    code = "too-large"
    title = "提交的内容过大"
    advice = "提交的内容过大，请删减或分几次提交。"


class UnsupportedMedia(LianbingError):
    """The body is of a kind that this call does not take."""

    code = "unsupported-media-type"
    title = "不支持的文件或内容类型"
    advice = "不支持的文件或内容类型，请换成接口文档列出的类型后重试。"


class Invalid(LianbingError):
    """Readable, but members of it are wrong; `errors` names each."""

    code = "validation"
    title = "提交的内容有误"
    advice = "提交的内容有误，请改正后重试。"


class RateLimited(LianbingError):
    """Too often; `retry_after` seconds say when again."""

    code = "rate-limited"
    title = "操作过于频繁，请稍后再试"
    advice = "操作过于频繁，请稍后再试。"
    retry_after = 30


class Busy(LianbingError):
    """The server cannot take it now; nothing was lost, the client sends it again."""

    code = "busy"
    title = "系统繁忙，请稍后重试"
    advice = "系统繁忙，请稍后重试。"
    retry_after = 2
