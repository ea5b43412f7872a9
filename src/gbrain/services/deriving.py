"""Deriving pages from blobs off the event loop: in a thread while there is little of it, else in processes of our own.

The processes are children that speak over their standard streams, not a pool of the standard library: those outlive a
parent that is killed, holding its pipes, and start by importing the whole command line.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Sequence

from gbrain.domain.content import Derived
from gbrain.services.deriving_child import LENGTH, Item, derive_all

THREAD_LIMIT_BYTES = 2_000_000
"""Up to this much text of one run is derived in a thread; above it starting processes pays."""

_PIPE_BYTES = 4_000_000


class Derivers:
    """At most `size` child processes, started when first needed, shared by all sources of this process."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []

    async def derive(self, items: Sequence[Item], *, in_processes: bool) -> list[Derived]:
        """What each blob holds, in order."""
        if not in_processes:
            return await asyncio.to_thread(derive_all, items)
        async with self._free:
            child = self._idle.pop() if self._idle else await _start()
            try:
                derived = await _ask(child, items)
            except BaseException:
                child.kill()
                await child.wait()
                raise
            self._idle.append(child)
            return derived

    async def close(self) -> None:
        """End the children; they hold nothing worth waiting for."""
        for child in self._idle:
            child.kill()
        for child in self._idle:
            await child.wait()
        self._idle.clear()


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "gbrain.services.deriving_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_PIPE_BYTES,
    )


async def _ask(child: asyncio.subprocess.Process, items: Sequence[Item]) -> list[Derived]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("a deriving process was started without pipes")
    question = pickle.dumps(items, protocol=5)
    child.stdin.write(LENGTH.pack(len(question)))
    child.stdin.write(question)
    await child.stdin.drain()
    (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    derived: list[Derived] = pickle.loads(await child.stdout.readexactly(length))  # noqa: S301 - our own child
    return derived
