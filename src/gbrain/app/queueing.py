"""A queue before work that shares one processor: a few at a time are quicker for each than all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Queue:
    """Lets so many in at a time, in the order in which they came. One that takes long is counted no more.

    Of those that share a processor side by side, each is done about when the last is. In a queue the first are done
    early, and one that has much to do is held up by fewer.
    """

    def __init__(self, *, at_once: int, counted_for_s: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._counted_for_s = counted_for_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The block begins when its turn comes. Others need not wait for its end, should that be long in coming."""
        await self._free.acquire()
        place = _Place(self._free)
        late = asyncio.get_running_loop().call_later(self._counted_for_s, place.give_back)
        try:
            yield
        finally:
            late.cancel()
            place.give_back()


class _Place:
    """What one has that was let in, and gives back once."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def give_back(self) -> None:
        """Let the next one in, if that was not done before."""
        if self._free is not None:
            self._free.release()
        self._free = None
