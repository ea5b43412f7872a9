"""The valve: a plan that drops most of a source is not carried out before somebody says that it is meant."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.plan import is_mass_delete
from gbrain.git.blobs import BlobReader
from gbrain.services.aside import aside
from gbrain.services.writing import BATCH_ITEMS, batches
from gbrain.spool.spool import Spool
from gbrain.store.connection import Pool
from gbrain.store.plan import kept


@dataclass(frozen=True, slots=True, kw_only=True)
class MassDelete:
    """The plan drops so much that it was not carried out."""

    drops: int
    pages: int


async def too_much(spool: Spool, pool: Pool, source_id: str, blobs: BlobReader) -> MassDelete | None:
    """The refusal of a plan that drops most of the source.

    Where so many pages are to be read again that it could, they are looked at first: a page that is no text any more,
    or whose front matter broke, goes as well.
    """
    drops, doubtful = spool.drops(), spool.rewrites()
    if not is_mass_delete(drops + doubtful, pages=drops + doubtful):
        return None
    pages = (await kept(pool, source_id)).pages
    if doubtful and is_mass_delete(drops + doubtful, pages):
        drops += await _refused(spool, blobs)
    return MassDelete(drops=drops, pages=pages) if is_mass_delete(drops, pages) else None


async def _refused(spool: Spool, blobs: BlobReader) -> int:
    """How many pages could not be pages as they are now."""
    from gbrain.chunking.sight import refused_at_sight  # parsers that few runs need in this process

    refused = 0
    for items in batches(spool.writing(BATCH_ITEMS)):
        again = [item for item in items if item.action == "write" and item.page_id is not None]
        read = await blobs.read([item.blob for item in again])
        pairs = [(item.path, blob) for item, blob in zip(again, read, strict=True) if blob is not None]
        refused += await aside(lambda: sum(refused_at_sight(*pair) is not None for pair in pairs))  # noqa: B023 - awaited
    return refused
