"""Deriving pages from blobs off the event loop: in a thread while there is little of it, else in processes of our own.

The processes are children that speak over their standard streams, not a pool of the standard library: those outlive a
parent that is killed, holding its pipes, and start by importing the whole command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from gbrain import logs
from gbrain.domain.content import Derived, Reason, Refused
from gbrain.domain.paths import display
from gbrain.errors import GbrainError
from gbrain.services.deriving_child import LENGTH, Item, derive_all, encode_all, unpacked
from gbrain.store.encoded import EncodedPage

THREAD_LIMIT_BYTES = 2_000_000
"""Up to this much text of one run is derived in a thread; above it starting processes pays."""

ANSWER_SECONDS = 300.0
"""How long a child may take over one batch, which is a matter of seconds where nothing is wrong."""

MOST_DEADLY = 3
"""So many files may kill their process, each by itself, before that is taken for a lack of memory."""

Page = TypeVar("Page")

_KILLED_HINT = "memory may be short: run the sync again with --workers 1; it goes on from what was committed"
_PIPE_BYTES = 4_000_000


class Derivers:
    """At most `size` child processes, started when first needed, shared by all sources of this process."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []
        self._deadly_items = 0

    async def derive(self, items: Sequence[Item], *, in_processes: bool) -> list[Derived]:
        """What each blob holds, in order.

        A child that was killed is replaced once; of a batch that kills that one too, each half is tried alone, and a
        blob that does it all by itself is refused. Raises GbrainError where that comes to more than a few.
        """
        if not in_processes:
            return await asyncio.to_thread(derive_all, items)
        return await self._bisected(items, None, unpacked)

    async def encode(
        self, items: Sequence[Item], page_ids: Sequence[int], *, in_processes: bool
    ) -> list[EncodedPage | Refused]:
        """The same as rows of the pages with these ids."""
        if not in_processes:
            return await asyncio.to_thread(encode_all, items, page_ids)
        return await self._bisected(items, page_ids, pickle.loads)

    async def close(self) -> None:
        """End the children; they hold nothing worth waiting for."""
        while self._idle:
            await _end(self._idle.pop())

    async def _bisected(
        self, items: Sequence[Item], page_ids: Sequence[int] | None, read: Callable[[bytes], list[Page | Refused]]
    ) -> list[Page | Refused]:
        answer = await self._answer(pickle.dumps((items, page_ids), protocol=5))
        if answer is not None:
            return read(answer)
        if len(items) == 1:
            return [self._deadly(items[0])]
        half = len(items) // 2
        first = await self._bisected(items[:half], page_ids and page_ids[:half], read)
        return first + await self._bisected(items[half:], page_ids and page_ids[half:], read)

    def _deadly(self, item: Item) -> Refused:
        """The refusal of a blob whose process was killed twice. Where there are many, the machine is what is wrong."""
        self._deadly_items += 1
        if self._deadly_items > MOST_DEADLY:
            raise GbrainError("deriving processes are killed again and again", hint=_KILLED_HINT)
        logs.warning("a process was killed over one file, twice", path=display(item[0]))
        return Refused(
            Reason.UNREADABLE, "the process that read it was killed, twice; to try it again: sync with --full"
        )

    async def _answer(self, question: bytes) -> bytes | None:
        """The answer of a child; None where two were killed over it."""
        async with self._free:
            answer = await self._ask(self._idle.pop() if self._idle else await _start(), question)
            if answer is None:
                answer = await self._ask(await _start(), question)
        return answer

    async def _ask(self, child: asyncio.subprocess.Process, question: bytes) -> bytes | None:
        """The child's answer, after which it is idle; None where somebody has killed it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await _exchange(child, question)
        except (asyncio.IncompleteReadError, ConnectionError):
            await _end(child)
            return None
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
        *(sys.executable, "-P", "-m", "gbrain.services.deriving_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_PIPE_BYTES,
    )


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


async def _exchange(child: asyncio.subprocess.Process, question: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("a deriving process was started without pipes")
    child.stdin.write(LENGTH.pack(len(question)))
    child.stdin.write(question)
    await child.stdin.drain()
    (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    return await child.stdout.readexactly(length)
