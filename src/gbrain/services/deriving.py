"""Deriving pages from blobs off the event loop: in a thread while there is little of it, else in processes of our own.

The processes are children that speak over their standard streams, not a pool of the standard library: those outlive a
parent that is killed, holding its pipes, and start by importing the whole command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Sequence

from gbrain.domain.content import Derived, Refused
from gbrain.errors import GbrainError
from gbrain.services.deriving_child import LENGTH, Item, Question, derive_all, encode_all, unpacked
from gbrain.store.encoded import EncodedPage

THREAD_LIMIT_BYTES = 2_000_000
"""Up to this much text of one run is derived in a thread; above it starting processes pays."""

ANSWER_SECONDS = 300.0
"""How long a child may take over one batch, which is a matter of seconds where nothing is wrong."""

_KILLED_HINT = "memory may be short: run the sync again with --workers 1; it goes on from what was committed"
_PIPE_BYTES = 4_000_000


class Derivers:
    """At most `size` child processes, started when first needed, shared by all sources of this process."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []

    async def derive(self, items: Sequence[Item], *, in_processes: bool) -> list[Derived]:
        """What each blob holds, in order; a child that was killed is replaced once. Raises GbrainError after that."""
        if not in_processes:
            return await asyncio.to_thread(derive_all, items)
        return unpacked(await self._answer((items, None)))

    async def encode(
        self, items: Sequence[Item], page_ids: Sequence[int], *, in_processes: bool
    ) -> list[EncodedPage | Refused]:
        """The same as rows of the pages with these ids."""
        if not in_processes:
            return await asyncio.to_thread(encode_all, items, page_ids)
        answer: list[EncodedPage | Refused] = pickle.loads(await self._answer((items, page_ids)))  # noqa: S301 - our own
        return answer

    async def close(self) -> None:
        """End the children; they hold nothing worth waiting for."""
        while self._idle:
            await _end(self._idle.pop())

    async def _answer(self, question: Question) -> bytes:
        packed = pickle.dumps(question, protocol=5)
        async with self._free:
            answer = await self._ask(self._idle.pop() if self._idle else await _start(), packed)
            if answer is None:
                answer = await self._ask(await _start(), packed)
        if answer is None:
            raise GbrainError("a deriving process was killed, and so was the next one", hint=_KILLED_HINT)
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
