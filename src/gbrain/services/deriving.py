"""Deriving pages from blobs off the event loop: in a thread while there is little of it, else in processes of our own.

The processes are children that speak over their standard streams, not a pool of the standard library: those outlive a
parent that is killed, holding its pipes, and start by importing the whole command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from gbrain import logs
from gbrain.domain.content import Derived, Reason, Refused
from gbrain.domain.paths import display
from gbrain.errors import GbrainError
from gbrain.services.aside import aside
from gbrain.services.deriving_child import FAILED, LENGTH, Item, derive_all, encode_all, unpacked
from gbrain.store.encoded import EncodedPage

THREAD_LIMIT_BYTES = 2_000_000
"""Up to this much text of one run is derived in a thread; above it starting processes pays."""

ANSWER_SECONDS = 300.0
"""How long a child may take over one batch, which is a matter of seconds where nothing is wrong."""

Page = TypeVar("Page")

CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
"""How a process ends over what it reads. Others send SIGKILL: the system where memory is short, or a person."""

_KILLED_HINT = "memory may be short: run the sync again with --workers 1; it goes on from what was committed"
_PIPE_BYTES = 4_000_000


class Derivers:
    """At most `size` child processes, started when first needed, shared by all sources of this process."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []

    async def derive(self, items: Sequence[Item], *, in_processes: bool) -> list[Derived]:
        """What each blob holds, in order.

        A child that dies is replaced once; of a batch over which that one dies too, each half is tried by itself. A
        blob over which both crash is refused; where both are killed, GbrainError is raised, which names it. A defect
        that a child meets is raised as RuntimeError.
        """
        if not in_processes:
            return await aside(lambda: derive_all(items))
        return await self._bisected(items, None, unpacked)

    async def encode(
        self, items: Sequence[Item], page_ids: Sequence[int], *, in_processes: bool
    ) -> list[EncodedPage | Refused]:
        """The same as rows of the pages with these ids."""
        if not in_processes:
            return await aside(lambda: encode_all(items, page_ids))
        return await self._bisected(items, page_ids, pickle.loads)

    async def close(self) -> None:
        """End the children; they hold nothing worth waiting for."""
        while self._idle:
            await _end(self._idle.pop())

    async def _bisected(
        self, items: Sequence[Item], page_ids: Sequence[int] | None, read: Callable[[bytes], list[Page | Refused]]
    ) -> list[Page | Refused]:
        answer = await self._answer(pickle.dumps((items, page_ids), protocol=5))
        if isinstance(answer, bytes):
            return read(answer)
        if len(items) == 1:
            return [_deadly(items[0], answer)]
        half = len(items) // 2
        first = await self._bisected(items[:half], page_ids and page_ids[:half], read)
        return first + await self._bisected(items[half:], page_ids and page_ids[half:], read)

    async def _answer(self, question: bytes) -> bytes | signal.Signals:
        """The answer of a child; the signal by which the second one ended where two died over it."""
        async with self._free:
            answer = await self._ask(self._idle.pop() if self._idle else await _start(), question)
            if isinstance(answer, signal.Signals):
                answer = await self._ask(await _start(), question)
        return answer

    async def _ask(self, child: asyncio.subprocess.Process, question: bytes) -> bytes | signal.Signals:
        """The child's answer, after which it is idle; the signal where one ended it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await _exchange(child, question)
        except (asyncio.IncompleteReadError, ConnectionError):
            return await _death(child)
        except TimeoutError:
            await _end(child)
            raise GbrainError(
                f"a deriving process gave no answer in {ANSWER_SECONDS:.0f} s", hint=_KILLED_HINT
            ) from None
        except BaseException:
            await _end(child)
            raise
        self._idle.append(child)
        return answer


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *("nice", "-n", "10", sys.executable, "-P", "-m", "gbrain.services.deriving_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_PIPE_BYTES,
    )


async def _end(child: asyncio.subprocess.Process) -> None:
    """End it by its number: asked to kill it, `subprocess` would also reap it, and the event loop complain of that."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    await child.wait()


async def _death(child: asyncio.subprocess.Process) -> signal.Signals:
    """How a child ended that has closed its pipes; one that no signal ended has ended by a defect."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            code = await child.wait()
    except TimeoutError:
        await _end(child)
        raise
    if code >= 0:
        raise RuntimeError(f"a deriving process ended with status {code}")
    return signal.Signals(-code)


def _deadly(item: Item, ended_by: signal.Signals) -> Refused:
    path = display(item[0])
    if ended_by not in CRASHES:
        raise GbrainError(
            f"the deriving process that read {path} was killed, and so was the next one", hint=_KILLED_HINT
        )
    logs.warning("a file makes the process that reads it crash", path=path, signal=ended_by.name)
    return Refused(Reason.UNREADABLE, f"the process that reads it crashes ({ended_by.name})")


async def _exchange(child: asyncio.subprocess.Process, question: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("a deriving process was started without pipes")
    child.stdin.write(LENGTH.pack(len(question)))
    child.stdin.write(question)
    await child.stdin.drain()
    (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    kind, answer = await child.stdout.readexactly(1), await child.stdout.readexactly(length - 1)
    if kind == FAILED:
        raise RuntimeError(answer.decode())
    return answer
