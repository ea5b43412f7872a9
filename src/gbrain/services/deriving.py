"""Deriving pages from blobs off the event loop: in a thread while there is little of it, else in child processes."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Sequence
from typing import TypeVar

from gbrain import logs
from gbrain.children.asking import Children
from gbrain.domain.content import Derived, Reason, Refused
from gbrain.domain.paths import display
from gbrain.errors import GbrainError
from gbrain.services.aside import aside
from gbrain.services.deriving_child import Item, derive_all, encode_all, unpacked
from gbrain.store.encoded import EncodedPage

THREAD_LIMIT_BYTES = 2_000_000
"""Up to this much text of one run is derived in a thread; above it starting processes pays."""

ANSWER_SECONDS = 300.0
"""How long a child may take over one batch, which is a matter of seconds where nothing is wrong."""

Page = TypeVar("Page")

CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
"""How a process ends over what it reads. Others send SIGKILL: the system where memory is short, or a person."""

_KILLED_HINT = "memory may be short: run the sync again with --workers 1; it goes on from what was committed"
_PROGRAM = "gbrain.services.deriving_child"


class Derivers:
    """At most `size` child processes, started when first needed, shared by all sources of this process."""

    def __init__(self, size: int) -> None:
        self._children = Children(_PROGRAM, size, what="a deriving process", seconds=ANSWER_SECONDS)

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
        await self._children.close()

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
        try:
            return await self._children.ask(question)
        except TimeoutError:
            raise GbrainError(
                f"a deriving process gave no answer in {ANSWER_SECONDS:.0f} s", hint=_KILLED_HINT
            ) from None


def _deadly(item: Item, ended_by: signal.Signals) -> Refused:
    path = display(item[0])
    if ended_by not in CRASHES:
        raise GbrainError(
            f"the deriving process that read {path} was killed, and so was the next one", hint=_KILLED_HINT
        )
    logs.warning("a file makes the process that reads it crash", path=path, signal=ended_by.name)
    return Refused(Reason.UNREADABLE, f"the process that reads it crashes ({ended_by.name})")
