"""Carrying out a plan: read, derive and write in bounded batches, each derived while the one before is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from gbrain import logs
from gbrain.domain.content import Reason, Refused
from gbrain.domain.outcome import Counts
from gbrain.domain.paths import display
from gbrain.domain.slugs import provisional_slug
from gbrain.git.blobs import BlobReader
from gbrain.git.process import RepositoryDamaged
from gbrain.services.deriving import Derivers
from gbrain.services.parts import Pieces, bounded, joined, page_ids
from gbrain.spool.spool import Spool, ToClear, ToWrite
from gbrain.store import faults
from gbrain.store.batch import write_batch
from gbrain.store.connection import Connection, Pool
from gbrain.store.encoded import EncodedPage
from gbrain.store.plan import draw_page_ids, stored_rows
from gbrain.store.rows import Batch, LedgerRow, Move, PageRow, SlugRow, Writer

Done = TypeVar("Done")

RETRY_SECONDS = 600.0
"""How long a batch is tried again while others hold locks it needs."""

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
    give_way: Callable[[], Awaitable[None]]
    """Awaited between two batches."""
    missing: list[bytes] = field(default_factory=list)
    """Paths whose blobs the repository turned out to lack."""
    draw: Callable[[Pool, int], Awaitable[list[int]]] = draw_page_ids
    """Gives ids for pages that are new."""


async def carry_out(spool: Spool, carrier: Carrier, move: Move) -> None:
    """Write all batches, the bookmark with the last one.

    Paths whose blobs the repository lacks are left as they are, all others are brought in; then RepositoryDamaged is
    raised and the bookmark stays: the next run tries again.
    """
    async with asyncio.TaskGroup() as group:
        pending: asyncio.Queue[asyncio.Task[Pieces] | None] = asyncio.Queue(maxsize=1)
        producer = group.create_task(_produce(spool, carrier, group, pending))
        deriving = await pending.get()
        is_first = True
        while deriving is not None:
            if not is_first:
                await carrier.give_way()
            is_first = False
            pieces = await deriving
            deriving = await pending.get()
            parts = bounded(pieces, await stored_rows(carrier.pool, page_ids(pieces)))
            for number, part in enumerate(parts, start=1):
                is_last = deriving is None and number == len(parts) and not carrier.missing
                await _write(carrier, part, move if is_last else None)
        await producer
    if carrier.missing:
        raise incomplete(carrier.missing)


async def write_move(pool: Pool, writer: Writer, move: Move) -> None:
    """Move the bookmark where nothing else is to be written."""
    await retried(pool, writer, lambda conn: write_batch(conn, writer, Batch(items=0), move))


async def retried(pool: Pool, writer: Writer, attempt: Callable[[Connection], Awaitable[Done]]) -> Done:
    """Make a fenced write, again and again while somebody else's lock is in the way, for RETRY_SECONDS."""
    pause, until = 0.05, time.monotonic() + RETRY_SECONDS
    while True:
        try:
            async with pool.connection() as conn:
                return await attempt(conn)
        except faults.MET_A_LOCK as error:
            if time.monotonic() > until:
                raise
            logs.warning("a batch is written again", source=writer.source_id, because=str(error).splitlines()[0])
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


async def _write(carrier: Carrier, part: Pieces, move: Move | None) -> None:
    """Write one part; in halves where the server does not manage it within the bound behind the proof."""
    batch, writer = joined(part), carrier.writer
    try:
        counts = await retried(carrier.pool, writer, lambda conn: write_batch(conn, writer, batch, move))
    except faults.TOOK_TOO_LONG:
        if len(part) < 2:
            raise
        logs.warning("a batch is written in halves", source=writer.source_id, items=batch.items)
        half = len(part) // 2
        await _write(carrier, part[:half], None)
        await _write(carrier, part[half:], move)
    else:
        carrier.report(counts, batch.items)


async def _produce(
    spool: Spool,
    carrier: Carrier,
    group: asyncio.TaskGroup,
    pending: asyncio.Queue[asyncio.Task[Pieces] | None],
) -> None:
    """Read each batch's blobs and have it derived; at most one waits, one is derived and one is written."""
    any_batch = False
    for cleared in spool.clearing(BATCH_ITEMS):
        await pending.put(group.create_task(_ready([clear(row) for row in cleared])))
        any_batch = True
    for items in batches(spool.writing(BATCH_ITEMS)):
        blobs = await carrier.blobs.read([item.blob for item in items if item.action == "write"])
        await pending.put(group.create_task(derived(carrier, items, blobs)))
        any_batch = True
    if not any_batch:
        await pending.put(group.create_task(_ready([Batch(items=0)])))
    await pending.put(None)


