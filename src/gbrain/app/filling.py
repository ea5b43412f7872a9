"""Fills, wired: of one model to its end, and what follows on that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gbrain import logs
from gbrain.app.brain import Brain
from gbrain.app.embedders import local_spec, opened, spec_of
from gbrain.domain.embedding import Filled
from gbrain.domain.events import Filling
from gbrain.domain.models import LOCAL, NONE, Model, ModelState
from gbrain.domain.steps import Phase
from gbrain.errors import DatabaseUnusable
from gbrain.machine.process import this_process
from gbrain.services import models
from gbrain.services.beside import beside
from gbrain.services.claims import Claims
from gbrain.services.filling import Filler
from gbrain.services.indexing import activate, ensure_index
from gbrain.services.progress import Board, RunProgress
from gbrain.services.sending import PATIENCE_S
from gbrain.services.sweeping import sweep
from gbrain.store import faults
from gbrain.store.status import fills

MOST_IN_A_TERM = timedelta(seconds=10)
"""The longest that the claims of a worker that is not heard of are left alone."""

_LOOKS_APART_S = 1.0
_LONG_S = 1.0
"""What takes longer is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a fill is made. `cap` bounds the requests under way, where the endpoint's own bound is not enough."""

    source: str | None = None
    cap: int | None = None
    goes_on: Callable[[], bool] = lambda: False
    waits_for_others: bool = True
    stores: int = 4
    patience_s: float = PATIENCE_S


async def fill(
    brain: Brain, model: Model, board: Board, terms: Terms, *, made: Callable[[Filler], None] = lambda filler: None
) -> Filled:
    """Fill the model's backlog; what that amounted to. `made` is handed what does it, so that it can be woken.

    Raises EmbedderUnusable where nothing here makes its vectors.
    """
    using = opened(brain.settings, model, brain.pool, cap=terms.cap)
    term = min(brain.settings.lease_term, MOST_IN_A_TERM)
    claims = Claims(brain.pool, model.id, this_process(), term=term, source=terms.source)
    progress = board.run_of(None)
    filler = Filler(
        brain.pool,
        claims,
        using.embedder,
        using.throttle,
        using.packing,
        progress,
        goes_on=terms.goes_on,
        waits_for_others=terms.waits_for_others,
        stores=terms.stores,
        patience_s=terms.patience_s,
        name=model.name,
    )
    made(filler)
    try:
        async with beside(_keep_looking(brain, model, filler, progress)):
            return await filler.fill()
    finally:
        await using.embedder.close()


async def finish(brain: Brain, model: Model, board: Board, *, despite_refused: bool = False) -> bool:
    """What follows on a fill that left nothing: the index, and that the model takes over; whether it serves now."""
    async with taking_long(board, Phase.FINISH):
        await ensure_index(brain.pool, model)
        await sweep(brain.pool)
        if model.state is ModelState.ACTIVE:
            return True
        return await activate(brain.pool, model, despite_refused=despite_refused)


@asynccontextmanager
async def taking_long(board: Board, phase: Phase) -> AsyncIterator[None]:
    """What is done for the whole brain in the block is a phase of its progress, if it takes longer than a moment."""
    progress = board.run_of(None)

    async def tell() -> None:
        await asyncio.sleep(_LONG_S)
        progress.enter(phase)

    try:
        async with beside(tell()):
            yield
    except BaseException:
        progress.abort()
        raise
    progress.finish()


async def model_in_use(brain: Brain, *, probing: bool) -> models.InUse:
    """The models that get vectors; where there is none yet, the one that the settings name is registered.

    An endpoint is asked only where `probing`. A local embedder of a version that the brain has not seen is to be filled
    beside the one that is active; one that was replaced stays so.
    """
    found = await brain.ask(models.in_use)
    named = brain.settings.embedder
    if named == NONE:
        return models.InUse(active=None, filling=None)
    for model in found.each:
        await models.seed(brain.pool, model)
    if found.active is None and (probing or named in (None, LOCAL)):
        await models.register(brain.pool, await spec_of(brain.settings, named or LOCAL))
        return await brain.ask(models.in_use)
    if found.active is not None and found.active.embedder == LOCAL and found.filling is None:
        spec = local_spec()
        known = [model.fingerprint for model in await brain.ask(models.every)]
        if spec.fingerprint not in known:
            await models.register(brain.pool, spec)
            return await brain.ask(models.in_use)
    return found


async def _keep_looking(brain: Brain, model: Model, filler: Filler, progress: RunProgress) -> None:
    """Keep what is said of the fill as those say it who take part, until cancelled."""
    while True:
        await asyncio.sleep(_LOOKS_APART_S)
        try:
            found = await brain.ask(lambda conn: fills(conn, model.id))
        except (*faults.ANY, DatabaseUnusable) as error:
            logs.debug("who else fills could not be seen", because=str(error))
            continue
        rests = max((one.waits_until for one in found if one.waits_until is not None), default=None)
        progress.fills(
            Filling(
                model=model.name,
                refused=filler.filled.refused,
                waits=max(timedelta(), rests - datetime.now(UTC)) if rests is not None else None,
                trouble=next((one.trouble for one in found if one.trouble is not None), None),
            )
        )
