"""What writing a batch would do, found out by reading alone."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from gbrain.domain.content import Reason
from gbrain.store.connection import Connection
from gbrain.store.rows import Batch, PageRow
from gbrain.store.staging import compare, new_entries
from gbrain.store.statements import statements

SQL = statements("batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """The pages that would come out differently, and the ledger rows that would be written, by path."""

    touched: set[int]
    entries: dict[bytes, Reason]


async def rehearse(conn: Connection, source_id: str, fingerprint: bytes, batch: Batch) -> Rehearsed:
    """Hold the batch against what is stored, as writing it would."""
    touched = (await compare(conn, source_id, batch)).touched
    kept = [page for page in batch.pages if not page.is_new]
    if kept:
        cursor = await conn.execute(SQL["heads_of"], {"pages": [page.page_id for page in kept], "source": source_id})
        stored = {row[0]: tuple(row[1:]) for row in await cursor.fetchall()}
        touched |= {page.page_id for page in kept if stored.get(page.page_id) != _head(page)}
    touched |= {row.page_id for row in batch.slugs if not row.release and row.page_id is not None}
    entries = await new_entries(conn, source_id, fingerprint, batch)
    return Rehearsed(touched=touched, entries={row.path: row.reason for row in entries if row.reason is not None})


def _head(page: PageRow) -> tuple[object, ...]:
    content = page.content
    front_matter = None if content.front_matter is None else orjson.loads(content.front_matter)
    return page.path, page.blob, page.slug, content.kind, content.title, front_matter, content.body_line