async def _ready(pieces: Pieces) -> Pieces:
    return pieces


def batches(rows: Iterable[list[ToWrite]]) -> Iterator[list[ToWrite]]:
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


def clear(row: ToClear) -> Batch:
    """What is written of a path that goes, or whose page lets go of its slug."""
    if row.releases:
        slug = provisional_slug(row.old_path or row.path)
        return Batch(items=0, slugs=[SlugRow(page_id=row.page_id, path=row.path, slug=slug, release=True)])
    if row.action == "drop" and row.page_id is not None:
        return Batch(items=1, removed=[(row.page_id, True)])
    return Batch(items=1, ledger=[LedgerRow(path=row.path)])


async def derived(carrier: Carrier, items: list[ToWrite], blobs: list[bytes | None]) -> Pieces:
    """What is written of a batch's items, given what was read for those that are to be read."""
    writes = [item for item in items if item.action == "write"]
    whole = [(item, blob) for item, blob in zip(writes, blobs, strict=True) if blob is not None]
    carrier.missing.extend(item.path for item, blob in zip(writes, blobs, strict=True) if blob is None)
    new = sum(item.page_id is None for item, _ in whole)
    drawn = iter(await carrier.draw(carrier.pool, new) if new else [])
    ids = [next(drawn) if item.page_id is None else item.page_id for item, _ in whole]
    encoded: list[EncodedPage | Refused] = []
    if whole:
        pairs = [(item.path, blob) for item, blob in whole]
        encoded = await carrier.derivers.encode(pairs, ids, in_processes=carrier.in_processes)
    return [_piece(item, page_id, page) for (item, _), page_id, page in zip(whole, ids, encoded, strict=True)] + [
        _noted(item) for item in items if item.action != "write"
    ]


def _piece(item: ToWrite, page_id: int, outcome: EncodedPage | Refused) -> Batch:
    """What is written of one path that was read."""
    match outcome:
        case EncodedPage():
            cleared = [LedgerRow(path=item.path)] if item.is_noted else []
            return Batch(items=1, pages=[_page(item, page_id, outcome)], ledger=cleared)
        case Refused(reason, detail):
            return _refused(item, reason, detail)


def _noted(item: ToWrite) -> Batch:
    """What is written of one path that was not read."""
    if item.action == "reslug":
        return Batch(
            items=1, slugs=[SlugRow(page_id=item.page_id, path=item.path, slug=item.slug or "", release=False)]
        )
    reason = Reason(item.reason or "")
    return _refused(item, reason, _DETAILS[reason])


def _refused(item: ToWrite, reason: Reason, detail: str) -> Batch:
    removed = [(item.page_id, False)] if item.page_id is not None else []
    return Batch(items=1, removed=removed, ledger=[_entry(item, reason, detail)])


def incomplete(missing: list[bytes]) -> RepositoryDamaged:
    """The error of a repository that lacks the contents of these paths."""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return RepositoryDamaged(
        f"the repository lacks the contents of {display(missing[0])}{more}: it is damaged or a partial clone",
        hint="see what git says: git fsck; fetch what a partial clone lacks: git fetch --refetch --no-filter",
    )


_DETAILS = {
    Reason.TOO_LARGE: "larger than 5,000,000 bytes: not read",
    Reason.SYMLINK: "a symbolic link: not followed",
    Reason.SUBMODULE: "a repository of its own: add it as a source",
    Reason.UNREADABLE: "it may not be read: check its permissions",
    Reason.SPECIAL_FILE: "a pipe, a socket or a device: not read",
}


def _page(item: ToWrite, page_id: int, content: EncodedPage) -> PageRow:
    return PageRow(
        page_id=page_id,
        is_new=item.page_id is None,
        renamed=item.renamed,
        path=item.path,
        blob=item.blob,
        slug=item.slug or "",
        content=content,
    )


def _entry(item: ToWrite, reason: Reason, detail: str) -> LedgerRow:
    return LedgerRow(path=item.path, blob=item.blob, mode=item.mode, slug=item.slug, reason=reason, detail=detail)
