"""Work in a thread: whoever is cancelled, however often, waits for its end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gbrain.services.aside import aside


async def test_the_answer_and_the_error_of_the_work_come_back() -> None:
    assert await aside(lambda: 7) == 7
    with pytest.raises(ValueError, match="wrong"):
        await aside(lambda: int("wrong"))


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_cancelled_waiter_goes_on_only_when_the_work_has_ended(times: int) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(30)
        ended.set()
        raise ValueError("what it worked on was taken away")

    closed_after: list[bool] = []

    async def waiter() -> None:
        try:
            await aside(work)
        finally:
            closed_after.append(ended.is_set())

    task = asyncio.create_task(waiter())
    await asyncio.to_thread(begun.wait, 30)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed_after == [True]
