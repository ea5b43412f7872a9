"""Gathering a batch in temporary tables, before its lease is proved: nothing here holds a lock another writer wants.

Places, links, texts and ledger rows that are there already are left out: they are neither sent nor rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gbrain.store.binary_copy import Encoder, boolean, bytea, encoded, int4, int8, jsonb, text, text_array
from gbrain.store.connection import Connection
from gbrain.store.rows import Batch, LedgerRow, PageRow, Writer
from gbrain.store.statements import statements

SQL = statements("batch")

_COLUMNS: dict[str, tuple[Encoder, ...]] = {
    "copy_pages": (int8, boolean, boolean, bytea, bytea, bytea, text, text, text, jsonb, int4, int4, int4),
    "copy_texts": (bytea, text),
    "copy_chunks": (int8, int4, bytea, text_array, int4, int4),
    "copy_links": (int8, int4, text, text, int4),
    "copy_removed": (int8, boolean),
    "copy_slugs": (int8, bytea, text, boolean),
    "copy_ledger": (bytea, bytea, int4, bytea, text, text, text, text),
}

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What was found out on the way: pages whose places or links differ, how many places more there will be, and which
    rows of the ledger differ.
    """

    touched: set[int]
    more_places: int
    ledger: Sequence[LedgerRow] = ()


async def stage(conn: Connection, writer: Writer, batch: Batch) -> Staged:
    """Fill the transaction's temporary tables with what the batch changes."""
    await conn.execute(SQL["create_stage"])
    if not batch.only_adds:
        await conn.execute(SQL["create_change_stage"])
    places = await _stored(conn, "places_of", writer.source_id, batch)
    links = await _stored(conn, "links_of", writer.source_id, batch)
    new_places = [row for row in _places(batch.pages) if places.get(row[0], {}).get(row[1]) != row[2:]]
    new_links = [row for row in _links(batch.pages) if links.get(row[0], {}).get(row[1]) != row[2:]]
    ledger = await _new_entries(conn, writer, batch)
    await _copy(conn, "copy_pages", (_page(page, writer.fingerprint) for page in batch.pages))
    await _copy(conn, "copy_texts", await _missing_texts(conn, writer.source_id, batch, new_places))
    await _copy(conn, "copy_chunks", new_places)
    await _copy(conn, "copy_links", new_links)
    await _copy(conn, "copy_removed", batch.removed)
    await _copy(conn, "copy_slugs", ((row.page_id, row.path, row.slug, row.release) for row in batch.slugs))
    await _copy(conn, "copy_ledger", (_entry(row, writer.fingerprint) for row in ledger))
    return replace(_staged(batch, places, links, new_places, new_links), ledger=ledger)


def _staged(
    batch: Batch,
    places: dict[int, dict[int, Values]],
    links: dict[int, dict[int, Values]],
    new_places: list[Values],
    new_links: list[Values],
) -> Staged:
    touched = {row[0] for row in new_places} | {row[0] for row in new_links}
    more = 0
    for page in batch.pages:
        had_places, had_links = places.get(page.page_id, {}), links.get(page.page_id, {})
        more += len(page.content.chunks) - len(had_places)
        if max(had_places, default=-1) >= len(page.content.chunks) or max(had_links, default=-1) >= len(
            page.content.links
        ):
            touched.add(page.page_id)
    return Staged(touched=touched, more_places=more)


async def _stored(conn: Connection, name: str, source_id: str, batch: Batch) -> dict[int, dict[int, Values]]:
    """The rows that the batch's pages have now, by page and ordinal."""
    found: dict[int, dict[int, Values]] = defaultdict(dict)
    ids = [page.page_id for page in batch.pages if not page.is_new]
    if ids:
        cursor = await conn.execute(SQL[name], {"source": source_id, "pages": ids}, binary=True)
        for page_id, ordinal, *row in await cursor.fetchall():
            found[page_id][ordinal] = tuple(tuple(value) if isinstance(value, list) else value for value in row)
    return found


def _places(pages: Sequence[PageRow]) -> Iterator[Values]:
    for page in pages:
        for ordinal, chunk in enumerate(page.content.chunks):
            yield page.page_id, ordinal, chunk.text_hash, chunk.headings, chunk.first_line, chunk.last_line


def _links(pages: Sequence[PageRow]) -> Iterator[Values]:
    for page in pages:
        for ordinal, link in enumerate(page.content.links):
            yield page.page_id, ordinal, link.kind.value, link.target, link.line


async def _missing_texts(
    conn: Connection, source_id: str, batch: Batch, places: list[Values]
) -> list[tuple[bytes, str]]:
    """The texts of these places that the source may not have yet, in order of hash."""
    wanted = {row[2] for row in places}
    if wanted and not batch.only_adds:
        values = {"source": source_id, "hashes": list(wanted)}
        wanted -= {hash_ for (hash_,) in await (await conn.execute(SQL["known_texts"], values)).fetchall()}
    texts = {chunk.text_hash: chunk.text for page in batch.pages for chunk in page.content.chunks}
    return sorted((hash_, texts[hash_]) for hash_ in wanted)


async def _new_entries(conn: Connection, writer: Writer, batch: Batch) -> list[LedgerRow]:
    """The rows the ledger does not have as they are. What it has keeps its time and its acknowledgement."""
    paths = [row.path for row in batch.ledger if row.reason is not None]
    known: set[Values] = set()
    if paths:
        values = {"source": writer.source_id, "paths": paths}
        known = set(await (await conn.execute(SQL["ledger_of"], values, binary=True)).fetchall())
    return [row for row in batch.ledger if _entry(row, writer.fingerprint) not in known]


async def _copy(conn: Connection, name: str, rows: Iterable[Sequence[Any]]) -> None:
    rows = list(rows)
    if not rows:
        return
    async with conn.cursor() as cursor, cursor.copy(SQL[name]) as copy:
        for piece in encoded(rows, _COLUMNS[name]):
            await copy.write(piece)


def _page(page: PageRow, fingerprint: bytes) -> Values:
    content = page.content
    return (
        *(page.page_id, page.is_new, page.renamed, page.path, page.blob, fingerprint, page.slug),
        *(
            content.kind.value,
            content.title,
            content.front_matter,
            content.body_line,
            len(content.chunks),
            len(content.links),
        ),
    )


def _entry(row: LedgerRow, fingerprint: bytes) -> Values:
    reason = row.reason
    state = None if reason is None else "skipped" if reason.skips else "open"
    values = (row.path, row.blob, row.mode, fingerprint, row.slug)
    return (*values, reason.value if reason else None, row.detail, state)
