"""The batcher: what arrives together is written together, and everybody hears their own result."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.batching import Batcher, ItemError
from app.core.errors import Busy


class Tens:
    """Writes batches when told to, remembers them, and answers each number with ten times itself."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.in_flight = self.most_in_flight = 0
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

    async def write(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        await self.gate.wait()
        self.in_flight -= 1
        return [item * 10 for item in items]


def submitted(batcher: Batcher[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.submit(item)) for item in items]


async def settled() -> None:
    """Let every task run until it waits for the gate."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_idle_batcher_writes_at_once() -> None:
    tens = Tens()
    assert await Batcher(tens.write).submit(7) == 70
    assert tens.batches == [[7]]


async def test_what_comes_during_a_write_goes_together_in_order() -> None:
    tens = Tens(held=True)
    batcher = Batcher(tens.write)
    tasks = submitted(batcher, [1])
    await settled()
    tasks += submitted(batcher, [2, 3, 4])
    await settled()
    assert tens.batches == [[1]]
    tens.gate.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
    assert tens.batches == [[1], [2, 3, 4]]
    assert tens.most_in_flight == 1


async def test_a_batch_has_a_limit() -> None:
    tens = Tens()
    assert await asyncio.gather(*submitted(Batcher(tens.write, most=2), range(5))) == [0, 10, 20, 30, 40]
    assert tens.batches == [[0, 1], [2, 3], [4]]


async def test_an_exception_among_the_results_meets_its_own_waiter() -> None:
    async def write(items: Sequence[int]) -> list[int | Exception]:
        return [KeyError(item) if item == 2 else item for item in items]

    outcomes = await asyncio.gather(*submitted(Batcher(write), [1, 2, 3]), return_exceptions=True)
    assert [repr(outcome) for outcome in outcomes] == ["1", "KeyError(2)", "3"]


@pytest.mark.parametrize("size", [1, 2, 7, 8])
@pytest.mark.parametrize("cause", [ValueError("bad digit"), None])
async def test_a_fault_of_the_data_is_split_to_the_one_item(size: int, cause: Exception | None) -> None:
    stored: list[int] = []

    async def write(items: Sequence[int]) -> list[int | Exception]:
        if 0 in items:
            raise ItemError from cause
        stored.extend(items)
        return list(items)

    outcomes = await asyncio.gather(*submitted(Batcher(write), range(size)), return_exceptions=True)
    assert isinstance(outcomes[0], type(cause) if cause else ItemError)
    assert outcomes[1:] == stored == list(range(1, size))


@pytest.mark.parametrize("error", [RuntimeError("broken"), Busy()])
async def test_a_crash_of_the_write_answers_all_waiters_and_the_next_batch_is_written(error: Exception) -> None:
    crashes = [error]

    async def write(items: Sequence[int]) -> list[int | Exception]:
        if crashes:
            raise crashes.pop()
        return list(items)

    batcher = Batcher(write, most=3)
    outcomes = await asyncio.gather(*submitted(batcher, range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(error)] * 3 + [int] * 2
    assert await batcher.submit(9) == 9


@pytest.mark.parametrize("results", [[], [1], [1, 2, 3]])
async def test_a_write_with_the_wrong_number_of_results_answers_all_waiters(results: list[int]) -> None:
    async def write(_items: Sequence[int]) -> list[int | Exception]:
        return [*results]

    outcomes = await asyncio.gather(*submitted(Batcher(write), [1, 2]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RuntimeError, RuntimeError]


async def test_a_full_queue_is_busy_and_takes_again_afterwards() -> None:
    tens = Tens(held=True)
    batcher = Batcher(tens.write, queue=2)
    tasks = submitted(batcher, [1])
    await settled()
    tasks += submitted(batcher, [2, 3])
    await settled()
    with pytest.raises(Busy) as refused:
        await batcher.submit(4)
    assert refused.value.retry_after == 2
    tens.gate.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30]
    assert await batcher.submit(4) == 40


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_a_waiter_that_leaves_stops_nobody_and_loses_nothing(leaver: int) -> None:
    tens = Tens(held=True)
    batcher = Batcher(tens.write)
    tasks = submitted(batcher, [1])
    await settled()
    tasks += submitted(batcher, [2, 3])
    await settled()
    tasks[leaver].cancel()
    await settled()
    tens.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(asyncio.CancelledError) == 1
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [
        n * 10 for n in (1, 2, 3) if n != leaver + 1
    ]
    assert tens.batches == [[1], [2, 3]]


async def test_close_waits_for_what_was_handed_in_and_refuses_more() -> None:
    tens = Tens(held=True)
    batcher = Batcher(tens.write)
    tasks = submitted(batcher, [1])
    await settled()
    tasks += submitted(batcher, [2])
    closing = asyncio.create_task(batcher.close())
    await settled()
    assert not closing.done()
    with pytest.raises(Busy):
        await batcher.submit(3)
    tens.gate.set()
    await closing
    assert [task.result() for task in tasks] == [10, 20]


async def test_closing_an_idle_batcher_returns() -> None:
    batcher = Batcher(Tens().write)
    await batcher.submit(1)
    await batcher.close()
    await batcher.close()


async def test_giving_up_on_close_does_not_stop_the_write() -> None:
    tens = Tens(held=True)
    batcher = Batcher(tens.write)
    tasks = submitted(batcher, [1])
    await settled()
    closing = asyncio.create_task(batcher.close())
    await settled()
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    tens.gate.set()
    assert await tasks[0] == 10


async def test_when_the_loop_ends_nobody_waits_for_ever() -> None:
    async def cancelled(_items: Sequence[int]) -> list[int | Exception]:
        raise asyncio.CancelledError

    outcomes = await asyncio.gather(*submitted(Batcher(cancelled, most=2), range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Busy] * 5


@given(
    groups=st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6),
    most=st.integers(1, 5),
    bad=st.sets(st.integers(0, 9)),
    refused=st.sets(st.integers(0, 9)),
)
def test_every_item_gets_its_own_result(groups: list[list[int]], most: int, bad: set[int], refused: set[int]) -> None:
    stored: list[int] = []

    async def write(items: Sequence[int]) -> list[int | Exception]:
        await asyncio.sleep(0)
        if bad & set(items):
            raise ItemError from ValueError(min(bad & set(items)))
        stored.extend(item for item in items if item not in refused)
        return [LookupError(item) if item in refused else item * 10 for item in items]

    async def run(write: Callable[[Sequence[int]], Awaitable[Sequence[int | Exception]]]) -> list[int | BaseException]:
        batcher = Batcher(write, most=most)
        tasks = []
        for group in groups:
            tasks += submitted(batcher, group)
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks, return_exceptions=True)

    items = [item for group in groups for item in group]
    outcomes = asyncio.run(run(write))
    for item, outcome in zip(items, outcomes, strict=True):
        if item in bad:
            assert (type(outcome), str(outcome)) == (ValueError, str(item))
        elif item in refused:
            assert (type(outcome), str(outcome)) == (LookupError, str(item))
        else:
            assert outcome == item * 10
    assert stored == [item for item in items if item not in bad and item not in refused]
