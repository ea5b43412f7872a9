"""One write batch: staged first, proved second, merged by set-based statements, and counted by what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from gbrain.domain.content import PageContent, Reason
from gbrain.domain.lease import Lease
from gbrain.domain.outcome import Counts
from gbrain.domain.source import Bookmark
from gbrain.domain.steps import Step
from gbrain.errors import LeaseLost
from gbrain.store import leases
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("batch")
RUNS = statements("runs")

_TYPES = {
    "copy_pages": [
        "int8",
        "bool",
        "bool",
        "bytea",
        "bytea",
        "bytea",
        "text",
        "text",
        "text",
        "jsonb",
        "int4",
        "int4",
        "int4",
    ],
    "copy_texts": ["bytea", "text"],
    "copy_chunks": ["int8", "int4", "bytea", "text[]", "int4", "int4"],
    "copy_links": ["int8", "int4", "text", "text", "int4"],
    "copy_removed": ["int8", "bool"],
    "copy_slugs": ["int8", "bytea", "text", "bool"],
    "copy_ledger": ["bytea", "bytea", "int4", "bytea", "text", "text", "text", "text"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A page to be stored: a new one under an id drawn for it, or over the one that has the id."""

    page_id: int
    is_new: bool
    renamed: bool
    path: bytes
    blob: bytes
    slug: str
    content: PageContent


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """Why a path has no page. Without a reason: what the ledger had of the path goes."""

    path: bytes
    blob: bytes = b""
    mode: int = 0
    slug: str | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlugRow:
    """A page, or a path of the ledger where there is none, whose slug alone changes; `release` sets it aside."""

    page_id: int | None
    path: bytes
    slug: str
    release: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction writes of one source. `removed` holds (page id, whether its path went from the tree)."""

    items: int
    removed: Sequence[tuple[int, bool]] = ()
    slugs: Sequence[SlugRow] = ()
    pages: Sequence[PageRow] = ()
    ledger: Sequence[LedgerRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The bookmark's move from what the run began with to what it leaves."""

    before: Bookmark | None
    after: Bookmark
    committed_at: datetime
    settings_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What all batches of a run have in common. `limit` bounds each wait behind the proof."""

    source_id: str
    run_id: int
    lease: Lease
    fingerprint: bytes
    limit: timedelta
    probe: Callable[[Step], None]


async def write_batch(conn: Connection, writer: Writer, batch: Batch, move: Move | None) -> Counts:
    """Write the batch and, with the last one, the bookmark, in one transaction; what was committed.

    Raises LeaseLost, with nothing written, where the lease or the bookmark is no longer what the run began with.
    """
    async with conn.transaction():
        await _stage(conn, writer, batch)
        writer.probe(Step.STAGED)
        await _bound(conn, writer.limit)
        await leases.prove(conn, writer.lease)
        writer.probe(Step.PROVED)
        counts = await _merge(conn, writer, batch)
        if move is not None:
            await _move_bookmark(conn, writer.source_id, move)
        writer.probe(Step.MERGED)
    writer.probe(Step.COMMITTED)
    return counts


async def _stage(conn: Connection, writer: Writer, batch: Batch) -> None:
    if batch.pages:
        await conn.execute(SQL["create_stage"])
        await _copy(conn, "copy_pages", (_page_values(page, writer.fingerprint) for page in batch.pages))
        texts = {chunk.text_hash: chunk.text for page in batch.pages for chunk in page.content.chunks}
        await _copy(conn, "copy_texts", sorted(texts.items()))
        await _copy(conn, "copy_chunks", _chunk_values(batch.pages))
        await _copy(conn, "copy_links", _link_values(batch.pages))
    if _changes(batch):
        if not batch.pages:
            await conn.execute(SQL["create_stage"])
        await conn.execute(SQL["create_change_stage"])
        await _copy(conn, "copy_removed", batch.removed)
        await _copy(conn, "copy_slugs", ((s.page_id, s.path, s.slug, s.release) for s in batch.slugs))
        await _copy(conn, "copy_ledger", (_ledger_values(row, writer.fingerprint) for row in batch.ledger))


def _changes(batch: Batch) -> bool:
    """Whether the batch does more than add pages that were not there."""
    return bool(batch.removed or batch.slugs or batch.ledger) or not all(page.is_new for page in batch.pages)


async def _copy(conn: Connection, name: str, rows: Iterable[Sequence[Any]]) -> None:
    rows = list(rows)
    if not rows:
        return
    async with conn.cursor() as cursor, cursor.copy(SQL[name]) as copy:
        copy.set_types(_TYPES[name])
        for row in rows:
            await copy.write_row(row)


async def _bound(conn: Connection, limit: timedelta) -> None:
    await conn.execute(SQL["bound"], {"limit": f"{int(limit.total_seconds() * 1000)}ms"})


@dataclass(slots=True)
class _Tally:
    pages: int = 0
    chunks: int = 0
    open: int = 0
    acknowledged: int = 0
    deleted: int = 0
    modified: int = 0
    texts_dropped: int = 0
    rows: dict[str, int] = field(default_factory=dict)


async def _merge(conn: Connection, writer: Writer, batch: Batch) -> Counts:
    tally = _Tally()
    source = {"source": writer.source_id}
    changes = _changes(batch)
    if changes:
        await _clear(conn, source, batch, tally)
    if batch.pages:
        await _put_pages(conn, source, batch, tally, changes=changes)
    if changes:
        await _tidy(conn, source, batch, tally)
    counts = _counts(batch, tally)
    await _record(conn, writer, batch, tally, counts)
    return counts


async def _clear(conn: Connection, source: dict[str, str], batch: Batch, tally: _Tally) -> None:
    """Take out what goes, and free the slugs others will take."""
    tally.chunks -= await _rows(conn, "note_loose", source)
    if batch.removed:
        await conn.execute(SQL["drop_chunks"], source)
        await conn.execute(SQL["drop_links"], source)
        cursor = await conn.execute(SQL["drop_pages"], source)
        dropped, tally.deleted = (await cursor.fetchone()) or (0, 0)
        tally.pages -= dropped
    if batch.slugs:
        await conn.execute(SQL["release_slugs"], source)
        await conn.execute(SQL["reslug_pages"], source)
        await conn.execute(SQL["reslug_ledger"], source)


async def _put_pages(conn: Connection, source: dict[str, str], batch: Batch, tally: _Tally, *, changes: bool) -> None:
    if changes:
        await conn.execute(SQL["update_pages"], source)
        await conn.execute(SQL["refresh_fingerprints"], source)
    tally.pages += await _rows(conn, "insert_pages", source)
    tally.rows["texts"] = await _rows(conn, "insert_texts", source)
    if changes:
        await conn.execute(SQL["trim_chunks"], source)
        await conn.execute(SQL["trim_links"], source)
    await conn.execute(SQL["upsert_chunks" if changes else "insert_chunks"], source)
    await conn.execute(SQL["upsert_links" if changes else "insert_links"], source)
    tally.chunks += sum(len(page.content.chunks) for page in batch.pages)


async def _tidy(conn: Connection, source: dict[str, str], batch: Batch, tally: _Tally) -> None:
    """Let go of texts nobody needs, bring the ledger up to date, and find out what was really modified."""
    tally.texts_dropped = await _rows(conn, "drop_loose_texts", source)
    if batch.ledger:
        was_open, was_acknowledged = (await (await conn.execute(SQL["clear_ledger"], source)).fetchone()) or (0, 0)
        await conn.execute(SQL["insert_ledger"], source)
        tally.open += sum(1 for row in batch.ledger if row.reason and not row.reason.skips) - was_open
        tally.acknowledged -= was_acknowledged
    (tally.modified,) = (await (await conn.execute(SQL["count_modified"])).fetchone()) or (0,)


def _counts(batch: Batch, tally: _Tally) -> Counts:
    return Counts(
        added=sum(page.is_new for page in batch.pages),
        modified=tally.modified,
        renamed=sum(page.renamed for page in batch.pages),
        deleted=tally.deleted,
        failed=sum(1 for row in batch.ledger if row.reason and not row.reason.skips),
        skipped=sum(1 for row in batch.ledger if row.reason and row.reason.skips),
        chunks_created=tally.rows.get("texts", 0),
        chunks_deleted=tally.texts_dropped,
    )


async def _record(conn: Connection, writer: Writer, batch: Batch, tally: _Tally, counts: Counts) -> None:
    values = {"source": writer.source_id, "pages": tally.pages, "chunks": tally.chunks}
    await conn.execute(SQL["count_batch"], values | {"open": tally.open, "acknowledged": tally.acknowledged})
    done = {name: getattr(counts, name) for name in Counts.__dataclass_fields__}
    await conn.execute(RUNS["advance"], done | {"run": writer.run_id, "done": batch.items})


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


def _page_values(page: PageRow, fingerprint: bytes) -> tuple[Any, ...]:
    content = page.content
    matter = None if content.front_matter is None else Jsonb(content.front_matter, dumps=orjson.dumps)
    return (
        *(page.page_id, page.is_new, page.renamed, page.path, page.blob, fingerprint, page.slug),
        *(content.kind.value, content.title, matter, content.body_line, len(content.chunks), len(content.links)),
    )


def _chunk_values(pages: Sequence[PageRow]) -> Iterable[tuple[Any, ...]]:
    for page in pages:
        for ordinal, chunk in enumerate(page.content.chunks):
            yield (
                *(page.page_id, ordinal, chunk.text_hash, list(chunk.headings)),
                *(chunk.first_line, chunk.last_line),
            )


def _link_values(pages: Sequence[PageRow]) -> Iterable[tuple[Any, ...]]:
    for page in pages:
        for ordinal, link in enumerate(page.content.links):
            yield page.page_id, ordinal, link.kind.value, link.target, link.line


def _ledger_values(row: LedgerRow, fingerprint: bytes) -> tuple[Any, ...]:
    reason = row.reason
    state = None if reason is None else "skipped" if reason.skips else "open"
    values = (row.path, row.blob, row.mode, fingerprint, row.slug)
    return (*values, reason.value if reason else None, row.detail, state)
