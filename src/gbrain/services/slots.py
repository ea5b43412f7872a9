"""How many sources may do a thing at once: fetching waits, writing works."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from types import TracebackType
from typing import Self

from gbrain.domain.fleet import slots_for_slow_ones
from gbrain.services.turns import Turns


class Slots:
    """Slots for fetching and for writing, given out in the order in which they are asked for."""

    def __init__(self, *, fetch: int, write: int, slow: Collection[str] = ()) -> None:
        self.write = asyncio.Semaphore(write)
        self.turns = Turns()
        self._fetch = asyncio.Semaphore(fetch)
        self._for_slow_ones = asyncio.Semaphore(slots_for_slow_ones(fetch))
        self._slow = slow

    def regard_as_slow(self, slow: Collection[str]) -> None:
        """From now on it is these that timed out last."""
        self._slow = slow

    def fetch(self, source_id: str) -> FetchSlot:
        """The source's fetch slot; one that timed out last waits for one of the few that are for those."""
        waits = [self._for_slow_ones] if source_id in self._slow else []
        return FetchSlot([*waits, self._fetch])


class FetchSlot:
    """A slot that a source takes, gives back as soon as it has fetched, and may take again."""

    def __init__(self, semaphores: list[asyncio.Semaphore]) -> None:
        self._semaphores = semaphores
        self._held: list[asyncio.Semaphore] = []

    async def __aenter__(self) -> Self:
        """Wait for it; nothing where it is held already."""
        try:
            for semaphore in self._semaphores[len(self._held) :]:
                await semaphore.acquire()
                self._held.append(semaphore)
        except BaseException:
            self.give_back()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let the next source have it; nothing where it was given back."""
        while self._held:
            self._held.pop().release()
