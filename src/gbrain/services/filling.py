"""Filling a model's backlog: its passages are sent as the throttle allows, and their vectors stored.

The backlog is the truth: what is done leaves it in the transaction that stores the vector, and the fill is over when
nothing is in it. Whatever ends it earlier is said.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from gbrain.domain.embedding import Cause, Filled, Shortfall
from gbrain.domain.events import Filling
from gbrain.domain.steps import Phase
from gbrain.embedding.answers import Embedder
from gbrain.services.cancelling import ended, is_cancelled
from gbrain.services.claims import Claims
from gbrain.services.progress import RunProgress
from gbrain.services.requests import Packing, Requests
from gbrain.services.sending import PATIENCE_S, Request, Sender
from gbrain.services.throttling import Permit, Throttle
from gbrain.store.backlog import WorkerProgress
from gbrain.store.connection import Pool

_LOOKS_APART_S = 0.5
"""How often a worker that has nothing to do looks whether it has."""

LONGEST_WAIT = timedelta(minutes=10)
"""A provider that is to be left alone for longer ends a fill: the remainder is said, and a later one goes on."""

_STORES_AHEAD = 2
"""For each connection that stores, so many answers may wait or be stored while more is sent."""

_COUNTS_APART_S = 2.0
"""How often it is counted anew how much there is to do."""


class Filler:
    """Fills one model's backlog, as one worker among any number.

    `goes_on` says whether more may come: while it does, an empty backlog is no end. `waits_for_others`: what others
    have claimed is waited for too, so that the end means that nothing is left. `stores`: how many connections it may
    store on at once. `patience_s`: after so long without an answer of use the provider is taken to be down.
    `name` is what the model is called.
    """

    def __init__(
        self,
        pool: Pool,
        claims: Claims,
        embedder: Embedder,
        throttle: Throttle,
        packing: Packing,
        progress: RunProgress,
        *,
        goes_on: Callable[[], bool] = lambda: False,
        waits_for_others: bool = True,
        stores: int = 4,
        patience_s: float = PATIENCE_S,
        name: str = "",
    ) -> None:
        self.filled = Filled()
        self._claims, self._throttle, self._progress = claims, throttle, progress
        self._goes_on, self._waits_for_others = goes_on, waits_for_others
        self._moved = asyncio.Event()
        self._sender = Sender(
            *(pool, claims, embedder, throttle, self.filled, self._later, self._answered),
            stores=stores,
            patience_s=patience_s,
        )
        self._stores = stores
        self._requests = Requests(claims, embedder, throttle, packing, self._count)
        self._under_way: set[asyncio.Task[None]] = set()
        self._sent = 0
        self._waits: timedelta | None = None
        self._counted_at = float("-inf")
        self._has_begun = False
        self._name = name

    @property
    def model_id(self) -> int:
        """The model whose backlog it is."""
        return self._claims.model_id

    async def fill(self) -> Filled:
        """Work until nothing is left, or something keeps it from that; what it amounted to."""
        async with self._claims.held(self._seen):
            is_over = False
            try:
                try:
                    await self._work()
                finally:
                    if not is_cancelled():
                        await self._arrived()
                await self._claims.forget_position()
                is_over = self._sender.trouble is None
            finally:
                await ended(*self._under_way)
                await self._requests.close()
                if is_over:
                    self._progress.finish()
                else:
                    self._progress.abort()
        self.filled.shortfall = self._sender.trouble
        return self.filled

    async def _arrived(self) -> None:
        """What is under way has been paid for: it is waited for, whatever keeps the fill from sending more."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._sender.raise_defect()
        await self._sender.settle()

    def stop(self, why: Shortfall) -> None:
        """Send nothing more; what is under way is still waited for."""
        self._sender.trouble = self._sender.trouble or why
        self._moved.set()

    def wake(self) -> None:
        """Something has changed that the fill may care about."""
        self._moved.set()

    async def _work(self) -> None:
        while self._sender.trouble is None:
            self._sender.raise_defect()
            if self._sent >= self._throttle.limit or len(self._under_way) - self._sent >= _STORES_AHEAD * self._stores:
                await self._change(_LOOKS_APART_S)
            elif (request := await self._requests.next()) is not None:
                await self._send(request)
            elif (due_in_s := self._requests.due_in_s) is not None:
                await self._change(min(_LOOKS_APART_S, due_in_s))
            elif self._under_way:
                await self._change(_LOOKS_APART_S)
            elif await self._sender.settle():
                continue
            elif not await self._more_to_come():
                return

    async def _send(self, request: Request) -> None:
        """Send it now, or take it apart again and wait: what fits is found anew then."""
        found = await self._throttle.ask(request.tokens)
        if isinstance(found, Permit):
            self._waits = None
            self._sent += 1
            task = asyncio.create_task(self._sender.send(request, found))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
            return
        if found > LONGEST_WAIT:
            self._sender.trouble = _SPENT if self._throttle.is_spent else _too_long(found)
            self._requests.put_back(request)
            return
        self._waits = found
        self._requests.put_back(request)
        await self._change(min(found.total_seconds(), _LOOKS_APART_S))

    async def _more_to_come(self) -> bool:
        """Nothing is free behind the position, and nothing under way: whether to go on.

        Whether more may come is asked first: what came before the answer was no, is found by the look that follows.
        """
        goes_on = self._goes_on()
        if await self._claims.look_from_the_beginning():
            if await self._requests.claim():
                return True
            if not self._waits_for_others and not goes_on:
                return False
        elif not goes_on:
            return False
        await self._change(_LOOKS_APART_S)
        return True

    async def _count(self) -> None:
        """How much there is to do, now and then; the phase begins with the first that there is."""
        now = asyncio.get_running_loop().time()
        if now - self._counted_at < _COUNTS_APART_S:
            return
        self._counted_at = now
        left = await self._claims.count_left()
        if not self._has_begun:
            self._has_begun = True
            self._progress.enter(Phase.EMBED, left, filling=Filling(model=self._name))
        self._progress.advance(self.filled.passages, self.filled.passages + left)

    def _later(self, request: Request, wait: timedelta) -> None:
        if wait > LONGEST_WAIT:
            self._sender.trouble = self._sender.trouble or _too_long(wait)
        self._requests.later(request, wait)

    async def _change(self, seconds: float) -> None:
        """Until something moves, and no longer than so long."""
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    def _answered(self) -> None:
        self._sent -= 1
        self._moved.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._progress.advance(self.filled.passages)
        self._moved.set()

    def _seen(self) -> WorkerProgress:
        """What others see of this worker."""
        return WorkerProgress(
            done=self.filled.passages,
            total=self._progress.total,
            rate_per_s=self._progress.rate_per_s,
            waits=self._waits,
            trouble=self._sender.last_word,
        )


_SPENT = Shortfall(
    cause=Cause.BUDGET,
    message="what may be sent to the provider today is used up",
    hint="run gbrain embed again after midnight UTC, or raise the budget in config.toml",
)


def _too_long(wait: timedelta) -> Shortfall:
    minutes = round(wait.total_seconds() / 60)
    return Shortfall(
        cause=Cause.BUSY,
        message=f"the provider takes nothing for another {minutes} min",
        hint="run gbrain embed again then",
    )
