"""A fill, wired: of one model's backlog, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gbrain import logs
from gbrain.app.brain import Brain
from gbrain.app.embedders import opened
from gbrain.domain.embedding import Filled
from gbrain.domain.events import Filling
from gbrain.domain.models import Model
from gbrain.errors import DatabaseUnusable
from gbrain.machine.process import this_process
from gbrain.services.beside import beside
from gbrain.services.claims import Claims
from gbrain.services.filling import Filler
from gbrain.services.progress import Board, RunProgress
from gbrain.services.sending import PATIENCE_S
from gbrain.store import faults
from gbrain.store.status import fills

MOST_IN_A_TERM = timedelta(seconds=10)
"""The longest that the claims of a worker that is not heard of are left alone."""

_LOOKS_APART_S = 1.0


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
