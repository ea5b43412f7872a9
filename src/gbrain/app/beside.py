"""Embedding beside a sync: what comes in gets its vectors while the rest is fetched and written.

Nothing here makes a sync fail or wait without end: what is left is a stated remainder.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gbrain import logs
from gbrain.app.brain import Brain
from gbrain.app.finishing import finish
from gbrain.app.in_use import model_in_use
from gbrain.domain.embedding import Cause, Shortfall, refused
from gbrain.domain.models import LOCAL, NONE, Model
from gbrain.domain.outcome import Result
from gbrain.errors import CouldNotRun, EmbedderUnusable, GbrainError, UsageError
from gbrain.services import models
from gbrain.services.cancelling import ended
from gbrain.services.progress import Board
from gbrain.store import backlog, faults
from gbrain.store.status import pending_places

if TYPE_CHECKING:
    from gbrain.services.filling import Filler

_SENDING = 0.8
"""In this part of its budget a sync sends to a provider; in the rest it waits for what is under way, and paid for.
Where that has not come by then, it is given as long again: it would be paid for anew by each sync.
"""
_LOOKS_APART_S = 0.5
_PATIENCE_S = 5.0
"""A provider that does not answer holds up no sync for longer than this."""
_AGAIN_AFTER_S = 60.0
"""In a watch, how long after a fill ended it is tried again, where nothing came in meanwhile."""


_UNDER_WAY = Shortfall(
    cause=Cause.UNDER_WAY,
    message="they are being embedded",
    hint="gbrain sources status shows how far that is, and gbrain embed waits for it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What a sync did for the model in use, in places: what got its vector, and what waits, by source.

    `model` is None where there is none in use; `shortfall` says why something waits.
    """

    model: Model | None
    places: Counter[str]
    pending: dict[str, int]
    shortfall: Shortfall | None


