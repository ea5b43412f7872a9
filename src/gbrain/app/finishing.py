"""What follows on a fill that left nothing: the index, what stands nowhere swept out, and that the model serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gbrain.app.brain import Brain
from gbrain.domain.models import Model, ModelState
from gbrain.domain.steps import Phase
from gbrain.services.beside import beside
from gbrain.services.indexing import activate, ensure_index
from gbrain.services.progress import Board
from gbrain.services.sweeping import sweep

_LONG_S = 1.0
"""What takes longer is told of."""


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
