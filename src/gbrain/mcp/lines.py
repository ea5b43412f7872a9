"""Lines from and to a descriptor, in threads: no other way of waiting works for files, pipes and terminals alike.

Such a thread ends with the process, wherever it is: nobody who does not write, or does not read, keeps it from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_PIECE_BYTES = 65_536


class LineTooLong(Exception):
    """A line is longer than it may be: neither it nor what follows is told."""


class Lines:
    """The lines that come in, without their ends, up to one of more than `most` bytes."""

    def __init__(self, descriptor: int, *, most: int) -> None:
        self._descriptor, self._most = descriptor, most
        self._come: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_cut = False
        self._hand_over = _thread_safe(asyncio.get_running_loop(), self._come.put_nowait)
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> bytes | None:
        """The next; None behind the last. Raises LineTooLong."""
        line = await self._come.get()
        if line is None and self._is_cut:
            raise LineTooLong
        return line

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while not self._is_cut and (piece := os.read(self._descriptor, _PIECE_BYTES)):
                *lines, rest = (rest + piece).split(b"\n")
                whole = list(itertools.takewhile(self._fits, lines))
                for line in whole:
                    self._hand_over(line)
                self._is_cut = len(whole) < len(lines) or not self._fits(rest)
            if rest and not self._is_cut:
                self._hand_over(rest)
        self._hand_over(None)

    def _fits(self, line: bytes) -> bool:
        return len(line) <= self._most


class LineWriter:
    """Writes lines. What a reader who has gone away does not take is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = asyncio.Semaphore(0)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._done = _thread_safe(asyncio.get_running_loop(), lambda none: self._written.release())
        threading.Thread(target=self._write, daemon=True).start()

    async def put(self, line: bytes) -> None:
        """Write the line, and its end."""
        self._lines.put(line + b"\n")
        await self._written.acquire()

    def _write(self) -> None:
        is_open = True
        while True:
            left = memoryview(self._lines.get())
            while is_open and left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except OSError:
                    is_open = False
            self._done(None)


def _thread_safe(loop: asyncio.AbstractEventLoop, call: Callable[[Value], object]) -> Callable[[Value], None]:
    """The call, for a thread that may outlive the loop."""

    def made(value: Value) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(call, value)

    return made
