"""Vectors of what stands nowhere any more: kept for a while, since what comes back is not paid for twice."""

from __future__ import annotations

from datetime import timedelta

from gbrain.store import models, vectors
from gbrain.store.connection import Pool, answering

KEPT_FOR = timedelta(hours=72)
_PIECE = 1000


async def sweep(pool: Pool, *, keep: timedelta = KEPT_FOR) -> None:
    """Drop those that have stood nowhere for longer, of every model."""
    while True:
        async with answering(pool) as conn:
            ids = [model.id for model in await models.all_models(conn)]
            if await vectors.sweep(conn, ids, keep=keep, limit=_PIECE) < _PIECE:
                return
