"""Carrying out a plan: read, derive and write in bounded batches, each derived while the one before is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from gbrain import logs
from gbrain.domain.content import Derived, PageContent, Reason, Refused
from gbrain.domain.outcome import Counts
from gbrain.domain.slugs import provisional_slug
from gbrain.git.blobs import BlobReader
from gbrain.services.deriving import Derivers
from gbrain.spool.spool import Spool, ToClear, ToWrite
from gbrain.store import faults
from gbrain.store.batch import write_batch
from gbrain.store.connection import Connection, Pool
from gbrain.store.plan import draw_page_ids
from gbrain.store.rows import Batch, LedgerRow, Move, PageRow, SlugRow, Writer

Done = TypeVar("Done")

BATCH_ITEMS = 1000
BATCH_BYTES = 2_000_000
"""A batch ends with the item that passes this; what is merged behind a proof stays well within a third of a term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """What carrying out a plan needs."""

    pool: Pool
    blobs: BlobReader
    derivers: Derivers
    in_processes: bool
    writer: Writer
    report: Callable[[Counts, int], None]
    """Called after each commit with what it brought and how many of the plan's items it held."""


async def carry_out(spool: Spool, carrier: Carrier, move: Move) -> Counts:
    """Write all batches, the bookmark with the last one; what was committed."""
    total = Counts()
    async with asyncio.TaskGroup() as group:
        pending: asyncio.Queue[asyncio.Task[Batch] | None] = asyncio.Queue(maxsize=1)
        producer = group.create_task(_produce(spool, carrier, group, pending))
        deriving = await pending.get()
        while deriving is not None:
            batch = await deriving
            deriving = await pending.get()
            counts = await _write(carrier.pool, carrier.writer, batch, move if deriving is None else None)
            carrier.report(counts, batch.items)
            total += counts
        await producer
    return total


async def write_move(pool: Pool, writer: Writer, move: Move) -> None:
    """Move the bookmark where nothing else is to be written."""
    await _write(pool, writer, Batch(items=0), move)


async def retried(pool: Pool, writer: Writer, attempt: Callable[[Connection], Awaitable[Done]]) -> Done:
    """Make a fenced write, again and again while somebody else's lock is in the way: our lease bounds how long."""
    pause = 0.05
    while True:
        try:
            async with pool.connection() as conn:
                return await attempt(conn)
        except faults.MET_A_LOCK as error:
            logs.warning("a batch is written again", source=writer.source_id, because=str(error).splitlines()[0])
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


async def _write(pool: Pool, writer: Writer, batch: Batch, move: Move | None) -> Counts:
    return await retried(pool, writer, lambda conn: write_batch(conn, writer, batch, move))


async def _produce(
    spool: Spool,
    carrier: Carrier,
    group: asyncio.TaskGroup,
    pending: asyncio.Queue[asyncio.Task[Batch] | None],
) -> None:
    """Read each batch's blobs and have it derived; at most one waits, one is derived and one is written."""
    any_batch = False
    for cleared in spool.clearing(BATCH_ITEMS):
        await pending.put(group.create_task(_ready(_clear(cleared))))
        any_batch = True
    for items in _batches(spool.writing(BATCH_ITEMS)):
        blobs = await _read(carrier.blobs, items)
        await pending.put(group.create_task(_derive(carrier, items, blobs)))
        any_batch = True
    if not any_batch:
        await pending.put(group.create_task(_ready(Batch(items=0))))
    await pending.put(None)


async def _ready(batch: Batch) -> Batch:
    return batch


def _batches(rows: Iterable[list[ToWrite]]) -> Iterator[list[ToWrite]]:
    """Cut the rows into batches by bytes and by number."""
    batch: list[ToWrite] = []
    size_bytes = 0
    for row in (row for piece in rows for row in piece):
        batch.append(row)
        size_bytes += max(row.size_bytes, 0) if row.action == "write" else 0
        if size_bytes >= BATCH_BYTES or len(batch) >= BATCH_ITEMS:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _clear(cleared: list[ToClear]) -> Batch:
    slugs = [
        SlugRow(page_id=row.page_id, path=row.path, slug=provisional_slug(row.old_path or row.path), release=True)
        for row in cleared
        if row.releases
    ]
    return Batch(
        items=sum(not row.releases for row in cleared),
        removed=[(row.page_id, True) for row in cleared if row.action == "drop" and row.page_id is not None],
        slugs=slugs,
        ledger=[LedgerRow(path=row.path) for row in cleared if row.action == "forget"],
    )


async def _read(blobs: BlobReader, items: list[ToWrite]) -> list[bytes | None]:
    return await blobs.read([item.blob for item in items if item.action == "write"])


async def _derive(carrier: Carrier, items: list[ToWrite], blobs: list[bytes | None]) -> Batch:
    writes = [item for item in items if item.action == "write"]
    whole = [(item.path, blob) for item, blob in zip(writes, blobs, strict=True) if blob is not None]
    derived = iter(await carrier.derivers.derive(whole, in_processes=carrier.in_processes) if whole else [])
    outcomes = [next(derived) if blob is not None else _MISSING for blob in blobs]
    new = sum(item.page_id is None and isinstance(out, PageContent) for item, out in zip(writes, outcomes, strict=True))
    ids = iter(await draw_page_ids(carrier.pool, new) if new else [])
    return _compose(items, zip(writes, outcomes, strict=True), ids)


_MISSING = Refused(Reason.UNREADABLE, "the repository does not have this blob: it is incomplete or damaged")


def _compose(items: list[ToWrite], outcomes: Iterable[tuple[ToWrite, Derived]], ids: Iterator[int]) -> Batch:
    pages: list[PageRow] = []
    ledger: list[LedgerRow] = []
    removed: list[tuple[int, bool]] = []
    for item, outcome in outcomes:
        match outcome:
            case PageContent():
                pages.append(_page(item, outcome, ids))
                ledger += [LedgerRow(path=item.path)] if item.is_noted else []
            case Refused(reason, detail):
                ledger.append(_entry(item, reason, detail))
                removed += [(item.page_id, False)] if item.page_id is not None else []
    for item in items:
        if item.action == "record":
            reason = Reason(item.reason or Reason.UNREADABLE)
            ledger.append(_entry(item, reason, _DETAILS.get(reason, "")))
            removed += [(item.page_id, False)] if item.page_id is not None else []
    slugs = [
        SlugRow(page_id=item.page_id, path=item.path, slug=item.slug or "", release=False)
        for item in items
        if item.action == "reslug"
    ]
    return Batch(items=len(items), removed=removed, slugs=slugs, pages=pages, ledger=ledger)


_DETAILS = {
    Reason.TOO_LARGE: "larger than 5,000,000 bytes: not read",
    Reason.SYMLINK: "a symbolic link: not followed",
    Reason.SUBMODULE: "a submodule: add its repository as a source of its own",
}


def _page(item: ToWrite, content: PageContent, ids: Iterator[int]) -> PageRow:
    return PageRow(
        page_id=next(ids) if item.page_id is None else item.page_id,
        is_new=item.page_id is None,
        renamed=item.renamed,
        path=item.path,
        blob=item.blob,
        slug=item.slug or "",
        content=content,
    )


def _entry(item: ToWrite, reason: Reason, detail: str) -> LedgerRow:
    return LedgerRow(path=item.path, blob=item.blob, mode=item.mode, slug=item.slug, reason=reason, detail=detail)