class Beside:
    """The fills beside one sync or watch."""

    def __init__(self, brain: Brain, board: Board, *, wanted: bool, is_watch: bool) -> None:
        self._brain, self._board = brain, board
        self._is_off = brain.settings.embedder == NONE
        self._wanted, self._is_watch = wanted and not self._is_off, is_watch
        self._more_comes = not is_watch
        self._woken, self._idle = asyncio.Event(), asyncio.Event()
        self._model: Model | None = None
        self._filler: Filler | None = None
        self._places: Counter[str] = Counter()
        self._shortfall: Shortfall | None = None
        self._working: asyncio.Task[None] | None = None
        self._stopped: Shortfall | None = None
        self._is_filling, self._is_local = True, False

    async def prepare(self) -> None:
        """Before anything is written: the model that it is to be counted for, as far as nobody has to be asked."""
        if not self._is_off:
            await self._find_model()
        if not self._wanted:
            self._shortfall = Shortfall(
                cause=Cause.LATER, message="embedding was left for later", hint="gbrain embed fills it in"
            )
            return
        self._working = asyncio.create_task(self._keep_filling() if self._is_watch else self._guarded())

    async def _find_model(self) -> None:
        """What cannot be known in a moment is found out beside the sync."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                self._model = (await model_in_use(self._brain, probing=False)).active
        except (TimeoutError, CouldNotRun, *faults.MET_A_LOCK) as error:
            logs.debug("the model in use is not known yet", because=str(error))

    async def finish(self) -> Embedding:
        """All pages are in: what the fills come to, with an endpoint in the time that is given them."""
        self._more_comes = False
        self.wake()
        if self._working is not None and not self._is_watch:
            await self._in_time(self._working)
        return await self.standing()

    async def standing(self) -> Embedding:
        """What was done since this was last asked, and what waits."""
        self._note()
        places, self._places = self._places, Counter()
        pending: dict[str, int] = {}
        if (model := self._model) is not None:
            pending = await self._brain.ask(lambda conn: pending_places(conn, model.id))
        return Embedding(model=model, places=places, pending=pending, shortfall=await self._why(pending))

    def came(self, result: Result) -> None:
        """A source's pages are in."""
        self.wake()

    def wake(self) -> None:
        """Something has come in, or nothing more will."""
        self._woken.set()
        if self._filler is not None:
            self._filler.wake()

    async def catch_up(self) -> None:
        """In a watch: until what has come in is embedded, and no longer than the budget."""
        if self._working is None:
            return
        self._idle.clear()
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._brain.settings.embed_budget.total_seconds()):
                await self._idle.wait()

    async def close(self) -> None:
        """End what is under way; what was claimed is given back."""
        if self._working is not None:
            await ended(self._working)

    async def _why(self, pending: dict[str, int]) -> Shortfall | None:
        """Why something waits; None where nothing does, or embedding is switched off."""
        if self._is_off or (self._model is not None and not any(pending.values())):
            return None
        if self._shortfall is not None or self._model is None:
            return self._shortfall
        model = self._model
        left = await self._brain.ask(lambda conn: backlog.standing(conn, model.id))
        return (None if left.left else refused(left.refused)) or _UNDER_WAY

    async def _in_time(self, working: asyncio.Task[None]) -> None:
        """Wait for the fills, with an endpoint for the budget; what follows on a fill has the time that it takes."""
        budget = self._brain.settings.embed_budget.total_seconds()
        done, _ = await asyncio.wait([working], timeout=budget * _SENDING)
        while not done and self._is_local:
            done, _ = await asyncio.wait([working], timeout=_LOOKS_APART_S)
        if not done:
            self._stop(_time_over(budget))
            done, _ = await asyncio.wait([working], timeout=budget * (1 - _SENDING) + budget)
        if done or not self._is_filling:
            await working
            return
        await self.close()
        self._note()
        self._shortfall = _time_over(budget)

    def _stop(self, why: Shortfall) -> None:
        """Send nothing more for any model."""
        self._stopped = why
        if self._filler is not None:
            self._filler.stop(why)

    async def _keep_filling(self) -> None:
        while True:
            self._woken.clear()
            await self._guarded()
            if not self._woken.is_set():
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_AFTER_S):
                    await self._woken.wait()

    async def _guarded(self) -> None:
        """Fill; what keeps it from that is said, and is no failure of the sync."""
        self._shortfall = None
        try:
            await self._fill_each()
        except (CouldNotRun, UsageError) as error:
            self._shortfall = _no_embedder(error)
        except faults.ANY as error:
            message = f"the database failed meanwhile: {faults.message(error)}"
            self._shortfall = Shortfall(cause=Cause.DATABASE, message=message, hint="run gbrain embed")
            logs.warning("embedding was broken off", because=str(error))
        finally:
            self._note()

    async def _fill_each(self) -> None:
        self._is_filling = True
        found = await model_in_use(self._brain, probing=True)
        self._model = found.active
        for model in found.each:
            if self._stopped is not None:
                self._shortfall = self._shortfall or self._stopped
                break
            self._is_local = model.embedder == LOCAL
            if await self._any_lacks(model) and not await self._fill(model):
                continue
            self._is_filling = False
            if model.id in [one.id for one in (await self._brain.ask(models.in_use)).each]:
                await finish(self._brain, model, self._board)

    async def _any_lacks(self, model: Model) -> bool:
        """Whether something lacks the model's vector, waited for as long as more may come: most syncs bring nothing."""
        await self._brain.ask(lambda conn: backlog.forget_needless_refusals(conn, model.id))
        while True:
            if more_comes := self._more_comes:
                self._woken.clear()
            if await self._brain.ask(lambda conn: backlog.any_left(conn, model.id)):
                return True
            if not more_comes or self._stopped is not None:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOKS_APART_S):
                    await self._woken.wait()

    async def _fill(self, model: Model) -> bool:
        """Fill it; whether nothing kept that from its end."""
        from gbrain.app.filling import Terms, fill

        terms = Terms(goes_on=lambda: self._more_comes, waits_for_others=False, stores=1, patience_s=_PATIENCE_S)
        self._is_filling = True
        try:
            filled = await fill(self._brain, model, self._board, terms, made=self._made)
            self._shortfall = self._shortfall or filled.shortfall
            return filled.shortfall is None and not filled.refused
        except EmbedderUnusable as error:
            self._shortfall = self._shortfall or _no_embedder(error)
            return False
        finally:
            self._is_filling = False
            self._note()

    def _made(self, filler: Filler) -> None:
        self._filler = filler
        if self._stopped is not None:
            filler.stop(self._stopped)

    def _note(self) -> None:
        """Add up what the filler has done, once."""
        if self._filler is not None and self._model is not None and self._filler.model_id == self._model.id:
            self._places.update(self._filler.filled.places)
            self._filler.filled.places.clear()


def _no_embedder(error: GbrainError) -> Shortfall:
    hint = error.hint or "see gbrain models list"
    return Shortfall(cause=Cause.NO_EMBEDDER, message=error.message, hint=hint)


def _time_over(budget: float) -> Shortfall:
    return Shortfall(
        cause=Cause.TIME_OVER,
        message=f"the {budget:g} s that a sync embeds for (embed_budget) were over",
        hint="the next sync goes on, or gbrain embed does it now",
    )


@asynccontextmanager
async def embedding_beside(
    brain: Brain, board: Board, *, wanted: bool, is_watch: bool = False
) -> AsyncIterator[Beside]:
    """Embeds for as long as the block runs."""
    beside = Beside(brain, board, wanted=wanted, is_watch=is_watch)
    await beside.prepare()
    try:
        yield beside
    finally:
        await beside.close()
