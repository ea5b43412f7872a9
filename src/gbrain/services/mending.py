"""What a full run does before its plan: away with what no batch would touch, and the counts put right.

Pages, places, links and ledger rows that differ come right by the plan, which derives all of them again. Left here are
texts that are not what their hash says, parts of the index of words that are not as they were written, rows that stand
on nothing, counts, and what lacks a vector without being in the backlog. Rows of a source that is not registered stay:
no lease covers them, so nobody may say that they are not being written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gbrain.domain.outcome import Counts
from gbrain.services.writing import retried
from gbrain.store import mending
from gbrain.store.connection import Pool
from gbrain.store.rows import Writer


async def mend(pool: Pool, writer: Writer, report: Callable[[Counts], None]) -> None:
    """Mend in bounded pieces, each a transaction of its own; `report` is told what each that counts has committed.

    Where the run ends after any of them, what it took away is made anew by the next run, full or not.
    """
    while places := await mending.stray_places(pool, writer.source_id):
        await retried(pool, writer, partial(mending.drop_places, writer=writer, keys=places))
    while links := await mending.stray_links(pool):
        await retried(pool, writer, partial(mending.drop_links, writer=writer, keys=links))
    async for texts in mending.wrong_texts(pool, writer.source_id):
        report(await retried(pool, writer, partial(mending.drop_texts, writer=writer, texts=texts)))
    await _mend_words(pool, writer)
    if (counts := await mending.wrong_counts(pool, writer.source_id)) is not None:
        await retried(pool, writer, partial(mending.recount, writer=writer, counts=counts))
    for model_id in await mending.wrong_models(pool, writer.source_id):
        await retried(pool, writer, partial(mending.recount_pending, writer=writer, model_id=model_id))


async def _mend_words(pool: Pool, writer: Writer) -> None:
    """Have the pages indexed anew whose words the index does not have as they were written."""
    damage = await mending.wrong_words(pool, writer.source_id)
    async for editions in mending.lost_words(pool, writer.source_id, damage.sound):
        await retried(pool, writer, partial(mending.doubt_words, writer=writer, editions=editions))
    for segment in damage.segments:
        await retried(pool, writer, partial(mending.drop_words, writer=writer, segment=segment))
