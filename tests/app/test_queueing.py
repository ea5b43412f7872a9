"""The queue before searches: a few at a time, in order, and nobody is held up by one that takes long."""

from __future__ import annotations

import asyncio

import pytest

from gbrain.app.queueing import Queue

LONG_S = 3600.0


async def settled() -> None:
    """Everything that can go on has done so."""
    for _ in range(20):
        await asyncio.sleep(0)


class Work:
    """Tasks that take a turn each, and end when told to."""

    def __init__(self, queue: Queue, many: int) -> None:
        self.began: list[int] = []
        self.all_began = asyncio.Event()
        self.may_end = [asyncio.Event() for _ in range(many)]
        self.tasks = [asyncio.create_task(self._run(queue, number)) for number in range(many)]

    async def _run(self, queue: Queue, number: int) -> None:
        async with queue.turn():
            self.began.append(number)
            if len(self.began) == len(self.may_end):
                self.all_began.set()
            await self.may_end[number].wait()


async def test_so_many_are_let_in_at_a_time_in_the_order_in_which_they_came() -> None:
    work = Work(Queue(at_once=2, counted_for_s=LONG_S), 5)
    await settled()
    assert work.began == [0, 1]
    for ended in range(5):
        work.may_end[ended].set()
        await settled()
        assert work.began == list(range(min(5, ended + 3)))
    await asyncio.gather(*work.tasks)


async def test_one_that_takes_long_lets_the_next_one_in_and_gives_its_place_back_once() -> None:
    work = Work(Queue(at_once=1, counted_for_s=0.01), 2)
    async with asyncio.timeout(10):
        await work.all_began.wait()
    assert work.began == [0, 1]
    for event in work.may_end:
        event.set()
    await asyncio.gather(*work.tasks)


async def test_places_are_neither_lost_nor_doubled_by_those_that_took_long() -> None:
    queue = Queue(at_once=1, counted_for_s=0.0)
    for _ in range(3):
        async with queue.turn():
            await asyncio.sleep(0.01)
    queue._counted_for_s = LONG_S
    work = Work(queue, 2)
    await settled()
    assert work.began == [0]
    for event in work.may_end:
        event.set()
    await asyncio.gather(*work.tasks)


@pytest.mark.parametrize("which", [0, 1])
async def test_one_that_is_cancelled_under_way_or_in_the_queue_leaves_no_hole(which: int) -> None:
    work = Work(Queue(at_once=1, counted_for_s=LONG_S), 3)
    await settled()
    work.tasks[which].cancel()
    await settled()
    for event in work.may_end:
        event.set()
    await asyncio.gather(*work.tasks, return_exceptions=True)
    assert work.began == ([0, 1, 2] if which == 0 else [0, 2])
