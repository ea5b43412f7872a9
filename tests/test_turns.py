"""Long runs give way to short ones between their batches, and are never held up by one that is stuck."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from gbrain.services.turns import PATIENCE_S, SHORT_FOR_S, Turns


class Clock:
    """Stands still until it is told; sleeping tasks do not move it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_long_run_waits_until_the_short_ones_have_passed() -> None:
    turns = Turns(Clock())
    with turns.turn() as long_one, ExitStack() as short_ones:
        await long_one.give_way()
        for _ in range(3):
            short_ones.enter_context(turns.turn())
        waiting = asyncio.create_task(long_one.give_way())
        await _settle()
        assert not waiting.done()
        short_ones.close()
        await waiting


async def test_long_runs_do_not_wait_for_each_other() -> None:
    turns = Turns(Clock())
    with turns.turn() as one, turns.turn() as other:
        await asyncio.gather(one.give_way(), other.give_way())
        await one.give_way()


async def test_one_that_is_stuck_holds_nobody_up_for_longer_than_is_said() -> None:
    clock = Clock()
    turns = Turns(clock)
    with turns.turn(), turns.turn() as long_one:
        clock.now = SHORT_FOR_S + 0.1
        await long_one.give_way()
    clock.now = 100.0
    with turns.turn() as long_one:
        await long_one.give_way()
        with turns.turn():
            waiting = asyncio.create_task(long_one.give_way())
            await _settle()
            assert not waiting.done()
            clock.now += PATIENCE_S
            with turns.turn():
                pass
            await waiting


async def test_a_run_that_fails_is_waited_for_no_longer() -> None:
    turns = Turns(Clock())
    with turns.turn() as long_one:
        await long_one.give_way()
        short_one = ExitStack()
        short_one.enter_context(turns.turn())
        waiting = asyncio.create_task(long_one.give_way())
        await _settle()
        short_one.close()
        await waiting


async def _settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)
