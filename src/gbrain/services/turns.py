"""Letting short runs pass: one that has much to write gives way between its batches, for a moment each time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHORT_FOR_S = 3.0
"""A run that has written for longer passes nobody any more: it may be stuck."""
MANY_PATHS = 1000
PATIENCE_S = 1.0
"""Before each of its batches a long run waits no longer than this."""


class Turns:
    """Which runs of a fleet have begun to write, and how much they have to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_s: dict[Turn, float] = {}
        self._passed = asyncio.Event()

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """A run that begins: it is short until it gives way for the first time."""
        turn = Turn(self)
        self._began_s[turn] = self._clock()
        try:
            yield turn
        finally:
            self.passed(turn)

    def passed(self, turn: Turn) -> None:
        """The run has ended, or is a long one."""
        if self._began_s.pop(turn, None) is not None:
            self._passed.set()

    async def wait(self) -> None:
        """Until no run that began a moment ago is short, and never longer than PATIENCE_S."""
        until_s = self._clock() + PATIENCE_S
        while (short_until_s := self._short_until_s()) is not None and self._clock() < until_s:
            self._passed.clear()
            try:
                async with asyncio.timeout(max(0.0, min(short_until_s, until_s) - self._clock())):
                    await self._passed.wait()
            except TimeoutError:
                continue

    def _short_until_s(self) -> float | None:
        """When the youngest run that may be passing is taken for short no longer; None where there is none."""
        ends_s = [began_s + SHORT_FOR_S for began_s in self._began_s.values()]
        return max((end_s for end_s in ends_s if end_s > self._clock()), default=None)


class Turn:
    """A run's place among the others."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def looked_at(self, paths: int) -> None:
        """Called while a run plans: one with many paths to look at has perhaps much to do."""
        if paths >= MANY_PATHS:
            await self.give_way()

    async def give_way(self) -> None:
        """Called between two batches: who has more than one lets those pass that may have only one."""
        self._turns.passed(self)
        await self._turns.wait()
