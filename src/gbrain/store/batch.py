"""One write batch: staged first, proved second, merged by set-based statements, and counted by what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gbrain.domain.outcome import Counts
from gbrain.domain.steps import Step
from gbrain.errors import LeaseLost
from gbrain.store import leases, pending
from gbrain.store.connection import Connection
from gbrain.store.rows import Batch, LedgerRow, Move, Writer
from gbrain.store.staging import Staged, stage
from gbrain.store.statements import statements

SQL = statements("batch")
RUNS = statements("runs")


async def write_batch(conn: Connection, writer: Writer, batch: Batch, move: Move | None) -> Counts:
    """Write the batch and, with the last one, the bookmark, in one transaction; what was committed.

    Raises LeaseLost, with nothing written, where the lease or the bookmark is no longer what the run began with.
    """
    async with conn.transaction():
        staged = Staged(touched=set(), more_places=0) if batch.is_empty else await stage(conn, writer, batch)
        writer.probe(Step.STAGED)
        await bound(conn, writer.limit)
        if batch.only_adds:
            await conn.execute(SQL["prefer_indexes"])
        await leases.prove(conn, writer.lease)
        writer.probe(Step.PROVED)
        counts = await _merge(conn, writer, batch, staged)
        if move is not None:
            await _move_bookmark(conn, writer.source_id, move)
        writer.probe(Step.MERGED)
    writer.probe(Step.COMMITTED)
    return counts


async def acknowledge(conn: Connection, writer: Writer) -> int:
    """Let every open failure of the source be known, under the lease; how many were open."""
    async with conn.transaction():
        await bound(conn, writer.limit)
        await leases.prove(conn, writer.lease)
        row = await (await conn.execute(SQL["acknowledge"], {"source": writer.source_id})).fetchone()
    return row[0] if row is not None else 0


async def bound(conn: Connection, limit: timedelta) -> None:
    """Let nothing of the transaction hold up a successor for longer than `limit` from here on."""
    ms = int(limit.total_seconds() * 1000)
    await conn.execute(SQL["bound"], {"limit": f"{ms}ms", "lock_limit": f"{ms // 2}ms"})


@dataclass(slots=True)
class _Tally:
    """What the statements say they did."""

    pages: int = 0
    chunks: int = 0
    open: int = 0
    acknowledged: int = 0
    deleted: int = 0
    texts_created: int = 0
    texts_deleted: int = 0
    touched: set[int] = field(default_factory=set)


async def _merge(conn: Connection, writer: Writer, batch: Batch, staged: Staged) -> Counts:
    tally = _Tally(chunks=staged.more_places, touched=set(staged.touched))
    source = {"source": writer.source_id}
    if not batch.only_adds:
        await _clear(conn, source, batch, tally)
    if batch.pages:
        await _put_pages(conn, source, batch, tally)
    if not batch.only_adds:
        await _tidy(conn, source, staged.ledger, tally)
    if batch.pages or batch.removed:
        await _note_pending(conn, writer, batch)
    counts = _counts(batch, staged.ledger, tally)
    await _record(conn, writer, batch, tally, counts)
    return counts


async def _clear(conn: Connection, source: dict[str, str], batch: Batch, tally: _Tally) -> None:
    """Take out what goes, and free the slugs others will take."""
    await conn.execute(SQL["note_loose"], source)
    if batch.removed:
        tally.chunks -= await _rows(conn, "drop_chunks", source)
        await conn.execute(SQL["drop_links"], source)
        dropped, tally.deleted = await _pair(conn, "drop_pages", source)
        tally.pages -= dropped
    if batch.slugs:
        await conn.execute(SQL["release_slugs"], source)
        tally.touched |= await _ids(conn, "reslug_pages", source)
        await conn.execute(SQL["reslug_ledger"], source)


async def _put_pages(conn: Connection, source: dict[str, str], batch: Batch, tally: _Tally) -> None:
    if not batch.only_adds:
        tally.touched |= await _ids(conn, "update_pages", source)
        await conn.execute(SQL["set_editions"], source)
        await conn.execute(SQL["refresh_fingerprints"], source)
        await conn.execute(SQL["trim_chunks"], source)
        await conn.execute(SQL["trim_links"], source)
    tally.pages += await _rows(conn, "insert_pages", source)
    tally.texts_created = await _rows(conn, "insert_texts", source)
    await conn.execute(SQL["insert_chunks" if batch.only_adds else "upsert_chunks"], source)
    await conn.execute(SQL["insert_links" if batch.only_adds else "upsert_links"], source)


async def _tidy(conn: Connection, source: dict[str, str], ledger: Sequence[LedgerRow], tally: _Tally) -> None:
    """Let go of texts nobody needs, and bring the ledger up to date."""
    tally.texts_deleted = await _rows(conn, "drop_loose_texts", source)
    if ledger:
        was_open, was_acknowledged = await _pair(conn, "clear_ledger", source)
        await conn.execute(SQL["insert_ledger"], source)
        tally.open += sum(1 for row in ledger if row.reason and not row.reason.skips) - was_open
        tally.acknowledged -= was_acknowledged


async def _note_pending(conn: Connection, writer: Writer, batch: Batch) -> None:
    if not batch.only_adds:
        await conn.execute(SQL["prefer_indexes"])
    await pending.note(conn, writer.source_id, only_adds=batch.only_adds)


def _counts(batch: Batch, ledger: Sequence[LedgerRow], tally: _Tally) -> Counts:
    other = {page.page_id for page in batch.pages if page.is_new or page.renamed}
    return Counts(
        added=sum(page.is_new for page in batch.pages),
        modified=len(tally.touched - other),
        renamed=sum(page.renamed for page in batch.pages),
        deleted=tally.deleted,
        failed=sum(1 for row in ledger if row.reason and not row.reason.skips),
        skipped=sum(1 for row in ledger if row.reason and row.reason.skips),
        chunks_created=tally.texts_created,
        chunks_deleted=tally.texts_deleted,
    )


async def _record(conn: Connection, writer: Writer, batch: Batch, tally: _Tally, counts: Counts) -> None:
    values = {"source": writer.source_id, "pages": tally.pages, "chunks": tally.chunks}
    await conn.execute(SQL["count_batch"], values | {"open": tally.open, "acknowledged": tally.acknowledged})
    await record_counts(conn, writer, counts, items=batch.items)


async def record_counts(conn: Connection, writer: Writer, counts: Counts, *, items: int) -> None:
    """Add to the run what the transaction has done, and how many of the plan's items that was."""
    done = {name: getattr(counts, name) for name in Counts.__dataclass_fields__}
    await conn.execute(RUNS["advance"], done | {"run": writer.run_id, "done": items})


async def _move_bookmark(conn: Connection, source_id: str, move: Move) -> None:
    before, after = move.before, move.after
    values = {
        "source": source_id,
        "commit": after.commit,
        "tree": after.tree,
        "fingerprint": after.fingerprint,
        "committed_at": move.committed_at,
        "settings_version": move.settings_version,
        "from_commit": before.commit if before else None,
        "from_tree": before.tree if before else None,
        "from_fingerprint": before.fingerprint if before else None,
    }
    if await (await conn.execute(SQL["move_bookmark"], values)).fetchone() is None:
        raise LeaseLost(
            f"the bookmark or the settings of {source_id} changed under this run",
            hint="nothing that was not committed before was written; run the sync again",
        )


async def _rows(conn: Connection, name: str, values: dict[str, str]) -> int:
    return (await conn.execute(SQL[name], values)).rowcount


async def _ids(conn: Connection, name: str, values: dict[str, str]) -> set[int]:
    return {row[0] for row in await (await conn.execute(SQL[name], values)).fetchall()}


async def _pair(conn: Connection, name: str, values: dict[str, str]) -> tuple[int, int]:
    row = await (await conn.execute(SQL[name], values)).fetchone()
    return (row[0], row[1]) if row is not None else (0, 0)
