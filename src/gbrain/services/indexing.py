"""The index over a model's vectors, built when a fill ends: vector by vector it would take ten times as long.

Few vectors get none: reading all of them is quick, and exact.
"""

from __future__ import annotations

import os

from gbrain import logs
from gbrain.domain.models import Model
from gbrain.store import faults, models
from gbrain.store.connection import Pool

SCANNED_BYTES = 24 << 20
"""So much is read whole in some 25 ms, while an index over it takes about ten seconds to build."""

_MOST_HELPERS = 7


async def ensure_index(pool: Pool, model: Model) -> bool:
    """See to it that the nearest vectors are found by an index, if they are many; False where others were in the way.

    Search goes on meanwhile, over the table itself; whoever would store waits.
    """
    async with pool.connection() as conn:
        weight = await models.weigh(conn, model.id)
        if weight.is_indexed or weight.vectors_bytes < SCANNED_BYTES:
            return True
        try:
            await models.build_index(conn, model, helpers=min(_MOST_HELPERS, max(0, (os.cpu_count() or 1) - 1)))
        except faults.MET_A_LOCK as error:
            logs.debug("the index is left to a later fill", model=model.name, because=str(error).splitlines()[0])
            return False
    return True


async def activate(pool: Pool, model: Model, *, despite_refused: bool = False) -> bool:
    """Let a filled model serve; False where something lacks its vector; what is refused may, if it is wanted so."""
    async with pool.connection() as conn:
        return await models.activate(conn, model.id, despite_refused=despite_refused)
