"""What a worker has of a backlog: it enlists, claims passages in order, renews them, and gives back what is left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from gbrain import logs
from gbrain.domain.embedding import Claimed
from gbrain.domain.lease import Holder, Life
from gbrain.errors import DatabaseUnusable
from gbrain.machine.process import steady_seconds
from gbrain.services.cancelling import ended
from gbrain.services.leasing import life_of
from gbrain.store import backlog, faults
from gbrain.store.backlog import WorkerProgress
from gbrain.store.connection import Connection, Pool, answering

_LAST_WORD_S = 5.0
"""How long a worker that ends may take to give back what it has; where it does not, its term does."""


class Claims:
    """A worker's claims on the backlog of one model, of one source or of all."""

    def __init__(self, pool: Pool, model_id: int, me: Holder, *, term: timedelta, source: str | None) -> None:
        self.model_id = model_id
        self._pool, self._me, self._term, self._source = pool, me, term, source
        self._worker = 0
        self._position = 0
        self._trusted_until = 0.0
        self._waiting: deque[Claimed] = deque()

    @asynccontextmanager
    async def held(self, progress: Callable[[], WorkerProgress]) -> AsyncIterator[None]:
        """A worker for as long as the block runs; `progress` is what others see of it."""
        await self._enlist()
        renewing = asyncio.create_task(self._keep_renewed(progress))
        try:
            yield
        finally:
            await ended(renewing)
            await self._leave()

    @property
    def waiting(self) -> deque[Claimed]:
        """What is claimed and not under way, in order."""
        return self._waiting

    async def more(self, limit: int) -> bool:
        """Claim up to so many more from where the last claim ended; False where nothing free lies there."""
        await self._see_to_it_that_they_hold()
        async with answering(self._pool) as conn:
            passages, self._position = await backlog.claim(
                conn, self.model_id, self._worker, position=self._position, limit=limit, source=self._source
            )
            if passages:
                self._waiting.extend(await backlog.read(conn, self.model_id, self._worker, passages))
        return bool(passages)

    async def look_from_the_beginning(self) -> bool:
        """Free what the dead had, and claim from the beginning; whether anything is left, claimed or not."""
        async with answering(self._pool) as conn:
            dismissed = await backlog.dismiss_the_dead(conn, lambda holder: life_of(holder, self._me) is Life.DEAD)
            if dismissed:
                logs.debug("claims of workers that are gone are free again", workers=dismissed)
            await backlog.forget_needless_refusals(conn, self.model_id)
            is_left = await self._is_any_left(conn)
        if is_left:
            self._position = 0
        return is_left

    async def count_left(self) -> int:
        """How many passages are to be embedded yet, by whomever."""
        async with answering(self._pool) as conn:
            return (await backlog.standing(conn, self.model_id, self._source)).left

    async def forget_position(self) -> None:
        """Say how far the backlog is claimed, so that others begin there."""
        if self._source is None and self._position:
            async with answering(self._pool) as conn:
                await backlog.note_claims_from(conn, self.model_id, self._position)

    async def give_back(self, claimed: Iterable[Claimed]) -> None:
        """Let others have some of what was claimed."""
        passages = [one.passage for one in claimed]
        async with answering(self._pool) as conn:
            await backlog.give_back(conn, self.model_id, self._worker, passages)

    async def _is_any_left(self, conn: Connection) -> bool:
        if self._source is None:
            return await backlog.any_left(conn, self.model_id)
        return (await backlog.standing(conn, self.model_id, self._source)).left > 0

    async def _enlist(self) -> None:
        asked = steady_seconds()
        async with answering(self._pool) as conn:
            self._worker = await backlog.enlist(conn, self.model_id, self._me, self._term)
            self._position = await backlog.claims_from(conn, self.model_id)
        self._trusted_until = asked + self._term.total_seconds()

    async def _see_to_it_that_they_hold(self) -> None:
        """A process that was stopped for longer than its term has nothing any more: others were given it."""
        if steady_seconds() > self._trusted_until:
            await self._renewed(WorkerProgress())

    async def _keep_renewed(self, progress: Callable[[], WorkerProgress]) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._term.total_seconds() / 4))
            try:
                async with asyncio.timeout(self._term.total_seconds()):
                    await self._renewed(progress())
            except (*faults.ANY, DatabaseUnusable, TimeoutError) as error:
                logs.debug("a worker could not be renewed", because=str(error))

    async def _renewed(self, progress: WorkerProgress) -> None:
        asked = steady_seconds()
        async with answering(self._pool) as conn:
            is_ours = await backlog.renew(conn, self._worker, self._term, progress)
        if is_ours:
            self._trusted_until = asked + self._term.total_seconds()
            return
        logs.debug("claims that were not renewed in time are others' now", passages=len(self._waiting))
        self._waiting.clear()
        await self._enlist()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(_LAST_WORD_S), self._pool.connection() as conn:
                await backlog.dismiss(conn, self._worker, whatever=True)
        except (*faults.ANY, DatabaseUnusable, TimeoutError) as error:
            logs.debug("what was claimed could not be given back: it is free with the term", because=str(error))
