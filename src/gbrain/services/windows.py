"""Streams of sorted lists side by side, cut at the same paths, so that each piece can be compared by itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from operator import attrgetter
from typing import Generic, Protocol, TypeVar


class HasPath(Protocol):
    """A row about one path."""

    @property
    def path(self) -> bytes:
        """The path, as bytes."""


A = TypeVar("A", bound=HasPath)
B = TypeVar("B", bound=HasPath)
C = TypeVar("C", bound=HasPath)


async def windows(
    first: AsyncGenerator[list[A], None], second: AsyncGenerator[list[B], None], third: AsyncGenerator[list[C], None]
) -> AsyncGenerator[tuple[list[A], list[B], list[C]], None]:
    """Pieces of three streams, each in byte order of path, that cover the same range of paths; closed with them."""
    async with aclosing(first), aclosing(second), aclosing(third):
        a, b, c = _Stream(first), _Stream(second), _Stream(third)
        while True:
            ends = [end for end in (await a.end(), await b.end(), await c.end()) if end is not None]
            if not ends:
                return
            up_to = min(ends)
            yield a.take(up_to), b.take(up_to), c.take(up_to)


class _Stream(Generic[A]):
    """A stream of lists, read ahead by one, from which the rows up to a path can be taken."""

    def __init__(self, pieces: AsyncIterator[list[A]]) -> None:
        self._pieces = pieces
        self._rows: list[A] = []
        self._has_ended = False

    async def end(self) -> bytes | None:
        """The last path that is read; None at the end of the stream."""
        while not self._rows and not self._has_ended:
            try:
                self._rows = await anext(self._pieces)
            except StopAsyncIteration:
                self._has_ended = True
        return self._rows[-1].path if self._rows else None

    def take(self, up_to: bytes) -> list[A]:
        cut = bisect_right(self._rows, up_to, key=attrgetter("path"))
        taken, self._rows = self._rows[:cut], self._rows[cut:]
        return taken
