"""Keeping the index of words in few segments: after a run that has written, under its lease."""

from __future__ import annotations

from functools import partial

from gbrain import logs
from gbrain.domain.compaction import to_merge
from gbrain.errors import LeaseLost
from gbrain.services.writing import retried
from gbrain.store import compacting, faults
from gbrain.store.connection import Pool
from gbrain.store.rows import Writer


async def compact(pool: Pool, writer: Writer) -> None:
    """Merge what is to be merged. What keeps it from that is no failure of the run: the next one does it."""
    try:
        await retried(pool, writer, partial(compacting.drop_outdated, writer=writer))
        while await _merged_some(pool, writer):
            pass
    except (LeaseLost, *faults.MET_A_LOCK, *faults.TOOK_TOO_LONG) as error:
        logs.debug("the index of words stays as it is", source=writer.source_id, because=str(error))


async def _merged_some(pool: Pool, writer: Writer) -> bool:
    async with pool.connection() as conn:
        segments, texts = await compacting.segments_of(conn, writer.source_id)
    chosen = to_merge([one.texts for one in segments], texts)
    for run in chosen:
        await retried(pool, writer, partial(compacting.merge, writer=writer, segments=segments[run]))
    return bool(chosen)
