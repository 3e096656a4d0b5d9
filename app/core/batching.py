"""Requests that arrive together are written together: one batch, one transaction, then every waiter."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Generic, TypeVar

from app.core.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class ItemError(Exception):
    """Raised by a write whose data, not its connection, is at fault: the batch is split to find the item."""


class Batcher(Generic[Item, Result]):
    """Gathers items while one batch is being written; at most one batch is in flight.

    `write` takes the items and returns one result (or one exception, raised to that waiter alone) for each, in
    order, after its commit. No timer: an idle server writes at once. A full queue answers `Busy`.
    What was handed in is written also when its waiter has gone away: an officer's answer is not lost with a request.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 128,
        queue: int = 4096,
    ) -> None:
        self._write = write
        self._most = most
        self._queue = queue
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """Hand in one item and return its result once the batch that holds it is committed."""
        return await self.hand_in(item)

    def hand_in(self, item: Item) -> asyncio.Future[Result]:
        """Hand in one item; the future has its result once the batch that holds it is committed. Raises Busy."""
        if self._closed or len(self._waiting) >= self._queue:
            raise Busy("系统繁忙，答案尚未提交，请稍后自动重试。")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            # A context of its own: the batch's log lines are not those of whichever request came first.
            self._running = asyncio.create_task(self._drain(), context=Context())
        return future

    async def close(self) -> None:
        """Refuse new items and wait for those handed in."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])

    async def _drain(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        except BaseException:  # the loop is ending: nobody is to wait for ever
            for _, future in [*batch, *self._waiting]:
                _answer(future, Busy("系统正在停止，答案可能尚未提交，请稍后自动重试。"))
            self._waiting = []
            raise
        finally:
            self._running = None

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"a write of {len(batch)} items returned {len(results)} results")  # noqa: TRY301
        except ItemError as error:
            if len(batch) == 1:
                _answer(batch[0][1], error.__cause__ if isinstance(error.__cause__, Exception) else error)
                return
            half = len(batch) // 2
            await self._settle(batch[:half])
            await self._settle(batch[half:])
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, each waiter must hear of it
            for _, future in batch:
                _answer(future, error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            _answer(future, result)


def _answer(future: asyncio.Future[Result], result: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
